//! One message and one record of 300 bytes, beside the floors that they are made of.
//!
//! `cargo xtask bench ratios` runs this and says how far each is from the sum of its floors.
#![expect(clippy::unwrap_used, reason = "a benchmark stops at what it does not expect")]
use std::hint::black_box;

use datakey_envelope::{Aad, Message, OpeningKey, Params, SealingKey, Suite};
use datakey_provider::{DataKey, DataKeyLength, EncryptionContext, WrappedKey};
use divan::{Bencher, counter::ItemsCount};

#[path = "raw/mod.rs"]
mod raw;

use raw::{Cipher, KEY, NONCE, Raw};

const LEN: usize = 300;
/// The records of one batch: enough to make its header and its end vanish in the figure for one.
const BATCH: usize = 1000;
const CIPHERS: [Cipher; 2] = [Cipher::ChaCha20, Cipher::Aes256];

fn main() {
    divan::main();
}

fn keys(cipher: Cipher) -> (SealingKey, OpeningKey) {
    let suite = match cipher {
        Cipher::ChaCha20 => Suite::ChaCha20Poly1305,
        Cipher::Aes256 => Suite::Aes256Gcm,
    };
    let data_key = DataKey::init(DataKeyLength::Bytes32, |bytes| bytes.fill(7));
    let arn = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
    let wrapped = WrappedKey::new(arn, vec![7; 184]).unwrap().into();
    let context = EncryptionContext::empty();
    let sealing = SealingKey::new(&data_key, &wrapped, &context, &Params::new().with_suite(suite)).unwrap();
    (sealing, OpeningKey::new(&data_key, &context).unwrap())
}

/// What one message costs at the least, part by part.
mod floor {
    use super::{Bencher, CIPHERS, Cipher, KEY, LEN, NONCE, Raw, black_box};
    use hkdf::Hkdf;
    use sha2::Sha256;

    #[divan::bench(args = CIPHERS, sample_count = 500, sample_size = 100)]
    fn seal_new_key(bencher: Bencher<'_, '_>, cipher: Cipher) {
        let mut sealed = [0; LEN];
        bencher.bench_local(|| {
            Raw::new(cipher, black_box(&KEY)).seal(&NONCE, black_box(&[7; LEN]), black_box(&mut sealed))
        });
    }

    #[divan::bench(args = CIPHERS, sample_count = 500, sample_size = 100)]
    fn open_new_key(bencher: Bencher<'_, '_>, cipher: Cipher) {
        let (mut sealed, mut data) = ([0; LEN], [7; LEN]);
        let tag = Raw::new(cipher, &KEY).seal(&NONCE, &data, &mut sealed);
        bencher.bench_local(|| {
            Raw::new(cipher, black_box(&KEY)).open(&NONCE, &sealed, &tag, black_box(&mut data));
        });
    }

    #[divan::bench(sample_count = 500, sample_size = 100)]
    fn hkdf_expand(bencher: Bencher<'_, '_>) {
        let prk = Hkdf::<Sha256>::from_prk(&KEY).unwrap();
        bencher.bench_local(|| {
            let mut key = [0; 32];
            prk.expand(black_box(b"floor"), &mut key).unwrap();
            key
        });
    }

    #[divan::bench(sample_count = 500, sample_size = 100)]
    fn random_24_bytes(bencher: Bencher<'_, '_>) {
        bencher.bench_local(|| {
            let mut salt = [0; 24];
            getrandom::fill(&mut salt).unwrap();
            salt
        });
    }

    #[divan::bench(sample_count = 500, sample_size = 100)]
    fn allocate_and_copy(bencher: Bencher<'_, '_>) {
        let message = [7_u8; LEN + 345];
        bencher.bench_local(|| drop(black_box(black_box(&message).to_vec())));
    }
}

/// One message with a prepared data key.
mod message {
    use super::{Aad, Bencher, CIPHERS, Cipher, LEN, Message, black_box, keys};

    #[divan::bench(args = CIPHERS, sample_count = 500, sample_size = 100)]
    fn seal(bencher: Bencher<'_, '_>, cipher: Cipher) {
        let (sealing, _) = keys(cipher);
        bencher.bench_local(|| {
            let mut out = Vec::new();
            sealing.seal(black_box(&[7; LEN]), Aad::EMPTY, &mut out).unwrap();
            drop(black_box(out));
        });
    }

