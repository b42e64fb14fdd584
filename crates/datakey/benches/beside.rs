//! What the facade adds to the envelope when it seals 300 bytes with a warm keyring, on one thread and on two.
//!
//! Envelope and facade take turns of some hundred microseconds, so that a processor that changes its pace meets both
//! alike. Each line is the median over the turns of one run of the two times and of their ratio.
#![forbid(unsafe_code)]
#![expect(
    clippy::panic,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a benchmark prints, reads the clock, and stops at what it does not expect"
)]
use std::{
    hint::black_box,
    pin::pin,
    sync::Barrier,
    task::{Context, Poll, Waker},
    thread,
    time::Instant,
};

use datakey::{
    Aad, EncryptionContext, Params, Sealer, Suite,
    envelope::SealingKey,
    local::LocalKeys,
    provider::{DataKeyLength, SealingProvider as _},
};

const LEN: usize = 300;
const TURNS: usize = 4_001;
const SEALS: u32 = 200;

fn main() {
    // Cargo passes `--bench`; there is nothing to choose.
    println!(
        "{:<34} {:>8} {:>10} {:>10} {:>7}",
        "suite", "threads", "envelope", "facade", "ratio"
    );
    for suite in [Suite::ChaCha20Poly1305, Suite::Aes256Gcm] {
        for threads in [1, 2] {
            let [envelope, facade, ratio] = medians(suite, threads);
            println!(
                "{:<34} {threads:>8} {envelope:>7.0} ns {facade:>7.0} ns {ratio:>7.3}",
                suite.to_string()
            );
        }
    }
}

/// The medians of the turns of all threads: the envelope's time, the facade's, and the ratio of a turn's two.
fn medians(suite: Suite, threads: usize) -> [f64; 3] {
    let (context, keys) = (
        EncryptionContext::new([("tenant", "acme"), ("purpose", "orders")]).unwrap(),
        LocalKeys::generate("bench").unwrap(),
    );
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let made = runtime
        .block_on(keys.generate_data_key(&context, DataKeyLength::Bytes32))
        .unwrap();
    let params = Params::new().with_suite(suite);
    let sealing = SealingKey::new(made.data_key(), made.wrapped_keys(), &context, &params).unwrap();
    let sealer = Sealer::builder(keys).suite(suite).build().unwrap();
    runtime
        .block_on(sealer.seal(&context, &[7; LEN], Aad::new(b"order 17")))
        .unwrap();

    let together = Barrier::new(threads);
    let turns: Vec<[f64; 3]> = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    together.wait();
                    turns(&sealing, &sealer, &context)
                })
            })
            .collect();
        workers
            .into_iter()
            .flat_map(|worker| worker.join().unwrap())
            .collect()
    });
    [0, 1, 2].map(|column| {
        let mut figures: Vec<f64> = turns.iter().map(|turn| turn[column]).collect();
        figures.sort_unstable_by(f64::total_cmp);
        figures[figures.len() / 2]
    })
}

fn turns(sealing: &SealingKey, sealer: &Sealer, context: &EncryptionContext) -> Vec<[f64; 3]> {
    let mut out = Vec::with_capacity(1024);
    let plaintext = [7; LEN];
    (0..TURNS)
        .map(|_| {
            let envelope = timed(|| {
                out.clear();
                sealing
                    .seal(black_box(&plaintext), Aad::new(b"order 17"), &mut out)
                    .unwrap();
            });
            let facade = timed(|| {
                out.clear();
                let sealed = sealer.seal_into(
                    black_box(context),
                    black_box(&plaintext),
                    Aad::new(b"order 17"),
                    &mut out,
                );
                at_once(sealed).unwrap();
            });
            [envelope, facade, facade / envelope]
        })
        .collect()
}

/// Nanoseconds for each call.
fn timed(mut call: impl FnMut()) -> f64 {
    let start = Instant::now();
    (0..SEALS).for_each(|_| call());
    start.elapsed().as_secs_f64() * 1e9 / f64::from(SEALS)
}

/// A warm call is ready at the first poll, and takes no runtime.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("a warm call waits for nothing"),
    }
}
