//! The conformance suite itself: a good provider passes, and each way of being wrong is seen and named.
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
};

use datakey_provider::{
    DataKey, DataKeyLength, EncryptionContext, ErrorClass, GeneratedDataKey, KeyProvider, OpeningProvider,
    Operation, ProviderError, Rank, Scope, SealingProvider, Several, Traffic, WrappedKey, WrappedKeys,
    async_trait, conformance,
};
use rand::{Rng as _, SeedableRng as _, rngs::Xoshiro256PlusPlus};

/// What a [`Safe`] does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    None,
    DropsContext,
    DropsContextAmid,
    BindsFirstPair,
    BindsKeysOnly,
    JoinsPairs,
    JoinsWithCommas,
    IgnoresCase,
    TrimsSpaces,
    Composes,
    SameKeyAlways,
    TwoKeysInTurn,
    CounterKeys,
    OneByteKeys,
    TextKeys,
    ZeroKeys,
    KeyInBlob,
    LooksAtThreeBytes,
    LooksAtTheStart,
    IgnoresKeyId,
    OpensUnderOtherIds,
    OpensUnderLongerIds,
    RanksForeign,
    RanksNothing,
    NamedByAnything,
    NamedByNothing,
    TellsNoScope,
    WrongClass,
    OpensToAnother,
    AnotherLength,
    ShorterKeys,
    MiscountsKeys,
    WrapsNoShortKeys,
    SharesTheContext,
    StaysBusy,
    /// Not a flaw: a service need not make every length.
    MakesOneLength,
}

/// A data key and what it is bound to.
type Kept = (EncryptionContext, Vec<u8>);

/// Keeps data keys in a map under random tickets; what a ticket is bound to is kept beside it.
struct Safe {
    id: &'static str,
    flaw: Flaw,
    random: Mutex<Xoshiro256PlusPlus>,
    made: AtomicU64,
    calls: AtomicU64,
    kept: Mutex<HashMap<Vec<u8>, Kept>>,
    shared: Mutex<EncryptionContext>,
    busy: AtomicBool,
}

impl Safe {
    fn new(id: &'static str, flaw: Flaw) -> Self {
        Self {
            id,
            flaw,
            random: Mutex::new(Xoshiro256PlusPlus::seed_from_u64(7)),
            made: AtomicU64::new(0),
            calls: AtomicU64::new(0),
            kept: Mutex::default(),
            shared: Mutex::default(),
            busy: AtomicBool::new(false),
        }
    }

    fn fail(&self, class: ErrorClass, operation: Operation) -> ProviderError {
        ProviderError::new(class, operation).with_key_id(self.id)
    }

    /// A call that takes its time; what it is told is what it goes on with, unless that is where others put theirs.
    async fn call(
        &self,
        context: &EncryptionContext,
        operation: Operation,
    ) -> Result<EncryptionContext, ProviderError> {
        self.calls.fetch_add(1, Relaxed);
        let own = context.clone();
        if self.flaw == Flaw::StaysBusy && self.busy.swap(true, Relaxed) {
            return Err(self.fail(ErrorClass::Transient, operation));
        }
        *self.shared.lock().unwrap() = own.clone();
        tokio::task::yield_now().await;
        self.busy.store(false, Relaxed);
        Ok(match self.flaw {
            Flaw::SharesTheContext => self.shared.lock().unwrap().clone(),
            _ => own,
        })
    }

    fn fill(&self, bytes: &mut [u8]) {
        let number = self.made.fetch_add(1, Relaxed) + 1;
        match self.flaw {
            Flaw::ZeroKeys => {}
            Flaw::OneByteKeys => bytes.fill(number.to_le_bytes()[0]),
            Flaw::CounterKeys => {
                Xoshiro256PlusPlus::seed_from_u64(9).fill_bytes(bytes);
                bytes[..8].copy_from_slice(&number.to_be_bytes());
            }
            Flaw::SameKeyAlways => Xoshiro256PlusPlus::seed_from_u64(9).fill_bytes(bytes),
            Flaw::TwoKeysInTurn => Xoshiro256PlusPlus::seed_from_u64(number % 2).fill_bytes(bytes),
            Flaw::TextKeys => {
                self.random.lock().unwrap().fill_bytes(bytes);
                bytes.iter_mut().for_each(|byte| *byte = b'A' + *byte % 26);
            }
            _ => self.random.lock().unwrap().fill_bytes(bytes),
        }
    }

