//! The instruments of a seed: who is listed, under which tokens, and how each behaves.
//!
//! It knows no date: prices, ticks and renames of a date are in `levels.rs` and `actions.rs`. `market.rs` makes it once.

use std::collections::BTreeSet;

use barkeep_schemas::{InstrumentClass, SessionDate};

use super::listing::Segment;
use super::names::{Kind, NAMES, Name};
use crate::chance::{Chance, Stream};

/// The most stocks that a market lists.
pub const MAX_STOCKS: u32 = 9_000;
/// Places of the list from which on every stock is of the class `cash`.
const DERIVATIVES: usize = 220;
/// The first exchange token of the made-up stocks; every real one of the list is below.
const MADE_UP_TOKENS: u32 = 30_000;
/// The tokens of the indices, as Kite has them.
const NIFTY_50: u32 = 256_265;
const NIFTY_BANK: u32 = 260_105;

/// A sector of the simulated market.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Sector {
    /// Banks.
    Banks,
    /// Lenders, insurers and managers of funds.
    Finance,
    /// Software and services.
    Technology,
    /// Oil, gas and coal.
    Energy,
    /// Power.
    Power,
    /// Cars and motorcycles.
    Motors,
    /// Metals and mining.
    Metals,
    /// What households buy.
    Consumer,
    /// Medicine and hospitals.
    Health,
    /// Building and its materials.
    Construction,
    /// Telephones.
    Telecom,
    /// Ports, roads and aeroplanes.
    Transport,
    /// Arms.
    Defence,
    /// Machines.
    Industry,
    /// Chemicals.
    Chemicals,
    /// Newspapers and television.
    Media,
    /// Exchange-traded funds.
    Funds,
}

impl Sector {
    /// Every sector; a sector's place here is `sector as usize`.
    pub(super) const ALL: [Self; 17] = [
        Self::Banks,
        Self::Finance,
        Self::Technology,
        Self::Energy,
        Self::Power,
        Self::Motors,
        Self::Metals,
        Self::Consumer,
        Self::Health,
        Self::Construction,
        Self::Telecom,
        Self::Transport,
        Self::Defence,
        Self::Industry,
        Self::Chemicals,
        Self::Media,
        Self::Funds,
    ];

    /// The name for people, as `configs/universe.csv` has it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Banks => "Banks",
            Self::Finance => "Finance",
            Self::Technology => "Information technology",
            Self::Energy => "Energy",
            Self::Power => "Power",
            Self::Motors => "Automobiles",
            Self::Metals => "Metals",
            Self::Consumer => "Consumer goods",
            Self::Health => "Health care",
            Self::Construction => "Construction",
            Self::Telecom => "Telecommunication",
            Self::Transport => "Transport",
            Self::Defence => "Defence",
            Self::Industry => "Industry",
            Self::Chemicals => "Chemicals",
            Self::Media => "Media",
            Self::Funds => "Exchange-traded funds",
        }
    }
}

/// A leg of a planted pair.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Leg {
    /// The pair's number in [`PAIRS`].
    pub(super) pair: usize,
    /// Whether the spread is this leg's.
    pub(super) second: bool,
}

/// Two stocks of which log b - beta * log a keeps coming back.
pub(super) struct PlantedPair {
    /// Symbols of the legs.
    pub(super) legs: (&'static str, &'static str),
    /// The second's move for one of the first.
    pub(super) beta: f64,
    /// Time in which half of the spread is gone, in seconds.
    pub(super) half_life_secs: f64,
    /// Standard deviation of the spread, as a log price.
    pub(super) spread: f64,
}

