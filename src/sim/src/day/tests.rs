//! What a simulated day promises.

use std::collections::{BTreeMap, BTreeSet};

use barkeep_schemas::NANOS;

use super::*;

/// 2026-11-20 09:00 IST.
const NINE: i64 = 1_795_145_400;

fn plan(seed: u64) -> DayPlan {
    let at = |minutes: i64| Ts::from_secs(NINE + 60 * minutes);
    let date = SessionDate::from_ymd(2026, 11, 20).unwrap();
    DayPlan::new(seed, date, vec![(at(15), at(390))], Some((at(0), at(15))))
}

fn ticks_of(day: &Day) -> Vec<u8> {
    let mut bytes = Vec::new();
    day.write_ticks(&mut bytes).unwrap();
    bytes
}

fn candles_of(day: &Day) -> Vec<u8> {
    let mut bytes = Vec::new();
    day.write_candles(&mut bytes).unwrap();
    bytes
}

fn hashes(plan: &DayPlan) -> [String; 3] {
    let day = Day::generate(plan);
    let ledger = serde_json::to_vec(&day.ledger).unwrap();
    [ticks_of(&day), candles_of(&day), ledger].map(|bytes| blake3::hash(&bytes).to_hex().to_string())
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_seed_or_date_gives_others() {
    let small = DayPlan { instruments: 6, ..plan(1) };
    assert_eq!(hashes(&small), hashes(&small));
    let others = [DayPlan { seed: 2, ..small.clone() }, DayPlan { date: small.date.plus_days(1), ..small.clone() }];
    for other in others {
        let same = hashes(&small).into_iter().zip(hashes(&other)).any(|(a, b)| a == b);
        assert!(!same, "{other:?}");
    }
}

/// The bytes of one day, so that a change of them, or a machine that counts differently, is seen.
#[test]
fn a_day_is_fixed_to_the_byte() {
    let [ticks, candles, ledger] = hashes(&DayPlan { instruments: 4, ..plan(1) });
    assert_eq!(
        [&ticks[..16], &candles[..16], &ledger[..16]],
        ["7b8b7b8c3861417b", "c9931f9b79785793", "7c161402923b4081"]
    );
}

#[test]
fn the_default_day_has_every_fault_as_often_as_it_should() {
    for seed in [1, 2, 77] {
        let day = Day::generate(&plan(seed));
        let expected = |kind: FaultKind| match kind {
            FaultKind::FeedGap => 2..=2,
            FaultKind::InstrumentGap => 3..=3,
            FaultKind::LateTicks => 56..=64,
            FaultKind::LateRevised => 28..=32,
            FaultKind::TooFarBack => 2..=3,
            FaultKind::Duplicate => 190..=210,
            FaultKind::VolumeFall => 37..=43,
            FaultKind::BadRow => 4..=4,
            FaultKind::WrongCandle => 8..=8,
            FaultKind::MissingCandle => 4..=4,
            FaultKind::ExtraCandle => 1..=2,
        };
        for kind in FaultKind::ALL {
            assert!(expected(kind).contains(&day.fault_count(kind)), "{} x {}", kind.name(), day.fault_count(kind));
        }
        assert!(day.ledger.iter().zip(1..).all(|(fault, id)| fault.id == id));
        assert_eq!(day.pairs.len(), 3);
    }
}

#[test]
fn a_day_is_as_long_as_it_should_be() {
    let day = Day::generate(&plan(1));
    assert!((200_000..=250_000).contains(&day.ticks.clean), "{:?}", day.ticks);
    let mut rows: BTreeMap<u32, u64> = BTreeMap::new();
    day.tick_rows.iter().for_each(|tick| *rows.entry(tick.instrument).or_default() += 1);
    for (listing, rows) in day.listings.iter().zip(rows.values()) {
        assert_eq!(listing.illiquid, *rows < 3_000, "{} {rows}", listing.symbol);
        assert!(listing.illiquid || (9_500..=15_500).contains(rows), "{} {rows}", listing.symbol);
    }
    let lines = |bytes: Vec<u8>| bytes.iter().filter(|byte| **byte == b'\n').count() as u64 - 1;
    assert_eq!(lines(ticks_of(&day)), day.ticks.written);
    assert_eq!(lines(candles_of(&day)), day.candles.written);
}

#[test]
fn no_instrument_minute_is_reached_by_two_faults() {
    for plan in [plan(1), plan(2), DayPlan { instruments: 1, ..plan(3) }, DayPlan { instruments: 3, ..plan(4) }] {
        let day = Day::generate(&plan);
        let mut seen: BTreeSet<(&str, Ts)> = BTreeSet::new();
        for cell in day.ledger.iter().flat_map(|fault| &fault.cells) {
            assert!(seen.insert((&cell.symbol, cell.minute)), "{cell:?}");
        }
        for fault in &day.ledger {
            assert!(!fault.cells.is_empty() && fault.from < fault.to);
            assert!(
                fault.symbol.is_none() || fault.cells.iter().all(|cell| Some(&cell.symbol) == fault.symbol.as_ref())
            );
        }
    }
}

#[test]
fn every_candle_is_possible_and_wrong_ones_too() {
    let day = Day::generate(&plan(1));
    for candle in &day.candle_rows {
        assert!(candle.low <= candle.open.min(candle.close) && candle.high >= candle.open.max(candle.close));
        assert!(candle.volume > barkeep_schemas::Qty::ZERO);
        let tick = day.listings[candle.instrument as usize].tick_size.get();
        assert!([candle.open, candle.high, candle.low, candle.close].iter().all(|price| price.get() % tick == 0));
    }
}

#[test]
fn before_faults_candles_and_auction_add_up_to_the_last_cumulative() {
    for plan in [plan(1), DayPlan { pre_open: None, ..plan(2) }, DayPlan { snapshot_every_ms: 250, ..plan(3) }] {
        let (listings, recordings) = clean(&plan, &Hours::new(&plan.parts));
        for (listing, recording) in listings.iter().zip(&recordings) {
            let traded: i64 = recording.candles.iter().map(|candle| candle.volume.get()).sum();
            let last = recording.snapshots.last().unwrap().cum_volume;
            assert_eq!(traded + listing.auction_volume.get(), last.get(), "{}", listing.symbol);
            assert_eq!(last, listing.day_volume);
            assert_eq!(listing.auction_volume.get() > 0, plan.pre_open.is_some());
        }
    }
}

/// Minute bars as the snapshots of one instrument give them: open, high, low, close and the rise of the volume.
fn bars(ticks: &[&Snapshot], hours: &Hours) -> BTreeMap<usize, [i64; 5]> {
    let mut ordered = ticks.to_vec();
    ordered.sort_by_key(|tick| tick.ts);
    let (mut bars, mut cum_volume) = (BTreeMap::new(), 0);
    for tick in ordered {
        let rise = (tick.cum_volume.get() - cum_volume).max(0);
        cum_volume += rise;
        let price = tick.price.get();
        let Some(minute) = hours.minute_of(tick.ts) else { continue };
        let bar = bars.entry(minute).or_insert([price, price, price, price, 0]);
        *bar = [bar[0], bar[1].max(price), bar[2].min(price), price, bar[4] + rise];
    }
    bars
}

/// The prices of a bar and a candle may be two ticks apart, and the volumes not at all.
fn close_enough(bar: &[i64; 5], candle: &Candle, tick: i64) -> bool {
    let candle = [candle.open, candle.high, candle.low, candle.close]
        .map(|price| price.get())
        .into_iter()
        .chain([candle.volume.get()]);
    bar.iter().zip(candle).zip([2, 2, 2, 0, 0]).all(|((bar, candle), ticks)| (bar - candle).abs() <= ticks * tick)
}

#[test]
fn the_ledger_explains_every_difference_between_ticks_and_candles() {
    let plan = plan(1);
    let (day, hours) = (Day::generate(&plan), Hours::new(&plan.parts));
    let cells: BTreeMap<(&str, i64), &Cell> = (day.ledger.iter().flat_map(|fault| &fault.cells))
        .map(|cell| ((cell.symbol.as_str(), cell.minute.get()), cell))
        .collect();
    let rejected = |tick: &Snapshot| matches!(tick.mark, Mark::Bad(_)) || tick.place - tick.ts > 120 * NANOS;
    let (mut differing, mut honest) = (0, 0);
    for (number, listing) in day.listings.iter().enumerate() {
        let mine = |instrument: u32| instrument as usize == number;
        let ticks: Vec<_> = day.tick_rows.iter().filter(|tick| mine(tick.instrument) && !rejected(tick)).collect();
        let candles: BTreeMap<_, _> = day
            .candle_rows
            .iter()
            .filter(|candle| mine(candle.instrument))
            .map(|candle| (candle.minute, candle))
            .collect();
        let bars = bars(&ticks, &hours);
        for (minute, span) in hours.minutes.iter().enumerate() {
            let cell = cells.get(&(listing.symbol.as_str(), span.start));
            let (bar, candle) = (bars.get(&minute), candles.get(&minute));
            let volume = bar.map_or(0, |bar| bar[4]) - candle.map_or(0, |candle| candle.volume.get());
            let expected = cell.map_or(0, |cell| cell.volume_change);
            assert_eq!(volume, expected, "{} {minute} {cell:?}", listing.symbol);
            let same = match (bar, candle) {
                (Some(bar), Some(candle)) => close_enough(bar, candle, listing.tick_size.get()),
                (None, None) => true,
                (Some(_), None) | (None, Some(_)) => false,
            };
            assert!(same || cell.is_some_and(|cell| cell.effect.may_differ()), "{} {minute} {cell:?}", listing.symbol);
            differing += usize::from(!same);
            honest +=
                usize::from(bar.zip(candle.as_ref()).is_some_and(|(bar, candle)| same && bar[1] < candle.high.get()));
        }
    }
    assert!(differing > 20, "{differing}");
    assert!(honest > 100, "snapshots miss highs: {honest}");
}

/// What a wrong candle differs by must show: prices beyond three basis points, volumes beyond three in a hundred.
#[test]
fn faults_of_the_broker_are_wide_enough_to_be_seen() {
    let plan = plan(5);
    let (_, clean) = clean(&plan, &Hours::new(&plan.parts));
    let day = Day::generate(&plan);
    for fault in day.ledger.iter().filter(|fault| fault.kind == FaultKind::WrongCandle) {
        let number = day.symbols().position(|symbol| Some(symbol) == fault.symbol.as_deref()).unwrap();
        let before = clean[number].candles.iter().find(|candle| candle.start == fault.from.get()).unwrap();
        let written = |candle: &&Candle| candle.start == fault.from.get() && candle.instrument as usize == number;
        let after = day.candle_rows.iter().find(written).unwrap();
        let prices = |candle: &Candle| [candle.open, candle.high, candle.low, candle.close].map(|price| price.get());
        let widest = prices(before).into_iter().zip(prices(after)).map(|(a, b)| (a - b).abs()).max().unwrap();
        let volume = (before.volume.get() - after.volume.get()).abs() as f64 / before.volume.get() as f64;
        assert!(widest * 10_000 > 3 * before.close.get() || (0.19..=0.61).contains(&volume), "{fault:?}");
    }
}

#[test]
fn late_rows_are_as_late_as_their_kind_says() {
    for plan in [plan(1), DayPlan { instruments: 2, ..plan(2) }] {
        let day = Day::generate(&plan);
        let late: Vec<_> = (day.ledger.iter())
            .filter(|fault| matches!(fault.kind, FaultKind::LateTicks | FaultKind::LateRevised | FaultKind::TooFarBack))
            .collect();
        assert!(late.len() > 10);
        let mut newest = i64::MIN;
        let mut found = 0;
        for tick in &day.tick_rows {
            if tick.ts >= newest {
                newest = tick.ts;
                continue;
            }
            let millis = (newest - tick.ts) / 1_000_000;
            let symbol = Some(&day.listings[tick.instrument as usize].symbol);
            let kind = late.iter().find(|f| f.from.get() == tick.ts && f.symbol.as_ref() == symbol).unwrap().kind;
            let range = if kind == FaultKind::LateTicks {
                500..=2_000
            } else if kind == FaultKind::LateRevised {
                5_000..=90_000
            } else {
                121_000..=300_000
            };
            assert!(range.contains(&millis), "{kind:?} {millis}");
            found += 1;
        }
        assert_eq!(found, late.len());
    }
}

#[test]
fn the_snapshots_interval_changes_ticks_and_nothing_else() {
    let slow = DayPlan { instruments: 5, ..plan(1) };
    let fast = DayPlan { snapshot_every_ms: 250, ..slow.clone() };
    let hours = Hours::new(&slow.parts);
    let ((_, slow), (_, fast)) = (clean(&slow, &hours), clean(&fast, &hours));
    for (slow, fast) in slow.iter().zip(&fast) {
        assert_eq!(slow.candles, fast.candles);
        assert!(slow.snapshots.len() < fast.snapshots.len());
        let seconds: BTreeSet<i64> = slow.snapshots.iter().map(|tick| tick.ts.div_euclid(NANOS)).collect();
        assert_eq!(seconds.len(), slow.snapshots.len(), "one a second at most");
    }
}

#[test]
fn illiquid_instruments_have_silent_minutes_and_liquid_ones_have_none() {
    let plan = plan(1);
    let (listings, recordings) = clean(&plan, &Hours::new(&plan.parts));
    for (listing, recording) in listings.iter().zip(&recordings) {
        assert_eq!(recording.candles.len() < 375, listing.illiquid, "{} {}", listing.symbol, recording.candles.len());
    }
}

#[test]
fn odd_plans_give_days_too() {
    let at = |minutes: i64| Ts::from_secs(NINE + 60 * minutes);
    let odd = [
        DayPlan { parts: vec![], ..plan(1) },
        DayPlan { parts: vec![(at(15), at(15))], instruments: 0, pre_open: None, ..plan(1) },
        DayPlan { parts: vec![(at(15), at(17))], instruments: 4, ..plan(1) },
        DayPlan { parts: vec![(at(15), at(60)), (at(150), at(205))], instruments: 12, ..plan(1) },
        DayPlan { snapshot_every_ms: 0, instruments: 1, parts: vec![(at(15), at(75))], ..plan(1) },
        DayPlan { snapshot_every_ms: 90_000, instruments: 2, ..plan(1) },
    ];
    for plan in odd {
        let day = Day::generate(&plan);
        assert_eq!(day.listings.len(), plan.instruments.max(1) as usize);
        assert!(ticks_of(&day).starts_with(TICK_COLUMNS.as_bytes()));
        assert!(candles_of(&day).starts_with(CANDLE_COLUMNS.as_bytes()));
    }
}

#[test]
fn rows_read_as_the_importer_wants_them() {
    let day = Day::generate(&DayPlan { instruments: 3, ..plan(1) });
    let bytes = ticks_of(&day);
    let mut rows = csv::Reader::from_reader(bytes.as_slice());
    let mut kept = 0;
    for row in rows.records() {
        let row = row.unwrap();
        assert_eq!(row.len(), 8);
        let time = |text: &str| text.parse::<jiff::Timestamp>().unwrap().as_nanosecond();
        assert!((20_000_000..=300_000_000_000 + 300_000_000).contains(&(time(&row[1]) - time(&row[0]))));
        assert_eq!(row[0].len(), "2026-11-20T09:15:00.123+05:30".len());
        assert!(row[4].parse::<u32>().unwrap() > 0);
        kept += usize::from(row[3].parse::<f64>().is_ok_and(|price| price > 0.0));
    }
    assert_eq!(kept as u64 + day.fault_count(FaultKind::BadRow) as u64, day.ticks.written);
}
