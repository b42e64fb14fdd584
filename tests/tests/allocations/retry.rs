//! A call that succeeds at once allocates nothing beyond the future that `async-trait` boxes.
use std::{
    pin::pin,
    task::{Context, Poll, Waker},
};

use allocation_counter::measure;
use datakey_provider::{DataKeyLength, EncryptionContext, OpeningProvider, SealingProvider, WrappedKeys};
use datakey_retry::{Policy, Retry, retry};
use datakey_tests::retry_regions::TwoRegions;

fn at_once<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    // The fixture yields once for each call that it makes.
    for _ in 0..5 {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return output;
        }
    }
    panic!("it waits");
}

fn sealed(provider: &impl SealingProvider) -> WrappedKeys {
    let made =
        at_once(provider.generate_data_key(&EncryptionContext::empty(), DataKeyLength::Bytes32)).unwrap();
    made.wrapped_keys().clone()
}

/// What a hundred calls allocate, each time that nothing else does: buffers that grow now and then do not count.
fn opening(provider: &impl OpeningProvider, keys: &WrappedKeys) -> u64 {
    let hundred = || {
        for _ in 0..100 {
            at_once(provider.decrypt(&EncryptionContext::empty(), keys.first())).unwrap();
        }
    };
    let rounds = (0..10).map(|_| measure(hundred).count_total);
    rounds.min().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_success_at_once_allocates_one_box() {
    let bare = TwoRegions::default();
    let retrying = Retry::new(bare.clone(), Policy::default());
    let keys = sealed(&retrying);
    // The attempt does wait, for the fixture's yield, so that its timer is counted too: it allocates nothing either.
    assert_eq!(opening(&retrying, &keys), opening(&bare, &keys) + 100);

    let policy = Policy::default();
    let counted = measure(|| {
        for _ in 0..100 {
            at_once(retry(&policy, async || {
                Ok::<_, datakey_provider::ProviderError>(1)
            }))
            .unwrap();
        }
    });
    assert_eq!(counted.count_total, 0, "{counted:?}");
}
