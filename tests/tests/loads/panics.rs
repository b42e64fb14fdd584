//! Whoever ends loads may panic over it, and leaves nobody waiting for ever.
use std::{
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::atomic::Ordering::SeqCst,
};

use datakey_loads::{Ending, Joined, LoadError, Outcome};
use tokio::time::{sleep, timeout};

use crate::scripted::{Loading, ms};

const KEYS: [&str; 4] = ["0", "1", "2", "3"];

/// The waits of those who asked for each of the keys.
async fn asked(loading: &Loading) -> Vec<datakey_loads::Wait<crate::scripted::Scripted>> {
    let waits = KEYS.map(|key| match loading.join(key) {
        Ok(Joined::Leads(wait)) => wait,
        other => panic!("nobody was there before: {other:?}"),
    });
    sleep(ms(1)).await;
    waits.into()
}

#[tokio::test(start_paused = true)]
async fn a_panic_over_which_loads_are_concerned_ends_none_of_them() {
    let loading = Loading::taking(ms(50));
    let waits = asked(&loading).await;
    let looked = Cell::new(0);
    let concerned = |_: &&str| {
        looked.set(looked.get() + 1);
        assert!(looked.get() < 3, "as it was told");
        true
    };
    let ended = || loading.loads.end(Ending::Invalidated, concerned, || ());
    assert!(catch_unwind(AssertUnwindSafe(ended)).is_err());
    for wait in waits {
        let outcome = timeout(ms(10_000), wait).await;
        assert!(matches!(outcome, Ok(Outcome::Loaded(_))), "{outcome:?}");
    }
    assert_eq!((loading.source.calls(), loading.loads.in_flight()), (4, 0));
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_what_ends_with_the_loads_is_passed_on_when_all_who_wait_are_told() {
    for ending in [Ending::Invalidated, Ending::ShutDown] {
        let loading = Loading::taking(ms(50));
        let waits = asked(&loading).await;
        let ended = || loading.loads.end(ending, |_| true, || panic!("as it was told"));
        let panic = catch_unwind(AssertUnwindSafe(ended)).unwrap_err();
        assert_eq!(panic.downcast_ref(), Some(&"as it was told"));
        for wait in waits {
            let outcome = timeout(ms(10_000), wait).await;
            let told = match ending {
                Ending::Invalidated => matches!(outcome, Ok(Outcome::Superseded)),
                Ending::ShutDown => matches!(outcome, Ok(Outcome::Failed(LoadError::ShutDown))),
            };
            assert!(told, "{ending:?}: {outcome:?}");
        }
        assert_eq!(loading.loads.in_flight(), 0);
        let asked = timeout(ms(10_000), loading.get("0")).await;
        assert_eq!(asked.unwrap().is_ok(), ending == Ending::Invalidated);
        assert!(loading.source.landings.load(SeqCst) <= 1);
    }
}
