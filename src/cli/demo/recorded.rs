//! A part of the demo's day as a file that somebody else might have recorded, to import.
//!
//! It is made of what is on the tape. The demo's own bars do not come from it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use anyhow::{Context as _, Result};
use barkeep_schemas::{Event, EventKind, Input, InstrumentId, Qty};
use barkeep_storage::{Filter, SegmentInfo, Tape};

use crate::cli::moment;

/// The two stocks that are in the file.
const SYMBOLS: [&str; 2] = ["HDFCBANK", "ICICIBANK"];

/// Writes the trades of two stocks as `time,symbol,price,cum_volume`, as they came; returns how many ticks the segment has
/// in all.
///
/// # Errors
/// When the tape cannot be read or the file cannot be written.
pub(super) fn write(tape: &Tape, segment: &SegmentInfo, path: &Path) -> Result<u64> {
    let failed = || format!("{} cannot be written", path.display());
    let mut out = BufWriter::new(File::create(path).with_context(failed)?);
    writeln!(out, "time,symbol,price,cum_volume").with_context(failed)?;
    let mut wanted: BTreeMap<InstrumentId, (String, Qty)> = BTreeMap::new();
    let mut count = 0;
    for event in tape.scan_segment(segment, &Filter::kinds([EventKind::SessionOpened, EventKind::Tick])) {
        let tick = match event?.1 {
            Event::Input(Input::SessionOpened(opened)) => {
                let listed = opened.instruments.into_iter().filter(|one| SYMBOLS.contains(&one.symbol.as_str()));
                wanted = listed.map(|one| (one.id, (one.symbol, Qty::new(0)))).collect();
                continue;
            }
            Event::Input(Input::Tick(tick)) => tick,
            Event::Input(_) | Event::Derived(_) => continue,
        };
        count += 1;
        let (Some((symbol, before)), Some(volume)) = (wanted.get_mut(&tick.instrument), tick.cum_volume) else {
            continue;
        };
        if volume <= *before {
            continue;
        }
        *before = volume;
        let time = moment::ist(tick.ts);
        let time = time.strip_suffix(" IST").unwrap_or(&time);
        writeln!(out, "{time},{symbol},{},{volume}", tick.price).with_context(failed)?;
    }
    out.flush().with_context(failed)?;
    Ok(count)
}
