use std::cell::{Cell, RefCell};

use barkeep_schemas::Timeframe;
use barkeep_storage::Writer;

use super::*;
use crate::mirrors::scene;

/// The positions of the last events of a selection.
fn last(dir: &DataDir, raw: &Raw, wanted: usize) -> Vec<u64> {
    let tape = Tape::open(dir).unwrap();
    let mut book = SymbolBook::new(&tape);
    let selection = Selection::new(raw, &tape, &mut book).unwrap();
    last_matches(&tape, &mut book, &selection, wanted).unwrap().iter().map(|(seq, _)| seq.0).collect()
}

fn infy() -> Raw {
    Raw { symbol: Some("INFY".into()), ..Raw::default() }
}

#[test]
fn the_last_events_are_found_however_far_back_they_lie() {
    let (_folder, dir) = scene::tape();
    let kinds = |names: &[&str]| Raw {
        kind: names.iter().map(|name| super::super::select::kind(name).unwrap()).collect(),
        ..Raw::default()
    };
    assert_eq!(last(&dir, &Raw::default(), 3), [21, 22, 23]);
    assert_eq!(last(&dir, &Raw::default(), 0), [0_u64; 0]);
    assert_eq!(last(&dir, &kinds(&["tick"]), 1), [9]);
    assert_eq!(last(&dir, &kinds(&["tick", "session_opened"]), 9), [1, 3, 9]);
    assert_eq!(last(&dir, &infy(), 4), [16, 17, 20, 23], "numbers mean other symbols in other segments");
}

#[test]
fn filters_combine() {
    let (_folder, dir) = scene::tape();
    let day = Some(scene::date(4));
    assert_eq!(last(&dir, &Raw { date: day, ..Raw::default() }, 2), [9, 10]);
    assert_eq!(last(&dir, &Raw { date: day, ..infy() }, 99), [3, 4, 6, 7, 8]);
    let from = |from: &str, to: &str| Raw { from: Some(from.into()), to: Some(to.into()), date: day, ..infy() };
    assert_eq!(last(&dir, &from("4", "6"), 99), [4, 6]);
    assert_eq!(last(&dir, &from("09:15:01", "09:16"), 99), [3]);
    assert_eq!(last(&dir, &from("09:16", "09:17"), 99), [6]);
}

#[test]
fn what_names_nothing_is_refused() {
    let (_folder, dir) = scene::tape();
    let tape = Tape::open(&dir).unwrap();
    let told = |raw: &Raw| Selection::new(raw, &tape, &mut SymbolBook::new(&tape)).map(drop).unwrap_err().to_string();
    assert_eq!(
        told(&Raw { symbol: Some("INFI".into()), ..Raw::default() }),
        "the tape knows no symbol 'INFI': did you mean INFY?"
    );
    let absent = Raw { date: Some(scene::date(5)), ..Raw::default() };
    assert_eq!(told(&absent), "the tape has no session of 2021-06-05: `barkeep tape stat` lists what it has");
    let bare = Raw { from: Some("09:15".into()), ..Raw::default() };
    assert_eq!(told(&bare), "'09:15' is a time of day without a date: give the date too");
}

#[test]
fn a_follower_goes_from_one_session_into_the_next_and_keeps_the_symbols_apart() {
    let (_folder, dir) = scene::tape();
    let (selection, names, at) = {
        let tape = Tape::open(&dir).unwrap();
        let mut book = SymbolBook::new(&tape);
        let selection = Selection::new(&infy(), &tape, &mut book).unwrap();
        (selection, book.names_at(tape.last_seq()).unwrap(), tape.last_seq())
    };
    let mut writer = Writer::open(&dir, "test").unwrap();
    writer.commit(&[scene::bar(1, Timeframe::M1, 2, 151_900, 0), scene::bar(0, Timeframe::M1, 2, 81_000, 0)]).unwrap();
    writer.begin_segment(scene::date(8)).unwrap();
    writer
        .commit(&[
            scene::opened(8, &["INFY", "M&M"]),
            scene::bar(0, Timeframe::M1, 0, 1, 0),
            scene::bar(1, Timeframe::M1, 0, 2, 0),
        ])
        .unwrap();
    let (seen, polls) = (RefCell::new(Vec::new()), Cell::new(0));
    let stop = || polls.replace(polls.get() + 1) > 2;
    let mut show = |seq: Seq, _: &Event, symbol: Option<&str>| {
        seen.borrow_mut().push((seq.0, symbol.map(str::to_owned)));
        Ok(())
    };
    follow(&dir, at, names, &selection, &mut show, &stop).unwrap();
    assert_eq!(seen.into_inner(), [(24, Some("INFY".to_owned())), (27, Some("INFY".to_owned()))]);
}
