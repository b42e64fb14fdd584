//! Retries, as `tracing` hears of them.
use std::time::Duration;

use datakey_provider::{ErrorClass, Operation, ProviderError};
use datakey_retry::{Backoff, Policy, retry};
use tracing::Level;

use crate::listener::Listening;

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
async fn tracing_has_each_event_under_its_name() {
    let listening = Listening::begin().await;
    let policy = Policy::default().with_transient_backoff(Backoff::constant(Duration::from_millis(100)));
    assert!(call(&policy, &[ErrorClass::Transient, ErrorClass::Throttled]).await);
    assert!(!call(&policy.clone().with_scope("orders"), &[ErrorClass::Transient; 50]).await);
    let lines = listening.lines();
    for (name, level, fields) in [
        (
            "attempt",
            Level::TRACE,
            "scope=\"\" operation=\"\" key_id=\"\" attempt=1 ",
        ),
        (
            "failed",
            Level::DEBUG,
            "scope=\"\" operation=\"\" key_id=\"\" attempt=1 class=\"transient\" took=0.0 ",
        ),
        (
            "wait",
            Level::DEBUG,
            "scope=\"\" operation=\"\" key_id=\"\" attempt=2 delay=0.1 ",
        ),
        (
            "turn",
            Level::TRACE,
            "scope=\"\" operation=\"\" key_id=\"\" attempt=3 ",
        ),
        (
            "opened",
            Level::WARN,
            "scope=\"orders\" operation=\"\" key_id=\"\" class=\"transient\" ",
        ),
    ] {
        let name = format!("datakey.retry.{name}");
        assert!(
            lines
                .iter()
                .any(|line| line.name == name && line.level == level && line.fields == fields),
            "{name} {fields}: {lines:?}"
        );
    }
    let of = |name: &str| {
        let line = lines.iter().find(|line| line.name == name).unwrap();
        (line.level, line.fields.clone())
    };
    let (level, fields) = of("datakey.retry.succeeded");
    assert!(
        level == Level::TRACE
            && fields.starts_with("scope=\"\" operation=\"\" key_id=\"\" attempt=3 waited=0."),
        "{fields}"
    );
    let (level, fields) = of("datakey.retry.gave_up");
    assert_eq!(level, Level::DEBUG);
    assert!(
        fields.contains("reason=\"circuit_open\" class=\"transient\"") && fields.contains("attempts="),
        "{fields}"
    );
}
