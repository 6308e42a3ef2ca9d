"""A made-up session with pairs, as the desk would tell it, by slow arithmetic, whole or with one thing altered."""

import csv
import json
import math
import random
import statistics
import tempfile
from contextlib import contextmanager
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

SECOND = 1_000_000_000
OPEN = 1_700_000_100 // 300 * 300
MINUTES = 180
SYMBOLS = ["NA", "M&M", "TRUE"]

RATES = [
    {
        "segment": "NSE",
        "product": "MIS",
        "side": side,
        "brokerage_ppb": 300_000,
        "brokerage_cap": 20.0,
        "stt_ppb": stt,
        "exchange_ppb": 30_700,
        "sebi_ppb": 1_000,
        "stamp_ppb": stamp,
        "gst_bps": 1_800,
    }
    for side, stt, stamp in [("BUY", 0, 30_000), ("SELL", 250_000, 0)]
]

CARRIED_FLAT = {"qty": 0, "cost": 0.0}


def pair(number, a, b, tf, beta, lookback, bucket):
    name = f"{SYMBOLS[a]}_{SYMBOLS[b]}_{tf}m"
    return {
        "id": number,
        "name": name,
        "leg_a": a,
        "leg_b": b,
        "tf": tf,
        "beta": beta,
        "entry": 1.5,
        "exit": 0.4,
        "stop": 3.5,
        "lookback": lookback,
        "bucket": bucket,
        "product": "MIS",
    }


PAIRS = [pair(0, 0, 1, "1", 1.0, 20, "LOW"), pair(1, 1, 2, "1", 0.7, 30, "HIGH"), pair(2, 0, 2, "5", 1.3, 12, "LOW")]


def fine(amount):
    """To the unit in which the desk keeps it."""
    return amount.quantize(Decimal("1e-8"), ROUND_HALF_UP)


