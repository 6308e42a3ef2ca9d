//! What a correction did to a bar, as `explain bar` tells it.
//!
//! What it never does: touch the arithmetic of the engine's edition. Called by [`super::explain_bar`].

use barkeep_schemas::{HealAction, Ohlcv, ReconCause, Seq};
use serde::Serialize;

use super::Node;
use super::bar::{BarQuestion, money};
use super::day::InstrumentDay;

/// The newest correction of a bar.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct HealedBar {
    /// Where it lies.
    pub seq: Seq,
    /// The run of the healer that made it.
    pub run_id: Seq,
    /// What was done.
    pub action: HealAction,
    /// Why the bars differed, of a correction that was asked for.
    pub cause: Option<ReconCause>,
    /// Its revision.
    pub revision: u16,
    /// Where the broker's bar lies that was taken.
    pub source: Option<Seq>,
    /// All of it in a line.
    pub text: String,
}

/// The newest correction of the bar that starts at `start`, as known at the position asked for.
pub(super) fn healed(day: &InstrumentDay, question: &BarQuestion, start: i64) -> Option<HealedBar> {
    let is_it = |seq: Seq| question.as_of.is_none_or(|as_of| seq <= as_of);
    let mut known = day.corrections.iter().filter(|correction| is_it(correction.seq));
    let found = known.rfind(|it| it.bar.tf == question.tf && it.bar.start.get() == start)?;
    let bar = &found.bar;
    let how = match bar.action {
        HealAction::InsertBroker => "there was none, and the broker's was taken",
        HealAction::TakeBroker => "the broker's took its place",
        HealAction::Rebuild => "made again from minutes of which one was corrected",
        HealAction::Revert => "it is again what it was before the run that is taken back",
    };
    let because = bar.cause.map_or_else(String::new, |cause| format!(" ({cause})"));
    let done = match bar.action {
        HealAction::Revert => "taken back",
        HealAction::InsertBroker | HealAction::TakeBroker | HealAction::Rebuild => "healed",
    };
    let text = format!(
        "{done} by run {} at seq {}: {how}{because}; from {} to {}, revision {}",
        bar.run_id,
        found.seq,
        numbers(bar.before.as_ref()),
        numbers(bar.after.as_ref()),
        bar.revision
    );
    Some(HealedBar {
        seq: found.seq,
        run_id: bar.run_id,
        action: bar.action,
        cause: bar.cause,
        revision: bar.revision,
        source: bar.source,
        text,
    })
}

/// The tree of a bar that no tick made: the correction, and the broker's bar that it took.
pub(super) fn tree(day: &InstrumentDay, question: &BarQuestion, start: i64, healed: &HealedBar) -> Node {
    let (tf, clock) = (question.tf.label(), (question.clock)(barkeep_schemas::Ts::new(start)));
    let source = healed.source.map(|seq| Node {
        seq,
        kind: "outside_bar".to_owned(),
        text: format!("the broker's {tf} bar of {} at {clock}", day.symbol),
        inputs: Vec::new(),
    });
    Node {
        seq: healed.seq,
        kind: "bar_correction".to_owned(),
        text: format!("{} {tf} {clock} {}", day.symbol, healed.text),
        inputs: source.into_iter().collect(),
    }
}

fn numbers(bar: Option<&Ohlcv>) -> String {
    bar.map_or_else(
        || "no bar".to_owned(),
        |bar| {
            let [open, high, low, close] = [bar.open, bar.high, bar.low, bar.close].map(money);
            format!("o={open} h={high} l={low} c={close} v={}", bar.volume)
        },
    )
}
