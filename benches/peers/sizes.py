"""Bytes per tick of the session as Parquet, all columns of a tick with best bid and ask: sizes.py"""

import os
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lines import FOLDER, TICK, line, short


def main():
    ticks = np.fromfile(FOLDER / "feed.bin", TICK)
    table = pa.table({name: np.ascontiguousarray(ticks[name]) for name in TICK.names})
    plain = {"compression": "zstd", "row_group_size": 500_000}
    deltas = plain | {"use_dictionary": False, "column_encoding": {name: "DELTA_BINARY_PACKED" for name in TICK.names}}
    with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
        for what, options in (("zstd", plain), ("zstd, delta-encoded", deltas)):
            path = Path(folder) / "ticks.parquet"
            pq.write_table(table, path, **options)
            size = os.stat(path).st_blocks * 512
            note = f"{len(ticks)} ticks with best bid and ask, {short(pa)}"
            line("size", f"Parquet, {what}", size / len(ticks), "bytes/tick", 0.0, note)


if __name__ == "__main__":
    main()
