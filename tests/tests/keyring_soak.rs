//! A day of 500 contexts with faults in turn, in virtual time.
use std::time::Duration;

use datakey_keyring::{Keyring, OpeningLimits, SealingLimits, Usage};
use datakey_provider::{EncryptionContext, ErrorClass};
use datakey_tests::keyring::{Does, Scripted, context};
use tokio::time;

const CONTEXTS: usize = 500;
const TICK: Duration = Duration::from_secs(60);
const DAY: u32 = 24 * 60;
const SOFT: Duration = Duration::from_secs(30 * 60);
const HARD: Duration = Duration::from_secs(90 * 60);

/// Twenty minutes of each hour go wrong, another way each time; no longer than a key past its soft age can bridge.
fn fault(minute: u32) -> Does {
    match (minute % 60, minute / 60 % 3) {
        (20..40, 0) => Does::Fail(ErrorClass::Throttled),
        (20..40, 1) => Does::Fail(ErrorClass::Transient),
        (20..40, _) => Does::Fail(ErrorClass::Timeout),
        _ => Does::Work,
    }
}

fn keyring(provider: &Scripted) -> Keyring<Scripted> {
    Keyring::builder()
        .sealing(SealingLimits::default().with_ages(SOFT, HARD))
        .opening(OpeningLimits::default().with_ttl(SOFT))
        .seed(1)
        .build(provider.clone())
        .unwrap()
}

/// A day; answers how many requests failed, and the most keys that were live at once.
async fn day(keyring: &Keyring<Scripted>, provider: &Scripted, does: impl Fn(u32) -> Does) -> (u64, u64) {
    let contexts: Vec<EncryptionContext> = (0..CONTEXTS).map(|n| context(format!("t{n}"))).collect();
    let (mut failed, mut live) = (0, 0);
    for minute in 0..DAY {
        provider.does(does(minute));
        for context in &contexts {
            let sealed = keyring.sealing_key(context, Usage::message(300)).await;
            failed += u64::from(sealed.is_err());
        }
        time::sleep(TICK).await;
        live = live.max(keyring.stats().sealing.live);
        assert_eq!(keyring.stats().in_flight, 0, "in minute {minute}");
    }
    (failed, live)
}

#[tokio::test(start_paused = true)]
async fn on_a_quiet_day_calls_are_what_the_soft_age_predicts() {
    let provider = Scripted::default();
    let keyring = keyring(&provider);
    let (failed, live) = day(&keyring, &provider, |_| Does::Work).await;
    assert_eq!((failed, live), (0, CONTEXTS as u64));
    // A key lives for 70 to 95 percent of its soft age, and is replaced at the first request after that.
    let least = f64::from(DAY) / (30.0 * 0.95 + 1.0);
    let most = f64::from(DAY) / (30.0 * 0.70);
    let calls = provider.generated() as f64 / CONTEXTS as f64;
    assert!(
        (least..=most + 1.0).contains(&calls),
        "{calls} calls a context, {least} to {most} predicted"
    );
    let stats = keyring.stats();
    assert_eq!(
        stats.sealing.misses.total(),
        CONTEXTS as u64,
        "only the first of each waited"
    );
    assert_eq!(
        stats.calls_avoided,
        u64::from(DAY) * CONTEXTS as u64 - provider.generated()
    );
}

#[tokio::test(start_paused = true)]
async fn on_a_day_of_faults_no_request_fails_and_memory_is_flat() {
    let provider = Scripted::default();
    let keyring = keyring(&provider);
    let (failed, live) = day(&keyring, &provider, fault).await;
    assert_eq!((failed, live), (0, CONTEXTS as u64));
    let stats = keyring.stats();
    assert!(
        stats.sealing.stale.total() > 0 && stats.sealing.failures > 0,
        "{stats:?}"
    );
    assert_eq!(stats.sealing.evicted, 0);
    // Beyond the quiet day: in each minute of a fault at most one attempt for each context.
    let faulty = (0..DAY).filter(|minute| fault(*minute) != Does::Work).count();
    let most = CONTEXTS as f64 * (f64::from(DAY) / (30.0 * 0.70) + 1.0 + faulty as f64);
    let calls = provider.generated();
    assert!(calls as f64 <= most, "{calls} calls, at most {most} predicted");
    assert_eq!(calls, stats.calls_made);
    time::sleep(HARD + TICK).await;
    assert_eq!(keyring.stats().sealing.live, 0, "an idle keyring holds nothing");
}
