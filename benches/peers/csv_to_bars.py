"""The session's trades from CSV to 1 s bars in memory: csv_to_bars.py

Less than barkeep's import does, which makes all seven timeframes and puts ticks and bars onto disk durably: no library
that was looked at does that much.
"""

from lines import FOLDER, NANOS, OPEN, median_seconds, rate, short


def main():
    import polars as pl

    price = (pl.col("price") * 100).round().cast(pl.Int64)
    start = (pl.col("ts_ns") - OPEN) // NANOS
    folded = [price.first().alias("o"), price.max().alias("h"), price.min().alias("l"), price.last().alias("c")]
    folded.append(pl.col("qty").sum().alias("v"))

    def bars():
        return pl.scan_csv(FOLDER / "ticks.csv").group_by("symbol", start.alias("second")).agg(folded).collect()

    count = pl.scan_csv(FOLDER / "ticks.csv").select(pl.len()).collect().item()
    _, seconds = median_seconds(bars, 3)
    rate("import", short(pl), count, "ticks", seconds, f"{count} ticks of CSV to 1s bars in memory, nothing written")


if __name__ == "__main__":
    main()
