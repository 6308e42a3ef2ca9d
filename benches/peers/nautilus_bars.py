"""Bars of all timeframes from a stretch of the session's trades in NautilusTrader's backtest engine: nautilus_bars.py

The engine is fed trade by trade and makes the bars itself, as barkeep's does; it keeps no tape.
"""

from lines import FOLDER, TICK, rate  # noqa: I001  (first: it pins the threads)

import time
import warnings

import nautilus_trader
import numpy as np
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.common.config import LoggingConfig
from nautilus_trader.data.config import DataEngineConfig
from nautilus_trader.model.currencies import INR
from nautilus_trader.model.data import BarType, TradeTick
from nautilus_trader.model.enums import AccountType, AggressorSide, BarAggregation, OmsType
from nautilus_trader.model.identifiers import InstrumentId, Symbol, TradeId, Venue
from nautilus_trader.model.instruments import Equity
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.trading.strategy import Strategy

VENUE = Venue("NSE")
# The first stretch of the session: each trade is an object of its own here.
TRADES = 500_000
# A timeframe and the one it is made of.
FRAMES = ["1-MINUTE-LAST-INTERNAL@1-SECOND-INTERNAL"] + [
    f"{frame}-LAST-INTERNAL@1-MINUTE-INTERNAL" for frame in ("3-MINUTE", "5-MINUTE", "15-MINUTE", "30-MINUTE", "1-HOUR")
]


class Collector(Strategy):
    """Asks for every bar; counts them, and the shares in those of a second."""

    def __init__(self, instruments):
        super().__init__()
        self.instruments = instruments
        self.bars = 0
        self.sold = 0

    def on_start(self):
        for instrument in self.instruments:
            for frame in ["1-SECOND-LAST-INTERNAL", *FRAMES]:
                self.subscribe_bars(BarType.from_str(f"{instrument.id}-{frame}"))

    def on_bar(self, bar):
        self.bars += 1
        if bar.bar_type.spec.aggregation == BarAggregation.SECOND:
            self.sold += bar.volume.as_double()


def equity(number):
    symbol = Symbol(f"S{number:03}")
    return Equity(
        instrument_id=InstrumentId(symbol, VENUE),
        raw_symbol=symbol,
        currency=INR,
        price_precision=2,
        price_increment=Price.from_str("0.05"),
        lot_size=Quantity.from_int(1),
        ts_event=0,
        ts_init=0,
    )


def trades(ticks, instruments):
    made = []
    for n, tick in enumerate(ticks):
        price, size = Price(tick["price"] / 10_000, 2), Quantity.from_int(int(tick["qty"]))
        at = int(tick["ts"])
        instrument = instruments[tick["inst"]].id
        made.append(TradeTick(instrument, price, size, AggressorSide.BUYER, TradeId(str(n)), at, at))
    return made


def main():
    warnings.simplefilter("ignore")  # of pandas, about the names that the engine still uses
    ticks = np.fromfile(FOLDER / "day.bin", TICK, count=TRADES)
    instruments = [equity(number) for number in range(200)]
    logging = LoggingConfig(bypass_logging=True)
    data = DataEngineConfig(time_bars_build_with_no_updates=False)
    engine = BacktestEngine(BacktestEngineConfig(logging=logging, data_engine=data, run_analysis=False))
    engine.add_venue(VENUE, OmsType.NETTING, AccountType.CASH, [Money(1_000_000, INR)], base_currency=INR)
    for instrument in instruments:
        engine.add_instrument(instrument)
    engine.add_data(trades(ticks, instruments))
    collector = Collector(instruments)
    engine.add_strategy(collector)
    began = time.perf_counter()
    engine.run()
    seconds = time.perf_counter() - began
    # Every share but those of the bars that are open when the last trade has come.
    traded = int(ticks["qty"].sum())
    assert 0.99 * traded < collector.sold <= traded, (collector.sold, traded)
    who = f"NautilusTrader {nautilus_trader.__version__}"
    note = f"{len(ticks)} trades through the backtest engine of the Python package, {collector.bars} bars, one run"
    rate("bars", who, len(ticks), "ticks", seconds, note)


if __name__ == "__main__":
    main()
