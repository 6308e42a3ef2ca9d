//! What trades cost: brokerage, taxes and fees of one fill, and the day's contract note.
//!
//! What it is: arithmetic on the session's rates. What it never does: know an order or a position. Who calls it: the
//! orders, once for each fill; the desk, at the session's close.
//!
//! Invariants: the brokerage of an order's fills adds up to that of the order filled at once, whatever the fills; a
//! fill's charges are rounded at 0.00000001 of the account currency alone, halves away from zero.

use barkeep_schemas::{ChargeRates, Charges, ContractNote, FineMoney, Money, Product, Segment, Seq, Side};

use crate::state::wire_fields;

/// Raw money times billionths in one raw unit of [`FineMoney`].
const PPB_PER_FINE: i128 = 100_000;

/// Hundredths of a percent in one.
const BPS: i128 = 10_000;

/// Raw [`FineMoney`] in a paisa, and raw [`Money`] in one.
const PAISA_FINE: i128 = 1_000_000;
const PAISA: i128 = 100;

/// Raw [`FineMoney`] in a rupee, and raw [`Money`] in one.
const RUPEE_FINE: i128 = 100_000_000;
const RUPEE: i128 = 10_000;

/// `value / unit`, rounded to the nearest, halves away from zero; `unit` is above 0.
pub(super) const fn nearest(value: i128, unit: i128) -> i128 {
    let half = unit / 2;
    if value < 0 { (value - half) / unit } else { (value + half) / unit }
}

/// The raw number nearest to `value`.
pub(super) const fn saturate(value: i128) -> i64 {
    if value > i64::MAX as i128 {
        i64::MAX
    } else if value < i64::MIN as i128 {
        i64::MIN
    } else {
        value as i64
    }
}

const fn fine(value: i128) -> FineMoney {
    FineMoney::new(saturate(value))
}

/// A part of a turnover, in billionths of it.
const fn share(turnover: Money, ppb: u32) -> i128 {
    nearest(turnover.get() as i128 * ppb as i128, PPB_PER_FINE)
}

/// The rates of a product and side; `None` when the setup has none.
pub(crate) fn rates(all: &[ChargeRates], product: Product, side: Side) -> Option<&ChargeRates> {
    all.iter().find(|rates| rates.segment == Segment::NseEquity && rates.product == product && rates.side == side)
}

/// What an order pays its broker for a turnover.
fn brokerage(rates: &ChargeRates, turnover: Money) -> i128 {
    share(turnover, rates.brokerage_ppb).min(FineMoney::of(rates.brokerage_cap).get() as i128)
}

/// The charges of one fill of `turnover`, of an order whose fills before it turned over `turnover_before`.
pub(crate) fn charge(rates: &ChargeRates, turnover_before: Money, turnover: Money) -> Charges {
    let after = Money::new(turnover_before.get().saturating_add(turnover.get()));
    let brokerage = brokerage(rates, after) - brokerage(rates, turnover_before);
    let exchange = share(turnover, rates.exchange_ppb);
    let sebi = share(turnover, rates.sebi_ppb);
    Charges {
        brokerage: fine(brokerage),
        stt: fine(share(turnover, rates.stt_ppb)),
        exchange: fine(exchange),
        sebi: fine(sebi),
        stamp: fine(share(turnover, rates.stamp_ppb)),
        gst: fine(nearest((brokerage + exchange + sebi) * i128::from(rates.gst_bps), BPS)),
    }
}

/// The day's contract note so far.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Note {
    orders: u32,
    trades: u32,
    bought: Money,
    sold: Money,
    charges: Charges,
}
wire_fields!(Note { orders, trades, bought, sold, charges });

impl Default for Note {
    fn default() -> Self {
        Self { orders: 0, trades: 0, bought: Money::ZERO, sold: Money::ZERO, charges: Charges::ZERO }
    }
}

impl Note {
    /// Adds a fill; `order_is_new` when it is its order's first.
    pub(crate) fn add(&mut self, order_is_new: bool, side: Side, turnover: Money, charges: &Charges) {
        self.orders = self.orders.saturating_add(u32::from(order_is_new));
        self.trades = self.trades.saturating_add(1);
        let turned = match side {
            Side::Buy => &mut self.bought,
            Side::Sell => &mut self.sold,
        };
        *turned = Money::new(turned.get().saturating_add(turnover.get()));
        let plus = |a: FineMoney, b: FineMoney| FineMoney::new(a.get().saturating_add(b.get()));
        let sum = &self.charges;
        self.charges = Charges {
            brokerage: plus(sum.brokerage, charges.brokerage),
            stt: plus(sum.stt, charges.stt),
            exchange: plus(sum.exchange, charges.exchange),
            sebi: plus(sum.sebi, charges.sebi),
            stamp: plus(sum.stamp, charges.stamp),
            gst: plus(sum.gst, charges.gst),
        };
    }

    /// The note: the transaction tax to the rupee, halves up, every other charge to the paisa.
    pub(crate) fn total(&self, cause: Seq) -> ContractNote {
        let round = |amount: FineMoney, unit: i128, raw: i128| nearest(i128::from(amount.get()), unit) * raw;
        let sum = &self.charges;
        let stt = round(sum.stt, RUPEE_FINE, RUPEE);
        let rest = [sum.brokerage, sum.exchange, sum.sebi, sum.stamp, sum.gst];
        let rest: i128 = rest.into_iter().map(|amount| round(amount, PAISA_FINE, PAISA)).sum();
        ContractNote {
            orders: self.orders,
            trades: self.trades,
            bought: self.bought,
            sold: self.sold,
            charges: sum.clone(),
            stt_rounded: Money::new(saturate(stt)),
            total: Money::new(saturate(stt + rest)),
            cause,
        }
    }
}

