//! Control and statistics: invalidation, warming, eviction, shutdown, sharing, and the keyring without a cache.
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::SeqCst},
};

use datakey_keyring::{
    DataKeys, KeyringError, MissReason, OpeningLimits, OpeningMaterial, SealingLimits, SealingMaterial, Usage,
};
use datakey_provider::{DataKey, EncryptionContext, ErrorClass, GeneratedDataKey, Operation, ProviderError};
use datakey_tests::keyring::{Does, Scripted, context, junk};
use datakey_tests::keyrings::Keyrings;
use tokio::task::JoinSet;

const ONE: Usage = Usage::message(100);

/// Counts the keys that are alive.
#[derive(Clone, Default)]
struct Counting {
    alive: Arc<AtomicU64>,
    refuses: bool,
}

struct Counted(Arc<AtomicU64>);

impl Counted {
    fn new(alive: &Arc<AtomicU64>) -> Self {
        alive.fetch_add(1, SeqCst);
        Self(Arc::clone(alive))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

impl SealingMaterial for Counting {
    type Key = (GeneratedDataKey, Counted);

    fn prepare(&self, made: GeneratedDataKey, _: &EncryptionContext) -> Result<Self::Key, ProviderError> {
        if self.refuses {
            return Err(ProviderError::new(
                ErrorClass::InvalidRequest,
                Operation::GenerateDataKey,
            ));
        }
        Ok((made, Counted::new(&self.alive)))
    }
}

impl OpeningMaterial for Counting {
    type Key = Counted;

    fn prepare(&self, _: DataKey, _: &EncryptionContext) -> Result<Counted, ProviderError> {
        Ok(Counted::new(&self.alive))
    }
}

fn counting(limits: SealingLimits) -> (Keyrings<Counting>, Arc<AtomicU64>) {
    let material = Counting::default();
    let alive = Arc::clone(&material.alive);
    let keyring = Keyrings::builder()
        .material(material)
        .sealing(limits)
        .build(Scripted::default());
    (keyring.unwrap(), alive)
}

#[tokio::test(start_paused = true)]
async fn an_eviction_takes_no_key_from_anybodys_hands() {
    let (keyring, alive) = counting(SealingLimits::default().with_max_contexts(1));
    let held = keyring.sealing.key(&context("held"), ONE).await.unwrap();
    for n in 0..100 {
        keyring.sealing.key(&context(format!("t{n}")), ONE).await.unwrap();
    }
    let stats = keyring.sealing.stats();
    assert!(stats.live == 1 && stats.evicted == 100, "{stats:?}");
    assert!(keyring.sealing.try_key(&context("held"), ONE).is_none());
    assert_eq!(
        alive.load(SeqCst),
        stats.live + 1,
        "the evicted ones are gone, the held one is not"
    );
    assert_eq!(held.0.wrapped_keys().as_slice().len(), 1);
    drop(held);
    assert_eq!(alive.load(SeqCst), stats.live, "dropped with its last holder");
}

#[tokio::test(start_paused = true)]
async fn an_evicted_context_is_counted_as_such() {
    let (keyring, _) = counting(SealingLimits::default().with_max_contexts(1));
    for _ in 0..3 {
        keyring.sealing.key(&context("a"), ONE).await.unwrap();
        keyring.sealing.key(&context("b"), ONE).await.unwrap();
    }
    let misses = keyring.sealing.stats().misses;
    assert_eq!((misses.of(MissReason::Cold), misses.of(MissReason::New)), (1, 1));
    assert_eq!(misses.of(MissReason::Evicted), 4, "{misses:?}");
}

#[tokio::test(start_paused = true)]
async fn shutdown_drops_every_key_that_nobody_holds() {
    let (keyring, alive) = counting(SealingLimits::default());
    let held = keyring.sealing.key(&context("a"), ONE).await.unwrap();
    keyring.sealing.key(&context("b"), ONE).await.unwrap();
    keyring
        .opening
        .key(&context("a"), held.0.wrapped_keys())
        .await
        .unwrap();
    assert_eq!(alive.load(SeqCst), 3);
    keyring.clone().shutdown();
    assert_eq!(alive.load(SeqCst), 1);
    drop(held);
    assert_eq!(alive.load(SeqCst), 0);
    let opening = keyring.opening.key(&context("a"), &junk(1)).await;
    assert!(matches!(opening, Err(KeyringError::ShutDown)));
}

#[tokio::test(start_paused = true)]
async fn a_material_that_refuses_is_an_error_and_nothing_is_kept() {
    let material = Counting {
        refuses: true,
        ..Counting::default()
    };
    let keyring = Keyrings::builder()
        .material(material)
        .build(Scripted::default())
        .unwrap();
    let error = keyring.sealing.key(&context("a"), ONE).await.err().unwrap();
    assert_eq!(error.class(), Some(ErrorClass::InvalidRequest));
    assert_eq!(keyring.sealing.stats().live, 0);
}

#[tokio::test(start_paused = true)]
async fn each_invalidation_drops_what_it_names_and_nothing_else() {
    let provider = Scripted::default();
    let keyring = Keyrings::new(provider.clone());
    let (a, b) = (context("a"), context("b"));
    let wrapped = keyring.sealing.key(&a, ONE).await.unwrap().wrapped_keys().clone();
    keyring.opening.key(&a, &wrapped).await.unwrap();
    provider.wraps_under(&["script:b", "script:c"]);
    let other = keyring.sealing.key(&b, ONE).await.unwrap().wrapped_keys().clone();
    keyring.opening.key(&b, &other).await.unwrap();
    let live = || {
        [
            keyring.sealing.try_key(&a, ONE).is_some(),
            keyring.opening.try_key(&a, &wrapped).is_some(),
            keyring.sealing.try_key(&b, ONE).is_some(),
            keyring.opening.try_key(&b, &other).is_some(),
        ]
    };
    assert_eq!(live(), [true; 4]);
    assert_eq!(keyring.invalidate_context(&context("c")), 0);
    assert_eq!(keyring.invalidate_key("script:z"), 0);
    assert_eq!(live(), [true; 4]);
    assert_eq!(
        keyring.invalidate_key("script:c"),
        1,
        "a sealing key wrapped under it too"
    );
    assert_eq!(live(), [true, true, false, true]);
    assert_eq!(keyring.invalidate_key("script:b"), 1);
    assert_eq!(live(), [true, true, false, false]);
    assert_eq!(keyring.invalidate_context(&a), 2);
    assert_eq!(live(), [false; 4]);
    keyring.sealing.key(&a, ONE).await.unwrap();
    assert_eq!(keyring.invalidate_all(), 1);
    keyring.sealing.key(&a, ONE).await.unwrap();
    assert_eq!(keyring.sealing.stats().misses.of(MissReason::Invalidated), 2);
}

#[tokio::test(start_paused = true)]
async fn warming_loads_all_at_once_and_reserves_nothing() {
    let provider = Scripted::taking(100);
    let bad = context("bad");
    provider.does_for(&bad, Does::Fail(ErrorClass::Denied));
    let keyring = Keyrings::builder()
        .sealing(SealingLimits::default().with_max_messages(1))
        .build(provider.clone())
        .unwrap();
    let contexts: Vec<_> = (0..20)
        .map(|n| context(format!("t{n}")))
        .chain([bad.clone()])
        .collect();
    let started = tokio::time::Instant::now();
    let failed = keyring.sealing.warm(&contexts).await;
    assert_eq!(started.elapsed().as_millis(), 100);
    assert_eq!(failed.len(), 1);
    assert_eq!(
        (&failed[0].0, failed[0].1.class()),
        (&bad, Some(ErrorClass::Denied))
    );
    for context in &contexts[..20] {
        assert!(
            keyring.sealing.try_key(context, ONE).is_some(),
            "its one message is still there"
        );
    }
    let stats = keyring.sealing.stats();
    assert_eq!((stats.hits, stats.misses.total(), stats.loads), (20, 0, 21));
}

#[tokio::test(start_paused = true)]
async fn clones_share_keys_and_statistics() {
    let provider = Scripted::default();
    let (one, two) = (Keyrings::new(provider.clone()), Keyrings::new(provider.clone()));
    let clone = one.clone();
    let first = one.sealing.key(&context("a"), ONE).await.unwrap();
    assert!(clone.sealing.try_key(&context("a"), ONE).unwrap().same(&first));
    assert!(two.sealing.try_key(&context("a"), ONE).is_none());
    let told = |both: &Keyrings| {
        let stats = both.sealing.stats();
        let opening = both.opening.stats();
        (
            stats.hits,
            stats.misses,
            stats.calls_made,
            stats.live,
            opening.hits,
        )
    };
    assert_eq!(told(&one), told(&clone));
}

#[tokio::test(start_paused = true)]
async fn without_a_cache_each_request_is_a_call_and_nothing_is_shared() {
    let provider = Scripted::taking(10);
    let keyring = Keyrings::uncached(provider.clone());
    let mut tasks = JoinSet::new();
    for _ in 0..20 {
        let keyring = keyring.clone();
        tasks.spawn(async move { keyring.sealing.key(&context("a"), ONE).await.unwrap() });
    }
    let keys = tasks.join_all().await;
    assert_eq!((provider.generated(), provider.most_in_flight()), (20, 20));
    assert!(!keys[0].same(&keys[1]));
    for _ in 0..3 {
        let opened = keyring
            .opening
            .key(&context("a"), keys[0].wrapped_keys())
            .await
            .unwrap();
        assert!(opened.ct_eq(keys[0].data_key()));
    }
    for _ in 0..2 {
        let error = keyring.opening.key(&context("a"), &junk(1)).await.unwrap_err();
        assert_eq!(error.class(), Some(ErrorClass::NotAuthentic));
    }
    assert_eq!(provider.decrypted(), 5);
    assert!(keyring.sealing.warm(&[context("a")]).await.is_empty());
    let stats = keyring.stats();
    assert_eq!(stats.sealing.misses.of(MissReason::Uncached), 20);
    assert_eq!(stats.opening.misses.of(MissReason::Uncached), 5);
    assert_eq!(
        (
            stats.calls_made,
            stats.calls_avoided,
            stats.sealing.live,
            stats.opening.live
        ),
        (25, 0, 0, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn a_panic_without_a_cache_is_an_error_too() {
    let provider = Scripted::default();
    provider.does(Does::Panic);
    let keyring = Keyrings::uncached(provider.clone());
    let error = keyring.sealing.key(&context("a"), ONE).await.unwrap_err();
    assert!(matches!(error, KeyringError::LoadPanicked));
    keyring.shutdown();
    let error = keyring.sealing.key(&context("a"), ONE).await.unwrap_err();
    assert!(matches!(error, KeyringError::ShutDown));
}

#[tokio::test(start_paused = true)]
async fn the_statistics_add_up() {
    let provider = Scripted::taking(1);
    let keyring = Keyrings::builder()
        .sealing(SealingLimits::default().with_max_messages(7).with_max_contexts(8))
        .opening(OpeningLimits::default().with_max_keys(8))
        .build(provider.clone())
        .unwrap();
    let mut tasks = JoinSet::new();
    for n in 0..500_u64 {
        let keyring = keyring.clone();
        tasks.spawn(async move {
            let context = context(format!("t{}", n % 12));
            let usage = if n % 50 == 0 { Usage::unknown_length() } else { ONE };
            let sealed = keyring.sealing.key(&context, usage).await.unwrap();
            keyring
                .opening
                .key(&context, sealed.wrapped_keys())
                .await
                .unwrap();
        });
    }
    tasks.join_all().await;
    let stats = keyring.stats();
    let (sealing, opening) = (stats.sealing, stats.opening);
    assert_eq!(sealing.hits + sealing.misses.total(), 500);
    assert_eq!(opening.hits + opening.misses.total(), 500);
    assert!(
        sealing.dedicated >= 10,
        "those of unknown length, and whoever lost too often"
    );
    assert!(sealing.dedicated <= 20, "{}", sealing.dedicated);
    assert!(sealing.loads + sealing.shared_waits + sealing.dedicated >= sealing.misses.total());
    let (generated, decrypted) = (provider.generated(), provider.decrypted());
    assert_eq!(sealing.loads + sealing.refreshes + sealing.dedicated, generated);
    assert_eq!(opening.loads, decrypted);
    assert_eq!(stats.calls_made, generated + decrypted);
    assert_eq!(stats.calls_avoided, 1_000 - generated - decrypted);
    assert_eq!(stats.in_flight, 0);
}

#[tokio::test(start_paused = true)]
async fn contexts_that_look_like_one_per_record_are_noticed() {
    let keyring = Keyrings::new(Scripted::default());
    let seal = async |context: EncryptionContext, times: usize| {
        for _ in 0..times {
            keyring.sealing.key(&context, ONE).await.unwrap();
        }
    };
    for n in 0..300 {
        seal(context(format!("tenant {n}")), 20).await;
    }
    assert!(!keyring.sealing.stats().contexts_look_per_record);
    for n in 0..600 {
        seal(context(format!("order {n}")), 1).await;
    }
    assert!(keyring.sealing.stats().contexts_look_per_record);
    seal(context("tenant 1"), 10_000).await;
    for n in 0..600 {
        seal(context(format!("another tenant {n}")), 20).await;
    }
    assert!(!keyring.sealing.stats().contexts_look_per_record);
}

#[tokio::test(start_paused = true)]
async fn no_debug_output_shows_a_key() {
    let keyring = Keyrings::new(Scripted::default());
    let sealed = keyring.sealing.key(&context("a"), ONE).await.unwrap();
    let opened = keyring
        .opening
        .key(&context("a"), sealed.wrapped_keys())
        .await
        .unwrap();
    let secret = format!("{:?}", sealed.data_key().expose_secret());
    let shown = format!("{keyring:?} {sealed:?} {opened:?} {DataKeys:?}");
    assert!(!shown.contains(secret.trim_matches(['[', ']'])));
    assert!(shown.contains("Held(..)"));
}
