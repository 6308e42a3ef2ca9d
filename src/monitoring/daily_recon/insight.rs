//! Where on the day and in which kind of bar the differences lie: by class of bar, by interruption, and as a line of
//! letters for each symbol.
//!
//! What it never does: decide a cause, or format a table. Who calls it: `recon`, when there is a difference.

use std::collections::BTreeSet;

use barkeep_schemas::{GapCause, ReconCause, Ts};
use serde::Serialize;

use super::bars::{KeyedBar, SymbolIndex, SymbolTable};
use super::causes::{DayFacts, Gap, Sides};
use super::compare::{Difference, split_symbol};
use super::report::epoch_seconds;

/// Letters of a line at most: with indent and name it fits 80 columns.
const CELLS_MAX: i64 = 63;

/// Symbols that have a line, at most.
const LINES_MAX: usize = 20;

/// What a cell shows: the first of these that one of its bars has.
pub const LETTERS: [(ReconCause, char); 13] = [
    (ReconCause::Unexplained, '!'),
    (ReconCause::CorporateAction, 'x'),
    (ReconCause::ApplianceDown, 'd'),
    (ReconCause::FeedGap, 'g'),
    (ReconCause::BrokerIncomplete, 'i'),
    (ReconCause::BrokerRevised, 'r'),
    (ReconCause::Duplicate, '2'),
    (ReconCause::Halt, 'h'),
    (ReconCause::LateTicks, 'l'),
    (ReconCause::OpeningPrice, 'o'),
    (ReconCause::Auction, 'a'),
    (ReconCause::VolumeBoundary, 'v'),
    (ReconCause::Conflation, 'c'),
];

/// Bars of one kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct ClassCount {
    /// `gap`: an interruption of the feed lies in it; `edge`: the first or the last of a continuous part; `other`.
    pub class: &'static str,
    /// Keys on either side.
    pub compared: u64,
    /// Those outside tolerance.
    pub outside: u64,
}

/// An interruption of a feed, and what it cost.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct GapCount {
    /// The last moment at which the feed was known to be whole.
    #[serde(serialize_with = "epoch_seconds")]
    pub from: Ts,
    /// The first moment at which it was whole again.
    #[serde(serialize_with = "epoch_seconds")]
    pub to: Ts,
    /// Why.
    pub cause: GapCause,
    /// Bars outside tolerance because of it; one that two touch counts for the first.
    pub bars: u64,
}

/// The day of one symbol as letters.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct HeatLine {
    /// Whose.
    pub symbol: String,
    /// A character for each cell: `.` all in order, a blank where neither side has a bar, else a letter of [`LETTERS`].
    pub cells: String,
}

/// The day as letters.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Heat {
    /// How long a cell is, seconds.
    pub cell_seconds: i64,
    /// Symbols with differences, those with most first.
    pub lines: Vec<HeatLine>,
    /// Symbols with differences that have no line here.
    pub more: u64,
}

/// All of it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Insight {
    /// By class of bar; none where nothing differs.
    pub classes: Vec<ClassCount>,
    /// Interruptions, in the order of the tape.
    pub gaps: Vec<GapCount>,
    /// The day as letters.
    pub heat: Heat,
}

impl Insight {
    /// Looks at differences that have their causes. `from` and `to` are the first and the last start compared.
    pub fn of(
        differences: &[Difference],
        compared: u64,
        sides: &Sides<'_>,
        facts: &DayFacts,
        symbols: &SymbolTable,
        [from, to]: [Ts; 2],
    ) -> Self {
        Self {
            classes: classes(differences, compared, sides, facts),
            gaps: gaps(differences, sides, facts),
            heat: heat(differences, sides, symbols, [from, to]),
        }
    }
}

fn end(start: Ts, sides: &Sides<'_>) -> Ts {
    Ts::new(start.get().saturating_add(sides.tf.nanos()))
}

type Keys = BTreeSet<(SymbolIndex, Ts)>;

fn classes(differences: &[Difference], compared: u64, sides: &Sides<'_>, facts: &DayFacts) -> Vec<ClassCount> {
    let (mut in_gap, mut at_edge) = (Keys::new(), Keys::new());
    for (symbol, known) in (0..).map(SymbolIndex).zip(&facts.symbols) {
        for bars in [sides.internal, sides.broker] {
            let bars = of_symbol(bars, symbol);
            for gap in facts.gaps.iter().filter(|gap| Some(gap.feed) == known.feed) {
                let first = bars.partition_point(|bar| end(bar.start, sides) <= gap.from);
                let touched = bars.iter().skip(first).take_while(|bar| bar.start < gap.to);
                in_gap.extend(touched.map(KeyedBar::key));
            }
            for (begin, until) in &known.hours {
                let last = Ts::new(until.get().saturating_sub(sides.tf.nanos()));
                for start in [*begin, last] {
                    if bars.binary_search_by_key(&start, |bar| bar.start).is_ok() {
                        at_edge.insert((symbol, start));
                    }
                }
            }
        }
    }
    at_edge.retain(|key| !in_gap.contains(key));
    let outside = |keys: &Keys| differences.iter().filter(|row| keys.contains(&(row.symbol, row.start))).count() as u64;
    let (gap, edge) = (outside(&in_gap), outside(&at_edge));
    let class = |class, compared, outside| ClassCount { class, compared, outside };
    let (gaps, edges) = (in_gap.len() as u64, at_edge.len() as u64);
    vec![
        class("gap", gaps, gap),
        class("edge", edges, edge),
        class("other", compared.saturating_sub(gaps + edges), (differences.len() as u64).saturating_sub(gap + edge)),
    ]
}