/// The intraday equity rates on NSE from 2026-03-01.
#[cfg(test)]
pub(super) fn nse(product: Product, side: Side) -> ChargeRates {
    let buys = side == Side::Buy;
    ChargeRates {
        segment: Segment::NseEquity,
        product,
        side,
        brokerage_ppb: 300_000,
        brokerage_cap: Money::new(200_000),
        stt_ppb: if buys { 0 } else { 250_000 },
        exchange_ppb: 30_700,
        sebi_ppb: 1_000,
        stamp_ppb: if buys { 30_000 } else { 0 },
        gst_bps: 1_800,
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    const fn rupees(amount: i64) -> Money {
        Money::new(amount * 10_000)
    }

    #[test]
    fn the_published_examples_hold_to_the_paisa() {
        let bought = charge(&nse(Product::Mis, Side::Buy), Money::ZERO, rupees(150_000));
        assert_eq!(bought.total().to_string(), "33.71");
        assert_eq!(bought.gst, FineMoney::new(445_590_000));
        let sold = charge(&nse(Product::Mis, Side::Sell), Money::ZERO, rupees(150_100));
        assert_eq!(sold.total().to_string(), "66.74");
        assert_eq!(sold.stt, FineMoney::new(3_752_500_000));
    }

    #[test]
    fn an_order_pays_brokerage_up_to_the_cap_over_all_its_fills() {
        let rates = nse(Product::Mis, Side::Buy);
        let mut before = Money::ZERO;
        let parts: Vec<i64> = [40_000, 20_000, 20_000, 70_000]
            .into_iter()
            .map(|turnover| {
                let charges = charge(&rates, before, rupees(turnover));
                before = Money::new(before.get() + rupees(turnover).get());
                charges.brokerage.get()
            })
            .collect();
        assert_eq!(parts, [1_200_000_000, 600_000_000, 200_000_000, 0]);
    }

    #[test]
    fn rates_are_those_of_product_and_side() {
        let all = [nse(Product::Mis, Side::Buy), nse(Product::Mis, Side::Sell)];
        assert_eq!(rates(&all, Product::Mis, Side::Sell), Some(&all[1]));
        assert_eq!(rates(&all, Product::Cnc, Side::Sell), None);
    }

    #[test]
    fn a_note_rounds_the_tax_to_the_rupee_and_the_rest_to_the_paisa() {
        let mut note = Note::default();
        let bought = charge(&nse(Product::Mis, Side::Buy), Money::ZERO, rupees(150_000));
        let sold = charge(&nse(Product::Mis, Side::Sell), Money::ZERO, rupees(150_100));
        note.add(true, Side::Buy, rupees(150_000), &bought);
        note.add(true, Side::Sell, rupees(150_100), &sold);
        let total = note.total(Seq(9));
        assert_eq!((total.orders, total.trades, total.cause), (2, 2, Seq(9)));
        assert_eq!((total.bought, total.sold), (rupees(150_000), rupees(150_100)));
        // 37.525 of tax is 38; 40 + 9.21 + 0.30 + 4.50 + 8.91 is the rest.
        assert_eq!(total.stt_rounded.to_string(), "38");
        assert_eq!(total.total.to_string(), "100.92");
        assert_eq!(total.charges.total().get(), bought.total().get() + sold.total().get());
        assert_eq!(Note::default().total(Seq(9)).total, Money::ZERO);
    }

    #[test]
    fn half_a_rupee_of_tax_is_a_rupee() {
        let mut note = Note::default();
        note.add(true, Side::Sell, rupees(2_000), &charge(&nse(Product::Mis, Side::Sell), Money::ZERO, rupees(2_000)));
        assert_eq!(note.total(Seq(1)).stt_rounded, rupees(1));
        let mut note = Note::default();
        let below = Money::new(rupees(2_000).get() - 1);
        note.add(true, Side::Sell, below, &charge(&nse(Product::Mis, Side::Sell), Money::ZERO, below));
        assert_eq!(note.total(Seq(1)).stt_rounded, Money::ZERO);
    }

    proptest! {
        #[test]
        fn the_brokerage_of_the_fills_is_that_of_the_order(parts in prop::collection::vec(0_i64..5_000_000_000, 1..20)) {
            let rates = nse(Product::Mis, Side::Sell);
            let mut before = Money::ZERO;
            let mut paid = 0;
            for part in &parts {
                let brokerage = charge(&rates, before, Money::new(*part)).brokerage.get();
                prop_assert!(brokerage >= 0);
                paid += brokerage;
                before = Money::new(before.get() + part);
            }
            prop_assert_eq!(paid, charge(&rates, Money::ZERO, before).brokerage.get());
            prop_assert!(paid <= FineMoney::of(rates.brokerage_cap).get());
        }

        #[test]
        fn no_turnover_panics(before: i64, turnover: i64, ppb: u32, gst_bps: u32) {
            let rates = ChargeRates { brokerage_ppb: ppb, stt_ppb: ppb, gst_bps, ..nse(Product::Cnc, Side::Sell) };
            charge(&rates, Money::new(before), Money::new(turnover)).total();
        }
    }
}
