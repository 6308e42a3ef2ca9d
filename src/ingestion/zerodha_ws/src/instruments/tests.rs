//! Lists as the simulator dumps them, written by hand, and by chance.

use std::fmt::Write as _;

use barkeep_schemas::{CalendarKind, ClassDay, DayCalendar, InstrumentClass, Phase, PhaseSpan, SessionDate, Ts};
use barkeep_sim::kite::instruments::{INSTRUMENT_COLUMNS, gzip, instruments_csv};
use barkeep_sim::market::{DayHours, Market, MarketPlan};
use proptest::prelude::*;

use super::*;

fn read(rows: &str) -> Result<Listing, ListingError> {
    Listing::read(format!("{INSTRUMENT_COLUMNS}\n{rows}").as_bytes())
}

fn listed(token: u32, tick_size: i64, lot_size: u32) -> Option<Listed> {
    Some(Listed { token, tick_size: Price::new(tick_size), lot_size })
}

/// The dump of a simulated market of twenty stocks and the two indices.
fn simulated() -> String {
    let date = SessionDate::from_ymd(2026, 11, 20).unwrap();
    let clock = |minute: i64| Ts::from_secs(i64::from(date.0) * 86_400 - 19_800 + minute * 60);
    let span = |(phase, start, end)| PhaseSpan { phase, start: clock(start), end: clock(end) };
    let class = |class| ClassDay {
        class,
        phases: [(Phase::PreOpen, 540, 555), (Phase::Continuous, 555, 930)].map(span).to_vec(),
    };
    let calendar = DayCalendar {
        kind: CalendarKind::Nse,
        zone: "Asia/Kolkata".into(),
        name: "regular".into(),
        day_start: clock(0),
        day_end: clock(1_440),
        tradable: true,
        classes: vec![class(InstrumentClass::Derivatives), class(InstrumentClass::Cash)],
    };
    let days = vec![DayHours { date, calendar }];
    let market = Market::new(MarketPlan { seed: 11, instruments: 20, days, first: date, busy: false }).unwrap();
    let listings: Vec<_> = (0..market.count()).map(|number| market.listing(number, date)).collect();
    instruments_csv(listings.iter())
}

