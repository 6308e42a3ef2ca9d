//! What part of the tape an export reads: the session's date and segment, and how far it looks.
//!
//! Never writes. Called by the projections, which take their events through it, so that progress is told in one place.

use std::collections::BTreeSet;

use barkeep_schemas::{BarOrigin, Event, EventKind, Input, Seq, SessionDate};
use barkeep_storage::{Filter, ReadError, SegmentInfo, Tape};

use super::ExportRequest;
use super::error::ExportError;
use super::kind::ExportKind;
use crate::mirrors::sessions::Session;
use crate::mirrors::symbols::SymbolBook;

/// Events between two words about progress.
const TOLD_EVERY: u32 = 8_192;

/// Which stretch of the tape a pass reads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stretch {
    /// The session's own segment.
    Segment,
    /// All of it: what belongs to a date may lie anywhere.
    Tape,
}

/// The part of a tape that an export reads.
pub(super) struct Scope<'a> {
    tape: &'a Tape,
    pub(super) date: SessionDate,
    /// The session's segment; `None` where the date has only what was brought in from outside, and for
    /// reconciliations unless a run was asked for: they tell their session themselves.
    pub(super) segment: Option<SegmentInfo>,
    /// Whether the date has a session.
    pub(super) has_session: bool,
    /// The last position that is read.
    pub(super) as_of: Seq,
    progress: &'a mut dyn FnMut(u64, u64),
    done: u64,
    total: u64,
}

impl<'a> Scope<'a> {
    pub(super) fn new(
        tape: &'a Tape,
        request: &ExportRequest,
        book: &mut SymbolBook<'_>,
        progress: &'a mut dyn FnMut(u64, u64),
    ) -> Result<Self, ExportError> {
        let last = tape.last_seq();
        let as_of = request.as_of.unwrap_or(last);
        if as_of > last {
            return Err(ExportError::Future { as_of, last });
        }
        let date = match request.date {
            Some(date) => date,
            None => newest_date(tape, as_of)?.ok_or(ExportError::EmptyTape)?,
        };
        let sessions = Session::of_date(tape, begun(tape, as_of), date)?;
        let mut scope =
            Self { tape, date, segment: None, has_session: !sessions.is_empty(), as_of, progress, done: 0, total: 0 };
        scope.segment = scope.choose(request, &sessions, book)?.map(|session| session.segment.clone());
        if scope.segment.is_none() && (request.run.is_some() || !may_lie_elsewhere(request.kind)) {
            return Err(scope.no_session(request));
        }
        scope.total = scope.passes(request.kind).iter().map(|stretch| scope.events(*stretch)).sum();
        Ok(scope)
    }

    pub(super) fn no_session(&self, request: &ExportRequest) -> ExportError {
        ExportError::NoSession { date: self.date, run: request.run, as_of: self.as_of }
    }

