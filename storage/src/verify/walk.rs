//! The rows of one segment, one after the other: each against its checksums, its key, its events, its index entry, its
//! neighbours and the chain.
//!
//! Never touches a file: rows are handed to it. Called by the check of a segment.

use barkeep_schemas::{DecodeError, Event, Hash32, Seq};

use super::links::LinkCheck;
use super::words::sentence;
use super::{Finding, Remedy, Severity, Table, Told};
use crate::BLOCK_0_EVENTS;
use crate::columns::ColumnsError;
use crate::filter::Filter;
use crate::header::SegmentHeader;
use crate::index::IndexEntry;
use crate::instruments::put_bitmap;
use crate::row::{self, Damage, RowHeader, RowVersion};

/// The walk through a segment.
pub(super) struct Walk<'a> {
    file: &'a str,
    header: SegmentHeader,
    /// The position that comes next; `None` where what came before could not be read.
    expected: Option<Seq>,
    links: LinkCheck,
    decoded: Vec<(Seq, Event)>,
    events: Vec<Event>,
    pub(super) counted: u64,
    tell: &'a mut dyn FnMut(Told),
}

impl<'a> Walk<'a> {
    /// The walk from the first row on, or from some later one.
    pub(super) fn new(
        file: &'a str,
        header: SegmentHeader,
        from_start: bool,
        wanted: &[Seq],
        tell: &'a mut dyn FnMut(Told),
    ) -> Self {
        let previous = (from_start && header.format > 0).then_some(header.previous_chain);
        let links = LinkCheck::new(header.first_seq, previous, wanted);
        let expected = from_start.then_some(header.first_seq);
        Self { file, header, expected, links, decoded: Vec::new(), events: Vec::new(), counted: 0, tell }
    }

    /// Tells where the check is.
    pub(super) fn at(&mut self, table: Table, key: u64) {
        (self.tell)(Told::At(table, key));
    }

    pub(super) fn find(&mut self, finding: Finding) {
        (self.tell)(Told::Finding(finding));
    }

    fn damage(&mut self, table: Table, key: u64, last: Option<u64>, what: impl Into<String>) {
        let finding = Finding::damage(self.file, what).at(table, Some(key));
        self.find(match last {
            Some(last) => finding.seqs(key, Some(last)),
            None => finding,
        });
    }

    /// Says that rows before the next one could not be read.
    pub(super) fn lose(&mut self) {
        self.expected = None;
        self.links.lose();
    }

    /// A block, with its entry of the index.
    pub(super) fn block(&mut self, key: u64, value: &[u8], entry: Option<&[u8]>) {
        self.at(Table::Blocks, key);
        let entry = self.entry(key, entry);
        let header = match RowHeader::parse(value) {
            Ok((header, payload)) => {
                if self.row(Table::Blocks, key, &header, payload) {
                    self.compare_index(&header, entry.as_ref());
                }
                header
            }
            Err(why) => {
                let end = entry.as_ref().map(|entry| entry.header.end());
                self.damage(Table::Blocks, key, end.map(|end| end.0.saturating_sub(1)), sentence(&why));
                self.continuity(Table::Blocks, key);
                self.lose();
                self.expected = end;
                return;
            }
        };
        if header.version == RowVersion::Zero && header.count != BLOCK_0_EVENTS {
            let what = format!("a block of format 0 holds {} events instead of {BLOCK_0_EVENTS}", header.count);
            self.damage(Table::Blocks, key, Some(header.end().0.saturating_sub(1)), what);
        }
    }

    /// A row of the tail.
    pub(super) fn tail_row(&mut self, key: u64, value: &[u8]) {
        self.at(Table::Tail, key);
        match RowHeader::parse(value) {
            Ok((header, payload)) => {
                if self.row(Table::Tail, key, &header, payload) {
                    self.links.take(header.first, &self.events, None);
                }
            }
            Err(why) => {
                self.damage(Table::Tail, key, None, sentence(&why));
                self.continuity(Table::Tail, key);
                self.lose();
            }
        }
    }

    /// Checks a row against its key, its neighbour, its payload and its events, which are then in `self.events`; `false`
    /// when they are not.
    fn row(&mut self, table: Table, key: u64, header: &RowHeader, payload: &[u8]) -> bool {
        let last = header.end().0.saturating_sub(1);
        if header.first.0 != key {
            self.damage(
                table,
                key,
                None,
                format!("the row says that it begins at seq {}, its key is {key}", header.first),
            );
            self.continuity(table, key);
            self.lose();
            return false;
        }
        self.continuity(table, key);
        self.expected = Some(header.end());
        self.decoded.clear();
        let decoded =
            header.check(payload).and_then(|()| row::events(header, payload, &Filter::ALL, &mut self.decoded));
        if let Err(why) = decoded {
            let mut finding = Finding::damage(self.file, sentence(&why)).at(table, Some(key)).seqs(key, Some(last));
            if is_newer(&why) {
                (finding.severity, finding.remedy) = (Severity::Unknown, Remedy::Upgrade);
            }
            self.find(finding);
            self.links.lose();
            return false;
        }
        self.events.clear();
        self.events.extend(self.decoded.drain(..).map(|(_, event)| event));
        self.counted += self.events.len() as u64;
        let mut found = RowHeader::of(header.encoding, header.first, &self.events, payload);
        found.version = header.version;
        if header.version == RowVersion::Zero {
            found.recv_times = None;
        }
        if found != *header {
            self.damage(table, key, Some(last), difference(header, &found));
        }
        true
    }

