"""Spreads, their statistics and z: every mark and signal against numpy."""

import numpy as np
import pandas as pd
from session import real

TOLERANCE = 1e-9

# A deviation below this is rounding, and shown as zero.
ROUNDING = 1e-12

SECOND = 1_000_000_000


class Window:
    """A pair as the marks say it went on: its last spreads, this session's buckets, and the newest z."""

    def __init__(self, spec, carried):
        self.begin(spec, carried)

    def begin(self, spec, carried=()):
        self.spec = spec
        self.beta, self.lookback = float(spec["beta"]), spec["lookback"]
        self.spreads = [real(spread) for spread in carried][-self.lookback :]
        self.is_carried = bool(self.spreads)
        self.starts = []
        self.z = None

    def change(self, spec):
        kept = (float(spec["beta"]), spec["lookback"]) == (self.beta, self.lookback)
        if kept:
            self.spec = spec
        else:
            self.begin(spec)

    def statistics(self, back=0):
        """Mean, deviation and z of the window that ends `back` values before the newest."""
        end = len(self.spreads) - back
        if end < self.lookback:
            return None, None, None
        return statistics(np.array(self.spreads[end - self.lookback : end]))


def statistics(values):
    # About one of them, which leaves their differences exact.
    mean = values[-1] + np.mean(values - values[-1])
    deviation = np.sqrt(np.mean((values - mean) ** 2))
    if deviation < ROUNDING:
        return mean, 0.0, None
    return mean, deviation, (values[-1] - mean) / deviation


def check(session, found):
    counts = {"marks": 0, "revised_marks": 0, "signals_with_z": 0}
    windows = {}
    for pair in session.setup["pairs"]:
        carried = session.carried.get(pair["id"], {"spreads": []})
        windows[pair["id"]] = Window(pair, carried["spreads"])
    by_seq = {}
    before = {}
    for event in session.of("desk_changed", "pair_mark", "signal"):
        if event["kind"] == "desk_changed":
            for pair in event["pairs"]:
                if pair["id"] in windows:
                    windows[pair["id"]].change(pair)
                else:
                    windows[pair["id"]] = Window(pair, [])
        elif event["kind"] == "pair_mark":
            window = windows.get(event["pair"])
            if window is None:
                found.say(f"the mark at {event['seq']} is of no pair")
                continue
            before[event["seq"]] = window.z
            counts["revised_marks"] += mark(event, window, found)
            counts["marks"] += 1
            by_seq[event["seq"]] = event
        elif event["mark"] is not None:
            signal(event, by_seq.get(event["mark"]), before.get(event["mark"]), windows, found)
            counts["signals_with_z"] += 1
    return counts | from_bars(session, found)


def mark(event, window, found):
    """Takes a mark into its pair's window and compares it; whether it was a revision."""
    name = f"{window.spec['name']}, mark {event['seq']}"
    spread = np.log(float(event["close_a"])) - window.beta * np.log(float(event["close_b"]))
    found.near(f"{name}: spread", real(event["spread"]), spread, TOLERANCE)
    start, step, back = event["start"], None, 0
    if start in window.starts[-2:]:
        back = len(window.starts) - 1 - window.starts.index(start)
        window.spreads[-1 - back] = spread
        found.same(f"{name}: first edition of a bucket that was revised", event["first_edition"], False)
    else:
        if window.starts and start <= window.starts[-1]:
            found.say(f"{name} lies before the mark before it")
        if window.is_carried:
            step = spread - window.spreads[-1]
            window.spreads = [one + step for one in window.spreads]
        window.is_carried = False
        window.spreads.append(spread)
        window.starts.append(start)
    found.near(f"{name}: step over the night", real(event["night_step"]), step, TOLERANCE)
    for what, expected in zip(("mean", "deviation", "z"), window.statistics(back)):
        found.near(f"{name}: {what}", real(event[what]), expected, TOLERANCE * max(1.0, abs(expected or 0.0)))
    revised = start != window.starts[-1] or not event["first_edition"]
    window.z = window.statistics()[2]
    return revised


