"""The pairs desk recomputed outside: pairs.py FOLDER | pairs.py --self-check

FOLDER holds one session:
  *.ndjson        `barkeep tape cat --json` of it, in any number of files: session_opened, desk_changed,
                  instrument_listed, pair_mark, signal, order, fill, pair_day, contract_note and equity are read
  bars_{tf}m.csv  `barkeep export --kind bars_{tf}m` for every timeframe of its pairs
  fills.csv       `barkeep export --kind fills`

What is compared: every mark's spread, mean, deviation and z, and every signal's z, to 1e-9, as they must have been when
they were made; the z of every bucket again from the exported bars alone; that no bucket lacks a mark; profit and loss,
charges and positions of every pair from the exported fills, to the paisa; every fill's charges; the contract note;
equity.

The last line is a JSON object with counts and findings. Exit: 0 all agrees, 1 something does not, 2 cannot tell.
"""

import json
import sys
from pathlib import Path

sys.dont_write_bytecode = True

import fills
import made_up
import marks
from session import CannotTell, Findings, Session


def check(folder):
    """Everything that can be said of a folder: counts and findings."""
    found = Findings()
    session = Session(Path(folder))
    counts = marks.check(session, found) | fills.check(session, found)
    return counts | {"findings": found.all}


def self_check():
    """A session made here by slow arithmetic agrees; one with any number altered does not."""
    failed = []
    for seed in range(3):
        with made_up.session(seed) as folder:
            counts = check(folder)
        if counts["findings"]:
            failed.append(f"seed {seed}: {counts['findings'][:3]}")
        missing = [name for name, count in counts.items() if count == 0 and name not in ("findings", "overtaken")]
        if missing:
            failed.append(f"seed {seed}: nothing was compared of {missing}")
    for name in made_up.ALTERATIONS:
        with made_up.session(0, alter=name) as folder:
            if not check(folder)["findings"]:
                failed.append(f"altered {name}, and nothing was found")
    return {"alterations": len(made_up.ALTERATIONS), "findings": failed}


def main(arguments):
    if len(arguments) != 1 or arguments[0] in ("-h", "--help"):
        print(__doc__, file=sys.stderr)
        return 2
    try:
        said = self_check() if arguments[0] == "--self-check" else check(arguments[0])
    except CannotTell as why:
        print(f"cannot tell: {why}", file=sys.stderr)
        return 2
    for finding in said["findings"][:20]:
        print(finding, file=sys.stderr)
    print(json.dumps(said))
    return 1 if said["findings"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
