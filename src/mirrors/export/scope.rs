//! What part of the tape an export reads: the session's date and segment, and how far it looks.
//!
//! Never writes. Called by the projections, which take their events through it, so that progress is told in one place.

use barkeep_schemas::{Event, Seq, SessionDate};
use barkeep_storage::{Filter, SegmentInfo, Tape};

use super::ExportRequest;
use super::error::ExportError;
use super::kind::ExportKind;

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
    /// The session's segment; `None` where the date has only what was brought in from outside.
    pub(super) segment: Option<SegmentInfo>,
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
        progress: &'a mut dyn FnMut(u64, u64),
    ) -> Result<Self, ExportError> {
        let last = tape.last_seq();
        let as_of = request.as_of.unwrap_or(last);
        if as_of > last {
            return Err(ExportError::Future { as_of, last });
        }
        let mut begun = tape.segments().iter().filter(|info| info.last_seq.is_some() && info.first_seq <= as_of);
        let date = match request.date {
            Some(date) => date,
            None => begun.clone().next_back().ok_or(ExportError::EmptyTape)?.name.date,
        };
        let of_date = begun.by_ref().filter(|info| info.name.date == date);
        let segment = of_date.filter(|info| request.run.is_none_or(|run| run == info.name.run));
        let segment = segment.max_by_key(|info| info.name.run).cloned();
        let mut scope = Self { tape, date, segment, as_of, progress, done: 0, total: 0 };
        if scope.segment.is_none() && (request.run.is_some() || !may_lie_elsewhere(request.kind)) {
            return Err(scope.no_session(request));
        }
        scope.total = scope.passes(request.kind).iter().map(|stretch| scope.events(*stretch)).sum();
        Ok(scope)
    }

    pub(super) fn no_session(&self, request: &ExportRequest) -> ExportError {
        ExportError::NoSession { date: self.date, run: request.run, as_of: self.as_of }
    }

    /// The passes that the projection of a kind makes.
    fn passes(&self, kind: ExportKind) -> &'static [Stretch] {
        match kind {
            ExportKind::Ticks => &[Stretch::Segment],
            ExportKind::Bars(_) => &[Stretch::Segment, Stretch::Tape, Stretch::Segment, Stretch::Tape],
            ExportKind::Recon => &[Stretch::Tape, Stretch::Tape],
            ExportKind::Orders | ExportKind::Fills | ExportKind::Signals => &[],
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

/// Whether rows of a kind may belong to a date that has no segment of its own.
const fn may_lie_elsewhere(kind: ExportKind) -> bool {
    match kind {
        ExportKind::Bars(_) | ExportKind::Recon => true,
        ExportKind::Ticks | ExportKind::Orders | ExportKind::Fills | ExportKind::Signals => false,
    }
}
