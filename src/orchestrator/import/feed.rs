//! The second pass: rows become inputs, in the order of the merged files, with a clock mark for every second between.

use barkeep_engine::BEHAVIOUR;
use barkeep_schemas::{
    ClockMark, CloseReason, DayCalendar, FeedId, FileKind, Hash32, ImportFinished, ImportStarted, Input, InstrumentId,
    OpeningState, OutsideBar, Phase, Seq, SessionClosed, SessionDate, SessionOpened, SourceFile, Tick, Ts,
};
use barkeep_storage::SegmentName;

use super::plan::{Plan, PlannedDay, file_name};
use super::rejects::Rejects;
use super::{CalendarChoice, ImportError, ImportReport, ImportRequest, Pass, Surroundings};
use crate::ingestion::files::{BarRow, Entry, FileError, Kept, Merge, Merged, Rejection, Scan, TickRow};
use crate::orchestrator::door::Door;

/// Rows between two words about progress.
const TOLD_EVERY: u64 = 16_384;

/// An import on its way onto the tape.
pub(super) struct Feed<'a> {
    request: &'a ImportRequest,
    around: &'a Surroundings<'a>,
    scan: &'a Scan,
    kept: Option<Kept>,
    plan: Plan,
    door: Door,
    id: Hash32,
    mapping: String,
    /// Where `ImportStarted` lies.
    pub(super) started: Seq,
    /// Inputs that the tape already holds and that are left out.
    skip: u64,
    report: ImportReport,
    rejects: Rejects,
    session: Option<OpenSession>,
    /// The highest cumulative volume of each symbol in this session.
    highest: Vec<i64>,
    accepted: u64,
}

/// Where the rows come from: what the scan kept or, where it kept none, the files once more.
enum Reading {
    Kept(Box<Kept>),
    Again(Merge),
}

impl Reading {
    #[inline]
    fn step(&mut self) -> Result<Option<Merged<'_>>, FileError> {
        match self {
            Self::Kept(kept) => kept.step(),
            Self::Again(merge) => merge.step(),
        }
    }
}

/// The session that rows go to.
struct OpenSession {
    day: PlannedDay,
    /// The spans of continuous trading of every class; the first holds the last row, where one did.
    trading: Vec<(Ts, Ts)>,
    rows: u64,
    name: Option<SegmentName>,
    /// The running maximum of the rows' times.
    now: i64,
    /// The last second that was marked or passed over.
    marked: Option<i64>,
    /// From the first phase of any class to the end of the last, breaks included: where seconds are marked, so that the
    /// bars of a part do not wait for the next part to close.
    span: (Ts, Ts),
}

impl OpenSession {
    fn new(day: PlannedDay, calendar: &DayCalendar, name: Option<SegmentName>) -> Self {
        let spans = calendar.classes.iter().flat_map(|class| &class.phases);
        let trading = spans.filter(|span| span.phase == Phase::Continuous).map(|span| (span.start, span.end)).collect();
        Self { day, trading, rows: 0, name, now: i64::MIN, marked: None, span: span(calendar) }
    }

    /// Whether any class trades continuously then.
    fn is_trading(&mut self, ts: Ts) -> bool {
        let holds = |span: &(Ts, Ts)| span.0 <= ts && ts < span.1;
        if self.trading.first().is_some_and(holds) {
            return true;
        }
        let found = self.trading.iter().position(holds);
        if let Some(at) = found {
            self.trading.swap(0, at);
        }
        found.is_some()
    }
}