fn gaps(differences: &[Difference], sides: &Sides<'_>, facts: &DayFacts) -> Vec<GapCount> {
    let count = |gap: &Gap| GapCount { from: gap.from, to: gap.to, cause: gap.cause, bars: 0 };
    let mut counts: Vec<GapCount> = facts.gaps.iter().map(count).collect();
    let by_gap = differences.iter().filter(|row| matches!(row.cause, ReconCause::FeedGap | ReconCause::ApplianceDown));
    for row in by_gap {
        let feed = facts.symbols.get(row.symbol.index()).and_then(|known| known.feed);
        let until = end(row.start, sides);
        let touches = |gap: &&Gap| {
            let is_down = gap.cause == GapCause::ApplianceDown;
            let is_kind = is_down == (row.cause == ReconCause::ApplianceDown);
            is_kind && Some(gap.feed) == feed && gap.touches(row.start, until)
        };
        let found = facts.gaps.iter().zip(&mut counts).find(|(gap, _)| touches(gap));
        if let Some((_, count)) = found {
            count.bars += 1;
        }
    }
    counts
}

fn of_symbol(bars: &[KeyedBar], symbol: SymbolIndex) -> &[KeyedBar] {
    let before = bars.partition_point(|bar| bar.symbol < symbol);
    split_symbol(bars.get(before..).unwrap_or_default(), symbol).0
}

fn heat(differences: &[Difference], sides: &Sides<'_>, symbols: &SymbolTable, [from, to]: [Ts; 2]) -> Heat {
    let step = sides.tf.nanos();
    let bars = to.get().saturating_sub(from.get()) / step + 1;
    let a_cell = (bars + CELLS_MAX - 1) / CELLS_MAX;
    let cell = step.saturating_mul(a_cell);
    let cells = usize::try_from((bars + a_cell - 1) / a_cell).unwrap_or(0);
    let place = |start: Ts| usize::try_from((start.get() - from.get()) / cell).unwrap_or(usize::MAX);
    let mut by_symbol: Vec<&[Difference]> = differences.chunk_by(|a, b| a.symbol == b.symbol).collect();
    by_symbol.sort_by_key(|rows| std::cmp::Reverse(rows.len()));
    let more = by_symbol.len().saturating_sub(LINES_MAX) as u64;
    let mut lines = Vec::new();
    for rows in by_symbol.into_iter().take(LINES_MAX) {
        let Some(symbol) = rows.first().map(|row| row.symbol) else { continue };
        let mut letters = vec![' '; cells];
        for bar in of_symbol(sides.internal, symbol).iter().chain(of_symbol(sides.broker, symbol)) {
            if let Some(letter) = letters.get_mut(place(bar.start)) {
                *letter = '.';
            }
        }
        for (cause, sign) in LETTERS.into_iter().rev() {
            for row in rows.iter().filter(|row| row.cause == cause) {
                if let Some(letter) = letters.get_mut(place(row.start)) {
                    *letter = sign;
                }
            }
        }
        let symbol = symbols.name(symbol).unwrap_or_default().to_owned();
        lines.push(HeatLine { symbol, cells: letters.into_iter().collect() });
    }
    Heat { cell_seconds: cell / barkeep_schemas::NANOS, lines, more }
}

#[cfg(test)]
mod tests {
    use barkeep_schemas::{FeedId, Price, Qty, Timeframe};

    use super::super::causes::{SymbolFacts, explain};
    use super::super::compare::compare;
    use super::super::tolerance::Tolerances;
    use super::*;

    #[test]
    fn every_difference_lies_in_one_class_one_gap_and_one_cell() {
        let minute = |number: i64| Ts::from_secs(number * 60);
        let bar = |number: i64| KeyedBar {
            symbol: SymbolIndex(0),
            start: minute(number),
            open: Price::new(1_000_000),
            high: Price::new(1_000_000),
            low: Price::new(1_000_000),
            close: Price::new(1_000_000),
            volume: Qty::new(1_000),
        };
        let theirs: Vec<KeyedBar> = (0..375).map(bar).collect();
        let lacking = [0, 100, 101, 300];
        let ours: Vec<KeyedBar> = (0..375).filter(|number| !lacking.contains(number)).map(bar).collect();
        let gap = Gap { feed: FeedId(0), from: minute(100), to: minute(103), cause: GapCause::Silence };
        let hours = vec![(minute(0), minute(375))];
        let known = SymbolFacts { feed: Some(FeedId(0)), hours, ..SymbolFacts::default() };
        let facts = DayFacts { gaps: vec![gap], symbols: vec![known], ..DayFacts::default() };
        let (tick_sizes, tolerance) = ([Price::new(500)], Tolerances::STRICT);
        let sides = Sides {
            internal: &ours,
            broker: &theirs,
            tick_sizes: &tick_sizes,
            tolerances: &tolerance,
            tf: Timeframe::M1,
        };
        let mut found = compare(&ours, &theirs, &tick_sizes, &tolerance);
        explain(&mut found.differences, &sides, &facts);
        let symbols = SymbolTable::new(["INFY"]);
        let told =
            Insight::of(&found.differences, found.total.compared, &sides, &facts, &symbols, [minute(0), minute(374)]);
        let classes = told.classes.iter().map(|class| (class.class, class.compared, class.outside));
        assert_eq!(classes.collect::<Vec<_>>(), [("gap", 3, 2), ("edge", 2, 1), ("other", 370, 1)]);
        assert_eq!(told.gaps.iter().map(|gap| gap.bars).collect::<Vec<_>>(), [2]);
        assert_eq!((told.heat.cell_seconds, told.heat.lines.len(), told.heat.more), (360, 1, 0));
        insta::assert_snapshot!(told.heat.lines[0].cells, @"!...............g.................................!............");
    }
}
