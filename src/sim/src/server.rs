//! The simulated Kite behind real sockets: HTTP and websockets on one port, and the control socket on another.
//!
//! It holds no rule of Kite's and no rule of the market's: the world does. A thread of its own drives the world, so that
//! its virtual time does not depend on how busy the sockets are. Everything binds to loopback. The command line and
//! tests start it.

mod control;
mod driver;
mod http;
mod pace;
mod socket;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use barkeep_schemas::Ts;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::world::{World, WorldError, WorldPlan};

pub use control::{Ack, Mark, SocketMark, Texts};
pub use pace::{Pace, Stay};

/// What a server is made of.
#[derive(Clone, Debug)]
pub struct ServerPlan {
    /// The world.
    pub world: WorldPlan,
    /// How virtual time passes.
    pub pace: Pace,
    /// When virtual time is worth passing; between two stays it jumps.
    pub stays: Vec<Stay>,
    /// Port of HTTP and websockets; 0 takes a free one.
    pub port: u16,
    /// Port of the control socket, where the pace is shared; 0 takes a free one.
    pub control_port: u16,
    /// Where the ledger of injected faults goes, one line of JSON each.
    pub ledger: Option<PathBuf>,
}

/// Why a server does not start or goes down.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The plan does not hold.
    #[error(transparent)]
    World(#[from] WorldError),
    /// A port cannot be had.
    #[error("port {port} of 127.0.0.1 cannot be bound: choose another, or 0 for any free one")]
    Bind {
        /// The port.
        port: u16,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The ledger cannot be written.
    #[error("the ledger {} cannot be written", path.display())]
    Ledger {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The system gives no thread.
    #[error("no thread for virtual time")]
    Thread(#[source] std::io::Error),
}

/// A server whose ports are bound and whose virtual time passes.
pub struct Server {
    address: SocketAddr,
    control: Option<SocketAddr>,
    listener: TcpListener,
    control_listener: Option<TcpListener>,
    commands: mpsc::Sender<driver::Command>,
    running: driver::Running,
    start: Ts,
}

impl Server {
    /// Makes the world, binds the ports and starts virtual time. Needs a tokio runtime.
    ///
    /// # Errors
    /// [`ServerError`]; nothing is left bound then.
    pub async fn start(plan: ServerPlan) -> Result<Self, ServerError> {
        let start = plan.world.start;
        let world = World::new(WorldPlan { tells_time: plan.pace.is_shared(), ..plan.world })?;
        let listener = bind(plan.port).await?;
        let control_listener = if plan.pace.is_shared() { Some(bind(plan.control_port).await?) } else { None };
        let bound = |listener: &TcpListener| {
            listener.local_addr().map_err(|source| ServerError::Bind { port: plan.port, source })
        };
        let (address, control) = (bound(&listener)?, control_listener.as_ref().map(bound).transpose()?);
        let (commands, inbox) = mpsc::channel(driver::COMMANDS_MAX);
        let running = driver::start(world, plan.pace, plan.stays, plan.ledger, inbox)?;
        Ok(Self { address, control, listener, control_listener, commands, running, start })
    }

    /// Where HTTP and websockets are.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where the control socket is, when the pace is shared.
    pub const fn control(&self) -> Option<SocketAddr> {
        self.control
    }

    /// Where virtual time starts.
    pub const fn start_time(&self) -> Ts {
        self.start
    }

    /// Serves until virtual time cannot go on, or, with a shared pace, until it has ended and its partner has left.
    ///
    /// # Errors
    /// [`ServerError`] of the ledger.
    pub async fn serve(self) -> Result<(), ServerError> {
        let Self { listener, control_listener, commands, running, .. } = self;
        let http = tokio::spawn(http::serve(listener, commands.clone()));
        let control = control_listener.map(|listener| tokio::spawn(control::serve(listener, commands)));
        let result = running.end().await;
        http.abort();
        if let Some(control) = control {
            control.abort();
        }
        result
    }
}

async fn bind(port: u16) -> Result<TcpListener, ServerError> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(|source| ServerError::Bind { port, source })
}
