//! `barkeep calendar`: the dated NSE calendar, shown, checked, extended.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use barkeep_schemas::{ClassDay, SessionDate};
use clap::Subcommand;
use serde_json::json;

use super::screen::{self, say, say_json};
use super::{Context, Verdict, moment};
use crate::orchestrator::calendar::{Calendar, DayKind, HolidayImport, merge_holidays};

/// Show, check or extend the exchange's calendar
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// What to do
    #[command(subcommand)]
    pub what: What,
}

/// The subcommands.
#[derive(Clone, Debug, Subcommand)]
pub enum What {
    /// Show the hours of a date, or what each date of a range is
    #[command(after_help = "Examples:\n  barkeep calendar show --date 2026-08-03\n  barkeep calendar show --from \
2026-11-01 --to 2026-11-30")]
    Show {
        /// The date
        #[arg(long, value_name = "YYYY-MM-DD", conflicts_with_all = ["from", "to"], required_unless_present = "from")]
        date: Option<String>,
        /// First date of a range
        #[arg(long, value_name = "YYYY-MM-DD", requires = "to")]
        from: Option<String>,
        /// Last date of a range
        #[arg(long, value_name = "YYYY-MM-DD", requires = "from")]
        to: Option<String>,
        /// One JSON object on stdout
        #[arg(long)]
        json: bool,
    },
    /// Check a calendar file for contradictions and count what it holds
    #[command(after_help = "Example:\n  barkeep calendar check configs/nse_calendar.toml")]
    Check {
        /// The file [default: the calendar in force]
        file: Option<PathBuf>,
        /// One JSON object on stdout
        #[arg(long)]
        json: bool,
    },
    /// Add a list of holidays (CSV with the columns date,name), such as the exchange publishes for the next year
    ///
    /// Shows the plan; --apply writes the calendar file.
    #[command(
        after_help = "Example:\n  barkeep calendar import holidays-2027.csv --into configs/nse_calendar.toml --apply"
    )]
    Import {
        /// The list of holidays
        file: PathBuf,
        /// The calendar file to extend [default: calendar.file of the configuration]
        #[arg(long, value_name = "FILE")]
        into: Option<PathBuf>,
        /// Write it
        #[arg(long)]
        apply: bool,
        /// Accept a year with fewer than ten holidays
        #[arg(long)]
        accept_short: bool,
        /// One JSON object on stdout
        #[arg(long)]
        json: bool,
    },
}

/// Runs the command.
///
/// # Errors
/// When a file cannot be read, contradicts itself, or a date lies outside it.
pub fn run(args: &Args, context: &Context) -> Result<Verdict> {
    let in_force = context.config.calendar.file.as_deref();
    match &args.what {
        What::Show { date: Some(date), json, .. } => {
            show(&Calendar::load(in_force)?, moment::date(date)?, *json)?;
        }
        What::Show { date: None, from, to, json } => {
            let bound = |text: &Option<String>| moment::date(text.as_deref().unwrap_or_default());
            range(&Calendar::load(in_force)?, bound(from)?, bound(to)?, *json)?;
        }
        What::Check { file, json } => check(file.as_deref().or(in_force), *json)?,
        What::Import { file, into, apply, accept_short, json } => {
            let Some(into) = into.as_deref().or(in_force) else {
                bail!(
                    "the calendar in force is the one built in, which cannot be changed: write it to a file, name that \
                     in `file` of [calendar], and give it with --into"
                );
            };
            extend(file, into, *apply, *accept_short, *json)?;
        }
    }
    Ok(Verdict::Fine)
}

fn show(calendar: &Calendar, date: SessionDate, as_json: bool) -> Result<()> {
    let day = calendar.day(date)?;
    if as_json {
        return say_json(&json!({"date": date, "calendar": calendar.file(), "day": day}));
    }
    match day {
        DayKind::Closed { reason } => {
            let next = calendar.next_session(date).map_or_else(|| "none in the calendar".to_owned(), |d| d.to_string());
            say(format!("{date}: closed, {reason}. Next session: {next}"))
        }
        DayKind::Session(session) => {
            say(format!("{date}: {}, times in IST", session.name))?;
            let mut table = screen::table(&["class", "phase", "from", "to", "minutes"], &[4]);
            for class in &session.classes {
                rows(class, &mut table);
            }
            say(screen::lines(&table))?;
            say("  cash: stocks without futures and options; derivatives: stocks that have them")?;
            if !session.tradable {
                say("  a special session: recorded, not traded")?;
            }
            Ok(())
        }
    }
}

