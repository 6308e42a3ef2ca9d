//! Times what a clock mark closes, stage by stage, for the metrics of a daemon.
//!
//! What it never does: let anything flow back into the engine, or read a clock while nobody wants to know or a tick is
//! taken. Who calls it: the engine, as its probe.

use std::time::{Duration, Instant};

use barkeep_engine::{Probe, Stage};

/// What one clock mark took.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct FlushTimes {
    /// Seconds that closed.
    pub seconds: Duration,
    /// Minutes that closed.
    pub minutes: Duration,
    /// Windows of several minutes that closed.
    pub windows: Duration,
}

/// Told after each clock mark.
type Listener = Box<dyn FnMut(FlushTimes) + Send>;

/// A stage that runs, and since when.
#[derive(Clone, Copy)]
struct Running {
    stage: Stage,
    since: Instant,
}

/// The probe of the appliance's engine.
#[derive(Default)]
pub(super) struct StageClock {
    running: Option<Running>,
    times: FlushTimes,
    listener: Option<Listener>,
}

impl StageClock {
    /// Has `listener` told from the next clock mark on.
    pub(super) fn tell(&mut self, listener: impl FnMut(FlushTimes) + Send + 'static) {
        self.listener = Some(Box::new(listener));
    }

    /// The stage that ran has ended.
    fn account(&mut self, running: Running, now: Instant) {
        let took = now.duration_since(running.since);
        match running.stage {
            // Of a mark: finding the instruments that it concerns, which the seconds bear.
            Stage::SecondBars | Stage::MinuteBars => self.times.seconds += took,
            Stage::MultiBars => self.times.minutes += took,
            Stage::Windows => self.times.windows += took,
            Stage::PairWatch | Stage::Executor | Stage::Risk | Stage::Orders | Stage::Matcher => {}
        }
    }
}

impl Probe for StageClock {
    #[inline]
    fn enter(&mut self, stage: Stage) {
        // Nothing runs while a tick is taken.
        if let Some(running) = self.running {
            let now = Instant::now();
            self.account(running, now);
            self.running = Some(Running { stage, since: now });
        }
    }

    fn begin_mark(&mut self) {
        if self.listener.is_some() {
            self.times = FlushTimes::default();
            self.running = Some(Running { stage: Stage::SecondBars, since: Instant::now() });
        }
    }

    fn end_mark(&mut self) {
        if let Some(running) = self.running.take() {
            self.account(running, Instant::now());
            if let Some(listener) = &mut self.listener {
                listener(self.times);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn a_mark_is_told_stage_by_stage_and_a_tick_is_not() {
        let (tell, told) = channel();
        let mut clock = StageClock::default();
        clock.tell(move |times| tell.send(times).unwrap());
        clock.enter(Stage::SecondBars);
        clock.enter(Stage::MinuteBars);
        assert!(clock.running.is_none(), "a tick is not timed");
        clock.begin_mark();
        clock.enter(Stage::MinuteBars);
        clock.enter(Stage::MultiBars);
        std::thread::sleep(Duration::from_millis(3));
        clock.enter(Stage::Windows);
        std::thread::sleep(Duration::from_millis(20));
        clock.end_mark();
        let times: Vec<FlushTimes> = told.try_iter().collect();
        assert_eq!(times.len(), 1);
        assert!(times[0].minutes >= Duration::from_millis(3) && times[0].windows >= Duration::from_millis(20));
        assert!(times[0].seconds < Duration::from_millis(3), "{times:?}");
    }

    #[test]
    fn nothing_is_timed_while_nobody_wants_to_know() {
        let mut clock = StageClock::default();
        clock.begin_mark();
        assert!(clock.running.is_none());
        clock.end_mark();
    }
}
