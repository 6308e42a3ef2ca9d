//! A panic as a sentence: redb panics on pages that it did not write, and nobody should meet that as a stack of frames.
//!
//! Never hides one: it is told with its place, and the command ends. Called by [`super::main`], which chooses the exit code.

use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::{Mutex, PoisonError};

/// The last panic of this process.
static LAST: Mutex<Option<Panicked>> = Mutex::new(None);

/// A panic.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Panicked {
    place: String,
    words: String,
}

impl Panicked {
    fn of(info: &PanicHookInfo<'_>) -> Self {
        let place = info.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
        let payload = info.payload();
        let words = payload.downcast_ref::<&str>().copied().or(payload.downcast_ref::<String>().map(String::as_str));
        let words = words.unwrap_or("without a word").replace('\n', " ");
        Self { place, words }
    }

    /// What a person reads, with the reason of exit code 3 in front.
    pub(super) fn sentence(&self) -> String {
        let Self { place, words } = self;
        if place.contains("/redb-") {
            return format!(
                "damaged: redb met bytes in the tape that it did not write ({place}: {words}): run `barkeep tape verify`, \
                 and restore what it names"
            );
        }
        format!(
            "bug: barkeep has a bug at {place}: {words}; what was acknowledged is on the tape, please report this line"
        )
    }
}

/// Runs something to its end or to its panic.
pub(super) fn catch<T>(run: impl FnOnce() -> T) -> Result<T, Panicked> {
    panic::set_hook(Box::new(|info| {
        *LAST.lock().unwrap_or_else(PoisonError::into_inner) = Some(Panicked::of(info));
    }));
    panic::catch_unwind(AssertUnwindSafe(run)).map_err(|_| {
        let last = LAST.lock().unwrap_or_else(PoisonError::into_inner).take();
        last.unwrap_or_else(|| Panicked { place: "an unknown place".to_owned(), words: "without a word".to_owned() })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redbs_panics_are_damage_and_all_others_are_bugs() {
        let told = |place: &str| Panicked { place: place.to_owned(), words: "unreachable".to_owned() }.sentence();
        assert!(told("/root/.cargo/registry/src/x/redb-4.5.0/src/tree.rs:1:2").starts_with("damaged: "));
        assert!(told("src/cli/mod.rs:1:2").starts_with("bug: "));
    }
}
