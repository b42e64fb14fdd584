//! The published experiment on jitter: clients that contend for one row with optimistic concurrency.
//!
//! Each client reads the row's version and then writes, which succeeds if nobody else has written meanwhile; otherwise it
//! waits and starts again. Every message takes a normally distributed time. Source: "Exponential Backoff And Jitter", AWS
//! Architecture Blog, and its published simulator.
use std::{cmp::Reverse, collections::BinaryHeap, time::Duration};

use datakey_retry::{Backoff, Delays};
use rand::{Rng as _, SeedableRng as _, rngs::Xoshiro256PlusPlus};

/// The base of the experiment's backoff.
pub const BASE: Duration = Duration::from_millis(5);
/// Its cap.
pub const CAP: Duration = Duration::from_secs(2);

/// What all clients together needed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Work {
    /// Writes tried.
    pub calls: f64,
    /// Until the last client was done.
    pub seconds: f64,
}

/// A way to wait, with the published figures.
#[derive(Debug, Clone, Copy)]
pub struct Strategy {
    /// What it is called.
    pub name: &'static str,
    /// How it waits; `None` retries at once.
    pub backoff: Option<Backoff>,
    /// The mean of many runs of the published model.
    pub published: Work,
}

/// The experiment on one network.
#[derive(Debug, Clone, Copy)]
pub struct Bench {
    /// The standard deviation of the time that a message takes, in milliseconds; the mean is 10.
    pub spread: f64,
    /// All that were compared.
    pub strategies: &'static [Strategy],
}

/// The published simulator as it is, and with the wider spread of the figures that are quoted from it. Clients that do not
/// draw their waits at random are put out of step by the network alone, so that the spread is what decides their figures.
pub const BENCHES: [Bench; 2] = [
    Bench {
        spread: 2.0,
        strategies: &[
            strategy("no backoff", None, 2422.0, 2.03),
            strategy(
                "without jitter",
                Some(Backoff::without_jitter().with_base(BASE).with_cap(CAP)),
                1865.0,
                63.9,
            ),
            strategy(
                "equal",
                Some(Backoff::equal().with_base(BASE).with_cap(CAP)),
                812.0,
                6.74,
            ),
            strategy(
                "full",
                Some(Backoff::full().with_base(BASE).with_cap(CAP)),
                795.0,
                4.84,
            ),
            strategy(
                "decorrelated",
                Some(Backoff::decorrelated().with_base(BASE).with_cap(CAP)),
                1000.0,
                4.61,
            ),
        ],
    },
    Bench {
        spread: 2.8,
        strategies: &[
            strategy("no backoff", None, 2188.0, 1.9),
            strategy(
                "without jitter",
                Some(Backoff::without_jitter().with_base(BASE).with_cap(CAP)),
                1465.0,
                46.8,
            ),
            strategy(
                "equal",
                Some(Backoff::equal().with_base(BASE).with_cap(CAP)),
                789.0,
                6.3,
            ),
            strategy(
                "full",
                Some(Backoff::full().with_base(BASE).with_cap(CAP)),
                783.0,
                4.8,
            ),
            strategy(
                "decorrelated",
                Some(Backoff::decorrelated().with_base(BASE).with_cap(CAP)),
                974.0,
                4.4,
            ),
        ],
    },
];

