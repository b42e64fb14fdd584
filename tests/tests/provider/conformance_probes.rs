//! What the conformance suite asks of a provider, and where it draws its lines.
use std::{
    collections::BTreeSet,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use datakey_local::LocalKeys;
use datakey_provider::{
    DataKey, DataKeyLength, EncryptionContext, ErrorClass, GeneratedDataKey, OpeningProvider, Operation,
    ProviderError, Rank, SealingProvider, WrappedKey, WrappedKeys, async_trait, conformance,
};
use rand::{Rng as _, SeedableRng as _, rngs::Xoshiro256PlusPlus};

/// Which lengths a [`Probed`] makes, and as what it refuses the others.
type Refuses = fn(DataKeyLength) -> Option<ErrorClass>;

/// A good provider that writes down what it made and what it is asked to open.
struct Probed {
    keys: LocalKeys,
    random: Mutex<Xoshiro256PlusPlus>,
    seen: Mutex<Vec<WrappedKey>>,
    refuses: Refuses,
    /// In how many of the first bytes of a key the fourth bit is set, and in no more.
    set: Option<usize>,
}

impl Probed {
    fn new(name: &str) -> Self {
        Self {
            keys: LocalKeys::generate(name).unwrap(),
            random: Mutex::new(Xoshiro256PlusPlus::seed_from_u64(7)),
            seen: Mutex::default(),
            refuses: |_| None,
            set: None,
        }
    }

    async fn verdict(&self) -> Option<String> {
        let seen = conformance::check(self).await.err();
        seen.map(|violation| violation.to_string())
    }
}

#[async_trait]
impl SealingProvider for Probed {
    async fn generate_data_key(
        &self,
        context: &EncryptionContext,
        length: DataKeyLength,
    ) -> Result<GeneratedDataKey, ProviderError> {
        if let Some(class) = (self.refuses)(length) {
            return Err(ProviderError::new(class, Operation::GenerateDataKey));
        }
        let key = DataKey::init(length, |bytes| {
            self.random.lock().unwrap().fill_bytes(bytes);
            for (place, byte) in bytes.iter_mut().enumerate() {
                match self.set {
                    Some(set) if place < set => *byte |= 8,
                    Some(_) => *byte &= !8,
                    None => {}
                }
            }
        });
        let wrapped = self.keys.encrypt(context, &key).await?;
        self.seen.lock().unwrap().extend(wrapped.iter().cloned());
        Ok(GeneratedDataKey::new(key, wrapped))
    }

    async fn encrypt(
        &self,
        context: &EncryptionContext,
        key: &DataKey,
    ) -> Result<WrappedKeys, ProviderError> {
        self.keys.encrypt(context, key).await
    }
}

#[async_trait]
impl OpeningProvider for Probed {
    fn rank(&self, wrapped: &WrappedKey) -> Option<Rank> {
        self.keys.rank(wrapped)
    }

    async fn decrypt(
        &self,
        context: &EncryptionContext,
        wrapped: &WrappedKey,
    ) -> Result<DataKey, ProviderError> {
        self.seen.lock().unwrap().push(wrapped.clone());
        self.keys.decrypt(context, wrapped).await
    }
}

/// The place of the only byte that differs, and its bits.
fn differs_in_a_byte(one: &[u8], other: &[u8]) -> Option<(usize, u8)> {
    let mut pairs = one.iter().zip(other).enumerate();
    let (place, bits) =
        pairs.find_map(|(place, (one, other))| (one != other).then_some((place, one ^ other)))?;
    let alone = one.len() == other.len() && pairs.all(|(_, (one, other))| one == other);
    alone.then_some((place, bits))
}

#[tokio::test]
async fn each_bit_of_a_byte_is_changed_somewhere_and_one_at_a_time() {
    let probed = Probed::new("probed");
    assert_eq!(probed.verdict().await, None);
    let seen = probed.seen.lock().unwrap();
    let blobs: BTreeSet<&[u8]> = seen.iter().map(WrappedKey::blob).collect();
    let changed: BTreeSet<(usize, u8)> = blobs
        .iter()
        .flat_map(|one| blobs.iter().filter_map(|other| differs_in_a_byte(one, other)))
        .filter(|(_, bits)| bits.is_power_of_two())
        .collect();
    assert_eq!(changed.len(), 32, "{changed:?}");
    let bits: BTreeSet<u8> = changed.iter().map(|(_, bits)| *bits).collect();
    assert_eq!(bits.len(), 8, "{bits:?}");
    assert!(changed.contains(&(0, 1)), "{changed:?}");
}

#[tokio::test]
async fn ids_near_the_own_one_are_asked_and_are_others() {
    for (name, near) in [
        ("key0", ["local:key1", "local:key", "local:key0x", "xlocal:key0"]),
        ("key1", ["local:key0", "local:key", "local:key1x", "xlocal:key1"]),
        ("keys", ["local:key0", "local:key", "local:keysx", "xlocal:keys"]),
    ] {
        let probed = Probed::new(name);
        assert_eq!(probed.verdict().await, None);
        let seen = probed.seen.lock().unwrap();
        let ids: BTreeSet<&str> = seen.iter().map(WrappedKey::key_id).collect();
        for id in near {
            assert!(ids.contains(id), "{name}: {ids:?}");
        }
        assert_eq!(
            ids.len(),
            near.len() + 2,
            "and the own one, and a foreign one: {ids:?}"
        );
    }
}

#[tokio::test]
async fn a_shorter_length_may_be_refused_as_a_request_and_as_nothing_else() {
    let cases: [(Refuses, bool); 2] = [
        (
            |length| (length != DataKeyLength::Bytes32).then_some(ErrorClass::InvalidRequest),
            true,
        ),
        (
            |length| (length == DataKeyLength::Bytes16).then_some(ErrorClass::Denied),
            false,
        ),
    ];
    for (index, (refuses, conforms)) in cases.into_iter().enumerate() {
        let mut probed = Probed::new("probed");
        probed.refuses = refuses;
        let seen = probed.verdict().await;
        assert_eq!(seen.is_none(), conforms, "{index}: {seen:?}");
    }
}

/// A provider that makes 32 bytes until it is asked for each length.
#[tokio::test]
async fn thirty_two_bytes_are_asked_for_among_the_lengths_too() {
    static SHORTER: AtomicBool = AtomicBool::new(false);
    let mut probed = Probed::new("probed");
    probed.refuses = |length| {
        let refused = length == DataKeyLength::Bytes32 && SHORTER.load(Relaxed);
        SHORTER.fetch_or(length != DataKeyLength::Bytes32, Relaxed);
        refused.then_some(ErrorClass::InvalidRequest)
    };
    let seen = probed.verdict().await.unwrap();
    assert!(
        seen.contains("generate_data_key succeeds for each length"),
        "{seen}"
    );
}

#[tokio::test]
async fn a_bit_is_set_in_three_to_seven_bytes_of_ten() {
    for (set, conforms) in [
        (0, false),
        (9, false),
        (10, true),
        (22, true),
        (23, false),
        (32, false),
    ] {
        let mut probed = Probed::new("probed");
        probed.set = Some(set);
        let seen = probed.verdict().await;
        assert_eq!(seen.is_none(), conforms, "{set}: {seen:?}");
        if let Some(seen) = seen {
            assert!(seen.contains("bit 3"), "{set}: {seen}");
        }
    }
}
