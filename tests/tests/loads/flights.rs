//! One load for all who wait, and how it ends.
use std::sync::atomic::Ordering::SeqCst;

use datakey_loads::{Ending, GateLimits, Joined, LoadError, Outcome};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

use crate::scripted::{Does, Loading, Refused, ms};

fn one_at_a_time() -> GateLimits {
    GateLimits {
        loads: 1,
        ..GateLimits::default()
    }
}

#[tokio::test(start_paused = true)]
async fn a_thousand_who_miss_together_make_one_call() {
    let loading = Loading::taking(ms(20));
    let mut callers = JoinSet::new();
    for _ in 0..1_000 {
        let loading = loading.clone();
        callers.spawn(async move { loading.get("a").await });
    }
    assert!(callers.join_all().await.into_iter().all(|got| got == Ok(1)));
    assert_eq!((loading.source.calls(), loading.loads.in_flight()), (1, 0));
    assert!(matches!(loading.join("a"), Ok(Joined::Found(1))));
    assert_eq!(loading.loads.gate().calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn who_begins_a_load_leads_it_and_the_others_wait() {
    let loading = Loading::taking(ms(20));
    let Ok(Joined::Leads(first)) = loading.join("a") else {
        panic!("nobody was there before");
    };
    sleep(ms(5)).await;
    let Ok(Joined::Waits(second)) = loading.join("a") else {
        panic!("it is under way");
    };
    assert!(matches!(loading.join("b"), Ok(Joined::Leads(_))));
    assert!(loading.loads.is_under_way(&"a") && !loading.loads.is_under_way(&"c"));
    assert_eq!(first.since(), second.since());
    assert_eq!(Instant::now().duration_since(first.since()), ms(5));
    let (first, second) = tokio::join!(first, second);
    assert!(matches!((first, second), (Outcome::Loaded(a), Outcome::Loaded(b)) if a == b));
}

#[tokio::test(start_paused = true)]
async fn who_looked_before_looks_again_only_when_something_has_landed_since() {
    let loading = Loading::taking(ms(20));
    let (source, loads) = (&loading.source, &loading.loads);
    let seen = loads.version();
    let blind = || -> Option<u64> { panic!("nothing has changed") };
    let wait = match loads.join(source, &"a", Some(seen), blind, |_| ()) {
        Ok(Joined::Leads(wait)) => wait,
        other => panic!("{other:?}"),
    };
    assert!(matches!(wait.await, Outcome::Loaded(1)));
    let joined = loads.join(source, &"a", Some(seen), || source.kept("a"), |_| ());
    assert!(matches!(joined, Ok(Joined::Found(1))), "{joined:?}");
    let before = loads.version();
    loads.end(Ending::Invalidated, |_| true, || source.forget("a"));
    assert_ne!(loads.version(), before, "what is gone is a change as well");
}

#[tokio::test(start_paused = true)]
async fn a_load_that_was_sent_goes_on_when_all_who_waited_have_gone() {
    let loading = Loading::taking(ms(100));
    for _ in 0..3 {
        assert!(timeout(ms(30), loading.get("a")).await.is_err());
    }
    assert_eq!((loading.source.calls(), loading.loads.in_flight()), (1, 1));
    assert_eq!(timeout(ms(30), loading.get("a")).await.unwrap(), Ok(1));
    assert_eq!(loading.source.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_load_whose_turn_has_not_come_goes_with_the_last_who_waits_unless_it_is_wanted() {
    for wanted in [false, true] {
        let loading = Loading::within(one_at_a_time(), ms(100));
        loading.source.wanted.store(wanted, SeqCst);
        let running = loading.join("running").unwrap();
        sleep(ms(1)).await;
        assert!(timeout(ms(10), loading.get("queued")).await.is_err());
        assert_eq!(loading.loads.is_under_way(&"queued"), wanted);
        drop(running);
        sleep(ms(500)).await;
        assert_eq!(loading.source.calls(), if wanted { 2 } else { 1 });
        assert_eq!(
            (loading.loads.in_flight(), loading.loads.gate().in_flight()),
            (0, 0)
        );
        assert!(
            loading.source.kept("running").is_some(),
            "its turn had come: it went on without those who waited"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_told_to_all_and_the_next_load_begins_anew() {
    let loading = Loading::taking(ms(20));
    loading.source.does(Does::Fail);
    let (a, b) = tokio::join!(loading.get("a"), loading.get("a"));
    assert_eq!(
        (a, b),
        (Err(LoadError::Failed(Refused)), Err(LoadError::Failed(Refused)))
    );
    loading.source.does(Does::Work);
    assert_eq!(loading.get("a").await, Ok(2));
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_the_source_is_an_error_for_all_who_wait_and_ends_nothing_else() {
    for does in [Does::Panic, Does::PanicAtOnce] {
        let loading = Loading::taking(ms(20));
        loading.source.does(does);
        let (a, b) = tokio::join!(loading.get("a"), loading.get("a"));
        assert_eq!((a, b), (Err(LoadError::Panicked), Err(LoadError::Panicked)));
        assert_eq!(
            (loading.loads.in_flight(), loading.loads.gate().in_flight()),
            (0, 0)
        );
        loading.source.does(Does::Work);
        assert_eq!(loading.get("a").await, Ok(loading.source.calls()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_while_a_result_is_taken_in_is_an_error_for_all_who_wait() {
    let loading = Loading::taking(ms(20));
    loading.source.lands_badly.store(true, SeqCst);
    let both = async { tokio::join!(loading.get("a"), loading.get("a")) };
    let told = timeout(ms(5_000), both).await;
    assert_eq!(told, Ok((Err(LoadError::Panicked), Err(LoadError::Panicked))));
    assert_eq!((loading.source.calls(), loading.loads.in_flight()), (1, 0));
    loading.source.lands_badly.store(false, SeqCst);
    assert_eq!(loading.get("a").await, Ok(2));
}

#[tokio::test(start_paused = true)]
async fn a_refresh_is_a_load_for_which_nobody_waits() {
    let loading = Loading::taking(ms(20));
    loading.source.wanted.store(true, SeqCst);
    assert!(loading.refresh("a"));
    assert!(!loading.refresh("a"), "it is under way");
    let unwanted = loading.loads.refresh(&loading.source, &"b", || false, |_| ());
    assert!(!unwanted && !loading.loads.is_under_way(&"b"));
    assert!(matches!(loading.join("a"), Ok(Joined::Waits(_))));
    sleep(ms(30)).await;
    assert_eq!((loading.source.kept("a"), loading.source.calls()), (Some(1), 1));
    assert!(loading.refresh("a"), "again, as it has landed");
    sleep(ms(30)).await;
    assert_eq!(loading.source.kept("a"), Some(2));
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_for_a_load_that_is_invalidated_starts_over_and_its_result_is_not_taken_in() {
    let loading = Loading::taking(ms(20));
    let asked = tokio::spawn({
        let loading = loading.clone();
        async move { loading.get("a").await }
    });
    let other = loading.join("b").unwrap();
    sleep(ms(10)).await;
    let told = loading
        .loads
        .end(Ending::Invalidated, |key| *key == "a", || "under the lock");
    assert_eq!(told, "under the lock");
    assert_eq!(asked.await.unwrap(), Ok(3), "of the call that was made after it");
    assert_eq!(
        loading.source.landings.load(SeqCst),
        2,
        "of b, and the second of a"
    );
    drop(other);
}

#[tokio::test(start_paused = true)]
async fn after_a_shutdown_there_are_no_loads_and_those_in_flight_end() {
    let loading = Loading::within(one_at_a_time(), ms(1_000));
    let running = loading.join("running").unwrap();
    let mut waiting = JoinSet::new();
    for key in ["running", "queued"] {
        let loading = loading.clone();
        waiting.spawn(async move { loading.get(key).await });
    }
    waiting.spawn({
        let loading = loading.clone();
        async move {
            loading
                .loads
                .gate()
                .alone("", async { Ok::<_, Refused>(0) })
                .await
        }
    });
    sleep(ms(10)).await;
    loading.loads.end(Ending::ShutDown, |_| true, || ());
    let began = Instant::now();
    for told in waiting.join_all().await {
        assert_eq!(told, Err(LoadError::ShutDown));
    }
    assert!(began.elapsed().is_zero());
    assert!(loading.loads.is_shut_down());
    assert!(matches!(loading.join("b"), Err(LoadError::ShutDown)));
    assert!(!loading.refresh("b"));
    drop(running);
    assert_eq!(
        (loading.loads.in_flight(), loading.loads.gate().in_flight()),
        (0, 0)
    );
}

#[test]
fn without_a_runtime_there_is_no_load_and_a_typed_error() {
    let loading = Loading::taking(ms(1));
    assert!(matches!(loading.join("a"), Err(LoadError::NoRuntime)));
    assert!(!loading.refresh("a"));
    assert_eq!(loading.loads.in_flight(), 0);
}
