//! Several runtimes, some of which nobody drives, on the real clock.
use std::{
    future::poll_fn,
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
    task::Poll,
    time::Duration,
};

use datakey_loads::{GateLimits, Joined};
use tokio::{runtime::Runtime, time::timeout};

use crate::scripted::{Does, Loading, busy, by_hand, driven, ms};

/// Within this, a caller elsewhere is answered, however slow the machine.
const DEADLINE: Duration = Duration::from_secs(10);

fn answered(runtime: &Runtime, loading: &Loading, key: &'static str) -> u64 {
    let got = runtime.block_on(async { timeout(DEADLINE, loading.get(key)).await });
    got.expect("in time").expect("a value")
}

/// Asks on a runtime, gives up when the source was asked, and leaves the runtime alone.
fn begin(runtime: &Runtime, loading: &Loading, key: &'static str) {
    let calls = loading.source.calls();
    runtime.block_on(async {
        let Ok(Joined::Leads(mut wait)) = loading.join(key) else {
            panic!("nobody was there before");
        };
        poll_fn(|cx| {
            let polled = std::pin::Pin::new(&mut wait).poll(cx);
            assert!(polled.is_pending(), "it was to be left under way");
            Poll::Ready(())
        })
        .await;
    });
    assert_eq!(loading.source.calls(), calls + 1);
}

#[test]
fn a_load_that_nobody_drives_is_taken_over_once_by_those_who_wait_elsewhere() {
    let loading = Loading::taking(ms(50));
    let kept = by_hand();
    begin(&kept, &loading, "a");
    let elsewhere = driven(2);
    elsewhere.block_on(async {
        let asked: Vec<_> = (0..20)
            .map(|_| {
                let loading = loading.clone();
                tokio::spawn(async move { timeout(DEADLINE, loading.get("a")).await })
            })
            .collect();
        for asked in asked {
            assert_eq!(asked.await.unwrap(), Ok(Ok(2)));
        }
    });
    assert_eq!(loading.source.calls(), 2);
    assert_eq!(loading.source.landings.load(SeqCst), 1);
    assert!(loading.source.takeovers.load(SeqCst) <= 1);
    assert_eq!(
        answered(&kept, &loading, "a"),
        2,
        "and finds it there when it wakes"
    );
    assert_eq!(
        (loading.loads.in_flight(), loading.loads.gate().in_flight()),
        (0, 0)
    );
}

#[test]
fn a_call_that_is_merely_slow_is_made_once_whoever_waits() {
    let loading = Loading::taking(ms(1_500));
    let (here, there) = (driven(1), by_hand());
    let first = here.spawn({
        let loading = loading.clone();
        async move { loading.get("a").await }
    });
    while loading.source.calls() == 0 {
        std::thread::yield_now();
    }
    assert_eq!(answered(&there, &loading, "a"), 1);
    assert_eq!(here.block_on(first).unwrap(), Ok(1));
    assert_eq!(loading.source.calls(), 1);
}

#[test]
fn a_load_goes_from_runtime_to_runtime_as_they_end() {
    let loading = Loading::taking(ms(10));
    loading.source.does(Does::Hang);
    let last = driven(1);
    let mut waiter = None;
    for round in 1..=3 {
        let ends = driven(1);
        let began = loading.source.calls();
        ends.spawn({
            let loading = loading.clone();
            async move { loading.get("a").await }
        });
        if round == 1 {
            while loading.source.calls() == began {
                std::thread::yield_now();
            }
            waiter = Some(last.spawn({
                let loading = loading.clone();
                async move { timeout(DEADLINE, loading.get("a")).await }
            }));
        }
        if round == 3 {
            loading.source.does(Does::Work);
        }
        busy(ms(50));
        drop(ends);
    }
    loading.source.does(Does::Work);
    // The second attempt, which hangs, runs where the waiter is; a call that is driven is not taken over, but ended.
    loading
        .loads
        .end(datakey_loads::Ending::Invalidated, |_| true, || ());
    let got = last.block_on(waiter.unwrap()).unwrap();
    assert!(matches!(got, Ok(Ok(_))), "{got:?}");
    assert_eq!(loading.loads.in_flight(), 0);
}

