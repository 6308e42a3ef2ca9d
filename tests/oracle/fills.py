"""Positions, profit and loss and charges: the exported fills in exact arithmetic against what the desk says."""

from collections import defaultdict
from decimal import Decimal
from fractions import Fraction
from math import floor

PARTS = ("brokerage", "stt", "exchange", "sebi", "stamp", "gst")

# Half a paisa, and a little more than the units in which fills are booked.
PAISA = Fraction(1, 200)
FINE = Fraction(2, 10**8)


class Position:
    """Shares and what they cost, at average cost."""

    def __init__(self, carried):
        self.qty, self.cost = carried["qty"], money(carried["cost"])
        self.realised = Fraction(0)

    def fill(self, shares, price):
        """Books signed shares and returns what they realised."""
        closing = 0
        if self.qty * shares < 0:
            closing = min(abs(shares), abs(self.qty)) * (1 if shares > 0 else -1)
            cost = self.cost * -closing / self.qty
            gained = -closing * price - cost
            self.cost -= cost
            self.qty += closing
            self.realised += gained
        else:
            gained = Fraction(0)
        self.qty += shares - closing
        self.cost += (shares - closing) * price
        return gained


def money(told):
    """An amount as JSON shows it, exactly."""
    return Fraction(Decimal(str(told)))


def charges(rate, before, turnover):
    """One fill's charges, unrounded; its order's brokerage has a cap."""
    brokerage = lambda turned: min(turned * rate["brokerage_ppb"] / 10**9, money(rate["brokerage_cap"]))
    part = {name: turnover * rate[f"{name}_ppb"] / 10**9 for name in ("stt", "exchange", "sebi", "stamp")}
    part["brokerage"] = brokerage(before + turnover) - brokerage(before)
    part["gst"] = (part["brokerage"] + part["exchange"] + part["sebi"]) * rate["gst_bps"] / 10**4
    return part


def half_up(amount, unit):
    return floor(amount / unit + Fraction(1, 2)) * unit


class Books:
    """The books of a session, kept from fills alone."""

    def __init__(self, session):
        self.session = session
        self.names = {pair["name"]: pair for pair in session.pairs.values()}
        self.orders = {order["id"]: order for order in session.of("order")}
        self.positions = {}
        for pair in session.pairs.values():
            carried = session.carried.get(pair["id"], {"a": {"qty": 0, "cost": 0}, "b": {"qty": 0, "cost": 0}})
            self.positions[pair["id"]] = {
                symbol: Position(carried[leg]) for symbol, leg in zip(session.legs(pair), "ab")
            }
        self.turned = defaultdict(Fraction)
        self.charges = defaultdict(lambda: dict.fromkeys(PARTS, Fraction(0)))
        self.money = {"BUY": Fraction(0), "SELL": Fraction(0)}
        self.fills = defaultdict(int)

    def fill(self, row, found):
        """Books a row of the export: pair, position after it, what it realised and what it cost."""
        pair, order = self.names.get(row["pair_id"]), self.orders.get(row["client_order_id"])
        if pair is None or order is None or row["symbol"] not in self.positions[pair["id"]]:
            found.say(f"the fill at {row['seq']} is of no known pair, leg or order")
            return None
        turnover = row["qty"] * money(row["price"])
        rate = self.session.rates[(order["product"], row["side"])]
        cost = charges(rate, self.turned[order["id"]], turnover)
        self.turned[order["id"]] += turnover
        self.money[row["side"]] += turnover
        self.fills[pair["id"]] += 1
        for part in PARTS:
            self.charges[pair["id"]][part] += cost[part]
        position = self.positions[pair["id"]][row["symbol"]]
        gained = position.fill(row["qty"] if row["side"] == "BUY" else -row["qty"], money(row["price"]))
        return pair, position, gained, cost

    def realised(self, pairs):
        return sum((leg.realised for pair in pairs for leg in self.positions[pair].values()), Fraction(0))

    def charged(self, pairs):
        return sum((sum(self.charges[pair].values()) for pair in pairs), Fraction(0))

    def part(self, name):
        return sum((parts[name] for parts in self.charges.values()), Fraction(0))


