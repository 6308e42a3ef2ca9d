//! The daemon's side of the door: the socket, who may use it, and a task for each client.
//!
//! What it never does: serve another user than its own and root, or more clients than there is room for. Who calls it: the
//! daemon starts it once it holds the lock, and stops it before it gives the lock back.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use barkeep_storage::DataDir;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};

use super::address::Bound;
use super::connection::{self, Common, Peer, stopped};
use super::message::{Reply, Why, line};
use super::turns::Turns;
use crate::orchestrator::engine_thread::EngineHandle;

/// Clients at a time.
const CLIENTS: usize = 32;

/// How long clients may take to hear that the daemon stops.
const FAREWELL: Duration = Duration::from_secs(2);

/// The pause after the system had no descriptor for a client.
const PAUSE: Duration = Duration::from_millis(100);

/// Why the door could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("{socket} cannot be made: check the data directory and its permissions", socket = socket.display())]
pub struct DoorServerError {
    /// The socket.
    pub socket: PathBuf,
    /// What the system said.
    #[source]
    pub source: io::Error,
}

/// The open door of a daemon. Dropping it closes it; [`DoorServer::stop`] also lets requests under way end.
pub struct DoorServer {
    turns: Turns,
    stop: watch::Sender<bool>,
    /// The socket lives as long as the task.
    task: JoinHandle<()>,
}

impl DoorServer {
    /// Opens the door: makes the socket in the data directory and serves it. The caller holds the directory's lock, through
    /// the engine's appliance, and is in a runtime with its drivers for time and sockets.
    ///
    /// # Errors
    /// [`DoorServerError`]
    pub fn start(dir: &DataDir, engine: EngineHandle) -> Result<Self, DoorServerError> {
        let socket = dir.socket();
        let failed = |source| DoorServerError { socket: socket.clone(), source };
        let (listener, bound) = Bound::bind(&socket).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let listener = UnixListener::from_std(listener).map_err(failed)?;
        let (turns, stop) = (Turns::default(), watch::Sender::new(false));
        let common = Common { engine, turns: turns.clone(), stop: stop.subscribe() };
        tracing::info!(socket = %socket.display(), "the door is open");
        Ok(Self { turns, stop, task: tokio::spawn(accept(listener, bound, common)) })
    }

    /// The turn to add, for whatever begins a segment.
    pub fn turns(&self) -> Turns {
        self.turns.clone()
    }

    /// Closes the door: takes the socket away, lets requests under way end and tells clients.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        // It ends by itself; it has no outcome but a panic, which the log has.
        let _ = (&mut self.task).await;
    }
}

impl Drop for DoorServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: UnixListener, bound: Bound, common: Common) {
    let (mut clients, room) = (JoinSet::new(), Arc::new(Semaphore::new(CLIENTS)));
    let mut stop = common.stop.clone();
    loop {
        let stream = tokio::select! {
            biased;
            () = stopped(&mut stop) => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "a client of the door could not be taken");
                    sleep(PAUSE).await;
                    continue;
                }
            },
        };
        while clients.try_join_next().is_some() {}
        let peer = match stream.peer_cred() {
            Ok(peer) => Peer { uid: peer.uid(), pid: peer.pid() },
            Err(error) => {
                tracing::warn!(%error, "a client of the door cannot be told from others: turned away");
                continue;
            }
        };
        if !is_welcome(peer.uid, rustix::process::geteuid().as_raw()) {
            tracing::warn!(uid = peer.uid, pid = peer.pid, "another user is at the door: turned away");
            continue;
        }
        match room.clone().try_acquire_owned() {
            Ok(place) => {
                let common = common.clone();
                clients.spawn(async move {
                    connection::serve(stream, peer, common).await;
                    drop(place);
                });
            }
            Err(_) => turn_away(stream).await,
        }
    }
    drop((listener, bound));
    let all = async { while clients.join_next().await.is_some() {} };
    // Those who do not hear it are cut off.
    let _ = timeout(FAREWELL, all).await;
}

/// Whether a user may add to the tape: the daemon's own and root.
const fn is_welcome(uid: u32, own: u32) -> bool {
    uid == own || uid == 0
}

/// Tells a client that there is no room; it is not waited for.
async fn turn_away(mut stream: UnixStream) {
    let reply = Reply::refused(Why::Busy, format!("{CLIENTS} clients are at the door: give the command again later"));
    let _ = timeout(PAUSE, stream.write_all(&line(&reply))).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_daemons_own_user_and_root_are_welcome_and_nobody_else() {
        assert!(is_welcome(1_000, 1_000) && is_welcome(0, 1_000) && is_welcome(0, 0));
        assert!(!is_welcome(1_000, 0) && !is_welcome(1_001, 1_000) && !is_welcome(u32::MAX, 1_000));
    }
}
