"""What the peers' scripts share: the session's files, the clock, and the JSON line that barkeep's benches print too."""

import gc
import json
import os
import statistics
import time
from pathlib import Path

# One core, as barkeep gets one. Read by the libraries when they are imported, so after this module.
for threads in ("POLARS_MAX_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS", "RAYON_NUM_THREADS"):
    os.environ.setdefault(threads, "1")

import numpy as np  # noqa: E402

FOLDER = Path(os.environ["BARKEEP_BENCH_FILES"])
NANOS = 1_000_000_000
OPEN = 1_795_146_300 * NANOS
TICK = np.dtype(
    [(name, "<i8") for name in ("ts", "recv", "price", "volume", "bid", "ask")] + [("qty", "<i4"), ("inst", "<u4")]
)


def day():
    """The trades in the order of their times: times, instruments, prices, quantities, each an array of its own."""
    ticks = np.fromfile(FOLDER / "day.bin", TICK)
    copied = {name: np.ascontiguousarray(ticks[name]) for name in ("ts", "price", "qty", "inst")}
    return copied["ts"], copied["inst"].astype(np.uint16), copied["price"], copied["qty"].astype(np.int64)


def median_seconds(work, reps=5):
    """What `work` returned and the median of its seconds, after one run to warm up."""
    reps = int(os.environ.get("BARKEEP_BENCH_REPS", reps))
    found, seconds = work(), []
    for _ in range(reps):
        found = None
        gc.collect()
        began = time.perf_counter()
        found = work()
        seconds.append(time.perf_counter() - began)
    return found, statistics.median(seconds)


def line(bench, who, figure, unit, seconds, note, check=""):
    """Prints a measurement. `check` is what all that do the same work must agree on."""
    fields = {"bench": bench, "who": who, "rate": round(figure, 3), "unit": unit, "seconds": round(seconds, 6)}
    print(json.dumps(fields | {"note": note, "check": check}, separators=(",", ":")), flush=True)


def rate(bench, who, count, what, seconds, note, check=""):
    line(bench, who, count / seconds, f"{what}/s", seconds, note, check)


def milliseconds(bench, who, seconds, note, check=""):
    line(bench, who, seconds * 1e3, "ms", seconds, note, check)


def short(module):
    """A library with its version, without the last part."""
    return f"{module.__name__} {'.'.join(module.__version__.split('.')[:2])}"


def summed(bars, opens, highs, lows, closes, volumes):
    """What a set of bars amounts to."""
    return " ".join(str(int(number)) for number in (bars, opens, highs, lows, closes, volumes))
