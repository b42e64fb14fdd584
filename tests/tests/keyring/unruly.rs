//! Providers that panic where nobody expects it, or compute where they should wait.
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::SeqCst},
};

use datakey_keyring::{KeyringError, OpeningKeyring, SealingKeyring, Usage};
use datakey_provider::{
    DataKey, DataKeyLength, EncryptionContext, ErrorClass, GeneratedDataKey, OpeningProvider, ProviderError,
    Rank, SealingProvider, WrappedKey, WrappedKeys, async_trait,
};
use datakey_tests::{
    keyring::{Does, Scripted, context, junk},
    keyrings::Keyrings,
};
use tokio::time::timeout;

use crate::outside::{busy, by_hand, caught, driven, ms};

const ONE: Usage = Usage::message(1);

/// Panics when it is dropped before it was disarmed.
struct Bomb(bool);

impl Drop for Bomb {
    fn drop(&mut self) {
        assert!(!self.0 || std::thread::panicking(), "dropped in the middle");
    }
}

/// Its calls for one context panic when they are dropped.
#[derive(Clone)]
struct Bombs(Scripted);

#[async_trait]
impl SealingProvider for Bombs {
    async fn generate_data_key(
        &self,
        asked: &EncryptionContext,
        length: DataKeyLength,
    ) -> Result<GeneratedDataKey, ProviderError> {
        let mut bomb = Bomb(*asked == context("bomb"));
        let made = self.0.generate_data_key(asked, length).await;
        bomb.0 = false;
        made
    }

    async fn encrypt(
        &self,
        context: &EncryptionContext,
        data_key: &DataKey,
    ) -> Result<WrappedKeys, ProviderError> {
        self.0.encrypt(context, data_key).await
    }
}

#[test]
fn a_call_that_panics_when_it_is_dropped_takes_no_other_load_down() {
    let provider = Scripted::taking(300);
    let keyring = SealingKeyring::new(Bombs(provider.clone()));
    let runtime = driven(2);
    let names = (0..15).map(|n| n.to_string()).chain(["bomb".to_owned()]);
    let asked: Vec<_> = names
        .map(|name| {
            let keyring = keyring.clone();
            runtime.spawn(async move {
                timeout(ms(10_000), keyring.key(&context(name), ONE))
                    .await
                    .is_ok()
            })
        })
        .collect();
    while provider.generated() < 16 {
        busy(ms(5));
    }
    assert!(caught(|| keyring.invalidate_all()).is_ok());
    let never = asked
        .into_iter()
        .map(|one| runtime.block_on(one).unwrap())
        .filter(|answered| !answered)
        .count();
    assert_eq!((never, keyring.stats().in_flight), (0, 0));
    assert!(provider.generated() <= 32, "{} calls", provider.generated());
}

/// Its first calls keep their threads.
#[derive(Clone)]
struct Blocks {
    inner: Scripted,
    calls: Arc<AtomicU64>,
    first: u64,
}

#[async_trait]
impl SealingProvider for Blocks {
    async fn generate_data_key(
        &self,
        context: &EncryptionContext,
        length: DataKeyLength,
    ) -> Result<GeneratedDataKey, ProviderError> {
        if self.calls.fetch_add(1, SeqCst) < self.first {
            busy(ms(2_500));
        }
        self.inner.generate_data_key(context, length).await
    }

    async fn encrypt(
        &self,
        context: &EncryptionContext,
        data_key: &DataKey,
    ) -> Result<WrappedKeys, ProviderError> {
        self.inner.encrypt(context, data_key).await
    }
}

fn blocks(first: u64) -> Blocks {
    Blocks {
        inner: Scripted::default(),
        calls: Arc::default(),
        first,
    }
}

#[test]
fn a_load_that_is_begun_again_does_not_wait_for_its_own_place() {
    let provider = blocks(1);
    let keyring = SealingKeyring::builder()
        .max_loads(1)
        .load_timeout(ms(1_900))
        .build(provider.clone())
        .unwrap();
    let own = keyring.clone();
    let stuck = std::thread::spawn(move || by_hand().block_on(own.key(&context("a"), ONE)).map(drop));
    while provider.calls.load(SeqCst) == 0 {
        busy(ms(5));
    }
    let second = by_hand().block_on(keyring.key(&context("a"), ONE)).map(drop);
    let first = stuck.join().unwrap();
    assert!(second.is_ok() && first.is_ok(), "{second:?} {first:?}");
}

#[test]
fn a_call_that_computes_takes_the_threads_of_two_callers_at_most() {
    let provider = blocks(u64::MAX);
    let keyring = SealingKeyring::new(provider.clone());
    let runtime = driven(6);
    let asked: Vec<_> = (0..6)
        .map(|_| {
            let keyring = keyring.clone();
            runtime.spawn(async move { keyring.key(&context("a"), ONE).await.map(drop) })
        })
        .collect();
    for one in asked {
        runtime.block_on(one).unwrap().unwrap();
    }
    assert!(provider.calls.load(SeqCst) <= 2);
}

/// Its ranks panic.
#[derive(Clone)]
struct Ranks(Scripted);

#[async_trait]
impl OpeningProvider for Ranks {
    fn rank(&self, _: &WrappedKey) -> Option<Rank> {
        panic!("as it was told")
    }

