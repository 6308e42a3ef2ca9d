//! Facts beside the market: files read, broker bars, operator commands, reconciliation results. All are inputs.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use crate::codec::{names, record};
use crate::event::OlderForm;
use crate::scalar::{Hash32, InstrumentId, Price, Qty, Seq, SessionDate, Timeframe, Ts};

record! {
    /// One file of an import.
    pub struct SourceFile {
        /// Its name, without folders.
        pub name: String,
        /// BLAKE3 of its bytes.
        pub hash: Hash32,
        /// Its size in bytes.
        pub bytes: u64,
    }
}

names! {
    /// What a file holds.
    pub enum FileKind {
        /// Ticks or trades.
        Ticks = 1 "ticks",
        /// Bars.
        Bars = 2 "bars",
    }
}

record! {
    /// Files are about to be taken in. `id` is the hash of their contents and of everything that changes their meaning.
    pub struct ImportStarted {
        /// Identity: the same files under the same mapping have the same id.
        pub id: Hash32,
        /// Ticks or bars.
        pub kind: FileKind,
        /// The files in the order given.
        pub files: Vec<SourceFile>,
        /// The mapping and options in one line, for people.
        pub mapping: String,
        /// When the broker gave it, by this host's clock; absent for a file, whose import is a function of its bytes alone.
        pub fetched: Option<Ts>,
    }
}

record! {
    /// [`ImportStarted`] as it was before it told when.
    pub struct ImportStartedV1 {
        /// Identity.
        pub id: Hash32,
        /// Ticks or bars.
        pub kind: FileKind,
        /// The files in the order given.
        pub files: Vec<SourceFile>,
        /// The mapping and options.
        pub mapping: String,
    }
}

impl From<ImportStartedV1> for Box<ImportStarted> {
    fn from(old: ImportStartedV1) -> Self {
        let ImportStartedV1 { id, kind, files, mapping } = old;
        Self::new(ImportStarted { id, kind, files, mapping, fetched: None })
    }
}

impl OlderForm<Box<ImportStarted>> for ImportStartedV1 {
    fn of(body: &Box<ImportStarted>) -> Option<Self> {
        if body.fetched.is_some() {
            return None;
        }
        let ImportStarted { id, kind, files, mapping, fetched: _ } = (**body).clone();
        Some(Self { id, kind, files, mapping })
    }
}

record! {
    /// All rows of an import are on the tape.
    pub struct ImportFinished {
        /// The import.
        pub id: Hash32,
        /// Data rows read.
        pub rows: u64,
        /// Rows that became events.
        pub accepted: u64,
        /// Rows refused, listed in the side file.
        pub rejected: u64,
        /// Rows identical to the one before of the same symbol; they are on the tape.
        pub duplicates: u64,
        /// Rows whose time is before the latest seen; they are on the tape.
        pub steps_back: u64,
        /// Rows whose cumulative volume is below the highest seen of the same symbol and session.
        pub volume_falls: u64,
    }
}

names! {
    /// Whose bar it is.
    pub enum BarOrigin {
        /// The broker's.
        Broker = 1 "broker",
        /// Ours, brought in from a file.
        Import = 2 "import",
    }
}

record! {
    /// A bar from outside. It changes nothing in the engine.
    pub struct OutsideBar {
        /// Whose.
        pub origin: BarOrigin,
        /// The date it belongs to, wherever the event lies.
        pub session_date: SessionDate,
        /// The instrument, by its number in this segment.
        pub instrument: InstrumentId,
        /// The timeframe.
        pub tf: Timeframe,
        /// Start of the bucket.
        pub start: Ts,
        /// First trade.
        pub open: Price,
        /// Highest trade.
        pub high: Price,
        /// Lowest trade.
        pub low: Price,
        /// Last trade.
        pub close: Price,
        /// Shares traded.
        pub volume: Qty,
        /// The import that brought it.
        pub import: Seq,
    }
}

names! {
    /// What an operator may order.
    pub enum OperatorAction {
        /// No new entries.
        KillOn = 1 "kill_on",
        /// Entries again.
        KillOff = 2 "kill_off",
    }
}

record! {
    /// An operator's command.
    pub struct OperatorCommand {
        /// What.
        pub action: OperatorAction,
        /// The bucket it is about; all when absent.
        pub bucket: Option<String>,
        /// Whether open positions are closed.
        pub flatten: bool,
        /// Why, in the operator's words.
        pub reason: String,
        /// Numeric user id of the operator on this host.
        pub uid: u32,
        /// When, by this host's clock.
        pub ts: Ts,
    }
}

