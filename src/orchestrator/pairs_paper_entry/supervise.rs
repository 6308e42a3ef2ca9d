//! Keeps the tasks at the edges alive: one that panics, fails or stalls is ended and begun anew, after a wait that grows.
//!
//! What it never does: supervise the engine's thread, which owns the tape and ends the process when it cannot go on. A
//! stalled task is ended where it waits; one that blocks its thread cannot be ended from outside, and is not begun a
//! second time beside itself: its service is then not alive, and says so. Who calls it: the daemon, for the feed and
//! whatever else lives on sockets.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use prometheus::IntCounter;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinHandle};
use tokio::time::{Instant, sleep, timeout};

use super::pulse::Pulse;

/// How a task is supervised.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Supervision {
    /// Without a heartbeat for so long it has stalled.
    pub stalled_after: Duration,
    /// The wait after the first end.
    pub backoff_first: Duration,
    /// The longest wait; it doubles from end to end.
    pub backoff_max: Duration,
    /// Having lived so long, it is believed well: the next wait is the first again.
    pub well_after: Duration,
}

impl Default for Supervision {
    fn default() -> Self {
        Self {
            stalled_after: Duration::from_secs(30),
            backoff_first: Duration::from_millis(250),
            backoff_max: Duration::from_secs(30),
            well_after: Duration::from_secs(60),
        }
    }
}

/// How long a task that is to end may take.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// What a supervised task is given.
#[derive(Clone)]
pub struct Life {
    pulse: Pulse,
    stop: watch::Receiver<bool>,
}

impl Life {
    /// The task made progress, or has nothing to do. A task that waits for something that may never come beats beside it.
    pub fn beat(&self) {
        self.pulse.beat();
    }

    /// True when the task is to end.
    pub fn stop_signal(&self) -> watch::Receiver<bool> {
        self.stop.clone()
    }

    /// Resolves when the task is to end.
    pub async fn stopping(&mut self) {
        // A supervisor that is gone wants no task.
        let _ = self.stop.wait_for(|stop| *stop).await;
    }
}

/// A supervised task. Dropping it ends the task where it waits.
pub struct Supervised {
    pulse: Pulse,
    stop: watch::Sender<bool>,
    supervisor: JoinHandle<()>,
}

impl Supervised {
    /// The task's heartbeat.
    pub const fn pulse(&self) -> &Pulse {
        &self.pulse
    }

    /// Tells the task to end, and waits until it has; after a few seconds it is ended where it waits.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        // It ends by itself, or was ended: either is what was asked for.
        let _ = timeout(LAST_WORDS + LAST_WORDS, &mut self.supervisor).await;
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        self.supervisor.abort();
    }
}

/// How a life of the task ended.
#[derive(PartialEq, Eq, Debug)]
enum Ended {
    /// It had nothing more to do, or was told to stop.
    Done,
    /// It gave up, panicked or stalled, and may be begun anew.
    Failed(String),
    /// It blocks its thread.
    Stuck,
}

/// Begins a task, and begins it anew whenever it ends otherwise than with `Ok`. `restarts` counts that.
pub fn supervise<F, E>(
    name: &'static str,
    supervision: Supervision,
    restarts: IntCounter,
    mut begin: impl FnMut(Life) -> F + Send + 'static,
) -> Supervised
where
    F: Future<Output = Result<(), E>> + Send + 'static,
    E: std::fmt::Display + Send + 'static,
{
    let (stop, stopping) = watch::channel(false);
    let pulse = Pulse::default();
    let life = Life { pulse: pulse.clone(), stop: stopping };
    let supervisor = tokio::spawn(async move {
        let mut wait = supervision.backoff_first;
        loop {
            let born = Instant::now();
            life.beat();
            let ended = live(name, supervision.stalled_after, &life, &mut begin).await;
            let why = match ended {
                Ended::Done => return,
                Ended::Failed(_) | Ended::Stuck if *life.stop.borrow() => return,
                Ended::Stuck => return tracing::error!(task = name, "a stalled task cannot be ended: restart barkeep"),
                Ended::Failed(why) => why,
            };
            if born.elapsed() >= supervision.well_after {
                wait = supervision.backoff_first;
            }
            restarts.inc();
            tracing::error!(task = name, %why, wait_ms = wait.as_millis() as u64, "a task ended and is begun anew");
            if rest(wait, &life).await {
                return;
            }
            wait = (wait * 2).min(supervision.backoff_max);
        }
    });
    Supervised { pulse, stop, supervisor }
}