    async fn decrypt(
        &self,
        context: &EncryptionContext,
        wrapped: &WrappedKey,
    ) -> Result<DataKey, ProviderError> {
        self.0.decrypt(context, wrapped).await
    }
}

#[tokio::test]
async fn a_rank_that_panics_is_an_error() {
    let keyring = OpeningKeyring::new(Ranks(Scripted::default()));
    let asked = keyring.key(&context("a"), &junk(1)).await;
    assert!(matches!(asked, Err(KeyringError::LoadPanicked)), "{asked:?}");
}

/// Makes data keys of this length, whatever it is asked for.
#[derive(Clone)]
struct OfLength(Scripted, DataKeyLength);

#[async_trait]
impl SealingProvider for OfLength {
    async fn generate_data_key(
        &self,
        context: &EncryptionContext,
        length: DataKeyLength,
    ) -> Result<GeneratedDataKey, ProviderError> {
        let (_, wrapped) = self.0.generate_data_key(context, length).await?.into_parts();
        let data_key = DataKey::init(self.1, |bytes| bytes.fill(7));
        Ok(GeneratedDataKey::new(data_key, wrapped))
    }

    async fn encrypt(
        &self,
        context: &EncryptionContext,
        data_key: &DataKey,
    ) -> Result<WrappedKeys, ProviderError> {
        self.0.encrypt(context, data_key).await
    }
}

#[tokio::test]
async fn a_data_key_of_another_length_than_was_asked_for_is_refused() {
    let own = OfLength(Scripted::default(), DataKeyLength::Bytes32);
    for keyring in [SealingKeyring::new(own.clone()), SealingKeyring::uncached(own)] {
        keyring.key(&context("a"), ONE).await.unwrap();
    }
    for length in [DataKeyLength::Bytes16, DataKeyLength::Bytes24] {
        let provider = OfLength(Scripted::default(), length);
        for keyring in [
            SealingKeyring::new(provider.clone()),
            SealingKeyring::uncached(provider),
        ] {
            let refused = keyring.key(&context("a"), ONE).await.unwrap_err();
            assert_eq!(refused.class(), Some(ErrorClass::Internal), "{refused}");
            assert_eq!(keyring.stats().live, 0);
        }
    }
}

/// Panics when it is asked which key a name is of.
#[derive(Clone)]
struct Names(Scripted);

#[async_trait]
impl SealingProvider for Names {
    async fn generate_data_key(
        &self,
        context: &EncryptionContext,
        length: DataKeyLength,
    ) -> Result<GeneratedDataKey, ProviderError> {
        self.0.generate_data_key(context, length).await
    }

    async fn encrypt(
        &self,
        context: &EncryptionContext,
        data_key: &DataKey,
    ) -> Result<WrappedKeys, ProviderError> {
        self.0.encrypt(context, data_key).await
    }

    fn sealing_key_is(&self, _: &str, _: &str) -> bool {
        panic!("as it was told")
    }
}

#[async_trait]
impl OpeningProvider for Names {
    fn rank(&self, wrapped: &WrappedKey) -> Option<Rank> {
        self.0.rank(wrapped)
    }

    async fn decrypt(
        &self,
        context: &EncryptionContext,
        wrapped: &WrappedKey,
    ) -> Result<DataKey, ProviderError> {
        self.0.decrypt(context, wrapped).await
    }

    fn opening_key_is(&self, _: &str, _: &str) -> bool {
        panic!("as it was told")
    }
}

/// A key too many costs a call, and one too few may be the one that was revoked.
#[tokio::test(start_paused = true)]
async fn a_provider_that_panics_over_names_has_all_keys_dropped_and_nobody_waits_for_ever() {
    let provider = Scripted::taking(50);
    let keyring = Keyrings::new(Names(provider.clone())).sharing_revocations();
    for how in ["invalidation", "revocation"] {
        let kept = keyring.sealing.key(&context("kept"), ONE).await.unwrap();
        let wrapped = kept.wrapped_keys().clone();
        keyring.opening.key(&context("kept"), &wrapped).await.unwrap();
        let waits = [1, 2, 3].map(|number| {
            let (keyring, wrapped) = (keyring.clone(), wrapped.clone());
            tokio::spawn(async move {
                let other = context(format!("{how} {number}"));
                let sealed = timeout(ms(10_000), keyring.sealing.key(&other, ONE)).await;
                let opened = timeout(ms(10_000), keyring.opening.key(&context("kept"), &wrapped)).await;
                sealed.is_ok_and(|key| key.is_ok()) && opened.is_ok_and(|key| key.is_ok())
            })
        });
        tokio::time::sleep(ms(1)).await;
        if how == "invalidation" {
            let dropped = caught(|| {
                (
                    keyring.sealing.invalidate_key("any"),
                    keyring.opening.invalidate_key("any"),
                )
            });
            assert_eq!(dropped.unwrap(), (Ok(1), Ok(1)));
        } else {
            provider.does_for(&context("revoked"), Does::Fail(ErrorClass::UnavailableKey));
            provider.names("script:a");
            let refused = keyring.sealing.key(&context("revoked"), ONE).await.unwrap_err();
            assert_eq!(refused.class(), Some(ErrorClass::UnavailableKey));
        }
        assert!(keyring.sealing.try_key(&context("kept"), ONE).is_none(), "{how}");
        for wait in waits {
            assert!(wait.await.unwrap(), "{how}");
        }
    }
}
