//! What a sealer and an opener may stand on: layers of one's own between ours, `dyn` providers, several, and what both sides share.
use std::{
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use datakey::{
    Aad, Both, ConfigError, EncryptionContext, Envelope, ErrorClass, OpenError, Opener, ProviderError,
    SealError, Sealer, both,
    keyring::{OpeningKeyring, SealingKeyring},
    provider::{
        DataKey, DataKeyLength, GeneratedDataKey, KeyProvider, OpeningProvider, Rank, Scope, SealingProvider,
        Several, Traffic, WrappedKey, WrappedKeys, async_trait,
    },
    retry::{Budget, Policy, Retry, defaults},
};
use datakey_fake_kms::{Fault, FaultRule, KmsErrorCode};
use datakey_tests::pipeline::{Loopback, in_process, orders};
use tokio::time::Instant;

/// What a service keeps: there is nothing in it that tells KMS from its fake.
struct Service {
    sealer: Sealer,
    opener: Opener,
}

impl Service {
    fn new(provider: impl KeyProvider + 'static) -> Self {
        let provider = Arc::new(provider);
        let (sealer, opener) = (Sealer::new(Arc::clone(&provider)), Opener::new(provider));
        Self { sealer, opener }
    }

    async fn works(&self) {
        let sealed = self.sealer.seal(&orders(), b"order", Aad::EMPTY).await.unwrap();
        let opened = self.opener.open(&orders(), &sealed, Aad::EMPTY).await;
        assert_eq!(opened.unwrap(), b"order");
    }
}

/// A layer of one's own: counts what passes it.
#[derive(Debug, Clone)]
struct Counted<P> {
    inner: P,
    calls: Arc<AtomicU64>,
}

impl<P> Counted<P> {
    fn over(inner: P) -> (Self, Arc<AtomicU64>) {
        let calls = Arc::default();
        let counted = Self {
            inner,
            calls: Arc::clone(&calls),
        };
        (counted, calls)
    }

    fn counts(&self) -> &P {
        self.calls.fetch_add(1, SeqCst);
        &self.inner
    }
}

#[async_trait]
impl<P: SealingProvider> SealingProvider for Counted<P> {
    async fn generate_data_key(
        &self,
        context: &EncryptionContext,
        length: DataKeyLength,
    ) -> Result<GeneratedDataKey, ProviderError> {
        self.counts().generate_data_key(context, length).await
    }

    async fn encrypt(
        &self,
        context: &EncryptionContext,
        data_key: &DataKey,
    ) -> Result<WrappedKeys, ProviderError> {
        self.counts().encrypt(context, data_key).await
    }

    fn wrapped_keys_each(&self) -> usize {
        self.inner.wrapped_keys_each()
    }

    fn sealing_scopes<'a>(&'a self, tell: &mut dyn FnMut(Scope<'a>)) {
        self.inner.sealing_scopes(tell);
    }

    fn sealing_time_limit(&self) -> Option<Duration> {
        self.inner.sealing_time_limit()
    }
}

#[async_trait]
impl<P: OpeningProvider> OpeningProvider for Counted<P> {
    fn rank(&self, wrapped: &WrappedKey) -> Option<Rank> {
        self.inner.rank(wrapped)
    }

    async fn decrypt(
        &self,
        context: &EncryptionContext,
        wrapped: &WrappedKey,
    ) -> Result<DataKey, ProviderError> {
        self.counts().decrypt(context, wrapped).await
    }

    fn opening_scope<'a>(&'a self, wrapped: &'a WrappedKey) -> Scope<'a> {
        self.inner.opening_scope(wrapped)
    }

    async fn decrypt_amid(
        &self,
        context: &EncryptionContext,
        wrapped: &WrappedKey,
        traffic: &dyn Traffic,
    ) -> Result<DataKey, ProviderError> {
        self.counts().decrypt_amid(context, wrapped, traffic).await
    }

    fn opening_scope_amid<'a>(&'a self, wrapped: &'a WrappedKey, traffic: &dyn Traffic) -> Scope<'a> {
        self.inner.opening_scope_amid(wrapped, traffic)
    }

    fn opening_time_limit(&self) -> Option<Duration> {
        self.inner.opening_time_limit()
    }
}

fn throttled(times: u64) -> FaultRule {
    FaultRule::new(KmsErrorCode::Throttling).times(times)
}

#[tokio::test]
async fn a_service_and_its_test_have_the_same_types() {
    let loopback = Loopback::start().await;
    let (near, far) = (in_process(), in_process());
    let erased: Arc<dyn KeyProvider> = Arc::new(in_process());
    let services = [
        Service::new(loopback.provider()),
        Service::new(in_process()),
        Service::new(Several::new([near, far]).unwrap()),
        Service::new(erased),
        Service::new(Box::new(in_process())),
        Service::new(Counted::over(in_process()).0),
    ];
    for service in services {
        service.works().await;
    }
}

#[tokio::test]
async fn each_half_may_be_a_dyn_provider_of_its_own() {
    let provider = in_process();
    let seals: Arc<dyn SealingProvider> = Arc::new(provider.clone());
    let opens: Arc<dyn OpeningProvider> = Arc::new(provider);
    let service = Service {
        sealer: Sealer::new(seals),
        opener: Opener::new(opens),
    };
    service.works().await;
}

#[tokio::test(start_paused = true)]
async fn a_layer_below_retry_sees_each_attempt_and_one_above_it_each_load() {
    let provider = in_process();
    let (attempts, attempted) = Counted::over(provider.clone());
    let (loads, loaded) = Counted::over(Retry::new(attempts, Policy::default()));
    let service = Service {
        sealer: Sealer::builder(loads.clone()).without_retry().build().unwrap(),
        opener: Opener::builder(loads).without_retry().build().unwrap(),
    };
    provider.fake().inject(throttled(2));
    service.works().await;
    service.works().await;
    assert_eq!((attempted.load(SeqCst), loaded.load(SeqCst)), (4, 2));
    assert_eq!(provider.fake().ledger().calls(), 4);
}

#[tokio::test(start_paused = true)]
async fn both_sides_of_a_process_share_one_budget() {
    let provider = in_process();
    let (sealer, opener) = both(provider.clone());
    let sealed = sealer.seal(&orders(), b"order", Aad::EMPTY).await.unwrap();
    let policy = Policy::default()
        .without_breaker()
        .without_adaptive_rate()
        .with_budget(
            Budget::builder()
                .with_capacity(3 * defaults::TRANSIENT_COST)
                .with_refill_per_second(0)
                .build(),
        );
    let (sealer, opener_of_both) = Both::new(provider.clone()).retry(policy).build().unwrap();
    drop(opener);
    provider
        .fake()
        .inject(FaultRule::new(KmsErrorCode::Internal).times(1_000));
    let calls = || provider.fake().ledger().calls();
    let before = calls();
    let refused = sealer.seal(&orders(), b"order", Aad::EMPTY).await.unwrap_err();
    assert_eq!(refused.class(), Some(ErrorClass::Transient));
    assert!(calls() > before + 1, "there was a retry to be had");
    let before = calls();
    let refused = opener_of_both.open(&orders(), &sealed, Aad::EMPTY).await;
    assert_eq!(refused.unwrap_err().class(), Some(ErrorClass::Transient));
    assert_eq!(calls(), before + 1, "and none is left for the other side");
}

#[tokio::test(start_paused = true)]
async fn a_keyring_built_by_hand_says_throttled_when_retry_gives_up_and_not_timeout_before() {
    let provider = in_process();
    let sealed = {
        let sealer = Sealer::new(provider.clone());
        sealer.seal(&orders(), b"order", Aad::EMPTY).await.unwrap()
    };
    let retrying = Retry::new(provider.clone(), Policy::default());
    let sealing = SealingKeyring::builder().material(Envelope::default());
    let sealer = Sealer::with_keyring(sealing.build(retrying.clone()).unwrap());
    let opening = OpeningKeyring::builder().material(Envelope::default());
    let opener = Opener::with_keyring(opening.build(retrying).unwrap());
    provider.fake().inject(throttled(u64::MAX));
    let began = Instant::now();
    let refused = sealer.seal(&orders(), b"order", Aad::EMPTY).await.unwrap_err();
    assert_eq!(refused.class(), Some(ErrorClass::Throttled), "{refused}");
    let (after, again) = (began.elapsed(), Instant::now());
    let refused = opener.open(&orders(), &sealed, Aad::EMPTY).await.unwrap_err();
    assert_eq!(refused.class(), Some(ErrorClass::Throttled), "{refused}");
    let deadline = Duration::from_secs(60);
    for waited in [after, again.elapsed()] {
        assert!(waited <= deadline + Duration::from_secs(1), "{waited:?}");
    }
}

/// The texts of an error and of what it came from, outermost first.
fn chain(error: &dyn Error) -> Vec<String> {
    std::iter::successors(Some(error), |error: &&dyn Error| (*error).source())
        .map(ToString::to_string)
        .collect()
}

fn says_nothing_twice(error: &dyn Error) {
    let texts = chain(error);
    for (place, text) in texts.iter().enumerate() {
        for below in &texts[place + 1..] {
            assert!(!text.contains(below.as_str()), "{texts:#?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn no_error_of_a_sealer_or_an_opener_says_its_cause_twice() {
    let provider = in_process();
    let sealed = Sealer::new(provider.clone())
        .seal(&orders(), b"order", Aad::EMPTY)
        .await
        .unwrap();
    let faults = [
        Fault::from(KmsErrorCode::Throttling),
        Fault::from(KmsErrorCode::Internal),
        Fault::from(KmsErrorCode::AccessDenied),
        Fault::from(KmsErrorCode::Disabled),
        Fault::Hang(Duration::MAX),
        Fault::proxy_page(503),
    ];
    for fault in faults {
        provider.fake().clear_faults();
        provider.fake().inject(FaultRule::new(fault));
        let policy = Policy::default().with_deadline(Duration::from_secs(5));
        let (sealer, opener) = Both::new(provider.clone()).retry(policy).build().unwrap();
        for _ in 0..30 {
            let refused = sealer.seal(&orders(), b"order", Aad::EMPTY).await.unwrap_err();
            says_nothing_twice(&refused);
            assert!(!chain(&refused)[0].is_empty());
            let refused = opener.open(&orders(), &sealed, Aad::EMPTY).await.unwrap_err();
            says_nothing_twice(&refused);
        }
    }
}

#[tokio::test]
async fn a_shutdown_is_told_from_every_other_refusal() {
    let provider = in_process();
    let service = Service::new(provider);
    let sealed = service
        .sealer
        .seal(&orders(), b"order", Aad::EMPTY)
        .await
        .unwrap();
    service.sealer.keyring().shutdown();
    service.opener.keyring().shutdown();
    let refused = service.sealer.seal(&orders(), b"order", Aad::EMPTY).await;
    assert!(matches!(refused, Err(SealError::ShutDown)));
    let refused = service.opener.open(&orders(), &sealed, Aad::EMPTY).await;
    assert!(matches!(refused, Err(OpenError::ShutDown)));
}

#[tokio::test]
async fn several_of_more_than_a_message_holds_are_refused_before_any_call() {
    let several = |count| {
        let providers: Vec<_> = (0..count).map(|_| in_process()).collect();
        (Several::new(providers.clone()).unwrap(), providers)
    };
    let (most, _) = several(16);
    assert_eq!(most.wrapped_keys_each(), 16);
    Sealer::builder(most).build().unwrap();

    let (many, providers) = several(17);
    let many: Arc<dyn SealingProvider> = Arc::new(many);
    let refused = ConfigError::TooManyWrappedKeys { each: 17, limit: 16 };
    assert_eq!(Sealer::builder(Arc::clone(&many)).build().map(drop), Err(refused));
    let keyring = SealingKeyring::builder().material(Envelope::default());
    assert_eq!(keyring.build(Arc::clone(&many)).map(drop), Err(refused));
    // Where there is nothing that could answer an error, sealing does.
    let error = Sealer::new(many)
        .seal(&orders(), b"order", Aad::EMPTY)
        .await
        .unwrap_err();
    assert_eq!(error.class(), Some(ErrorClass::InvalidRequest));
    for provider in providers {
        assert_eq!(provider.fake().ledger().calls(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_keyring_made_by_hand_is_more_patient_than_the_retry_layer_beneath() {
    for seconds in [10, 60, 300] {
        let kms = in_process();
        kms.fake().inject(FaultRule::new(KmsErrorCode::Throttling));
        let deadline = Duration::from_secs(seconds);
        let policy = Policy::default()
            .with_max_attempts(u32::MAX)
            .with_deadline(deadline);
        let (counted, _) = Counted::over(Retry::new(kms, policy));
        let keyring = SealingKeyring::builder().material(Envelope::default());
        let sealer = Sealer::with_keyring(keyring.build(counted.clone()).unwrap());
        let began = Instant::now();
        let error = sealer.seal(&orders(), b"order", Aad::EMPTY).await.unwrap_err();
        assert_eq!(error.class(), Some(ErrorClass::Throttled), "{error}");
        assert!(began.elapsed() > deadline / 2, "{:?}", began.elapsed());
        assert_eq!(counted.sealing_time_limit(), Some(deadline));
    }
}

#[tokio::test]
async fn what_was_shut_down_says_so_and_is_no_limit_of_the_format() {
    let (sealer, opener) = both(in_process());
    let sealed = sealer.seal(&orders(), b"order", Aad::EMPTY).await.unwrap();
    sealer.keyring().shutdown();
    opener.keyring().shutdown();
    let sealing = sealer.seal(&orders(), b"order", Aad::EMPTY).await.unwrap_err();
    let opening = opener.open(&orders(), &sealed, Aad::EMPTY).await.unwrap_err();
    for (class, is_retryable) in [
        (sealing.class(), sealing.is_retryable()),
        (opening.class(), opening.is_retryable()),
    ] {
        assert_eq!((class, is_retryable), (Some(ErrorClass::ShutDown), false));
    }
}

#[tokio::test]
async fn a_context_that_no_message_holds_is_refused_before_any_call() {
    let provider = in_process();
    let long = EncryptionContext::new([("tenant", "a".repeat(1_025))]).unwrap();
    let wide = EncryptionContext::new((0..33).map(|n| (format!("{n}"), ""))).unwrap();
    for cached in [true, false] {
        let sealer = Sealer::builder(provider.clone());
        let sealer = if cached { sealer } else { sealer.without_cache() };
        let sealer = sealer.build().unwrap();
        for context in [&long, &wide] {
            let refused = sealer.seal(context, b"order", Aad::EMPTY).await.unwrap_err();
            assert_eq!(refused.class(), Some(ErrorClass::InvalidRequest), "{refused}");
            assert!(!refused.is_retryable());
            let whole = sealer.writer(context, Aad::EMPTY, None, Vec::<u8>::new()).await;
            assert!(whole.is_err(), "nor is a stream begun");
        }
        if cached {
            assert_eq!(sealer.keyring().warm([&long, &wide]).await.len(), 2);
        }
    }
    assert_eq!(provider.fake().ledger().calls(), 0);
}
