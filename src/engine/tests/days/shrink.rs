//! Shortens a script that fails. Source: A. Zeller and R. Hildebrandt, "Simplifying and isolating failure-inducing input",
//! IEEE TSE 28(2), 2002: chunks are taken out, large ones first, as long as what is left fails still.

use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Mutex;

use crate::script::Script;
use crate::world::{Figures, run};

/// One at a time may silence panics.
static QUIET: Mutex<()> = Mutex::new(());

/// Runs a script; its figures, or what broke.
pub fn outcome(script: &Script) -> Result<Figures, String> {
    let caught = catch_unwind(AssertUnwindSafe(|| run(script)));
    caught.map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
    })
}

/// Whether it breaks at all.
fn fails(script: &Script) -> bool {
    outcome(script).is_err()
}

/// The shortest script that the search finds to fail, and what it breaks.
pub fn shrink(script: &Script) -> (Script, String) {
    let _quiet = QUIET.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let hook = take_hook();
    set_hook(Box::new(|_| {}));
    let mut short = script.clone();
    loop {
        let before = short.clone();
        smaller(&mut short);
        fewer(&mut short);
        if short == before {
            break;
        }
    }
    let broken = outcome(&short).err().unwrap_or_default();
    set_hook(hook);
    (short, broken)
}

/// Takes happenings out.
fn fewer(script: &mut Script) {
    let mut chunk = script.happenings.len().next_power_of_two();
    while chunk > 0 {
        let mut at = 0;
        while at < script.happenings.len() {
            let mut less = script.clone();
            less.happenings.drain(at..(at + chunk).min(script.happenings.len()));
            if fails(&less) {
                *script = less;
            } else {
                at += chunk;
            }
        }
        chunk /= 2;
    }
}

/// Makes the stage smaller: one session, less time, fewer pairs. Markets of fewer pairs are others, so that may not help.
fn smaller(script: &mut Script) {
    let tries: [fn(&mut Script); 5] = [
        |script| script.plan.sessions = 1,
        |script| script.plan.seconds = script.plan.seconds * 2 / 3,
        |script| script.plan.seconds -= 60,
        |script| script.plan.pairs = 2,
        |script| script.plan.shared = false,
    ];
    for make in tries {
        loop {
            let mut less = script.clone();
            make(&mut less);
            if less == *script || less.plan.seconds < 60 || !fails(&less) {
                break;
            }
            *script = less;
        }
    }
}
