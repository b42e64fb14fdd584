//! What sleeps and wakes again is counted, and what nobody drives piles up nowhere.
use std::{
    future::Future,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use datakey_loads::{ASLEEP, Gate, GateLimits, Joined, Landed, LoadError, Loads, Outcome, Source};
use tokio::{
    runtime::Runtime,
    time::{sleep, timeout},
};

use crate::scripted::{Loading, Refused, busy, by_hand, driven, ms};

/// Holds the number itself, and keeps nothing.
#[derive(Debug)]
struct Numbers;

impl Source for Numbers {
    type Key = u64;
    type Loaded = u64;
    type Value = u64;
    type Error = Refused;

    fn load(&self, number: &u64) -> impl Future<Output = Result<u64, Refused>> + Send {
        std::future::ready(Ok(*number))
    }

    fn land(&self, _: &u64, result: Result<u64, LoadError<Refused>>) -> Landed<u64, Refused> {
        Landed::new(result.map_or_else(Outcome::Failed, Outcome::Loaded))
    }
}

/// What a program gets that enters a runtime and polls by itself.
fn loaded(loads: &Loads<Numbers>, number: u64) -> Option<u64> {
    let joined = loads.join(&Arc::new(Numbers), &number, None, || None::<u64>, |_| ());
    let Ok(Joined::Leads(wait)) = joined else {
        return None;
    };
    match pin!(wait).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Outcome::Loaded(number)) => Some(number),
        _ => None,
    }
}

#[test]
fn a_runtime_that_is_entered_and_never_driven_gets_few_tasks_however_many_loads_there_are() {
    let (entered, loads) = (by_hand(), Loads::<Numbers>::default());
    {
        let _entered = entered.enter();
        for number in 0..10_000 {
            assert_eq!(loaded(&loads, number), Some(number));
        }
    }
    let tasks = entered.metrics().num_alive_tasks();
    assert!(tasks <= 100, "{tasks} tasks");
    // Once it is driven, none is left.
    entered.block_on(async { sleep(ms(1)).await });
    assert_eq!(entered.metrics().num_alive_tasks(), 0);
}

/// More loads for which nobody waits than a runtime that is not driven gets tasks for.
fn begun(runtime: &Runtime) -> (Loading, Vec<&'static str>) {
    let limits = GateLimits {
        loads: 1_000,
        in_lane: 1_000,
        ..GateLimits::default()
    };
    let loading = Loading::within(limits, ms(5));
    let keys = (0..200).map(|number: u32| &*number.to_string().leak());
    let _entered = runtime.enter();
    let begun = keys.inspect(|key| assert!(loading.refresh(key))).collect();
    (loading, begun)
}

#[test]
fn loads_begun_before_a_runtime_is_driven_are_driven_with_it() {
    let runtime = by_hand();
    let (loading, keys) = begun(&runtime);
    runtime.block_on(async {
        let all = async {
            while loading.loads.in_flight() > 0 {
                sleep(ms(1)).await;
            }
        };
        timeout(ms(10_000), all).await.unwrap();
    });
    assert!(keys.iter().all(|key| loading.source.kept(key).is_some()));
    assert_eq!(
        (loading.source.calls(), runtime.metrics().num_alive_tasks()),
        (200, 0)
    );
}

#[test]
fn loads_that_were_never_driven_end_with_their_runtime() {
    let runtime = by_hand();
    let (loading, keys) = begun(&runtime);
    assert_eq!(loading.loads.in_flight(), 200);
    drop(runtime);
    assert_eq!(loading.loads.in_flight(), 0);
    let elsewhere = driven(1);
    for key in [keys[0], keys[100], keys[199]] {
        let got = elsewhere.block_on(async { timeout(ms(10_000), loading.get(key)).await });
        assert!(matches!(got, Ok(Ok(_))), "{got:?}");
    }
}

/// It slept, another took its place, and it goes on: both are under way.
#[test]
fn a_call_that_lost_its_place_and_woke_is_in_flight() {
    let limits = GateLimits {
        loads: 1,
        ..GateLimits::default()
    };
    let gate = Arc::new(Gate::new(limits));
    let (runtime, mut noop) = (by_hand(), Context::from_waker(Waker::noop()));
    let _entered = runtime.enter();
    let mut sleeper = Box::pin(gate.alone("", std::future::pending::<Result<u8, Refused>>()));
    assert!(sleeper.as_mut().poll(&mut noop).is_pending());
    busy(ASLEEP + ms(50));
    let mut next = Box::pin(gate.alone("", std::future::pending::<Result<u8, Refused>>()));
    assert!(next.as_mut().poll(&mut noop).is_pending());
    assert!(sleeper.as_mut().poll(&mut noop).is_pending(), "it is awake again");
    assert_eq!((gate.in_flight(), gate.calls()), (2, 2));
    drop(next);
    assert_eq!(gate.in_flight(), 1, "it goes on without a place");
    drop(sleeper);
    assert_eq!(gate.in_flight(), 0);
}
