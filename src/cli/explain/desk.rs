//! `explain order`, `explain fill`, `explain signal`: the desk's chain in words.

use std::collections::BTreeSet;

use anyhow::Result;
use barkeep_schemas::Seq;
use barkeep_storage::Tape;

use crate::cli::screen::{self, say, say_json};
use crate::cli::{Context, Verdict, moment};
use crate::monitoring::explain::Node;
use crate::monitoring::explain::desk::{Chain, explain_fill, explain_order, explain_signal};

/// Explain an order
///
/// Shows what sized, priced, allowed and asked for it: decision, signal, mark, bars, ticks. Exit code 1 when arithmetic
/// done again does not give what is recorded.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  barkeep explain order bk000a5f
  barkeep explain order bk000a5f --json")]
pub struct OrderArgs {
    /// The order's id, as exports and `tape cat` show it
    #[arg(value_name = "ID")]
    pub id: String,
    /// How it is shown
    #[command(flatten)]
    pub shown: Shown,
}

/// Explain a fill
///
/// Shows the snapshot that it was filled from, its order and all that is behind that, and its charges done again. Exit
/// code 1 when arithmetic done again does not give what is recorded.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  barkeep explain fill bk000a5f-1
  barkeep explain fill seq:90211 --json")]
pub struct FillArgs {
    /// The trade: ORDER-N of a paper fill, the exchange's number, or seq:N for its place on the tape
    #[arg(value_name = "ID")]
    pub id: String,
    /// How it is shown
    #[command(flatten)]
    pub shown: Shown,
}

/// Explain a signal
///
/// Shows the mark that it follows from, with spread, window and z done again from the bars, and the bars from their ticks.
/// Exit code 1 when arithmetic done again does not give what is recorded.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  barkeep explain signal 90188
  barkeep explain signal 90188 --depth 2")]
pub struct SignalArgs {
    /// Where the signal lies on the tape
    #[arg(value_name = "SEQ")]
    pub seq: u64,
    /// How it is shown
    #[command(flatten)]
    pub shown: Shown,
}

/// How a chain is shown.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Shown {
    /// Levels below each bar that are shown; the JSON has all
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub depth: usize,
    /// One JSON tree on stdout
    #[arg(long)]
    pub json: bool,
}

pub(super) fn order(args: &OrderArgs, context: &Context) -> Result<Verdict> {
    show(&explain_order(&Tape::open(&context.dir)?, &args.id, moment::ist_clock)?, args.shown)
}

pub(super) fn fill(args: &FillArgs, context: &Context) -> Result<Verdict> {
    show(&explain_fill(&Tape::open(&context.dir)?, &args.id, moment::ist_clock)?, args.shown)
}

pub(super) fn signal(args: &SignalArgs, context: &Context) -> Result<Verdict> {
    show(&explain_signal(&Tape::open(&context.dir)?, Seq(args.seq), moment::ist_clock)?, args.shown)
}

fn show(chain: &Chain, shown: Shown) -> Result<Verdict> {
    if shown.json {
        let mut tree = serde_json::to_value(&chain.tree)?;
        if let Some(top) = tree.as_object_mut() {
            top.insert("agrees".to_owned(), chain.agrees.into());
            top.insert("arithmetic".to_owned(), serde_json::to_value(&chain.arithmetic)?);
            top.insert("notes".to_owned(), serde_json::to_value(&chain.notes)?);
            top.insert("date".to_owned(), serde_json::to_value(chain.date)?);
            top.insert("run".to_owned(), chain.run.into());
        }
        say_json(&tree)?;
    } else {
        say(as_text(chain, shown.depth))?;
    }
    Ok(Verdict::fine_if(chain.agrees))
}

/// What happened, why, how it went, and whether the numbers hold.
fn as_text(chain: &Chain, depth: usize) -> String {
    let mut lines = vec![format!("Session {} run {}, times in IST", chain.date, chain.run)];
    lines.extend(told(&chain.tree, 0, &[]));
    lines.push("because of".to_owned());
    draw(&chain.tree, 1, depth, &mut BTreeSet::new(), &mut lines);
    if !chain.notes.is_empty() {
        lines.push("and then".to_owned());
        lines.extend(chain.notes.iter().map(|note| screen::wrapped(note, "    ").replacen("    ", "  - ", 1)));
    }
    lines.push(if chain.agrees {
        "The numbers, done again from what is below them, agree:".to_owned()
    } else {
        "THE NUMBERS DO NOT AGREE: run `barkeep replay --verify` on the session.".to_owned()
    });
    for checked in &chain.arithmetic {
        lines.push(format!("  {}, seq {}", checked.of, checked.seq));
        let mut table = screen::table(&["", "recorded", "again", ""], &[1, 2]);
        for sum in &checked.sums {
            let verdict = if sum.agrees { "agrees" } else { "DIFFERS" };
            table.add_row([sum.field, &sum.recorded, &sum.again, verdict]);
        }
        lines.extend(screen::lines(&table).lines().map(|line| format!("  {line}")));
    }
    lines.join("\n")
}

/// A node's place and text, wrapped; what is hidden below it is counted.
fn told(node: &Node, level: usize, hidden: &[Node]) -> Vec<String> {
    let indent = " ".repeat(level * 2);
    let below = match hidden {
        [] => String::new(),
        [one] => format!("  [1 {} below]", one.kind),
        [first, ..] => format!("  [{} of {} below]", hidden.len(), first.kind),
    };
    let text = screen::wrapped(&format!("{}{below}", node.text), &format!("{indent}{:11}", ""));
    let (head, rest) = text.split_once('\n').unwrap_or((&text, ""));
    let first = format!("{indent}{:>9}  {}", node.seq, head.trim_start());
    std::iter::once(first).chain(rest.lines().map(str::to_owned)).collect()
}

/// Draws what a node was made of; below a bar only `depth` levels. What was set for the session is said once.
fn draw(node: &Node, level: usize, depth: usize, said: &mut BTreeSet<String>, lines: &mut Vec<String>) {
    for input in &node.inputs {
        let is_setting = input.kind == "session_opened" || input.kind == "desk_changed";
        if is_setting && !said.insert(input.text.clone()) {
            continue;
        }
        let is_bar = input.kind.starts_with("bar_");
        let hidden = if is_bar && depth == 0 { input.inputs.as_slice() } else { &[] };
        lines.extend(told(input, level, hidden));
        if hidden.is_empty() {
            draw(input, level + 1, if is_bar { depth - 1 } else { depth }, said, lines);
        }
    }
}
