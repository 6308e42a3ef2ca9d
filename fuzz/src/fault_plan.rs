//! Plans of faults, as a file or as flags: a refusal that says why, or faults whose every question has an answer.
//!
//! The first byte chooses: even a TOML file, odd flags, one a line.

use barkeep_schemas::Ts;
use barkeep_sim::faults::{Fault, FaultKind, FaultPlan, Faults};

use crate::simulated::spans;

/// What a few kilobytes of plan may ask for.
const FAULTS_MAX: usize = 200_000;

pub fn run(data: &[u8]) {
    let Some((which, text)) = data.split_first() else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    let plan = if which % 2 == 0 {
        FaultPlan::from_toml(text, "f.toml")
    } else {
        let mut plan = FaultPlan::default();
        text.lines().try_for_each(|line| plan.add_flag(line)).map(|()| plan)
    };
    let token_of = |symbol: &str| (symbol.len() < 8).then_some(symbol.len() as u32);
    match plan.and_then(|plan| Faults::new(&plan, 7, &spans(), token_of)) {
        Ok(faults) => ask(faults),
        Err(refusal) => assert!(!refusal.to_string().is_empty()),
    }
}

fn ask(mut faults: Faults) {
    assert!(faults.all().len() <= FAULTS_MAX, "{} faults", faults.all().len());
    assert!(faults.all().is_sorted_by_key(|fault| fault.from));
    assert!(faults.all().iter().all(|fault| fault.from <= fault.until && fault.share <= 1_000_000));
    assert_eq!(faults.beginning(Ts::new(i64::MIN), Ts::new(i64::MAX)).count(), faults.all().len());
    let some: Vec<Fault> = faults.all().iter().take(16).cloned().collect();
    for fault in &some {
        for now in [fault.from, fault.until, Ts::new(fault.from.get() - 1)] {
            for kind in FaultKind::ALL {
                let _ = (faults.on_connection(kind, 1, now), faults.on_request(kind, "/orders/regular", 1, now));
                let _ = faults.strike_frame(kind, 1, now);
            }
            let _ = (faults.packet_fate(1, 4, now).0, faults.skew_ns(4, now), faults.on_candle(4, now).count());
        }
    }
}
