//! The fake's quota: shared by all cryptographic operations, exact to one call, on the paused clock.
use std::time::Duration;

use datakey_fake_kms::{CallError, FakeKms, KmsContext, KmsErrorCode, KmsOperation, Latency, Outcome, Quota};
use tokio::time::{Instant, advance};

fn fake(quota: Quota) -> FakeKms {
    FakeKms::builder().quota(quota).build().unwrap()
}

/// Makes calls and counts those that were answered; any other refusal than a throttle fails the test.
async fn answered(fake: &FakeKms, calls: u64) -> u64 {
    let mut answered = 0;
    for _ in 0..calls {
        match fake.generate_random(32).await {
            Ok(_) => answered += 1,
            Err(error) => assert_eq!(error.code(), Some(KmsErrorCode::Throttling)),
        }
    }
    answered
}

#[tokio::test(start_paused = true)]
async fn each_second_has_its_calls_exactly() {
    let fake = fake(Quota::per_second(100));
    for calls in [99, 100, 101, 1000, 0, 100] {
        let expected = calls.min(100);
        assert_eq!(answered(&fake, calls).await, expected, "{calls} calls");
        advance(Duration::from_secs(1)).await;
    }
    let ledger = fake.ledger();
    assert_eq!(ledger.calls(), 1400);
    assert_eq!(ledger.throttled(), 901);
    assert_eq!(ledger.successes(), 499);
}

#[tokio::test(start_paused = true)]
async fn windows_are_those_of_the_fakes_clock() {
    let fake = fake(Quota::per_second(10));
    advance(Duration::from_millis(900)).await;
    assert_eq!(answered(&fake, 20).await, 10);
    advance(Duration::from_millis(99)).await;
    assert_eq!(answered(&fake, 20).await, 0, "999 ms: the same window");
    advance(Duration::from_millis(1)).await;
    assert_eq!(answered(&fake, 20).await, 10, "1,000 ms: the next window");
}

#[tokio::test(start_paused = true)]
async fn concurrent_calls_share_it_exactly() {
    let fake = FakeKms::builder()
        .quota(Quota::per_second(64))
        .latency(Latency::uniform(
            Duration::from_millis(1),
            Duration::from_millis(900),
        ))
        .build()
        .unwrap();
    for second in 1..=5 {
        let tasks: Vec<_> = (0..200)
            .map(|_| {
                let fake = fake.clone();
                tokio::spawn(async move { answered(&fake, 1).await })
            })
            .collect();
        let mut total = 0;
        for task in tasks {
            total += task.await.unwrap();
        }
        assert_eq!(total, 64, "second {second}");
        let elapsed = fake.ledger().entries().last().unwrap().at;
        assert!(elapsed < Duration::from_secs(second));
        advance(Duration::from_secs(second).saturating_sub(elapsed)).await;
    }
}

#[tokio::test]
async fn threads_share_it_exactly() {
    // A quota that never refills: no clock decides, only the count under contention.
    let fake = fake(Quota::token_bucket(0, 1000));
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let fake = fake.clone();
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                runtime.block_on(answered(&fake, 500))
            })
        })
        .collect();
    let total: u64 = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
    assert_eq!(total, 1000);
}

#[tokio::test(start_paused = true)]
async fn a_bucket_refills_evenly() {
    let fake = fake(Quota::token_bucket(50, 20));
    assert_eq!(answered(&fake, 100).await, 20, "the burst");
    for _ in 0..10 {
        advance(Duration::from_millis(19)).await;
        assert_eq!(answered(&fake, 5).await, 0, "a token takes 20 ms");
        advance(Duration::from_millis(1)).await;
        assert_eq!(answered(&fake, 5).await, 1);
    }
    advance(Duration::from_millis(200)).await;
    assert_eq!(answered(&fake, 100).await, 10);
    advance(Duration::from_secs(3600)).await;
    assert_eq!(answered(&fake, 100).await, 20, "never more than the burst");
}

#[tokio::test(start_paused = true)]
async fn a_minute_of_a_bucket_is_burst_and_rate() {
    let fake = fake(Quota::token_bucket(37, 5));
    let mut total = 0;
    for _ in 0..60_000 {
        total += answered(&fake, 1).await;
        advance(Duration::from_millis(1)).await;
    }
    // The last token may lie between the last call and the minute's end.
    assert!((37 * 60 + 4..=37 * 60 + 5).contains(&total), "{total}");
}

#[tokio::test]
async fn all_cryptographic_operations_share_it_and_no_others() {
    let fake = fake(Quota::UNLIMITED);
    let key = fake.create_key().unwrap();
    let context = KmsContext::default();
    let made = fake.encrypt(&key, &context, b"x").await.unwrap();
    fake.ledger().clear();

    fake.set_quota(Quota::token_bucket(0, 6));
    fake.generate_data_key(&key, &context, 32).await.unwrap();
    fake.generate_data_key_without_plaintext(&key, &context, 32)
        .await
        .unwrap();
    fake.encrypt(&key, &context, b"x").await.unwrap();
    fake.decrypt(None, &context, &made.ciphertext).await.unwrap();
    fake.re_encrypt(&made.ciphertext, (None, &context), (&key, &context))
        .await
        .unwrap();
    fake.generate_random(1).await.unwrap();

    let throttled = Some(KmsErrorCode::Throttling);
    assert_eq!(
        fake.generate_data_key(&key, &context, 32)
            .await
            .unwrap_err()
            .code(),
        throttled
    );
    let without = fake.generate_data_key_without_plaintext(&key, &context, 32).await;
    assert_eq!(without.unwrap_err().code(), throttled);
    assert_eq!(
        fake.encrypt(&key, &context, b"x").await.unwrap_err().code(),
        throttled
    );
    assert_eq!(
        fake.decrypt(None, &context, &made.ciphertext)
            .await
            .unwrap_err()
            .code(),
        throttled
    );
    let again = fake
        .re_encrypt(&made.ciphertext, (None, &context), (&key, &context))
        .await;
    assert_eq!(again.unwrap_err().code(), throttled);
    assert_eq!(fake.generate_random(1).await.unwrap_err().code(), throttled);
    assert!(fake.describe_key(&key).await.is_ok());

    for operation in KmsOperation::ALL
        .iter()
        .filter(|operation| operation.is_cryptographic())
    {
        assert_eq!(
            fake.ledger().count(*operation, Outcome::Success),
            1,
            "{operation}"
        );
        assert_eq!(fake.ledger().calls_of(*operation), 2, "{operation}");
    }
    assert_eq!(fake.ledger().throttled(), 6);
}

#[tokio::test(start_paused = true)]
async fn it_changes_while_running() {
    let fake = fake(Quota::per_second(3));
    assert_eq!(answered(&fake, 10).await, 3);
    fake.set_quota(Quota::per_second(5));
    assert_eq!(answered(&fake, 10).await, 5, "a new window");
    fake.set_quota(Quota::UNLIMITED);
    assert_eq!(answered(&fake, 10_000).await, 10_000);
    fake.set_quota(Quota::per_second(0));
    advance(Duration::from_secs(10)).await;
    assert_eq!(answered(&fake, 10).await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_throttled_answer_takes_its_time_too() {
    let fake = FakeKms::builder()
        .quota(Quota::per_second(0))
        .latency(Latency::fixed(Duration::from_millis(40)))
        .build()
        .unwrap();
    let before = Instant::now();
    assert!(matches!(
        fake.generate_random(1).await,
        Err(CallError::Refused(_))
    ));
    assert_eq!(before.elapsed(), Duration::from_millis(40));
}