record! {
    /// Five numbers of a bar.
    pub struct Ohlcv {
        /// First trade.
        pub open: Price,
        /// Highest trade.
        pub high: Price,
        /// Lowest trade.
        pub low: Price,
        /// Last trade.
        pub close: Price,
        /// Shares traded.
        pub volume: Qty,
    }
}

names! {
    /// How a bar failed to match, by precedence.
    pub enum ReconStatus {
        /// The broker has it, we do not.
        MissingInternal = 1 "missing_internal",
        /// We have it, the broker does not.
        MissingBroker = 2 "missing_broker",
        /// A price is outside tolerance.
        Price = 3 "price",
        /// The volume is outside tolerance.
        Volume = 4 "volume",
    }
}

names! {
    /// Why a bar did not match.
    pub enum ReconCause {
        /// The feed was interrupted.
        FeedGap = 1 "feed_gap",
        /// barkeep was not running.
        ApplianceDown = 2 "appliance_down",
        /// Ticks came after the bar could be revised.
        LateTicks = 3 "late_ticks",
        /// The built range lies inside the broker's: trades between snapshots.
        Conflation = 4 "conflation",
        /// Volume on the other side of a minute's boundary.
        VolumeBoundary = 5 "volume_boundary",
        /// The broker's opening price is the auction's.
        OpeningPrice = 6 "opening_price",
        /// An auction.
        Auction = 7 "auction",
        /// Trading was halted.
        Halt = 8 "halt",
        /// A row came twice.
        Duplicate = 9 "duplicate",
        /// A constant ratio over the day.
        CorporateAction = 10 "corporate_action",
        /// The broker's day is cut short.
        BrokerIncomplete = 11 "broker_incomplete",
        /// The broker changed its bar.
        BrokerRevised = 12 "broker_revised",
        /// None of these.
        Unexplained = 13 "unexplained",
    }
}

record! {
    /// A reconciliation was run. Its differences follow, each naming `run_id`; a bar that it covers and does not name
    /// was found in order. Which bars it covers: those of `symbols` in `tf` that start from `from` to `to`.
    pub struct ReconRun {
        /// Identity: the last position of the tape when the bars were compared.
        pub run_id: Seq,
        /// The date compared.
        pub session_date: SessionDate,
        /// Which session of that date, from 1; 0 where the date has none and its bars were imported as our own.
        pub session_run: u32,
        /// The timeframe compared.
        pub tf: Timeframe,
        /// The symbols compared, by their numbers in this segment.
        pub symbols: Vec<InstrumentId>,
        /// The import that holds the other side.
        pub import: Seq,
        /// First start covered, whether or not a bar starts there.
        pub from: Ts,
        /// Last start covered, whether or not a bar starts there.
        pub to: Ts,
        /// The tolerance as typed.
        pub tolerance: String,
        /// Keys on either side.
        pub compared: u64,
        /// Keys that matched within tolerance.
        pub matched: u64,
        /// Differences by status, in the order of [`ReconStatus::ALL`].
        pub differences: Vec<u64>,
        /// When it was run, by this host's clock; absent in runs written before it was kept.
        pub at: Option<Ts>,
    }
}

record! {
    /// [`ReconRun`] as it was before it told when.
    pub struct ReconRunV1 {
        /// Identity.
        pub run_id: Seq,
        /// The date compared.
        pub session_date: SessionDate,
        /// Which session of that date.
        pub session_run: u32,
        /// The timeframe compared.
        pub tf: Timeframe,
        /// The symbols compared.
        pub symbols: Vec<InstrumentId>,
        /// The import that holds the other side.
        pub import: Seq,
        /// First start covered.
        pub from: Ts,
        /// Last start covered.
        pub to: Ts,
        /// The tolerance as typed.
        pub tolerance: String,
        /// Keys on either side.
        pub compared: u64,
        /// Keys that matched within tolerance.
        pub matched: u64,
        /// Differences by status.
        pub differences: Vec<u64>,
    }
}

impl From<ReconRunV1> for Box<ReconRun> {
    fn from(old: ReconRunV1) -> Self {
        let ReconRunV1 { run_id, session_date, session_run, tf, symbols, import, from, to, .. } = old;
        let ReconRunV1 { tolerance, compared, matched, differences, .. } = old;
        Self::new(ReconRun {
            run_id,
            session_date,
            session_run,
            tf,
            symbols,
            import,
            from,
            to,
            tolerance,
            compared,
            matched,
            differences,
            at: None,
        })
    }
}

