//! What two clocks say about time that passed unseen, case by case.
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use crate::{
    jitter::Draw,
    slept::{Anchor, Reading, Running},
};

const MILLISECOND: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3600);

/// Two clocks and a process that is now and then elsewhere between readings.
struct Clocks {
    running: Running,
    wall: SystemTime,
}

#[expect(
    clippy::arithmetic_side_effects,
    reason = "the clocks of these cases do not overflow"
)]
impl Clocks {
    fn new() -> Self {
        Self {
            running: Instant::now().into_std(),
            wall: SystemTime::UNIX_EPOCH + 50 * 365 * 24 * HOUR,
        }
    }

    fn pass(&mut self, time: Duration) {
        self.running += time;
        self.wall += time;
    }

    fn read(&mut self, elsewhere: [Duration; 2]) -> Reading {
        let before = self.running;
        self.pass(elsewhere[0]);
        let wall = self.wall;
        self.pass(elsewhere[1]);
        let after = self.running;
        Reading { before, wall, after }
    }

    fn read_at_once(&mut self) -> Reading {
        self.read([Duration::ZERO; 2])
    }
}

#[test]
fn time_that_passes_while_awake_is_not_counted_however_long_the_processor_is_elsewhere() {
    for seed in 0..50 {
        let (mut clocks, mut draw) = (Clocks::new(), Draw::seeded(seed));
        let first = clocks.read([MILLISECOND, 40 * MILLISECOND]);
        let mut anchor = Anchor::new(first);
        let mut total = Duration::ZERO;
        for _ in 0..1_000 {
            clocks.pass(draw.between(0, 200) * MILLISECOND);
            // Once in a while it is preempted for long, on either side of the wall clock's reading.
            let elsewhere = [0; 2].map(|_| draw.between(0, 300).saturating_sub(200) * MILLISECOND);
            total += anchor.gained(clocks.read(elsewhere));
        }
        // What the first reading left open, and no more.
        assert!(total <= 40 * MILLISECOND, "seed {seed}: {total:?}");
    }
}

#[test]
fn every_sleep_is_counted_however_short() {
    for slept in [MILLISECOND, 900 * MILLISECOND, HOUR, 9_000 * HOUR] {
        let mut clocks = Clocks::new();
        let mut anchor = Anchor::new(clocks.read_at_once());
        let mut total = Duration::ZERO;
        for _ in 0..100 {
            clocks.pass(10 * MILLISECOND);
            clocks.wall += slept;
            total += anchor.gained(clocks.read_at_once());
        }
        assert_eq!(total, 100 * slept);
    }
}

#[test]
fn a_step_back_takes_nothing_back_and_hides_no_later_sleep() {
    let mut clocks = Clocks::new();
    let mut anchor = Anchor::new(clocks.read_at_once());
    clocks.wall += HOUR;
    assert_eq!(anchor.gained(clocks.read_at_once()), HOUR);
    clocks.wall -= 30 * HOUR;
    assert_eq!(anchor.gained(clocks.read_at_once()), Duration::ZERO);
    clocks.pass(HOUR);
    assert_eq!(anchor.gained(clocks.read_at_once()), Duration::ZERO);
    clocks.wall += 2 * HOUR;
    assert_eq!(anchor.gained(clocks.read_at_once()), 2 * HOUR);
}

#[test]
fn a_wall_clock_that_stands_still_or_starts_before_its_epoch_counts_nothing() {
    let mut clocks = Clocks::new();
    let mut anchor = Anchor::new(clocks.read_at_once());
    for _ in 0..10 {
        clocks.running += HOUR;
        assert_eq!(anchor.gained(clocks.read_at_once()), Duration::ZERO);
    }
    clocks.wall = SystemTime::UNIX_EPOCH - HOUR;
    assert_eq!(anchor.gained(clocks.read_at_once()), Duration::ZERO);
}
