//! Branch keys met from outside: many tenants, layers above that retry too, callers that leave, odd limits, clocks that jump.
use std::{
    collections::HashMap,
    error::Error,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Waker},
    time::{Duration, SystemTime},
};

use datakey::{Aad, Sealer};
use datakey_branch_keys::{
    BranchKeyId, BranchKeyLimits, BranchKeys, BranchKeysBuilder, Item, ItemKind, NewBranchKey, ReadingStore,
};
use datakey_fake_kms::{FakeKmsProvider, FaultRule, KmsErrorCode};
use datakey_provider::{
    DataKeyLength, EncryptionContext, ErrorClass, OpeningProvider as _, Operation, ProviderError,
    SealingProvider as _, Verdict, async_trait,
};
use datakey_retry::{Policy, Retry};
use tokio::time::{advance, sleep};

use crate::stack::{Fault, Stack, Table, context};

pub(crate) const LENGTH: DataKeyLength = DataKeyLength::Bytes32;

/// A table of which some branch keys fail.
#[derive(Clone)]
pub(crate) struct Tenants {
    table: Table,
    ill: Arc<Mutex<HashMap<BranchKeyId, Fault>>>,
    reads: Arc<AtomicU64>,
}

impl Tenants {
    pub(crate) fn over(stack: &Stack) -> Self {
        Self {
            table: stack.table.clone(),
            ill: Arc::default(),
            reads: Arc::default(),
        }
    }

    fn set(&self, tenant: &str, fault: Fault) {
        let id = format!("tenant-{tenant}").parse().unwrap();
        self.ill.lock().unwrap().insert(id, fault);
    }

    pub(crate) fn reads(&self) -> u64 {
        self.reads.load(Ordering::Relaxed)
    }

    pub(crate) fn builder(&self, stack: &Stack) -> BranchKeysBuilder<Self, FakeKmsProvider> {
        BranchKeys::builder(self.clone(), stack.kms.clone())
            .choose(|context| format!("tenant-{}", context.get("tenant")?).parse().ok())
            .seed(7)
    }
}

#[async_trait]
impl ReadingStore for Tenants {
    async fn get(&self, id: &BranchKeyId, kind: ItemKind) -> Result<Option<Item>, ProviderError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        let fault = self.ill.lock().unwrap().get(id).copied();
        match fault {
            Some(Fault::Fails(class)) => Err(ProviderError::new(class, Operation::GetItem)),
            Some(Fault::Hangs) => std::future::pending().await,
            _ => self.table.get(id, kind).await,
        }
    }

    fn logical_name(&self) -> &str {
        self.table.logical_name()
    }
}

pub(crate) async fn create(stack: &Stack, tenant: &str) {
    let id = format!("tenant-{tenant}").parse().unwrap();
    let new = NewBranchKey::with_id(id).context([("tenant", tenant)]);
    stack.admin().create(&new).await.unwrap();
}

/// No text stands twice in a chain of causes.
pub(crate) fn told_once(error: &(dyn Error + 'static)) -> Vec<String> {
    let mut texts = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        texts.push(error.to_string());
        next = error.source();
    }
    for (place, text) in texts.iter().enumerate() {
        let others = texts.iter().skip(place + 1);
        for other in others {
            assert!(
                !text.contains(other.as_str()) && !other.contains(text.as_str()),
                "{texts:#?}"
            );
        }
    }
    texts
}

