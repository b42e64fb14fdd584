//! The conformance suite itself: a good provider passes, and each way of being wrong is seen.
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use datakey_provider::{
    DataKey, DataKeyLength, EncryptionContext, ErrorClass, GeneratedDataKey, KeyProvider, OpeningProvider,
    Operation, ProviderError, Rank, SealingProvider, Several, WrappedKey, WrappedKeys, async_trait,
    conformance,
};

/// What a [`Safe`] does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    None,
    DropsContext,
    SameKeyTwice,
    KeyInBlob,
    IgnoresKeyId,
    RanksNothing,
    WrongClass,
    OpensToAnother,
    ZeroKeys,
    AnotherLength,
    ShorterKeys,
    MiscountsKeys,
    WrapsNoShortKeys,
    /// Not a flaw: a service need not make every length.
    MakesOneLength,
}

/// A data key and what it is bound to.
type Kept = (EncryptionContext, Vec<u8>);

/// Keeps data keys in a map under tickets; what a ticket is bound to is kept beside it.
struct Safe {
    id: &'static str,
    flaw: Flaw,
    tickets: AtomicU64,
    kept: Mutex<HashMap<Vec<u8>, Kept>>,
}

impl Safe {
    fn new(id: &'static str, flaw: Flaw) -> Self {
        Self {
            id,
            flaw,
            tickets: AtomicU64::new(1),
            kept: Mutex::default(),
        }
    }
}

#[async_trait]
impl SealingProvider for Safe {
    async fn generate_data_key(
        &self,
        context: &EncryptionContext,
        length: DataKeyLength,
    ) -> Result<GeneratedDataKey, ProviderError> {
        let ticket = self.tickets.load(Ordering::Relaxed);
        let length = match self.flaw {
            Flaw::AnotherLength => DataKeyLength::Bytes32,
            Flaw::ShorterKeys => DataKeyLength::Bytes16,
            Flaw::MakesOneLength if length != DataKeyLength::Bytes32 => {
                let class = ErrorClass::InvalidRequest;
                return Err(ProviderError::new(class, Operation::GenerateDataKey));
            }
            _ => length,
        };
        let data_key = DataKey::init(length, |bytes| match self.flaw {
            Flaw::ZeroKeys => bytes[15] = u8::from(ticket.is_multiple_of(2)),
            Flaw::SameKeyTwice => bytes.fill(9),
            _ => bytes[..8].copy_from_slice(&(ticket + 1).to_be_bytes()),
        });
        let wrapped = self.encrypt(context, &data_key).await?;
        Ok(GeneratedDataKey::new(data_key, wrapped))
    }

    async fn encrypt(
        &self,
        context: &EncryptionContext,
        key: &DataKey,
    ) -> Result<WrappedKeys, ProviderError> {
        if self.flaw == Flaw::WrapsNoShortKeys && key.length() != DataKeyLength::Bytes32 {
            return Err(ProviderError::new(ErrorClass::InvalidRequest, Operation::Encrypt));
        }
        let mut ticket = self
            .tickets
            .fetch_add(1, Ordering::Relaxed)
            .to_be_bytes()
            .repeat(4);
        if self.flaw == Flaw::KeyInBlob {
            ticket.extend_from_slice(key.expose_secret());
        }
        self.kept
            .lock()
            .unwrap()
            .insert(ticket.clone(), (context.clone(), key.expose_secret().to_vec()));
        Ok(WrappedKey::new(self.id, ticket).unwrap().into())
    }

    fn wrapped_keys_each(&self) -> usize {
        1 + usize::from(self.flaw == Flaw::MiscountsKeys)
    }
}

#[async_trait]
impl OpeningProvider for Safe {
    fn rank(&self, wrapped: &WrappedKey) -> Option<Rank> {
        let ours = wrapped.key_id() == self.id || self.flaw == Flaw::IgnoresKeyId;
        (ours && self.flaw != Flaw::RanksNothing).then_some(Rank::LOCAL)
    }

    async fn decrypt(
        &self,
        context: &EncryptionContext,
        wrapped: &WrappedKey,
    ) -> Result<DataKey, ProviderError> {
        let fail = |class| ProviderError::new(class, Operation::Decrypt).with_key_id(wrapped.key_id());
        if wrapped.key_id() != self.id && self.flaw != Flaw::IgnoresKeyId {
            return Err(fail(ErrorClass::InvalidRequest));
        }
        let refused = if self.flaw == Flaw::WrongClass {
            ErrorClass::Transient
        } else {
            ErrorClass::NotAuthentic
        };
        let kept = self.kept.lock().unwrap();
        match kept.get(wrapped.blob()) {
            Some((bound, key)) if bound == context || self.flaw == Flaw::DropsContext => {
                let length = DataKeyLength::from_bytes(key.len()).unwrap();
                Ok(DataKey::init(length, |bytes| {
                    bytes.copy_from_slice(key);
                    bytes[15] ^= u8::from(self.flaw == Flaw::OpensToAnother);
                }))
            }
            _ => Err(fail(refused)),
        }
    }
}

async fn verdict(provider: &(impl KeyProvider + ?Sized)) -> Option<&'static str> {
    conformance::check(provider)
        .await
        .err()
        .map(|violation| violation.rule)
}

#[tokio::test]
async fn a_good_provider_passes_in_every_pointer_and_combination() {
    let safe = Safe::new("safe:1", Flaw::None);
    assert_eq!(verdict(&safe).await, None);
    assert_eq!(verdict(&&safe).await, None);
    assert_eq!(verdict(&Several::new([&safe]).unwrap()).await, None);
    let shared: Arc<dyn KeyProvider> = Arc::new(safe);
    assert_eq!(verdict(&*shared).await, None);
    let other: Arc<dyn KeyProvider> = Arc::new(Safe::new("safe:2", Flaw::None));
    assert_eq!(verdict(&Several::new([shared, other]).unwrap()).await, None);
    assert_eq!(verdict(&Box::new(Safe::new("safe:3", Flaw::None))).await, None);
}

#[tokio::test]
async fn a_service_that_makes_32_bytes_only_passes() {
    assert_eq!(verdict(&Safe::new("safe:1", Flaw::MakesOneLength)).await, None);
}

#[tokio::test]
async fn each_flaw_breaks_its_rule() {
    for (flaw, rule) in [
        (
            Flaw::DropsContext,
            "a wrapped key opens only with its own encryption context",
        ),
        (Flaw::SameKeyTwice, "each data key is new"),
        (Flaw::ZeroKeys, "a data key is random"),
        (Flaw::KeyInBlob, "a wrapped key hides the data key"),
        (Flaw::IgnoresKeyId, "rank does not recognise a foreign key id"),
        (Flaw::RanksNothing, "rank recognises what the provider wrapped"),
        (
            Flaw::WrongClass,
            "a wrapped key opens only with its own encryption context",
        ),
        (Flaw::OpensToAnother, "what opens is the same data key"),
        (
            Flaw::AnotherLength,
            "a data key has the length that was asked for",
        ),
        (Flaw::ShorterKeys, "a data key has the length that was asked for"),
        (
            Flaw::MiscountsKeys,
            "each call answers as many wrapped keys as wrapped_keys_each says",
        ),
        (Flaw::WrapsNoShortKeys, "encrypt succeeds for each length"),
    ] {
        assert_eq!(verdict(&Safe::new("safe:1", flaw)).await, Some(rule), "{flaw:?}");
    }
}
