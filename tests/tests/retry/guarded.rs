//! Several providers, each under a breaker of its own: the one that is ill is asked last, and found again when it is well.
use std::{
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Waker},
    time::Duration,
};

use datakey_provider::{
    DataKeyLength, EncryptionContext, ErrorClass, OpeningProvider as _, Operation, ProviderError, Rank,
    SealingProvider as _, Several, WrappedKey, conformance,
};
use datakey_retry::{
    Breaker, BreakerPhase, CircuitOpen, Classify as _, Event, Guarded, Observer, Retry, Subject, defaults,
};
use datakey_tests::{
    errors::told_once,
    retry::{Scripted, seeded},
    retry_regions::{Health, REPLICA, Replica},
};
use tokio::{
    runtime::{Builder, Runtime},
    time::{Instant, advance, sleep, timeout},
};

fn context() -> EncryptionContext {
    EncryptionContext::new([("tenant", "acme")]).unwrap()
}

/// One wrapped key that either Region opens.
struct Regions {
    near: Replica,
    far: Replica,
    wrapped: WrappedKey,
}

impl Regions {
    async fn new() -> Self {
        let [near, far] = [Rank::LOCAL, Rank::REMOTE].map(Replica::new);
        let made = far
            .generate_data_key(&context(), DataKeyLength::Bytes32)
            .await
            .unwrap();
        Self {
            near,
            far,
            wrapped: made.wrapped_keys().first().clone(),
        }
    }

    /// The far one comes first, so that order alone would be wrong.
    fn both(&self) -> Several<Guarded<Replica>> {
        Several::new([&self.far, &self.near].map(|region| Guarded::new(region.clone()))).unwrap()
    }

    async fn opened(&self, provider: &impl datakey_provider::OpeningProvider) -> Duration {
        let began = Instant::now();
        provider.decrypt(&context(), &self.wrapped).await.unwrap();
        began.elapsed()
    }
}

#[tokio::test(start_paused = true)]
async fn conforms() {
    conformance::check(&Guarded::new(Scripted::default()))
        .await
        .expect("conforms");
}

#[tokio::test(start_paused = true)]
async fn the_one_that_is_ill_is_asked_once_and_then_last() {
    for (ill, at_most) in [
        (Health::Failing, Duration::ZERO),
        (
            Health::Hanging,
            defaults::ATTEMPT_TIMEOUT + defaults::TRANSIENT_BASE,
        ),
    ] {
        let regions = Regions::new().await;
        let retry = Retry::new(regions.both(), seeded(1));
        regions.near.set(ill);
        let first = regions.opened(&retry).await;
        assert!(first <= at_most, "{ill:?}: {first:?}");
        for _ in 0..100 {
            assert_eq!(regions.opened(&retry).await, Duration::ZERO, "{ill:?}");
        }
        assert_eq!(regions.near.calls(), 1, "{ill:?}");
    }
}

/// A long outage costs a slow call at 5, 10, 20 and 40 seconds, and then one a minute.
#[tokio::test(start_paused = true)]
async fn a_long_outage_costs_one_slow_call_a_minute() {
    let regions = Regions::new().await;
    let retry = Retry::new(regions.both(), seeded(1));
    regions.near.set(Health::Hanging);
    let (began, mut slow) = (Instant::now(), 0);
    while began.elapsed() < Duration::from_secs(20 * 60) {
        slow += u32::from(!regions.opened(&retry).await.is_zero());
        sleep(Duration::from_secs(1)).await;
    }
    assert!((18..=24).contains(&slow), "{slow} were slow");
    regions.near.set(Health::Up);
    sleep(defaults::BREAKER_REST_CAP).await;
    let far = regions.far.calls();
    regions.opened(&retry).await;
    assert_eq!(regions.far.calls(), far, "it is found again");
}

#[tokio::test(start_paused = true)]
async fn after_its_rest_one_call_tries_it_and_the_others_do_not() {
    let regions = Arc::new(Regions::new().await);
    let both = Arc::new(regions.both());
    regions.near.set(Health::Failing);
    regions.opened(&both).await;
    for tried in [2, 3] {
        sleep(defaults::BREAKER_REST_CAP).await;
        let callers: Vec<_> = (0..100)
            .map(|_| {
                let (regions, both) = (Arc::clone(&regions), Arc::clone(&both));
                tokio::spawn(async move { regions.opened(&both).await })
            })
            .collect();
        for caller in callers {
            caller.await.unwrap();
        }
        assert_eq!(regions.near.calls(), tried);
    }
}

/// The negative twin: one that refuses is one that answers.
#[tokio::test(start_paused = true)]
async fn a_refusal_is_no_illness() {
    let regions = Regions::new().await;
    let both = regions.both();
    regions.near.set(Health::Denying);
    for asked in 1..10 {
        regions.opened(&both).await;
        assert_eq!(regions.near.calls(), asked, "it is asked first each time");
    }
}

