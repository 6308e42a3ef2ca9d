//! A script: everything that a run of days is made of. A seed draws one; a failing one is shortened and pasted into a test.

use barkeep_schemas::{Bucket, Side};

use crate::market::Chance;

/// What a run is made of. Nothing else decides what happens in it.
#[derive(Clone, PartialEq, Debug)]
pub struct Script {
    pub plan: Plan,
    pub happenings: Vec<Happening>,
}

/// The stage.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Plan {
    /// Of the market's prices and books.
    pub seed: u64,
    /// Days in a row, each carried into the next.
    pub sessions: u8,
    /// Pairs with two instruments each.
    pub pairs: u16,
    /// Whether two more pairs share their legs with the first two, in other buckets.
    pub shared: bool,
    /// Seconds of market data from 09:15.
    pub seconds: i64,
    /// Seconds from 09:15 to the end of continuous trading by the calendar.
    pub ends: i64,
    /// Deviation of the spreads in hundredths of a percent, and its half-life in seconds.
    pub spread_bps: u32,
    pub half_life: u32,
    /// Snapshots of an instrument in a thousand seconds.
    pub permille: u64,
    /// Limits in percent of those of `market::limits`.
    pub limits: i64,
    /// Shares displayed, in percent of those of `market::day`; and how far a market order's protection lies behind, in
    /// hundredths of a percent.
    pub depth: i64,
    pub protection: u32,
    /// Whether the broker's rates are a tenth of the usual.
    pub slow: bool,
    /// Latency of the paper exchange, in milliseconds.
    pub latency: i64,
    /// Whether orders go to the model broker, by a gateway.
    pub gateway: bool,
}

/// One thing that happens. Times are seconds after 09:15 of the session, inputs are counted over its market data.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Happening {
    /// The market: no tick of an instrument.
    Halt {
        session: u8,
        instrument: u32,
        from: i64,
        until: i64,
    },
    /// One share at each level, and a tenth of the volume.
    Thin {
        session: u8,
        instrument: u32,
        from: i64,
        until: i64,
    },
    /// No book is displayed.
    NoDepth {
        session: u8,
        instrument: u32,
        from: i64,
        until: i64,
    },
    /// Nobody is displayed on one side.
    Circuit {
        session: u8,
        instrument: u32,
        from: i64,
        until: i64,
        side: Side,
    },
    /// The feed: so many ticks of a thousand are dropped, come twice, or come late.
    Drop {
        session: u8,
        from: i64,
        until: i64,
        permille: u64,
    },
    Twice {
        session: u8,
        from: i64,
        until: i64,
        permille: u64,
    },
    Late {
        session: u8,
        from: i64,
        until: i64,
        permille: u64,
    },
    /// Everything is lost, and said to be.
    Gap {
        session: u8,
        from: i64,
        until: i64,
    },
    /// No clock mark.
    Stall {
        session: u8,
        from: i64,
        until: i64,
    },
    /// The engine is saved and restored.
    Restart {
        session: u8,
        input: usize,
    },
    /// The engine is restored from an older snapshot and reads the tape again: it must derive the same.
    Crash {
        session: u8,
        input: usize,
    },
    /// As before, and what was not durable yet is lost.
    PowerCut {
        session: u8,
        input: usize,
    },
    /// The operator; no bucket is the account.
    KillOn {
        session: u8,
        at: i64,
        bucket: Option<Bucket>,
        flatten: bool,
    },
    KillOff {
        session: u8,
        at: i64,
        bucket: Option<Bucket>,
    },
    /// The setup: limits in percent, a pair that may only be left or be traded again, a whitelist of another day or today's.
    Limits {
        session: u8,
        at: i64,
        percent: i64,
    },
    ExitOnly {
        session: u8,
        at: i64,
        pair: u16,
        only: bool,
    },
    Whitelist {
        session: u8,
        at: i64,
        today: bool,
    },
    /// A pair moves to another bucket.
    Bucket {
        session: u8,
        at: i64,
        pair: u16,
        bucket: Bucket,
    },
    /// A setup that contradicts the session, to be refused.
    Nonsense {
        session: u8,
        at: i64,
    },
    /// The gateway is not running.
    Down {
        session: u8,
        from: i64,
        until: i64,
    },
    /// Another program's order is told, with a trade of it: by which tag, see `broker::foreign`.
    Foreign {
        session: u8,
        at: i64,
        tag: u8,
    },
    /// What befalls the n-th order that the gateway is about to send.
    Order {
        session: u8,
        nth: usize,
        quirk: Quirk,
    },
}

