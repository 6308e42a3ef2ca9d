//! `barkeep config`: what is in force, and what is wrong with a file.

use std::path::PathBuf;

use anyhow::Result;
use barkeep_schemas::{ChargeRates, SessionDate};
use clap::Subcommand;
use serde_json::json;

use super::screen::{say, say_json};
use super::{Context, Verdict};
use crate::orchestrator::calendar::Calendar;
use crate::orchestrator::config::Config;
use crate::orchestrator::desk::whitelist::{Listed, Whitelist};
use crate::orchestrator::desk::{DeskFiles, DeskPaths, FileError};
use crate::orchestrator::universe::Universe;

/// Show the configuration in force, or check a file
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// What to do
    #[command(subcommand)]
    pub what: What,
}

/// The subcommands.
#[derive(Clone, Debug, Subcommand)]
pub enum What {
    /// Check a configuration file and the files that it names
    #[command(after_help = "Example:\n  barkeep config check configs/barkeep.toml")]
    Check {
        /// The file [default: the configuration in force]
        file: Option<PathBuf>,
    },
    /// Print every key in force, as TOML, and what the files of the pairs desk say
    #[command(after_help = "Example:\n  barkeep config show --json")]
    Show {
        /// One JSON object on stdout
        #[arg(long)]
        json: bool,
    },
}

/// Runs the command.
///
/// # Errors
/// When a file is refused; the message lists all that is wrong with it.
pub fn run(args: &Args, context: &Context) -> Result<Verdict> {
    match &args.what {
        What::Check { file: Some(file) } => check(&Config::load(Some(file))?)?,
        What::Check { file: None } => check(&context.config)?,
        What::Show { json } => show(&context.config, *json)?,
    }
    Ok(Verdict::Fine)
}

fn check(config: &Config) -> Result<()> {
    let calendar = Calendar::load(config.calendar.file.as_deref())?;
    let universe = Universe::load(config.calendar.universe.as_deref())?;
    let paths = DeskPaths::from(config);
    let desk = DeskFiles::load(&paths)?;
    let pairs = match Whitelist::load(&paths) {
        Ok(Some(list)) => {
            let (file, mut findings) = (list.file.clone(), list.against(&universe));
            findings.extend(list.uncharged(&desk.charges));
            if !findings.is_empty() {
                return Err(FileError::Refused { file, findings }.into());
            }
            format!("{} pairs for {} in {file}", list.pairs.len(), list.date)
        }
        Ok(None) => "no whitelist is named, and there are no entries".to_owned(),
        // A desk without a list for today trades nothing new: that is a state, not a mistake.
        Err(FileError::Unreadable { file, source }) if source.kind() == std::io::ErrorKind::NotFound => {
            format!("no whitelist {file}, and no entries until there is one")
        }
        Err(error) => return Err(error.into()),
    };
    let rates = desk.charges.all();
    let first = rates.first().map_or_else(|| "-".to_owned(), |(from, _)| from.to_string());
    let name = config.file.as_ref().map_or_else(|| "built-in defaults".to_owned(), |f| f.display().to_string());
    say(format!(
        "{name}: sound. Calendar {} ({} to {}), {} instruments; {pairs}; capital INR {}, {} charge rates from {first}",
        calendar.file(),
        calendar.from(),
        calendar.to(),
        universe.members().count(),
        desk.risk.limits.total_cash,
        rates.len(),
    ))
}

/// The keys in force, and what the files of the desk say, in comments: so the text reads back as a configuration.
fn show(config: &Config, json: bool) -> Result<()> {
    let desk = DeskFiles::load(&DeskPaths::from(config))?;
    if json {
        let mut object = serde_json::to_value(config)?;
        if let Some(object) = object.as_object_mut() {
            let rate = |(from, rates): &(SessionDate, ChargeRates)| json!({ "from": from, "rates": rates });
            object.insert(
                "desk".to_owned(),
                json!({
                    "whitelist": desk.whitelist.as_ref().ok(),
                    "no_whitelist": desk.whitelist.as_ref().err(),
                    "risk": desk.risk,
                    "charges": desk.charges.all().iter().map(rate).collect::<Vec<_>>(),
                }),
            );
        }
        return say_json(&object);
    }
    say(config.to_toml()?.trim_end())?;
    let mut lines = vec![String::new(), "The whitelist:".to_owned()];
    match &desk.whitelist {
        Ok(list) => {
            lines.push(format!("  {} for {}, {} pairs", list.file, list.date, list.pairs.len()));
            lines.extend(list.pairs.iter().map(|pair| {
                let Listed { name, beta, entry, exit, stop, lookback, bucket, gross_notional, product, .. } = pair;
                format!(
                    "  {name} beta {beta}, z {exit} {entry} {stop}, {lookback} bars, {bucket}, INR {gross_notional} {product}"
                )
            }));
        }
        Err(why) => lines.push(format!("  none: {why}")),
    }
    lines.extend([String::new(), "Limits, as the engine is told them:".to_owned()]);
    lines.extend(toml::to_string(&desk.risk)?.lines().map(|line| format!("  {line}")));
    lines
        .extend([String::new(), "Charges, in billionths of the turnover (GST in hundredths of a percent):".to_owned()]);
    lines.extend(desk.charges.all().iter().map(|(from, rates)| {
        let ChargeRates { segment, product, side, brokerage_ppb, brokerage_cap, stt_ppb, .. } = rates;
        let ChargeRates { exchange_ppb, sebi_ppb, stamp_ppb, gst_bps, .. } = rates;
        format!(
            "  {from} {segment} {product} {side}: brokerage {brokerage_ppb} up to INR {brokerage_cap}, stt {stt_ppb}, \
             exchange {exchange_ppb}, sebi {sebi_ppb}, stamp {stamp_ppb}, gst {gst_bps}"
        )
    }));
    for line in lines {
        say(format!("# {line}").trim_end())?;
    }
    Ok(())
}
