//! The daemon: everything that `barkeep run` keeps going, put together in the order in which it may begin.
//!
//! ```text
//! configuration -> ports -> tape (repaired, its tail derived again) -> engine's thread -> metrics, door -> feed
//! ```
//!
//! What it never does: decide anything about data, or go on without its tape. When the engine's thread ends, so does the
//! daemon, with its reason. The feed is supervised: it ends and begins anew without the rest, from what the tape knows.

mod edge;
pub mod reload;
mod telling;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use barkeep_schemas::{OnKill, Ts};
use barkeep_storage::DataDir;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::appliance::{Appliance, ApplianceError, Pace};
use super::broker::{Broker, BrokerError};
use super::calendar::{Calendar, CalendarError};
use super::config::Config;
use super::desk::{DeskFiles, DeskPaths, FileError};
use super::door::{DAEMON, DoorServer, DoorServerError};
use super::engine_thread::{EngineFailure, EngineGone, EngineHandle, EngineThread, Work};
use super::kill_file;
use super::live::resumed::ResumeError;
use super::live::schedule::{Schedule, trading_date};
use super::live::shift::{Settings, ShiftError};
use super::pairs_paper_entry::{
    Addresses, Board, Clock, EngineState, EngineTeller, MetricsFollower, Ports, PortsError, ReconFollower, Services,
    ServicesError, SessionFacts, Supervised, Supervision, TokenFacts, board, stage_metrics, supervise, systemd,
    watch_disk, watch_engine,
};
use super::universe::{Universe, UniverseError};
use crate::monitoring::metrics::{GaugeName, HistogramName, Metrics, MetricsError, Service};

use edge::Edge;
use telling::Telling;

/// How often systemd is asked for more time while the tape is opened, and for how much more.
const OPENING_EVERY: Duration = Duration::from_secs(10);
const OPENING_LONGER: Duration = Duration::from_secs(60);

/// Whose time the daemon lives by.
#[derive(Clone)]
pub enum Time {
    /// A clock, at its pace.
    Clock(Clock),
    /// A simulator's, which shares it at this address.
    Shared(SocketAddr),
}

/// What a daemon is made of.
pub struct DaemonPlan {
    /// The checked configuration.
    pub config: Config,
    /// The data directory.
    pub dir: DataDir,
    /// What is watched.
    pub universe: Universe,
    /// Whose time.
    pub time: Time,
    /// Where the scrape targets are written for Prometheus; `None`: nowhere.
    pub targets: Option<PathBuf>,
}