impl<'a> Feed<'a> {
    #[allow(clippy::too_many_arguments, reason = "the one constructor of a private type")]
    pub(super) fn new(
        request: &'a ImportRequest,
        around: &'a Surroundings<'a>,
        (scan, kept): (&'a Scan, Option<Kept>),
        plan: Plan,
        door: Door,
        id: Hash32,
        mapping: String,
        skip: u64,
    ) -> Self {
        let hex = id.to_string();
        let name = format!("{}.csv", hex.get(..16).unwrap_or(&hex));
        Self {
            request,
            around,
            scan,
            kept,
            highest: vec![0; scan.symbols.len()],
            plan,
            door,
            id,
            mapping,
            started: Seq(0),
            skip,
            report: ImportReport { resumed_after: skip, ..ImportReport::default() },
            rejects: Rejects::new(around.dir.rejects().join(name)),
            session: None,
            accepted: 0,
        }
    }

    pub(super) fn run(mut self, progress: &mut dyn FnMut(Pass, u64, u64)) -> Result<ImportReport, ImportError> {
        if self.request.options.kind == FileKind::Ticks && self.skip > 0 && !self.resumes_session()? {
            // What was open since then belongs to another import.
            self.report.abandoned = self.door.abandon_session()?;
        }
        match self.started {
            // Bars join whatever is open; ticks need a session of their own.
            Seq(0) if self.request.options.kind == FileKind::Bars => {}
            Seq(0) => self.report.abandoned = self.door.abandon_session()?,
            // `ImportStarted` itself is one of the inputs on the tape.
            _ => self.skip = self.skip.saturating_sub(1),
        }
        match self.request.options.kind {
            FileKind::Ticks => {
                self.rows(progress)?;
                self.close_session()?;
            }
            FileKind::Bars => {
                self.begin_bars()?;
                self.rows(progress)?;
            }
        }
        self.finish()
    }

    /// Whether the session that is open is one of this import's.
    fn resumes_session(&mut self) -> Result<bool, ImportError> {
        Ok(self.door.standing()?.session.is_some_and(|session| session.import == Some(self.id)))
    }

    /// Feeds every row of the merged files.
    fn rows(&mut self, progress: &mut dyn FnMut(Pass, u64, u64)) -> Result<(), ImportError> {
        let mut reading = match self.kept.take() {
            Some(kept) => Reading::Kept(Box::new(kept)),
            None => Reading::Again(Merge::open_scanned(&self.request.files, &self.request.options, self.scan)?),
        };
        let total = self.scan.rows();
        while let Some(Merged { file, entry }) = reading.step()? {
            self.report.rows += 1;
            match entry {
                Entry::Tick(row) => self.tick(file, row)?,
                Entry::Bar(row) => self.bar(file, row)?,
                Entry::Rejected(rejection) => self.reject(rejection.clone())?,
            }
            if self.report.rows.is_multiple_of(TOLD_EVERY) {
                progress(Pass::Feed, self.report.rows, total);
            }
        }
        progress(Pass::Feed, total, total);
        Ok(())
    }

    fn tick(&mut self, file: usize, row: &TickRow) -> Result<(), ImportError> {
        if self.session.as_ref().is_none_or(|session| row.ts.get() >= session.day.end)
            && let Some(why) = self.enter_day(row.ts)?
        {
            let raw = format!("{} {}", row.ts.get(), row.price);
            return self.reject(Rejection { file: file_name(self.scan, file), line: row.line, column: None, why, raw });
        }
        self.mark(row.ts)?;
        self.count(row);
        if self.skip > 0 {
            self.skip -= 1;
            return Ok(());
        }
        self.report.events += 1;
        self.door.tick(Tick {
            instrument: InstrumentId(row.symbol.0),
            feed: FeedId(0),
            ts: row.ts,
            recv: row.recv.unwrap_or(row.ts),
            price: row.price,
            qty: row.qty,
            cum_volume: row.cum_volume,
            bid: row.bid,
            ask: row.ask,
            last_trade: None,
            condition: row.condition,
            depth: None,
        })?;
        Ok(())
    }

    fn count(&mut self, row: &TickRow) {
        self.accepted += 1;
        self.report.duplicates += u64::from(row.duplicate);
        self.report.steps_back += u64::from(row.step_back);
        if let (Some(volume), Some(highest)) = (row.cum_volume, self.highest.get_mut(row.symbol.index())) {
            self.report.volume_falls += u64::from(volume.get() < *highest);
            *highest = (*highest).max(volume.get());
        }
        if let Some(session) = &mut self.session {
            session.rows += 1;
            self.report.outside_hours += u64::from(!session.is_trading(row.ts));
        }
    }

    /// Closes the session that is open and opens the one of the moment's date. A date without a session: why.
    fn enter_day(&mut self, ts: Ts) -> Result<Option<String>, ImportError> {
        let t = ts.get();
        let Some(day) = self.plan.days.iter().find(|day| day.start <= t && t < day.end).cloned() else {
            return Ok(Some("its date was not there when the file was scanned".to_owned()));
        };
        let calendar = match &day.session {
            Ok(calendar) => calendar.clone(),
            Err(why) => return Ok(Some(no_session(day.date, why))),
        };
        self.close_session()?;
        let name = self.open_session(&day, &calendar)?;
        self.highest.iter_mut().for_each(|highest| *highest = 0);
        self.session = Some(OpenSession::new(day, &calendar, name));
        Ok(None)
    }

    /// The segment is begun only where the tape does not hold the session yet.
    fn open_session(&mut self, day: &PlannedDay, calendar: &DayCalendar) -> Result<Option<SegmentName>, ImportError> {
        if self.skip > 0 {
            self.skip -= 1;
            return Ok(None);
        }
        let fresh = self.started == Seq(0);
        let standing = self.door.standing()?;
        let name = match standing.segment {
            // Interrupted between `ImportStarted` and `SessionOpened`: the segment is there and waits for its session.
            Some(name) if standing.waits_for_session(self.started) => name,
            Some(_) | None => self.door.begin_segment(day.date)?,
        };
        if fresh {
            self.begin()?;
        }
        let opened = SessionOpened {
            date: day.date,
            run: name.run,
            behaviour: BEHAVIOUR,
            import: Some(self.id),
            calendar: calendar.clone(),
            config: self.around.engine.into(),
            feeds: vec![self.plan.feed.clone()],
            instruments: self.plan.instruments(day.date, self.around.calendar),
            opening: self.opening()?,
            desk: None,
        };
        self.put(Input::SessionOpened(Box::new(opened)))?;
        Ok(Some(name))
    }

    /// Only a round-the-clock session goes on where the one before it, of the same import, ended.
    fn opening(&mut self) -> Result<Vec<OpeningState>, ImportError> {
        match (self.request.calendar, &self.session) {
            (CalendarChoice::Always, Some(_)) => Ok(self.door.carry()?),
            (CalendarChoice::Always | CalendarChoice::Nse, _) => Ok(Vec::new()),
        }
    }

    fn close_session(&mut self) -> Result<(), ImportError> {
        let Some(session) = &self.session else { return Ok(()) };
        let date = session.day.date;
        if let Some(name) = session.name {
            self.report.sessions.push((name, session.rows));
        }
        self.put(Input::SessionClosed(SessionClosed { date, reason: CloseReason::Complete }))
    }

    /// A clock mark for every second of the session that the rows' running maximum has reached.
    fn mark(&mut self, ts: Ts) -> Result<(), ImportError> {
        let Some(session) = &mut self.session else { return Ok(()) };
        if ts.get() <= session.now {
            return Ok(());
        }
        session.now = ts.get();
        let second = ts.secs();
        let first = session.marked.map_or(second, |marked| marked + 1);
        if first > second {
            return Ok(());
        }
        session.marked = Some(second);
        let (from, until) = session.span;
        for second in first.max(from.secs())..=second {
            let ts = Ts::from_secs(second);
            if from <= ts && ts < until {
                self.put(Input::ClockMark(ClockMark { feed: FeedId(0), ts }))?;
            }
        }
        Ok(())
    }

    /// Bars go to the open segment, whatever its date; an empty tape gets one.
    fn begin_bars(&mut self) -> Result<(), ImportError> {
        if self.started != Seq(0) {
            return Ok(());
        }
        if self.door.standing()?.segment.is_none()
            && let Some(day) = self.plan.days.first()
        {
            self.door.begin_segment(day.date)?;
        }
        self.begin()
    }

    fn bar(&mut self, file: usize, row: &BarRow) -> Result<(), ImportError> {
        let t = row.start.get();
        let day = self.plan.days.iter().find(|day| day.start <= t && t < day.end);
        let refused = match day.map(|day| (day.date, &day.session)) {
            Some((_, Ok(_))) => None,
            Some((date, Err(why))) => Some(no_session(date, why)),
            None => Some("its date was not there when the file was scanned".to_owned()),
        };
        let (Some(date), None) = (day.map(|day| day.date), &refused) else {
            let why = refused.unwrap_or_default();
            let raw = format!("{} {}", row.start.get(), row.open);
            return self.reject(Rejection { file: file_name(self.scan, file), line: row.line, column: None, why, raw });
        };
        let draft = self.plan.instrument(row.symbol.index(), date, self.around.calendar);
        self.accepted += 1;
        if self.skip > 0 {
            self.skip -= 1;
            return Ok(());
        }
        let instrument = self.door.instrument(draft)?;
        self.report.events += 1;
        self.door.input(Input::OutsideBar(OutsideBar {
            origin: self.request.origin,
            session_date: date,
            instrument,
            tf: self.request.tf,
            start: row.start,
            open: row.open,
            high: row.high,
            low: row.low,
            close: row.close,
            volume: row.volume,
            import: self.started,
        }))?;
        Ok(())
    }

    fn begin(&mut self) -> Result<(), ImportError> {
        let files = self.scan.files.iter();
        let started = ImportStarted {
            id: self.id,
            kind: self.request.options.kind,
            files: files.map(|f| SourceFile { name: f.name.clone(), hash: f.hash, bytes: f.bytes }).collect(),
            mapping: self.mapping.clone(),
            fetched: None,
        };
        // Nothing of it is on the tape yet, so there is nothing to leave out.
        self.started = self.door.place(Input::ImportStarted(Box::new(started)))?;
        Ok(())
    }

    fn finish(mut self) -> Result<ImportReport, ImportError> {
        self.report.rejected = self.rejects.count();
        let path = self.rejects.path().to_owned();
        let (file, shown) = self.rejects.finish().map_err(|source| ImportError::Rejects { path, source })?;
        (self.report.rejects, self.report.first_rejected) = (file, shown);
        self.door.input(Input::ImportFinished(Box::new(ImportFinished {
            id: self.id,
            rows: self.report.rows,
            accepted: self.accepted,
            rejected: self.report.rejected,
            duplicates: self.report.duplicates,
            steps_back: self.report.steps_back,
            volume_falls: self.report.volume_falls,
        })))?;
        let counts = self.door.close()?;
        (self.report.inputs, self.report.derived) = (counts.inputs, counts.derived);
        Ok(self.report)
    }

    fn reject(&mut self, rejection: Rejection) -> Result<(), ImportError> {
        let path = self.rejects.path().to_owned();
        self.rejects.add(rejection).map_err(|source| ImportError::Rejects { path, source })
    }

    /// Puts an input that is no row on the tape unless an interrupted run has.
    fn put(&mut self, input: Input) -> Result<(), ImportError> {
        if self.skip > 0 {
            self.skip -= 1;
            return Ok(());
        }
        self.door.input(input)?;
        Ok(())
    }
}

fn no_session(date: SessionDate, why: &str) -> String {
    format!("{date} has no session: {why}")
}

/// From the start of the first phase of any class to the end of the last.
fn span(calendar: &DayCalendar) -> (Ts, Ts) {
    let spans = || calendar.classes.iter().flat_map(|class| &class.phases);
    let (first, last) = (spans().map(|span| span.start).min(), spans().map(|span| span.end).max());
    (first.unwrap_or(calendar.day_start), last.unwrap_or(calendar.day_start))
}
