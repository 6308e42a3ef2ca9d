//! What a person at the log must hear of the pairs desk as it happens.
//!
//! What it never does: say again what was durable before the daemon began. Who calls it: the follower of the metrics, which
//! sees every event once.

use barkeep_schemas::{Derived, Event};

/// Tells the log of a kill switch, whoever threw it, of a trade that came after its order had ended, and of a state that an
/// order did not take.
pub(super) fn tell(event: &Event) {
    let Event::Derived(derived) = event else { return };
    if let Derived::KillSwitched(of) = derived {
        let (scope, why, flatten, reason) = (of.scope.name(), of.why.name(), of.flatten, of.reason.as_str());
        if of.on {
            tracing::error!(scope, why, flatten, reason, "a kill switch is on");
        } else {
            tracing::warn!(scope, reason, "a kill switch is off");
        }
    } else if let Derived::Fill(fill) = derived
        && fill.late
    {
        let (order, trade, side, qty) = (fill.order, fill.trade.as_str(), fill.side.name(), fill.qty);
        tracing::error!(%order, trade, side, %qty, "a trade came after its order had ended: what it left is unwound");
    } else if let Derived::MoveRefused(of) = derived {
        let (order, from, to, why) = (of.order, of.from.name(), of.to.name(), of.why.name());
        tracing::warn!(%order, from, to, why, "an order did not take a state that does not follow its own");
    }
}
