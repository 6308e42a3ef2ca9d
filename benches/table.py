"""The README's table from JSON lines: table.py LINES [LINES...]

Ratios are ours to the best peer's, turned so that above 1 barkeep is ahead. A line with `"rerun":false` is a figure from
elsewhere: it is shown with a star and takes no part in a ratio; nor does a bound, which is no store or library. Exit code 1
when tools that do the same work disagree on what came out, or when barkeep's own line is missing.
"""

import json
import sys

OURS = "barkeep"
WORKS = {
    "append": "Durable append of ticks, an fsync for 16,384",
    "size": "A sealed session on disk, ticks with best bid and ask",
    "size with bars": "The same with all bars derived from them",
    "scan": "Scan of all ticks, checksums checked, warm",
    "scan, as events": "The same, an event at a time",
    "scan, one instrument": "Scan for one instrument of 200",
    "scan, bars among ticks": "Scan for the bars among ticks",
    "bars": "Ticks in memory to 1s, 1, 3, 5, 15, 30, 60m bars",
    "pipeline": "The same ticks with 50 pairs: signals, risk, orders, paper matching",
    "pipeline, 1,000 pairs": "1,000 pairs on 500 instruments, books of five levels (36,000 ticks a second are owed)",
    "tick to decision, p99": "Of those, a tick that makes a signal, an order or a fill, 99 of 100 within",
    "import": "CSV to bars; ours durably onto the tape",
    "replay": "`replay --verify`: every bar derived again and compared",
    "compare": "75,000 bars with 75,000, 1% differ, in memory",
    "compare, from CSV": "The same from CSV; ours is the whole `recon`",
    "open after a kill": "The tape open for writing after `kill -9`, 20 M ticks",
    "sim feed": "`barkeep sim`: 9,000 stocks, 4 packets a second each (36,000 a second are owed)",
    "command after a kill": "A whole command after `kill -9` of a 20 M tick import",
}


def lines(paths):
    found = []
    for path in paths:
        with open(path, encoding="utf-8") as file:
            found += [json.loads(line) for line in file if line.startswith("{")]
    return found


def figure(line):
    rate, unit = line["rate"], line["unit"]
    if unit.endswith("/s"):
        return f"{rate / 1e6:.3g} M/s" if rate < 1e9 else f"{rate / 1e9:.3g} G/s"
    return f"{rate:.3g} {'B' if unit == 'bytes/tick' else unit}"


def is_bound(line):
    return "the bound" in line["who"]


def ahead(ours, peer):
    """How many times better ours is."""
    return ours["rate"] / peer["rate"] if ours["unit"].endswith("/s") else peer["rate"] / ours["rate"]


def row(work, of_work):
    ours = next(line for line in of_work if line["who"] == OURS)
    peers = sorted((line for line in of_work if line["who"] != OURS), key=lambda line: ahead(ours, line))
    rerun = [line for line in peers if line.get("rerun", True) and not is_bound(line)]
    shown = "; ".join(f"{line['who']} {figure(line)}{'' if line.get('rerun', True) else '*'}" for line in peers)
    ratio = f"{ahead(ours, rerun[0]):.2g}" if rerun else ""
    return f"| {WORKS.get(work, work)} | {figure(ours)} | {shown or 'none measured'} | {ratio} |"


def main():
    by_work = {work: [] for work in WORKS}
    for line in lines(sys.argv[1:]):
        by_work.setdefault(line["bench"], []).append(line)
    print("| Work, on one core | barkeep | peers, best first | ours to the best |")
    print("|---|---|---|---|")
    wrong = 0
    for work, of_work in by_work.items():
        if not any(line["who"] == OURS for line in of_work):
            if any(line.get("rerun", True) for line in of_work):
                print(f"{work}: no line of barkeep's own", file=sys.stderr)
                wrong = 1
            continue
        print(row(work, of_work))
        checks = {line.get("check") for line in of_work} - {"", None}
        if len(checks) > 1:
            told = "\n".join(f"  {line['who']}: {line['check']}" for line in of_work if line.get("check"))
            print(f"{work}: what came out differs\n{told}", file=sys.stderr)
            wrong = 1
    if any(not line.get("rerun", True) for of_work in by_work.values() for line in of_work):
        print("\n\\* not re-run: measured on 2026-11-22 on a like machine.")
    sys.exit(wrong)


if __name__ == "__main__":
    main()