/// What befalls an order between the gateway and the exchange. Without any it is answered at once and filled within two
/// seconds, as soon as the price is within its limit, and told by postbacks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Quirk {
    /// The broker refuses it in its answer.
    Refused,
    /// The exchange refuses it.
    Rejected,
    /// The answer is lost, and the order was never there; or it was; or comes there so many seconds later.
    Unreached,
    AnswerLost,
    InFlight(i64),
    /// A look-up says that it never came there, although it did.
    Denied,
    /// The answer comes so many seconds later than it was made.
    AnswerLate(i64),
    /// It is sent although its attempt was refused.
    SentAnyway,
    /// It rests so many seconds before it is filled.
    Slow(i64),
    /// It is filled in so many parts, one a second.
    Parts(i64),
    /// It is filled so far, in percent, and works until it is cancelled.
    Stuck(i64),
    /// The exchange cancels it, filled so far.
    Dropped(i64),
    /// More shares are filled than were ordered: an even number with its last, an odd one by a trade of its own, told
    /// five seconds after its end.
    Over(i64),
    /// Its cancellation comes too late: it is filled.
    CancelLoses,
    /// Its cancellation, or the exchange's, is told without a trade that came before it, which is told five seconds later.
    LateTrade,
    /// None of its postbacks comes.
    Silent,
    /// Each of its postbacks comes twice.
    Echo,
    /// Its postbacks come in another order.
    Shuffled,
    /// Its end is told before its trades.
    StateFirst,
    /// Its trades are told without its tag, also before its number is known.
    NoTag,
}

impl Happening {
    /// The session that it happens in.
    pub fn session(&self) -> u8 {
        match *self {
            Self::Halt { session, .. }
            | Self::Thin { session, .. }
            | Self::NoDepth { session, .. }
            | Self::Circuit { session, .. }
            | Self::Drop { session, .. }
            | Self::Twice { session, .. }
            | Self::Late { session, .. }
            | Self::Gap { session, .. }
            | Self::Stall { session, .. }
            | Self::Restart { session, .. }
            | Self::Crash { session, .. }
            | Self::PowerCut { session, .. }
            | Self::KillOn { session, .. }
            | Self::KillOff { session, .. }
            | Self::Limits { session, .. }
            | Self::ExitOnly { session, .. }
            | Self::Whitelist { session, .. }
            | Self::Bucket { session, .. }
            | Self::Nonsense { session, .. }
            | Self::Down { session, .. }
            | Self::Foreign { session, .. }
            | Self::Order { session, .. } => session,
        }
    }
}

/// A quirk that a seed draws.
fn quirk(chance: &mut Chance) -> Quirk {
    let seconds = 1 + chance.below(25) as i64;
    let percent = chance.below(100) as i64;
    match chance.below(25) {
        0 => Quirk::Refused,
        1 => Quirk::Rejected,
        2 => Quirk::Unreached,
        3 => Quirk::AnswerLost,
        4 => Quirk::InFlight(seconds),
        5 => Quirk::AnswerLate(seconds),
        6 => Quirk::SentAnyway,
        7 => Quirk::Slow(seconds),
        8 => Quirk::Parts(2 + chance.below(4) as i64),
        9 => Quirk::Stuck(percent),
        10 => Quirk::Dropped(percent),
        11 => Quirk::Over(seconds),
        12 => Quirk::CancelLoses,
        13 => Quirk::LateTrade,
        14 => Quirk::Silent,
        15 => Quirk::Echo,
        16 => Quirk::Shuffled,
        17 => Quirk::StateFirst,
        18 => Quirk::NoTag,
        23 => Quirk::Denied,
        19 | 20 => Quirk::Stuck(percent),
        21 | 22 => Quirk::LateTrade,
        _ => Quirk::InFlight(12 + seconds),
    }
}

