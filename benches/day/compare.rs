//! Reconciliation in memory: 75,000 bars against the broker's in no order, of which 1% differ; his are sorted within the
//! time.

use barkeep::monitoring::daily_recon::{KeyedBar, SymbolIndex, Tolerances, compare, keep_newest};
use barkeep_schemas::{Price, Qty, ReconStatus, Ts};

use crate::files::{self, MinuteBar};
use crate::measure;

pub fn main() {
    let (ours, theirs) = files::sides();
    let (ours, theirs): (Vec<_>, Vec<_>) = (keyed(&ours), keyed(&theirs));
    let tick_sizes = [Price::new(500); 200];
    let mut found = String::new();
    let seconds = measure::median(15, || {
        let mut theirs = theirs.clone();
        let mut comparison = None;
        let seconds = measure::seconds(|| {
            keep_newest(&mut theirs);
            comparison = Some(compare(&ours, &theirs, &tick_sizes, &Tolerances::STRICT));
        });
        let total = comparison.expect("it ran").total;
        let [price, volume, broker, internal] =
            [ReconStatus::Price, ReconStatus::Volume, ReconStatus::MissingBroker, ReconStatus::MissingInternal]
                .map(|status| total.of_status(status));
        found = files::counts(total.matched, price + volume, broker, internal);
        seconds
    });
    let note = format!("{} bars in memory, sorting the broker's included", ours.len());
    measure::time("compare", seconds, &note, &found);
}

fn keyed(bars: &[MinuteBar]) -> Vec<KeyedBar> {
    let keyed = bars.iter().map(|bar| KeyedBar {
        symbol: SymbolIndex(bar.instrument as u32),
        start: Ts::new(bar.start),
        open: Price::new(bar.open),
        high: Price::new(bar.high),
        low: Price::new(bar.low),
        close: Price::new(bar.close),
        volume: Qty::new(bar.volume),
    });
    keyed.collect()
}
