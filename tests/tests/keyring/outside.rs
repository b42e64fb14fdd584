//! What callers, providers and runtimes do that nobody expects of them.
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use datakey_keyring::{KeyringError, OpeningKeyring, SealingKeyring, SealingLimits, Usage};
use datakey_provider::{DataKeyLength, EncryptionContext, ErrorClass, WrappedKeys};
use datakey_tests::keyring::{Does, Scripted, context, junk};
use tokio::{
    runtime::{Builder, Runtime},
    time::{Instant, timeout},
};

const ONE: Usage = Usage::message(1);

pub(crate) const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(crate) fn by_hand() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

pub(crate) fn driven(workers: usize) -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(workers)
        .enable_all()
        .build()
        .unwrap()
}

/// Polls once, and wakes nobody.
fn once<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Keeps the thread for so long.
pub(crate) fn busy(time: Duration) {
    let began = Instant::now();
    while began.elapsed() < time {
        std::thread::yield_now();
    }
}

pub(crate) fn caught<R>(call: impl FnOnce() -> R) -> Result<R, ()> {
    catch_unwind(AssertUnwindSafe(call)).map_err(drop)
}

async fn wrapped(provider: &Scripted, context: &EncryptionContext) -> WrappedKeys {
    use datakey_provider::SealingProvider as _;
    provider
        .generate_data_key(context, DataKeyLength::Bytes32)
        .await
        .unwrap()
        .wrapped_keys()
        .clone()
}

#[test]
fn callers_whose_deadlines_are_shorter_than_a_call_get_further_together_though_their_runtime_rests_meanwhile()
{
    let (provider, runtime) = (Scripted::taking(150), by_hand());
    let (seals, opens) = (
        SealingKeyring::new(provider.clone()),
        OpeningKeyring::new(provider.clone()),
    );
    let sealed = (0..8).any(|_| {
        let key = runtime.block_on(async { timeout(ms(50), seals.key(&context("a"), ONE)).await.is_ok() });
        busy(ms(700));
        key
    });
    assert!(sealed);
    assert_eq!(provider.generated(), 1);
    let wrapped = runtime.block_on(wrapped(&provider, &context("a")));
    let opened = (0..8).any(|_| {
        let key =
            runtime.block_on(async { timeout(ms(50), opens.key(&context("a"), &wrapped)).await.is_ok() });
        busy(ms(700));
        key
    });
    assert!(opened);
    assert_eq!(provider.decrypted(), 1);
}

#[test]
fn a_request_may_move_to_another_runtime_when_its_own_has_ended_or_sleeps() {
    for ends in [true, false] {
        for usage in [ONE, Usage::unknown_length()] {
            let provider = Scripted::taking(50);
            let seals = SealingKeyring::new(provider.clone());
            let opens = OpeningKeyring::new(provider.clone());
            let (own, junk) = (context("a"), junk(1));
            let mut key = Box::pin(seals.key(&own, usage));
            let mut opened = Box::pin(opens.key(&own, &junk));
            let first = by_hand();
            {
                let _entered = first.enter();
                assert!(once(key.as_mut()).is_pending() && once(opened.as_mut()).is_pending());
            }
            let kept = (!ends).then_some(first);
            let moved = caught(|| by_hand().block_on(async { timeout(ms(5_000), key).await }));
            // What is for one caller alone cannot be begun again elsewhere; but it is not waited for for ever.
            match moved.expect("no panic") {
                Ok(Ok(_)) => {}
                Ok(Err(error)) => assert!(
                    usage == Usage::unknown_length() && matches!(error, KeyringError::NoRuntime),
                    "{error}"
                ),
                Err(_late) => assert!(usage == Usage::unknown_length() && !ends),
            }
            let moved = caught(|| by_hand().block_on(async { timeout(ms(5_000), opened).await }));
            assert!(moved.expect("no panic").is_ok(), "an answer in time");
            drop(kept);
        }
    }
}

fn past_its_soft_age() -> (Scripted, SealingKeyring) {
    let provider = Scripted::default();
    let limits = SealingLimits::default()
        .with_soft_age(ms(200))
        .with_hard_age(Duration::from_secs(60));
    let keyring = SealingKeyring::builder()
        .limits(limits)
        .build(provider.clone())
        .unwrap();
    by_hand().block_on(keyring.key(&context("a"), ONE)).unwrap();
    busy(ms(250));
    provider.does(Does::Hang);
    (provider, keyring)
}

