//! What happens to branch keys while the table or KMS fails, and when access is taken away.
use std::time::Duration;

use datakey_branch_keys::{BranchKeyLimits, BranchKeys};
use datakey_fake_kms::{FaultRule, KmsErrorCode};
use datakey_provider::{
    DataKeyLength, ErrorClass, GeneratedDataKey, OpeningProvider as _, ProviderError, SealingProvider as _,
};
use tokio::time::{Instant, sleep};

use crate::stack::{Fault, Stack, context};

const MINUTE: Duration = Duration::from_secs(60);

fn limits() -> BranchKeyLimits {
    BranchKeyLimits::default().with_ages(MINUTE * 10, MINUTE * 30)
}

async fn seals(keys: &BranchKeys) -> Result<GeneratedDataKey, ProviderError> {
    keys.generate_data_key(&context("acme"), DataKeyLength::Bytes32)
        .await
}

async fn opens(keys: &BranchKeys, made: &GeneratedDataKey) -> Result<(), ProviderError> {
    let opened = keys
        .decrypt(&context("acme"), made.wrapped_keys().first())
        .await?;
    assert!(opened.ct_eq(made.data_key()));
    Ok(())
}

/// Seals and opens twice a minute; answers how many of each failed.
async fn used(keys: &BranchKeys, made: &GeneratedDataKey, minutes: u32) -> (u32, u32) {
    let (mut unsealed, mut unopened) = (0, 0);
    for _ in 0..minutes * 2 {
        unsealed += u32::from(seals(keys).await.is_err());
        unopened += u32::from(opens(keys, made).await.is_err());
        sleep(MINUTE / 2).await;
    }
    (unsealed, unopened)
}

type Outage<'a> = (&'static str, Box<dyn Fn() + 'a>);

/// What may be out of order: each makes a load fail.
fn outages(stack: &Stack) -> Vec<Outage<'_>> {
    let kms = |code: KmsErrorCode| {
        move || {
            let _stays = stack.fake.inject(FaultRule::new(code));
        }
    };
    vec![
        (
            "a throttled table",
            Box::new(|| stack.table.set(Fault::Fails(ErrorClass::Throttled))),
        ),
        (
            "a table that fails",
            Box::new(|| stack.table.set(Fault::Fails(ErrorClass::Transient))),
        ),
        ("a table that hangs", Box::new(|| stack.table.set(Fault::Hangs))),
        ("a throttled KMS", Box::new(kms(KmsErrorCode::Throttling))),
        ("a KMS that fails", Box::new(kms(KmsErrorCode::Internal))),
    ]
}

