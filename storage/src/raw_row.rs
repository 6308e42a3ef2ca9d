//! A row as stored, copied out of its transaction, and its events.
//!
//! Never trusts a payload before its checksum. Called by scans and followers.

use std::path::Path;

use barkeep_schemas::{DecodeError, Event, Seq};

use crate::columns::{self, ColumnsError, Decoder, TickColumnSet, TickColumns};
use crate::error::ReadError;
use crate::filter::Filter;
use crate::row::{self, Damage, Encoding, RowHeader};

/// A row as stored.
pub(crate) struct RawRow {
    table: &'static str,
    pub(crate) header: RowHeader,
    value: Vec<u8>,
}

impl RawRow {
    /// A row whose header has been parsed from `value`.
    pub(crate) const fn new(table: &'static str, header: RowHeader, value: Vec<u8>) -> Self {
        Self { table, header, value }
    }

    /// Bytes of the row.
    pub(crate) const fn bytes(&self) -> usize {
        self.value.len()
    }

    fn payload(&self) -> &[u8] {
        self.value.get(self.header.version.header_bytes()..).unwrap_or(&[])
    }

    /// Checks the payload's checksum and appends the events that `filter` lets through.
    pub(crate) fn events(&self, path: &Path, filter: &Filter, out: &mut Vec<(Seq, Event)>) -> Result<(), ReadError> {
        self.events_with(path, filter, &mut Decoder::new(), out)
    }

    /// [`Self::events`], for those who take many rows apart.
    pub(crate) fn events_with(
        &self,
        path: &Path,
        filter: &Filter,
        decoder: &mut Decoder,
        out: &mut Vec<(Seq, Event)>,
    ) -> Result<(), ReadError> {
        let payload = self.payload();
        let events =
            self.header.check(payload).and_then(|()| row::events_with(&self.header, payload, filter, decoder, out));
        events.map_err(|why| self.damaged(path, why))
    }

    /// Checks the payload's checksum and fills the wanted columns of its ticks; how many there are. `scratch` is memory.
    pub(crate) fn ticks(
        &self,
        path: &Path,
        filter: &Filter,
        set: TickColumnSet,
        out: &mut TickColumns,
        scratch: &mut Vec<(Seq, Event)>,
    ) -> Result<usize, ReadError> {
        match self.header.encoding {
            Encoding::Columns => {
                let payload = self.payload();
                let count = self.header.check(payload).and_then(|()| {
                    columns::decode_ticks_of(self.header.first, payload, filter.instrument, set, out)
                        .map_err(Damage::Columns)
                });
                count.map_err(|why| self.damaged(path, why))
            }
            Encoding::Canonical => {
                scratch.clear();
                self.events(path, filter, scratch)?;
                Ok(out.fill(scratch, set))
            }
        }
    }

    fn damaged(&self, path: &Path, why: Damage) -> ReadError {
        let newer =
            |seq, source: DecodeError| matches!(source, DecodeError::NewerVersion { .. }).then_some((seq, source));
        let by_newer = match why {
            Damage::Event { seq, source } | Damage::Columns(ColumnsError::Event { seq, source }) => newer(seq, source),
            Damage::Columns(_)
            | Damage::Length { .. }
            | Damage::HeaderCrc { .. }
            | Damage::PayloadCrc { .. }
            | Damage::Encoding { .. }
            | Damage::Place { .. }
            | Damage::Bounds { .. }
            | Damage::Kind { .. }
            | Damage::NoBlock
            | Damage::OtherBlock
            | Damage::NoLink { .. }
            | Damage::SegmentHeader => None,
        };
        if let Some((seq, source)) = by_newer {
            return ReadError::NewerEvent { path: path.to_path_buf(), seq, source };
        }
        ReadError::Damaged { path: path.to_path_buf(), table: self.table, key: self.header.first.0, why }
    }
}