/// Waits, with a heartbeat: a task that is about to be begun anew is not dead. Whether it is to stop instead.
async fn rest(wait: Duration, life: &Life) -> bool {
    let mut stopping = life.clone();
    let until = Instant::now() + wait;
    loop {
        life.beat();
        let left = until.saturating_duration_since(Instant::now());
        tokio::select! {
            () = stopping.stopping() => return true,
            () = sleep(left.min(Duration::from_secs(1))) => if left <= Duration::from_secs(1) { return false },
        }
    }
}

/// One life of the task, to its end or until it stalls.
async fn live<F, E>(
    name: &'static str,
    stalled_after: Duration,
    life: &Life,
    begin: &mut (impl FnMut(Life) -> F + Send),
) -> Ended
where
    F: Future<Output = Result<(), E>> + Send + 'static,
    E: std::fmt::Display + Send + 'static,
{
    // What is made anew each time is no state that a panic could leave half done.
    let made = std::panic::catch_unwind(AssertUnwindSafe(|| begin(life.clone())));
    let Ok(future) = made else { return Ended::Failed("it panicked before it began".to_owned()) };
    let mut task = Ending(tokio::spawn(future));
    let mut stopping = life.clone();
    loop {
        let left = stalled_after.saturating_sub(life.pulse.age());
        tokio::select! {
            ended = &mut task.0 => return of(ended),
            () = stopping.stopping() => return end(&mut task.0, LAST_WORDS).await.unwrap_or(Ended::Done),
            () = sleep(left.max(Duration::from_millis(1))) => {}
        }
        let age = life.pulse.age();
        if age >= stalled_after {
            tracing::warn!(task = name, "no heartbeat for {} s: the task is ended", age.as_secs());
            task.0.abort();
            let ended = end(&mut task.0, Duration::ZERO).await;
            return ended.map_or(Ended::Stuck, |_| Ended::Failed(format!("no heartbeat for {} s", age.as_secs())));
        }
    }
}

/// A task that is ended with whoever waits for it.
struct Ending<T>(JoinHandle<T>);

impl<T> Drop for Ending<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Gives a task so long to end by itself and as long again when it is ended; `None` when it blocks its thread.
async fn end<E: std::fmt::Display>(task: &mut JoinHandle<Result<(), E>>, patience: Duration) -> Option<Ended> {
    if let Ok(ended) = timeout(patience, &mut *task).await {
        return Some(of(ended));
    }
    task.abort();
    timeout(LAST_WORDS, task).await.ok().map(of)
}

fn of<E: std::fmt::Display>(ended: Result<Result<(), E>, JoinError>) -> Ended {
    match ended {
        Ok(Ok(())) => Ended::Done,
        Ok(Err(error)) => Ended::Failed(error.to_string()),
        Err(join) if join.is_panic() => Ended::Failed(panic_text(join.into_panic().as_ref())),
        Err(_) => Ended::Failed("it was ended".to_owned()),
    }
}

