//! What is told of runs, and which bars ours has to clear.
use crate::scenario::{Event, QUOTA, Run, Scenario};

/// One figure of a run, and its bar where there is one.
#[derive(Debug, Clone, Copy)]
pub struct Figure {
    pub name: &'static str,
    pub value: f64,
    pub digits: usize,
    pub bar: Bar,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bar {
    None,
    AtMost(f64),
    AtLeast(f64),
}

impl Bar {
    pub fn holds(self, value: f64) -> bool {
        match self {
            Self::None => true,
            Self::AtMost(most) => value <= most,
            Self::AtLeast(least) => value >= least,
        }
    }
}

const fn figure(name: &'static str, value: f64, digits: usize, bar: Bar) -> Figure {
    Figure {
        name,
        value,
        digits,
        bar,
    }
}

impl Scenario {
    /// The figures of one run.
    pub fn figures(&self, run: &Run) -> Vec<Figure> {
        let failed = run.told.iter().map(|told| told.failed as f64).sum();
        let longest = run.told.iter().map(|told| told.longest).fold(0.0, f64::max);
        let throttled = run.throttled.len() as f64;
        match self.event {
            Event::Nothing if self.processes > 1 => self.shared(run, failed, longest),
            Event::Nothing => self.calls(run, failed, longest, throttled),
            Event::Moves => moved(run, failed, longest, throttled),
            Event::Outage => recovered(run, longest, throttled),
        }
    }

    fn calls(&self, run: &Run, failed: f64, longest: f64, throttled: f64) -> Vec<Figure> {
        let took = run.told.iter().map(|told| told.took).fold(0.0, f64::max);
        let crowd = self.load.callers as f64;
        // 32 callers at 100 a second owe each other a third of a second and are given a second.
        let wait = crowd / QUOTA as f64 + 0.68;
        // The first burst of 32 is refused 22 times and 35 are allowed: 13 more than the burst.
        let refused = crowd - 10.0 + 13.0;
        vec![
            figure("seconds", took, 1, Bar::None),
            figure("times ideal", took / run.ideal, 3, Bar::AtMost(1.05)),
            figure("failed", failed, 0, Bar::AtMost(0.0)),
            figure("throttled", throttled, 0, Bar::AtMost(refused)),
            figure("longest wait, s", longest, 2, Bar::AtMost(wait)),
        ]
    }

    fn shared(&self, run: &Run, failed: f64, longest: f64) -> Vec<Figure> {
        let (sum, squares) = run.told.iter().fold((0.0, 0.0), |(sum, squares), told| {
            let done = told.done as f64;
            (sum + done, squares + done * done)
        });
        let fairness = sum * sum / (run.told.len() as f64 * squares);
        let end = self.load.time.as_secs_f64();
        let used = between(&run.served, 0.0, end) / (QUOTA as f64 * end);
        vec![
            figure("Jain's index", fairness, 3, Bar::AtLeast(0.95)),
            figure("quota used", used, 2, Bar::AtLeast(0.95)),
            figure("failed", failed, 0, Bar::AtMost(0.0)),
            figure(
                "throttled for each served",
                run.throttled.len() as f64 / sum,
                2,
                Bar::None,
            ),
            figure("longest wait, s", longest, 2, Bar::None),
        ]
    }
}

fn moved(run: &Run, failed: f64, longest: f64, throttled: f64) -> Vec<Figure> {
    let quota = QUOTA as f64;
    let used = between(&run.served, 10.0, 20.0) / (0.5 * quota * 10.0);
    vec![
        figure("of half the quota used", used, 2, Bar::AtLeast(0.95)),
        figure(
            "s to 90% once doubled",
            reached(&run.served, 20.0, 40.0),
            1,
            Bar::AtMost(10.0),
        ),
        figure("failed", failed, 0, Bar::AtMost(0.0)),
        figure("throttled", throttled, 0, Bar::None),
        figure("longest wait, s", longest, 2, Bar::AtMost(1.0)),
    ]
}

fn recovered(run: &Run, longest: f64, throttled: f64) -> Vec<Figure> {
    let quota = QUOTA as f64;
    vec![
        figure(
            "s to 90% of the quota",
            reached(&run.served, 40.0, 55.0),
            1,
            Bar::AtMost(5.0),
        ),
        figure(
            "peak attempts a second / quota",
            peak(run, 40.0, 55.0) / quota,
            2,
            Bar::AtMost(1.5),
        ),
        figure(
            "calls sent into the outage",
            run.faulted.len() as f64,
            0,
            Bar::None,
        ),
        figure("throttled", throttled, 0, Bar::None),
        figure("longest wait, s", longest, 2, Bar::None),
    ]
}

fn between(times: &[f64], from: f64, to: f64) -> f64 {
    times.iter().filter(|at| (from..to).contains(*at)).count() as f64
}

/// Seconds from `start` until a second in which 90 percent of the quota were served has passed.
fn reached(served: &[f64], start: f64, end: f64) -> f64 {
    let enough = 0.9 * QUOTA as f64;
    let mut from = start;
    while from + 1.0 <= end {
        if between(served, from, from + 1.0) >= enough {
            return from + 1.0 - start;
        }
        from += 0.1;
    }
    f64::INFINITY
}

/// The most calls in any second.
fn peak(run: &Run, start: f64, end: f64) -> f64 {
    let mut from = start;
    let mut most = 0.0_f64;
    while from + 1.0 <= end {
        let to = from + 1.0;
        most = most.max(between(&run.served, from, to) + between(&run.throttled, from, to));
        from += 0.05;
    }
    most
}
