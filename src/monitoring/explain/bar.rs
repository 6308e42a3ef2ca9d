//! `explain bar`: a bar, the bars that it was made of, their ticks, and the sum done again.

use barkeep_schemas::{Bar, Price, Seq, Timeframe, Ts};
use serde::Serialize;

use super::day::InstrumentDay;
use super::healed::{HealedBar, healed};
use super::second::{Redone, Seconds, Share};
use super::{ExplainError, Node};

/// Which bar is asked about.
#[derive(Clone, Copy, Debug)]
pub struct BarQuestion {
    /// Any moment inside the bar.
    pub at: Ts,
    /// The timeframe.
    pub tf: Timeframe,
    /// As known at this position; the newest edition when absent.
    pub as_of: Option<Seq>,
    /// How times are shown.
    pub clock: fn(Ts) -> String,
}

/// The answer.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Explained {
    /// The bar on top, ticks at the leaves.
    pub tree: Node,
    /// Whether the arithmetic, done again from the ticks, gives the recorded bar.
    pub agrees: bool,
    /// The arithmetic, a value each.
    pub arithmetic: Vec<Sum>,
    /// What else happened in the interval: other editions, gaps, volume in no bar, ticks set aside.
    pub notes: Vec<String>,
    /// The correction that counts now in place of the bar explained, where there is one. The tree and the arithmetic are
    /// the engine's; where the engine made no bar, the tree is the correction's and there is no arithmetic.
    pub healed: Option<HealedBar>,
}

/// One value of a bar, recorded and done again.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Sum {
    /// `open`, `high`, `low`, `close`, `volume` or `trades`.
    pub field: &'static str,
    /// As the tape has it.
    pub recorded: String,
    /// As the ticks give it.
    pub again: String,
    /// Whether they are equal.
    pub agrees: bool,
}

/// Explains a bar.
///
/// # Errors
/// [`ExplainError::NoBar`] when no bar covers the moment; the message says what is known instead.
pub fn explain_bar(day: &InstrumentDay, question: &BarQuestion) -> Result<Explained, ExplainError> {
    let at = question.at.get();
    let bucket = day.bucket(question.tf, at);
    let as_of = question.as_of.unwrap_or(Seq(u64::MAX));
    let found = bucket.and_then(|(start, end)| {
        let (seq, bar) = *day.editions(question.tf, as_of).get(&Ts::new(start))?;
        Some((seq, bar, end))
    });
    let healed = bucket.and_then(|(start, _)| healed(day, question, start));
    let Some((seq, bar, end)) = found else {
        if let (Some(healed), Some((start, _))) = (&healed, bucket) {
            let tree = super::healed::tree(day, question, start, healed);
            let notes = vec![absence(day, question, bucket)];
            return Ok(Explained { tree, agrees: true, arithmetic: Vec::new(), notes, healed: Some(healed.clone()) });
        }
        let why = absence(day, question, bucket);
        let symbol = day.symbol.clone();
        return Err(ExplainError::NoBar { symbol, tf: question.tf, at: question.at, why });
    };
    let seconds = Seconds::of(day, bar.cause);
    let redone = seconds.redo(bar.tf, bar.start.get(), end);
    let tree = Tree { day, seconds: &seconds, clock: question.clock };
    let (agrees, arithmetic) = arithmetic(bar, &redone);
    Ok(Explained {
        tree: tree.bar(seq, bar, end, None),
        agrees,
        arithmetic,
        notes: notes(day, bar, end, question.clock).into_iter().chain(silence(&seconds, bar, question.clock)).collect(),
        healed,
    })
}

/// Builds nodes.
struct Tree<'a> {
    day: &'a InstrumentDay,
    seconds: &'a Seconds<'a>,
    clock: fn(Ts) -> String,
}

