"""The official Python client against the simulator: every check is one line of output, the first that fails ends it.

Usage: client.py SIM_JSON, the first line of `barkeep sim --json`; the simulator runs 20 times as fast as the clock, with the
faults that tests/sim_clients.rs gives it.
"""

import datetime
import json
import sys
import threading
import time

from kiteconnect import KiteConnect, KiteTicker
from kiteconnect import exceptions as kite

SIM = json.loads(sys.argv[1])
INFY, NIFTY = 408065, 256265
DAY = datetime.date.fromisoformat(SIM["date"])


def check(what, holds, seen=None):
    if not holds:
        sys.exit(f"FAILED {what}: {seen!r}")
    print(f"ok {what}", flush=True)


def refused(what, error, code, call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except kite.KiteException as raised:
        check(what, type(raised) is error and raised.code == code, (type(raised).__name__, raised.code, str(raised)))
        return
    check(what, False, "no error")


def until(what, holds, seconds=20):
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            check(what, False, "it never came")
        time.sleep(0.02)
    check(what, True)


def patiently(call, *args, **kwargs):
    """Asks again when it was asked too often, as a client of Kite must."""
    for _ in range(200):
        try:
            return call(*args, **kwargs)
        except kite.NetworkException as raised:
            if raised.code != 429:
                raise
            time.sleep(0.05)
    return call(*args, **kwargs)


def session():
    client = KiteConnect(api_key=SIM["api_key"], root=SIM["rest"])
    refused("no session, no profile", kite.TokenException, 403, client.profile)
    refused("a wrong secret", kite.TokenException, 403, client.generate_session, SIM["request_token"], "wrong")
    made = client.generate_session(SIM["request_token"], api_secret=SIM["api_secret"])
    check("a session", made["user_id"] and made["access_token"] == client.access_token, made)
    other = KiteConnect(api_key=SIM["api_key"], root=SIM["rest"])
    refused("a request token twice", kite.TokenException, 403, other.generate_session, SIM["request_token"], SIM["api_secret"])
    check("a profile", client.profile()["user_id"] == made["user_id"])
    check("margins", client.margins("equity")["available"]["cash"] > 0)
    return client


def market_data(client):
    rows = patiently(client.instruments, "NSE")
    infy = next(row for row in rows if row["tradingsymbol"] == "INFY")
    check("instruments", infy["instrument_token"] == INFY and infy["tick_size"] > 0 and infy["instrument_type"] == "EQ", infy)
    check("every exchange at once", len(patiently(client.instruments)) == len(rows))
    quote = patiently(client.quote, "NSE:INFY", "NSE:NIFTY 50")["NSE:INFY"]
    check("a quote with five levels", len(quote["depth"]["buy"]) == 5 and quote["volume"] > 0, quote)
    check("a quote's book does not cross", quote["depth"]["buy"][0]["price"] < quote["depth"]["sell"][0]["price"], quote)
    check("ohlc", set(patiently(client.ohlc, "NSE:INFY")["NSE:INFY"]["ohlc"]) == {"open", "high", "low", "close"})
    check("ltp", patiently(client.ltp, ["NSE:INFY"])["NSE:INFY"]["instrument_token"] == INFY)
    check("an unknown instrument is left out", patiently(client.ltp, "NSE:NOSUCH") == {})
    return infy


def candles(client):
    start, end = datetime.datetime.combine(DAY, datetime.time(9, 15)), datetime.datetime.combine(DAY, datetime.time(9, 30))
    minutes = patiently(client.historical_data, INFY, start, end, "minute")
    stamps = [row["date"].replace(tzinfo=None) for row in minutes]
    check("minutes, the last one of the range included", stamps[0] == start and stamps[-1] == end and len(stamps) == 16, stamps)
    check("an offset of India", minutes[0]["date"].utcoffset() == datetime.timedelta(hours=5, minutes=30))
    fives = patiently(client.historical_data, INFY, start, end - datetime.timedelta(minutes=1), "5minute")
    check("five minutes are made of minutes", fives[0]["volume"] == sum(row["volume"] for row in minutes[:5]), fives)
    check("open interest when asked", patiently(client.historical_data, INFY, start, end, "minute", oi=True)[0]["oi"] == 0)
    days = patiently(client.historical_data, INFY, DAY - datetime.timedelta(days=30), DAY, "day")
    check("days", 15 <= len(days) <= 25 and days[-1]["date"].date() == DAY, days)
    refused("too long a range", kite.InputException, 400, patiently, client.historical_data, INFY, DAY - datetime.timedelta(days=90), DAY, "minute")
    refused("no date", kite.InputException, 400, patiently, client.historical_data, INFY, "yesterday", "today", "minute")

    def many():
        for _ in range(20):
            client.historical_data(INFY, start, end, "minute")

    refused("more than three a second", kite.NetworkException, 429, many)


def orders(client, infy):
    tick = infy["tick_size"]
    last = patiently(client.ltp, "NSE:INFY")["NSE:INFY"]["last_price"]
    low = round(round(last * 0.97 / tick) * tick, 2)
    common = {"variety": "regular", "exchange": "NSE", "tradingsymbol": "INFY", "product": "MIS"}

    def history(order_id):
        return [row["status"] for row in patiently(client.order_history, order_id)]

    resting = patiently(client.place_order, transaction_type="BUY", quantity=10, order_type="LIMIT", price=low, tag="barkeep", **common)
    until("a resting order", lambda: history(resting)[-1] == "OPEN")
    client.modify_order("regular", resting, price=round(low + tick, 2))
    until("a modified order", lambda: "MODIFIED" in history(resting) and history(resting)[-1] == "OPEN")
    client.cancel_order("regular", resting)
    until("a cancelled order", lambda: history(resting)[-1] == "CANCELLED")
    check("its whole life", history(resting)[:3] == ["PUT ORDER REQ RECEIVED", "VALIDATION PENDING", "OPEN PENDING"], history(resting))
    check("its tag", patiently(client.orders)[0]["tag"] == "barkeep")
    market = patiently(client.place_order, transaction_type="BUY", quantity=10, order_type="MARKET", market_protection=-1, **common)
    until("a filled order", lambda: history(market)[-1] == "COMPLETE")
    fills = patiently(client.order_trades, market)
    check("its trades", sum(fill["quantity"] for fill in fills) == 10, fills)
    check("all trades", {fill["trade_id"] for fill in fills} <= {fill["trade_id"] for fill in patiently(client.trades)})
    check("a position", patiently(client.positions)["net"][0]["quantity"] == 10)
    off = {"transaction_type": "BUY", "quantity": 10, "order_type": "LIMIT", "price": round(low + tick / 2, 4), **common}
    refused("a price off the grid", kite.InputException, 400, patiently, client.place_order, **off)
    bare = patiently(client.place_order, transaction_type="BUY", quantity=10, order_type="MARKET", **common)
    until("a market order without protection is rejected", lambda: history(bare)[-1] == "REJECTED")
    stop = patiently(client.place_order, transaction_type="SELL", quantity=10, order_type="SL", price=low, trigger_price=low, **common)
    until("a waiting trigger", lambda: history(stop)[-1] == "TRIGGER PENDING")
    refused("an order that is not there", kite.OrderException, 500, patiently, client.order_history, "1")
    refused("an unknown instrument", kite.InputException, 400, patiently, client.place_order, transaction_type="BUY", quantity=1, order_type="LIMIT", price=1, **{**common, "tradingsymbol": "NOSUCH"})
    return market


class Feed:
    """What the ticker saw."""

    def __init__(self, client):
        self.ticks, self.updates, self.events = {}, [], []
        self.texts = []
        self.ticker = KiteTicker(SIM["api_key"], client.access_token, root=SIM["ws"], reconnect_max_delay=5)
        self.ticker.on_ticks = self.on_ticks
        self.ticker.on_connect = self.on_connect
        self.ticker.on_order_update = lambda ws, data: self.updates.append(data)
        self.ticker.on_error = lambda ws, code, reason: self.events.append(("error", code, reason))
        self.ticker.on_reconnect = lambda ws, attempts: self.events.append(("reconnect", attempts))
        self.ticker.on_message = self.on_message

    def on_message(self, ws, payload, is_binary):
        if not is_binary:
            self.texts.append(json.loads(payload))

    def on_connect(self, ws, response):
        self.events.append(("connect",))
        if len([event for event in self.events if event[0] == "connect"]) == 1:
            ws.subscribe([INFY, NIFTY, self.other, self.third])
            ws.set_mode(ws.MODE_FULL, [INFY, NIFTY])
            ws.set_mode(ws.MODE_LTP, [self.third])

    def on_ticks(self, ws, ticks):
        for tick in ticks:
            self.ticks.setdefault(tick["instrument_token"], []).append(tick)

    def last(self, token):
        return self.ticks.get(token, [{}])[-1]


def feed(client):
    seen = Feed(client)
    tokens = [row["instrument_token"] for row in patiently(client.instruments, "NSE") if row["instrument_token"] != INFY and row["segment"] == "NSE"]
    seen.other, seen.third = tokens[0], tokens[1]
    seen.ticker.connect(threaded=True)
    until("ticks in mode full", lambda: seen.last(INFY).get("mode") == "full" and seen.last(INFY)["depth"]["buy"][4]["price"] > 0)
    check("times of India", seen.last(INFY)["exchange_timestamp"].date() in (DAY, DAY - datetime.timedelta(days=1)), seen.last(INFY))
    until("ticks in mode quote", lambda: seen.last(seen.other).get("mode") == "quote" and "depth" not in seen.last(seen.other))
    until("ticks in mode ltp", lambda: seen.last(seen.third).get("mode") == "ltp" and "volume_traded" not in seen.last(seen.third))
    until("an index in mode full", lambda: seen.last(NIFTY).get("mode") == "full" and not seen.last(NIFTY)["tradable"])
    until("more ticks of one instrument", lambda: len(seen.ticks[INFY]) > 20)
    volumes = [tick["volume_traded"] for tick in seen.ticks[INFY]]
    check("the volume never falls", volumes == sorted(volumes), volumes)
    check("the size of the dump comes first", seen.texts[0]["type"] == "instruments_meta", seen.texts[:1])
    return seen


def postbacks(client, seen):
    common = {"variety": "regular", "exchange": "NSE", "tradingsymbol": "INFY", "product": "MIS"}
    order = patiently(client.place_order, transaction_type="SELL", quantity=10, order_type="MARKET", market_protection=-1, **common)
    until("a postback", lambda: any(update["order_id"] == order and update["status"] == "COMPLETE" for update in seen.updates))


def reconnect(seen):
    until("the planned cut", lambda: any(event[0] == "error" for event in seen.events), 60)
    until("a reconnect", lambda: len([event for event in seen.events if event[0] == "connect"]) >= 2, 60)
    before = len(seen.ticks[INFY])
    until("ticks again, without another word", lambda: len(seen.ticks[INFY]) > before + 5)
    until("in the mode that was set", lambda: seen.last(INFY)["mode"] == "full")


def errors(client):
    """The storm that the simulator was told to make over /user/margins, then the death of the token."""
    refused("a bad day of the broker", kite.GeneralException, 500, client.margins)
    expired = threading.Event()
    client.set_session_expiry_hook(expired.set)
    client.invalidate_access_token()
    refused("a session that ended", kite.TokenException, 403, client.profile)
    check("the hook of an ended session", expired.is_set())


def main():
    client = session()
    infy = market_data(client)
    candles(client)
    orders(client, infy)
    seen = feed(client)
    postbacks(client, seen)
    reconnect(seen)
    errors(client)
    print("done", flush=True)


if __name__ == "__main__":
    main()