/// Why the daemon does not start or cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// The calendar cannot be used.
    #[error(transparent)]
    Calendar(#[from] CalendarError),
    /// The universe cannot be used.
    #[error(transparent)]
    Universe(#[from] UniverseError),
    /// Limits or charges of the pairs desk cannot be used.
    #[error(transparent)]
    Desk(#[from] FileError),
    /// The broker cannot be asked.
    #[error(transparent)]
    Broker(#[from] BrokerError),
    /// A port cannot be bound.
    #[error(transparent)]
    Ports(#[from] PortsError),
    /// The services cannot be shown.
    #[error(transparent)]
    Services(#[from] ServicesError),
    /// The metrics contradict themselves.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    /// The tape cannot be opened or asked.
    #[error(transparent)]
    Appliance(#[from] ApplianceError),
    /// The tape cannot be asked for the session that is open.
    #[error(transparent)]
    Resume(#[from] ResumeError),
    /// The door cannot be opened.
    #[error(transparent)]
    Door(#[from] DoorServerError),
    /// The engine's thread has ended and forbids going on.
    #[error(transparent)]
    Engine(#[from] EngineFailure),
    /// The feed cannot go on.
    #[error(transparent)]
    Shift(#[from] ShiftError),
    /// The engine's thread has ended without being asked to.
    #[error("the engine's thread has ended")]
    EngineEnded,
    /// The system gives no thread.
    #[error("the system gives no thread: check the limits of this user (ulimit -u)")]
    Thread(#[source] std::io::Error),
}

impl From<EngineGone> for DaemonError {
    fn from(_: EngineGone) -> Self {
        Self::EngineEnded
    }
}

impl DaemonError {
    /// The reason word when going on is forbidden (exit code 3).
    pub fn fatal_reason(&self) -> Option<&'static str> {
        match self {
            Self::Appliance(error) => error.fatal_reason(),
            Self::Resume(error) => error.fatal_reason(),
            Self::Engine(error) => error.fatal_reason(),
            Self::EngineEnded => Some("bug"),
            Self::Calendar(_)
            | Self::Universe(_)
            | Self::Desk(_)
            | Self::Broker(_)
            | Self::Ports(_)
            | Self::Services(_)
            | Self::Metrics(_)
            | Self::Door(_)
            | Self::Shift(_)
            | Self::Thread(_) => None,
        }
    }
}

/// A daemon that has started.
pub struct Daemon {
    /// The time that a simulator shares, nanoseconds since 1970 UTC.
    shared: Arc<AtomicI64>,
    time: Time,
    metrics: Metrics,
    board: Board,
    services: Services,
    engine: EngineHandle,
    teller: Arc<EngineTeller>,
    thread: EngineThread,
    follower: MetricsFollower,
    recon: ReconFollower,
    settings: watch::Sender<Arc<Settings>>,
    edge: Arc<Edge>,
    door: DoorServer,
    /// Ended with this.
    _tasks: JoinSet<()>,
}

impl Daemon {
    /// Starts: everything but the feed. Needs a tokio runtime.
    ///
    /// # Errors
    /// [`DaemonError`]; nothing is left running then.
    pub async fn start(plan: DaemonPlan) -> Result<Self, DaemonError> {
        let DaemonPlan { config, dir, universe, time, targets } = plan;
        let calendar = Calendar::load(config.calendar.file.as_deref())?;
        let paths = DeskPaths::from(&config);
        let desk = DeskFiles::load(&paths)?;
        let broker = Broker::new(&config.kite, dir.root())?;
        let broker = Arc::new(match &time {
            Time::Clock(_) => broker,
            Time::Shared(_) => broker.with_attempts(1),
        });
        // Until a simulator says what time it is it is no time in particular.
        let shared = Arc::new(AtomicI64::new(0));
        let clock = match &time {
            Time::Clock(clock) => clock.clone(),
            Time::Shared(_) => {
                let shared = shared.clone();
                Clock::new(move || Ts::new(shared.load(Ordering::Relaxed)))
            }
        };
        let ports = Ports::bind(&config.ports)?;
        let metrics = Metrics::new(universe.members().map(|member| member.symbol.clone()))?;
        let today = SessionFacts::on(&calendar, trading_date(clock.now()), false);
        let (tellers, board) = board(clock.now(), today, TokenFacts::Missing);
        let services = Services::start(ports, metrics.clone(), board.clone(), clock.clone())?;
        if let Some(path) = &targets {
            services.addresses().write_targets(path)?;
        }
        let mut tasks = JoinSet::new();
        if matches!(time, Time::Clock(_)) {
            tasks.spawn(systemd::watch(board.clone(), clock.clone()));
        }

        let mut appliance = open(&dir, Pace::from(&config.tape)).await?;
        let disk = watch_disk(metrics.clone(), dir.clone());
        tasks.spawn(async move {
            if let Err(error) = disk.await {
                tracing::error!(%error, "the disk is not watched");
            }
        });
        let teller = Arc::new(tellers.engine);
        let publisher = appliance.publisher().clone();
        metrics.time_commits(&publisher)?;
        appliance.time_stages(stage_metrics(&metrics)?);
        let (engine, thread) = EngineThread::start(appliance, (&config.tape).into()).map_err(DaemonError::Thread)?;
        let follower =
            MetricsFollower::start(&dir, &publisher, &metrics, clock.clone()).map_err(DaemonError::Thread)?;
        let recon = ReconFollower::start(&dir, &publisher, &metrics, tellers.recon).map_err(DaemonError::Thread)?;
        board.watch_pulse(Service::ReconExporter, recon.pulse().clone());
        {
            let (teller, asked) = (teller.clone(), engine.clone());
            teller.durable(publisher.durable_seq());
            let durable = teller.clone();
            publisher.watch(move |seq| durable.durable(seq));
            teller.backlog_is(Arc::new(move || asked.backlog().inputs as u64));
        }
        {
            let (teller, clock, engine) = (teller.clone(), clock.clone(), engine.clone());
            tasks.spawn(async move {
                let ask = || {
                    let engine = engine.clone();
                    async move { engine.ask(|_| Ok(())).await }
                };
                // Whoever waits for the thread's end says why.
                let _: EngineGone = watch_engine(teller, clock, ask).await;
            });
        }
        let door = DoorServer::start(&dir, engine.clone())?;
        let known = Arc::new(Settings { universe, engine: config.engine.into(), paths, desk });
        let (settings, settings_seen) = watch::channel(known);
        if let Some(path) = config.risk.kill_file.clone() {
            let (engine, clock, settings) = (engine.clone(), clock.clone(), settings.subscribe());
            tasks.spawn(async move {
                let flatten = || settings.borrow().desk.risk.limits.on_kill == OnKill::Flatten;
                // Whoever waits for the thread's end says why.
                let _ = kill_file::watch(path, engine, clock, flatten).await;
            });
        }
        let schedule = Schedule::new(calendar.clone(), config.session);
        let telling = Telling::new(tellers.feed, tellers.session, tellers.token, calendar);
        let edge = Arc::new(Edge {
            dir,
            engine: engine.clone(),
            broker,
            schedule,
            feed: config.feed,
            depth: config.tape.depth,
            settings: settings_seen,
            clock: clock.clone(),
            telling: Arc::new(telling),
            turns: door.turns(),
            batch_sizes: metrics.histogram(HistogramName::TickBatchSize, &[])?,
            whitelist_valid: metrics.gauge(GaugeName::WhitelistValid, &[])?,
        });
        teller.state(EngineState::Running);
        systemd::ready();
        let _tasks = tasks;
        Ok(Self {
            shared,
            time,
            metrics,
            board,
            services,
            engine,
            teller,
            thread,
            follower,
            recon,
            settings,
            edge,
            door,
            _tasks,
        })
    }

    /// Where the services are.
    pub const fn addresses(&self) -> &Addresses {
        self.services.addresses()
    }

    /// The engine's thread.
    pub const fn engine(&self) -> &EngineHandle {
        &self.engine
    }

    /// The end by which settings change while it runs.
    pub fn settings(&self) -> watch::Sender<Arc<Settings>> {
        self.settings.clone()
    }

    /// Keeps the feed going until `stop` says so, then ends: what was taken is durable, the lock is given back. With
    /// shared time it also ends when the simulator's time does; `progress` is told of each of its marks.
    ///
    /// # Errors
    /// [`DaemonError`].
    pub async fn run(
        mut self,
        stop: watch::Receiver<bool>,
        progress: impl FnMut(Ts) + Send,
    ) -> Result<(), DaemonError> {
        let lived = match self.time.clone() {
            Time::Clock(_) => self.by_clock(stop).await,
            Time::Shared(address) => self.by_mark(address, stop, progress).await,
        };
        systemd::stopping();
        self.teller.state(EngineState::Stopping);
        self.door.stop().await;
        // A thread that has ended by itself has its own end to tell, which is the one that counts.
        let _ = self.engine.send(Work::Stop).await;
        let ended = self.thread.ended().await;
        if let Err(failure) = &ended
            && let Some(reason) = failure.fatal_reason()
        {
            self.teller.state(EngineState::Halted { reason: reason.to_owned() });
        }
        let (follower, recon) = (self.follower, self.recon);
        // They end with the writer.
        let join = move || {
            follower.join();
            recon.join();
        };
        let _ = tokio::task::spawn_blocking(join).await;
        ended?;
        lived
    }

    async fn by_clock(&mut self, mut stop: watch::Receiver<bool>) -> Result<(), DaemonError> {
        let restarts = self.metrics.common(Service::ZerodhaWs).map(|common| common.restarts.clone());
        let Some(restarts) = restarts else { return Ok(()) };
        let edge = self.edge.clone();
        let feed: Supervised = supervise("feed", Supervision::default(), restarts, move |life| {
            let edge = edge.clone();
            async move { edge.live(life).await }
        });
        self.board.watch_pulse(Service::ZerodhaWs, feed.pulse().clone());
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => {}
            () = self.thread.until_ended() => return Err(DaemonError::EngineEnded),
        }
        feed.stop().await;
        Ok(())
    }

    async fn by_mark(
        &mut self,
        address: SocketAddr,
        stop: watch::Receiver<bool>,
        mut progress: impl FnMut(Ts) + Send,
    ) -> Result<(), DaemonError> {
        let (shared, teller) = (self.shared.clone(), self.teller.clone());
        let marked = self.edge.live_by_mark(address, stop, |now| {
            shared.store(now.get(), Ordering::Relaxed);
            // A mark is passed with the engine's word alone, and a second of the host is long in this time.
            teller.turned(now);
            progress(now);
        });
        tokio::select! {
            ended = marked => ended,
            () = self.thread.until_ended() => Err(DaemonError::EngineEnded),
        }
    }
}

/// Opens the tape on a thread of its own; meanwhile systemd is asked for patience.
async fn open(dir: &DataDir, pace: Pace) -> Result<Appliance, DaemonError> {
    let dir = dir.clone();
    let mut opening = tokio::task::spawn_blocking(move || Appliance::open(&dir, pace, DAEMON));
    loop {
        tokio::select! {
            opened = &mut opening => return match opened {
                Ok(opened) => Ok(opened?),
                Err(error) => Err(DaemonError::Thread(std::io::Error::other(error))),
            },
            () = tokio::time::sleep(OPENING_EVERY) => systemd::still_opening(OPENING_LONGER),
        }
    }
}
