//! What a trade costs: rates by segment, product, side and the date from which they hold.
//!
//! What it never does: guess. A date before the first rates is refused. Who calls it: [`super::DeskFiles`], and
//! [`super::setup()`] for a session's date.

use barkeep_schemas::{ChargeRates, Money, Product, Segment, SessionDate, Side};

use super::files::{FileError, parsed};
use crate::orchestrator::document::{Document, Section};
use crate::orchestrator::finding::{Finding, Problem};

const BUILTIN: &str = include_str!("../../../configs/charges.toml");
const BUILTIN_NAME: &str = "configs/charges.toml (built in)";
const KEYS: [&str; 11] = [
    "segment",
    "product",
    "side",
    "from",
    "brokerage_pct",
    "brokerage_cap_inr",
    "stt_pct",
    "exchange_pct",
    "sebi_pct",
    "stamp_pct",
    "gst_pct",
];

/// A percentage in billionths of the turnover has so many decimals.
const PPB_DECIMALS: u32 = 7;
/// No rate is above 10 % of the turnover.
const PPB_MAX: i64 = 100_000_000;
/// No cap is above 1,000,000.
const CAP_MAX: i64 = 10_000_000_000;

/// Rates by the date from which they hold.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChargeTable {
    /// As the file has them, by date.
    rates: Vec<(SessionDate, ChargeRates)>,
}

/// No rates for a date.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "the charges of {segment} {product} {side} on {date} are not known: the first rates hold from {first}; add older \
     `[[rates]]` to the file of `[charges]`"
)]
pub struct TooEarly {
    /// The session's date.
    pub date: SessionDate,
    /// The segment.
    pub segment: Segment,
    /// The product.
    pub product: Product,
    /// The side.
    pub side: Side,
    /// The first date that has rates.
    pub first: SessionDate,
}

impl ChargeTable {
    /// The rates that this build carries.
    ///
    /// # Errors
    /// [`FileError::Refused`] when the file was built in with a mistake, which a test excludes.
    pub fn builtin() -> Result<Self, FileError> {
        Self::from_toml(BUILTIN, BUILTIN_NAME)
    }

    /// The commented text of the built-in rates, for `init` to write.
    pub const fn builtin_text() -> &'static str {
        BUILTIN
    }

    /// Reads `[[rates]]`; `file_name` is its name in errors.
    ///
    /// # Errors
    /// [`FileError::Refused`] with every mistake.
    pub fn from_toml(text: &str, file_name: &str) -> Result<Self, FileError> {
        parsed(file_name, |findings| {
            let document = Document::parse(text, file_name).map_err(|found| findings.extend(found)).ok()?;
            Some(table(&document, findings))
        })
    }

    /// All of them, each with the date from which it holds, oldest first.
    pub fn all(&self) -> &[(SessionDate, ChargeRates)] {
        &self.rates
    }

    /// The rates in force on a date, one of each segment, product and side.
    ///
    /// # Errors
    /// [`TooEarly`] when one of them begins later.
    pub fn on(&self, date: SessionDate) -> Result<Vec<ChargeRates>, TooEarly> {
        let mut chosen: Vec<ChargeRates> = Vec::new();
        for (first, rates) in &self.rates {
            let ChargeRates { segment, product, side, .. } = rates.clone();
            let same =
                |known: &&mut ChargeRates| (known.segment, known.product, known.side) == (segment, product, side);
            match chosen.iter_mut().find(same) {
                Some(older) if *first <= date => *older = rates.clone(),
                Some(_) => {}
                None if *first <= date => chosen.push(rates.clone()),
                None => return Err(TooEarly { date, segment, product, side, first: *first }),
            }
        }
        chosen.sort_by_key(|rates| (rates.segment.code(), rates.product.code(), rates.side.code()));
        Ok(chosen)
    }
}

fn table(document: &Document<'_>, findings: &mut Vec<Finding>) -> ChargeTable {
    let root = document.root();
    root.allow_only(&["version", "rates"], findings);
    super::files::version(&root, findings);
    let mut rates: Vec<(SessionDate, ChargeRates)> = Vec::new();
    let mut lines: Vec<(SessionDate, Segment, Product, Side, u64)> = Vec::new();
    let sections = root.sections("rates", findings);
    if sections.is_empty() && findings.is_empty() {
        findings.push(root.finding(Problem::Missing { expected: "at least one `[[rates]]`".to_owned() }));
    }
    for section in sections {
        let section = section.named("[[rates]]".to_owned());
        let Some((from, one)) = self::rates(&section, findings) else { continue };
        let key = (from, one.segment, one.product, one.side);
        match lines.iter().find(|(from, segment, product, side, _)| (*from, *segment, *product, *side) == key) {
            Some((.., first_line)) => {
                let name = format!("{} {} {} from {from}", one.segment, one.product, one.side);
                findings.push(section.finding(Problem::Repeated { name, first_line: *first_line }));
            }
            None => {
                lines.push((from, one.segment, one.product, one.side, section.line()));
                rates.push((from, one));
            }
        }
    }
    rates.sort_by_key(|(from, _)| *from);
    ChargeTable { rates }
}