/// The planted pairs; a pair counts when both of its legs are listed.
pub(super) const PAIRS: [PlantedPair; 7] = [
    pair("HDFCBANK", "ICICIBANK", 1.0, 900.0, 0.0025),
    pair("INFY", "TCS", 0.9, 1_200.0, 0.0022),
    pair("BAJAJ-AUTO", "M&M", 1.0, 1_500.0, 0.0025),
    pair("TATASTEEL", "JSWSTEEL", 1.1, 1_000.0, 0.0028),
    pair("NTPC", "POWERGRID", 0.85, 1_400.0, 0.0022),
    pair("BPCL", "IOC", 1.0, 1_100.0, 0.0026),
    pair("PFC", "RECLTD", 1.0, 800.0, 0.0030),
];

const fn pair(a: &'static str, b: &'static str, beta: f64, half_life_secs: f64, spread: f64) -> PlantedPair {
    PlantedPair { legs: (a, b), beta, half_life_secs, spread }
}

/// A stock and how it behaves.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Stock {
    /// The broker's token.
    pub(super) token: u32,
    /// Tradingsymbol before any rename.
    pub(super) symbol: String,
    /// Company.
    pub(super) name: String,
    /// Sector.
    pub(super) sector: Sector,
    /// The sector whose moves it shares: its own, but a pair's second leg takes the first's.
    pub(super) moves_with: Sector,
    /// Whose hours it keeps.
    pub(super) class: InstrumentClass,
    /// Price at the open of the plan's first date, in rupees.
    pub(super) base: f64,
    /// Its share of the market's move.
    pub(super) beta: f64,
    /// Its share of the sector's move.
    pub(super) sector_beta: f64,
    /// Standard deviation of its own log move over a full day.
    pub(super) deviation: f64,
    /// Trades a second, on the day's average.
    pub(super) rate: f64,
    /// Moves of the book a second, beside trades.
    pub(super) book_rate: f64,
    /// The median trade, in rupees.
    pub(super) ticket: f64,
    /// How far the price may stray from the close before, as a fraction.
    pub(super) band: f64,
    /// The widest spread, in ticks.
    pub(super) widest: u8,
    /// The planted pair it is a leg of, and which leg.
    pub(super) leg: Option<Leg>,
}

/// An index over some of the stocks.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Index {
    /// The broker's token.
    pub(super) token: u32,
    /// Tradingsymbol and name.
    pub(super) symbol: &'static str,
    /// Its level at the open of the plan's first date.
    pub(super) base: f64,
    /// Its stocks and how much of the level each is at the open of the plan's first date; the sum is 1.
    pub(super) weights: Vec<(usize, f64)>,
}

/// Everything that is listed.
#[derive(Clone, Debug)]
pub(super) struct Universe {
    /// Stocks, the most traded first.
    pub(super) stocks: Vec<Stock>,
    /// NIFTY 50 and NIFTY BANK, numbered after the stocks.
    pub(super) indices: [Index; 2],
    /// First and second leg, and beta, of the pairs that are listed, by their number in [`PAIRS`].
    pub(super) pairs: Vec<Option<(usize, usize, f64)>>,
    by_token: Vec<(u32, usize)>,
    by_symbol: Vec<(String, usize)>,
}

impl Universe {
    /// The first `count` stocks of a seed (1 to [`MAX_STOCKS`]) and the indices.
    pub(super) fn new(seed: u64, count: usize) -> Self {
        let mut taken: BTreeSet<String> = NAMES.iter().map(|name| name.0.to_string()).collect();
        let mut stocks: Vec<Stock> = (0..count).map(|number| stock(seed, number, &mut taken)).collect();
        let pairs = join_pairs(&mut stocks);
        let nifty = stocks.iter().enumerate().filter(|(_, stock)| stock.class == InstrumentClass::Derivatives);
        let nifty: Vec<usize> = nifty.map(|(number, _)| number).take(50).collect();
        let is_bank = |number: &usize| stocks.get(*number).is_some_and(|stock| stock.sector == Sector::Banks);
        let bank: Vec<usize> = nifty.iter().copied().filter(is_bank).take(12).collect();
        let indices = [
            index(NIFTY_50, "NIFTY 50", 26_000.0, &stocks, &nifty),
            index(NIFTY_BANK, "NIFTY BANK", 59_000.0, &stocks, &bank),
        ];
        let tokens = stocks.iter().map(|stock| stock.token).chain(indices.iter().map(|index| index.token));
        let mut by_token: Vec<(u32, usize)> = tokens.enumerate().map(|(number, token)| (token, number)).collect();
        by_token.sort_unstable();
        let symbols = stocks.iter().map(|stock| stock.symbol.as_str()).chain(indices.iter().map(|index| index.symbol));
        let mut by_symbol: Vec<(String, usize)> =
            symbols.enumerate().map(|(number, symbol)| (symbol.to_string(), number)).collect();
        by_symbol.sort_unstable();
        Self { stocks, indices, pairs, by_token, by_symbol }
    }

