//! Time by the clock of this host: the daemon as a desk runs it.
//!
//! It waits for whatever comes first: a message of a websocket, an answer, the moment that the desk named, the token file,
//! the word to stop. Messages carry the time of their receipt; the desk never sees time go back.

use std::time::Duration;

use barkeep_schemas::{FeedId, NANOS, Ts};
use barkeep_zerodha::socket::{FromSocket, Stamped};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use super::desk::{Action, Happened};
use super::shift::{Question, Shift, ShiftError, Told};
use super::sockets::whose;
use crate::orchestrator::pairs_paper_entry::Clock;

/// How often the token file is looked at.
const TOKEN_EVERY: Duration = Duration::from_secs(2);

/// The longest that the desk is left alone; the host's clock may be set meanwhile.
const ALONE_MAX: Duration = Duration::from_secs(1);

/// Having been left alone for longer than this, nanoseconds, the process stood still.
const STILL_NS: i64 = 4 * NANOS;

/// How long, after it stood still, what had gathered at the sockets is taken in before anything is judged.
const CATCH_UP: Duration = Duration::from_secs(1);

/// Messages taken in before the engine is handed what came of them.
const BURST: usize = 256;

/// Runs until it is told to stop. What the desk knows at the end is on its way to the engine then.
///
/// # Errors
/// [`ShiftError`].
pub async fn run(
    shift: Shift,
    heard: mpsc::Receiver<Stamped>,
    told: mpsc::Receiver<Told>,
    clock: &Clock,
) -> Result<Shift, ShiftError> {
    let mut driver = ByClock { shift, now: clock.now() };
    let actions = driver.shift.begin(driver.now).await?;
    driver.act(actions).await?;
    driver.live(heard, told, clock).await?;
    let actions = driver.shift.desk.stop(driver.now);
    driver.act(actions).await?;
    Ok(driver.shift)
}

struct ByClock {
    shift: Shift,
    now: Ts,
}

/// What was waited for.
enum Came {
    /// Messages of websockets.
    Messages,
    /// The broker's answer.
    Answer(Told),
    /// The token's file is to be looked at.
    TokenTime,
    /// Other settings.
    Settings,
    /// The moment that the desk named, or a second.
    Due,
}

impl ByClock {
    async fn live(
        &mut self,
        mut heard: mpsc::Receiver<Stamped>,
        mut told: mpsc::Receiver<Told>,
        clock: &Clock,
    ) -> Result<(), ShiftError> {
        let mut stop = self.shift.stop_signal();
        let mut settings = self.shift.settings();
        settings.mark_unchanged();
        let mut token = interval(TOKEN_EVERY);
        token.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut burst = Vec::with_capacity(BURST);
        let mut due = self.due();
        let mut judges_from = Instant::now();
        loop {
            let last = self.now;
            // Every branch only waits; what it brings is dealt with below, undisturbed.
            let came = tokio::select! {
                biased;
                () = Shift::stopped(&mut stop) => return Ok(()),
                count = heard.recv_many(&mut burst, BURST) => {
                    if count == 0 {
                        return Ok(());
                    }
                    Came::Messages
                }
                Some(answer) = told.recv() => Came::Answer(answer),
                _ = token.tick() => Came::TokenTime,
                Ok(()) = settings.changed() => Came::Settings,
                () = sleep_until(due) => Came::Due,
            };
            let alone_ns = clock.now().get().saturating_sub(last.get());
            if alone_ns > STILL_NS {
                tracing::warn!(seconds = alone_ns / NANOS, "barkeep stood still: stopped, starved, or its host asleep");
                judges_from = Instant::now() + CATCH_UP;
                self.pass(clock.now());
                let actions = self.shift.desk.happened(Happened::StoodStill, self.now);
                self.act(actions).await?;
            }
            self.deal_with(came, clock).await?;
            for message in burst.drain(..) {
                self.now = self.now.max(message.at);
                let (feed, dial) = whose(message.id);
                self.hear(feed, dial, &message.event).await?;
            }
            self.pass(clock.now());
            let judges = Instant::now() >= judges_from;
            if judges && (self.now >= self.shift.desk.next_time() || Instant::now() >= due) {
                let actions = self.shift.desk.happened(Happened::Time, self.now);
                self.act(actions).await?;
                self.shift.passed(self.now);
            }
            due = self.due().max(judges_from);
        }
    }

    /// Deals with everything but messages.
    async fn deal_with(&mut self, came: Came, clock: &Clock) -> Result<(), ShiftError> {
        let actions = match came {
            Came::Messages | Came::Due => return Ok(()),
            Came::Answer(answer) => {
                self.pass(clock.now());
                self.shift.told(answer, self.now)
            }
            Came::TokenTime => {
                self.pass(clock.now());
                let Some(token) = self.shift.token() else { return Ok(()) };
                self.shift.desk.happened(Happened::Token(token), self.now)
            }
            Came::Settings => {
                self.pass(clock.now());
                self.shift.take_settings(self.now)
            }
        };
        self.act(actions).await
    }

    /// Time goes on, and never back.
    fn pass(&mut self, clock: Ts) {
        self.now = self.now.max(clock);
    }

    fn due(&self) -> Instant {
        let wait = self.shift.desk.next_time().get().saturating_sub(self.now.get()).max(0);
        Instant::now() + Duration::from_nanos(wait.unsigned_abs()).min(ALONE_MAX)
    }

    async fn hear(&mut self, feed: FeedId, dial: u64, what: &FromSocket) -> Result<(), ShiftError> {
        let actions = self.shift.heard(feed, dial, what, self.now);
        self.act(actions).await
    }

    async fn act(&mut self, actions: Vec<Action>) -> Result<(), ShiftError> {
        for action in actions {
            match action {
                Action::Dial(feed, dial) => {
                    if !self.shift.dial(feed, dial) {
                        // The desk hears of a dial that cannot be made as of one that failed.
                        let more = self.shift.desk.happened(Happened::Lost(feed, dial, "no token"), self.now);
                        debug_assert!(more.iter().all(|action| matches!(action, Action::Inputs(_))), "it waits first");
                        for action in more {
                            self.shift.put(action, self.now).await?;
                        }
                    }
                }
                Action::Send(feed, text) => {
                    // A websocket that takes no text has ended: its loss is on its way.
                    let _ = self.shift.sockets.send(feed, text).await;
                }
                Action::HangUp(feed) => {
                    self.shift.sockets.hang_up(feed);
                }
                Action::Fetch(date) => {
                    self.shift.ask(Question::Instruments(date));
                }
                Action::Doubt => {
                    self.shift.ask(Question::TokenHolds);
                }
                Action::Book => {
                    self.shift.ask(Question::Book);
                }
                Action::Inputs(_) | Action::Open(_) | Action::Close(_) => self.shift.put(action, self.now).await?,
            }
        }
        Ok(())
    }
}
