//! Encoded samples of every kind and version: they must be read, and mean the same, for ever.
//!
//! `samples/KIND.vVERSION.hex` holds the canonical bytes, `samples/inputs.rs` and `samples/derived.rs` what they mean
//! today. A new version of a kind gets a file of its own beside the old one; a file that exists never changes. A sample
//! without its bytes fails and shows them. Whatever version an event was read in, it is written as the same bytes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod samples;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use barkeep_schemas::{DecodeError, Event, EventKind};
use samples::Sample;

/// The bytes of each sample of a file, by the sample's name.
fn read(text: &str) -> BTreeMap<String, String> {
    let mut samples = BTreeMap::new();
    let mut name = None;
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        match line.strip_prefix('#') {
            Some(title) => name = Some(title.trim().to_owned()),
            None => samples.entry(name.clone().expect("a title")).or_insert_with(String::new).push_str(line),
        }
    }
    samples
}

fn file_of(kind: EventKind, version: u8) -> String {
    format!("{}.v{version}.hex", kind.name())
}

/// Every file of samples by its name.
fn files() -> BTreeMap<String, BTreeMap<String, String>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples");
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|end| end == "hex") {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            files.insert(name, read(&std::fs::read_to_string(path).unwrap()));
        }
    }
    files
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len() / 2).map(|at| u8::from_str_radix(&hex[at * 2..at * 2 + 2], 16).expect("hexadecimal")).collect()
}

fn encoded(event: &Event) -> Vec<u8> {
    let mut out = Vec::new();
    event.encode(&mut out);
    out
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn every_kind_has_samples_of_every_version_and_no_sample_is_without_a_kind() {
    let expected: BTreeSet<String> =
        EventKind::ALL.iter().flat_map(|kind| (1..=kind.version()).map(|version| file_of(*kind, version))).collect();
    let found: BTreeSet<String> = files().into_keys().collect();
    assert_eq!(found, expected);
}

#[test]
fn every_sample_is_read_as_what_it_meant_and_written_as_the_same_bytes() {
    let files = files();
    let mut used: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for Sample { version, name, event } in samples::all() {
        let file = file_of(event.kind(), version);
        let written = hex(&encoded(&event));
        let stored = files.get(&file).and_then(|file| file.get(name));
        let stored = stored.unwrap_or_else(|| panic!("{file} lacks `# {name}`; this build writes\n{written}"));
        assert_eq!(Event::decode(&bytes(stored)), Ok(event), "{file}, {name}: read");
        assert_eq!(&written, stored, "{file}, {name}: written");
        used.entry(file).or_default().insert(name.to_owned());
    }
    let stored: BTreeMap<_, _> = files.into_iter().map(|(file, names)| (file, names.into_keys().collect())).collect();
    assert_eq!(used, stored, "every stored sample is checked");
}

#[test]
fn a_sample_cut_short_or_lengthened_is_refused_and_so_is_a_version_of_the_future() {
    for Sample { name, event, .. } in samples::all() {
        let mut whole = encoded(&event);
        for len in 0..whole.len() {
            assert_eq!(Event::decode(&whole[..len]), Err(DecodeError::Short), "{name}: {len} bytes");
        }
        whole.push(0);
        assert_eq!(Event::decode(&whole), Err(DecodeError::Trailing { bytes: 1 }), "{name}");
        let (kind, newest) = (event.kind().name(), event.kind().version());
        whole[1] = newest + 1;
        assert_eq!(
            Event::decode(&whole),
            Err(DecodeError::NewerVersion { kind, version: newest + 1, newest }),
            "{name}"
        );
        whole[1] = 0;
        assert_eq!(Event::decode(&whole), Err(DecodeError::UnknownCode { what: "event version", code: 0 }), "{name}");
    }
}

/// Found by the fuzz target `event`: these bytes were read as a tick without flags, which is written as other bytes.
#[test]
fn a_tick_with_flags_of_zero_is_refused() {
    let mut bytes = encoded(&samples::bare_tick());
    bytes[2] |= 32;
    let with = |flags: u32| Event::decode(&[bytes.as_slice(), &flags.to_le_bytes()].concat());
    assert_eq!(with(0), Err(DecodeError::OutOfRange { what: "a tick's condition flags" }));
    assert!(with(1).is_ok());
}
