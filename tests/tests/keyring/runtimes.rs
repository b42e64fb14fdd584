//! Loads belong to nobody's runtime: several runtimes, some of which nobody drives, on the real clock.
use std::{
    future::poll_fn,
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use datakey_keyring::{KeyringError, SealingLimits, Usage};
use datakey_provider::{WrappedKey, WrappedKeys};
use datakey_tests::{
    keyring::{Does, Scripted, context},
    keyrings::Keyrings,
};
use tokio::{
    runtime::{Builder, Runtime},
    time::{Instant, timeout},
};

/// Within this, a caller elsewhere has its key.
const DEADLINE: Duration = Duration::from_secs(2);

/// A call takes so long.
const CALL: u64 = 50;

/// Which keyring is asked.
#[derive(Debug, Clone, Copy)]
enum Half {
    Seals,
    Opens,
}

const HALVES: [Half; 2] = [Half::Seals, Half::Opens];

/// A wrapped key that the scripted provider opens.
fn wrapped(tenant: &str, number: u64) -> WrappedKeys {
    let blob = [&number.to_be_bytes()[..], context(tenant).digest()].concat();
    WrappedKey::new("script:a", blob).unwrap().into()
}

async fn ask(keyring: &Keyrings, half: Half, tenant: &str) -> Result<(), KeyringError> {
    match half {
        Half::Seals => drop(keyring.sealing.key(&context(tenant), Usage::message(1)).await?),
        Half::Opens => drop(keyring.opening.key(&context(tenant), &wrapped(tenant, 1)).await?),
    }
    Ok(())
}

fn calls(provider: &Scripted) -> u64 {
    provider.generated() + provider.decrypted()
}

/// A runtime that is driven while somebody blocks on it, and at no other time.
fn by_hand() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn driven(workers: usize) -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(workers)
        .enable_all()
        .build()
        .unwrap()
}

/// Asks on a runtime, gives up before the call ends, and leaves the runtime alone. It is polled once, so that no time of the machine
/// decides whether the call has ended.
fn begin(runtime: &Runtime, keyring: &Keyrings, half: Half, tenant: &str) {
    let asked = async {
        let mut asked = pin!(ask(keyring, half, tenant));
        poll_fn(|cx| Poll::Ready(asked.as_mut().poll(cx).is_pending())).await
    };
    assert!(runtime.block_on(asked), "it was to be left under way");
}

/// Asks and has to be answered in time.
fn answered(runtime: &Runtime, keyring: &Keyrings, half: Half, tenant: &str) {
    let asked = async { timeout(DEADLINE, ask(keyring, half, tenant)).await };
    let answer = runtime.block_on(asked);
    assert!(matches!(answer, Ok(Ok(()))), "{half:?}: {answer:?}");
}

#[test]
fn a_load_whose_runtime_nobody_drives_holds_up_nobody_elsewhere() {
    for half in HALVES {
        for elsewhere in [by_hand(), driven(1)] {
            let provider = Scripted::taking(CALL);
            let keyring = Keyrings::new(provider.clone());
            let kept = by_hand();
            begin(&kept, &keyring, half, "a");
            answered(&elsewhere, &keyring, half, "a");
            assert_eq!(calls(&provider), 2, "one of each runtime");
            // The runtime comes to life again, and finds a key.
            answered(&kept, &keyring, half, "a");
            assert_eq!(calls(&provider), 2);
            assert_eq!(keyring.stats().in_flight, 0);
        }
    }
}

#[test]
fn loads_of_runtimes_that_nobody_drives_leave_room_for_all_others() {
    for half in HALVES {
        let provider = Scripted::taking(CALL);
        let keyring = Keyrings::builder().max_loads(8).build(provider.clone()).unwrap();
        let kept: Vec<_> = (0..3).map(|_| by_hand()).collect();
        for n in 0..30 {
            begin(&kept[n % 3], &keyring, half, &format!("t{n}"));
        }
        let elsewhere = driven(1);
        answered(&elsewhere, &keyring, half, "another");
        for n in [0, 7, 29] {
            answered(&elsewhere, &keyring, half, &format!("t{n}"));
        }
    }
}

