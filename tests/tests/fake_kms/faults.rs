//! Scripted faults, latency and the ledger of the fake KMS.
use std::time::Duration;

use datakey_fake_kms::{
    CallError, FakeKms, Fault, FaultRule, KmsContext, KmsErrorCode, KmsOperation, Latency, Outcome, Quota,
};
use tokio::time::{Instant, timeout};

async fn outcomes(fake: &FakeKms, calls: usize) -> String {
    let mut seen = String::new();
    for _ in 0..calls {
        seen.push(if fake.generate_random(1).await.is_ok() {
            '.'
        } else {
            'x'
        });
    }
    seen
}

#[tokio::test]
async fn rules_fire_after_and_for_a_number_of_calls() {
    let fake = FakeKms::new();
    fake.inject(FaultRule::new(KmsErrorCode::Internal).times(2));
    assert_eq!(outcomes(&fake, 4).await, "xx..");
    fake.inject(FaultRule::new(KmsErrorCode::Internal).after(3).times(1));
    assert_eq!(outcomes(&fake, 6).await, "...x..");
    fake.inject(FaultRule::new(KmsErrorCode::Internal).times(0));
    assert_eq!(outcomes(&fake, 2).await, "..");
    let rule = fake.inject(FaultRule::new(KmsErrorCode::Internal));
    assert_eq!(outcomes(&fake, 3).await, "xxx");
    assert!(fake.remove_fault(rule));
    assert!(!fake.remove_fault(rule));
    assert_eq!(outcomes(&fake, 2).await, "..");
    fake.inject(FaultRule::new(KmsErrorCode::Internal));
    fake.clear_faults();
    assert_eq!(outcomes(&fake, 2).await, "..");
}

#[tokio::test]
async fn rules_are_for_an_operation_and_a_key() {
    let fake = FakeKms::new();
    let (one, two) = (fake.create_key().unwrap(), fake.create_key().unwrap());
    fake.create_alias("alias/one", &one).unwrap();
    let none = KmsContext::default();
    let by_one = fake.encrypt(&one, &none, b"x").await.unwrap().ciphertext;
    let by_two = fake.encrypt(&two, &none, b"x").await.unwrap().ciphertext;

    fake.inject(
        FaultRule::new(KmsErrorCode::KeyUnavailable)
            .on(KmsOperation::Decrypt)
            .for_key("alias/one"),
    );
    assert!(fake.decrypt(Some(&one), &none, &by_one).await.is_err());
    assert!(fake.decrypt(Some("alias/one"), &none, &by_one).await.is_err());
    assert!(
        fake.decrypt(None, &none, &by_one).await.is_err(),
        "named by the ciphertext"
    );
    assert!(fake.decrypt(None, &none, &by_two).await.is_ok());
    assert!(fake.encrypt(&one, &none, b"x").await.is_ok());
    assert!(fake.generate_random(1).await.is_ok());
}

#[tokio::test]
async fn the_first_rule_that_fires_decides() {
    let fake = FakeKms::new();
    fake.inject(FaultRule::new(KmsErrorCode::Internal).times(1));
    fake.inject(FaultRule::new(KmsErrorCode::AccessDenied).times(1));
    let codes = [
        fake.generate_random(1).await.unwrap_err().code(),
        fake.generate_random(1).await.unwrap_err().code(),
    ];
    assert_eq!(
        codes,
        [Some(KmsErrorCode::Internal), Some(KmsErrorCode::AccessDenied)]
    );
}

#[tokio::test]
async fn chance_follows_the_seed() {
    let run = async |seed| {
        let fake = FakeKms::builder().seed(seed).build().unwrap();
        fake.inject(FaultRule::new(KmsErrorCode::Internal).with_probability(0.25));
        outcomes(&fake, 4000).await
    };
    let (one, same, other) = (run(1).await, run(1).await, run(2).await);
    assert_eq!(one, same);
    assert_ne!(one, other);
    let failed = one.matches('x').count();
    assert!((850..1150).contains(&failed), "{failed} of 4000 with seed 1");

    let fake = FakeKms::new();
    fake.inject(FaultRule::new(KmsErrorCode::Internal).with_probability(0.0));
    assert_eq!(outcomes(&fake, 100).await, ".".repeat(100));
}

#[tokio::test(start_paused = true)]
async fn hanging_calls_end_when_told() {
    let fake = FakeKms::new();
    fake.inject(FaultRule::new(Fault::Hang(Duration::from_secs(75))).times(1));
    let before = Instant::now();
    assert_eq!(fake.generate_random(1).await.unwrap_err(), CallError::TimedOut);
    assert_eq!(before.elapsed(), Duration::from_secs(75));

    fake.inject(FaultRule::new(Fault::Hang(Duration::MAX)).times(1));
    let day = Duration::from_secs(86_400);
    assert!(timeout(day, fake.generate_random(1)).await.is_err(), "for good");
    assert!(fake.generate_random(1).await.is_ok());
    assert_eq!(
        fake.ledger().ended(Outcome::TimedOut),
        2,
        "the abandoned call counts"
    );
}

#[tokio::test]
async fn a_throttled_call_uses_up_no_fault() {
    let fake = FakeKms::builder()
        .quota(Quota::token_bucket(0, 0))
        .build()
        .unwrap();
    fake.inject(FaultRule::new(KmsErrorCode::Internal).times(1));
    assert_eq!(
        fake.generate_random(1).await.unwrap_err().code(),
        Some(KmsErrorCode::Throttling)
    );
    fake.set_quota(Quota::UNLIMITED);
    assert_eq!(
        fake.generate_random(1).await.unwrap_err().code(),
        Some(KmsErrorCode::Internal)
    );
}