    fn is_ours(&self, key_id: &str) -> bool {
        match self.flaw {
            Flaw::IgnoresKeyId => true,
            Flaw::OpensUnderOtherIds => key_id.starts_with("safe:"),
            Flaw::OpensUnderLongerIds => key_id.starts_with(self.id),
            _ => key_id == self.id,
        }
    }

    fn find(&self, blob: &[u8]) -> Option<Kept> {
        let kept = self.kept.lock().unwrap();
        let found = kept.iter().find(|(own, _)| match self.flaw {
            Flaw::LooksAtThreeBytes => [0, 16, 31]
                .iter()
                .all(|place| own.len() == blob.len() && own[*place] == blob[*place]),
            Flaw::LooksAtTheStart => blob.starts_with(own),
            _ => own.as_slice() == blob,
        });
        found.map(|(_, kept)| kept.clone())
    }

    fn is_bound_to(&self, own: &EncryptionContext, given: &EncryptionContext) -> bool {
        let texts = |context: &EncryptionContext, within: &str, between: &str| -> String {
            let pairs = context.iter();
            let pairs: Vec<String> = pairs
                .map(|(key, value)| format!("{key}{within}{value}"))
                .collect();
            pairs.join(between)
        };
        let same = |change: &dyn Fn(&str) -> String| {
            own.len() == given.len()
                && own
                    .iter()
                    .zip(given.iter())
                    .all(|((key, value), (other_key, other_value))| {
                        change(key) == change(other_key) && change(value) == change(other_value)
                    })
        };
        match self.flaw {
            Flaw::DropsContext => true,
            Flaw::BindsFirstPair => own.iter().next() == given.iter().next(),
            Flaw::BindsKeysOnly => own.iter().map(|pair| pair.0).eq(given.iter().map(|pair| pair.0)),
            Flaw::JoinsPairs => texts(own, "", "") == texts(given, "", ""),
            Flaw::JoinsWithCommas => texts(own, "=", ",") == texts(given, "=", ","),
            Flaw::IgnoresCase => same(&|text| text.to_lowercase()),
            Flaw::TrimsSpaces => same(&|text| text.trim_matches(' ').to_owned()),
            Flaw::Composes => same(&|text| text.replace("e\u{301}", "\u{e9}").replace("e\u{300}", "\u{e8}")),
            _ => own == given,
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
        let length = match self.flaw {
            Flaw::AnotherLength => DataKeyLength::Bytes32,
            Flaw::ShorterKeys => DataKeyLength::Bytes16,
            Flaw::MakesOneLength if length != DataKeyLength::Bytes32 => {
                self.calls.fetch_add(1, Relaxed);
                return Err(self.fail(ErrorClass::InvalidRequest, Operation::GenerateDataKey));
            }
            _ => length,
        };
        let data_key = DataKey::init(length, |bytes| self.fill(bytes));
        let wrapped = self.encrypt(context, &data_key).await?;
        Ok(GeneratedDataKey::new(data_key, wrapped))
    }

    async fn encrypt(
        &self,
        context: &EncryptionContext,
        key: &DataKey,
    ) -> Result<WrappedKeys, ProviderError> {
        let context = self.call(context, Operation::Encrypt).await?;
        if self.flaw == Flaw::WrapsNoShortKeys && key.length() != DataKeyLength::Bytes32 {
            return Err(self.fail(ErrorClass::InvalidRequest, Operation::Encrypt));
        }
        let mut ticket = vec![0; 32];
        self.random.lock().unwrap().fill_bytes(&mut ticket);
        if self.flaw == Flaw::KeyInBlob {
            ticket.extend_from_slice(key.expose_secret());
        }
        let secret = key.expose_secret().to_vec();
        self.kept
            .lock()
            .unwrap()
            .insert(ticket.clone(), (context, secret));
        Ok(WrappedKey::new(self.id, ticket).unwrap().into())
    }

    fn wrapped_keys_each(&self) -> usize {
        1 + usize::from(self.flaw == Flaw::MiscountsKeys)
    }

    fn sealing_key_is(&self, name: &str, key_id: &str) -> bool {
        match self.flaw {
            Flaw::NamedByAnything => true,
            Flaw::NamedByNothing => false,
            _ => name == key_id,
        }
    }

    fn sealing_scopes<'a>(&'a self, tell: &mut dyn FnMut(Scope<'a>)) {
        if self.flaw != Flaw::TellsNoScope {
            tell(Scope::of_key(self.id));
        }
    }
}

#[async_trait]
impl OpeningProvider for Safe {
    fn rank(&self, wrapped: &WrappedKey) -> Option<Rank> {
        let ours = match self.flaw {
            Flaw::RanksNothing => false,
            Flaw::RanksForeign => wrapped.key_id().starts_with("safe:"),
            Flaw::OpensUnderOtherIds => wrapped.key_id() == self.id,
            _ => self.is_ours(wrapped.key_id()),
        };
        ours.then_some(Rank::LOCAL)
    }

