//! What a data key under a cached branch key costs, and a message that has one of its own.
//!
//! `cargo bench -p datakey --no-default-features --features aws-lc,branch-keys,esdk,local --bench branch_keys`
#![forbid(unsafe_code)]
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a benchmark stops at what it does not expect"
)]
use std::{
    hint::black_box,
    pin::pin,
    task::{Context, Poll, Waker},
};

use datakey::{
    Aad, EncryptionContext, Opener, Sealer,
    branch_keys::{BranchKeyAdmin, BranchKeys, MemoryStore, NewBranchKey},
    esdk,
    local::LocalKeys,
    provider::{DataKeyLength, OpeningProvider as _, SealingProvider as _},
};
use divan::Bencher;
use tokio::runtime::{Builder, Runtime};

fn main() {
    divan::main();
}

struct Warm {
    runtime: Runtime,
    keys: BranchKeys,
    context: EncryptionContext,
}

fn warm() -> Warm {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let keys = runtime.block_on(async {
        let kms = LocalKeys::generate("bench").expect("random bytes");
        let store = MemoryStore::new("branch-keys");
        let admin = BranchKeyAdmin::new(store.clone(), kms.clone(), kms.active_key_id());
        let made = admin.create(&NewBranchKey::new()).await.expect("a new table");
        let id = made.into_description().id;
        BranchKeys::builder(store, kms)
            .branch_key(id)
            .build()
            .expect("one branch key")
    });
    let context = EncryptionContext::new([("tenant", "acme"), ("purpose", "orders")]).expect("two pairs");
    let first = keys.generate_data_key(&context, DataKeyLength::Bytes32);
    let _loaded = runtime.block_on(first).expect("a branch key");
    Warm {
        runtime,
        keys,
        context,
    }
}

#[divan::bench]
fn wrap_a_new_data_key(bencher: Bencher<'_, '_>) {
    let warm = warm();
    let _entered = warm.runtime.enter();
    bencher.bench_local(|| {
        let made = warm.keys.generate_data_key(&warm.context, DataKeyLength::Bytes32);
        now(made).expect("kept")
    });
}

#[divan::bench]
fn open_a_data_key(bencher: Bencher<'_, '_>) {
    let warm = warm();
    let _entered = warm.runtime.enter();
    let made = warm.keys.generate_data_key(&warm.context, DataKeyLength::Bytes32);
    let made = now(made).expect("kept");
    let wrapped = made.wrapped_keys().first();
    bencher.bench_local(|| {
        let opened = warm.keys.decrypt(&warm.context, black_box(wrapped));
        now(opened).expect("kept")
    });
}

/// What is kept is ready at the first poll.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("a warm call waits for nothing"),
    }
}

fn sealer(warm: &Warm, esdk: bool) -> Sealer {
    let builder = Sealer::builder(warm.keys.clone()).without_retry().without_cache();
    let builder = if esdk {
        let suite = esdk::Suite::Aes256GcmHkdfSha512CommitKey;
        builder.format(esdk::Params::new().with_suite(suite))
    } else {
        builder
    };
    builder.build().expect("settings that fit")
}

/// 300 bytes under a data key of their own.
#[divan::bench(args = [false, true])]
fn seal_300_bytes(bencher: Bencher<'_, '_>, esdk: bool) {
    let warm = warm();
    let _entered = warm.runtime.enter();
    let sealer = sealer(&warm, esdk);
    bencher.bench_local(|| {
        let sealed = sealer.seal(&warm.context, black_box(&[7; 300]), Aad::EMPTY);
        now(sealed).expect("kept")
    });
}

/// 300 bytes, the data key of which was not seen before.
#[divan::bench(args = [false, true])]
fn open_300_bytes(bencher: Bencher<'_, '_>, esdk: bool) {
    let warm = warm();
    let _entered = warm.runtime.enter();
    let sealer = sealer(&warm, esdk);
    let opener = Opener::builder(warm.keys.clone()).without_retry().without_cache();
    let opener = opener.build().expect("settings that fit");
    let sealed = sealer.seal(&warm.context, &[7; 300], Aad::EMPTY);
    let sealed = now(sealed).expect("kept");
    bencher.bench_local(|| {
        let opened = opener.open(&warm.context, black_box(&sealed), Aad::EMPTY);
        now(opened).expect("kept")
    });
}
