//! Messages of the AWS Encryption SDK through the facade with a cached data key, beside the sum of what they are made of: as
//! `messages` of datakey-esdk, whose floors these are.
#![forbid(unsafe_code)]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a benchmark stops at what it does not expect"
)]

#[path = "../../esdk/benches/raw/mod.rs"]
mod raw;

use std::{
    hint::black_box,
    pin::pin,
    task::{Context, Poll, Waker},
};

use datakey::{
    Aad, EncryptionContext, Opener, Sealer,
    esdk::{Params, RawAesKey, Suite},
};

use raw::{Cipher, Signer, Turns, derive, head, row};

const LEN: usize = 300;
const LARGE: usize = 1 << 20;
const FRAME: usize = 4096;
const KEY: [u8; 32] = [7; 32];

/// A sealer and an opener whose data key is cached, and a message.
struct Warm {
    context: EncryptionContext,
    sealer: Sealer,
    opener: Opener,
}

impl Warm {
    fn new(suite: Suite) -> Self {
        let key = || RawAesKey::new("shop", "2026", &KEY).unwrap();
        Self {
            context: EncryptionContext::new([("tenant", "acme"), ("purpose", "orders")]).unwrap(),
            sealer: Sealer::builder(key())
                .format(Params::new().with_suite(suite))
                .build()
                .unwrap(),
            opener: Opener::new(key()),
        }
    }

    /// A message, sealed and opened once.
    fn message(&self, plaintext: &[u8]) -> Vec<u8> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build();
        runtime.unwrap().block_on(async {
            let sealed = self
                .sealer
                .seal(&self.context, plaintext, Aad::EMPTY)
                .await
                .unwrap();
            let opened = self
                .opener
                .open(&self.context, &sealed, Aad::EMPTY)
                .await
                .unwrap();
            assert_eq!(opened, plaintext);
            sealed
        })
    }

    fn seal(&self, plaintext: &[u8], out: &mut Vec<u8>) {
        let sealed = self
            .sealer
            .seal_into(black_box(&self.context), black_box(plaintext), Aad::EMPTY, out);
        at_once(sealed).unwrap();
    }

    fn open(&self, sealed: &[u8], out: &mut Vec<u8>) {
        let opened = self
            .opener
            .open_into(black_box(&self.context), black_box(sealed), Aad::EMPTY, out);
        at_once(opened).unwrap();
    }
}

/// A warm call is ready at the first poll, and takes no runtime.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("a warm call waits for nothing"),
    }
}

fn main() {
    small();
    signed();
    large();
}

fn small() {
    let warm = Warm::new(Suite::Aes256GcmHkdfSha512CommitKey);
    let plaintext = [7; LEN];
    let sealed = warm.message(&plaintext);
    let floor = |id: &[u8], out: &mut [u8]| {
        let cipher = Cipher::new(&derive(&KEY, id));
        black_box(cipher.seal(&[], &mut []));
        black_box(cipher.seal(&plaintext, out));
    };
    head("300 bytes, 0x0478, facade");
    row(
        "seal",
        Turns(2_001, 100),
        || {
            let mut out = Vec::new();
            warm.seal(&plaintext, &mut out);
            black_box(out);
        },
        || {
            let mut id = [0; 32];
            getrandom::fill(&mut id).unwrap();
            let mut out = vec![0; sealed.len()];
            floor(&id, &mut out[..LEN]);
            black_box(out);
        },
    );
    row(
        "open",
        Turns(2_001, 100),
        || {
            let mut out = Vec::new();
            warm.open(&sealed, &mut out);
            black_box(out);
        },
        || {
            let mut out = vec![0; LEN];
            floor(&sealed[3..35], &mut out);
            black_box(out);
        },
    );
}

fn signed() {
    let warm = Warm::new(Suite::Aes256GcmHkdfSha512CommitKeyEcdsaP384);
    let (plaintext, signer) = ([7; LEN], Signer::new());
    let sealed = warm.message(&plaintext);
    let mut out = Vec::new();
    head("300 bytes, 0x0578, facade");
    row(
        "seal, beside a signature",
        Turns(401, 10),
        || {
            out.clear();
            warm.seal(&plaintext, &mut out);
        },
        || signer.sign(),
    );
    row(
        "open, beside a verification",
        Turns(401, 10),
        || {
            out.clear();
            warm.open(&sealed, &mut out);
        },
        || signer.verify(),
    );
}

fn large() {
    let warm = Warm::new(Suite::Aes256GcmHkdfSha512CommitKey);
    let (plaintext, cipher) = (vec![7; LARGE], Cipher::new(&KEY));
    let sealed = warm.message(&plaintext);
    let (mut out, mut vector, mut pieces) = (Vec::new(), Vec::new(), vec![0; LARGE]);
    let chunks = plaintext.chunks(FRAME).zip(pieces.chunks_mut(FRAME));
    let tags: Vec<_> = chunks.map(|(from, to)| cipher.seal(from, to)).collect();
    head("1 MiB in frames of 4096, facade");
    row(
        "seal, into a used vector",
        Turns(401, 4),
        || {
            out.clear();
            warm.seal(&plaintext, &mut out);
        },
        || {
            vector.clear();
            vector.resize(LARGE, 0);
            let chunks = plaintext.chunks(FRAME).zip(vector.chunks_mut(FRAME));
            for (from, to) in chunks {
                black_box(cipher.seal(black_box(from), to));
            }
        },
    );
    row(
        "open, into a used vector",
        Turns(401, 4),
        || {
            out.clear();
            warm.open(&sealed, &mut out);
        },
        || {
            vector.clear();
            vector.resize(LARGE, 0);
            let chunks = pieces.chunks(FRAME).zip(vector.chunks_mut(FRAME));
            for ((from, to), tag) in chunks.zip(&tags) {
                cipher.open(black_box(from), tag, to);
            }
        },
    );
}