    /// Of the sessions of the date, newest first: the run asked for, else the newest that has the symbols asked for.
    fn choose<'s>(
        &self,
        request: &ExportRequest,
        sessions: &'s [Session],
        book: &mut SymbolBook<'_>,
    ) -> Result<Option<&'s Session>, ExportError> {
        let may_be = |session: &&Session| request.run.is_none_or(|run| run == session.run());
        match request.kind {
            // Whether a reconciliation compared the symbols is for its own projection to say.
            ExportKind::Recon if request.run.is_none() => return Ok(None),
            ExportKind::Recon => return Ok(sessions.iter().find(may_be)),
            ExportKind::Ticks
            | ExportKind::Bars(_)
            | ExportKind::Orders
            | ExportKind::Fills
            | ExportKind::Signals
            | ExportKind::PairMarks => {}
        }
        let having = |wanted: &[&String]| {
            let mut may_be = sessions.iter().filter(may_be);
            may_be.find(|session| session.has_all(wanted.iter().copied()))
        };
        let mut wanted: Vec<&String> = request.symbols.iter().collect();
        if let Some(session) = having(&wanted) {
            return Ok(Some(session));
        }
        if let ExportKind::Bars(_) = request.kind {
            let imported = self.imported_symbols(book)?;
            wanted.retain(|symbol| !imported.contains(*symbol));
            if let Some(session) = having(&wanted) {
                return Ok(Some(session));
            }
        }
        let runs_with = |symbol: &String| -> Vec<u32> {
            sessions.iter().filter(|session| session.symbols.contains(symbol)).map(Session::run).collect()
        };
        let date = self.date;
        let Some(session) = sessions.iter().find(may_be) else {
            return match wanted.first() {
                Some(symbol) if request.run.is_none() && may_lie_elsewhere(request.kind) => {
                    Err(ExportError::NotImported { date, symbol: (*symbol).clone() })
                }
                Some(_) | None => Ok(None),
            };
        };
        let lacking = |symbol: &&String| !session.symbols.contains(*symbol);
        let nowhere = wanted.iter().copied().find(|symbol| runs_with(symbol).is_empty());
        match nowhere.or_else(|| wanted.iter().copied().find(lacking)) {
            Some(symbol) if request.run.is_some() || nowhere.is_some() => {
                let (run, runs) = (session.run(), runs_with(symbol));
                Err(ExportError::NotInRun { date, run, symbol: symbol.clone(), runs })
            }
            Some(_) => {
                let symbols = wanted.into_iter().map(|symbol| (symbol.clone(), runs_with(symbol))).collect();
                Err(ExportError::Scattered { date, symbols })
            }
            None => Ok(Some(session)),
        }
    }

    /// The symbols of the bars that were brought in as our own for the date.
    fn imported_symbols(&self, book: &mut SymbolBook<'_>) -> Result<BTreeSet<String>, ReadError> {
        let mut symbols = BTreeSet::new();
        for item in self.tape.scan(Seq::FIRST, Some(self.as_of), &Filter::kinds([EventKind::OutsideBar])) {
            if let (seq, Event::Input(Input::OutsideBar(bar))) = item?
                && bar.origin == BarOrigin::Import
                && bar.session_date == self.date
            {
                symbols.insert(book.symbol(seq, bar.instrument)?.name.to_string());
            }
        }
        Ok(symbols)
    }

    /// The passes that the projection of a kind makes.
    fn passes(&self, kind: ExportKind) -> &'static [Stretch] {
        match kind {
            ExportKind::Ticks
            | ExportKind::Orders
            | ExportKind::Fills
            | ExportKind::Signals
            | ExportKind::PairMarks => &[Stretch::Segment],
            ExportKind::Bars(_) => &[Stretch::Tape, Stretch::Segment, Stretch::Tape, Stretch::Segment, Stretch::Tape],
            ExportKind::Recon => &[Stretch::Tape, Stretch::Tape],
        }
    }

    /// The first and the last position of a stretch; nothing lies between them when the first is the greater.
    fn range(&self, stretch: Stretch) -> (Seq, Seq) {
        match (stretch, &self.segment) {
            (Stretch::Segment, Some(info)) => (info.first_seq, self.as_of.min(info.last_seq.unwrap_or(Seq(0)))),
            (Stretch::Segment, None) => (Seq::FIRST, Seq(0)),
            (Stretch::Tape, _) => (self.tape.first_seq().unwrap_or(Seq::FIRST), self.as_of),
        }
    }

    fn events(&self, stretch: Stretch) -> u64 {
        let (first, last) = self.range(stretch);
        last.plus(1).0.saturating_sub(first.0)
    }

    /// Hands every event of a stretch that `filter` lets through to `take`, in order.
    pub(super) fn each(
        &mut self,
        stretch: Stretch,
        filter: &Filter,
        mut take: impl FnMut(Seq, Event) -> Result<(), ExportError>,
    ) -> Result<(), ExportError> {
        let (first, last) = self.range(stretch);
        let mut until_told = TOLD_EVERY;
        for item in self.tape.scan(first, Some(last), filter) {
            let (seq, event) = item?;
            until_told -= 1;
            if until_told == 0 {
                until_told = TOLD_EVERY;
                (self.progress)(self.done + seq.0.saturating_sub(first.0), self.total);
            }
            take(seq, event)?;
        }
        self.done += self.events(stretch);
        (self.progress)(self.done, self.total);
        Ok(())
    }
}

/// The segments that had begun by a position, in order.
fn begun(tape: &Tape, as_of: Seq) -> impl DoubleEndedIterator<Item = &SegmentInfo> {
    tape.segments().iter().filter(move |info| info.last_seq.is_some() && info.first_seq <= as_of)
}

/// The date of the session that was recorded last; where the tape has none, that of its last segment.
fn newest_date(tape: &Tape, as_of: Seq) -> Result<Option<SessionDate>, ReadError> {
    for segment in begun(tape, as_of).rev() {
        if Session::of_segment(tape, segment)?.is_some() {
            return Ok(Some(segment.name.date));
        }
    }
    Ok(begun(tape, as_of).next_back().map(|info| info.name.date))
}

/// Whether rows of a kind may belong to a date that has no segment of its own.
const fn may_lie_elsewhere(kind: ExportKind) -> bool {
    match kind {
        ExportKind::Bars(_) | ExportKind::Recon => true,
        ExportKind::Ticks | ExportKind::Orders | ExportKind::Fills | ExportKind::Signals | ExportKind::PairMarks => {
            false
        }
    }
}
