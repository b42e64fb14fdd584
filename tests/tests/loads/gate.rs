//! How many loads run at once, who is next, and for how long each may take.
use std::{future::pending, sync::Arc, time::Duration};

use datakey_loads::{Gate, GateLimits, LoadError, later};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};

use crate::scripted::{Does, Loading, Refused, ms};

const KEYS: [&str; 8] = ["0", "1", "2", "3", "4", "5", "6", "7"];

#[tokio::test(start_paused = true)]
async fn loads_pass_in_the_order_in_which_they_came() {
    let limits = GateLimits {
        loads: 1,
        ..GateLimits::default()
    };
    let loading = Loading::within(limits, ms(10));
    let began = Instant::now();
    let mut callers = JoinSet::new();
    for (place, key) in (1..).zip(KEYS) {
        let loading = loading.clone();
        callers.spawn(async move { (loading.get(key).await, place, began.elapsed()) });
        tokio::task::yield_now().await;
    }
    for (got, place, after) in callers.join_all().await {
        assert_eq!(got, Ok(place));
        assert_eq!(after, ms(10) * u32::try_from(place).unwrap());
    }
}

#[tokio::test(start_paused = true)]
async fn loads_that_hang_leave_room_for_those_of_another_lane() {
    let limits = GateLimits {
        loads: 4,
        in_lane: 3,
        ..GateLimits::default()
    };
    let loading = Loading::within(limits, ms(10));
    loading.source.does(Does::Hang);
    let hanging = ["slow/0", "slow/1", "slow/2", "slow/3", "slow/4"];
    let waits: Vec<_> = hanging.map(|key| loading.join(key).unwrap()).into();
    sleep(ms(1)).await;
    assert_eq!(loading.source.calls(), 3);
    loading.source.does(Does::Work);
    let began = Instant::now();
    assert!(loading.get("well/0").await.is_ok());
    assert!(loading.get("well/1").await.is_ok());
    assert_eq!(began.elapsed(), ms(20));
    drop(waits);
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_is_told_at_once_and_one_that_has_room_again_takes_in() {
    for queued in [0, 2] {
        let limits = GateLimits {
            loads: 1,
            queued,
            ..GateLimits::default()
        };
        let loading = Loading::within(limits, ms(100));
        let mut waits: Vec<_> = KEYS[..=queued]
            .iter()
            .map(|key| loading.join(key).unwrap())
            .collect();
        sleep(ms(1)).await;
        let began = Instant::now();
        assert_eq!(loading.get("late").await, Err(LoadError::QueueFull { queued }));
        assert!(began.elapsed().is_zero());
        if waits.len() > 1 {
            drop(waits.pop());
            assert!(loading.get("late").await.is_ok(), "the place of one who gave up");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn each_load_and_its_turn_have_a_deadline() {
    let limits = GateLimits {
        loads: 1,
        deadline: ms(300),
        ..GateLimits::default()
    };
    let loading = Loading::within(limits, ms(10));
    loading.source.does(Does::Hang);
    let began = Instant::now();
    let asked = loading.clone();
    let hangs = tokio::spawn(async move { (asked.get("hangs").await, began.elapsed()) });
    sleep(ms(100)).await;
    let asked = loading.clone();
    let second = tokio::spawn(async move { (asked.get("second").await, began.elapsed()) });
    tokio::task::yield_now().await;
    let asked = loading.clone();
    let third = tokio::spawn(async move { (asked.get("third").await, began.elapsed()) });
    let after = ms(300);
    assert_eq!(
        hangs.await.unwrap(),
        (Err(LoadError::TimedOut { after }), ms(300))
    );
    assert_eq!(
        second.await.unwrap(),
        (Err(LoadError::TimedOut { after }), ms(600))
    );
    let overloaded = LoadError::Overloaded { loads: 1, after };
    assert_eq!(third.await.unwrap(), (Err(overloaded), ms(400)));
    assert_eq!(loading.loads.gate().in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn limits_as_large_as_can_be_written_down_are_limits() {
    let limits = GateLimits {
        loads: usize::MAX,
        in_lane: usize::MAX,
        queued: usize::MAX,
        deadline: Duration::MAX,
    };
    let loading = Loading::within(limits, ms(10));
    assert_eq!(loading.get("a").await, Ok(1));
    let now = Instant::now();
    assert!(later(now, Duration::MAX) > now + Duration::from_secs(365 * 86_400));
    assert_eq!(later(now, ms(1)), now + ms(1));
}

#[tokio::test(start_paused = true)]
async fn a_call_for_one_caller_alone_ends_with_it_and_holds_a_place_meanwhile() {
    let gate = Arc::new(Gate::new(GateLimits {
        loads: 1,
        ..GateLimits::default()
    }));
    let hangs = tokio::spawn({
        let gate = Arc::clone(&gate);
        async move { gate.alone("", pending::<Result<u8, Refused>>()).await }
    });
    tokio::task::yield_now().await;
    let waits = tokio::spawn({
        let gate = Arc::clone(&gate);
        async move { gate.alone("", async { Ok::<_, Refused>(7) }).await }
    });
    sleep(ms(2_000)).await;
    assert_eq!((gate.in_flight(), gate.calls()), (2, 1), "it is driven, if slow");
    hangs.abort();
    assert_eq!(waits.await.unwrap(), Ok(7));
    assert_eq!((gate.in_flight(), gate.calls()), (0, 2));
    let panics = async { panic!("as it was told") };
    assert_eq!(
        gate.alone::<u8, Refused>("", panics).await,
        Err(LoadError::Panicked)
    );
    assert_eq!(gate.in_flight(), 0);
}

#[test]
fn a_call_for_one_caller_alone_needs_a_runtime() {
    let gate = Gate::new(GateLimits::default());
    let mut asked = std::pin::pin!(gate.alone("", async { Ok::<_, Refused>(7) }));
    let mut nobody = std::task::Context::from_waker(std::task::Waker::noop());
    let told = asked.as_mut().poll(&mut nobody);
    assert_eq!(told, std::task::Poll::Ready(Err(LoadError::NoRuntime)));
}
