use barkeep_schemas::{NANOS, SessionDate, Ts};

use super::*;

const MIDNIGHT: i64 = 1_785_436_200 * NANOS;

fn span() -> SessionSpan {
    let at = |hour: i64, minute: i64| Ts::new(MIDNIGHT + (hour * 60 + minute) * 60 * NANOS);
    SessionSpan {
        date: SessionDate::from_ymd(2026, 7, 31).unwrap(),
        midnight: Ts::new(MIDNIGHT),
        open: at(9, 15),
        close: at(15, 30),
    }
}

fn placed(text: &str) -> Result<Faults, PlanError> {
    let token_of = |symbol: &str| (symbol == "INFY").then_some(408_065);
    FaultPlan::from_toml(text, "f.toml").and_then(|plan| Faults::new(&plan, 7, &[span()], token_of))
}

fn at(hour: i64, minute: i64, second: i64) -> Ts {
    Ts::new(MIDNIGHT + ((hour * 60 + minute) * 60 + second) * NANOS)
}

#[track_caller]
fn refused(text: &str, with: &str) {
    let error = placed(text).unwrap_err().to_string();
    assert!(error.contains(with), "{error}");
}

#[test]
fn the_date_of_the_tests_is_the_one_they_say() {
    assert_eq!(span().date.to_string(), "2026-07-31");
    assert_eq!(MIDNIGHT / NANOS, i64::from(span().date.0) * 86_400 - 19_800);
}

#[test]
fn a_fault_is_on_from_its_beginning_up_to_its_end() {
    let faults = placed("[[fault]]\nkind = \"silent\"\nat = \"10:00:00\"\nfor = \"20s\"").unwrap();
    let on = |now| faults.on_connection(FaultKind::Silent, 1, now).is_some();
    assert!(!on(at(9, 59, 59)) && on(at(10, 0, 0)) && on(at(10, 0, 19)) && !on(at(10, 0, 20)));
    assert_eq!(faults.beginning(at(9, 59, 59), at(10, 0, 0)).count(), 1);
    assert_eq!(faults.beginning(at(10, 0, 0), at(10, 0, 1)).count(), 0);
}

#[test]
fn a_flag_says_what_a_file_says() {
    let file = FaultPlan::from_toml(
        "[[fault]]\nkind='drop'\nat='10:00:00'\nfor='1m'\nshare=0.25\nsymbols=['INFY']\nconnection=2",
        "--fault 'drop at=10:00:00 for=1m share=0.25 symbols=INFY connection=2'",
    );
    let mut flag = FaultPlan::default();
    flag.add_flag("drop at=10:00:00 for=1m share=0.25 symbols=INFY connection=2").unwrap();
    let strip = |plan: &FaultPlan| {
        let mut drafts = plan.drafts.clone();
        drafts.iter_mut().for_each(|draft| draft.place.clear());
        drafts
    };
    assert_eq!(strip(&file.unwrap()), strip(&flag));
}

#[test]
fn a_share_strikes_about_so_many_and_the_same_ones_whenever_asked() {
    let faults = placed("[[fault]]\nkind='drop'\nat='10:00:00'\nfor='1h'\nshare=0.1").unwrap();
    let fates = || (0..10_000).map(|n| faults.packet_fate(1, 256, Ts::new(at(10, 0, 0).get() + n * 1_000_000)).0);
    let dropped = fates().filter(|fate| *fate == PacketFate::Drop).count();
    assert!((800..1_200).contains(&dropped), "{dropped}");
    assert!(fates().eq(fates()));
}

#[test]
fn a_count_strikes_so_often() {
    let mut faults = placed("[[fault]]\nkind='garbage'\nat='10:00:00'\ncount=2\nconnection=1").unwrap();
    let mut strike = |connection, now| faults.strike_frame(FaultKind::Garbage, connection, now).is_some();
    assert!(!strike(1, at(9, 59, 0)) && !strike(2, at(10, 0, 0)));
    assert!(strike(1, at(10, 0, 0)) && strike(1, at(11, 0, 0)) && !strike(1, at(11, 0, 0)));
}

#[test]
fn drawn_faults_fall_into_continuous_trading_and_depend_on_the_seed() {
    let plan = FaultPlan::from_toml("[[fault]]\nkind='disconnect'\ndrawn=50\nfor='10s'", "f").unwrap();
    let times = |seed| -> Vec<Ts> {
        let faults = Faults::new(&plan, seed, &[span()], |_| None).unwrap();
        faults.all().iter().map(|fault| fault.from).collect()
    };
    assert!(times(1).iter().all(|from| span().open <= *from && *from < span().close));
    assert!(times(1) == times(1) && times(1) != times(2));
}

#[test]
fn a_candle_fault_concerns_the_candles_that_start_in_its_time() {
    let faults = placed("[[fault]]\nkind='candle-missing'\nat='10:00:00'\nfor='2m'\nsymbols=['INFY']").unwrap();
    let hit = |token, start| faults.on_candle(token, start).count();
    assert_eq!((hit(408_065, at(10, 1, 0)), hit(408_065, at(10, 2, 0)), hit(1, at(10, 1, 0))), (1, 0, 0));
}

#[test]
fn a_plan_that_cannot_be_meant_is_refused_with_what_was_expected() {
    refused("[[fault]]\nkind='drpo'\nat='10:00:00'", "fault 1 (drpo): 'drpo' is no kind of fault; known: disconnect");
    refused("[[fault]]\nkind='mute'\nat='10:00:00'", "'for' is missing: mute needs for");
    refused("[[fault]]\nkind='mute'\nat='10:00:00'\nfor='5s'\nshare=0.5", "'share' means nothing to mute");
    refused("[[fault]]\nkind='mute'\nfor='5s'", "expected either 'at' or 'drawn'");
    refused("[[fault]]\nkind='mute'\nat='25:00:00'\nfor='5s'", "expected HH:MM:SS");
    refused("[[fault]]\nkind='mute'\nat='10:00:00'\nfor='5 parsecs'", "as in 250ms, 20s, 5m or 1h");
    refused("[[fault]]\nkind='drop'\nat='10:00:00'\nfor='5s'\nshare=2", "expected 0 to 1");
    refused("[[fault]]\nkind='drop'\nat='10:00:00'\nfor='5s'\nsymbols=['TCS']", "'TCS' is no simulated instrument");
    refused("[[fault]]\nkind='mute'\nat='2026-08-01 10:00:00'\nfor='5s'", "no simulated session");
    refused("[[fault]]\nkind='rest-error'\nat='10:00:00'\nfor='5s'\nstatus=200", "expected one of [503");
    refused("[[fault]]\nkind='mute'\nwhen='10:00:00'", "unknown field");
    refused("[[fault]\n", "f.toml: TOML parse error at line 1");
    let flag = FaultPlan::default().add_flag("mute 10:00").unwrap_err().to_string();
    assert_eq!(flag, "--fault 'mute 10:00': '10:00' is not KEY=VALUE, as in at=10:15:00");
}
