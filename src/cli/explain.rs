//! `barkeep explain`: a number, or what the desk did, walked back to its ticks.

mod desk;

use anyhow::Result;
use barkeep_schemas::{HealAction, Seq, Timeframe};
use barkeep_storage::Tape;
use clap::Subcommand;

use super::import::parse_tf;
use super::screen::{self, say, say_json};
use super::{Context, Verdict, moment};
use crate::ingestion::files::clean_symbol;
use crate::monitoring::explain::{BarQuestion, Explained, Node, explain_bar, find_day};

/// Say why a number is what it is, down to the ticks
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// What is to be explained
    #[command(subcommand)]
    pub what: What,
}

/// What can be explained.
#[derive(Clone, Debug, Subcommand)]
#[allow(missing_docs, reason = "each Args says what it does, and clap shows that")]
pub enum What {
    Order(desk::OrderArgs),
    Fill(desk::FillArgs),
    Signal(desk::SignalArgs),
    Bar(BarArgs),
}

/// Explain a bar
///
/// Shows the bars and ticks that it was made of and does the arithmetic again, by code of its own. Exit code 1 when the
/// result is not the recorded bar.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  barkeep explain bar HDFCBANK '2021-06-04 09:16'
  barkeep explain bar HDFCBANK '2021-06-04 09:20' --tf 5 --depth 3
  barkeep explain bar HDFCBANK '2021-06-04 09:16:07' --tf 1s --json")]
pub struct BarArgs {
    /// The symbol
    pub symbol: String,
    /// Any moment inside the bar, in IST unless it carries a zone
    #[arg(value_name = "TIME")]
    pub time: String,
    /// The bar's timeframe
    #[arg(long, value_name = "1s|1|3|5|15|30|60", default_value = "1", value_parser = parse_tf)]
    pub tf: Timeframe,
    /// Which session of that date [default: the newest]
    #[arg(long, value_name = "K")]
    pub run: Option<u32>,
    /// As known at this position of the tape [default: the newest edition]
    #[arg(long, value_name = "SEQ")]
    pub as_of: Option<u64>,
    /// Levels below the bar that are shown; the JSON has all
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub depth: usize,
    /// One JSON tree on stdout
    #[arg(long)]
    pub json: bool,
}

/// Runs the command.
///
/// # Errors
/// When the tape cannot be read or holds no such bar.
pub fn run(args: &Args, context: &Context) -> Result<Verdict> {
    match &args.what {
        What::Order(args) => desk::order(args, context),
        What::Fill(args) => desk::fill(args, context),
        What::Signal(args) => desk::signal(args, context),
        What::Bar(args) => bar(args, context),
    }
}

fn bar(args: &BarArgs, context: &Context) -> Result<Verdict> {
    let at = moment::moment(&args.time, None, &moment::zone("Asia/Kolkata")?)?;
    let tape = Tape::open(&context.dir)?;
    let symbol = clean_symbol(args.symbol.as_bytes()).map_err(|why| anyhow::anyhow!("the symbol {why}"))?;
    let day = find_day(&tape, symbol, at, args.run)?;
    let question = BarQuestion { at, tf: args.tf, as_of: args.as_of.map(Seq), clock: moment::ist_clock };
    let explained = explain_bar(&day, &question)?;
    if args.json {
        let mut tree = serde_json::to_value(&explained.tree)?;
        if let Some(top) = tree.as_object_mut() {
            top.insert("agrees".to_owned(), explained.agrees.into());
            top.insert("arithmetic".to_owned(), serde_json::to_value(&explained.arithmetic)?);
            top.insert("notes".to_owned(), serde_json::to_value(&explained.notes)?);
            top.insert("healed".to_owned(), serde_json::to_value(&explained.healed)?);
        }
        say_json(&tree)?;
    } else {
        let opened = &day.opened;
        say(format!("Session {} run {}, times in IST", opened.date, opened.run))?;
        say(as_text(&explained, args.depth))?;
    }
    Ok(Verdict::fine_if(explained.agrees))
}

fn as_text(explained: &Explained, depth: usize) -> String {
    let mut lines = vec![explained.tree.text.clone(), format!("  at seq {}", explained.tree.seq)];
    if let Some(healed) = &explained.healed {
        if explained.arithmetic.is_empty() {
            lines.extend(explained.notes.iter().map(|note| format!("  note: {note}")));
            lines
                .extend(explained.tree.inputs.iter().map(|input| format!("  taken: {:>9}  {}", input.seq, input.text)));
            return lines.join("\n");
        }
        let head = if healed.action == HealAction::Revert { "REVERTED" } else { "HEALED" };
        lines.push(format!("{head}: {}", healed.text));
        lines.push("What follows is the edition of the engine.".to_owned());
    }
    lines.push(if explained.agrees {
        "The ticks give this bar:".to_owned()
    } else {
        "THE TICKS DO NOT GIVE THIS BAR: run `barkeep replay --verify` on the session.".to_owned()
    });
    let mut table = screen::table(&["", "recorded", "again", ""], &[1, 2]);
    for sum in &explained.arithmetic {
        let verdict = if sum.agrees { "agrees" } else { "DIFFERS" };
        table.add_row([sum.field, &sum.recorded, &sum.again, verdict]);
    }
    lines.push(screen::lines(&table));
    lines.extend(explained.notes.iter().map(|note| format!("  note: {note}")));
    lines.push("made of".to_owned());
    draw(&explained.tree, 1, depth, &mut lines);
    lines.join("\n")
}

fn draw(node: &Node, level: usize, depth: usize, lines: &mut Vec<String>) {
    for input in &node.inputs {
        let hidden = if level >= depth { input.inputs.as_slice() } else { &[] };
        let below = hidden.first().map_or_else(String::new, |first| {
            let what = first.kind.strip_prefix("bar_").map_or_else(|| "tick".to_owned(), |tf| format!("{tf} bar"));
            format!("  [{} {what}{}]", hidden.len(), if hidden.len() == 1 { "" } else { "s" })
        });
        lines.push(format!("{:indent$}{:>9}  {}{below}", "", input.seq, input.text, indent = level * 2));
        if level < depth {
            draw(input, level + 1, depth, lines);
        }
    }
}
