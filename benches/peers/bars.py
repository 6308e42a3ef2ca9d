"""Bars of 1 s, 1, 3, 5, 15, 30 and 60 minutes from the session's trades in memory, as a batch: bars.py polars|duckdb|pandas

Each timeframe is made of the next smaller one that divides it, as barkeep's engine does. What the seven amount to is
compared between the tools.
"""

import sys

from lines import NANOS, OPEN, day, median_seconds, rate, short, summed

# A timeframe's seconds and those of the one that it is made of; 0 for the trades themselves.
FRAMES = [(1, 0), (60, 1), (180, 60), (300, 60), (900, 300), (1800, 900), (3600, 1800)]


def measured(who, count, all_frames, seconds_alone, check):
    frames, seconds = median_seconds(all_frames)
    rate("bars", who, count, "ticks", seconds, f"a batch of {count} ticks, all seven timeframes", check(frames))
    _, seconds = median_seconds(seconds_alone)
    rate("bars", f"{who}, 1s alone", count, "ticks", seconds, f"a batch of {count} ticks, 1s bars and no others")


def with_polars():
    import polars as pl

    ts, inst, price, qty = day()
    columns = {"at": ts - OPEN, "inst": inst, "o": price, "h": price, "l": price, "c": price, "v": qty}
    ticks = pl.DataFrame(columns)
    folded = [pl.col("o").first(), pl.col("h").max(), pl.col("l").min(), pl.col("c").last(), pl.col("v").sum()]

    def bars(of, seconds, ordered):
        start = (pl.col("at") // (seconds * NANOS) * (seconds * NANOS)).alias("at")
        return of.lazy().group_by("inst", start, maintain_order=ordered).agg(folded).collect()

    def all_frames():
        made = {0: ticks}
        for seconds, of in FRAMES:
            made[seconds] = bars(made[of], seconds, True)
        return made

    def check(made):
        return "; ".join(summed(made[s].height, *(made[s][c].sum() for c in "ohlcv")) for s, _ in FRAMES)

    measured(short(pl), len(ts), all_frames, lambda: bars(ticks, 1, False), check)


def with_duckdb():
    import duckdb
    import pyarrow as pa

    ts, inst, price, qty = day()
    con = duckdb.connect()
    con.execute("SET threads = 1; SET enable_progress_bar = false; SET preserve_insertion_order = false")
    con.register("trades", pa.table({"since": ts - OPEN, "inst": inst, "price": price, "v": qty}))
    con.execute("CREATE TABLE bars_0 AS SELECT since, inst, price o, price h, price l, price c, v FROM trades")

    def bars(seconds, of):
        con.execute(
            f"""CREATE OR REPLACE TABLE bars_{seconds} AS
            SELECT b.since // {seconds * NANOS} * {seconds * NANOS} since, inst, arg_min(o, b.since) o, max(h) h,
                   min(l) l, arg_max(c, b.since) c, sum(v) v
            FROM bars_{of} b GROUP BY b.since // {seconds * NANOS}, inst"""
        )

    def all_frames():
        for seconds, of in FRAMES:
            bars(seconds, of)

    def check(_):
        sums = "SELECT count(*), sum(o), sum(h), sum(l), sum(c), sum(v) FROM bars_"
        return "; ".join(summed(*con.execute(f"{sums}{seconds}").fetchone()) for seconds, _ in FRAMES)

    measured(short(duckdb), len(ts), all_frames, lambda: bars(1, 0), check)


def with_pandas():
    import pandas as pd

    ts, inst, price, qty = day()
    columns = {"at": ts - OPEN, "inst": inst, "o": price, "h": price, "l": price, "c": price, "v": qty}
    ticks = pd.DataFrame(columns)
    folded = {"o": "first", "h": "max", "l": "min", "c": "last", "v": "sum"}

    def bars(of, seconds):
        start = of["at"] // (seconds * NANOS) * (seconds * NANOS)
        return of.groupby([of["inst"], start], sort=False).agg(folded).reset_index()

    def all_frames():
        made = {0: ticks}
        for seconds, of in FRAMES:
            made[seconds] = bars(made[of], seconds)
        return made

    def check(made):
        return "; ".join(summed(len(made[s]), *(made[s][c].sum() for c in "ohlcv")) for s, _ in FRAMES)

    measured(short(pd), len(ts), all_frames, lambda: bars(ticks, 1), check)


if __name__ == "__main__":
    {"polars": with_polars, "duckdb": with_duckdb, "pandas": with_pandas}[sys.argv[1]]()