impl Tree<'_> {
    /// A bar and what it was made of, as known when the topmost bar was made.
    fn bar(&self, seq: Seq, bar: &Bar, end: i64, top: Option<Seq>) -> Node {
        let as_of = top.unwrap_or(seq);
        let inputs = match finer(bar.tf) {
            Some(tf) => self.finer_bars(tf, bar.start.get(), end, as_of),
            None => self.ticks(bar.start.get(), end),
        };
        let numbers = format!(
            "{} {} o={} h={} l={} c={} v={} trades={}",
            bar.tf.label(),
            (self.clock)(bar.start),
            money(bar.open),
            money(bar.high),
            money(bar.low),
            money(bar.close),
            bar.volume,
            bar.n_trades
        );
        let text = match (top, bar.revision) {
            (None, revision) => {
                let cause = self.day.causes.get(&bar.cause).map_or("an input", String::as_str);
                let edition = if revision == 0 { "closed by" } else { "revised after" };
                format!("{} {numbers} revision {revision}, {edition} {cause} at seq {}", self.day.symbol, bar.cause)
            }
            (Some(_), 0) => numbers,
            (Some(_), revision) => format!("{numbers} revision {revision}"),
        };
        Node { seq, kind: format!("bar_{}", bar.tf.label()), text, inputs }
    }

    /// The finer bars inside, and the ticks of seconds that have no bar of their own.
    fn finer_bars(&self, tf: Timeframe, start: i64, end: i64, as_of: Seq) -> Vec<Node> {
        let editions = self.day.editions(tf, as_of);
        let mut nodes: Vec<Node> = editions
            .range(Ts::new(start)..Ts::new(end))
            .map(|(from, (seq, bar))| {
                let end = self.day.bucket(tf, from.get()).map_or(from.get(), |(_, end)| end);
                self.bar(*seq, bar, end, Some(as_of))
            })
            .collect();
        if tf == Timeframe::S1 {
            for (second, shares) in self.seconds.between(start, end) {
                if !editions.contains_key(&Ts::new(second)) {
                    nodes.extend(shares.iter().map(|share| self.tick(share, Timeframe::M1)));
                }
            }
            nodes.sort_by_key(|node| node.seq);
        }
        nodes
    }

    fn ticks(&self, start: i64, end: i64) -> Vec<Node> {
        let shares = self.seconds.between(start, end).flat_map(|(_, shares)| shares);
        shares
            .map(|share| {
                let mut node = self.tick(share, Timeframe::S1);
                if share.at < start || share.at >= end {
                    node.text.push_str(", its flags hand its volume to the bar before");
                }
                node
            })
            .collect()
    }

    fn tick(&self, share: &Share<'_>, tf: Timeframe) -> Node {
        let mut text = format!("{} price {}", (self.clock)(Ts::new(share.at)), money(share.tick.price));
        if let Some(qty) = share.tick.qty {
            text.push_str(&format!(" qty {qty}"));
        }
        if let Some(volume) = share.tick.cum_volume {
            text.push_str(&format!(" day's volume {volume}"));
        }
        text.push_str(&format!(": +{} shares", share.volume(tf)));
        let coarse = share.volume(Timeframe::M60);
        if coarse != share.volume(tf) {
            text.push_str(&format!(" ({coarse} in bars that hold the whole interval)"));
        }
        if share.tick.condition != 0 {
            text.push_str(&format!(" flags {:#x}", share.tick.condition));
        }
        if !share.counts {
            text.push_str(", no trade");
        } else if !share.sets_price {
            text.push_str(", sets no price");
        }
        Node { seq: share.seq, kind: "tick".to_owned(), text, inputs: Vec::new() }
    }
}

/// What a bar of a timeframe is made of; ticks when nothing finer.
fn finer(tf: Timeframe) -> Option<Timeframe> {
    match tf {
        Timeframe::S1 => None,
        Timeframe::M1 => Some(Timeframe::S1),
        Timeframe::M3 | Timeframe::M5 | Timeframe::M15 | Timeframe::M30 | Timeframe::M60 => Some(Timeframe::M1),
    }
}

/// Recorded against redone.
fn arithmetic(bar: &Bar, redone: &Redone) -> (bool, Vec<Sum>) {
    let [open, high, low, close] = redone.prices.unwrap_or_default().map(Price::new);
    let price = |field, recorded: Price, again: Price| Sum {
        field,
        recorded: money(recorded),
        again: money(again),
        agrees: recorded == again,
    };
    let number = |field, recorded: i64, again: i64| Sum {
        field,
        recorded: recorded.to_string(),
        again: again.to_string(),
        agrees: recorded == again,
    };
    let sums = vec![
        price("open", bar.open, open),
        price("high", bar.high, high),
        price("low", bar.low, low),
        price("close", bar.close, close),
        number("volume", bar.volume.get(), redone.volume),
        number("trades", i64::from(bar.n_trades), i64::from(redone.trades)),
    ];
    (redone.prices.is_some() && sums.iter().all(|sum| sum.agrees), sums)
}

