"""1 s bars from the session's trades in hftbacktest, an instrument after the other: hft_bars.py

Its clock moves by a second, then a compiled strategy folds the trades that came meanwhile.
"""

from lines import day, rate, summed  # noqa: I001  (first: it pins the threads)

import time

import hftbacktest
import numpy as np
from hftbacktest import BacktestAsset, HashMapMarketDepthBacktest, event_dtype
from hftbacktest import BUY_EVENT, EXCH_EVENT, LOCAL_EVENT, TRADE_EVENT
from numba import njit


def events(ts, price, qty):
    made = np.zeros(len(ts), event_dtype)
    made["ev"] = TRADE_EVENT | BUY_EVENT | EXCH_EVENT | LOCAL_EVENT
    made["exch_ts"] = made["local_ts"] = ts
    made["px"], made["qty"] = price / 10_000, qty
    return made


@njit
def fold(hbt, bars):
    """Fills `bars` (start, open, high, low, close, volume) and returns how many."""
    count = 0
    alive = True
    while alive:
        alive = hbt.elapse(1_000_000_000) == 0
        for trade in hbt.last_trades(0):
            start = trade.exch_ts // 1_000_000_000
            if count == 0 or bars[count - 1, 0] != start:
                bars[count, 0] = start
                bars[count, 1] = bars[count, 2] = bars[count, 3] = trade.px
                count += 1
            bar = bars[count - 1]
            bar[2] = max(bar[2], trade.px)
            bar[3] = min(bar[3], trade.px)
            bar[4] = trade.px
            bar[5] += trade.qty
        hbt.clear_last_trades(0)
    return count


def backtest(made):
    asset = (
        BacktestAsset()
        .data([made])
        .linear_asset(1.0)
        .constant_order_latency(0, 0)
        .risk_adverse_queue_model()
        .no_partial_fill_exchange()
        .trading_value_fee_model(0.0, 0.0)
        .tick_size(0.05)
        .lot_size(1.0)
        .last_trades_capacity(10_000)
    )
    return HashMapMarketDepthBacktest([asset])


def main():
    ts, inst, price, qty = day()
    order = np.argsort(inst, kind="stable")
    bounds = np.searchsorted(inst[order], np.arange(201))
    shares = [order[bounds[k] : bounds[k + 1]] for k in range(200)]
    fed = [events(ts[share], price[share], qty[share]) for share in shares if len(share)]
    bars = np.zeros((22_502, 6))
    fold(backtest(fed[0]), bars)
    seconds, totals = 0.0, np.zeros(6)
    for made in fed:
        bars[:] = 0
        hbt = backtest(made)
        began = time.perf_counter()
        count = fold(hbt, bars)
        seconds += time.perf_counter() - began
        hbt.close()
        totals += [count, *(bars[:count, column].sum() for column in range(1, 6))]
    totals[1:5] *= 10_000
    who = f"hftbacktest {hftbacktest.__version__}, 1s alone"
    note = f"{len(ts)} trades, an instrument after the other; its bars: {summed(*np.round(totals))}"
    rate("bars", who, len(ts), "ticks", seconds, note)


if __name__ == "__main__":
    main()