#[tokio::test(start_paused = true)]
async fn one_tenants_outage_refuses_no_other_tenants_kept_branch_key_under_a_retry_above() {
    for fault in [
        Fault::Fails(ErrorClass::Transient),
        Fault::Fails(ErrorClass::Unauthenticated),
        Fault::Fails(ErrorClass::Throttled),
        Fault::Hangs,
    ] {
        let stack = Stack::new().await;
        create(&stack, "ill").await;
        let tenants = Tenants::over(&stack);
        let store_retry = Policy::default().with_max_attempts(2).without_breaker();
        let keys = tenants.builder(&stack).store_retry(store_retry).build().unwrap();
        let sealer = Sealer::builder(keys.clone()).without_cache().build().unwrap();
        sealer.seal(&context("acme"), b"order", Aad::EMPTY).await.unwrap();
        tenants.set("ill", fault);
        let before = tenants.reads();
        for _ in 0..30 {
            let ill = sealer.seal(&context("ill"), b"order", Aad::EMPTY).await;
            told_once(&ill.unwrap_err());
            sleep(Duration::from_millis(200)).await;
            let of = context("acme");
            let well = sealer.seal(&of, b"order", Aad::EMPTY);
            let well = tokio::time::timeout(Duration::from_millis(10), well).await;
            let well = well.unwrap_or_else(|_late| panic!("nobody waits for another's outage, {fault:?}"));
            assert!(well.is_ok(), "{fault:?}: {well:?}");
        }
        let reads = tenants.reads() - before;
        assert!(
            reads <= 60,
            "{fault:?}: {reads} reads for 30 calls of two attempts each"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_old_version_that_cannot_be_loaded_keeps_nobody_from_the_kept_one_under_a_retry_above() {
    for fault in [Fault::Fails(ErrorClass::Transient), Fault::Hangs] {
        let stack = Stack::new().await;
        let old = stack
            .keys()
            .generate_data_key(&context("acme"), LENGTH)
            .await
            .unwrap();
        stack.admin().rotate(&stack.id).await.unwrap();
        let keys = stack.builder().build().unwrap();
        let opening = Retry::new(keys.clone(), Policy::default());
        let new = keys.generate_data_key(&context("acme"), LENGTH).await.unwrap();
        opening
            .decrypt(&context("acme"), new.wrapped_keys().first())
            .await
            .unwrap();
        stack.table.set(fault);
        for _ in 0..5 {
            for _ in 0..10 {
                let failed = opening
                    .decrypt(&context("acme"), old.wrapped_keys().first())
                    .await;
                told_once(&failed.unwrap_err());
                sleep(Duration::from_millis(200)).await;
            }
            let opened = opening
                .decrypt(&context("acme"), new.wrapped_keys().first())
                .await;
            assert!(opened.unwrap().ct_eq(new.data_key()));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_says_so_once_with_its_class_its_key_and_whether_it_was_sent() {
    let stack = Stack::new().await;
    let arn = stack.kms.key_arn().to_owned();
    let kms = |code: KmsErrorCode| {
        let fake = stack.fake.clone();
        move || {
            let _stays = fake.inject(FaultRule::new(code));
        }
    };
    type Case<'a> = (ErrorClass, Option<Verdict>, &'a str, bool, Box<dyn Fn() + 'a>);
    let own = "branch-key:tenant-acme";
    let table = |class| {
        let table = stack.table.clone();
        move || table.set(Fault::Fails(class))
    };
    use ErrorClass::{Denied, Throttled, Transient, Unauthenticated, UnavailableKey};
    let cases: Vec<Case<'_>> = vec![
        (Transient, None, own, true, Box::new(table(Transient))),
        (Throttled, None, own, true, Box::new(table(Throttled))),
        (Unauthenticated, None, own, true, Box::new(table(Unauthenticated))),
        (Denied, Some(Verdict::Message), own, true, Box::new(table(Denied))),
        (
            Throttled,
            None,
            &arn,
            true,
            Box::new(kms(KmsErrorCode::Throttling)),
        ),
        (Transient, None, &arn, true, Box::new(kms(KmsErrorCode::Internal))),
        (
            Denied,
            Some(Verdict::Message),
            &arn,
            true,
            Box::new(kms(KmsErrorCode::AccessDenied)),
        ),
        (
            UnavailableKey,
            Some(Verdict::WrappingKey),
            &arn,
            true,
            Box::new(kms(KmsErrorCode::Disabled)),
        ),
    ];
    for (class, verdict, key_id, sent, begin) in &cases {
        let twice = || Policy::default().with_max_attempts(2).without_breaker();
        let keys = stack
            .builder()
            .retry(twice())
            .store_retry(twice())
            .build()
            .unwrap();
        let made = stack
            .keys()
            .generate_data_key(&context("acme"), LENGTH)
            .await
            .unwrap();
        begin();
        let sealing = keys
            .generate_data_key(&context("acme"), LENGTH)
            .await
            .unwrap_err();
        let opening = keys
            .decrypt(&context("acme"), made.wrapped_keys().first())
            .await
            .unwrap_err();
        for error in [sealing, opening] {
            let texts = told_once(&error);
            println!("{texts:#?}");
            assert_eq!(error.class(), *class, "{error:?}");
            assert_eq!(error.verdict(), *verdict, "{error:?}");
            assert_eq!(error.was_sent(), *sent, "{error:?}");
            assert_eq!(error.key_id(), Some(*key_id), "{error:?}");
        }
        stack.table.set(Fault::None);
        stack.fake.clear_faults();
    }
}

#[tokio::test(start_paused = true)]
async fn limits_at_their_ends_hold() {
    let stack = Stack::new().await;
    create(&stack, "other").await;
    let tenants = Tenants::over(&stack);
    let ages = [
        (Duration::MAX, Duration::MAX),
        (Duration::from_secs(60), Duration::from_secs(60)),
        (Duration::from_nanos(1), Duration::from_nanos(1)),
        (Duration::from_nanos(1), Duration::MAX),
    ];
    for (soft, hard) in ages {
        for max_keys in [1, usize::MAX >> 1] {
            let limits = BranchKeyLimits::default()
                .with_ages(soft, hard)
                .with_max_keys(max_keys);
            let keys = tenants.builder(&stack).limits(limits).build();
            let keys = match keys {
                Ok(keys) => keys,
                Err(error) => {
                    println!("{soft:?} {hard:?} {max_keys}: {error}");
                    continue;
                }
            };
            for _ in 0..3 {
                for tenant in ["acme", "other"] {
                    let made = keys.generate_data_key(&context(tenant), LENGTH).await.unwrap();
                    let opened = keys
                        .decrypt(&context(tenant), made.wrapped_keys().first())
                        .await
                        .unwrap();
                    assert!(opened.ct_eq(made.data_key()));
                }
                advance(Duration::from_secs(61)).await;
            }
            assert!(keys.sealing().stats().live <= max_keys as u64);
        }
    }
    for (soft, hard, max_keys) in [
        (Duration::ZERO, Duration::from_secs(1), 1),
        (Duration::from_secs(1), Duration::ZERO, 1),
        (Duration::from_secs(2), Duration::from_secs(1), 1),
        (Duration::from_secs(1), Duration::from_secs(1), 0),
    ] {
        let limits = BranchKeyLimits::default()
            .with_ages(soft, hard)
            .with_max_keys(max_keys);
        let refused = tenants.builder(&stack).limits(limits).build();
        assert!(refused.is_err(), "{soft:?} {hard:?} {max_keys}");
        assert!(
            tenants.builder(&stack).limits(limits).build_opening().is_err(),
            "{soft:?} {hard:?} {max_keys}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_function_that_panics_or_wavers_hurts_its_own_call_alone() {
    let stack = Stack::new().await;
    create(&stack, "other").await;
    let calls = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&calls);
    let keys = BranchKeys::builder(stack.table.clone(), stack.kms.clone())
        .choose(move |context| {
            assert_ne!(context.get("tenant"), Some("panics"), "the function panics");
            let tenant = match context.get("tenant")? {
                "wavers" if counted.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) => "acme",
                "wavers" => "other",
                tenant => tenant,
            };
            format!("tenant-{tenant}").parse().ok()
        })
        .build()
        .unwrap();
    for sealer in [
        Sealer::builder(keys.clone()).without_retry(),
        Sealer::builder(keys.clone()).without_retry().without_cache(),
    ] {
        let sealer = sealer.build().unwrap();
        let panics = sealer.clone();
        let panicked = tokio::spawn(async move { panics.seal(&context("panics"), b"", Aad::EMPTY).await });
        let panicked = panicked.await.expect("it is an error of the call").unwrap_err();
        assert_eq!(panicked.class(), Some(ErrorClass::Internal));
        told_once(&panicked);
        sealer.seal(&context("acme"), b"", Aad::EMPTY).await.unwrap();
    }
    let direct = keys
        .generate_data_key(&context("panics"), LENGTH)
        .await
        .unwrap_err();
    let made = keys.generate_data_key(&context("acme"), LENGTH).await.unwrap();
    let opening = keys
        .decrypt(&context("panics"), made.wrapped_keys().first())
        .await;
    for panicked in [direct, opening.unwrap_err()] {
        assert_eq!(
            (panicked.class(), panicked.was_sent()),
            (ErrorClass::Internal, false)
        );
        told_once(&panicked);
    }
    let mut opened = 0;
    for _ in 0..4 {
        let made = keys.generate_data_key(&context("wavers"), LENGTH).await.unwrap();
        match keys
            .decrypt(&context("wavers"), made.wrapped_keys().first())
            .await
        {
            Ok(key) => {
                assert!(key.ct_eq(made.data_key()));
                opened += 1;
            }
            Err(error) => assert_eq!(
                (error.class(), error.was_sent()),
                (ErrorClass::InvalidRequest, false)
            ),
        }
    }
    assert_eq!(opened, 0, "it answers another one each time");
    let none = keys
        .generate_data_key(&EncryptionContext::empty(), LENGTH)
        .await
        .unwrap_err();
    assert_eq!(
        (none.class(), none.was_sent(), none.verdict()),
        (ErrorClass::InvalidRequest, false, None)
    );
    told_once(&none);
}

#[tokio::test(start_paused = true)]
async fn callers_that_leave_at_any_point_leave_nothing_undone() {
    for polls in 0..12 {
        let stack = Stack::new().await;
        let latency = Duration::from_millis(100);
        stack.fake.set_latency(datakey_fake_kms::Latency::fixed(latency));
        let keys = stack.keys();
        let calls = stack.calls();
        {
            let of = context("acme");
            let mut leaves = Box::pin(keys.generate_data_key(&of, LENGTH));
            for _ in 0..polls {
                let polled = leaves.as_mut().poll(&mut Context::from_waker(Waker::noop()));
                if polled.is_ready() {
                    break;
                }
                tokio::task::yield_now().await;
                advance(latency / 4).await;
            }
        }
        let made = keys.generate_data_key(&context("acme"), LENGTH).await.unwrap();
        keys.decrypt(&context("acme"), made.wrapped_keys().first())
            .await
            .unwrap();
        assert!(stack.calls() - calls <= 1, "after {polls} polls");
    }
}

#[test]
fn a_load_begun_on_a_runtime_that_nobody_drives_is_taken_over_by_whoever_waits() {
    let driven = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let stack = driven.block_on(Stack::new());
    let keys = stack.keys();
    let asleep = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    stack
        .fake
        .set_latency(datakey_fake_kms::Latency::fixed(Duration::from_millis(5)));
    let of = context("acme");
    let mut begun = Box::pin(keys.generate_data_key(&of, LENGTH));
    asleep.block_on(async {
        let polled = std::future::poll_fn(|cx| std::task::Poll::Ready(begun.as_mut().poll(cx))).await;
        assert!(polled.is_pending());
    });
    driven.block_on(async {
        let made = keys.generate_data_key(&context("acme"), LENGTH).await.unwrap();
        keys.decrypt(&context("acme"), made.wrapped_keys().first())
            .await
            .unwrap();
    });
    let _made = asleep.block_on(begun).unwrap();
    drop(asleep);
    driven.block_on(async {
        keys.sealing().invalidate(&stack.id);
        let _made = keys.generate_data_key(&context("acme"), LENGTH).await.unwrap();
    });
}

#[tokio::test(start_paused = true)]
async fn time_that_the_process_slept_counts_for_branch_keys() {
    let stack = Stack::new().await;
    let wall = Arc::new(Mutex::new(
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000),
    ));
    let told = Arc::clone(&wall);
    let keys = stack
        .builder()
        .wall_clock(move || *told.lock().unwrap())
        .build()
        .unwrap();
    let made = keys.generate_data_key(&context("acme"), LENGTH).await.unwrap();
    keys.decrypt(&context("acme"), made.wrapped_keys().first())
        .await
        .unwrap();
    // A clock that is set back ages nothing.
    *wall.lock().unwrap() -= Duration::from_secs(500_000);
    advance(Duration::from_secs(2)).await;
    let _made = keys.generate_data_key(&context("acme"), LENGTH).await.unwrap();
    keys.decrypt(&context("acme"), made.wrapped_keys().first())
        .await
        .unwrap();
    assert_eq!(keys.sealing().stats().calls_made, 1);
    *wall.lock().unwrap() += Duration::from_secs(3 * 3600);
    advance(Duration::from_secs(2)).await;
    stack.table.set(Fault::Fails(ErrorClass::Transient));
    sleep(Duration::from_secs(1)).await;
    let sealing = keys.generate_data_key(&context("acme"), LENGTH).await;
    assert!(sealing.is_err(), "past its hard age while asleep");
    let opening = keys.decrypt(&context("acme"), made.wrapped_keys().first()).await;
    assert!(opening.is_err(), "past its hard age while asleep");
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_ends_loads_under_way_and_those_who_wait_for_them() {
    let stack = Stack::new().await;
    let keys = stack.keys();
    stack.table.set(Fault::Hangs);
    let waiting = {
        let keys = keys.clone();
        tokio::spawn(async move { keys.generate_data_key(&context("acme"), LENGTH).await })
    };
    sleep(Duration::from_millis(1)).await;
    keys.shutdown();
    let ended = tokio::time::timeout(Duration::from_secs(1), waiting)
        .await
        .unwrap()
        .unwrap()
        .unwrap_err();
    assert_eq!((ended.class(), ended.was_sent()), (ErrorClass::ShutDown, false));
    told_once(&ended);
}
