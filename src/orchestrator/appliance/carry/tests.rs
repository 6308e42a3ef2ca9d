use barkeep_schemas::{
    Bucket, ClockMark, FeedId, FeedSpec, Hash32, Instrument, InstrumentClass, InstrumentId, Price, SessionDate,
    SessionOpened, TradeRule, Ts, VolumeSource,
};
use barkeep_storage::DataDir;

use super::*;
use crate::orchestrator::appliance::{Pace, SessionDraft};
use crate::orchestrator::calendar::Calendar;
use crate::orchestrator::config::Config;
use crate::orchestrator::desk::{DeskFiles, DeskPaths, setup};

const DATE: SessionDate = SessionDate(20_665);

fn open(dir: &DataDir) -> Appliance {
    Appliance::open(dir, Pace::from(&Config::builtin().unwrap().tape), "test").unwrap()
}

fn instrument() -> Instrument {
    Instrument {
        id: InstrumentId(0),
        feed: FeedId(0),
        token: 1,
        symbol: "A".into(),
        class: InstrumentClass::Always,
        tick_size: Price::new(500),
        lot_size: 1,
    }
}

fn feeds() -> Vec<FeedSpec> {
    let (trade_rule, volume) = (TradeRule::All, VolumeSource::Cumulative);
    vec![FeedSpec { id: FeedId(0), name: "test".into(), trade_rule, volume, conditions: Vec::new() }]
}

fn live(appliance: &mut Appliance, date: SessionDate) -> Vec<KillLatched> {
    let files = DeskFiles::load(&DeskPaths { whitelist: None, risk: None, charges: None }).unwrap();
    let draft = SessionDraft {
        date,
        calendar: Calendar::always(date, &jiff::tz::TimeZone::UTC),
        config: Config::builtin().unwrap().engine.into(),
        feeds: feeds(),
        instruments: vec![instrument()],
        opening: Vec::new(),
        desk: Some(setup(date, &files, &[instrument()]).desk),
    };
    appliance.open_session(draft).unwrap();
    let carried = appliance.engine.carry_desk().unwrap().kills;
    appliance
        .input(Input::ClockMark(ClockMark { feed: FeedId(0), ts: Ts::from_secs(i64::from(date.0) * 86_400 + 60) }))
        .unwrap();
    carried
}

/// A session of an import, which has no desk.
fn import(appliance: &mut Appliance, date: SessionDate) {
    let run = appliance.begin_segment(date).unwrap().run;
    let opened = SessionOpened {
        date,
        run,
        behaviour: barkeep_engine::BEHAVIOUR,
        import: Some(Hash32([7; 32])),
        calendar: Calendar::always(date, &jiff::tz::TimeZone::UTC),
        config: Config::builtin().unwrap().engine.into(),
        feeds: feeds(),
        instruments: vec![instrument()],
        opening: Vec::new(),
        desk: None,
    };
    appliance.input(Input::SessionOpened(Box::new(opened))).unwrap();
    appliance.close_session().unwrap();
}

fn switch(appliance: &mut Appliance, action: OperatorAction, bucket: Option<Bucket>, reason: &str) {
    let command = OperatorCommand {
        action,
        bucket: bucket.map(|bucket| bucket.name().to_owned()),
        flatten: false,
        reason: reason.to_owned(),
        uid: 0,
        ts: Ts::new(1),
    };
    appliance.input(Input::OperatorCommand(Box::new(command))).unwrap();
}

/// `scope reason`.
fn shown(kills: &[KillLatched]) -> Vec<String> {
    kills.iter().map(|kill| format!("{} {}", kill.scope, kill.reason)).collect()
}

#[test]
fn switches_go_over_imports_and_restarts_and_are_what_operators_made_of_them_last() {
    let folder = tempfile::tempdir().unwrap();
    let dir = DataDir::new(folder.path());
    let mut appliance = open(&dir);
    assert_eq!(appliance.carry_desk().unwrap(), None);
    import(&mut appliance, DATE.plus_days(-1));
    switch(&mut appliance, OperatorAction::KillOn, Some(Bucket::High), "before the first");
    assert_eq!(shown(&live(&mut appliance, DATE)), ["HIGH before the first"]);
    switch(&mut appliance, OperatorAction::KillOn, None, "within");
    appliance.close_session().unwrap();
    switch(&mut appliance, OperatorAction::KillOn, Some(Bucket::Low), "behind the close");
    assert_eq!(
        shown(&appliance.carry_desk().unwrap().unwrap().kills),
        ["global within", "LOW behind the close", "HIGH before the first"]
    );
    import(&mut appliance, DATE.plus_days(1));
    switch(&mut appliance, OperatorAction::KillOff, None, "sound again");
    switch(&mut appliance, OperatorAction::KillOn, Some(Bucket::Med), "behind an import");
    let mut expected = ["LOW behind the close", "MED behind an import", "HIGH before the first"];
    expected.sort_unstable();
    for _ in 0..2 {
        let mut kills = shown(&appliance.carry_desk().unwrap().unwrap().kills);
        kills.sort_unstable();
        assert_eq!(kills, expected);
        appliance.close().unwrap();
        appliance = open(&dir);
    }
    let mut kills = shown(&live(&mut appliance, DATE.plus_days(2)));
    kills.sort_unstable();
    assert_eq!(kills, expected);
}
