//! A tolerance, and others for classes of instruments, as text:
//! `price=1tick,3bp;volume=3%,100 | cash: price=2tick,5bp;volume=5%,500`.
//!
//! What it never does: compare bars. Who calls it: the configuration, `recon --tolerance`, and whoever reads the text off
//! the tape.

use std::fmt;
use std::str::FromStr;

use barkeep_schemas::InstrumentClass;
use serde::{Serialize, Serializer};

use super::tolerance::{Tolerance, ToleranceError};

/// How many classes there are.
const CLASSES: usize = InstrumentClass::ALL.len();

/// A tolerance for every instrument, less those whose class has one of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tolerances {
    /// For all others.
    pub all: Tolerance,
    /// By class, in the order of [`InstrumentClass::ALL`].
    of_class: [Option<Tolerance>; CLASSES],
}

impl Tolerances {
    /// That of a class; of an instrument that nobody knows the one for all.
    pub fn of(&self, class: Option<InstrumentClass>) -> Tolerance {
        let own = class.and_then(|class| self.of_class.get(place(class)).copied().flatten());
        own.unwrap_or(self.all)
    }
}

/// The position of a class in [`InstrumentClass::ALL`].
const fn place(class: InstrumentClass) -> usize {
    match class {
        InstrumentClass::Cash => 0,
        InstrumentClass::Derivatives => 1,
        InstrumentClass::Always => 2,
    }
}

const CLASS: &str = "expected after `|` a class and its tolerance, such as `cash: price=2tick,5bp;volume=5%,500`; the \
                     classes are cash, derivatives and always, each at most once";

impl FromStr for Tolerances {
    type Err = ToleranceError;

    fn from_str(text: &str) -> Result<Self, ToleranceError> {
        let mut clauses = text.split('|');
        let all = clauses.next().unwrap_or_default().trim().parse()?;
        let mut of_class = [None; CLASSES];
        for clause in clauses.map(str::trim) {
            let wrong = |part: &str| ToleranceError { text: text.to_owned(), part: part.to_owned(), expected: CLASS };
            let (name, own) = clause.split_once(':').ok_or_else(|| wrong(clause))?;
            let class = InstrumentClass::parse(name.trim()).ok_or_else(|| wrong(name))?;
            let own = own.trim().parse()?;
            match of_class.get_mut(place(class)) {
                Some(slot @ None) => *slot = Some(own),
                Some(Some(_)) | None => return Err(wrong(name)),
            }
        }
        Ok(Self { all, of_class })
    }
}

impl fmt::Display for Tolerances {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.all)?;
        let own = InstrumentClass::ALL.iter().zip(self.of_class).filter_map(|(class, own)| Some((class, own?)));
        for (class, own) in own {
            write!(f, " | {class}: {own}")?;
        }
        Ok(())
    }
}

impl Serialize for Tolerances {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_has_its_own_and_all_others_the_first() {
        let text = "price=1tick,3bp;volume=3%,100 | cash: price=2tick,5bp;volume=5%,500";
        let read: Tolerances = text.parse().unwrap();
        assert_eq!(read.to_string(), text);
        assert_eq!(read.of(Some(InstrumentClass::Cash)).price_ticks, 2);
        let others = [Some(InstrumentClass::Derivatives), Some(InstrumentClass::Always), None];
        assert_eq!(others.map(|class| read.of(class).price_ticks), [1; 3]);
        let plain = "price=1tick,3bp;volume=3%,100";
        assert_eq!(plain.parse::<Tolerances>().unwrap().to_string(), plain);
    }

    #[test]
    fn classes_stand_at_their_places() {
        assert!(InstrumentClass::ALL.iter().enumerate().all(|(at, class)| place(*class) == at));
    }

    #[test]
    fn a_wrong_class_is_named() {
        let check = |text: &str, part: &str| assert_eq!(text.parse::<Tolerances>().unwrap_err().part, part, "{text}");
        check("price=1tick | index: price=2tick", "index");
        check("price=1tick | price=2tick", "price=2tick");
        check("price=1tick | cash: price=2tick | cash: price=3tick", "cash");
        check("price=1tick | cash: price=2tock", "2tock");
        check("cash: price=1tick", "cash: price");
        check("price=1tick |", "");
    }
}
