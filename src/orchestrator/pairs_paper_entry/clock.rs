//! The clock of the edges, handed in: the host's in the daemon, a virtual one beside the simulator.
//!
//! Nothing that decides reads it; whoever calls what decides does, and hands the moment on.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use barkeep_schemas::Ts;

/// Tells the time. Clones tell the same.
#[derive(Clone)]
pub struct Clock {
    now: Arc<dyn Fn() -> Ts + Send + Sync>,
}

impl Clock {
    /// A clock that tells what `now` does.
    pub fn new(now: impl Fn() -> Ts + Send + Sync + 'static) -> Self {
        Self { now: Arc::new(now) }
    }

    /// The host's clock.
    pub fn host() -> Self {
        Self::new(|| {
            let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            Ts::new(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
        })
    }

    /// The moment.
    pub fn now(&self) -> Ts {
        (self.now)()
    }
}