#[tokio::test(start_paused = true)]
async fn any_answer_makes_it_well_again() {
    for answer in [Health::Up, Health::Denying] {
        let regions = Regions::new().await;
        let near = Guarded::new(regions.near.clone());
        regions.near.set(Health::Failing);
        assert!(near.decrypt(&context(), &regions.wrapped).await.is_err());
        assert_eq!(near.rank(&regions.wrapped), Some(Rank::UNHEALTHY));
        regions.near.set(answer);
        // Nobody is kept from it while it rests.
        let answered = near.decrypt(&context(), &regions.wrapped).await;
        assert_eq!(answered.is_ok(), answer == Health::Up);
        assert_eq!(near.rank(&regions.wrapped), Some(Rank::LOCAL));
    }
}

/// Whoever asks both at once drops the slower answer.
#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_while_it_is_slow_counts_for_the_rank_and_for_nothing_else() {
    let regions = Regions::new().await;
    let near = Guarded::new(regions.near.clone());
    regions.near.set(Health::Hanging);
    let late = defaults::BREAKER_ABANDONED_AFTER;
    for (after, rank) in [(late / 2, Rank::LOCAL), (late, Rank::UNHEALTHY)] {
        let dropped = timeout(after, near.decrypt(&context(), &regions.wrapped)).await;
        assert!(dropped.is_err());
        assert_eq!(near.rank(&regions.wrapped), Some(rank), "after {after:?}");
    }
    for _ in 0..100 {
        let dropped = timeout(late, near.decrypt(&context(), &regions.wrapped)).await;
        assert!(dropped.is_err());
    }
    let state = near.breaker().state();
    assert_eq!((state.phase, state.failures), (BreakerPhase::Closed, 0));
}

#[tokio::test(start_paused = true)]
async fn sealing_and_each_key_are_judged_by_themselves_unless_one_name_is_given() {
    for name in [None, Some("eu-west-1")] {
        let regions = Regions::new().await;
        let mut near = Guarded::new(regions.near.clone());
        if let Some(name) = name {
            near = near.with_scope(name);
        }
        regions.near.set(Health::Failing);
        assert!(
            near.generate_data_key(&context(), DataKeyLength::Bytes32)
                .await
                .is_err()
        );
        let unwell = name.is_some();
        assert_eq!(near.rank(&regions.wrapped) >= Some(Rank::UNHEALTHY), unwell);
        assert!(!near.breaker().is_unwell(REPLICA));
        assert!(near.breaker().is_unwell(name.unwrap_or("")));
    }
}

/// Fails until the breaker opens.
async fn bring_down(regions: &Regions, near: &Guarded<Replica>) {
    while near.breaker().down().is_empty() {
        assert!(near.decrypt(&context(), &regions.wrapped).await.is_err());
        sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_says_why_and_is_not_tried_again_by_a_retry_above() {
    let regions = Regions::new().await;
    let near = Guarded::new(regions.near.clone());
    regions.near.set(Health::Failing);
    bring_down(&regions, &near).await;
    let retry = Retry::new(near, seeded(1));
    let calls = regions.near.calls();
    for _ in 0..100 {
        let began = Instant::now();
        let error = retry.decrypt(&context(), &regions.wrapped).await.unwrap_err();
        assert!(began.elapsed().is_zero());
        assert_eq!(
            (error.class(), error.key_id()),
            (ErrorClass::Transient, Some(REPLICA))
        );
        assert!(error.is_final() && !error.was_sent());
        assert!(std::error::Error::source(&error).unwrap().is::<CircuitOpen>());
        told_once(&error);
    }
    assert_eq!(regions.near.calls(), calls);
    let above = retry.policy().breaker().unwrap();
    assert_eq!(above.state().failures, 0, "nothing was sent, so nothing failed");
    assert!(!above.is_unwell(REPLICA));

    // Refused by the one and failed by the other is worth another attempt.
    regions.far.set(Health::Failing);
    let both = [retry.into_inner(), Guarded::new(regions.far.clone())];
    let both = Retry::new(Several::new(both).unwrap(), seeded(1).with_max_attempts(3));
    assert!(both.decrypt(&context(), &regions.wrapped).await.is_err());
    assert_eq!(regions.far.calls(), 4, "three attempts after the first call");
}

/// With a breaker at both levels, the one above adds nothing to how long the one below refuses.
#[tokio::test(start_paused = true)]
async fn two_breakers_one_above_the_other_are_back_within_a_second() {
    for offset in 0..20 {
        let regions = Regions::new().await;
        let retry = Retry::new(Guarded::new(regions.near.clone()), seeded(offset));
        regions.near.set(Health::Failing);
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(20) {
            assert!(retry.decrypt(&context(), &regions.wrapped).await.is_err());
            sleep(Duration::from_millis(10 + offset)).await;
        }
        sleep(Duration::from_millis(47 * offset)).await;
        regions.near.set(Health::Up);
        let back = Instant::now();
        while retry.decrypt(&context(), &regions.wrapped).await.is_err() {
            sleep(Duration::from_millis(10)).await;
        }
        let took = back.elapsed();
        assert!(
            took <= defaults::BREAKER_WAIT_CAP + Duration::from_millis(20),
            "{took:?}"
        );
    }
}

#[derive(Default)]
struct Log(Mutex<Vec<(String, Event)>>);

impl Observer for Log {
    fn observe(&self, call: Subject<'_>, event: Event) {
        assert_eq!(
            (call.key_id, call.operation),
            (call.scope, Some(Operation::Decrypt))
        );
        self.0.lock().unwrap().push((call.scope.to_owned(), event));
    }
}

#[tokio::test(start_paused = true)]
async fn an_observer_is_told_when_it_opens() {
    let regions = Regions::new().await;
    let log = Arc::new(Log::default());
    let near = Guarded::new(regions.near.clone()).with_observer(Arc::clone(&log));
    regions.near.set(Health::Failing);
    bring_down(&regions, &near).await;
    let class = ErrorClass::Transient;
    assert_eq!(
        *log.0.lock().unwrap(),
        [(REPLICA.to_owned(), Event::Opened { class })]
    );
}

/// A call that is polled once and then left alone, as one on a runtime that is not driven.
type LeftAlone<'a> = Pin<Box<dyn Future<Output = Result<(), ProviderError>> + 'a>>;

fn left_alone<'a>(provider: &'a Guarded<Replica>, wrapped: &'a WrappedKey) -> LeftAlone<'a> {
    let mut call: LeftAlone<'a> = Box::pin(async {
        // Until the call is out, and no further.
        let context = context();
        provider.decrypt(&context, wrapped).await.map(drop)
    });
    let polled = call.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(polled.is_pending());
    call
}