    #[divan::bench(args = CIPHERS, sample_count = 500, sample_size = 100)]
    fn seal_reused(bencher: Bencher<'_, '_>, cipher: Cipher) {
        let (sealing, _) = keys(cipher);
        let mut out = Vec::new();
        bencher.bench_local(|| {
            out.clear();
            sealing.seal(black_box(&[7; LEN]), Aad::EMPTY, &mut out).unwrap();
        });
    }

    #[divan::bench(args = CIPHERS, sample_count = 500, sample_size = 100)]
    fn open(bencher: Bencher<'_, '_>, cipher: Cipher) {
        let (sealing, opening) = keys(cipher);
        let mut sealed = Vec::new();
        sealing.seal(&[7; LEN], Aad::EMPTY, &mut sealed).unwrap();
        bencher.bench_local(|| {
            let mut out = Vec::new();
            let message = Message::decode(black_box(&sealed)).unwrap();
            opening.open(&message, Aad::EMPTY, &mut out).unwrap();
            drop(black_box(out));
        });
    }

    #[divan::bench(args = CIPHERS, sample_count = 500, sample_size = 100)]
    fn open_reused(bencher: Bencher<'_, '_>, cipher: Cipher) {
        let (sealing, opening) = keys(cipher);
        let mut sealed = Vec::new();
        sealing.seal(&[7; LEN], Aad::EMPTY, &mut sealed).unwrap();
        let mut out = Vec::new();
        bencher.bench_local(|| {
            out.clear();
            let message = Message::decode(black_box(&sealed)).unwrap();
            opening.open(&message, Aad::EMPTY, &mut out).unwrap();
        });
    }
}

/// A thousand records and their cipher alone, with the key kept.
mod record {
    use super::{
        Aad, BATCH, Bencher, CIPHERS, Cipher, ItemsCount, KEY, LEN, Message, NONCE, Raw, black_box, keys,
    };

    #[divan::bench(args = CIPHERS)]
    fn seal_floor(bencher: Bencher<'_, '_>, cipher: Cipher) {
        let raw = Raw::new(cipher, &KEY);
        let mut sealed = [0; LEN];
        bencher.counter(ItemsCount::new(BATCH)).bench_local(|| {
            for _ in 0..BATCH {
                black_box(raw.seal(&NONCE, black_box(&[7; LEN]), black_box(&mut sealed)));
            }
        });
    }

    #[divan::bench(args = CIPHERS)]
    fn open_floor(bencher: Bencher<'_, '_>, cipher: Cipher) {
        let raw = Raw::new(cipher, &KEY);
        let (mut sealed, mut data) = ([0; LEN], [7; LEN]);
        let tag = raw.seal(&NONCE, &data, &mut sealed);
        bencher.counter(ItemsCount::new(BATCH)).bench_local(|| {
            for _ in 0..BATCH {
                raw.open(&NONCE, black_box(&sealed), &tag, black_box(&mut data));
            }
        });
    }

    #[divan::bench(args = CIPHERS)]
    fn seal(bencher: Bencher<'_, '_>, cipher: Cipher) {
        let (sealing, _) = keys(cipher);
        let mut out = Vec::new();
        bencher.counter(ItemsCount::new(BATCH)).bench_local(|| {
            out.clear();
            let record: &[u8] = black_box(&[7; LEN]);
            let records = std::iter::repeat_n(record, BATCH);
            sealing.seal_records(records, Aad::EMPTY, &mut out).unwrap();
        });
    }

    #[divan::bench(args = CIPHERS)]
    fn open(bencher: Bencher<'_, '_>, cipher: Cipher) {
        let (sealing, opening) = keys(cipher);
        let (mut sealed, mut out) = (Vec::new(), Vec::new());
        let records = std::iter::repeat_n([7; LEN], BATCH);
        sealing.seal_records(records, Aad::EMPTY, &mut sealed).unwrap();
        bencher.counter(ItemsCount::new(BATCH)).bench_local(|| {
            out.clear();
            let message = Message::decode(black_box(&sealed)).unwrap();
            opening.open_records(&message, Aad::EMPTY, &mut out).unwrap()
        });
    }
}