def check(session, found):
    counts = {"fills": 0, "fill_events": 0, "pairs": 0, "notes": 0, "equity": 0}
    books = Books(session)
    told = {event["seq"]: event for event in session.of("fill")}
    has_events = bool(told)
    marks = session.of("equity")
    for row in session.table("fills").sort_values("seq").to_dict("records"):
        while marks and marks[0]["seq"] < row["seq"]:
            counts["equity"] += equity(marks.pop(0), books, found)
        booked = books.fill(row, found)
        counts["fills"] += 1
        if booked and has_events:
            counts["fill_events"] += fill(told.pop(row["seq"], None), row, *booked[1:], session, found)
    for seq in told:
        found.say(f"the fill at {seq} was not exported")
    for mark in marks:
        counts["equity"] += equity(mark, books, found)
    for day in session.of("pair_day"):
        pair_day(day, books, found)
        counts["pairs"] += 1
    for note in session.of("contract_note"):
        contract_note(note, books, found)
        counts["notes"] += 1
    return counts


def fill(event, row, position, gained, cost, session, found):
    """A fill on the tape against its row of the export and the books."""
    name = f"fill {row['seq']}"
    if event is None:
        found.say(f"{name} is exported and not on the tape")
        return 0
    found.same(f"{name}: order", row["client_order_id"], event["order"])
    found.same(f"{name}: symbol", row["symbol"], session.symbols[event["instrument"]])
    found.same(f"{name}: side and shares", (row["side"], row["qty"]), (event["side"], event["qty"]))
    found.same(f"{name}: price", money(row["price"]), money(event["price"]))
    found.same(f"{name}: position", event["position"], position.qty)
    average = position.cost / position.qty if position.qty else 0
    found.near(f"{name}: average", money(event["average"]), average, Fraction(1, 10**4))
    found.near(f"{name}: realised", money(event["realised"]), gained, FINE * 100)
    for part in PARTS:
        found.near(f"{name}: {part}", money(event["charges"][part]), cost[part], FINE)
    return 1


def equity(mark, books, found):
    """What a mark of equity says of the session so far."""
    pairs = [pair["id"] for pair in books.session.pairs.values() if mark["scope"] in ("global", pair["bucket"])]
    name = f"equity of {mark['scope']} at {mark['seq']}"
    found.near(f"{name}: realised", money(mark["realised"]), books.realised(pairs), PAISA)
    found.near(f"{name}: charges", money(mark["charges"]), books.charged(pairs), PAISA)
    return 1


def pair_day(day, books, found):
    pair = books.session.pairs[day["pair"]]
    legs = [books.positions[pair["id"]][symbol] for symbol in books.session.legs(pair)]
    name = f"day of {pair['name']}"
    found.near(f"{name}: realised", money(day["realised"]), books.realised([pair["id"]]), PAISA)
    found.near(f"{name}: charges", money(day["charges"]), books.charged([pair["id"]]), PAISA)
    found.same(f"{name}: fills", day["fills"], books.fills[pair["id"]])
    found.same(f"{name}: shares", (day["qty_a"], day["qty_b"]), tuple(leg.qty for leg in legs))
    if all(leg.qty == 0 for leg in legs):
        found.same(f"{name}: unrealised, flat", money(day["unrealised"]), 0)


def contract_note(note, books, found):
    orders = sum(1 for turned in books.turned.values() if turned)
    found.same("note: orders and trades", (note["orders"], note["trades"]), (orders, sum(books.fills.values())))
    found.same("note: bought", money(note["bought"]), books.money["BUY"])
    found.same("note: sold", money(note["sold"]), books.money["SELL"])
    for part in PARTS:
        found.near(f"note: {part}", money(note["charges"][part]), books.part(part), PAISA)
    # What a note rounds is what it says, whose own rounding may lie on the other side of a half.
    told = {part: money(note["charges"][part]) for part in PARTS}
    tax = half_up(told["stt"], 1)
    rest = sum(half_up(told[part], Fraction(1, 100)) for part in PARTS if part != "stt")
    found.same("note: tax to the rupee", money(note["stt_rounded"]), tax)
    found.same("note: total", money(note["total"]), tax + rest)
