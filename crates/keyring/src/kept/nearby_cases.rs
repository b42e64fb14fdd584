//! What a thread remembers of keys, case by case. That a hit is found here at all shows in nothing else but its instructions.
use std::{sync::Arc, time::Duration};

use datakey_fake_kms::FakeKms;
use datakey_provider::EncryptionContext;
use tokio::time::{Instant, advance};

use super::{
    handle::{Handle, Handles},
    lease::Amount,
    nearby::{Owner, Spot, find, keep},
    secret::{Locker, Secret},
};
use crate::{OpeningKeyring, SealingKeyring, Usage};

const ONE: Amount = Amount {
    messages: 1,
    bytes: 1,
};

fn handles(key: u64) -> Handles<u64> {
    Handles::new(Secret::new(key, &Locker::default(), |_, _| {}))
}

fn found(spot: Spot, id: u64, now: Instant) -> Option<u64> {
    let handle = find(spot, now, |own: &u64| *own == id);
    handle.map(|handle: Arc<Handle<u64>>| *handle.key)
}

#[tokio::test(start_paused = true)]
async fn keys_of_different_bits_do_not_push_each_other_out() {
    let owner = Owner::new();
    let now = Instant::now();
    let kept: Vec<_> = (0..64).map(handles).collect();
    for (id, handles) in (0..).zip(&kept) {
        let until = now + Duration::from_secs(1);
        keep(Spot::new(owner, id), now, until, id, &handles.of(0));
    }
    for id in 0..64 {
        assert_eq!(found(Spot::new(owner, id), id, now), Some(id));
        assert_eq!(
            found(Spot::new(owner, id), id + 1, now),
            None,
            "bits are not an identity"
        );
        assert_eq!(
            found(Spot::new(Owner::new(), id), id, now),
            None,
            "nor is a key another keyring's"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_is_remembered_for_a_moment_and_while_it_is_live() {
    let spot = Spot::new(Owner::new(), 7);
    let (live, retired) = (handles(1), handles(2));
    let now = Instant::now();
    keep(spot, now, now + Duration::from_millis(50), 1_u64, &live.of(0));
    assert_eq!(found(spot, 1, now + Duration::from_millis(49)), Some(1));
    assert_eq!(found(spot, 1, now + Duration::from_millis(50)), None);
    keep(spot, now, now + Duration::from_secs(9), 2_u64, &retired.of(0));
    assert_eq!(
        found(spot, 2, now + Duration::from_millis(99)),
        Some(2),
        "in the place of the other"
    );
    assert_eq!(found(spot, 2, now + Duration::from_millis(100)), None);
    retired.retire();
    assert_eq!(found(spot, 2, now), None);
}

#[tokio::test(start_paused = true)]
async fn a_slot_of_a_keyring_with_other_keys_is_taken_over_whole() {
    let owner = Owner::new();
    let now = Instant::now();
    let until = now + Duration::from_secs(1);
    let (number, text) = (
        handles(1),
        Handles::new(Secret::new(String::from("a"), &Locker::default(), |_, _| {})),
    );
    keep(Spot::new(owner, 3), now, until, 1_u64, &number.of(0));
    keep(Spot::new(owner, 3), now, until, 1_u64, &text.of(0));
    let handle = find(Spot::new(owner, 3), now, |own: &u64| *own == 1);
    assert!(handle.is_some_and(|handle: Arc<Handle<String>>| *handle.key == "a"));
}

#[tokio::test(start_paused = true)]
async fn a_key_that_was_just_used_is_found_without_the_store_and_no_other_is() {
    let fake = FakeKms::new();
    let kms = fake.provider(&fake.create_key().unwrap());
    let (sealing, opening) = (SealingKeyring::new(kms.clone()), OpeningKeyring::new(kms));
    let context = EncryptionContext::new([("tenant", "acme")]).unwrap();
    let other = EncryptionContext::new([("tenant", "umbrella")]).unwrap();
    let sealed = sealing.key(&context, Usage::message(1)).await.unwrap();
    opening.key(&context, sealed.wrapped_keys()).await.unwrap();
    // Whoever loaded it had it from the load; the next one has it from the store.
    assert!(sealing.try_key(&context, Usage::message(1)).is_some());
    assert!(opening.try_key(&context, sealed.wrapped_keys()).is_some());
    let wrapped = sealed.wrapped_keys().first();
    let now = Instant::now();
    assert!(sealing.core.look_nearby(&context, ONE, now).is_some());
    assert!(opening.core.look_nearby(&context, wrapped, now).is_some());
    assert!(sealing.core.look_nearby(&other, ONE, now).is_none());
    assert!(opening.core.look_nearby(&other, wrapped, now).is_none());
    advance(Duration::from_millis(101)).await;
    assert!(sealing.core.look_nearby(&context, ONE, Instant::now()).is_none());
    assert!(
        opening
            .core
            .look_nearby(&context, wrapped, Instant::now())
            .is_none()
    );
}