const fn strategy(name: &'static str, backoff: Option<Backoff>, calls: f64, seconds: f64) -> Strategy {
    Strategy {
        name,
        backoff,
        published: Work { calls, seconds },
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Message {
    Read,
    Version(u64),
    Write(u64),
    Refused,
}

/// One run with so many clients.
#[must_use]
pub fn contend(bench: &Bench, backoff: Option<Backoff>, clients: usize, seed: u64) -> Work {
    let delay = |random: &mut Xoshiro256PlusPlus| delay(random, bench.spread);
    let mut network = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut waits: Vec<Option<Delays<Xoshiro256PlusPlus>>> = (0..clients)
        .map(|client| {
            let random = Xoshiro256PlusPlus::seed_from_u64(seed * 1_000_003 + client as u64);
            // The model counts steps from one: the first wait is that of the second step.
            backoff.map(|backoff| {
                let mut delays = backoff.delays(random);
                if backoff != Backoff::decorrelated().with_base(BASE).with_cap(CAP) {
                    let _skipped = delays.next();
                }
                delays
            })
        })
        .collect();
    let mut messages: BinaryHeap<Reverse<(u64, usize, Message)>> = (0..clients)
        .map(|client| Reverse((delay(&mut network), client, Message::Read)))
        .collect();
    let (mut version, mut work) = (0, Work::default());
    while let Some(Reverse((now, client, message))) = messages.pop() {
        let (answer, wait) = match message {
            Message::Read => (Message::Version(version), 0),
            Message::Version(version) => (Message::Write(version), 0),
            Message::Write(seen) => {
                work.calls += 1.0;
                if seen == version {
                    version += 1;
                    work.seconds = (now + delay(&mut network)) as f64 / 1e9;
                    continue;
                }
                (Message::Refused, 0)
            }
            Message::Refused => {
                let wait = waits[client].as_mut().and_then(Iterator::next);
                (Message::Read, wait.map_or(0, |wait| wait.as_nanos() as u64))
            }
        };
        messages.push(Reverse((now + wait + delay(&mut network), client, answer)));
    }
    work
}

/// The mean over 40 runs of 100 clients.
#[must_use]
pub fn mean(bench: &Bench, backoff: Option<Backoff>) -> Work {
    let runs: Vec<Work> = (0..40).map(|seed| contend(bench, backoff, 100, seed)).collect();
    Work {
        calls: runs.iter().map(|run| run.calls).sum::<f64>() / 40.0,
        seconds: runs.iter().map(|run| run.seconds).sum::<f64>() / 40.0,
    }
}

/// The time that a message takes, in nanoseconds: 10 ms, give or take the spread.
fn delay(random: &mut Xoshiro256PlusPlus, spread: f64) -> u64 {
    let mut uniform = || (random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
    let (radius, angle) = (
        (-2.0 * (1.0 - uniform()).ln()).sqrt(),
        uniform() * std::f64::consts::TAU,
    );
    ((10.0 + spread * radius * angle.cos()).abs() * 1e6) as u64
}

/// The figures of each strategy on each network, ours beside the published ones, as a chart in SVG.
#[must_use]
pub fn chart(figures: &[(f64, Strategy, Work)]) -> String {
    const BAR: f64 = 330.0;
    let most = |of: fn(&Work) -> f64| {
        let all = figures
            .iter()
            .flat_map(|(_, strategy, work)| [of(&strategy.published), of(work)]);
        all.fold(1.0, f64::max)
    };
    let (calls, seconds) = (most(|work| work.calls), most(|work| work.seconds));
    let height = 44 + 44 * figures.len();
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"1040\" height=\"{height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"1040\" height=\"{height}\" fill=\"white\"/>\n\
         <text x=\"190\" y=\"20\">calls (dark: ours, light: published model)</text>\n<text x=\"620\" y=\"20\">seconds</text>\n"
    );
    for (row, (spread, strategy, work)) in figures.iter().enumerate() {
        let y = 36 + 44 * row;
        svg += &format!(
            "<text x=\"8\" y=\"{}\">{}, 10 ± {spread} ms</text>\n",
            y + 20,
            strategy.name
        );
        let pairs = [
            (190.0, work.calls, strategy.published.calls, calls, 0),
            (620.0, work.seconds, strategy.published.seconds, seconds, 1),
        ];
        for (x, ours, published, most, digits) in pairs {
            for (offset, value, colour) in [(0, ours, "#1f5f8b"), (17, published, "#a9c8de")] {
                let width = BAR * value / most;
                svg += &format!(
                    "<rect x=\"{x}\" y=\"{}\" width=\"{width:.1}\" height=\"15\" fill=\"{colour}\"/>\n\
                     <text x=\"{:.1}\" y=\"{}\">{value:.digits$}</text>\n",
                    y + offset,
                    x + width + 5.0,
                    y + offset + 12
                );
            }
        }
    }
    svg + "</svg>\n"
}