#[tokio::test(start_paused = true)]
async fn a_try_that_is_polled_once_and_left_alone_is_forgotten_by_the_clock() {
    let regions = Regions::new().await;
    let near = Guarded::new(regions.near.clone());
    regions.near.set(Health::Failing);
    assert!(near.decrypt(&context(), &regions.wrapped).await.is_err());
    advance(defaults::BREAKER_REST).await;
    let alone = left_alone(&near, &regions.wrapped);
    assert_eq!(near.rank(&regions.wrapped), Some(Rank::UNHEALTHY), "one tries");
    advance(defaults::BREAKER_REST).await;
    assert_eq!(near.rank(&regions.wrapped), Some(Rank::LOCAL), "the next may");

    bring_down(&regions, &near).await;
    sleep(defaults::BREAKER_WAIT_CAP).await;
    let other = left_alone(&near, &regions.wrapped);
    regions.near.set(Health::Up);
    assert!(near.decrypt(&context(), &regions.wrapped).await.is_err());
    advance(defaults::BREAKER_WAIT_CAP).await;
    assert!(near.decrypt(&context(), &regions.wrapped).await.is_ok());
    drop((alone, other));
    assert_eq!(near.rank(&regions.wrapped), Some(Rank::LOCAL));
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// Real clocks and real runtimes; a try of the one is never polled again, kept or dropped with its runtime.
#[test]
fn a_try_on_a_runtime_that_is_not_driven_keeps_nobody_from_the_region() {
    const SHORT: Duration = Duration::from_millis(20);
    for keep in [true, false] {
        let (here, elsewhere) = (runtime(), runtime());
        let regions = here.block_on(Regions::new());
        let breaker = Breaker::builder()
            .with_failures(1)
            .with_after(Duration::ZERO)
            .with_first_wait(SHORT)
            .with_longest_wait(SHORT)
            .with_first_rest(SHORT)
            .with_longest_rest(SHORT)
            .build();
        let near = Guarded::new(regions.near.clone()).with_breaker(breaker);
        regions.near.set(Health::Failing);
        here.block_on(near.decrypt(&context(), &regions.wrapped))
            .unwrap_err();
        assert_eq!(near.breaker().down(), [Box::<str>::from(REPLICA)]);

        regions.near.set(Health::Hanging);
        let mut alone = None;
        elsewhere.block_on(async {
            sleep(SHORT).await;
            alone = Some(left_alone(&near, &regions.wrapped));
        });
        let kept = if keep { Some((alone, elsewhere)) } else { None };
        regions.near.set(Health::Up);
        here.block_on(async {
            for _ in 0..1000 {
                if near.rank(&regions.wrapped) == Some(Rank::LOCAL)
                    && near.decrypt(&context(), &regions.wrapped).await.is_ok()
                {
                    return;
                }
                sleep(SHORT / 4).await;
            }
            panic!("it never came back");
        });
        drop(kept);
        assert!(near.breaker().down().is_empty());
    }
}