#[test]
fn those_who_wait_elsewhere_start_over_when_a_runtime_ends() {
    for half in HALVES {
        let provider = Scripted::taking(CALL);
        provider.does(Does::Hang);
        let keyring = Keyrings::new(provider.clone());
        let (ends, lives) = (driven(1), driven(1));
        ends.spawn({
            let keyring = keyring.clone();
            async move { ask(&keyring, half, "a").await }
        });
        let waiter = lives.spawn({
            let (keyring, provider) = (keyring.clone(), provider.clone());
            async move {
                while calls(&provider) == 0 {
                    tokio::task::yield_now().await;
                }
                ask(&keyring, half, "a").await
            }
        });
        lives.block_on(async {
            let waits = || keyring.stats().sealing.shared_waits + keyring.stats().opening.shared_waits;
            while waits() == 0 {
                tokio::task::yield_now().await;
            }
        });
        provider.does(Does::Work);
        drop(ends);
        let answer = lives.block_on(async { timeout(DEADLINE, waiter).await });
        assert!(matches!(answer, Ok(Ok(Ok(())))), "{half:?}: {answer:?}");
        assert_eq!(calls(&provider), 2);
    }
}

#[test]
fn a_worker_that_computes_holds_up_nobody_who_waits_for_the_load_that_it_began() {
    for half in HALVES {
        let provider = Scripted::taking(CALL);
        let keyring = Keyrings::new(provider.clone());
        let runtime = driven(2);
        let busy = runtime.spawn({
            let keyring = keyring.clone();
            async move {
                let mut asked = pin!(ask(&keyring, half, "a"));
                poll_fn(|cx| {
                    assert!(asked.as_mut().poll(cx).is_pending());
                    let began = Instant::now();
                    while began.elapsed() < DEADLINE {
                        std::hint::spin_loop();
                    }
                    Poll::Ready(())
                })
                .await;
                asked.await
            }
        });
        runtime.block_on(async {
            while calls(&provider) == 0 {
                tokio::task::yield_now().await;
            }
            let waiter = tokio::spawn(async move {
                let began = Instant::now();
                ask(&keyring, half, "a").await.map(|()| began.elapsed())
            });
            let waited = waiter.await.unwrap().unwrap();
            assert!(
                waited < DEADLINE / 2,
                "{half:?}: {waited:?} behind a worker that computes"
            );
            busy.await.unwrap().unwrap();
        });
    }
}

#[test]
fn a_program_that_blocks_on_each_call_replaces_its_key_at_the_soft_age() {
    let provider = Scripted::taking(5);
    let limits = SealingLimits::default()
        .with_soft_age(Duration::from_millis(200))
        .with_hard_age(Duration::from_secs(600));
    let keyring = Keyrings::builder()
        .sealing(limits)
        .build(provider.clone())
        .unwrap();
    let runtime = by_hand();
    let (began, mut oldest) = (Instant::now(), Duration::ZERO);
    while began.elapsed() < Duration::from_secs(3) {
        runtime.block_on(ask(&keyring, Half::Seals, "a")).unwrap();
        let age = keyring.sealing.snapshots()[0].age;
        oldest = oldest.max(age);
    }
    assert!(
        oldest < Duration::from_secs(2),
        "a key of {oldest:?} served past its soft age"
    );
    assert!(
        provider.generated() >= 3,
        "{} keys in three seconds",
        provider.generated()
    );
}

#[test]
fn a_request_that_is_polled_once_and_kept_takes_nothing_from_others() {
    for half in HALVES {
        let provider = Scripted::taking(CALL);
        let keyring = Keyrings::builder().max_loads(1).build(provider.clone()).unwrap();
        let runtime = by_hand();
        let mut kept: Vec<_> = (0..20)
            .map(|n| {
                let keyring = keyring.clone();
                Box::pin(async move { ask(&keyring, half, &format!("t{n}")).await })
            })
            .collect();
        {
            let _entered = runtime.enter();
            let mut nobody = Context::from_waker(Waker::noop());
            for asked in &mut kept {
                assert!(asked.as_mut().poll(&mut nobody).is_pending());
            }
        }
        let elsewhere = driven(1);
        answered(&elsewhere, &keyring, half, "another");
        answered(&elsewhere, &keyring, half, "t0");
        answered(&elsewhere, &keyring, half, "t19");
        drop(kept);
        assert_eq!(
            keyring.stats().in_flight,
            0,
            "whoever gives up leaves nothing behind"
        );
    }
}