class Day:
    """Writes events and tables as it goes."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.seq = 100
        self.events, self.fills = [], []
        self.bars = {"1": {}, "5": {}}
        self.pairs = PAIRS
        self.state = {one["id"]: self.begin(one) for one in PAIRS}
        carried = [
            {"pair": one["id"], "spreads": list(self.state[one["id"]]["spreads"]), "a": CARRIED_FLAT, "b": CARRIED_FLAT}
            for one in PAIRS
        ]
        self.state[1]["positions"]["a"] = [5, Decimal("4000.5")]
        carried[1]["a"] = {"qty": 5, "cost": 4000.5}
        instruments = [{"id": at, "symbol": symbol} for at, symbol in enumerate(SYMBOLS)]
        desk = {"setup": {"pairs": PAIRS, "charges": RATES}, "carried": {"pairs": carried}}
        self.tell("session_opened", instruments=instruments, desk=desk)

    def begin(self, one):
        carried = [0.1 + self.random.gauss(0, 1e-3) for _ in range(one["lookback"] - one["id"])]
        return {
            "spreads": carried,
            "starts": [],
            "night": True,
            "z": None,
            "held": 0,
            "positions": {"a": [0, Decimal(0)], "b": [0, Decimal(0)]},
            "realised": Decimal(0),
            "charges": Decimal(0),
            "fills": 0,
        }

    def tell(self, kind, **fields):
        self.seq += self.random.randint(1, 5)
        self.events.append({"seq": self.seq, "kind": kind} | fields)
        return self.events[-1]

    def live(self):
        prices = [800.0, 1200.0, 350.0]
        for minute in range(MINUTES):
            common = self.random.gauss(0, 4e-4)
            for at in range(3):
                prices[at] *= math.exp(common + self.random.gauss(0, 4e-4))
            for tf, every in (("1", 1), ("5", 5)):
                if minute % every == every - 1:
                    self.close(tf, OPEN + (minute - every + 1) * 60, prices)
            if minute % 20 == 0:
                self.mark_equity()
        for one in self.pairs:
            self.end(one)
        self.note()

    def close(self, tf, ts, prices):
        for at in range(3):
            if self.random.random() < 0.96:
                self.seq += 1
                self.bars[tf][at, ts] = [f"{prices[at]:.2f}", 0, self.seq]
        for one in self.pairs:
            if one["tf"] == tf:
                self.look(one, ts)
        if self.random.random() < 0.1:
            self.revise(tf, ts)

    def revise(self, tf, ts):
        """Another close for one of the last two buckets."""
        at, when = self.random.randrange(3), ts - self.random.randrange(2) * int(tf) * 60
        if (at, when) in self.bars[tf]:
            close, revision, _ = self.bars[tf][at, when]
            self.seq += 1
            self.bars[tf][at, when] = [f"{float(close) + 0.05:.2f}", revision + 1, self.seq]
            for one in self.pairs:
                if (
                    one["tf"] == tf
                    and when in self.state[one["id"]]["starts"][-2:]
                    and at in (one["leg_a"], one["leg_b"])
                ):
                    self.look(one, when)

    def look(self, one, ts):
        state = self.state[one["id"]]
        a, b = (self.bars[one["tf"]].get((one[leg], ts)) for leg in ("leg_a", "leg_b"))
        if not a or not b:
            return
        spread = math.log(float(a[0])) - one["beta"] * math.log(float(b[0]))
        step, back, first = None, 0, ts not in state["starts"]
        if first:
            if state["night"]:
                step = spread - state["spreads"][-1]
                state["spreads"] = [spread + step for spread in state["spreads"]]
            state["night"] = False
            state["spreads"].append(spread)
            state["starts"].append(ts)
        else:
            back = len(state["starts"]) - 1 - state["starts"].index(ts)
            state["spreads"][-1 - back] = spread
        mean, deviation, z = self.window(one, back)
        mark = self.tell(
            "pair_mark",
            pair=one["id"],
            start=ts * SECOND,
            close_a=float(a[0]),
            close_b=float(b[0]),
            spread=spread,
            mean=mean,
            deviation=deviation,
            z=z,
            night_step=step,
            first_edition=first,
        )
        past, state["z"] = state["z"], self.window(one, 0)[2]
        if first and z is not None and past is not None:
            self.decide(one, mark, z, past)

    def window(self, one, back):
        spreads = self.state[one["id"]]["spreads"]
        values = spreads[: len(spreads) - back][-one["lookback"] :]
        if len(values) < one["lookback"]:
            return None, None, None
        mean, deviation = statistics.mean(values), statistics.pstdev(values)
        return mean, deviation, (values[-1] - mean) / deviation

    def decide(self, one, mark, z, past):
        state = self.state[one["id"]]
        if state["held"]:
            reason = "revert" if abs(z) <= one["exit"] else "stop" if abs(z) >= one["stop"] else None
            if reason:
                self.ask(one, mark, z, past, "exit", reason, -state["held"])
                state["held"] = 0
        elif abs(past) > one["entry"] >= abs(z) > one["exit"] and z * past > 0:
            state["held"] = -1 if z > 0 else 1
            self.ask(one, mark, z, past, "enter_short" if z > 0 else "enter_long", "entry", state["held"])

    def ask(self, one, mark, z, past, action, reason, sign):
        self.tell("signal", pair=one["id"], action=action, reason=reason, mark=mark["seq"], z=z, z_before=past)
        for leg, way in (("a", sign), ("b", -sign)):
            self.trade(one, leg, "BUY" if way > 0 else "SELL", mark[f"close_{leg}"])

    def trade(self, one, leg, side, price):
        order = self.tell("order", id=f"bk{one['id']}{leg}{self.seq}", product="MIS")["id"]
        before = Decimal(0)
        for qty in (37, 200):
            price = round(price + 0.05, 2)
            self.fill(one, leg, side, qty, price, order, before)
            before += qty * Decimal(str(price))

    def fill(self, one, leg, side, qty, price, order, before):
        state, rate = self.state[one["id"]], RATES[side == "SELL"]
        turnover = qty * Decimal(str(price))
        cap = lambda turned: min(turned * rate["brokerage_ppb"] / 10**9, Decimal(20))
        parts = {"brokerage": fine(cap(before + turnover) - cap(before))}
        for name in ("stt", "exchange", "sebi", "stamp"):
            parts[name] = fine(turnover * rate[f"{name}_ppb"] / 10**9)
        parts["gst"] = fine((parts["brokerage"] + parts["exchange"] + parts["sebi"]) * Decimal("0.18"))
        held, cost = state["positions"][leg]
        shares, price = qty if side == "BUY" else -qty, Decimal(str(price))
        gained = Decimal(0)
        for _ in range(qty):
            way = 1 if shares > 0 else -1
            if held * way < 0:
                average = cost / held
                gained += -way * (price - average)
                cost += way * average
            else:
                cost += way * price
            held += way
        cost = Decimal(0) if held == 0 else cost
        state["positions"][leg] = [held, cost]
        state["realised"] += gained
        state["charges"] += sum(parts.values())
        state["fills"] += 1
        at = one[f"leg_{leg}"]
        shown = {name: float(part) for name, part in parts.items()}
        seq = self.tell(
            "fill",
            order=order,
            instrument=at,
            side=side,
            qty=qty,
            price=float(price),
            charges=shown,
            position=held,
            average=float(round(cost / held, 4)) if held else 0.0,
            realised=float(fine(gained)),
        )["seq"]
        self.fills.append([order, SYMBOLS[at], side, qty, price, "COMPLETE", 0, one["name"], seq])

    def mark_equity(self):
        for scope in ("global", "LOW", "MED", "HIGH"):
            own = [self.state[one["id"]] for one in self.pairs if scope in ("global", one["bucket"])]
            realised, charges = (
                float(fine(sum((s[what] for s in own), Decimal(0)))) for what in ("realised", "charges")
            )
            self.tell("equity", scope=scope, realised=realised, charges=charges)

    def end(self, one):
        state = self.state[one["id"]]
        held = {f"qty_{leg}": state["positions"][leg][0] for leg in "ab"}
        self.tell(
            "pair_day",
            pair=one["id"],
            realised=float(fine(state["realised"])),
            charges=float(state["charges"]),
            unrealised=0.0,
            fills=state["fills"],
            **held,
        )

    def note(self):
        fills = [event for event in self.events if event["kind"] == "fill"]
        exact = lambda value: Decimal(str(value))
        turned = {
            side: sum(exact(f["price"]) * f["qty"] for f in fills if f["side"] == side) for side in ("BUY", "SELL")
        }
        names = ("brokerage", "stt", "exchange", "sebi", "stamp", "gst")
        parts = {name: sum(exact(f["charges"][name]) for f in fills) for name in names}
        whole = parts["stt"].quantize(Decimal(1), ROUND_HALF_UP)
        rest = sum(parts[name].quantize(Decimal("0.01"), ROUND_HALF_UP) for name in names if name != "stt")
        self.tell(
            "contract_note",
            orders=len({f["order"] for f in fills}),
            trades=len(fills),
            bought=float(turned["BUY"]),
            sold=float(turned["SELL"]),
            charges={name: float(part) for name, part in parts.items()},
            stt_rounded=float(whole),
            total=float(whole + rest),
        )

    def write(self, folder):
        lines = [json.dumps(event) for event in self.events]
        (folder / "one.ndjson").write_text("\n".join(lines[::2]))
        (folder / "two.ndjson").write_text("\n".join(lines[1::2]))
        for tf, bars in self.bars.items():
            rows = [[SYMBOLS[at], ts, close, *edition] for (at, ts), (close, *edition) in bars.items()]
            write(folder / f"bars_{tf}m.csv", ["symbol", "ts", "close", "revision", "seq"], rows)
        columns = ["client_order_id", "symbol", "side", "qty", "price", "status", "ts", "pair_id", "seq"]
        write(folder / "fills.csv", columns, self.fills)


def write(path, columns, rows):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([columns, *rows])


def add(kind, field, amount, part=None):
    """Moves a number of the last event of a kind that has it."""

    def alter(day):
        events = [event for event in day.events if event["kind"] == kind and event.get(field) is not None]
        of = events[-1][field] if part else events[-1]
        of[part or field] += amount

    return alter


def drop(kind):
    return lambda day: day.events.remove([event for event in day.events if event["kind"] == kind][-1])


def invert_beta(day):
    day.events[0]["desk"]["setup"]["pairs"] = [one | {"beta": 1 / one["beta"]} for one in PAIRS]


def sample_deviation(day):
    """The deviation of a sample in place of the population's."""
    for event in day.events:
        if event["kind"] == "pair_mark" and event["deviation"]:
            factor = math.sqrt(PAIRS[event["pair"]]["lookback"] / (PAIRS[event["pair"]]["lookback"] - 1))
            event["deviation"] *= factor
            event["z"] /= factor


