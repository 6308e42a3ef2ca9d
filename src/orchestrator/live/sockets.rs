//! The websockets of the feed: one task a connection, their messages in one queue, in the order of receipt.
//!
//! It holds no rule: the desk says when to dial, what to send and when to hang up. The queue is bounded; when it is full
//! the sockets wait, and nothing is dropped. Both drivers call it.

use barkeep_schemas::FeedId;
use barkeep_zerodha::socket::{self, SocketPlan, Stamped, ToSocket};
use secrecy::SecretString;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::orchestrator::pairs_paper_entry::Clock;

/// Texts that wait for a socket at most; a desk that has more to say waits.
const TEXTS_MAX: usize = 64;

/// Bits of a socket's number that hold its feed.
const FEED_BITS: u32 = 8;

/// The feed and the dial that a socket's number stands for.
pub fn whose(id: u64) -> (FeedId, u64) {
    (FeedId((id & ((1 << FEED_BITS) - 1)) as u8), id >> FEED_BITS)
}

/// A websocket that was dialled.
struct Dialled {
    dial: u64,
    to: mpsc::Sender<ToSocket>,
    task: JoinHandle<()>,
}

/// The websockets.
pub struct Sockets {
    clock: Clock,
    heard: mpsc::Sender<Stamped>,
    dialled: Vec<Option<Dialled>>,
}

impl Sockets {
    /// No websocket yet, and the queue of what they will bring, `room` messages at most. `clock` stamps what comes.
    pub fn new(clock: Clock, room: usize) -> (Self, mpsc::Receiver<Stamped>) {
        let (heard, inbox) = mpsc::channel(room.max(1));
        (Self { clock, heard, dialled: Vec::new() }, inbox)
    }

    /// How many messages wait, for whoever wants to know later.
    pub fn depth(&self) -> impl Fn() -> u64 + Send + Sync + 'static {
        let heard = self.heard.downgrade();
        move || heard.upgrade().map_or(0, |heard| (heard.max_capacity() - heard.capacity()) as u64)
    }

    /// Opens a websocket; an older one of the feed is closed.
    pub fn dial(&mut self, feed: FeedId, dial: u64, url: SecretString) {
        self.hang_up(feed);
        let (to, inbox) = mpsc::channel(TEXTS_MAX);
        let clock = self.clock.clone();
        let plan = SocketPlan::new((dial << FEED_BITS) | u64::from(feed.0), url);
        let task = tokio::spawn(socket::run(plan, move || clock.now(), inbox, self.heard.clone()));
        let at = usize::from(feed.0);
        if self.dialled.len() <= at {
            self.dialled.resize_with(at + 1, || None);
        }
        if let Some(slot) = self.dialled.get_mut(at) {
            *slot = Some(Dialled { dial, to, task });
        }
    }

    /// Sends a text; `false` when there is no websocket that takes it: the loss of it is on its way then.
    pub async fn send(&mut self, feed: FeedId, text: String) -> bool {
        let Some(Some(dialled)) = self.dialled.get(usize::from(feed.0)) else { return false };
        dialled.to.send(ToSocket::Text(text)).await.is_ok()
    }

    /// Closes a feed's websocket. Nothing more comes of it that the desk listens to.
    pub fn hang_up(&mut self, feed: FeedId) -> Option<u64> {
        let dialled = self.dialled.get_mut(usize::from(feed.0))?.take()?;
        // A socket that takes no word more is ended instead.
        if dialled.to.try_send(ToSocket::Close).is_err() {
            dialled.task.abort();
        }
        Some(dialled.dial)
    }
}

impl Drop for Sockets {
    fn drop(&mut self) {
        for dialled in self.dialled.iter().flatten() {
            dialled.task.abort();
        }
    }
}