#[test]
fn a_key_past_its_soft_age_serves_callers_with_short_deadlines_on_runtimes_of_their_own() {
    let (provider, keyring) = past_its_soft_age();
    let served = (0..10)
        .filter(|_| {
            let asked = async { timeout(ms(400), keyring.key(&context("a"), ONE)).await };
            by_hand().block_on(asked).is_ok()
        })
        .count();
    assert!(
        served >= 5,
        "served {served} of 10, {} calls",
        provider.generated()
    );
}

#[tokio::test(start_paused = true)]
async fn a_key_past_its_soft_age_serves_whatever_else_is_invalidated() {
    let provider = Scripted::default();
    let limits = SealingLimits::default().with_soft_age(Duration::from_secs(60));
    let keyring = SealingKeyring::builder()
        .limits(limits)
        .build(provider.clone())
        .unwrap();
    keyring.key(&context("a"), ONE).await.unwrap();
    provider.does(Does::Hang);
    tokio::time::advance(Duration::from_secs(61)).await;
    keyring.key(&context("a"), ONE).await.unwrap();
    for round in 0..20 {
        keyring.invalidate_context(&context("another"));
        keyring.invalidate_key("script:other").unwrap_err();
        let asked = Instant::now();
        keyring.key(&context("a"), ONE).await.unwrap();
        assert!(
            asked.elapsed() <= Duration::from_secs(1),
            "round {round}: {:?}",
            asked.elapsed()
        );
        tokio::time::advance(ms(500)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_and_an_invalidation_reach_those_who_have_not_looked_at_their_key_yet() {
    let provider = Scripted::taking(10);
    let own = context("a");
    let wrapped = wrapped(&provider, &own).await;
    for shuts_down in [true, false] {
        let (seals, opens) = (
            SealingKeyring::new(provider.clone()),
            OpeningKeyring::new(provider.clone()),
        );
        let (mut sealing, mut opening) = (
            Box::pin(seals.key(&own, ONE)),
            Box::pin(opens.key(&own, &wrapped)),
        );
        assert!(once(sealing.as_mut()).is_pending() && once(opening.as_mut()).is_pending());
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(
            (seals.stats().live, opens.stats().live),
            (1, 1),
            "both have landed"
        );
        let calls = (provider.generated(), provider.decrypted());
        if shuts_down {
            seals.shutdown();
            opens.shutdown();
        } else {
            seals.invalidate_all();
            opens.invalidate_all();
        }
        assert_eq!(
            (seals.stats().locked_bytes, opens.stats().locked_bytes),
            (0, 0),
            "wiped"
        );
        let (sealed, opened) = (sealing.await, opening.await);
        if shuts_down {
            assert!(matches!(sealed, Err(KeyringError::ShutDown)), "{sealed:?}");
            assert!(matches!(opened, Err(KeyringError::ShutDown)), "{opened:?}");
        } else {
            assert!(sealed.is_ok() && opened.is_ok());
            assert_eq!(
                (provider.generated(), provider.decrypted()),
                (calls.0 + 1, calls.1 + 1)
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_kept_for_an_hour_keeps_no_key_and_gets_none_of_an_hour_ago() {
    let provider = Scripted::taking(10);
    let (own, hour) = (context("a"), Duration::from_secs(3_600));
    let wrapped = wrapped(&provider, &own).await;
    let (seals, opens) = (
        SealingKeyring::new(provider.clone()),
        OpeningKeyring::new(provider.clone()),
    );
    let (mut sealing, mut opening) = (
        Box::pin(seals.key(&own, ONE)),
        Box::pin(opens.key(&own, &wrapped)),
    );
    assert!(once(sealing.as_mut()).is_pending() && once(opening.as_mut()).is_pending());
    tokio::time::sleep(hour).await;
    provider.does(Does::Fail(ErrorClass::Denied));
    assert_eq!((seals.stats().locked_bytes, opens.stats().locked_bytes), (0, 0));
    let (sealed, opened) = (sealing.await, opening.await);
    assert_eq!(sealed.unwrap_err().class(), Some(ErrorClass::Denied));
    assert_eq!(opened.unwrap_err().class(), Some(ErrorClass::Denied));
}

#[test]
fn a_runtime_that_has_ended_is_no_runtime() {
    let (seals, opens) = (
        SealingKeyring::new(Scripted::taking(50)),
        OpeningKeyring::new(Scripted::taking(50)),
    );
    let runtime = by_hand();
    let handle = runtime.handle().clone();
    drop(runtime);
    let _entered = handle.enter();
    let (own, junk) = (context("a"), junk(1));
    for usage in [ONE, Usage::unknown_length()] {
        let sealed = caught(|| once(Box::pin(seals.key(&own, usage)).as_mut()).map(|key| key.map(drop)));
        assert!(
            matches!(sealed, Ok(Poll::Ready(Err(KeyringError::NoRuntime)))),
            "{sealed:?}"
        );
    }
    let opened = caught(|| once(Box::pin(opens.key(&own, &junk)).as_mut()).map(|key| key.map(drop)));
    assert!(
        matches!(opened, Ok(Poll::Ready(Err(KeyringError::NoRuntime)))),
        "{opened:?}"
    );
    assert_eq!((seals.stats().in_flight, opens.stats().in_flight), (0, 0));
}

#[test]
fn a_runtime_without_a_clock_is_no_runtime() {
    let provider = Scripted::default();
    provider.does(Does::Hang);
    let keyring = SealingKeyring::new(provider);
    let bare = Builder::new_current_thread().build().unwrap();
    for usage in [ONE, Usage::unknown_length()] {
        let asked = caught(|| bare.block_on(keyring.key(&context("a"), usage)).map(drop));
        assert!(matches!(asked, Ok(Err(KeyringError::NoRuntime))), "{asked:?}");
    }
    assert_eq!(keyring.stats().in_flight, 0);
}

#[tokio::test]
async fn warming_readies_a_context_whose_key_is_used_up() {
    let keyring = SealingKeyring::builder()
        .limits(SealingLimits::default().with_max_messages(1))
        .build(Scripted::default())
        .unwrap();
    keyring.key(&context("a"), ONE).await.unwrap();
    assert!(keyring.try_key(&context("a"), ONE).is_none());
    assert!(keyring.warm([&context("a")]).await.is_empty());
    assert!(keyring.try_key(&context("a"), ONE).is_some());
}

/// Shuts the keyring down when it is woken.
struct ShutsDown {
    keyring: SealingKeyring,
    woken: AtomicBool,
}

impl Wake for ShutsDown {
    fn wake(self: Arc<Self>) {
        self.woken.store(true, SeqCst);
        self.keyring.shutdown();
    }
}

#[tokio::test(start_paused = true)]
async fn a_waker_may_shut_down_what_wakes_it() {
    let provider = Scripted::default();
    provider.does(Does::Hang);
    let keyring = SealingKeyring::new(provider);
    let waker = Arc::new(ShutsDown {
        keyring: keyring.clone(),
        woken: AtomicBool::new(false),
    });
    let own = context("a");
    let mut asked = Box::pin(keyring.key(&own, Usage::unknown_length()));
    let polled = asked
        .as_mut()
        .poll(&mut Context::from_waker(&Waker::from(Arc::clone(&waker))));
    assert!(polled.is_pending());
    keyring.shutdown();
    assert!(waker.woken.load(SeqCst));
    assert!(matches!(asked.await, Err(KeyringError::ShutDown)));
}

#[tokio::test]
async fn what_is_told_of_a_keyring_that_was_shut_down_is_so() {
    let keyring = SealingKeyring::new(Scripted::default());
    keyring.key(&context("a"), ONE).await.unwrap();
    keyring.shutdown();
    let why = keyring.explain(&context("a"));
    assert!(why.shut_down && !why.loading);
    assert_eq!(why.to_string(), "no sealing key: the keyring is shut down");
    for usage in [ONE, Usage::unknown_length()] {
        let asked = keyring.key(&context("a"), usage).await;
        assert!(matches!(asked, Err(KeyringError::ShutDown)));
    }
    let stats = keyring.stats();
    assert_eq!(
        (stats.dedicated, stats.failures),
        (0, 0),
        "no key was made and none asked for"
    );
}
