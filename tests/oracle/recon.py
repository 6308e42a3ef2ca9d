"""Compares bars of two files on its own and says where it does not agree with what `barkeep recon` found.

recon.py FOLDER: ours.csv (export --kind bars_1m), theirs.csv (time,symbol,open,high,low,close,volume; times with their
offset), ticks.csv (symbol,tick_size), recon.csv (export --kind recon). A JSON object on the last line; exit code 1 when
something differs.

The default tolerance: a price passes within the larger of a tick and 3 basis points of the broker's, a volume within
the larger of 3% and 100 shares, or where the sums of the day up to and with the bar are within 0.5%.
"""

import json
import sys
from decimal import Decimal
from pathlib import Path

import pandas as pd

PRICES = ["open", "high", "low", "close"]
UNIT = Decimal(10_000)


def units(text):
    """A price in whole ten-thousandths."""
    return int(Decimal(text) * UNIT)


def read(path, time):
    """Bars by symbol and start, epoch seconds; of a key that comes twice the first row, as an import takes it."""
    bars = pd.read_csv(path, dtype=str)
    if time == "ts":
        bars["ts"] = bars["ts"].astype("int64")
    else:
        stamps = pd.to_datetime(bars[time], utc=True)
        bars["ts"] = stamps.map(lambda stamp: int(stamp.timestamp()))
    for name in PRICES:
        bars[name] = bars[name].map(units)
    bars["volume"] = bars["volume"].astype("int64")
    return bars.drop_duplicates(["symbol", "ts"], keep="first")[["symbol", "ts", *PRICES, "volume"]]


def status(row, ticks):
    """What is wrong with a key, or None."""
    if pd.isna(row["volume_ours"]):
        return "missing_internal"
    if pd.isna(row["volume_theirs"]):
        return "missing_broker"
    for name in PRICES:
        ours, theirs = int(row[f"{name}_ours"]), int(row[f"{name}_theirs"])
        apart = abs(ours - theirs)
        if apart > ticks[row["symbol"]] and apart * 10_000 > 3 * theirs:
            return "price"
    ours, theirs = int(row["volume_ours"]), int(row["volume_theirs"])
    day_ours, day_theirs = int(row["day_ours"]), int(row["day_theirs"])
    apart = abs(ours - theirs)
    if apart > 100 and apart * 100 > 3 * theirs and abs(day_ours - day_theirs) * 200 > day_theirs:
        return "volume"
    return None


def main():
    folder = Path(sys.argv[1])
    ours, theirs = read(folder / "ours.csv", "ts"), read(folder / "theirs.csv", "time")
    ours = ours[ours["symbol"].isin(set(theirs["symbol"]))]
    ours = ours[(ours["ts"] >= theirs["ts"].min()) & (ours["ts"] <= theirs["ts"].max())]
    ticks = pd.read_csv(folder / "ticks.csv", dtype=str).set_index("symbol")["tick_size"].map(units).to_dict()
    both = ours.merge(theirs, on=["symbol", "ts"], how="outer", suffixes=("_ours", "_theirs"))
    both = both.sort_values(["symbol", "ts"])
    for side in ("ours", "theirs"):
        both[f"day_{side}"] = both[f"volume_{side}"].fillna(0).groupby(both["symbol"]).cumsum()
    found = {}
    for _, row in both.iterrows():
        told = status(row, ticks)
        if told is not None:
            found[f"{row['symbol']} {row['ts']}"] = told
    recon = pd.read_csv(folder / "recon.csv", dtype=str)
    claimed = {f"{row['symbol']} {row['ts']}": row["status"] for _, row in recon.iterrows()}
    wrong = sorted(key for key in found.keys() | claimed.keys() if found.get(key) != claimed.get(key))
    for key in wrong[:20]:
        print(f"{key}: pandas says {found.get(key)}, barkeep {claimed.get(key)}")
    counts = pd.Series(list(found.values()), dtype=object).value_counts().to_dict()
    print(json.dumps({"compared": len(both), "differences": len(found), "by_status": counts, "wrong": len(wrong)}))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
