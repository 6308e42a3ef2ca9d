//! Marks of the engine's stages for latency metrics. Nothing flows back from a probe.

/// A stage of the engine, in the order in which they run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// Ticks into 1-second bars.
    SecondBars,
    /// 1-second bars close, into minutes.
    MinuteBars,
    /// Minutes close, into 3, 5, 15, 30 and 60 minutes.
    MultiBars,
    /// Windows of 3, 5, 15, 30 and 60 minutes close.
    Windows,
    /// Bars into spreads, spreads into signals.
    PairWatch,
    /// Signals into orders, and what became of orders into a pair's next steps.
    Executor,
    /// Orders are judged, and losses.
    Risk,
    /// Approved orders are sent, and the desk at a clock mark that gives its other stages nothing to do.
    Orders,
    /// Orders meet a snapshot.
    Matcher,
}

/// Told when a stage is about to run. The daemon's probe reads a clock; replay's does nothing.
pub trait Probe {
    /// `stage` is about to run.
    fn enter(&mut self, stage: Stage);

    /// A clock mark is about to be taken: the stages that follow close what it ends.
    fn begin_mark(&mut self) {}

    /// The clock mark has been taken.
    fn end_mark(&mut self) {}

    /// The desk has something to do, and begins with `stage`: at a clock mark, or outside of one until [`Probe::rest`]. A
    /// tick that gives it nothing to do does not wake it.
    fn wake(&mut self, stage: Stage) {
        self.enter(stage);
    }

    /// The desk has done what it was woken for.
    fn rest(&mut self) {}
}

/// The probe of replay: it does nothing and costs nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoProbe;

impl Probe for NoProbe {
    fn enter(&mut self, _stage: Stage) {}
}
