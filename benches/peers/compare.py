"""Two sides of 75,000 minute bars of which 1% differ, in memory and from two CSVs: compare.py polars|duckdb|numpy|datacompy

All must find the same numbers of equal and different bars and of bars that one side alone has.
"""

import sys

from lines import FOLDER, milliseconds, median_seconds, short

A, B = FOLDER / "bars_a.csv", FOLDER / "bars_b.csv"
VALUES = ["open", "high", "low", "close", "volume"]
KEY = ["symbol", "time"]


def counts(equal, different, only_a, only_b):
    return f"{int(equal)} equal, {int(different)} different, {int(only_a)} only ours, {int(only_b)} only theirs"


def measured(who, work, from_csv=None):
    found, seconds = median_seconds(work, 7)
    milliseconds("compare", who, seconds, "in memory", counts(*found))
    if from_csv:
        found, seconds = median_seconds(from_csv, 7)
        milliseconds("compare, from CSV", who, seconds, "both sides from CSV, in a process that is warm", counts(*found))


def with_polars():
    import polars as pl

    unlike = pl.any_horizontal(pl.col(value) != pl.col(f"{value}_b") for value in VALUES)
    only_a, only_b = pl.col("symbol_b").is_null(), pl.col("symbol").is_null()
    both = ~only_a & ~only_b
    sums = [(both & ~unlike).sum(), (both & unlike).sum(), only_a.sum(), only_b.sum()]
    found = [total.alias(str(n)) for n, total in enumerate(sums)]

    def compared(a, b):
        return a.lazy().join(b.lazy(), on=KEY, how="full", suffix="_b").select(found).collect().row(0)

    a, b = (coded(pl.read_csv(path), pl) for path in (A, B))
    measured(short(pl), lambda: compared(a, b), lambda: compared(pl.scan_csv(A), pl.scan_csv(B)))


def coded(bars, pl):
    """Symbols as numbers and prices in paise, as a program that keeps bars in memory has them."""
    paise = [(pl.col(value) * 100).round().cast(pl.Int64) for value in VALUES[:4]]
    return bars.with_columns(pl.col("symbol").str.slice(1).cast(pl.UInt16), *paise)


def with_duckdb():
    import duckdb

    con = duckdb.connect()
    con.execute("SET threads = 1; SET enable_progress_bar = false")
    for name, path in (("a", A), ("b", B)):
        paise = ", ".join(f"round({value} * 100)::BIGINT {value}" for value in VALUES[:4])
        con.execute(
            f"""CREATE TABLE {name} AS SELECT substr(symbol, 2)::USMALLINT symbol, time, {paise}, volume
            FROM read_csv('{path}')"""
        )
    unlike = " OR ".join(f"a.{value} <> b.{value}" for value in VALUES)

    def compared(a, b):
        return con.execute(
            f"""SELECT count(*) FILTER (a.symbol IS NOT NULL AND b.symbol IS NOT NULL AND NOT ({unlike})),
                       count(*) FILTER (a.symbol IS NOT NULL AND b.symbol IS NOT NULL AND ({unlike})),
                       count(*) FILTER (b.symbol IS NULL), count(*) FILTER (a.symbol IS NULL)
            FROM {a} a FULL JOIN {b} b ON a.symbol = b.symbol AND a.time = b.time"""
        ).fetchone()

    csv = [f"read_csv('{path}')" for path in (A, B)]
    measured(short(duckdb), lambda: compared("a", "b"), lambda: compared(*csv))


def with_numpy():
    import numpy as np
    import pandas as pd

    def coded_array(path):
        bars = pd.read_csv(path)
        paise = [(bars[value] * 100).round().astype(np.int64) for value in VALUES[:4]]
        columns = [bars["symbol"].str[1:].astype(np.int64), bars["time"], *paise, bars["volume"]]
        return np.ascontiguousarray(np.column_stack(columns))

    a, b = coded_array(A), coded_array(B)

    def by_key(bars):
        key = bars[:, 0] << 40 | bars[:, 1]
        if (key[1:] < key[:-1]).any():
            order = np.argsort(key)
            bars, key = bars[order], key[order]
        return bars, key

    def compared():
        (ours, our_key), (theirs, their_key) = by_key(a), by_key(b)
        at = np.searchsorted(our_key, their_key)
        at[at == len(our_key)] = 0
        shared = our_key[at] == their_key
        unlike = int((ours[at[shared], 2:] != theirs[shared, 2:]).any(axis=1).sum())
        both = int(shared.sum())
        return both - unlike, unlike, len(our_key) - both, len(their_key) - both

    measured(short(np), compared)


def with_datacompy():
    import datacompy
    import pandas as pd

    a, b = pd.read_csv(A), pd.read_csv(B)
    compare = getattr(datacompy, "PandasCompare", None) or datacompy.Compare

    def compared():
        found = compare(a, b, join_columns=KEY)
        found.report()
        equal = found.count_matching_rows()
        return equal, len(found.intersect_rows) - equal, len(found.df1_unq_rows), len(found.df2_unq_rows)

    measured(f"{short(datacompy)}, with report", compared)


if __name__ == "__main__":
    tools = {"polars": with_polars, "duckdb": with_duckdb, "numpy": with_numpy, "datacompy": with_datacompy}
    tools[sys.argv[1]]()
