//! A day of many contexts with faults in turn, in virtual time: sealing, opening, calls and memory.
//!
//! `DATAKEY_SOAK_CONTEXTS=500` and more make it a long test.
use std::time::Duration;

use datakey_keyring::{OpeningLimits, SealingLimits, Usage};
use datakey_provider::{EncryptionContext, ErrorClass};
use datakey_tests::keyring::{Does, Scripted, context};
use datakey_tests::keyrings::Keyrings;
use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};
use tokio::{runtime::Runtime, time};

/// Unless the environment says otherwise.
const CONTEXTS: usize = 200;
const TICK: Duration = Duration::from_secs(60);
const HOUR: u32 = 60;
const DAY: u32 = 24 * HOUR;
/// In minutes.
const SOFT: u32 = 30;
const HARD: u32 = 90;
const TTL: u32 = 60;
/// For each context, a few times what is live at once, so that the memory of why keys went is full within hours.
const MAX_KEYS_EACH: usize = 8;

/// Twenty minutes of each hour go wrong, another way each time; no longer than a key past its soft age can bridge.
fn fault(minute: u32) -> Does {
    match (minute % HOUR, minute / HOUR % 3) {
        (20..40, 0) => Does::Fail(ErrorClass::Throttled),
        (20..40, 1) => Does::Fail(ErrorClass::Transient),
        (20..40, _) => Does::Fail(ErrorClass::Timeout),
        _ => Does::Work,
    }
}

fn contexts() -> usize {
    match std::env::var("DATAKEY_SOAK_CONTEXTS") {
        Ok(contexts) => contexts.parse().expect("DATAKEY_SOAK_CONTEXTS is a number"),
        Err(_) => CONTEXTS,
    }
}

fn quiet(_: u32) -> Does {
    Does::Work
}

/// What the limits allow, worked out apart from the keyring: how many data keys are asked for, and how many are unwrapped.
fn predicted(does: fn(u32) -> Does) -> (f64, f64) {
    let mut random = SmallRng::seed_from_u64(7);
    let mut due_after = |limit: u32| f64::from(limit) * random.random_range(0.70..0.95);
    let (mut asked, mut unwrapped) = (0, 0);
    for _ in 0..contexts() {
        // The minute in which the live key was made, and the one in which it is due.
        let mut due = -1.0;
        let (mut opened, mut open_due, mut uses) = (None, 0.0, 0);
        let mut made = 0;
        for minute in 0..DAY {
            let (now, works) = (f64::from(minute), does(minute) == Does::Work);
            // The request at which a key is due still gets it; the next one is under the new key.
            let sealed_under = made;
            if now >= due {
                asked += 1;
                if works {
                    made += 1;
                    due = now + due_after(SOFT);
                }
            }
            let sealed_under = if sealed_under == 0 { made } else { sealed_under };
            if opened != Some(sealed_under) {
                unwrapped += 1;
                (opened, open_due, uses) = (Some(sealed_under), now + due_after(TTL), 1);
            } else {
                // The use at which it is due counts as well.
                uses += 1;
                if now >= open_due && uses >= 8 {
                    unwrapped += 1;
                    if works {
                        (open_due, uses) = (now + due_after(TTL), 0);
                    }
                }
            }
        }
    }
    (f64::from(asked), f64::from(unwrapped))
}

struct Soak {
    runtime: Runtime,
    provider: Scripted,
    keyring: Keyrings,
    contexts: Vec<EncryptionContext>,
}

fn minutes(minutes: u32) -> Duration {
    TICK * minutes
}

impl Soak {
    fn new() -> Self {
        let provider = Scripted::default();
        let keyring = Keyrings::builder()
            .sealing(
                SealingLimits::default()
                    .with_soft_age(minutes(SOFT))
                    .with_hard_age(minutes(HARD)),
            )
            .opening(
                OpeningLimits::default()
                    .with_ttl(minutes(TTL))
                    .with_max_keys(MAX_KEYS_EACH * contexts()),
            )
            .seed(1)
            .build(provider.clone())
            .unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build();
        Self {
            runtime: runtime.unwrap(),
            provider,
            keyring,
            contexts: (0..contexts()).map(|n| context(format!("t{n}"))).collect(),
        }
    }

