//! One life of the feed: a shift made from what the tape knows, and the driver that gives it the time.
//!
//! It begins anew after a panic or a stall as after a restart of the daemon: what the tape holds is all that it needs. It
//! decides nothing. The daemon calls it.

use std::net::SocketAddr;
use std::sync::Arc;

use barkeep_schemas::Ts;
use barkeep_storage::DataDir;
use barkeep_zerodha::socket::Stamped;
use prometheus::{Gauge, Histogram};
use tokio::sync::{mpsc, watch};

use super::DaemonError;
use super::telling::Telling;
use crate::orchestrator::broker::Broker;
use crate::orchestrator::config::{DepthKept, FeedConfig};
use crate::orchestrator::door::Turns;
use crate::orchestrator::engine_thread::EngineHandle;
use crate::orchestrator::live::desk::Desk;
use crate::orchestrator::live::resumed::open_session;
use crate::orchestrator::live::schedule::{Schedule, trading_date};
use crate::orchestrator::live::shift::{Settings, Shift, ShiftParts, Told};
use crate::orchestrator::live::sockets::Sockets;
use crate::orchestrator::live::{by_clock, by_mark};
use crate::orchestrator::pairs_paper_entry::{Clock, Life};

/// What every life of the feed is made of.
pub(super) struct Edge {
    pub(super) dir: DataDir,
    pub(super) engine: EngineHandle,
    pub(super) broker: Arc<Broker>,
    pub(super) schedule: Schedule,
    pub(super) feed: FeedConfig,
    pub(super) depth: DepthKept,
    pub(super) settings: watch::Receiver<Arc<Settings>>,
    pub(super) clock: Clock,
    pub(super) telling: Arc<Telling>,
    pub(super) batch_sizes: Histogram,
    pub(super) whitelist_valid: Gauge,
    pub(super) turns: Turns,
}

/// A shift and what comes to it.
type Made = (Shift, mpsc::Receiver<Stamped>, mpsc::Receiver<Told>);

impl Edge {
    /// Lives by the clock until it is told to stop.
    pub(super) async fn live(&self, life: Life) -> Result<(), DaemonError> {
        let now = self.clock.now();
        let cached = self.broker.newest_cached(trading_date(now));
        // The waits between attempts differ from host to host and from start to start.
        let seed = now.get().unsigned_abs() ^ u64::from(std::process::id());
        let (mut shift, heard, told) = self.make(life.stop_signal(), cached, seed).await?;
        shift.watch(move |_, _| life.beat());
        by_clock::run(shift, heard, told, &self.clock).await?;
        Ok(())
    }

    /// Lives by a simulator's marks until it is told to stop or that time ends.
    pub(super) async fn live_by_mark(
        &self,
        address: SocketAddr,
        stop: watch::Receiver<bool>,
        progress: impl FnMut(Ts),
    ) -> Result<(), DaemonError> {
        let (shift, heard, told) = self.make(stop, None, 1).await?;
        by_mark::run(shift, heard, told, address, progress).await?;
        Ok(())
    }

    async fn make(
        &self,
        stop: watch::Receiver<bool>,
        cached: Option<(barkeep_schemas::SessionDate, barkeep_zerodha::instruments::Listing)>,
        seed: u64,
    ) -> Result<Made, DaemonError> {
        // What an earlier life sent must be on the tape before the tape is asked.
        self.engine.commit().await?;
        let dir = self.dir.clone();
        let asked = tokio::task::spawn_blocking(move || open_session(&dir)).await;
        let resume = asked.map_err(|error| DaemonError::Thread(std::io::Error::other(error)))??;
        let settings = self.settings.clone();
        let universe = settings.borrow().universe.clone();
        let desk = Desk::new(self.schedule.clone(), universe, self.feed, self.depth, cached, seed);
        let (sockets, heard) = Sockets::new(self.clock.clone(), self.feed.queue as usize);
        self.telling.queue_is(sockets.depth());
        let parts = ShiftParts {
            desk,
            sockets,
            broker: self.broker.clone(),
            engine: self.engine.clone(),
            settings,
            batch_sizes: Some(self.batch_sizes.clone()),
            whitelist_valid: Some(self.whitelist_valid.clone()),
            resume,
            turns: self.turns.clone(),
            stop,
        };
        let (mut shift, told) = Shift::new(parts);
        let telling = self.telling.clone();
        shift.watch(move |desk, now| telling.tell(desk, now));
        Ok((shift, heard, told))
    }
}