    /// Compares a row's place with where the one before it ended.
    fn continuity(&mut self, table: Table, key: u64) {
        let Some(expected) = self.expected.filter(|expected| expected.0 != key) else { return };
        let finding =
            Finding::damage(self.file, format!("the next row should begin at seq {expected}, it begins at {key}"));
        let finding = finding.at(table, Some(key));
        // A hole is what lies between; an overlap is there twice.
        self.find(if key > expected.0 {
            finding.seqs(expected.0, Some(key - 1))
        } else {
            finding.seqs(key, Some(expected.0.saturating_sub(1)))
        });
        self.links.lose();
    }

    /// Reads an entry of the index; its own damage is told here, its lack where the block is compared.
    fn entry<'v>(&mut self, key: u64, value: Option<&'v [u8]>) -> Option<IndexEntry<'v>> {
        match IndexEntry::parse(value?) {
            Ok(entry) if entry.header.first.0 == key => Some(entry),
            Ok(entry) => {
                self.damage(
                    Table::Index,
                    key,
                    None,
                    format!("the entry is that of a block at seq {}", entry.header.first),
                );
                None
            }
            Err(why) => {
                self.damage(Table::Index, key, None, sentence(&why));
                None
            }
        }
    }

    /// Compares a block with its entry, and the chain with the links in it.
    fn compare_index(&mut self, header: &RowHeader, entry: Option<&IndexEntry<'_>>) {
        let (key, last) = (header.first.0, Some(header.end().0.saturating_sub(1)));
        let links: Option<Vec<Hash32>> = entry.map(|entry| entry.links().collect());
        let (ended, wrong) = self.links.take(header.first, &self.events, links.as_deref());
        for (first, last) in wrong {
            let what = format!("the link of the chain over seq {first} to {last} is not the one that is stored");
            let finding = Finding::damage(self.file, what).at(Table::Index, Some(key));
            self.find(finding.seqs(first.0, Some(last.0)));
        }
        let (Some(entry), Some(links)) = (entry, links) else { return };
        if entry.header != *header {
            self.damage(Table::Index, key, last, format!("the entry differs: {}", difference(&entry.header, header)));
        }
        if links.len() != ended {
            let what = format!("the entry holds {} links of the chain, {ended} end in its block", links.len());
            self.damage(Table::Index, key, last, what);
        }
        let mut bitmap = Vec::new();
        put_bitmap(&self.events, &mut bitmap);
        if entry.instruments.0 != bitmap {
            self.damage(Table::Index, key, last, "the entry names other instruments than its block holds");
        }
    }

    /// Tells of a block without an entry, or of an entry that could not be read.
    pub(super) fn no_entry(&mut self, key: u64) {
        self.damage(Table::Index, key, None, "the index has no entry for the block at this key");
    }

    /// Tells of an entry without a block.
    pub(super) fn no_block(&mut self, key: u64) {
        self.damage(Table::Index, key, None, "the index has an entry and there is no block at its key");
    }

    /// Compares the end with what the header says of it; the last position and the hashes that were asked for.
    pub(super) fn finish(&mut self) -> (Option<Seq>, Vec<(Seq, Hash32)>) {
        if self.header.sealed {
            self.compare_end();
        }
        let last = self.expected.map(|end| Seq(end.0.saturating_sub(1))).filter(|last| *last >= self.header.first_seq);
        (last, std::mem::take(&mut self.links.hashes))
    }

    fn compare_end(&mut self) {
        let (last, file) = (self.header.last_seq, self.file);
        if let Some(end) = self.expected.filter(|end| *end != last.plus(1)) {
            let what = format!(
                "the header says that the last seq is {last}, the last row ends at {}",
                end.0.saturating_sub(1)
            );
            let (first, last) = if end <= last { (end.0, last.0) } else { (last.0 + 1, end.0 - 1) };
            self.find(Finding::damage(file, what).at(Table::Meta, None).seqs(first, Some(last)));
        } else if let Some(hash) = self.links.hash_at_end().filter(|hash| *hash != self.header.last_chain) {
            let what = format!("the chain ends with {hash}, the header says {}", self.header.last_chain);
            self.find(Finding::damage(file, what).at(Table::Meta, None));
        }
    }
}

fn is_newer(why: &Damage) -> bool {
    matches!(
        why,
        Damage::Event { source: DecodeError::NewerVersion { .. }, .. }
            | Damage::Columns(ColumnsError::Event { source: DecodeError::NewerVersion { .. }, .. })
    )
}

/// What one header says and the other does not.
fn difference(said: &RowHeader, found: &RowHeader) -> String {
    let mut parts = Vec::new();
    if said.count != found.count || said.first != found.first {
        parts.push(format!(
            "the header says {} events from seq {}, there are {} from {}",
            said.count, said.first, found.count, found.first
        ));
    }
    if said.times != found.times {
        parts.push(format!("the header says event times {:?}, they are {:?}", said.times, found.times));
    }
    if said.recv_times != found.recv_times {
        parts.push(format!("the header says receive times {:?}, they are {:?}", said.recv_times, found.recv_times));
    }
    if said.kinds != found.kinds {
        parts.push("the header lists other kinds than the events have".to_owned());
    }
    if parts.is_empty() {
        parts.push("the headers differ".to_owned());
    }
    parts.join("; ")
}
