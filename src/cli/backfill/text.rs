//! What `barkeep backfill` tells people.

use super::{NOT_LISTED, Report};
use crate::cli::screen::{count, counted};

/// Symbols whose errors are shown.
const SHOWN: usize = 20;

pub(super) fn report(report: &Report) -> String {
    let Report { from, to, .. } = report;
    let sessions = counted(report.sessions as u64, "session");
    let symbols = counted(report.symbols as u64, "symbol");
    let mut lines = vec![format!("Minutes of {symbols}, {from} to {to} ({sessions})")];
    let days = |number| counted(number, "symbol-day");
    let (candles, requests) = (counted(report.candles, "candle"), counted(report.requests, "request"));
    lines.push(format!("  added: {candles} of {}, with {requests} in {:.1} s", days(report.days), report.seconds));
    if report.held > 0 {
        lines.push(format!("  there already: {}", days(report.held)));
    }
    if report.empty_days > 0 {
        lines.push(format!("  without a candle at the broker: {}", days(report.empty_days)));
    }
    if report.refused > 0 {
        lines.push(format!("  refused: {}, unreadable or of no session", counted(report.refused, "candle")));
    }
    if let [first, later @ ..] = report.left_out.as_slice() {
        let later = match later.len() as u64 {
            0 => String::new(),
            more => format!(" and {}", counted(more, "later session")),
        };
        lines.push(format!("  left out: {first}{later}, not over yet"));
    }
    if !report.errors.is_empty() {
        lines.push(format!("Not fetched, for {}:", counted(report.errors.len() as u64, "symbol")));
        lines.extend(report.errors.iter().take(SHOWN).map(|(symbol, why)| format!("  {symbol}: {why}")));
        let more = report.errors.len().saturating_sub(SHOWN);
        if more > 0 {
            lines.push(format!("  and {} more", count(more as u64)));
        }
        let unlisted = report.errors.values().filter(|why| *why == NOT_LISTED).count();
        match report.errors.len().saturating_sub(unlisted) {
            0 => {}
            _ if unlisted == 0 => lines.push("The same command asks for these alone.".to_owned()),
            _ => lines.push("The same command asks for the others alone.".to_owned()),
        }
        if unlisted > 0 {
            lines.push(format!(
                "The broker does not list {}, and asking again changes nothing: correct the symbol, in --symbols or in \
                 the universe, or leave it out.",
                counted(unlisted as u64, "symbol")
            ));
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use barkeep_schemas::SessionDate;

    use super::*;

    #[test]
    fn a_person_sees_what_came_and_what_did_not() {
        let date = |day| SessionDate::from_ymd(2026, 7, day).unwrap();
        let full = Report {
            from: date(1),
            to: date(31),
            symbols: 2,
            sessions: 22,
            left_out: vec![date(30), date(31)],
            held: 3,
            requests: 1,
            candles: 8_250,
            refused: 1,
            days: 22,
            empty_days: 1,
            errors: BTreeMap::from([("NOPE".to_owned(), NOT_LISTED.to_owned())]),
            seconds: 1.25,
        };
        let (left_out, errors) = (Vec::new(), BTreeMap::new());
        let nothing = Report {
            held: 44,
            requests: 0,
            candles: 0,
            refused: 0,
            days: 0,
            empty_days: 0,
            left_out,
            errors,
            ..full.clone()
        };
        insta::assert_snapshot!(format!("{}\n\n{}", report(&full), report(&nothing)), @"
        Minutes of 2 symbols, 2026-07-01 to 2026-07-31 (22 sessions)
          added: 8,250 candles of 22 symbol-days, with 1 request in 1.2 s
          there already: 3 symbol-days
          without a candle at the broker: 1 symbol-day
          refused: 1 candle, unreadable or of no session
          left out: 2026-07-30 and 1 later session, not over yet
        Not fetched, for 1 symbol:
          NOPE: not in the broker's list of instruments
        The broker does not list 1 symbol, and asking again changes nothing: correct the symbol, in --symbols or in the universe, or leave it out.

        Minutes of 2 symbols, 2026-07-01 to 2026-07-31 (22 sessions)
          added: 0 candles of 0 symbol-days, with 0 requests in 1.2 s
          there already: 44 symbol-days
        ");
    }

    #[test]
    fn what_asking_again_can_fetch_is_told_apart_from_what_the_broker_does_not_list() {
        let date = SessionDate::from_ymd(2026, 7, 1).unwrap();
        let told = |errors: &[(&str, &str)]| {
            let errors = errors.iter().map(|(symbol, why)| ((*symbol).to_owned(), (*why).to_owned())).collect();
            let report = Report {
                from: date,
                to: date,
                symbols: 2,
                sessions: 1,
                left_out: Vec::new(),
                held: 0,
                requests: 0,
                candles: 0,
                refused: 0,
                days: 0,
                empty_days: 0,
                errors,
                seconds: 0.0,
            };
            let text = super::report(&report);
            (
                text.contains("asks for these alone"),
                text.contains("asks for the others alone"),
                text.contains("correct"),
            )
        };
        let (gone, unlisted) = (("INFY", "no answer"), ("NOPE", NOT_LISTED));
        assert_eq!(told(&[gone]), (true, false, false));
        assert_eq!(told(&[gone, unlisted]), (false, true, true));
        assert_eq!(told(&[unlisted]), (false, false, true));
    }
}