def signal(event, mark, z_before, windows, found):
    """A signal's z are its mark's and the one before, as it was then, and they are a reason."""
    name = f"signal {event['seq']}"
    if mark is None or mark["pair"] != event["pair"]:
        found.say(f"{name} follows from no mark of its pair")
        return
    if not mark["first_edition"]:
        found.say(f"{name} follows from a revision")
    found.same(f"{name}: z", event["z"], mark["z"])
    found.near(f"{name}: z before", real(event["z_before"]), z_before, TOLERANCE * max(1.0, abs(z_before or 0.0)))
    spec = windows[event["pair"]].spec
    entry, leave, stop = (float(spec[bound]) for bound in ("entry", "exit", "stop"))
    z, past = real(event["z"]), real(event["z_before"])
    reasons = {
        ("enter_long", "entry"): past is not None and past < -entry <= z < -leave,
        ("enter_short", "entry"): past is not None and past > entry >= z > leave,
        ("exit", "revert"): abs(z) <= leave,
        ("exit", "stop"): abs(z) >= stop,
    }
    if not reasons.get((event["action"], event["reason"]), False):
        found.say(f"{name}: {event['action']} for {event['reason']} does not follow from z {z} after {past}")


def from_bars(session, found):
    """The z of every bucket once more, from nothing but the exported bars, the carried window and the pairs."""
    counts = {"z_from_bars": 0, "overtaken": 0}
    changed = bool(session.of("desk_changed"))
    marks = pd.DataFrame(session.of("pair_mark"), columns=["seq", "pair", "start", "close_a", "close_b", "z"])
    for pair in session.setup["pairs"]:
        if changed:
            break
        bars = session.bars(pair["tf"])
        nothing = pd.DataFrame({"close": [], "revision": [], "seq": []}, index=pd.Index([], dtype="int64"))
        a, b = (bars.get(symbol, nothing) for symbol in session.legs(pair))
        both = a.join(b, how="inner", lsuffix="_a", rsuffix="_b")
        own = marks[marks["pair"] == pair["id"]]
        own = own.assign(ts=own["start"] // SECOND)
        first, last = (own.groupby("ts").agg(how) for how in ("first", "last"))
        firsts = both[(both["revision_a"] == 0) & (both["revision_b"] == 0)]
        for ts in firsts.index.difference(last.index):
            found.say(f"{pair['name']}: both legs have a bar at {ts}, and there is no mark")
        for ts in last.index.difference(both.index):
            found.say(f"{pair['name']}: a mark at {ts}, and a leg has no bar")
        starts = last.index.intersection(both.index).sort_values()
        closes = both.loc[starts, ["close_a", "close_b"]].copy()
        for place, ts in enumerate(starts):
            # A bucket is revised until two others have come after it.
            until = first["seq"].iloc[place + 2] if place + 2 < len(first) else np.inf
            for leg in ("a", "b"):
                told, exported = float(last.at[ts, f"close_{leg}"]), both.at[ts, f"close_{leg}"]
                if told == exported:
                    continue
                if both.at[ts, f"revision_{leg}"] == 0 or both.at[ts, f"seq_{leg}"] < until:
                    found.say(f"{pair['name']}: close {leg} at {ts} is {told} and its bar's {exported}")
                counts["overtaken"] += 1
                closes.at[ts, f"close_{leg}"] = told
        if len(starts) != len(last) or not len(starts):
            continue
        today = np.log(closes["close_a"].to_numpy()) - float(pair["beta"]) * np.log(closes["close_b"].to_numpy())
        carried = [real(spread) for spread in session.carried.get(pair["id"], {"spreads": []})["spreads"]]
        carried = np.array(carried[-pair["lookback"] :], dtype=float)
        # The step over the night is the first edition's: it is not revised.
        opened = first.iloc[0]
        opening = np.log(float(opened["close_a"])) - float(pair["beta"]) * np.log(float(opened["close_b"]))
        step = opening - carried[-1] if len(carried) else 0.0
        spreads = np.concatenate([carried + step, today])
        lasts = last.loc[starts, "seq"].to_numpy()
        for place, ts in enumerate(starts):
            end = len(carried) + place + 1
            overtaken = place > 0 and lasts[place - 1] > lasts[place]
            if end < pair["lookback"] or overtaken:
                continue
            z = statistics(spreads[end - pair["lookback"] : end])[2]
            found.near(f"{pair['name']}: z at {ts}", real(last.at[ts, "z"]), z, TOLERANCE * max(1.0, abs(z or 0.0)))
            counts["z_from_bars"] += 1
    return counts
