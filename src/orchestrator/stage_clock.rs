//! Times what the engine's stages take, for the metrics of a daemon: at a clock mark, and whenever the desk works.
//!
//! What it never does: let anything flow back into the engine, or read a clock while nobody wants to know or a tick gives
//! the desk nothing to do. Who calls it: the engine, as its probe.

use std::time::{Duration, Instant};

use barkeep_engine::{Probe, Stage};

/// What one clock mark took, or one input that gave the desk something to do; zero for a stage that did not run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct StageTimes {
    /// Seconds that closed.
    pub seconds: Duration,
    /// Minutes that closed.
    pub minutes: Duration,
    /// Windows of several minutes that closed.
    pub windows: Duration,
    /// Bars into spreads, spreads into signals.
    pub watch: Duration,
    /// Signals and what became of orders, into orders.
    pub executor: Duration,
    /// Orders and losses that were judged.
    pub risk: Duration,
    /// Orders that met the market.
    pub matcher: Duration,
}

/// Told after each clock mark, and whenever the desk has worked.
type Listener = Box<dyn FnMut(StageTimes) + Send>;

/// What is being timed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Span {
    /// A clock mark.
    Mark,
    /// The desk, at another input.
    Desk,
}

/// A stage that runs, and since when.
#[derive(Clone, Copy)]
struct Running {
    span: Span,
    stage: Stage,
    since: Instant,
}

/// The probe of the appliance's engine.
#[derive(Default)]
pub(super) struct StageClock {
    running: Option<Running>,
    times: StageTimes,
    listener: Option<Listener>,
}

impl StageClock {
    /// Has `listener` told from now on.
    pub(super) fn tell(&mut self, listener: impl FnMut(StageTimes) + Send + 'static) {
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
            Stage::PairWatch => self.times.watch += took,
            Stage::Executor => self.times.executor += took,
            Stage::Risk => self.times.risk += took,
            Stage::Orders => {}
            Stage::Matcher => self.times.matcher += took,
        }
    }

    fn begin(&mut self, span: Span, stage: Stage) {
        if self.listener.is_some() {
            self.times = StageTimes::default();
            self.running = Some(Running { span, stage, since: Instant::now() });
        }
    }

    fn end(&mut self) {
        if let Some(running) = self.running.take() {
            self.account(running, Instant::now());
            if let Some(listener) = &mut self.listener {
                listener(self.times);
            }
        }
    }
}

impl Probe for StageClock {
    #[inline]
    fn enter(&mut self, stage: Stage) {
        // Nothing runs while a tick is taken that does not wake the desk.
        if let Some(running) = self.running {
            let now = Instant::now();
            self.account(running, now);
            self.running = Some(Running { stage, since: now, ..running });
        }
    }

    fn begin_mark(&mut self) {
        self.begin(Span::Mark, Stage::SecondBars);
    }

    fn end_mark(&mut self) {
        self.end();
    }

    fn wake(&mut self, stage: Stage) {
        match self.running {
            Some(_) => self.enter(stage),
            None => self.begin(Span::Desk, stage),
        }
    }

    fn rest(&mut self) {
        if self.running.is_some_and(|running| running.span == Span::Desk) {
            self.end();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, channel};

    use super::*;

    fn listening() -> (StageClock, Receiver<StageTimes>) {
        let (tell, told) = channel();
        let mut clock = StageClock::default();
        clock.tell(move |times| tell.send(times).unwrap());
        (clock, told)
    }

    #[test]
    fn a_mark_is_told_stage_by_stage_and_a_tick_is_not() {
        let (mut clock, told) = listening();
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
        let times: Vec<StageTimes> = told.try_iter().collect();
        assert_eq!(times.len(), 1);
        assert!(times[0].minutes >= Duration::from_millis(3) && times[0].windows >= Duration::from_millis(20));
        assert!(times[0].seconds < Duration::from_millis(3), "{times:?}");
    }

    #[test]
    fn a_tick_that_wakes_the_desk_is_told_once_it_rests() {
        let (mut clock, told) = listening();
        clock.enter(Stage::SecondBars);
        clock.wake(Stage::PairWatch);
        std::thread::sleep(Duration::from_millis(3));
        clock.enter(Stage::Risk);
        clock.rest();
        let times: Vec<StageTimes> = told.try_iter().collect();
        assert_eq!(times.len(), 1);
        assert!(times[0].watch >= Duration::from_millis(3) && times[0].executor.is_zero(), "{times:?}");
        assert!(times[0].seconds.is_zero() && clock.running.is_none(), "the tick's own stages are not timed");
    }

    #[test]
    fn a_desk_that_wakes_at_a_mark_is_a_part_of_it() {
        let (mut clock, told) = listening();
        clock.begin_mark();
        clock.wake(Stage::PairWatch);
        std::thread::sleep(Duration::from_millis(3));
        clock.rest();
        assert_eq!(told.try_iter().count(), 0, "the mark goes on");
        clock.end_mark();
        let times: Vec<StageTimes> = told.try_iter().collect();
        assert!(times.len() == 1 && times[0].watch >= Duration::from_millis(3), "{times:?}");
    }

    #[test]
    fn nothing_is_timed_while_nobody_wants_to_know() {
        let mut clock = StageClock::default();
        clock.begin_mark();
        clock.wake(Stage::Matcher);
        assert!(clock.running.is_none());
        clock.rest();
        clock.end_mark();
    }
}
