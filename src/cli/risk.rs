//! `barkeep risk`: what the risk manager decided, and why.

use anyhow::Result;
use barkeep_schemas::{FineMoney, RiskRule};
use barkeep_storage::Tape;
use clap::Subcommand;

use super::screen::{self, say, say_json};
use super::{Context, Verdict, moment};
use crate::monitoring::explain::desk::{Decision, explain_decision};

/// Say what the risk manager decided
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// What to say
    #[command(subcommand)]
    pub what: What,
}

/// What can be said.
#[derive(Clone, Debug, Subcommand)]
#[allow(missing_docs, reason = "each Args says what it does, and clap shows that")]
pub enum What {
    Why(WhyArgs),
}

/// Show every check of an order with its limit, value and headroom
///
/// Headroom is what was left to the limit; below zero it is how far beyond. Exit code 1 when checks done again do not give
/// what is recorded.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example:
  barkeep risk why bk000a5f")]
pub struct WhyArgs {
    /// The order's id, as exports and `tape cat` show it
    #[arg(value_name = "ORDER")]
    pub order: String,
    /// One JSON object on stdout
    #[arg(long)]
    pub json: bool,
}

/// Runs the command.
///
/// # Errors
/// When the tape cannot be read or holds no such order.
pub fn run(args: &Args, context: &Context) -> Result<Verdict> {
    match &args.what {
        What::Why(args) => why(args, context),
    }
}

fn why(args: &WhyArgs, context: &Context) -> Result<Verdict> {
    let decision = explain_decision(&Tape::open(&context.dir)?, &args.order, moment::ist_clock)?;
    if args.json {
        say_json(&decision)?;
    } else {
        say(as_text(&decision))?;
    }
    Ok(Verdict::fine_if(decision.agrees))
}

fn as_text(decision: &Decision) -> String {
    let Decision { order, pair, symbol, side, purpose, verdict, asked, allowed, .. } = decision;
    let mut lines = vec![
        format!("Order {order}: {side} {asked} {symbol}, {purpose} of {pair}, {}", moment::ist(decision.ts)),
        match decision.rule {
            Some(RiskRule::OtherLeg) => format!(
                "{verdict} for the other leg, since both are one unit: {allowed} of {asked} shares allowed, at seq {}",
                decision.seq
            ),
            Some(rule) => format!("{verdict} by {rule}: {allowed} of {asked} shares allowed, at seq {}", decision.seq),
            None => format!("{verdict}: {allowed} shares, at seq {}", decision.seq),
        },
    ];
    let mut table = screen::table(&["check", "limit", "value", "headroom", ""], &[1, 2, 3]);
    for check in &decision.checks {
        let [limit, value, headroom] = check.told();
        let verdict = match (check.passed, check.decided) {
            (true, false) => "passed",
            (true, true) => "passed, and made it smaller",
            (false, true) => "FAILED, and decided",
            (false, false) => "FAILED",
        };
        table.add_row([check.rule.name(), &limit, &value, &headroom, verdict]);
    }
    lines.push(screen::lines(&table));
    if decision.reserved.get() > 0 {
        lines.push(format!("  reserved until it is filled or ends: {}", FineMoney::of(decision.reserved)));
    }
    if !decision.agrees {
        lines.push("THE CHECKS DO NOT AGREE when done again: run `barkeep replay --verify` on the session.".to_owned());
    }
    lines.join("\n")
}
