//! The account of the demo's faults: what was injected, and what barkeep noticed of it.

use std::collections::HashMap;

use barkeep_schemas::{ReconStatus, Ts};
use serde::{Serialize, Serializer};

use crate::orchestrator::import::ImportReport;
use barkeep_sim::day::{Cell, Day, Effect, Fault, FaultKind};

/// One kind of fault.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Entry {
    pub(super) kind: &'static str,
    pub(super) injected: u64,
    pub(super) accounted_for: u64,
    /// Where it shows.
    pub(super) seen_as: String,
}

/// All kinds, and the differences that no fault explains.
#[derive(Clone, Debug)]
pub(super) struct Account {
    pub(super) entries: Vec<Entry>,
    /// Bars outside tolerance that lie in no minute of a fault.
    pub(super) unexplained: u64,
}

impl Serialize for Account {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.entries.serialize(serializer)
    }
}

type Found<'a> = HashMap<(&'a str, Ts), ReconStatus>;

impl Account {
    pub(super) fn of(day: &Day, imported: &ImportReport, differences: &[(String, Ts, ReconStatus)]) -> Self {
        let found: Found<'_> =
            differences.iter().map(|(symbol, start, status)| ((symbol.as_str(), *start), *status)).collect();
        let entries = FaultKind::ALL.iter().map(|kind| entry(*kind, day, imported, &found)).collect();
        let cells = day.ledger.iter().flat_map(|fault| &fault.cells).filter(|cell| cell.effect.may_differ());
        let known: HashMap<(&str, Ts), ()> = cells.map(|cell| ((cell.symbol.as_str(), cell.minute), ())).collect();
        let unexplained = found.keys().filter(|key| !known.contains_key(*key)).count() as u64;
        Self { entries, unexplained }
    }

    /// Faults and differences that are not accounted for.
    pub(super) fn open(&self) -> u64 {
        self.unexplained + self.entries.iter().map(|entry| entry.injected.abs_diff(entry.accounted_for)).sum::<u64>()
    }
}

fn entry(kind: FaultKind, day: &Day, imported: &ImportReport, found: &Found<'_>) -> Entry {
    let faults = || day.ledger.iter().filter(|fault| fault.kind == kind);
    let injected = faults().count() as u64;
    let count = |kind: FaultKind| day.fault_count(kind) as u64;
    // Faults of single rows show in the import's own counts, which several kinds may share.
    let shared = |noticed: u64, kinds: &[FaultKind]| {
        let all: u64 = kinds.iter().map(|kind| count(*kind)).sum();
        if noticed == all { injected } else { injected.min(noticed) }
    };
    let (accounted_for, seen_as) = match kind {
        FaultKind::LateTicks | FaultKind::LateRevised => {
            let noticed = shared(imported.steps_back, &[FaultKind::LateTicks, FaultKind::LateRevised]);
            let fate = if kind == FaultKind::LateTicks { "in time, no bar changed" } else { "bars revised" };
            (noticed, format!("late ticks, {fate}"))
        }
        FaultKind::TooFarBack | FaultKind::BadRow => {
            let noticed = shared(imported.rejected, &[FaultKind::TooFarBack, FaultKind::BadRow]);
            (noticed, "rejected rows, with their line".to_owned())
        }
        FaultKind::Duplicate => (imported.duplicates.min(injected), "identical rows, counted".to_owned()),
        FaultKind::VolumeFall => (imported.volume_falls.min(injected), "volume falls, counted".to_owned()),
        FaultKind::FeedGap
        | FaultKind::InstrumentGap
        | FaultKind::WrongCandle
        | FaultKind::MissingCandle
        | FaultKind::ExtraCandle => by_cells(faults(), found),
    };
    Entry { kind: kind.name(), injected, accounted_for, seen_as }
}

/// A fault of whole minutes is accounted for when each of its minutes shows what it must.
fn by_cells<'a>(faults: impl Iterator<Item = &'a Fault>, found: &Found<'_>) -> (u64, String) {
    let (mut accounted, mut rows) = (0, 0_u64);
    for fault in faults {
        let status = |cell: &Cell| found.get(&(cell.symbol.as_str(), cell.minute)).copied();
        accounted += u64::from(fault.cells.iter().all(|cell| fits(cell.effect, status(cell))));
        rows += fault.cells.iter().filter(|cell| status(cell).is_some()).count() as u64;
    }
    (accounted, format!("{rows} bars in the reconciliation"))
}

/// Whether a minute's status is one that its fault can have.
fn fits(effect: Effect, status: Option<ReconStatus>) -> bool {
    match effect {
        Effect::Absent | Effect::BrokerExtra => status == Some(ReconStatus::MissingInternal),
        Effect::BrokerAbsent => status == Some(ReconStatus::MissingBroker),
        Effect::BrokerPrice => status == Some(ReconStatus::Price),
        Effect::BrokerVolume => status == Some(ReconStatus::Volume),
        Effect::Nothing | Effect::Revised => status.is_none(),
        // What a gap lost may be within tolerance.
        Effect::Prices | Effect::Volume => {
            status.is_none_or(|status| matches!(status, ReconStatus::Price | ReconStatus::Volume))
        }
    }
}
