//! One order of 300 bytes through the facade with a warm keyring, beside the envelope's own time for it.
//!
//! Sealing adds the look-up of the data key and the reservation on it; opening adds the decoding of the header, the
//! comparison of contexts and the look-up.
#![forbid(unsafe_code)]
#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a benchmark stops at what it does not expect"
)]
use std::{
    hint::black_box,
    pin::pin,
    task::{Context, Poll, Waker},
};

use datakey::{
    Aad, EncryptionContext, Opener, Params, Sealer, Suite,
    envelope::{Message, OpeningKey, SealingKey},
    local::LocalKeys,
    provider::{DataKeyLength, OpeningProvider as _, SealingProvider as _},
};
use divan::Bencher;

const LEN: usize = 300;
const SUITES: [Suite; 2] = [Suite::ChaCha20Poly1305, Suite::Aes256Gcm];

fn main() {
    divan::main();
}

fn context() -> EncryptionContext {
    EncryptionContext::new([("tenant", "acme"), ("purpose", "orders")]).unwrap()
}

/// A warm call is ready at the first poll, and takes no runtime.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("a warm call waits for nothing"),
    }
}

fn on_a_runtime<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    runtime.unwrap().block_on(future)
}

/// Keys of the envelope alone, and a message under them.
fn alone(suite: Suite) -> (SealingKey, OpeningKey, Vec<u8>) {
    let (context, keys) = (context(), LocalKeys::generate("bench").unwrap());
    let made = on_a_runtime(keys.generate_data_key(&context, DataKeyLength::Bytes32)).unwrap();
    let params = Params::new().with_suite(suite);
    let sealing = SealingKey::new(made.data_key(), made.wrapped_keys(), &context, &params).unwrap();
    let again = on_a_runtime(keys.decrypt(&context, made.wrapped_keys().first())).unwrap();
    let mut message = Vec::new();
    sealing
        .seal(&[7; LEN], Aad::new(b"order 17"), &mut message)
        .unwrap();
    (sealing, OpeningKey::new(&again, &context).unwrap(), message)
}

/// The facade, warm, and a message of it.
fn warm(suite: Suite) -> (Sealer, Opener, Vec<u8>) {
    let (context, keys) = (context(), LocalKeys::generate("bench").unwrap());
    let sealer = Sealer::builder(keys.clone()).suite(suite).build().unwrap();
    let opener = Opener::new(keys);
    let message = on_a_runtime(async {
        let message = sealer
            .seal(&context, &[7; LEN], Aad::new(b"order 17"))
            .await
            .unwrap();
        opener
            .open(&context, &message, Aad::new(b"order 17"))
            .await
            .unwrap();
        message
    });
    (sealer, opener, message)
}

#[divan::bench(args = SUITES)]
fn seal_envelope(bencher: Bencher<'_, '_>, suite: Suite) {
    let ((sealing, ..), mut out) = (alone(suite), Vec::new());
    bencher.bench_local(|| {
        out.clear();
        sealing
            .seal(black_box(&[7; LEN]), Aad::new(b"order 17"), &mut out)
            .unwrap();
    });
}

#[divan::bench(args = SUITES)]
fn seal_facade(bencher: Bencher<'_, '_>, suite: Suite) {
    let ((sealer, ..), context, mut out) = (warm(suite), context(), Vec::new());
    bencher.bench_local(|| {
        out.clear();
        at_once(sealer.seal_into(
            black_box(&context),
            black_box(&[7; LEN]),
            Aad::new(b"order 17"),
            &mut out,
        ))
        .unwrap();
    });
}

/// The same on several threads at once, all under one data key: the time of each.
#[divan::bench(args = SUITES, threads = [1, 2])]
fn seal_facade_on_threads(bencher: Bencher<'_, '_>, suite: Suite) {
    let ((sealer, ..), context) = (warm(suite), context());
    bencher
        .with_inputs(|| Vec::<u8>::with_capacity(1024))
        .bench_refs(|out| {
            at_once(sealer.seal_into(
                black_box(&context),
                black_box(&[7; LEN]),
                Aad::new(b"order 17"),
                out,
            ))
            .unwrap();
        });
}

/// The envelope alone on several threads at once, all with one prepared key: the time of each.
#[divan::bench(args = SUITES, threads = [1, 2])]
fn seal_envelope_on_threads(bencher: Bencher<'_, '_>, suite: Suite) {
    let (sealing, ..) = alone(suite);
    bencher
        .with_inputs(|| Vec::<u8>::with_capacity(1024))
        .bench_refs(|out| {
            sealing
                .seal(black_box(&[7; LEN]), Aad::new(b"order 17"), out)
                .unwrap();
        });
}

#[divan::bench(args = SUITES)]
fn open_envelope(bencher: Bencher<'_, '_>, suite: Suite) {
    let ((_, opening, message), mut out) = (alone(suite), Vec::new());
    bencher.bench_local(|| {
        out.clear();
        let message = Message::decode(black_box(&message)).unwrap();
        opening.open(&message, Aad::new(b"order 17"), &mut out).unwrap();
    });
}

#[divan::bench(args = SUITES)]
fn open_facade(bencher: Bencher<'_, '_>, suite: Suite) {
    let ((_, opener, message), context, mut out) = (warm(suite), context(), Vec::new());
    bencher.bench_local(|| {
        out.clear();
        at_once(opener.open_into(
            black_box(&context),
            black_box(&message),
            Aad::new(b"order 17"),
            &mut out,
        ))
        .unwrap();
    });
}