#[tokio::test(start_paused = true)]
async fn both_halves_ride_out_an_outage_until_the_hard_age_and_no_longer() {
    for outage in 0..5 {
        let stack = Stack::new().await;
        let keys = stack.builder().limits(limits()).build().unwrap();
        let made = seals(&keys).await.unwrap();
        assert_eq!(used(&keys, &made, 5).await, (0, 0));
        let all = outages(&stack);
        let (name, begin) = &all[outage];
        begin();
        // 24 minutes of outage end before the hard age of what was there when it began.
        assert_eq!(used(&keys, &made, 24).await, (0, 0), "{name}");
        let (unsealed, unopened) = used(&keys, &made, 8).await;
        assert!(unsealed > 0 && unopened > 0, "{name}: {unsealed}, {unopened}");
        assert!(keys.sealing().stats().stale.total() > 0, "{name}");
        assert!(keys.opening().stats().stale.total() > 0, "{name}");
        stack.table.set(Fault::None);
        stack.fake.clear_faults();
        sleep(MINUTE).await;
        assert_eq!(used(&keys, &made, 5).await, (0, 0), "{name} is over");
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_a_hanging_table_longer_than_a_second_beside_a_key_that_serves() {
    let stack = Stack::new().await;
    let keys = stack.builder().limits(limits()).build().unwrap();
    let made = seals(&keys).await.unwrap();
    opens(&keys, &made).await.unwrap();
    sleep(MINUTE * 11).await;
    stack.table.set(Fault::Hangs);
    let began = Instant::now();
    let _made = seals(&keys).await.unwrap();
    assert!(began.elapsed() <= Duration::from_secs(1));
    let began = Instant::now();
    opens(&keys, &made).await.unwrap();
    assert!(began.elapsed() <= Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_denial_ends_both_halves_at_the_next_refresh() {
    for denied in ["the table", "KMS", "the KMS key"] {
        let stack = Stack::new().await;
        let keys = stack.builder().limits(limits()).build().unwrap();
        let made = seals(&keys).await.unwrap();
        assert_eq!(used(&keys, &made, 5).await, (0, 0));
        match denied {
            "the table" => stack.table.set(Fault::Fails(ErrorClass::Denied)),
            "KMS" => {
                let _stays = stack.fake.inject(FaultRule::new(KmsErrorCode::AccessDenied));
            }
            _ => stack.fake.disable_key(stack.kms.key_arn()).unwrap(),
        }
        // By the soft age at the latest.
        let _until_then = used(&keys, &made, 5).await;
        assert_eq!(used(&keys, &made, 2).await, (4, 4), "{denied}");
        assert_eq!(keys.sealing().stats().live, 0, "{denied}");
        assert_eq!(keys.opening().stats().live, 0, "{denied}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_kms_key_that_was_disabled_ends_every_branch_key_under_it_when_one_is_told() {
    let stack = Stack::new().await;
    let admin = stack.admin();
    for tenant in ["other", "third"] {
        let id = format!("tenant-{tenant}").parse().unwrap();
        let new = datakey_branch_keys::NewBranchKey::with_id(id).context([("tenant", tenant)]);
        admin.create(&new).await.unwrap();
    }
    let keys = BranchKeys::builder(stack.table.clone(), stack.kms.clone())
        .choose(|context| format!("tenant-{}", context.get("tenant")?).parse().ok())
        .build()
        .unwrap();
    for tenant in ["acme", "other"] {
        let of = context(tenant);
        let made = keys.generate_data_key(&of, DataKeyLength::Bytes32);
        assert!(made.await.is_ok());
    }
    assert_eq!(keys.sealing().stats().live, 2);
    stack.fake.disable_key(stack.kms.key_arn()).unwrap();
    assert_eq!(
        keys.generate_data_key(&context("third"), DataKeyLength::Bytes32)
            .await
            .unwrap_err()
            .class(),
        ErrorClass::UnavailableKey
    );
    assert_eq!(keys.sealing().stats().live, 0);
    assert_eq!(keys.opening().stats().live, 0);
}

#[tokio::test(start_paused = true)]
async fn an_operator_drops_keys_by_branch_key_and_by_kms_key() {
    let stack = Stack::new().await;
    let keys = stack.keys();
    let made = seals(&keys).await.unwrap();
    for name in [stack.kms.key_arn(), "tenant-acme", "branch-key:tenant-acme"] {
        assert_eq!(keys.sealing().invalidate_key(name), Ok(1), "{name}");
        assert_eq!(keys.opening().invalidate_key(name), Ok(1), "{name}");
        let _made = seals(&keys).await.unwrap();
        opens(&keys, &made).await.unwrap();
    }
    assert!(keys.sealing().invalidate_key("tenant-other").is_err());
    keys.shutdown();
    assert_eq!(seals(&keys).await.unwrap_err().class(), ErrorClass::ShutDown);
    assert_eq!(
        opens(&keys, &made).await.unwrap_err().class(),
        ErrorClass::ShutDown
    );
}

#[tokio::test(start_paused = true)]
async fn however_many_ask_at_once_the_table_is_read_once() {
    let stack = Stack::new().await;
    let keys = stack.keys();
    let (reads, calls) = (stack.table.reads(), stack.calls());
    let askers = (0..500).map(|_| {
        let keys = keys.clone();
        tokio::spawn(async move { seals(&keys).await.map(drop) })
    });
    for asker in askers.collect::<Vec<_>>() {
        asker.await.unwrap().unwrap();
    }
    assert_eq!((stack.table.reads() - reads, stack.calls() - calls), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn junk_versions_cost_one_read_each_in_half_a_minute_and_evict_nothing() {
    let stack = Stack::new().await;
    let keys = stack.keys();
    let made = seals(&keys).await.unwrap();
    let mut blob = made.wrapped_keys().first().blob().to_vec();
    blob[30] ^= 1;
    let forged = datakey_provider::WrappedKey::new("branch-key:tenant-acme", blob).unwrap();
    let reads = stack.table.reads();
    for _ in 0..100 {
        let error = keys.decrypt(&context("acme"), &forged).await.unwrap_err();
        assert_eq!(error.class(), ErrorClass::NotAuthentic);
    }
    assert_eq!(stack.table.reads() - reads, 1);
    opens(&keys, &made).await.unwrap();
    let _made = seals(&keys).await.unwrap();
    assert_eq!(stack.table.reads() - reads, 1);
}

#[tokio::test(start_paused = true)]
async fn an_hour_takes_no_more_than_one_and_a_half_calls() {
    let stack = Stack::new().await;
    let keys = stack
        .builder()
        .limits(BranchKeyLimits::default())
        .build()
        .unwrap();
    let calls = stack.calls();
    let made = seals(&keys).await.unwrap();
    assert_eq!(used(&keys, &made, 60 * 24).await, (0, 0));
    let hourly = (stack.calls() - calls) as f64 / 24.0;
    assert!(hourly <= 2.0 * 1.5, "{hourly} calls an hour, of both halves");
    let sealing = keys.sealing().stats().calls_made as f64 / 24.0;
    assert!(sealing <= 1.5, "{sealing} calls an hour");
}

#[tokio::test(start_paused = true)]
async fn a_throttled_table_and_kms_are_waited_for_and_nobody_is_told() {
    let stack = Stack::new().await;
    let keys = BranchKeys::builder(stack.table.clone(), stack.kms.clone())
        .branch_key(stack.id.clone())
        .build()
        .unwrap();
    stack
        .fake
        .inject(FaultRule::new(KmsErrorCode::Throttling).times(3));
    stack.table.set(Fault::Fails(ErrorClass::Throttled));
    let table = stack.table.clone();
    let mended = tokio::spawn(async move {
        sleep(Duration::from_secs(5)).await;
        table.set(Fault::None);
    });
    let _made = seals(&keys).await.unwrap();
    mended.await.unwrap();
}
