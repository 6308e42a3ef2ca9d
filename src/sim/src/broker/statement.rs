//! The account as REST shows it: margins, positions, holdings.
//!
//! It changes nothing; what it adds up is the portfolio's. `broker` calls it.

use barkeep_schemas::Ts;

use super::cover::shown;
use super::desk::Desk;
use super::exchange::Exchange;
use super::order::average;
use super::portfolio::{Holding, Position};
use super::terms::Product;
use crate::kite::Rupees;
use crate::kite::account::{Available, HoldingRow, MarginsBody, PositionRow, PositionsBody, SegmentMargins, Utilised};
use crate::kite::stamp::{date_time, ist, ist_date};

/// Both segments; there are no commodities.
pub(super) fn margins(desk: &Desk, market: &dyn Exchange) -> MarginsBody {
    let portfolio = &desk.portfolio;
    let (used, realised) = (portfolio.used() + desk.blocked_total(market), portfolio.realised());
    let unrealised = portfolio.positions.iter().map(|((instrument, _), position)| {
        let last = i128::from(market.quote(*instrument).last_price.get());
        let open = if position.net < 0 { -position.open_value } else { position.open_value };
        i128::from(position.net) * last - open
    });
    let net = portfolio.cash + realised - used;
    let cash = shown(portfolio.cash);
    let available = Available { cash, opening_balance: cash, live_balance: shown(net), ..Available::default() };
    let utilised = Utilised {
        debits: shown(used - realised),
        exposure: shown(used),
        m2m_realised: shown(realised),
        m2m_unrealised: shown(unrealised.sum()),
        ..Utilised::default()
    };
    let equity = SegmentMargins { enabled: true, net: shown(net), available, utilised };
    MarginsBody { equity, commodity: SegmentMargins::default() }
}

/// All positions, and those with trades today.
pub(super) fn positions(desk: &Desk, market: &dyn Exchange) -> PositionsBody {
    let all = || desk.portfolio.positions.iter();
    let row = |(key, position): (&(usize, Product), &Position)| position_row(*key, position, market);
    let today = |(_, position): &(&(usize, Product), &Position)| position.bought.qty + position.sold.qty > 0;
    let day = all().filter(today).map(|(key, position)| {
        let alone = Position { carried: 0, net: position.net - position.carried, ..*position };
        position_row(*key, &alone, market)
    });
    PositionsBody { day: day.collect(), net: all().map(row).collect() }
}

fn position_row((instrument, product): (usize, Product), position: &Position, market: &dyn Exchange) -> PositionRow {
    let (listing, quote) = (market.listing(instrument, market.date()), market.quote(instrument));
    let (last, close) = (i128::from(quote.last_price.get()), i128::from(quote.close.get()));
    let (carried, price) = (i128::from(position.carried), i128::from(position.carried_price));
    let (long, short) = (carried.max(0), -carried.min(0));
    let (buy, sell) = (position.bought.value + long * price, position.sold.value + short * price);
    let (buy_m2m, sell_m2m) = (position.bought.value + long * close, position.sold.value + short * close);
    let (buy_qty, sell_qty) =
        (position.bought.qty + position.carried.max(0), position.sold.qty - position.carried.min(0));
    let open = i128::from(position.net) * last;
    PositionRow {
        tradingsymbol: listing.symbol,
        exchange: "NSE",
        instrument_token: listing.token,
        product: product.name(),
        quantity: position.net,
        overnight_quantity: position.carried,
        multiplier: 1,
        average_price: Rupees(position.average()),
        close_price: quote.close.into(),
        last_price: quote.last_price.into(),
        value: shown(sell - buy),
        pnl: shown(sell - buy + open),
        m2m: shown(sell_m2m - buy_m2m + open),
        unrealised: shown(sell - buy + open),
        realised: Rupees::ZERO,
        buy_quantity: buy_qty,
        buy_price: Rupees(average(buy, buy_qty)),
        buy_value: shown(buy),
        buy_m2m: shown(buy_m2m),
        sell_quantity: sell_qty,
        sell_price: Rupees(average(sell, sell_qty)),
        sell_value: shown(sell),
        sell_m2m: shown(sell_m2m),
        day_buy_quantity: position.bought.qty,
        day_buy_price: Rupees(average(position.bought.value, position.bought.qty)),
        day_buy_value: shown(position.bought.value),
        day_sell_quantity: position.sold.qty,
        day_sell_price: Rupees(average(position.sold.value, position.sold.qty)),
        day_sell_value: shown(position.sold.value),
    }
}

/// Shares held, by instrument.
pub(super) fn holdings(desk: &Desk, market: &dyn Exchange, now: Ts) -> Vec<HoldingRow> {
    let sold = |instrument: usize| -desk.portfolio.position(instrument, Product::Cnc).net.min(0);
    let all = desk.portfolio.holdings.iter();
    all.map(|(instrument, holding)| holding_row(*instrument, holding, sold(*instrument), market, now)).collect()
}

fn holding_row(instrument: usize, holding: &Holding, sold: i64, market: &dyn Exchange, now: Ts) -> HoldingRow {
    let (listing, quote) = (market.listing(instrument, market.date()), market.quote(instrument));
    let (last, close) = (quote.last_price.get(), quote.close.get());
    let midnight = ist(ist_date(now), 0);
    HoldingRow {
        tradingsymbol: listing.symbol,
        exchange: "NSE",
        instrument_token: listing.token,
        isin: format!("INE{:06}A01", listing.token >> 8),
        product: Product::Cnc.name(),
        price: Rupees::ZERO,
        quantity: (holding.delivered - sold).max(0),
        used_quantity: sold,
        t1_quantity: holding.t1,
        realised_quantity: holding.delivered,
        authorised_quantity: 0,
        authorised_date: date_time(midnight),
        opening_quantity: holding.total(),
        collateral_quantity: 0,
        collateral_type: "",
        discrepancy: false,
        average_price: Rupees(average(holding.cost, holding.total())),
        last_price: quote.last_price.into(),
        close_price: quote.close.into(),
        pnl: shown(i128::from(last) * i128::from(holding.total()) - holding.cost),
        day_change: Rupees(last - close),
        day_change_percentage: if close == 0 { 0.0 } else { (last - close) as f64 * 100.0 / close as f64 },
    }
}
