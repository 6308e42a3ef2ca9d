//! How older versions of a kind are read and written, on kinds that exist here alone.
#![allow(dead_code, reason = "the declaration makes more than these tests ask of it")]

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use serde::Serialize;

use super::{DecodeError, OlderForm, Wire, holds_every_version, unknown_version};
use crate::codec::record;
use crate::scalar::Qty;

record! {
    /// A pulse as it was first.
    pub struct PulseV1 {
        /// How strong, in hundreds.
        pub hundreds: u8,
    }
}

record! {
    /// A pulse as it was then.
    pub struct PulseV2 {
        /// How strong.
        pub strength: Qty,
    }
}

record! {
    /// A pulse.
    pub struct Pulse {
        /// How strong.
        pub strength: Qty,
        /// Whose; nobody said so before version 3.
        pub owner: Option<String>,
    }
}

record! {
    /// A note as it was first.
    pub struct NoteV1 {
        /// What it says.
        pub text: String,
    }
}

record! {
    /// A note.
    pub struct Note {
        /// What it says.
        pub lines: Vec<String>,
    }
}

impl From<PulseV1> for PulseV2 {
    fn from(old: PulseV1) -> Self {
        Self { strength: Qty::new(i64::from(old.hundreds) * 100) }
    }
}

impl From<PulseV1> for Pulse {
    fn from(old: PulseV1) -> Self {
        PulseV2::from(old).into()
    }
}

impl From<PulseV2> for Pulse {
    fn from(old: PulseV2) -> Self {
        Self { strength: old.strength, owner: None }
    }
}

impl OlderForm<Pulse> for PulseV1 {
    fn of(body: &Pulse) -> Option<Self> {
        let hundreds = (body.strength.get() % 100 == 0).then_some(body.strength.get() / 100)?;
        u8::try_from(hundreds).ok().filter(|_| body.owner.is_none()).map(|hundreds| Self { hundreds })
    }
}

impl OlderForm<Pulse> for PulseV2 {
    fn of(body: &Pulse) -> Option<Self> {
        body.owner.is_none().then_some(Self { strength: body.strength })
    }
}

impl OlderForm<Box<Note>> for NoteV1 {
    fn of(body: &Box<Note>) -> Option<Self> {
        if let [text] = body.lines.as_slice() { Some(Self { text: text.clone() }) } else { None }
    }
}

impl From<NoteV1> for Box<Note> {
    fn from(old: NoteV1) -> Self {
        Self::new(Note { lines: vec![old.text] })
    }
}

events! {
    inputs {
        /// Thrice written.
        Pulse(Pulse) = 1 v 3 { 1 => PulseV1, 2 => PulseV2 } "pulse",
    }
    derived {
        /// Twice written, and boxed.
        Note(Box<Note>) = 128 v 2 { 1 => NoteV1 } "note",
    }
}

#[derive(PartialEq, Eq, Debug)]
enum Event {
    Input(Input),
    Derived(Derived),
}

/// Every body that was ever written, by its version, and what it means now.
fn read(kind: EventKind, version: u8, mut bytes: &[u8]) -> Result<Event, DecodeError> {
    let event = Event::take_body(kind, version, &mut bytes)?;
    assert!(bytes.is_empty());
    Ok(event)
}

fn pulse(strength: i64, owner: Option<&str>) -> Event {
    Event::Input(Input::Pulse(Pulse { strength: Qty::new(strength), owner: owner.map(String::from) }))
}

#[test]
fn each_version_is_read_by_its_own_form_and_means_the_same_now() {
    assert_eq!(read(EventKind::Pulse, 1, &[3]), Ok(pulse(300, None)));
    assert_eq!(read(EventKind::Pulse, 2, &[44, 1, 0, 0, 0, 0, 0, 0]), Ok(pulse(300, None)));
    let owned = [44, 1, 0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, b'm', b'e'];
    assert_eq!(read(EventKind::Pulse, 3, &owned), Ok(pulse(300, Some("me"))));

    let note = |lines: &[&str]| {
        Event::Derived(Derived::Note(Box::new(Note { lines: lines.iter().copied().map(String::from).collect() })))
    };
    assert_eq!(read(EventKind::Note, 1, &[2, 0, 0, 0, b'h', b'i']), Ok(note(&["hi"])));
    assert_eq!(read(EventKind::Note, 2, &[0; 4]), Ok(note(&[])));
}

#[test]
fn an_event_is_written_in_the_oldest_version_that_can_say_it() {
    let pulse = |strength, owner: Option<&str>| {
        Input::Pulse(Pulse { strength: Qty::new(strength), owner: owner.map(String::from) })
    };
    let note =
        |lines: &[&str]| Derived::Note(Box::new(Note { lines: lines.iter().copied().map(String::from).collect() }));
    assert_eq!(EventKind::ALL, [pulse(0, None).kind(), note(&[]).kind()]);
    assert_eq!(EventKind::ALL.iter().map(|kind| kind.version()).collect::<Vec<_>>(), [3, 2]);

    let written = |pulse: &Input| {
        let mut bytes = Vec::new();
        pulse.encode(&mut bytes);
        assert_eq!(bytes[1], pulse.version());
        bytes
    };
    assert_eq!(written(&pulse(300, None)), [1, 1, 3]);
    assert_eq!(written(&pulse(301, None)), [1, 2, 45, 1, 0, 0, 0, 0, 0, 0]);
    assert_eq!(written(&pulse(300, Some("m"))), [1, 3, 44, 1, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, b'm']);
    let written = |note: &Derived| {
        let mut bytes = Vec::new();
        note.encode(&mut bytes);
        assert_eq!(bytes[1], note.version());
        bytes
    };
    assert_eq!(written(&note(&["hi"])), [128, 1, 2, 0, 0, 0, b'h', b'i']);
    assert_eq!(written(&note(&[])), [128, 2, 0, 0, 0, 0]);
}

#[test]
fn a_version_without_a_form_is_refused_and_never_read_as_another() {
    for version in [0, 4, 255] {
        let refusal = DecodeError::UnknownCode { what: "event version", code: u32::from(version) };
        assert_eq!(read(EventKind::Pulse, version, &[3; 64]), Err(refusal));
    }
}

#[test]
fn a_list_of_versions_with_a_hole_is_told() {
    assert!(holds_every_version(&[1]));
    assert!(holds_every_version(&[1, 2, 3]));
    assert!(!holds_every_version(&[2]));
    assert!(!holds_every_version(&[1, 3]));
    assert!(!holds_every_version(&[2, 1]));
}