impl OlderForm<Box<ReconRun>> for ReconRunV1 {
    fn of(body: &Box<ReconRun>) -> Option<Self> {
        if body.at.is_some() {
            return None;
        }
        let ReconRun { run_id, session_date, session_run, tf, symbols, import, from, to, .. } = (**body).clone();
        let ReconRun { tolerance, compared, matched, differences, .. } = (**body).clone();
        Some(Self {
            run_id,
            session_date,
            session_run,
            tf,
            symbols,
            import,
            from,
            to,
            tolerance,
            compared,
            matched,
            differences,
        })
    }
}

record! {
    /// One bar that did not match.
    pub struct ReconDifference {
        /// The run that found it.
        pub run_id: Seq,
        /// The date compared.
        pub session_date: SessionDate,
        /// The instrument, by its number in this segment.
        pub instrument: InstrumentId,
        /// The timeframe.
        pub tf: Timeframe,
        /// Start of the bar.
        pub ts: Ts,
        /// How it failed.
        pub status: ReconStatus,
        /// Why.
        pub cause: ReconCause,
        /// Our side.
        pub internal: Option<Ohlcv>,
        /// The broker's side.
        pub broker: Option<Ohlcv>,
        /// The largest price difference; zero where a side is missing.
        pub diff_max: Price,
    }
}

names! {
    /// What a correction does with a bar.
    pub enum HealAction {
        /// There was none: the broker's is taken.
        InsertBroker = 1 "insert_broker",
        /// The broker's takes the place of ours.
        TakeBroker = 2 "take_broker",
        /// Made again from minutes of which one was corrected.
        Rebuild = 3 "rebuild",
        /// What it was before a run that is taken back.
        Revert = 4 "revert",
    }
}

record! {
    /// A run of the healer. Its corrections follow, each naming `run_id`.
    pub struct HealRun {
        /// Identity: the last position of the tape when the plan was made.
        pub run_id: Seq,
        /// The reconciliation that it follows: its `run_id`.
        pub recon: Seq,
        /// The date healed.
        pub session_date: SessionDate,
        /// Which session of that date, from 1; 0 where the date has none.
        pub session_run: u32,
        /// The policy that it followed, as text.
        pub policy: String,
        /// Corrections that follow.
        pub corrections: u64,
        /// Differences that were left as they are.
        pub left: u64,
        /// The run that it takes back, where it does.
        pub reverts: Option<Seq>,
        /// When it was made, by this host's clock; absent in runs written before it was kept.
        pub at: Option<Ts>,
    }
}

record! {
    /// [`HealRun`] as it was before it told when.
    pub struct HealRunV1 {
        /// Identity.
        pub run_id: Seq,
        /// The reconciliation that it follows.
        pub recon: Seq,
        /// The date healed.
        pub session_date: SessionDate,
        /// Which session of that date.
        pub session_run: u32,
        /// The policy that it followed.
        pub policy: String,
        /// Corrections that follow.
        pub corrections: u64,
        /// Differences that were left as they are.
        pub left: u64,
        /// The run that it takes back.
        pub reverts: Option<Seq>,
    }
}

impl From<HealRunV1> for Box<HealRun> {
    fn from(old: HealRunV1) -> Self {
        let HealRunV1 { run_id, recon, session_date, session_run, policy, corrections, left, reverts } = old;
        let at = None;
        Self::new(HealRun { run_id, recon, session_date, session_run, policy, corrections, left, reverts, at })
    }
}

impl OlderForm<Box<HealRun>> for HealRunV1 {
    fn of(body: &Box<HealRun>) -> Option<Self> {
        if body.at.is_some() {
            return None;
        }
        let HealRun { run_id, recon, session_date, session_run, policy, corrections, left, reverts, at: _ } =
            (**body).clone();
        Some(Self { run_id, recon, session_date, session_run, policy, corrections, left, reverts })
    }
}

record! {
    /// A correction of a bar: a new edition beside the old ones, which stay. The newest by position counts.
    pub struct BarCorrection {
        /// The run that made it.
        pub run_id: Seq,
        /// The date it belongs to, wherever it lies.
        pub session_date: SessionDate,
        /// Which session of that date, from 1; 0 where the date has none.
        pub session_run: u32,
        /// The instrument, by its number in this segment.
        pub instrument: InstrumentId,
        /// The timeframe.
        pub tf: Timeframe,
        /// Start of the bar.
        pub start: Ts,
        /// What was done.
        pub action: HealAction,
        /// Why the bars differed, of a correction that was asked for; absent for what follows from others.
        pub cause: Option<ReconCause>,
        /// The edition before; absent where there was no bar.
        pub before: Option<Ohlcv>,
        /// The edition from now on; absent where there is no bar again.
        pub after: Option<Ohlcv>,
        /// Its revision: one more than the highest of this bar before.
        pub revision: u16,
        /// Where the broker's bar lies that was taken.
        pub source: Option<Seq>,
    }
}