    /// One minute: each context seals a message, and opens it.
    async fn minute(&self, does: Does) {
        self.provider.does(does);
        for context in &self.contexts {
            let sealed = self
                .keyring
                .sealing
                .key(context, Usage::message(300))
                .await
                .unwrap();
            let opened = self
                .keyring
                .opening
                .key(context, sealed.wrapped_keys())
                .await
                .unwrap();
            assert!(opened.ct_eq(sealed.data_key()));
        }
        time::sleep(TICK).await;
        assert_eq!(self.keyring.stats().in_flight, 0);
        assert_eq!(self.keyring.sealing.stats().live, self.contexts.len() as u64);
    }

    /// A day; answers by how many bytes the heap grew in each hour.
    fn day(&self, does: fn(u32) -> Does) -> Vec<i64> {
        let hour = |hour: u32| {
            let run = async {
                for minute in hour * HOUR..(hour + 1) * HOUR {
                    self.minute(does(minute)).await;
                }
            };
            allocation_counter::measure(|| self.runtime.block_on(run)).bytes_current
        };
        (0..DAY / HOUR).map(hour).collect()
    }

    fn calls_are_as_predicted(&self, does: fn(u32) -> Does) {
        let (asked, unwrapped) = predicted(does);
        let calls = (self.provider.generated() as f64, self.provider.decrypted() as f64);
        let of = (calls.0 / asked, calls.1 / unwrapped);
        println!("{calls:?} calls, {:?} predicted", (asked, unwrapped));
        // Both draw 10,000 times and more; their means differ by a few tenths of a percent.
        assert!(
            (of.0 - 1.0).abs() < 0.02,
            "{calls:?}, {asked} asked for as predicted"
        );
        assert!(
            (of.1 - 1.0).abs() < 0.03,
            "{calls:?}, {unwrapped} unwrapped as predicted"
        );
        let stats = self.keyring.stats();
        assert_eq!(stats.calls_made as f64, calls.0 + calls.1);
        let requests = 2 * u64::from(DAY) * self.contexts.len() as u64;
        assert_eq!(stats.calls_avoided, requests - stats.calls_made);
        assert_eq!((stats.sealing.evicted, stats.opening.evicted), (0, 0));
    }

    /// In eighteen hours everything has been replaced many times; from then on what comes goes.
    fn memory_is_flat(&self, growth: &[i64]) {
        let (began, since) = growth.split_at(18);
        let (most, after): (i64, i64) = (began.iter().sum(), since.iter().sum());
        println!("{most} bytes after eighteen hours, {after} more in the last six: {growth:?}");
        let contexts = self.contexts.len();
        assert!(
            most > 200 * contexts as i64,
            "{contexts} contexts take more than {most} bytes"
        );
        assert!(after < most / 100, "{after} bytes more than {most}: {growth:?}");
        self.runtime
            .block_on(async { time::sleep(minutes(HARD + 1)).await });
        let stats = self.keyring.stats();
        assert_eq!(
            (stats.sealing.live, stats.opening.live),
            (0, 0),
            "an idle keyring holds nothing"
        );
    }
}

#[test]
fn on_a_quiet_day_calls_are_what_the_limits_predict_and_memory_is_flat() {
    let soak = Soak::new();
    let growth = soak.day(quiet);
    soak.calls_are_as_predicted(quiet);
    let misses = soak.keyring.sealing.stats().misses.total();
    assert_eq!(
        misses,
        soak.contexts.len() as u64,
        "only the first of each waited"
    );
    soak.memory_is_flat(&growth);
}

#[test]
fn on_a_day_of_faults_no_request_fails_and_calls_are_what_the_limits_predict() {
    let soak = Soak::new();
    let growth = soak.day(fault);
    soak.calls_are_as_predicted(fault);
    let stats = soak.keyring.stats();
    let stale = stats.sealing.stale;
    assert!(
        stale.throttled > 0 && stale.transient > 0 && stale.timeout > 0,
        "{stale:?}"
    );
    assert!(
        stats.sealing.failures > 0 && stats.sealing.revoked == 0,
        "{stats:?}"
    );
    soak.memory_is_flat(&growth);
}