fn rows(class: &ClassDay, table: &mut comfy_table::Table) {
    for span in &class.phases {
        let minutes = (span.end.secs() - span.start.secs()) / 60;
        table.add_row([
            class.class.name().to_owned(),
            span.phase.name().to_owned(),
            moment::ist_clock(span.start),
            moment::ist_clock(span.end),
            minutes.to_string(),
        ]);
    }
}

fn range(calendar: &Calendar, from: SessionDate, to: SessionDate, as_json: bool) -> Result<()> {
    if from > to {
        bail!("--from {from} is after --to {to}");
    }
    let sessions = calendar.sessions(from, to)?;
    let mut days = Vec::new();
    let mut date = from;
    while date <= to {
        let what = match calendar.day(date)? {
            DayKind::Closed { reason } => format!("closed, {reason}"),
            DayKind::Session(session) => session.name,
        };
        days.push((date, what));
        date = date.plus_days(1);
    }
    if as_json {
        let days: Vec<_> = days.iter().map(|(date, what)| json!({"date": date, "day": what})).collect();
        return say_json(&json!({"from": from, "to": to, "sessions": sessions.len(), "days": days}));
    }
    for (date, what) in days {
        say(format!("  {date}  {what}"))?;
    }
    say(format!("{} sessions from {from} to {to}", sessions.len()))
}

fn check(file: Option<&Path>, as_json: bool) -> Result<()> {
    let summary = Calendar::load(file)?.summary();
    if as_json {
        return say_json(&summary);
    }
    say(format!("{}: sound, {} to {}", summary.file, summary.from, summary.to))?;
    let mut table = screen::table(&["year", "sessions", "holidays", "special days"], &[1, 2, 3]);
    for year in &summary.years {
        table.add_row([year.year, year.sessions as i32, year.holidays as i32, year.specials as i32]);
    }
    say(screen::lines(&table))
}

fn extend(list: &Path, into: &Path, apply: bool, accept_short: bool, as_json: bool) -> Result<()> {
    let read = |path: &Path| fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()));
    let (old, holidays) = (read(into)?, read(list)?);
    let merged = merge_holidays(&old, &into.display().to_string(), &holidays, &list.display().to_string())?;
    if !accept_short {
        check_whole(&merged)?;
    }
    if apply {
        replace(into, &merged.text)?;
    }
    if as_json {
        return say_json(&json!({"into": into, "applied": apply, "plan": merged}));
    }
    say(plan_text(&merged, into, apply))
}

/// NSE closes on 11 to 17 weekdays a year; a list with fewer would make days without trading into sessions.
fn check_whole(merged: &HolidayImport) -> Result<()> {
    const LEAST: usize = 10;
    let year = |date: SessionDate| date.ymd().0;
    for new in year(merged.old_to) + 1..=year(merged.to) {
        let holidays = merged.added.iter().filter(|day| year(day.date) == new).count();
        if holidays < LEAST {
            bail!(
                "the list holds {holidays} weekday holidays of {new}, NSE closes on 11 to 17: is it whole? Give \
                 --accept-short to take it all the same"
            );
        }
    }
    Ok(())
}

fn plan_text(merged: &HolidayImport, into: &Path, applied: bool) -> String {
    let mut lines = vec![format!("{}: until {} -> until {}", into.display(), merged.old_to, merged.to)];
    let holidays = |what: &str, list: &[crate::orchestrator::calendar::Holiday], lines: &mut Vec<String>| {
        for day in list {
            lines.push(format!("  {what}  {}  {:<9}  {}", day.date, day.weekday, day.name));
        }
    };
    holidays("add ", &merged.added, &mut lines);
    holidays("skip", &merged.skipped, &mut lines);
    lines.push(if applied {
        format!("Written. Look at it once more: barkeep calendar check {}", into.display())
    } else {
        "Nothing written yet: add --apply.".to_owned()
    });
    lines.join("\n")
}

/// Replaces a file so that a crash leaves the old one or the new one.
fn replace(path: &Path, text: &str) -> Result<()> {
    let mut draft = path.as_os_str().to_owned();
    draft.push(".new");
    let draft = PathBuf::from(draft);
    let failed = || format!("{} cannot be written", draft.display());
    let mut file = fs::File::create(&draft).with_context(failed)?;
    std::io::Write::write_all(&mut file, text.as_bytes()).with_context(failed)?;
    file.sync_all().with_context(failed)?;
    fs::rename(&draft, path).with_context(|| format!("{} cannot be replaced", path.display()))
}