#[test]
fn the_simulators_dump_is_read_plain_and_gzipped() {
    let csv = simulated();
    let plain = Listing::read(csv.as_bytes()).unwrap();
    assert_eq!(Listing::read(&gzip(csv.as_bytes())).unwrap(), plain);
    assert_eq!(plain.hash, Hash32(*blake3::hash(csv.as_bytes()).as_bytes()));
    let mut shown = format!("{} rows, {} unknown, {} repeated\n", plain.rows, plain.unknown, plain.repeated);
    for symbol in ["HDFCBANK", "NSE:HDFCBANK", "INFY", "NIFTY 50", "NIFTY BANK", "BSE:INFY", "hdfcbank", ""] {
        writeln!(shown, "{symbol}: {:?}", plain.get(symbol)).unwrap();
    }
    insta::assert_snapshot!(shown, @"
    22 rows, 0 unknown, 0 repeated
    HDFCBANK: Some(Listed { token: 341249, tick_size: Price(500), lot_size: 1 })
    NSE:HDFCBANK: Some(Listed { token: 341249, tick_size: Price(500), lot_size: 1 })
    INFY: Some(Listed { token: 408065, tick_size: Price(1000), lot_size: 1 })
    NIFTY 50: Some(Listed { token: 256265, tick_size: Price(500), lot_size: 1 })
    NIFTY BANK: Some(Listed { token: 260105, tick_size: Price(500), lot_size: 1 })
    BSE:INFY: None
    hdfcbank: None
    : None
    ");
}

#[test]
fn other_exchanges_are_found_by_their_prefix_and_unknown_kinds_are_counted() {
    let listing = read(
        "256265,1001,NIFTY 50,NIFTY 50,0.0,,0.0,0.0,0,EQ,INDICES,NSE\n\
         408065,1594,INFY,INFOSYS,0.0,,0.0,0.1,1,EQ,NSE,NSE\n\
         128053508,500209,INFY,INFOSYS,0.0,,0.0,0.05,1,EQ,BSE,BSE\n\
         13368834,52222,NIFTY26DEC26000CE,\"NIFTY, index\",0.0,2026-12-29,26000.0,0.05,65.0,CE,NFO-OPT,NFO\n\
         1,0,NEWS,,what,,,no,,EQ,GLOBAL,GLOBAL\n\
         2,0,X,,0.0,,0.0,0.05,1,SWAP,NSE,NSE\n",
    )
    .unwrap();
    assert_eq!(listing.get("INFY").copied(), listed(408_065, 1_000, 1));
    assert_eq!(listing.get("NSE:INFY"), listing.get("INFY"));
    assert_eq!(listing.get("BSE:INFY").copied(), listed(128_053_508, 500, 1));
    assert_eq!(listing.get("NFO:NIFTY26DEC26000CE").copied(), listed(13_368_834, 500, 65));
    assert_eq!(listing.get("NIFTY 50").copied(), listed(256_265, 0, 0));
    assert_eq!((listing.get("GLOBAL:NEWS"), listing.get("X"), listing.get("MCX:INFY")), (None, None, None));
    assert_eq!((listing.rows, listing.unknown, listing.repeated, listing.len()), (6, 2, 0, 4));
}

#[test]
fn of_a_symbol_on_several_rows_a_stock_goes_before_an_index_and_nothing_is_guessed() {
    let listing = read(
        "265,1,TECK,BSE TECK,0.0,,0.0,0.0,0,EQ,INDICES,BSE\n\
         1028,4,TECK,A COMPANY,0.0,,0.0,0.05,1,EQ,BSE,BSE\n\
         257,1,TWICE,ONE,0.0,,0.0,0.05,1,EQ,NSE,NSE\n\
         513,2,TWICE,TWO,0.0,,0.0,0.05,1,EQ,NSE,NSE\n",
    )
    .unwrap();
    assert_eq!(listing.get("BSE:TECK").copied(), listed(1_028, 500, 1));
    assert_eq!((listing.get("TWICE"), listing.repeated), (None, 3));
}

#[test]
fn what_cannot_be_read_is_told_with_its_line() {
    let row = |cells: &str| read(&format!("408065,1594,INFY,INFOSYS,0.0,,0.0,0.1,1,EQ,NSE,NSE\n{cells}\n"));
    let wrong = [
        row("x,1594,TCS,,0.0,,0.0,0.1,1,EQ,NSE,NSE"),
        row("0,1594,TCS,,0.0,,0.0,0.1,1,EQ,NSE,NSE"),
        row("1,1594,,,0.0,,0.0,0.1,1,EQ,NSE,NSE"),
        row("1,1594,TCS,,0.0,,0.0,0.00001,1,EQ,NSE,NSE"),
        row("1,1594,TCS,,0.0,,0.0,0.1,1.5,EQ,NSE,NSE"),
        row("1,1594,TCS"),
        Listing::read(b""),
        Listing::read(b"<html>"),
        Listing::read(b"instrument_token,tradingsymbol\n"),
        Listing::read(&[INSTRUMENT_COLUMNS.as_bytes(), b"\n1,2,\xff,,,,,,,EQ,NSE,NSE\n"].concat()),
        Listing::read(&[0x1f, 0x8b, 8]),
    ];
    let told: Vec<String> = wrong.iter().map(|read| read.as_ref().unwrap_err().to_string()).collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
    the list of instruments: line 3: instrument_token: found "x", expected a whole number from 1 to 4294967295
    the list of instruments: line 3: instrument_token: found "0", expected a whole number from 1 to 4294967295
    the list of instruments: line 3: tradingsymbol: found "", expected a tradingsymbol
    the list of instruments: line 3: tick_size: found "0.00001", expected a price with at most four decimals
    the list of instruments: line 3: lot_size: found "1.5", expected a whole number
    the list of instruments: line 3: found 3 cells, expected 12 as in line 1
    the list of instruments: line 1 has no column `instrument_token`
    the list of instruments: line 1 has no column `instrument_token`
    the list of instruments: line 1 has no column `name`
    the list of instruments: line 2: it is not UTF-8
    the list of instruments is damaged: it does not unpack: unexpected end of file
    "#);
}

#[test]
fn a_small_body_that_unpacks_to_very_much_is_refused() {
    let zeros = vec![b'0'; (LIST_BYTES_MAX + 1) as usize];
    assert_eq!(Listing::read(&gzip(&zeros)), Err(ListingError::TooLong));
    assert_eq!(Listing::read(&zeros), Err(ListingError::TooLong));
}

#[test]
fn changes_are_told_for_what_is_wanted() {
    let before = read(
        "1025,4,SAME,SAME,0.0,,0.0,0.05,1,EQ,NSE,NSE\n\
         1281,5,ZOMATO,ZOMATO,0.0,,0.0,0.05,1,EQ,NSE,NSE\n\
         1537,6,IDEA,IDEA LTD,0.0,,0.0,0.05,1,EQ,NSE,NSE\n\
         1793,7,TOKEN,TOKEN,0.0,,0.0,0.05,1,EQ,NSE,NSE\n\
         2049,8,GONE,GONE,0.0,,0.0,0.05,1,EQ,NSE,NSE\n\
         2305,9,OLD,OLD,0.0,,0.0,0.05,1,EQ,NSE,NSE\n\
         2561,10,STEP,STEP,0.0,,0.0,0.05,1,EQ,NSE,NSE\n",
    );
    let after = read(
        "1025,4,SAME,SAME,0.0,,0.0,0.05,1,EQ,NSE,NSE\n\
         1281,5,ETERNAL,ETERNAL,0.0,,0.0,0.05,1,EQ,NSE,NSE\n\
         9473,37,IDEA-BL,IDEA LTD,0.0,,0.0,0.05,1,EQ,NSE,NSE\n\
         9217,36,IDEA-BZ,IDEA LTD,0.0,,0.0,0.05,1,EQ,NSE,NSE\n\
         2817,11,TOKEN,TOKEN,0.0,,0.0,0.05,1,EQ,NSE,NSE\n\
         2049,8,OLD,OLD,0.0,,0.0,0.05,1,EQ,NSE,NSE\n\
         3073,12,NEW,NEW,0.0,,0.0,0.05,1,EQ,NSE,NSE\n\
         2561,10,STEP,STEP,0.0,,0.0,0.1,25,EQ,SME,NSE\n",
    );
    let wanted = ["SAME", "ZOMATO", "IDEA", "TOKEN", "GONE", "OLD", "STEP", "NEW", "NEVER", "BSE:SAME"];
    let changes = before.unwrap().changes(&after.unwrap(), &wanted);
    let told = changes
        .iter()
        .map(|change| format!("{} {}: {:?} -> {:?}", change.symbol, change.what.name(), change.before, change.after));
    insta::assert_snapshot!(told.collect::<Vec<_>>().join("\n"), @r#"
    ZOMATO renamed: "ZOMATO" -> "ETERNAL"
    IDEA series: "IDEA" -> "IDEA-BZ"
    TOKEN new_token: "1793" -> "2817"
    GONE missing: "2049" -> ""
    OLD new_token: "2305" -> "2049"
    STEP series: "EQ NSE" -> "EQ SME"
    STEP tick_size: "0.05" -> "0.1"
    STEP lot_size: "1" -> "25"
    NEW listed: "" -> "3073"
    "#);
}

#[test]
fn a_list_of_a_hundred_thousand_rows_stays_small() {
    let mut csv = format!("{INSTRUMENT_COLUMNS}\n");
    for row in 0..115_000_u32 {
        let token = row * 256 + 2;
        writeln!(csv, "{token},{row},NIFTY26DEC{row}CE,NIFTY,0.0,2026-12-29,{row}.0,0.05,65,CE,NFO-OPT,NFO").unwrap();
    }
    let listing = Listing::read(csv.as_bytes()).unwrap();
    assert_eq!(listing.len(), 115_000);
    let bytes = listing.entries.capacity() * size_of::<Entry>() + listing.texts.capacity();
    assert!(bytes < 10_000_000, "{bytes}");
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Listing::read(&bytes);
        let _ = Listing::read(&gzip(&bytes));
        let _ = Listing::read(&[INSTRUMENT_COLUMNS.as_bytes(), b"\n", &bytes].concat());
    }

    #[test]
    fn no_rows_make_it_panic_and_every_row_is_accounted_for(
        before in rows(), after in rows(), wanted in proptest::collection::vec("(NSE:|BSE:)?[AB](-BE)?", 0..9)
    ) {
        if let (Ok(before), Ok(after)) = (read(&before), read(&after)) {
            prop_assert_eq!(before.len() as u64 + before.unknown + before.repeated, before.rows);
            let wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
            let _ = before.changes(&after, &wanted);
            prop_assert_eq!(before.changes(&before, &wanted), vec![]);
        }
    }
}

fn rows() -> impl Strategy<Value = String> {
    let row = "[12],7,[AB](-BE)?,[AB],0.0,,0.0,(0.05|1),1,(EQ|FUT|X),(NSE|INDICES),(NSE|BSE|X)";
    proptest::collection::vec(row, 0..9).prop_map(|rows| rows.join("\n"))
}