#[tokio::test(start_paused = true)]
async fn latencies_are_within_bounds_and_follow_the_seed() {
    let (least, most) = (Duration::from_millis(10), Duration::from_millis(50));
    let run = async |seed| {
        let fake = FakeKms::builder()
            .latency(Latency::uniform(most, least))
            .seed(seed)
            .build()
            .unwrap();
        let mut times = Vec::new();
        for _ in 0..200 {
            let before = Instant::now();
            fake.generate_random(1).await.unwrap();
            times.push(before.elapsed());
        }
        times
    };
    let (one, same, other) = (run(1).await, run(1).await, run(2).await);
    assert_eq!(one, same);
    assert_ne!(one, other);
    // The clock of tokio ticks in milliseconds and rounds up.
    assert!(
        one.iter()
            .all(|time| (least..=most + Duration::from_millis(1)).contains(time)),
        "{one:?}"
    );
    let (min, max) = (one.iter().min().unwrap(), one.iter().max().unwrap());
    assert!(
        *min < Duration::from_millis(14) && *max > Duration::from_millis(46),
        "{min:?} to {max:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_slow_call_holds_nobody_up() {
    let fake = FakeKms::builder()
        .latency(Latency::fixed(Duration::from_secs(1)))
        .build()
        .unwrap();
    let before = Instant::now();
    let tasks: Vec<_> = (0..100)
        .map(|_| {
            let fake = fake.clone();
            tokio::spawn(async move { fake.generate_random(1).await.unwrap() })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(before.elapsed(), Duration::from_secs(1));
    fake.set_latency(Latency::NONE);
    fake.generate_random(1).await.unwrap();
    assert_eq!(before.elapsed(), Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn the_ledger_tells_each_call() {
    let fake = FakeKms::new();
    let key = fake.create_key().unwrap();
    let context = KmsContext::new([("tenant", "acme")]).unwrap();
    let made = fake.generate_data_key(&key, &context, 32).await.unwrap();
    tokio::time::advance(Duration::from_millis(1500)).await;
    let other = KmsContext::new([("tenant", "other")]).unwrap();
    fake.decrypt(None, &other, &made.ciphertext).await.unwrap_err();
    fake.encrypt("alias/none", &context, b"x").await.unwrap_err();

    let entries = fake.ledger().entries();
    let told: Vec<_> = entries
        .iter()
        .map(|entry| {
            (
                entry.sequence,
                entry.at.as_millis(),
                entry.operation,
                entry.key.as_deref(),
                entry.outcome,
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            (0, 0, KmsOperation::GenerateDataKey, Some(&*key), Outcome::Success),
            (
                1,
                1500,
                KmsOperation::Decrypt,
                Some(&*key),
                Outcome::Refused(KmsErrorCode::InvalidCiphertext)
            ),
            (
                2,
                1500,
                KmsOperation::Encrypt,
                Some("alias/none"),
                Outcome::Refused(KmsErrorCode::NotFound)
            ),
        ]
    );
    assert_eq!(entries[1].context, other);
    assert_eq!(fake.ledger().count(KmsOperation::Decrypt, Outcome::Success), 0);
    assert_eq!(fake.ledger().calls_of(KmsOperation::Encrypt), 1);
    assert_eq!(fake.ledger().calls_of(KmsOperation::RotateKeyOnDemand), 0);
}

#[tokio::test]
async fn the_ledger_is_bounded() {
    let fake = FakeKms::builder().ledger_capacity(3).build().unwrap();
    for _ in 0..10 {
        fake.generate_random(1).await.unwrap();
    }
    let kept: Vec<u64> = fake
        .ledger()
        .entries()
        .iter()
        .map(|entry| entry.sequence)
        .collect();
    assert_eq!(kept, [7, 8, 9]);
    assert_eq!(fake.ledger().calls(), 10);
    fake.ledger().clear();
    assert_eq!(fake.ledger().calls(), 0);
    assert!(fake.ledger().entries().is_empty());
    fake.generate_random(1).await.unwrap();
    assert_eq!(fake.ledger().entries()[0].sequence, 10);

    let none = FakeKms::builder().ledger_capacity(0).build().unwrap();
    none.generate_random(1).await.unwrap();
    assert_eq!((none.ledger().calls(), none.ledger().entries().len()), (1, 0));
}

#[tokio::test]
async fn the_call_of_a_cancelled_caller_counts() {
    let fake = FakeKms::builder()
        .latency(Latency::fixed(Duration::from_secs(3600)))
        .build()
        .unwrap();
    let mut call = Box::pin(fake.generate_random(1));
    let polled = std::future::poll_fn(|cx| std::task::Poll::Ready(call.as_mut().poll(cx))).await;
    assert!(polled.is_pending());
    drop(call);
    assert_eq!(fake.ledger().successes(), 1);
}

#[tokio::test]
async fn the_ledger_keeps_no_more_of_a_name_than_an_id_can_have() {
    let fake = FakeKms::new();
    let none = KmsContext::default();
    for letter in ["x", "\u{2603}"] {
        assert!(fake.encrypt(&letter.repeat(100_000), &none, b"x").await.is_err());
        let entries = fake.ledger().entries();
        let kept = entries.last().unwrap().key.as_deref().unwrap();
        assert!(
            (2046..=2048).contains(&kept.len()) && kept.starts_with(letter),
            "{}",
            kept.len()
        );
    }
    let refused = fake
        .encrypt(&"\u{2603}".repeat(100_000), &none, b"x")
        .await
        .unwrap_err();
    assert!(refused.to_string().len() < 500, "{}", refused.to_string().len());
}
