//! Each backoff at its shortest, middle and longest, and how its waits are distributed.
use std::time::Duration;

use datakey_retry::Backoff;
use rand::{SeedableRng as _, rngs::Xoshiro256PlusPlus};

const BASE: Duration = Duration::from_millis(100);
const CAP: Duration = Duration::from_secs(1);
const MIDDLE: u64 = u64::MAX / 2;

fn millis(backoff: Backoff, retry: u32, previous: Option<u64>) -> [u128; 3] {
    [0, MIDDLE, u64::MAX].map(|draw| {
        let wait = backoff.delay(retry, previous.map(Duration::from_millis), draw);
        (wait.as_nanos() + 500_000) / 1_000_000
    })
}

#[test]
fn full_reaches_from_nothing_to_the_ceiling() {
    let backoff = Backoff::full().with_base(BASE).with_cap(CAP);
    assert_eq!(millis(backoff, 0, None), [0, 50, 100]);
    assert_eq!(millis(backoff, 1, None), [0, 100, 200]);
    assert_eq!(millis(backoff, 3, None), [0, 400, 800]);
    assert_eq!(millis(backoff, 4, None), [0, 500, 1000]);
}

#[test]
fn equal_reaches_from_half_the_ceiling_to_the_whole() {
    let backoff = Backoff::equal().with_base(BASE).with_cap(CAP);
    assert_eq!(millis(backoff, 0, None), [50, 75, 100]);
    assert_eq!(millis(backoff, 3, None), [400, 600, 800]);
    assert_eq!(millis(backoff, 4, None), [500, 750, 1000]);
}

#[test]
fn decorrelated_reaches_from_the_base_to_thrice_the_previous_wait() {
    let backoff = Backoff::decorrelated().with_base(BASE).with_cap(CAP);
    assert_eq!(millis(backoff, 0, None), [100, 200, 300]);
    assert_eq!(millis(backoff, 7, Some(200)), [100, 350, 600]);
    assert_eq!(
        millis(backoff, 7, Some(900)),
        [100, 550, 1000],
        "the cap bounds the draw, not the result"
    );
    assert_eq!(millis(backoff, 7, Some(10)), [100, 100, 100]);
}

#[test]
fn without_jitter_and_constant_do_not_look_at_the_draw() {
    assert_eq!(
        millis(Backoff::without_jitter().with_base(BASE).with_cap(CAP), 2, None),
        [400; 3]
    );
    assert_eq!(
        millis(Backoff::without_jitter().with_base(BASE).with_cap(CAP), 9, None),
        [1000; 3]
    );
    assert_eq!(millis(Backoff::constant(BASE), 9, None), [100; 3]);
    assert_eq!(millis(Backoff::constant(Duration::ZERO), 9, None), [0; 3]);
}

#[test]
fn nothing_overflows() {
    let longest = Duration::from_nanos(u64::MAX);
    for retry in [31, 32, 63, 64, 65, 127, 128, 10_000, u32::MAX] {
        assert_eq!(
            Backoff::full()
                .with_base(BASE)
                .with_cap(CAP)
                .delay(retry, None, u64::MAX),
            CAP
        );
        assert_eq!(
            Backoff::without_jitter()
                .with_base(Duration::from_nanos(3))
                .with_cap(CAP)
                .delay(retry, None, 0)
                .min(CAP),
            {
                if retry == 31 {
                    CAP.min(Duration::from_nanos(3 << 31))
                } else {
                    CAP
                }
            }
        );
        assert_eq!(
            Backoff::without_jitter()
                .with_base(Duration::ZERO)
                .with_cap(CAP)
                .delay(retry, None, 0),
            Duration::ZERO
        );
        assert_eq!(
            Backoff::full()
                .with_base(Duration::MAX)
                .with_cap(Duration::MAX)
                .delay(retry, None, u64::MAX),
            longest
        );
        assert_eq!(
            Backoff::equal()
                .with_base(Duration::MAX)
                .with_cap(Duration::MAX)
                .delay(retry, None, u64::MAX),
            longest
        );
        let most = Some(Duration::MAX);
        assert_eq!(
            Backoff::decorrelated()
                .with_base(BASE)
                .with_cap(Duration::MAX)
                .delay(retry, most, u64::MAX),
            longest
        );
    }
    let above_cap = Backoff::decorrelated().with_base(CAP * 2).with_cap(CAP);
    assert_eq!(
        millis(above_cap, 0, None),
        [1000; 3],
        "a base above the cap counts as the cap"
    );
}

#[test]
fn the_iterator_counts_draws_and_never_ends() {
    let random = Xoshiro256PlusPlus::seed_from_u64(1);
    let by_iterator: Vec<_> = Backoff::decorrelated()
        .with_base(BASE)
        .with_cap(CAP)
        .delays(random.clone())
        .take(50)
        .collect();
    let (mut random, mut previous) = (random, None);
    for (retry, wait) in by_iterator.into_iter().enumerate() {
        let draw = rand::Rng::next_u64(&mut random);
        let retry = u32::try_from(retry).unwrap();
        assert_eq!(
            wait,
            Backoff::decorrelated()
                .with_base(BASE)
                .with_cap(CAP)
                .delay(retry, previous, draw)
        );
        previous = Some(wait);
    }
    let random = Xoshiro256PlusPlus::seed_from_u64(1);
    assert!(
        Backoff::full()
            .with_base(BASE)
            .with_cap(CAP)
            .delays(random)
            .nth(10_000)
            .unwrap()
            <= CAP
    );
}

/// Kolmogorov's distance between the sample and the uniform distribution over `low..=high` milliseconds.
fn distance_from_uniform(mut sample: Vec<f64>, low: f64, high: f64) -> f64 {
    sample.sort_by(f64::total_cmp);
    let count = sample.len() as f64;
    let gaps = sample.iter().enumerate().map(|(index, value)| {
        let expected = (value - low) / (high - low);
        (expected - index as f64 / count)
            .abs()
            .max((expected - (index + 1) as f64 / count).abs())
    });
    gaps.fold(0.0, f64::max)
}

#[test]
fn waits_are_uniform_over_their_range() {
    const COUNT: usize = 20_000;
    // The distance that a uniform sample of this size exceeds once in a thousand times.
    let bound = 1.95 / (COUNT as f64).sqrt();
    let seed = 1;
    println!("seed {seed}");
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut sample = |backoff: Backoff, previous: u64| -> Vec<f64> {
        let draw = || rand::Rng::next_u64(&mut random);
        std::iter::repeat_with(draw)
            .take(COUNT)
            .map(|draw| {
                backoff
                    .delay(2, Some(Duration::from_millis(previous)), draw)
                    .as_secs_f64()
                    * 1e3
            })
            .collect()
    };
    let full = sample(Backoff::full().with_base(BASE).with_cap(CAP), 0);
    let equal = sample(Backoff::equal().with_base(BASE).with_cap(CAP), 0);
    let decorrelated = sample(Backoff::decorrelated().with_base(BASE).with_cap(CAP), 250);
    assert!(distance_from_uniform(full.clone(), 0.0, 400.0) < bound);
    assert!(distance_from_uniform(equal.clone(), 200.0, 400.0) < bound);
    assert!(distance_from_uniform(decorrelated, 100.0, 750.0) < bound);
    assert!(
        distance_from_uniform(full, 0.0, 500.0) > bound,
        "the measure tells ranges apart"
    );
    assert!(
        distance_from_uniform(equal, 0.0, 400.0) > bound,
        "the measure tells kinds apart"
    );
}
