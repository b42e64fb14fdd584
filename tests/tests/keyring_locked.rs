//! Keys locked into memory: as far as the system allows, for as long as somebody has them, and never an error.
use std::{ops::Range, ptr, time::Duration};

use datakey::{Aad, Header, Opener, OpeningKey, Sealer, SealingKey, local::LocalKeys};
use datakey_keyring::{Held, OpeningLimits, OpeningMaterial, SealingLimits, SealingMaterial, Usage};
use datakey_provider::{DataKey, EncryptionContext, GeneratedDataKey, ProviderError};
use datakey_tests::keyring::{Scripted, context};
use datakey_tests::keyrings::Keyrings;
use tokio::{sync::Mutex, time::sleep};

const ONE: Usage = Usage::message(1);

/// What the system says concerns the whole process: one test at a time.
static ALONE: Mutex<()> = Mutex::const_new(());

/// Bytes of a data key itself, and of what it owns.
const SEALING: u64 = (size_of::<GeneratedDataKey>() + 32) as u64;
const OPENING: u64 = (size_of::<DataKey>() + 32) as u64;

async fn sealed(keyring: &Keyrings, tenant: &str) -> Held<GeneratedDataKey> {
    keyring.sealing.key(&context(tenant), ONE).await.unwrap()
}

/// Kilobytes that the system says this process has locked, where it says so.
fn locked_pages() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmLck:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse().ok()
}

/// Whether this system lets this process lock a page at all; a container may not.
fn may_lock() -> bool {
    let page = [0_u8; 64];
    region::lock(page.as_ptr(), page.len()).is_ok()
}

#[tokio::test(start_paused = true)]
async fn keys_are_locked_from_load_to_the_last_holders_drop() {
    let _alone = ALONE.lock().await;
    let before = locked_pages();
    if !may_lock() {
        println!("this system lets nobody lock memory: nothing to see here");
        return;
    }
    let keyring = Keyrings::builder()
        .sealing(
            SealingLimits::default()
                .with_soft_age(Duration::from_secs(60))
                .with_hard_age(Duration::from_secs(60)),
        )
        .opening(OpeningLimits::default().with_ttl(Duration::from_secs(60)))
        .build(Scripted::default())
        .unwrap();
    assert_eq!(keyring.stats().locked_bytes, 0);
    let held = sealed(&keyring, "a").await;
    assert_eq!(keyring.stats().locked_bytes, SEALING);
    if let Some(kilobytes) = locked_pages() {
        assert!(kilobytes > 0, "the system says otherwise");
    }
    drop(
        keyring
            .opening
            .key(&context("a"), held.wrapped_keys())
            .await
            .unwrap(),
    );
    assert_eq!(keyring.stats().locked_bytes, SEALING + OPENING);
    drop(sealed(&keyring, "b").await);
    assert_eq!(keyring.stats().locked_bytes, 2 * SEALING + OPENING);

    sleep(Duration::from_secs(90)).await;
    let live = (keyring.sealing.stats().live, keyring.opening.stats().live);
    assert_eq!(live, (0, 0));
    assert_eq!(
        keyring.stats().locked_bytes,
        SEALING,
        "one is still in somebody's hands"
    );
    drop(held);
    assert_eq!(keyring.stats().locked_bytes, 0);
    assert_eq!(keyring.stats().lock_failures, 0);
    assert_eq!(locked_pages(), before);
}

#[tokio::test(start_paused = true)]
async fn a_key_of_its_own_is_locked_too() {
    let _alone = ALONE.lock().await;
    let before = locked_pages();
    if !may_lock() {
        return;
    }
    let keyring = Keyrings::uncached(Scripted::default());
    let held = sealed(&keyring, "a").await;
    assert_eq!(keyring.stats().locked_bytes, SEALING);
    drop(held);
    assert_eq!(keyring.stats().locked_bytes, 0);
    assert_eq!(locked_pages(), before);
}

#[tokio::test(start_paused = true)]
async fn keys_that_share_a_page_keep_it_locked_until_the_last_is_gone() {
    let _alone = ALONE.lock().await;
    let before = locked_pages();
    if !may_lock() {
        return;
    }
    let keyring = Keyrings::new(Scripted::default());
    let mut held = Vec::new();
    for n in 0..500 {
        held.push(sealed(&keyring, &format!("t{n}")).await);
    }
    keyring.shutdown();
    assert_eq!(keyring.stats().locked_bytes, 500 * SEALING);
    while let Some(one) = held.pop() {
        drop(one);
        assert_eq!(keyring.stats().locked_bytes, held.len() as u64 * SEALING);
        if let (Some(kilobytes), false) = (locked_pages(), held.is_empty()) {
            assert!(Some(kilobytes) > before, "{} keys are left", held.len());
        }
    }
    assert_eq!(locked_pages(), before);
    assert_eq!(keyring.stats().lock_failures, 0);
}

/// Names memory that is not there.
#[derive(Clone)]
struct Lying;

impl SealingMaterial for Lying {
    type Key = GeneratedDataKey;

    fn prepare(
        &self,
        made: GeneratedDataKey,
        _: &EncryptionContext,
    ) -> Result<GeneratedDataKey, ProviderError> {
        Ok(made)
    }

    fn memory(&self, _: &GeneratedDataKey, lock: &mut dyn FnMut(Range<*const u8>)) {
        let nowhere = ptr::without_provenance::<u8>(0x10_0000);
        lock(nowhere..nowhere.wrapping_add(3 * 65_536));
        lock(nowhere..nowhere);
    }
}

impl OpeningMaterial for Lying {
    type Key = DataKey;

    fn prepare(&self, data_key: DataKey, _: &EncryptionContext) -> Result<DataKey, ProviderError> {
        Ok(data_key)
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_locked_is_counted_and_used() {
    let _alone = ALONE.lock().await;
    let before = locked_pages();
    let keyring: Keyrings<Lying> = Keyrings::builder()
        .material(Lying)
        .build(Scripted::default())
        .unwrap();
    let held = keyring.sealing.key(&context("a"), ONE).await.unwrap();
    assert_eq!(held.data_key().expose_secret().len(), 32);
    assert_eq!(keyring.stats().lock_failures, if may_lock() { 1 } else { 2 });
    drop(held);
    keyring.shutdown();
    assert_eq!((keyring.stats().locked_bytes, locked_pages()), (0, before));
}

#[tokio::test]
async fn the_facades_keys_name_the_memory_that_they_own() {
    let _alone = ALONE.lock().await;
    if !may_lock() {
        return;
    }
    let keys = LocalKeys::generate("locked").unwrap();
    let (sealer, opener) = (Sealer::new(keys.clone()), Opener::new(keys));
    let message = sealer.seal(&context("a"), b"order", Aad::EMPTY).await.unwrap();
    opener.open(&context("a"), &message, Aad::EMPTY).await.unwrap();

    let sealing = sealer.keyring().key(&context("a"), ONE).await.unwrap();
    let mut own = 0;
    sealing.secret_memory(&mut |range| own += range.end.addr() - range.start.addr());
    assert!(own >= 2 * 32, "two hash states");
    let all = size_of::<SealingKey>() + own;
    assert_eq!(sealer.keyring().stats().locked_bytes, all as u64);

    let header = Header::decode(&message).unwrap();
    let opening = opener.key_of(&context("a"), &header, Aad::EMPTY).await.unwrap();
    own = 0;
    opening.secret_memory(&mut |range| own += range.end.addr() - range.start.addr());
    assert!(own >= 32, "a hash state");
    let all = size_of::<OpeningKey>() + own;
    assert_eq!(opener.keyring().stats().locked_bytes, all as u64);
}