/// What a panic said.
pub(super) fn panic_text(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
    format!("it panicked: {}", text.unwrap_or_else(|| "without a word".to_owned()))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    const QUICK: Supervision = Supervision {
        stalled_after: Duration::from_secs(1),
        backoff_first: Duration::from_millis(20),
        backoff_max: Duration::from_millis(80),
        well_after: Duration::from_secs(60),
    };

    fn restarts() -> IntCounter {
        IntCounter::new("restarts", "restarts").unwrap()
    }

    async fn until(what: &str, mut holds: impl FnMut() -> bool) {
        for _ in 0..1_000 {
            if holds() {
                return;
            }
            sleep(Duration::from_millis(10)).await;
        }
        panic!("{what} did not come about");
    }

    async fn beat_for_ever(mut life: Life) -> Result<(), String> {
        loop {
            life.beat();
            tokio::select! {
                () = life.stopping() => return Ok(()),
                () = sleep(Duration::from_millis(20)) => {}
            }
        }
    }

    #[tokio::test]
    async fn a_task_that_panics_or_fails_is_begun_anew_until_it_lives() {
        let (counter, lives) = (restarts(), Arc::new(AtomicU32::new(0)));
        let counted = lives.clone();
        let supervised = supervise("test", QUICK, counter.clone(), move |life| {
            let life_number = counted.fetch_add(1, Ordering::SeqCst);
            async move {
                match life_number {
                    0 => panic!("the first life"),
                    1 => Err("the second life".to_owned()),
                    _ => beat_for_ever(life).await,
                }
            }
        });
        until("a third life", || lives.load(Ordering::SeqCst) == 3).await;
        sleep(QUICK.stalled_after * 2).await;
        assert_eq!((lives.load(Ordering::SeqCst), counter.get()), (3, 2), "a task that beats is left alone");
        assert!(supervised.pulse().age() < QUICK.stalled_after);
        supervised.stop().await;
        assert_eq!(lives.load(Ordering::SeqCst), 3);
    }

    #[tokio::test]
    async fn a_task_that_hangs_is_ended_and_begun_anew() {
        let (counter, lives) = (restarts(), Arc::new(AtomicU32::new(0)));
        let counted = lives.clone();
        let supervised = supervise("test", QUICK, counter.clone(), move |life| {
            let life_number = counted.fetch_add(1, Ordering::SeqCst);
            async move { if life_number == 0 { std::future::pending().await } else { beat_for_ever(life).await } }
        });
        until("a second life", || lives.load(Ordering::SeqCst) == 2).await;
        assert_eq!(counter.get(), 1);
        supervised.stop().await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 3)]
    async fn a_task_that_blocks_its_thread_is_not_begun_beside_itself() {
        let (counter, lives) = (restarts(), Arc::new(AtomicU32::new(0)));
        let counted = lives.clone();
        let supervised = supervise("test", QUICK, counter.clone(), move |_| {
            counted.fetch_add(1, Ordering::SeqCst);
            async move {
                std::thread::sleep(Duration::from_secs(8));
                Ok::<(), String>(())
            }
        });
        sleep(Duration::from_millis(7_000)).await;
        assert_eq!((lives.load(Ordering::SeqCst), counter.get()), (1, 0));
        assert!(supervised.pulse().age() > QUICK.stalled_after, "its service is not alive");
    }

    #[tokio::test]
    async fn waits_double_up_to_the_longest() {
        let counter = restarts();
        let started = Instant::now();
        let _supervised = supervise("test", QUICK, counter.clone(), |_| async { Err("never".to_owned()) });
        until("six lives", || counter.get() == 6).await;
        // 20, 40, 80, 80, 80 ms between them.
        assert!(started.elapsed() >= Duration::from_millis(300), "{:?}", started.elapsed());
    }

    #[tokio::test]
    async fn a_task_that_has_done_its_work_is_not_begun_anew() {
        let (counter, lives) = (restarts(), Arc::new(AtomicU32::new(0)));
        let counted = lives.clone();
        let _supervised = supervise("test", QUICK, counter.clone(), move |_| {
            counted.fetch_add(1, Ordering::SeqCst);
            async { Ok::<(), String>(()) }
        });
        sleep(QUICK.stalled_after * 2).await;
        assert_eq!((lives.load(Ordering::SeqCst), counter.get()), (1, 0));
    }
}