    /// The number behind a token.
    pub(super) fn by_token(&self, token: u32) -> Option<usize> {
        let place = self.by_token.binary_search_by_key(&token, |(token, _)| *token).ok()?;
        self.by_token.get(place).map(|(_, number)| *number)
    }

    /// The number behind a symbol as it is before any rename.
    pub(super) fn by_symbol(&self, symbol: &str) -> Option<usize> {
        let place = self.by_symbol.binary_search_by(|(listed, _)| listed.as_str().cmp(symbol)).ok()?;
        self.by_symbol.get(place).map(|(_, number)| *number)
    }
}

fn stock(seed: u64, number: usize, taken: &mut BTreeSet<String>) -> Stock {
    let mut chance = Chance::new(seed, SessionDate(0), Stream::Listing, number);
    let (symbol, token, name, sector, base, kind) = match NAMES.get(number) {
        Some(name) => real(name, number),
        None => made_up(number, &mut chance, taken),
    };
    let (class, rank) = match kind {
        Kind::D => (InstrumentClass::Derivatives, number as f64),
        Kind::C => (InstrumentClass::Cash, number as f64),
        Kind::Q => (InstrumentClass::Cash, 4_000.0),
    };
    let derivatives = kind == Kind::D;
    let jitter = libm::exp(0.35 * chance.normal());
    let rate =
        if derivatives { 1.3 / libm::pow(1.0 + rank / 60.0, 1.2) } else { 0.25 / libm::pow(1.0 + rank / 800.0, 1.7) };
    let book_rate = if derivatives { 7.0 } else { 0.4 + 3.0 / (1.0 + rank / 1_500.0) };
    let band = if derivatives { 0.10 } else { cash_band(&mut chance, number) };
    Stock {
        token: token << 8 | Segment::Nse.code(),
        symbol,
        name,
        sector,
        moves_with: sector,
        class,
        base,
        beta: chance.between(0.7, 1.3),
        sector_beta: chance.between(0.6, 1.2),
        deviation: (if derivatives { chance.between(0.008, 0.014) } else { chance.between(0.010, 0.022) })
            .min(band / 5.0),
        rate: rate * jitter,
        book_rate,
        ticket: jitter * if derivatives { 120_000.0 } else { 12_000.0 + 30_000.0 / (1.0 + rank / 500.0) },
        band,
        widest: if derivatives { 2 } else { 2 + (rank / 600.0) as u8 },
        leg: None,
    }
}

type Facts = (String, u32, String, Sector, f64, Kind);

fn real(name: &Name, number: usize) -> Facts {
    let (symbol, token, company, sector, base, kind) = *name;
    let token = if token == 0 { MADE_UP_TOKENS + number as u32 } else { token };
    (symbol.to_string(), token, company.to_string(), sector, base, kind)
}