/// A price with two decimals at least, so that columns line up.
pub(super) fn money(price: Price) -> String {
    let text = price.to_string();
    match text.split_once('.') {
        None => format!("{text}.00"),
        Some((_, decimals)) if decimals.len() == 1 => format!("{text}0"),
        Some(_) => text,
    }
}

/// The volume of the first tick of a minute or more was traded since the tick before it, which may be long before.
fn silence(seconds: &Seconds<'_>, bar: &Bar, clock: fn(Ts) -> String) -> Option<String> {
    let start = bar.start.get();
    let (_, first) = seconds.between(start, i64::MAX).next()?;
    let first = first.first()?;
    let (_, before) = seconds.between(i64::MIN, start).last()?;
    let before = before.last()?;
    let counter = first.tick.cum_volume.is_some() && first.volume(bar.tf) > 0;
    let long = first.at - before.at > SILENCE_NS;
    (counter && long).then(|| {
        format!(
            "the {} shares of the first tick were traded since {}: there is no tick between",
            first.volume(bar.tf),
            clock(Ts::new(before.at))
        )
    })
}

/// A stretch without ticks that is worth a word: 20 s.
const SILENCE_NS: i64 = 20_000_000_000;

/// What else the tape says about the bar's interval.
fn notes(day: &InstrumentDay, bar: &Bar, end: i64, clock: fn(Ts) -> String) -> Vec<String> {
    let (start, mut notes) = (bar.start.get(), Vec::new());
    for (seq, other) in day.bars.iter().filter(|(_, b)| b.tf == bar.tf && b.start == bar.start) {
        if other.revision != bar.revision {
            notes.push(format!(
                "revision {} at seq {seq}: o={} h={} l={} c={} v={} trades={}",
                other.revision,
                money(other.open),
                money(other.high),
                money(other.low),
                money(other.close),
                other.volume,
                other.n_trades
            ));
        }
    }
    for (seq, gap) in day.gaps.iter().filter(|(_, gap)| gap.from.get() < end && start < gap.to.get()) {
        notes.push(format!("feed gap {} to {} ({}), seq {seq}", clock(gap.from), clock(gap.to), gap.cause));
    }
    let touching = |from: Ts, to: Ts| from.get() < end && start <= to.get();
    for (seq, lost) in &day.unallocated {
        if lost.timeframes.contains(bar.tf) && touching(lost.from, lost.to) {
            notes.push(format!(
                "{} shares between {} and {} are in no {} bar ({}), seq {seq}",
                lost.volume,
                clock(lost.from),
                clock(lost.to),
                bar.tf.label(),
                lost.reason
            ));
        }
    }
    let aside = day.ticks.iter().filter(|(_, tick)| start <= tick.ts.get() && tick.ts.get() < end);
    for (seq, _) in aside {
        if let Some(reason) = day.set_aside.get(seq) {
            notes.push(format!("the tick at seq {seq} moved nothing ({reason})"));
        }
    }
    notes
}

/// Why there is no bar, as far as the tape tells.
fn absence(day: &InstrumentDay, question: &BarQuestion, bucket: Option<(i64, i64)>) -> String {
    let Some((start, end)) = bucket else {
        return "the moment is outside continuous trading, which alone makes bars".to_owned();
    };
    let inside = day.ticks.iter().filter(|(_, tick)| start <= tick.ts.get() && tick.ts.get() < end).count();
    let from = (question.clock)(Ts::new(start));
    match inside {
        0 => format!("the tape holds no tick of the bar that starts at {from}; a bar without trades is not made"),
        1 => format!("one tick of the bar that starts at {from} is on the tape, but it is no trade or came too late"),
        _ => format!("{inside} ticks of the bar that starts at {from} are on the tape, but none is a trade in time"),
    }
}