    async fn decrypt(
        &self,
        context: &EncryptionContext,
        wrapped: &WrappedKey,
    ) -> Result<DataKey, ProviderError> {
        let context = self.call(context, Operation::Decrypt).await?;
        if !self.is_ours(wrapped.key_id()) {
            return Err(self.fail(ErrorClass::InvalidRequest, Operation::Decrypt));
        }
        let refused = if self.flaw == Flaw::WrongClass {
            ErrorClass::Transient
        } else {
            ErrorClass::NotAuthentic
        };
        match self.find(wrapped.blob()) {
            Some((bound, key)) if self.is_bound_to(&bound, &context) => {
                let length = DataKeyLength::from_bytes(key.len()).unwrap();
                Ok(DataKey::init(length, |bytes| {
                    bytes.copy_from_slice(&key);
                    bytes[15] ^= u8::from(self.flaw == Flaw::OpensToAnother);
                }))
            }
            _ => Err(self.fail(refused, Operation::Decrypt)),
        }
    }

    async fn decrypt_amid(
        &self,
        context: &EncryptionContext,
        wrapped: &WrappedKey,
        _: &dyn Traffic,
    ) -> Result<DataKey, ProviderError> {
        if self.flaw == Flaw::DropsContextAmid
            && let Some((bound, _)) = self.find(wrapped.blob())
        {
            return self.decrypt(&bound, wrapped).await;
        }
        self.decrypt(context, wrapped).await
    }
}

async fn verdict(provider: &(impl KeyProvider + ?Sized)) -> Option<conformance::Violation> {
    conformance::check(provider).await.err()
}

async fn passes(provider: &(impl KeyProvider + ?Sized)) {
    let seen = verdict(provider).await;
    assert!(seen.is_none(), "{seen:?}");
}

#[tokio::test]
async fn a_good_provider_passes_in_every_pointer_and_combination() {
    let safe = Safe::new("safe:1", Flaw::None);
    passes(&safe).await;
    passes(&&safe).await;
    passes(&Several::new([&safe]).unwrap()).await;
    let shared: Arc<dyn KeyProvider> = Arc::new(safe);
    passes(&*shared).await;
    let other: Arc<dyn KeyProvider> = Arc::new(Safe::new("safe:2", Flaw::None));
    passes(&Several::new([shared, other]).unwrap()).await;
    passes(&Box::new(Safe::new("safe:3", Flaw::None))).await;
}

#[tokio::test]
async fn a_service_that_makes_32_bytes_only_passes() {
    passes(&Safe::new("safe:1", Flaw::MakesOneLength)).await;
}

/// "About 220", as its documentation says.
#[tokio::test]
async fn the_suite_makes_as_many_calls_as_it_says() {
    let safe = Safe::new("safe:1", Flaw::None);
    passes(&safe).await;
    let calls = safe.calls.load(Relaxed);
    assert!((200..=230).contains(&calls), "{calls} calls");
}

const BINDS: &str = "a wrapped key opens only with its own encryption context";
const RANDOM: &str = "a data key is random";
const NEW: &str = "each data key is new";
const LENGTH: &str = "a data key has the length that was asked for";
const ALTERED: &str = "an altered wrapped key does not open";
const OWN_ID: &str = "a wrapped key opens only under the id of its own wrapping key";

#[tokio::test]
async fn each_flaw_breaks_its_rule_and_is_named() {
    for (flaw, rule, named) in [
        (Flaw::DropsContext, BINDS, "has one pair more"),
        (Flaw::DropsContextAmid, BINDS, "has one pair more"),
        (Flaw::BindsFirstPair, BINDS, "has one pair more"),
        (Flaw::BindsKeysOnly, BINDS, "has another value"),
        (Flaw::JoinsPairs, BINDS, "the last letter of a key in its value"),
        (
            Flaw::JoinsWithCommas,
            BINDS,
            r#"two pairs as one, joined by "=" and ",""#,
        ),
        (Flaw::IgnoresCase, BINDS, "another letter case"),
        (Flaw::TrimsSpaces, BINDS, "a space after a value"),
        (Flaw::Composes, BINDS, "a letter of a value in two code points"),
        (Flaw::WrongClass, BINDS, "Transient"),
        (Flaw::SameKeyAlways, NEW, "the same one twice"),
        (Flaw::TwoKeysInTurn, NEW, "the same one twice"),
        (Flaw::CounterKeys, RANDOM, "two keys among"),
        (Flaw::OneByteKeys, RANDOM, "1 different bytes"),
        (Flaw::TextKeys, RANDOM, "bit 5 of"),
        (Flaw::ZeroKeys, RANDOM, "all zero"),
        (Flaw::KeyInBlob, "a wrapped key hides the data key", "in the blob"),
        (
            Flaw::LooksAtThreeBytes,
            ALTERED,
            "with a bit of byte 1 of 32 changed",
        ),
        (Flaw::LooksAtTheStart, ALTERED, "a byte behind its end"),
        (
            Flaw::IgnoresKeyId,
            "rank does not recognise a foreign key id",
            "nobody:nothing",
        ),
        (Flaw::OpensUnderOtherIds, OWN_ID, "safe:1x"),
        (Flaw::OpensUnderLongerIds, OWN_ID, "safe:1x"),
        (
            Flaw::RanksForeign,
            "rank recognises only what decrypt does not refuse as foreign",
            "safe:1x",
        ),
        (
            Flaw::RanksNothing,
            "rank recognises what the provider wrapped",
            "safe:1",
        ),
        (
            Flaw::NamedByAnything,
            "a key is not named by any name",
            "sealing_key_is",
        ),
        (
            Flaw::NamedByNothing,
            "a key is named by its own id",
            "sealing_key_is",
        ),
        (
            Flaw::TellsNoScope,
            "sealing_scopes says what a call counts against",
            "nothing",
        ),
        (
            Flaw::OpensToAnother,
            "what opens is the same data key",
            "another one",
        ),
        (Flaw::AnotherLength, LENGTH, "32 bytes instead of 16"),
        (Flaw::ShorterKeys, LENGTH, "16 bytes instead of 32"),
        (
            Flaw::MiscountsKeys,
            "each call answers as many wrapped keys as wrapped_keys_each says",
            "1 instead of 2",
        ),
        (
            Flaw::WrapsNoShortKeys,
            "encrypt succeeds for each length",
            "InvalidRequest",
        ),
        (
            Flaw::SharesTheContext,
            "calls made at once answer as calls made one by one",
            "tenant",
        ),
        (
            Flaw::StaysBusy,
            "calls made at once answer as calls made one by one",
            "Transient",
        ),
    ] {
        let seen = verdict(&Safe::new("safe:1", flaw)).await;
        let seen = seen.unwrap_or_else(|| panic!("{flaw:?} passes"));
        assert_eq!(seen.rule, rule, "{flaw:?}: {seen}");
        assert!(seen.detail.contains(named), "{flaw:?}: {seen}");
    }
}

/// What a call that was given up leaves behind, in a provider that takes one call at a time by a lock it forgets to let go.
#[tokio::test]
async fn a_provider_that_a_cancelled_call_leaves_broken_is_found() {
    struct Stuck(Safe, AtomicBool);

    #[async_trait]
    impl SealingProvider for Stuck {
        async fn generate_data_key(
            &self,
            context: &EncryptionContext,
            length: DataKeyLength,
        ) -> Result<GeneratedDataKey, ProviderError> {
            // Goes on beside others, unless one of them never ended.
            if self.1.load(Relaxed) {
                return Err(self.0.fail(ErrorClass::Internal, Operation::GenerateDataKey));
            }
            let mut ends = NotEnded(&self.1, true);
            let made = self.0.generate_data_key(context, length).await;
            ends.1 = false;
            made
        }

        async fn encrypt(
            &self,
            context: &EncryptionContext,
            key: &DataKey,
        ) -> Result<WrappedKeys, ProviderError> {
            self.0.encrypt(context, key).await
        }
    }

    #[async_trait]
    impl OpeningProvider for Stuck {
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
    }

    struct NotEnded<'a>(&'a AtomicBool, bool);

    impl Drop for NotEnded<'_> {
        fn drop(&mut self) {
            self.0.fetch_or(self.1, Relaxed);
        }
    }

    let seen = verdict(&Stuck(Safe::new("safe:1", Flaw::None), AtomicBool::new(false))).await;
    let seen = seen.expect("it is stuck");
    assert_eq!(seen.rule, "generate_data_key succeeds");
    assert!(seen.detail.contains("Internal"), "{seen}");
}