const SYLLABLES: [&str; 24] = [
    "AR", "BHA", "CHAN", "DEV", "GAN", "HIM", "IND", "JAY", "KAV", "LAK", "MAH", "NAR", "OM", "PRA", "RAJ", "SAR",
    "SHI", "SUR", "TRI", "UDA", "VAR", "VIN", "YAM", "ZEN",
];
const ENDINGS: [(&str, &str, Sector); 15] = [
    ("BNK", "BANK", Sector::Banks),
    ("FIN", "FINANCE", Sector::Finance),
    ("TECH", "TECHNOLOGIES", Sector::Technology),
    ("OIL", "PETROLEUM", Sector::Energy),
    ("PWR", "POWER", Sector::Power),
    ("AUTO", "AUTO COMPONENTS", Sector::Motors),
    ("STL", "STEEL", Sector::Metals),
    ("FOOD", "FOODS", Sector::Consumer),
    ("TEX", "TEXTILES", Sector::Consumer),
    ("PHRM", "PHARMACEUTICALS", Sector::Health),
    ("CEM", "CEMENT", Sector::Construction),
    ("LOG", "LOGISTICS", Sector::Transport),
    ("ENG", "ENGINEERING", Sector::Industry),
    ("CHEM", "CHEMICALS", Sector::Chemicals),
    ("TV", "BROADCAST", Sector::Media),
];

fn made_up(number: usize, chance: &mut Chance, taken: &mut BTreeSet<String>) -> Facts {
    let mut syllable = || SYLLABLES.get(chance.place(SYLLABLES.len())).copied().unwrap_or("OM");
    let stem = format!("{}{}", syllable(), syllable());
    let (short, long, sector) =
        ENDINGS.get(chance.place(ENDINGS.len())).copied().unwrap_or(("ENG", "ENGINEERING", Sector::Industry));
    let first = format!("{stem}{short}");
    let symbol = if taken.contains(&first) { format!("{stem}{short}{number}") } else { first };
    taken.insert(symbol.clone());
    let derivatives = number < DERIVATIVES;
    let base = if derivatives {
        150.0 * libm::exp(chance.between(0.0, 3.2))
    } else {
        12.0 * libm::exp(chance.between(0.0, 5.5))
    };
    let kind = if derivatives { Kind::D } else { Kind::C };
    (symbol, MADE_UP_TOKENS + number as u32, format!("{stem} {long}"), sector, base, kind)
}

/// Most stocks without derivatives may move by a fifth; some are on a shorter lead.
fn cash_band(chance: &mut Chance, number: usize) -> f64 {
    let drawn = chance.unit();
    if number < 400 || drawn < 0.75 {
        0.20
    } else if drawn < 0.88 {
        0.10
    } else if drawn < 0.98 {
        0.05
    } else {
        0.02
    }
}

/// Makes the second leg of each pair that is listed whole move as the first does, times the pair's beta.
fn join_pairs(stocks: &mut [Stock]) -> Vec<Option<(usize, usize, f64)>> {
    let join = |(number, pair): (usize, &PlantedPair)| {
        let find = |symbol: &str| stocks.iter().position(|stock| stock.symbol == symbol);
        let (first, second) = (find(pair.legs.0)?, find(pair.legs.1)?);
        let leader = stocks.get_mut(first)?;
        leader.leg = Some(Leg { pair: number, second: false });
        let leader = leader.clone();
        let follower = stocks.get_mut(second)?;
        follower.leg = Some(Leg { pair: number, second: true });
        follower.moves_with = leader.moves_with;
        follower.beta = pair.beta * leader.beta;
        follower.sector_beta = pair.beta * leader.sector_beta;
        Some((first, second, pair.beta))
    };
    PAIRS.iter().enumerate().map(join).collect()
}

fn index(token: u32, symbol: &'static str, base: f64, stocks: &[Stock], members: &[usize]) -> Index {
    let weight = |number: &usize| {
        let stock = stocks.get(*number)?;
        Some((*number, stock.rate * stock.ticket))
    };
    let raw: Vec<(usize, f64)> = members.iter().filter_map(weight).collect();
    let sum: f64 = raw.iter().map(|(_, weight)| weight).sum();
    Index { token, symbol, base, weights: raw.into_iter().map(|(number, weight)| (number, weight / sum)).collect() }
}