def move_close(day):
    bar = next(bar for bar in reversed(day.bars["1"].values()) if bar[1] == 0)
    bar[0] = f"{float(bar[0]) + 0.01:.2f}"


def move_fill(day):
    day.fills[-1][4] += Decimal("0.05")


ALTERATIONS = {
    "z": add("pair_mark", "z", 1e-7),
    "mean": add("pair_mark", "mean", 1e-7),
    "deviation": add("pair_mark", "deviation", 1e-7),
    "spread": add("pair_mark", "spread", 1e-7),
    "step over the night": add("pair_mark", "night_step", 1e-7),
    "a close of a mark": add("pair_mark", "close_a", 0.01),
    "z of a signal": add("signal", "z", 1e-7),
    "z before a signal": add("signal", "z_before", 1e-7),
    "a mark that lacks": drop("pair_mark"),
    "hedge ratio the wrong way round": invert_beta,
    "deviation of a sample": sample_deviation,
    "a bar": move_close,
    "price of an exported fill": move_fill,
    "an exported fill that lacks": lambda day: day.fills.pop(),
    "a fill that lacks": drop("fill"),
    "position": add("fill", "position", 1),
    "profit of a fill": add("fill", "realised", 0.01),
    "tax of a fill": add("fill", "charges", 0.0001, "stt"),
    "brokerage of a fill": add("fill", "charges", 0.0001, "brokerage"),
    "profit of a pair": add("pair_day", "realised", 0.01),
    "charges of a pair": add("pair_day", "charges", 0.01),
    "shares of a pair": add("pair_day", "qty_b", 1),
    "profit of a scope": add("equity", "realised", 0.01),
    "charges of a scope": add("equity", "charges", 0.01),
    "charges of the note": add("contract_note", "charges", 0.01, "gst"),
    "tax of the note": add("contract_note", "stt_rounded", 1),
    "total of the note": add("contract_note", "total", 0.01),
    "money of the note": add("contract_note", "sold", 0.0001),
}


@contextmanager
def session(seed, alter=None):
    """A folder with such a session, gone afterwards."""
    day = Day(seed)
    day.live()
    if alter:
        ALTERATIONS[alter](day)
    with tempfile.TemporaryDirectory() as folder:
        day.write(Path(folder))
        yield folder
