//! A hit allocates nothing and is ready at the first poll.
use std::{
    pin::pin,
    task::{Context, Poll, Waker},
};

use allocation_counter::measure;
use datakey_keyring::Usage;
use datakey_tests::keyring::{Scripted, context};
use datakey_tests::keyrings::Keyrings;

const ONE: Usage = Usage::message(300);

#[tokio::test(start_paused = true)]
async fn a_hit_allocates_nothing() {
    let keyring = Keyrings::new(Scripted::default());
    let context = context("acme");
    let sealed = keyring.sealing.key(&context, ONE).await.unwrap();
    let wrapped = sealed.wrapped_keys();
    keyring.opening.key(&context, wrapped).await.unwrap();
    let hits = || {
        for _ in 0..100 {
            assert!(keyring.sealing.try_key(&context, ONE).is_some());
            assert!(keyring.opening.try_key(&context, wrapped).is_some());
        }
    };
    hits();
    // Many more than one lease, so that its renewal is among them.
    let counted = measure(|| (0..2_000).for_each(|_| hits()));
    assert_eq!(counted.count_total, 0, "{counted:?}");
    let cold = measure(|| {
        let other = datakey_tests::keyring::context("other");
        assert!(keyring.sealing.try_key(&other, ONE).is_none());
    });
    assert!(cold.count_total > 0, "the counter counts");
}

#[tokio::test(start_paused = true)]
async fn more_keys_than_a_thread_has_slots_allocate_nothing_either() {
    let keyring = Keyrings::new(Scripted::default());
    let contexts: Vec<_> = (0..600).map(|n| context(format!("t{n}"))).collect();
    assert!(keyring.sealing.warm(&contexts).await.is_empty());
    let hits = || {
        for context in &contexts {
            assert!(keyring.sealing.try_key(context, ONE).is_some());
        }
    };
    hits();
    assert_eq!(measure(hits).count_total, 0);
}

#[tokio::test(start_paused = true)]
async fn a_hit_is_ready_at_the_first_poll() {
    let keyring = Keyrings::new(Scripted::taking(1));
    let context = context("acme");
    let sealed = keyring.sealing.key(&context, ONE).await.unwrap();
    let mut nobody = Context::from_waker(Waker::noop());
    let sealing = pin!(keyring.sealing.key(&context, ONE)).poll(&mut nobody);
    assert!(matches!(sealing, Poll::Ready(Ok(_))));
    let opening = pin!(keyring.opening.key(&context, sealed.wrapped_keys()));
    assert!(opening.poll(&mut nobody).is_pending(), "a miss is not");
}
