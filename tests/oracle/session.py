"""What a folder tells of a session, and a list of what does not agree."""

import json
from decimal import Decimal

import pandas as pd

KINDS = {
    "session_opened",
    "desk_changed",
    "instrument_listed",
    "pair_mark",
    "signal",
    "order",
    "fill",
    "pair_day",
    "contract_note",
    "equity",
}


class CannotTell(Exception):
    """The folder lacks what a comparison needs."""


class Findings:
    """What does not agree."""

    def __init__(self):
        self.all = []

    def say(self, text):
        self.all.append(text)

    def near(self, what, told, expected, tolerance):
        """Notes when a number lies away from what it should be, or when one of both is absent."""
        if told is None and expected is None:
            return
        if told is None or expected is None or not abs(told - expected) <= tolerance:
            self.say(f"{what} is {told} and should be {expected}")

    def same(self, what, told, expected):
        if told != expected:
            self.say(f"{what} is {told} and should be {expected}")


class Session:
    """The events of a session by position, its pairs, and its exported tables."""

    def __init__(self, folder):
        self.folder = folder
        if not folder.is_dir():
            raise CannotTell(f"{folder} is no folder")
        self.events = sorted(read_events(folder), key=lambda event: event["seq"])
        opened = self.of("session_opened")
        if len(opened) != 1 or not opened[0].get("desk"):
            raise CannotTell(f"{folder} must hold one session_opened, with a desk; it holds {len(opened)}")
        listed = opened[0]["instruments"] + self.of("instrument_listed")
        self.symbols = {instrument["id"]: instrument["symbol"] for instrument in listed}
        self.setup = opened[0]["desk"]["setup"]
        self.carried = {pair["pair"]: pair for pair in opened[0]["desk"]["carried"]["pairs"]}
        # Every pair that the session ever had, as it was last.
        setups = [self.setup] + self.of("desk_changed")
        self.pairs = {pair["id"]: pair for setup in setups for pair in setup["pairs"]}
        self.rates = {(rate["product"], rate["side"]): rate for setup in setups for rate in setup["charges"]}

    def of(self, *kinds):
        """The events of some kinds, by position."""
        return [event for event in self.events if event["kind"] in kinds]

    def legs(self, pair):
        """The symbols of a pair's legs."""
        return [self.symbols[pair[leg]] for leg in ("leg_a", "leg_b")]

    def bars(self, tf):
        """The exported bars of a timeframe, by symbol: closes, revisions and positions by start."""
        table = self.table(f"bars_{tf}m")
        if not table.duplicated(["symbol", "ts"]).sum() == 0:
            raise CannotTell(f"bars_{tf}m.csv has a bar twice")
        return {symbol: bars.set_index("ts")[["close", "revision", "seq"]] for symbol, bars in table.groupby("symbol")}

    def table(self, name):
        path = self.folder / f"{name}.csv"
        if not path.exists():
            raise CannotTell(f"{path} is missing: barkeep export --kind {name} --out {path}")
        # A symbol may be NA or INF.
        return pd.read_csv(
            path, keep_default_na=False, float_precision="round_trip", dtype={"symbol": str, "price": str}
        )


def read_events(folder):
    for path in sorted(folder.glob("*.ndjson")):
        for line in path.read_text().splitlines():
            event = json.loads(line, parse_float=Decimal)
            if event.get("kind") in KINDS:
                yield event


def real(value):
    """A number of the statistics, which JSON shows with all its digits."""
    return None if value is None else float(value)
