//! A warm scan of a sealed session of twenty million ticks, every block's checksum checked: all of it, one instrument of
//! 200, and one kind among all bars.

use crate::day::{COMMIT, DAY, Stretch};
use crate::measure;
use crate::samples::{Receipt, mixed, ticks};
use barkeep_schemas::{Event, EventKind, Input, InstrumentId, Seq};
use barkeep_storage::{DataDir, Filter, Tape, Writer};

/// Neither the busiest nor the quietest of the 200.
const INSTRUMENT: InstrumentId = InstrumentId(50);

pub fn main() {
    let (count, rounds) = (measure::sized(1_000_000, 100_000), measure::sized(20, 2));
    let folder = measure::scratch();
    let dir = DataDir::new(folder.path().join("ticks"));
    record_ticks(&dir, count, rounds);
    let ticks = count * rounds;
    report("scan", &dir, ticks, Filter::ALL, all);
    report("scan, one instrument", &dir, ticks, Filter::ALL, one_instrument);
    let dir = DataDir::new(folder.path().join("bars"));
    let events = record_bars(&dir, measure::sized(2_000_000, 100_000));
    report("scan, bars among ticks", &dir, events, Filter::kinds([EventKind::Bar]), bars);
}

/// What a scan found, so that it has to look.
type Found = (u64, i64);

fn report(bench: &str, dir: &DataDir, count: usize, filter: Filter, scan: fn(&Tape, &Filter) -> Found) {
    let tape = Tape::open(dir).expect("a tape");
    let (found, sum) = scan(&tape, &filter);
    let seconds = measure::median(5, || measure::seconds(|| assert_eq!(scan(&tape, &filter), (found, sum))));
    let note = format!("{count} events on the tape, {found} found; warm");
    measure::rate(bench, count, "events", seconds, &note, "");
}

fn all(tape: &Tape, filter: &Filter) -> Found {
    sum(tape, filter, |event| match event {
        Event::Input(Input::Tick(tick)) => Some(tick.price.get()),
        Event::Input(_) | Event::Derived(_) => None,
    })
}

fn one_instrument(tape: &Tape, filter: &Filter) -> Found {
    sum(tape, filter, |event| match event {
        Event::Input(Input::Tick(tick)) if tick.instrument == INSTRUMENT => Some(tick.price.get()),
        Event::Input(_) | Event::Derived(_) => None,
    })
}

fn bars(tape: &Tape, filter: &Filter) -> Found {
    sum(tape, filter, |event| match event {
        Event::Derived(barkeep_schemas::Derived::Bar(bar)) => Some(bar.close.get()),
        Event::Input(_) | Event::Derived(_) => None,
    })
}

fn sum(tape: &Tape, filter: &Filter, of: fn(&Event) -> Option<i64>) -> Found {
    tape.scan(Seq::FIRST, None, filter).fold((0, 0), |(count, sum), item| {
        let (_, event) = item.expect("a readable tape");
        of(&event).map_or((count, sum), |value| (count + 1, sum + value))
    })
}

fn record_ticks(dir: &DataDir, count: usize, rounds: usize) {
    let mut stretch = Stretch::new(count);
    let mut writer = writer(dir);
    for _ in 0..rounds {
        commit(&mut writer, &stretch.events);
        stretch.advance();
    }
    seal(writer);
}

fn record_bars(dir: &DataDir, count: usize) -> usize {
    let events = mixed(ticks(count, Receipt::Jitter));
    let mut writer = writer(dir);
    commit(&mut writer, &events);
    seal(writer);
    events.len()
}

fn writer(dir: &DataDir) -> Writer {
    let mut writer = Writer::open(dir, "bench").expect("an empty folder");
    writer.begin_segment(DAY).expect("a segment");
    writer
}

fn commit(writer: &mut Writer, events: &[Event]) {
    for batch in events.chunks(COMMIT) {
        writer.commit(batch).expect("a commit");
    }
}

fn seal(mut writer: Writer) {
    writer.seal().expect("a sealed segment");
    writer.close().expect("a clean close");
}
