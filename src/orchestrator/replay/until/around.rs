//! What stands around an event that was found: its pair and order, what has not ended, and the money.

use std::collections::BTreeMap;

use barkeep_schemas::{EquityMark, Event, FineMoney, OrderId, OrderStatus, PairState, Price, Qty, Real, Scope};
use serde::Serialize;

use super::world::{OrderNow, PairNow, World, about};

/// What stands around an event.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Around {
    /// The pair that the event is about, else all that are not flat.
    pub pairs: Vec<PairAround>,
    /// The order that the event is about and all that have not ended.
    pub orders: Vec<OrderAround>,
    /// The newest money of every scope.
    pub equity: Vec<EquityAround>,
    /// Kill switches that are on, with their reasons.
    pub kills: BTreeMap<&'static str, String>,
}

/// A pair around an event.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct PairAround {
    /// Its name.
    pub pair: String,
    /// Where it stands.
    pub state: PairState,
    /// z of its newest mark.
    pub zscore: Option<f64>,
    /// Spread of that mark.
    pub spread: Option<f64>,
    /// Shares of leg A held.
    pub qty_a: i64,
    /// Shares of leg B held.
    pub qty_b: i64,
}

/// An order around an event.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct OrderAround {
    /// Its identity.
    pub order: OrderId,
    /// Its symbol.
    pub symbol: String,
    /// Which way.
    pub side: barkeep_schemas::Side,
    /// Shares allowed.
    pub qty: Qty,
    /// Shares filled.
    pub filled: Qty,
    /// Limit or protection.
    pub price: Price,
    /// Where it stands.
    pub status: OrderStatus,
}

/// A scope's money around an event.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct EquityAround {
    /// What it is of.
    pub scope: Scope,
    /// Capital and profit; absent while a price is stale.
    pub equity: Option<FineMoney>,
    /// At most 0; absent with equity.
    pub drawdown_pct: Option<f64>,
}

impl World {
    /// What stands around an event: its pair and order, what has not ended, and the money.
    pub fn around(&self, event: &Event) -> Around {
        let about = about(event);
        let pairs = self.pairs.iter().filter(|pair| match about.pair {
            Some(id) => pair.spec.id == id,
            None => pair.state != PairState::Flat,
        });
        let orders = self.orders.iter().filter(|(id, order)| {
            about.order == Some(**id)
                || (!order.status.is_terminal() && about.pair.is_none_or(|pair| order.created.id.pair == pair))
        });
        Around {
            pairs: pairs.map(pair_around).collect(),
            orders: orders.map(|(id, order)| self.order_around(*id, order)).collect(),
            equity: self.equity.values().map(equity_around).collect(),
            kills: self.kills.iter().map(|(scope, reason)| (scope.name(), reason.clone())).collect(),
        }
    }

    fn order_around(&self, id: OrderId, order: &OrderNow) -> OrderAround {
        OrderAround {
            order: id,
            symbol: self.symbol(order.created.instrument.index()).unwrap_or_default(),
            side: order.created.side,
            qty: order.qty,
            filled: order.filled,
            price: order.created.price,
            status: order.status,
        }
    }
}

fn pair_around(pair: &PairNow) -> PairAround {
    let mark = pair.mark.as_ref();
    PairAround {
        pair: pair.spec.name.clone(),
        state: pair.state,
        zscore: mark.and_then(|mark| mark.z).map(Real::get),
        spread: mark.map(|mark| mark.spread.get()),
        qty_a: pair.qty_a,
        qty_b: pair.qty_b,
    }
}

fn equity_around(mark: &EquityMark) -> EquityAround {
    EquityAround { scope: mark.scope, equity: mark.equity, drawdown_pct: mark.drawdown_pct.map(Real::get) }
}