fn name<T: Copy>(
    section: &Section<'_>,
    key: &'static str,
    all: &[T],
    name_of: fn(T) -> &'static str,
    findings: &mut Vec<Finding>,
) -> Option<T> {
    let names: Vec<(&str, T)> = all.iter().map(|of| (name_of(*of), *of)).collect();
    section.require(key, "\"…\"", findings)?.name(key, &names, findings)
}

fn rates(section: &Section<'_>, findings: &mut Vec<Finding>) -> Option<(SessionDate, ChargeRates)> {
    section.allow_only(&KEYS, findings);
    let segment = name(section, "segment", Segment::ALL, Segment::name, findings);
    let product = name(section, "product", Product::ALL, Product::name, findings);
    let side = name(section, "side", Side::ALL, Side::name, findings);
    let from = section.date("from", findings);
    let mut ppb = |key| {
        let entry = section.require(key, "…", findings)?;
        u32::try_from(entry.decimal(PPB_DECIMALS, 0, PPB_MAX, findings)?).ok()
    };
    let brokerage_ppb = ppb("brokerage_pct");
    let stt_ppb = ppb("stt_pct");
    let exchange_ppb = ppb("exchange_pct");
    let sebi_ppb = ppb("sebi_pct");
    let stamp_ppb = ppb("stamp_pct");
    let cap = section.require("brokerage_cap_inr", "…", findings).and_then(|of| of.decimal(4, 0, CAP_MAX, findings));
    let gst = section.require("gst_pct", "…", findings).and_then(|of| of.decimal(2, 0, 10_000, findings));
    let rates = ChargeRates {
        segment: segment?,
        product: product?,
        side: side?,
        brokerage_ppb: brokerage_ppb?,
        brokerage_cap: Money::new(cap?),
        stt_ppb: stt_ppb?,
        exchange_ppb: exchange_ppb?,
        sebi_ppb: sebi_ppb?,
        stamp_ppb: stamp_ppb?,
        gst_bps: u32::try_from(gst?).ok()?,
    };
    Some((from?, rates))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> SessionDate {
        SessionDate::parse(text).unwrap()
    }

    #[test]
    fn the_built_in_rates_are_those_of_the_date() {
        let table = ChargeTable::builtin().unwrap();
        let of = |date: &str, product, side| {
            let rates = table.on(day(date)).unwrap();
            let mut found = rates.into_iter().filter(|of| of.product == product && of.side == side);
            let one = found.next().unwrap();
            assert!(found.next().is_none());
            one
        };
        let sell = of("2026-07-31", Product::Mis, Side::Sell);
        assert_eq!(
            (sell.brokerage_ppb, sell.brokerage_cap, sell.stt_ppb, sell.exchange_ppb, sell.sebi_ppb, sell.stamp_ppb),
            (300_000, Money::new(200_000), 250_000, 30_700, 1_000, 0)
        );
        assert_eq!(sell.gst_bps, 1_800);
        assert_eq!(of("2026-02-28", Product::Mis, Side::Buy).exchange_ppb, 29_700);
        assert_eq!(of("2026-03-01", Product::Mis, Side::Buy).exchange_ppb, 30_700);
        assert_eq!(of("2026-03-01", Product::Cnc, Side::Buy).stamp_ppb, 150_000);
        let early = table.on(day("2024-09-30")).unwrap_err().to_string();
        assert!(early.contains("on 2024-09-30 are not known: the first rates hold from 2024-10-01"), "{early}");
    }

    #[test]
    fn every_mistake_is_told() {
        let text = "version = 2\n[[rates]]\nsegment = \"NSE\"\nproduct = \"MIX\"\nside = \"BUY\"\nfrom = \"2026-3-1\"\n\
                    brokerage_pct = 0.03\nbrokerage_cap_inr = -1\nstt_pct = 0.00000001\nexchange_pct = 0.00307\n\
                    sebi_pct = \"0.0001\"\nstamp_pct = 0.003\ngts_pct = 18\n";
        let refused = ChargeTable::from_toml(text, "c.toml").unwrap_err().to_string();
        insta::assert_snapshot!(refused, @r#"
        c.toml is refused: 8 findings
          c.toml:1: version: found 2, expected 1, the only version that this barkeep reads: upgrade it, or write the file anew
          c.toml:2: [[rates]]: missing: expected `gst_pct = …`
          c.toml:4: [[rates]] product: `MIX` is no known product: did you mean `MIS`?
          c.toml:6: [[rates]] from: found "2026-3-1", expected a date "YYYY-MM-DD" in quotes
          c.toml:8: [[rates]] brokerage_cap_inr: found -1, expected a number from 0 to 1000000 with at most 4 decimals
          c.toml:9: [[rates]] stt_pct: found 0.00000001, expected a number from 0 to 10 with at most 7 decimals
          c.toml:11: [[rates]] sebi_pct: found "0.0001", expected a number from 0 to 10 with at most 7 decimals
          c.toml:13: [[rates]]: `gts_pct` is no known key: did you mean `gst_pct`?
        "#);
        assert!(ChargeTable::from_toml("version = 1\n", "c.toml").is_err());
        let twice = BUILTIN.replace("from = \"2026-03-01\"", "from = \"2024-10-01\"");
        let refused = ChargeTable::from_toml(&twice, "c.toml").unwrap_err().to_string();
        assert!(refused.contains("`NSE MIS BUY from 2024-10-01` is already on line"), "{refused}");
    }
}
