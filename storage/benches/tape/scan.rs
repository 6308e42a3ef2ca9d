//! A warm scan of a sealed session of twenty million ticks, every block's checksum checked: all of it, one instrument of
//! 200, and one kind among all bars.

use crate::day::{COMMIT, DAY, Stretch};
use crate::measure;
use crate::samples::{Receipt, mixed, ticks};
use barkeep_schemas::{Derived, Event, EventKind, Input, InstrumentId, Seq};
use barkeep_storage::columns::{TickColumnSet, TickColumns};
use barkeep_storage::{DataDir, Filter, Tape, Writer};

/// Neither the busiest nor the quietest of the 200.
const INSTRUMENT: InstrumentId = InstrumentId(50);

pub fn main() {
    let (count, rounds) = (measure::sized(1_000_000, 100_000), measure::sized(20, 2));
    let folder = measure::scratch();
    let dir = DataDir::new(folder.path().join("ticks"));
    record_ticks(&dir, count, rounds);
    let ticks = count * rounds;
    report("scan", &dir, ticks, &Filter::ALL, columns);
    report("scan, one instrument", &dir, ticks, &Filter { instrument: Some(INSTRUMENT), ..Filter::ALL }, columns);
    report("scan, as events", &dir, ticks, &Filter::ALL, events);
    let dir = DataDir::new(folder.path().join("bars"));
    let count = record_bars(&dir, measure::sized(2_000_000, 100_000));
    report("scan, bars among ticks", &dir, count, &Filter::kinds([EventKind::Bar]), events);
}

/// How many a scan found and the sum of their prices, so that it has to look.
type Found = (usize, i64);

fn report(bench: &str, dir: &DataDir, count: usize, filter: &Filter, scan: fn(&Tape, &Filter) -> Found) {
    let tape = Tape::open(dir).expect("a tape");
    let found = scan(&tape, filter);
    let seconds = measure::median(5, || measure::seconds(|| assert_eq!(scan(&tape, filter), found)));
    let note = format!("{count} events on the tape, {} found; warm, every block's CRC checked", found.0);
    measure::rate(bench, count, "events", seconds, &note, "");
}

/// Column by column, all columns.
fn columns(tape: &Tape, filter: &Filter) -> Found {
    let mut scan = tape.scan_ticks(Seq::FIRST, None, TickColumnSet::ALL, filter);
    let (mut ticks, mut found) = (TickColumns::new(), (0, 0));
    while let Some(count) = scan.next_batch(&mut ticks).expect("a readable tape") {
        found = (found.0 + count, found.1 + ticks.price.iter().sum::<i64>());
    }
    found
}

/// Event by event.
fn events(tape: &Tape, filter: &Filter) -> Found {
    tape.scan(Seq::FIRST, None, filter).fold((0, 0), |(count, sum), item| {
        let price = match item.expect("a readable tape").1 {
            Event::Input(Input::Tick(tick)) => tick.price,
            Event::Derived(Derived::Bar(bar)) => bar.close,
            Event::Input(_) | Event::Derived(_) => return (count, sum),
        };
        (count + 1, sum + price.get())
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