#[test]
fn a_load_for_which_nobody_waits_ends_with_its_runtime() {
    let loading = Loading::taking(ms(10));
    loading.source.does(Does::Hang);
    let ends = driven(1);
    assert!({
        let _entered = ends.enter();
        loading.refresh("a")
    });
    while loading.source.calls() == 0 {
        std::thread::yield_now();
    }
    drop(ends);
    assert_eq!(
        (loading.loads.in_flight(), loading.loads.gate().in_flight()),
        (0, 0)
    );
    loading.source.does(Does::Work);
    assert_eq!(answered(&by_hand(), &loading, "a"), 2);
}

#[test]
fn a_refresh_that_nobody_drives_is_begun_again_elsewhere() {
    let loading = Loading::taking(ms(10));
    let (kept, elsewhere) = (by_hand(), driven(1));
    assert!({
        let _entered = kept.enter();
        loading.refresh("a")
    });
    let _entered = elsewhere.enter();
    assert!(!loading.refresh("a"), "it was begun at this moment");
    busy(datakey_loads::ASLEEP + ms(50));
    assert!(loading.refresh("a"), "it makes no progress");
    let got = elsewhere.block_on(async { timeout(DEADLINE, loading.get("a")).await });
    assert!(matches!(got, Ok(Ok(_))), "{got:?}");
}

#[test]
fn sleepers_hold_no_place_and_are_passed_over_in_the_queue() {
    let limits = GateLimits {
        loads: 1,
        ..GateLimits::default()
    };
    let loading = Loading::within(limits, ms(20));
    let kept = by_hand();
    begin(&kept, &loading, "runs");
    loading.source.wanted.store(true, SeqCst);
    for key in ["q1", "q2", "q3"] {
        let _entered = kept.enter();
        assert!(loading.refresh(key));
    }
    let elsewhere = driven(1);
    answered(&elsewhere, &loading, "another");
    answered(&elsewhere, &loading, "q2");
    assert!(loading.source.kept("q1").is_none(), "it sleeps");
    answered(&kept, &loading, "q1");
    assert_eq!(loading.source.kept("runs"), Some(1), "it went on where it was");
}

#[test]
fn an_attempt_that_was_stuck_is_heard_if_it_brings_a_value_first_and_the_other_is_not() {
    let loading = Loading::taking(ms(0));
    loading.source.does(Does::Block(ms(1_500)));
    let elsewhere = driven(1);
    std::thread::scope(|scope| {
        let stuck = scope.spawn(|| answered(&by_hand(), &loading, "a"));
        while loading.source.calls() < 1 {
            std::thread::yield_now();
        }
        loading.source.does(Does::Hang);
        assert_eq!(answered(&elsewhere, &loading, "a"), 1);
        assert_eq!(stuck.join().unwrap(), 1);
    });
    assert_eq!(loading.source.calls(), 2, "it was taken over meanwhile");
    assert_eq!(loading.source.landings.load(SeqCst), 1);
    assert_eq!(
        (loading.loads.in_flight(), loading.loads.gate().in_flight()),
        (0, 0)
    );
}

#[test]
fn of_those_who_come_at_the_same_moment_one_leads() {
    const ROUNDS: usize = 1_000;
    let loading = Loading::taking(ms(0));
    let runtimes = [driven(1), driven(1)];
    let names: Vec<&'static str> = (0..ROUNDS).map(|n| &*n.to_string().leak()).collect();
    let (leaders, arrived) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for runtime in &runtimes {
            scope.spawn(|| {
                let _entered = runtime.enter();
                for (round, name) in names.iter().enumerate() {
                    arrived.fetch_add(1, SeqCst);
                    while arrived.load(SeqCst) < 2 * (round + 1) {
                        std::hint::spin_loop();
                    }
                    let joined = loading.join(name);
                    leaders.fetch_add(usize::from(matches!(joined, Ok(Joined::Leads(_)))), SeqCst);
                    let got = runtime.block_on(async { timeout(DEADLINE, loading.get(name)).await });
                    assert!(matches!(got, Ok(Ok(_))), "{got:?}");
                }
            });
        }
    });
    // A load may have landed before the other of the two came, who then found its value.
    assert_eq!(leaders.load(SeqCst), ROUNDS);
    assert_eq!(loading.source.calls(), ROUNDS as u64);
}
