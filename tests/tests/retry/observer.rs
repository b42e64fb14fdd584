//! What an observer is told.
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use datakey_provider::{
    DataKeyLength, EncryptionContext, ErrorClass, OpeningProvider as _, Operation, ProviderError,
    SealingProvider as _,
};
use datakey_retry::{Backoff, Event, Observer, Policy, Reason, Retry, Subject, retry, retry_operation};
use datakey_tests::retry::Scripted;

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Keeps what it is told.
#[derive(Default)]
struct Log(Mutex<Vec<(String, Event)>>);

impl Observer for Log {
    fn observe(&self, call: Subject<'_>, event: Event) {
        let told = format!(
            "{}/{}/{}",
            call.scope,
            call.operation.map_or("", Operation::as_str),
            call.key_id
        );
        self.0.lock().unwrap().push((told, event));
    }
}

impl Log {
    fn events(&self) -> Vec<Event> {
        self.0.lock().unwrap().iter().map(|(_, event)| *event).collect()
    }
}

fn observed() -> (Policy, Arc<Log>) {
    let log = Arc::new(Log::default());
    let policy = Policy::default()
        .with_transient_backoff(Backoff::constant(ms(100)))
        .with_observer(Arc::clone(&log));
    (policy, log)
}

/// Fails so before it succeeds.
async fn call(policy: &Policy, failures: &[ErrorClass]) -> bool {
    let mut failures = failures.iter();
    let answer = retry(policy, || {
        let failure = failures.next();
        async move {
            failure.map_or(Ok(()), |class| {
                Err(ProviderError::new(*class, Operation::Decrypt))
            })
        }
    });
    answer.await.is_ok()
}

#[tokio::test(start_paused = true)]
async fn each_attempt_wait_and_end_is_told() {
    let (policy, log) = observed();
    assert!(call(&policy, &[ErrorClass::Transient]).await);
    let told = [
        Event::Attempt { attempt: 1 },
        Event::Failed {
            attempt: 1,
            class: ErrorClass::Transient,
            took: Duration::ZERO,
        },
        Event::Wait {
            attempt: 2,
            delay: ms(100),
        },
        Event::Attempt { attempt: 2 },
        Event::Succeeded {
            attempt: 2,
            waited: ms(100),
            took: Duration::ZERO,
        },
    ];
    assert_eq!(log.events(), told);
    assert!(log.0.lock().unwrap().iter().all(|(call, _)| call == "//"));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_given_up_is_told_with_its_reason() {
    let (policy, log) = observed();
    assert!(!call(&policy.clone().with_scope("orders"), &[ErrorClass::Denied]).await);
    let (scope, last) = log.0.lock().unwrap().pop().unwrap();
    let told = Event::GaveUp {
        attempts: 1,
        waited: Duration::ZERO,
        reason: Reason::Permanent,
        class: ErrorClass::Denied,
        took: Duration::ZERO,
    };
    assert_eq!((scope.as_str(), last), ("orders//", told));
}

/// Which key, which operation, and how long: of a provider's calls too, and of those that take their time.
#[tokio::test(start_paused = true)]
async fn operation_key_and_duration_are_told() {
    let (policy, log) = observed();
    let slow = retry(&policy, || async {
        tokio::time::sleep(ms(30)).await;
        Ok::<_, ProviderError>(())
    });
    slow.await.unwrap();
    let took = ms(30);
    let (waited, attempt) = (Duration::ZERO, 1);
    let last = log.0.lock().unwrap().pop().unwrap();
    assert_eq!(
        last.1,
        Event::Succeeded {
            attempt,
            waited,
            took
        }
    );

    let failing = ProviderError::new(ErrorClass::Transient, Operation::Decrypt);
    let provider = Retry::new(Scripted::failing(vec![failing]), policy);
    let context = EncryptionContext::empty();
    let length = DataKeyLength::Bytes32;
    let made = provider.generate_data_key(&context, length).await.unwrap();
    let told = |log: &Log| log.0.lock().unwrap().last().unwrap().0.clone();
    assert_eq!(
        told(&log),
        "/GenerateDataKey/",
        "it names no key that it seals under"
    );
    provider
        .decrypt(&context, made.wrapped_keys().first())
        .await
        .unwrap();
    assert_eq!(told(&log), "scripted:1/Decrypt/scripted:1");
}

#[tokio::test(start_paused = true)]
async fn waiting_for_a_turn_and_an_open_breaker_are_told() {
    let (policy, log) = observed();
    assert!(call(&policy, &[ErrorClass::Throttled]).await);
    assert!(log.events().contains(&Event::Turn { attempt: 2 }));
    assert!(!call(&policy, &[ErrorClass::Transient; 50]).await);
    let opened = Event::Opened {
        class: ErrorClass::Transient,
    };
    let events = log.events();
    assert_eq!(events.iter().filter(|event| **event == opened).count(), 1);
    assert!(matches!(
        events.last(),
        Some(Event::GaveUp {
            reason: Reason::CircuitOpen,
            ..
        })
    ));
}

/// What of a call is told at its attempts, waits and end.
#[derive(Default)]
struct Told(Mutex<Vec<OneTold>>);

/// Quota, operation, elapsed time, and what happened.
type OneTold = (String, Option<Operation>, Duration, Event);

impl Observer for Told {
    fn observe(&self, call: Subject<'_>, event: Event) {
        let told = (call.quota.to_owned(), call.operation, call.elapsed, event);
        self.0.lock().unwrap().push(told);
    }
}

/// A call by its name is told under that, keeps to the rules of the operation, and says on which quota it is and how long it took in all.
#[tokio::test(start_paused = true)]
async fn quota_and_elapsed_time_are_told_and_how_long_a_turn_took() {
    let told = Arc::new(Told::default());
    let policy = Policy::default()
        .with_rules_for(Operation::GetItem, |rules| {
            rules.max_attempts = 2.try_into().unwrap()
        })
        .with_quota("table")
        .with_observer(Arc::clone(&told));
    let mut failures = vec![ErrorClass::Throttled, ErrorClass::Throttled];
    let answer = retry_operation(&policy, Operation::GetItem, || {
        let failure = failures.pop();
        async move {
            tokio::time::sleep(ms(30)).await;
            failure.map_or(Ok(()), |class| Err(ProviderError::new(class, Operation::GetItem)))
        }
    });
    let gave_up = answer.await.unwrap_err();
    assert_eq!(gave_up.reason(), Reason::Attempts, "two and no more");
    let told = told.0.lock().unwrap();
    assert!(
        told.iter()
            .all(|(quota, operation, ..)| quota == "table" && *operation == Some(Operation::GetItem))
    );
    let turns: Vec<Duration> = told
        .iter()
        .filter_map(|(.., event)| match event {
            Event::Admitted { attempt: 2, waited } => Some(*waited),
            _ => None,
        })
        .collect();
    assert!(turns.len() == 1 && turns[0] > Duration::ZERO, "{turns:?}");
    let (.., elapsed, last) = told.last().unwrap();
    let took = match last {
        Event::GaveUp { took, waited, .. } => {
            assert_eq!(*waited, turns[0]);
            *took
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(*elapsed, took);
    assert_eq!(took, turns[0] + ms(60), "both attempts, and the wait");
}

#[tokio::test(start_paused = true)]
async fn without_an_observer_nothing_is_told() {
    let (policy, log) = observed();
    assert!(call(&Policy::default(), &[ErrorClass::Throttled]).await);
    assert!(log.events().is_empty());
    assert!(call(&policy.clone(), &[]).await, "a clone shares it");
    assert_eq!(log.events().len(), 2);
}