impl Script {
    /// The script of a seed.
    pub fn draw(seed: u64) -> Self {
        let mut chance = Chance(seed.wrapping_mul(0x9e37_79b9).wrapping_add(7));
        let seconds = 1_500 + chance.below(2_500) as i64;
        let plan = Plan {
            seed,
            sessions: 1 + chance.below(3) as u8,
            pairs: 2 + chance.below(3) as u16,
            shared: chance.permille(500),
            seconds,
            // Some days end by the calendar, some by the data alone, so that positions are held over the night.
            ends: if chance.permille(600) { seconds - 30 } else { seconds + 1_800 },
            spread_bps: 15 + chance.below(50) as u32,
            half_life: 40 + chance.below(200) as u32,
            permille: 400 + chance.below(600),
            limits: if chance.permille(500) { 10 + chance.below(50) as i64 } else { 100 },
            depth: if chance.permille(500) { 1 + chance.below(20) as i64 } else { 100 },
            protection: [1, 3, 10, 50][chance.below(4) as usize],
            slow: chance.permille(200),
            latency: [0, 200, 1_500][chance.below(3) as usize],
            gateway: chance.permille(500),
        };
        let mut happenings = Vec::new();
        for session in 0..plan.sessions {
            for _ in 0..6 + chance.below(24) {
                let happening = happening(session, &plan, &mut chance);
                happenings.push(happening);
                // A switch that nobody takes off again makes a dull day, and so does the whitelist of another.
                let later = 1 + chance.below(300) as i64;
                match happening {
                    Happening::KillOn { at, bucket, .. } if chance.permille(900) => {
                        happenings.push(Happening::KillOff { session, at: at + later, bucket });
                    }
                    Happening::Whitelist { at, today: false, .. } if chance.permille(900) => {
                        happenings.push(Happening::Whitelist { session, at: at + later, today: true });
                    }
                    Happening::ExitOnly { at, pair, only: true, .. } if chance.permille(900) => {
                        happenings.push(Happening::ExitOnly { session, at: at + later, pair, only: false });
                    }
                    _ => {}
                }
            }
            if plan.gateway {
                // Entries and exits of an eventful day are a hundred orders.
                for nth in 0..120 {
                    while chance.permille(300) {
                        happenings.push(Happening::Order { session, nth, quirk: quirk(&mut chance) });
                    }
                }
            }
        }
        Self { plan, happenings }
    }

    /// The script as it is pasted into a test.
    pub fn text(&self) -> String {
        let lines: Vec<String> = self.happenings.iter().map(|happening| format!("        {happening:?},\n")).collect();
        format!("Script {{\n    plan: {:?},\n    happenings: vec![\n{}    ],\n}}", self.plan, lines.concat())
    }
}

fn happening(session: u8, plan: &Plan, chance: &mut Chance) -> Happening {
    let second = chance.below(plan.seconds as u64) as i64;
    // Bars of a minute close shortly after it, and orders work then.
    let from = if chance.permille(600) { second / 60 * 60 + chance.below(12) as i64 } else { second };
    let (short, long) = (from + 1 + chance.below(60) as i64, from + 30 + chance.below(400) as i64);
    let at = from;
    let instrument = chance.below(u64::from(plan.pairs) * 2) as u32;
    let input = chance.below(plan.seconds as u64 * u64::from(plan.pairs) * plan.permille / 500) as usize;
    let permille = 1 + chance.below(300);
    let bucket = [None, Some(Bucket::Low), Some(Bucket::Med), Some(Bucket::High)][chance.below(4) as usize];
    let flag = chance.permille(500);
    match chance.below(if plan.gateway { 24 } else { 19 }) {
        0 => Happening::Halt { session, instrument, from, until: long },
        1 => Happening::Thin { session, instrument, from, until: long },
        2 => Happening::NoDepth { session, instrument, from, until: long },
        3 => {
            let side = if flag { Side::Buy } else { Side::Sell };
            Happening::Circuit { session, instrument, from, until: long, side }
        }
        4 => Happening::Drop { session, from, until: long, permille },
        5 => Happening::Twice { session, from, until: long, permille },
        6 => Happening::Late { session, from, until: long, permille },
        7 => Happening::Gap { session, from, until: short },
        8 => Happening::Stall { session, from, until: short },
        9 => Happening::Restart { session, input },
        10 => Happening::Crash { session, input },
        11 => Happening::PowerCut { session, input },
        12 => Happening::KillOn { session, at, bucket, flatten: flag },
        13 => Happening::KillOff { session, at, bucket: bucket.filter(|_| flag) },
        14 => Happening::Limits { session, at, percent: 10 + chance.below(140) as i64 },
        15 => Happening::ExitOnly { session, at, pair: chance.below(u64::from(plan.pairs)) as u16, only: flag },
        16 => Happening::Whitelist { session, at, today: flag },
        17 => Happening::Nonsense { session, at },
        18 => Happening::Bucket { session, at, pair: chance.below(2) as u16, bucket: bucket.unwrap_or(Bucket::Low) },
        19 | 20 => Happening::Down { session, from, until: short },
        _ => Happening::Foreign { session, at, tag: chance.below(5) as u8 },
    }
}
