//! Byte streams of 1 MiB and 64 MiB, beside the cipher alone, which moves the same data between buffers as long as those
//! of the call: `floor` for whole messages, `floor_stream` for portions, `floor_vec` for new bytes of a vector.
//!
//! All buffers are used again from one call to the next, on both sides. The cipher has one key, and one tag for each
//! MiB; ours has a key for each call, and a tag for each frame.
#![expect(clippy::unwrap_used, reason = "a benchmark stops at what it does not expect")]
use std::hint::black_box;

use datakey_envelope::{Aad, Message, OpeningKey, Params, SealingKey, Suite};
use datakey_provider::{DataKey, DataKeyLength, EncryptionContext, WrappedKey};
use divan::{Bencher, counter::BytesCount};

#[path = "raw/mod.rs"]
mod raw;

use raw::{Cipher, KEY, NONCE, Raw};

const LENS: [usize; 2] = [1 << 20, 1 << 26];

fn main() {
    divan::main();
}

fn keys(cipher: Cipher) -> (SealingKey, OpeningKey) {
    let suite = match cipher {
        Cipher::ChaCha20 => Suite::ChaCha20Poly1305,
        Cipher::Aes256 => Suite::Aes256Gcm,
    };
    let data_key = DataKey::init(DataKeyLength::Bytes32, |bytes| bytes.fill(7));
    let wrapped = WrappedKey::new("local:bench", vec![7; 184]).unwrap().into();
    let context = EncryptionContext::empty();
    let sealing = SealingKey::new(&data_key, &wrapped, &context, &Params::new().with_suite(suite)).unwrap();
    (sealing, OpeningKey::new(&data_key, &context).unwrap())
}

const PIECE: usize = 1 << 20;

fn floor_seal(bencher: Bencher<'_, '_>, cipher: Cipher, len: usize) {
    let raw = Raw::new(cipher, &KEY);
    let (data, mut out) = (vec![7; len], vec![0; len]);
    bencher.counter(BytesCount::new(len)).bench_local(|| {
        for (plain, sealed) in black_box(&data).chunks(PIECE).zip(out.chunks_mut(PIECE)) {
            black_box(raw.seal(&NONCE, plain, black_box(sealed)));
        }
    });
}

/// Pieces that are all the same, so that one tag is that of each.
fn sealed_pieces(raw: &Raw, len: usize) -> (Vec<u8>, [u8; 16]) {
    let mut sealed = vec![0; len];
    let mut tag = [0; 16];
    for piece in sealed.chunks_mut(PIECE) {
        tag = raw.seal(&NONCE, &vec![7; PIECE], piece);
    }
    (sealed, tag)
}

fn floor_open(bencher: Bencher<'_, '_>, cipher: Cipher, len: usize) {
    let raw = Raw::new(cipher, &KEY);
    let ((sealed, tag), mut out) = (sealed_pieces(&raw, len), vec![0; len]);
    bencher.counter(BytesCount::new(len)).bench_local(|| {
        for (sealed, plain) in black_box(&sealed).chunks(PIECE).zip(out.chunks_mut(PIECE)) {
            raw.open(&NONCE, sealed, &tag, black_box(plain));
        }
    });
}

fn floor_stream_seal(bencher: Bencher<'_, '_>, cipher: Cipher, len: usize) {
    let raw = Raw::new(cipher, &KEY);
    let (portion, mut out) = (vec![7; PIECE], vec![0; PIECE]);
    bencher.counter(BytesCount::new(len)).bench_local(|| {
        for _ in 0..len >> 20 {
            black_box(raw.seal(&NONCE, black_box(&portion), black_box(&mut out)));
        }
    });
}

fn floor_stream_open(bencher: Bencher<'_, '_>, cipher: Cipher, len: usize) {
    let raw = Raw::new(cipher, &KEY);
    let ((sealed, tag), mut out) = (sealed_pieces(&raw, len), vec![0; PIECE]);
    bencher.counter(BytesCount::new(len)).bench_local(|| {
        for portion in black_box(&sealed).chunks(PIECE) {
            raw.open(&NONCE, portion, &tag, black_box(&mut out));
        }
    });
}

fn floor_vec_seal(bencher: Bencher<'_, '_>, cipher: Cipher, len: usize) {
    let raw = Raw::new(cipher, &KEY);
    let (data, mut out) = (vec![7; len], Vec::new());
    bencher.counter(BytesCount::new(len)).bench_local(|| {
        out.clear();
        for plain in black_box(&data).chunks(PIECE) {
            let start = out.len();
            out.resize(start.saturating_add(plain.len()), 0);
            let tag = raw.seal(&NONCE, plain, out.get_mut(start..).unwrap());
            out.extend_from_slice(&tag);
        }
    });
}

fn floor_vec_open(bencher: Bencher<'_, '_>, cipher: Cipher, len: usize) {
    let raw = Raw::new(cipher, &KEY);
    let ((sealed, tag), mut out) = (sealed_pieces(&raw, len), Vec::new());
    bencher.counter(BytesCount::new(len)).bench_local(|| {
        out.clear();
        for sealed in black_box(&sealed).chunks(PIECE) {
            let start = out.len();
            out.resize(start.saturating_add(sealed.len()), 0);
            raw.open(&NONCE, sealed, &tag, out.get_mut(start..).unwrap());
        }
    });
}

fn append_seal(bencher: Bencher<'_, '_>, cipher: Cipher, len: usize) {
    let (sealing, _) = keys(cipher);
    let (data, mut out) = (vec![7; len], Vec::new());
    bencher.counter(BytesCount::new(len)).bench_local(|| {
        out.clear();
        sealing.seal(black_box(&data), Aad::EMPTY, &mut out).unwrap();
    });
}

fn append_open(bencher: Bencher<'_, '_>, cipher: Cipher, len: usize) {
    let (sealing, opening) = keys(cipher);
    let (mut sealed, mut out) = (Vec::new(), Vec::new());
    sealing.seal(&vec![7; len], Aad::EMPTY, &mut sealed).unwrap();
    bencher.counter(BytesCount::new(len)).bench_local(|| {
        out.clear();
        let message = Message::decode(black_box(&sealed)).unwrap();
        opening.open(&message, Aad::EMPTY, &mut out).unwrap();
    });
}

fn into_seal(bencher: Bencher<'_, '_>, cipher: Cipher, len: usize) {
    let (sealing, _) = keys(cipher);
    let (data, mut out) = (vec![7; len], vec![0; sealing.sealed_len(len).unwrap()]);
    bencher
        .counter(BytesCount::new(len))
        .bench_local(|| sealing.seal_into(black_box(&data), Aad::EMPTY, &mut out).unwrap());
}

fn into_open(bencher: Bencher<'_, '_>, cipher: Cipher, len: usize) {
    let (sealing, opening) = keys(cipher);
    let (mut sealed, mut out) = (Vec::new(), vec![0; len]);
    sealing.seal(&vec![7; len], Aad::EMPTY, &mut sealed).unwrap();
    bencher.counter(BytesCount::new(len)).bench_local(|| {
        let message = Message::decode(black_box(&sealed)).unwrap();
        opening.open_into(&message, Aad::EMPTY, &mut out).unwrap()
    });
}

/// Portions of 1 MiB from one buffer into another, as between two files.
fn stream_seal(bencher: Bencher<'_, '_>, cipher: Cipher, len: usize) {
    let (sealing, _) = keys(cipher);
    let portion = vec![7; PIECE];
    let (mut ends, mut out) = (Vec::new(), vec![0; 2 << 20]);
    bencher.counter(BytesCount::new(len)).bench_local(|| {
        ends.clear();
        let mut sealer = sealing.stream_sealer(Aad::EMPTY, &mut ends).unwrap();
        for _ in 0..len >> 20 {
            sealer
                .push_into(black_box(&portion), black_box(&mut out))
                .unwrap();
        }
        sealer.finish(&mut ends).unwrap();
    });
}

fn stream_open(bencher: Bencher<'_, '_>, cipher: Cipher, len: usize) {
    let (sealing, opening) = keys(cipher);
    let (mut sealed, mut out, mut end) = (Vec::new(), vec![0; 2 << 20], Vec::new());
    sealing.seal(&vec![7; len], Aad::EMPTY, &mut sealed).unwrap();
    bencher.counter(BytesCount::new(len)).bench_local(|| {
        end.clear();
        let message = Message::decode(black_box(&sealed)).unwrap();
        let mut opener = opening.stream_opener(message.header(), Aad::EMPTY).unwrap();
        for portion in message.body().chunks(PIECE) {
            opener.push_into(portion, black_box(&mut out)).unwrap();
        }
        opener.finish(&mut end).unwrap();
    });
}

#[divan::bench_group(name = "chacha20-poly1305", sample_count = 50)]
mod chacha20 {
    use super::{Bencher, Cipher, LENS};
    #[divan::bench(args = LENS)]
    fn seal_floor(bencher: Bencher<'_, '_>, len: usize) {
        super::floor_seal(bencher, Cipher::ChaCha20, len);
    }
    #[divan::bench(args = LENS)]
    fn open_floor(bencher: Bencher<'_, '_>, len: usize) {
        super::floor_open(bencher, Cipher::ChaCha20, len);
    }
    #[divan::bench(args = LENS)]
    fn seal_floor_stream(bencher: Bencher<'_, '_>, len: usize) {
        super::floor_stream_seal(bencher, Cipher::ChaCha20, len);
    }
    #[divan::bench(args = LENS)]
    fn open_floor_stream(bencher: Bencher<'_, '_>, len: usize) {
        super::floor_stream_open(bencher, Cipher::ChaCha20, len);
    }
    #[divan::bench(args = LENS)]
    fn seal_floor_vec(bencher: Bencher<'_, '_>, len: usize) {
        super::floor_vec_seal(bencher, Cipher::ChaCha20, len);
    }
    #[divan::bench(args = LENS)]
    fn open_floor_vec(bencher: Bencher<'_, '_>, len: usize) {
        super::floor_vec_open(bencher, Cipher::ChaCha20, len);
    }
    #[divan::bench(args = LENS)]
    fn seal(bencher: Bencher<'_, '_>, len: usize) {
        super::append_seal(bencher, Cipher::ChaCha20, len);
    }
    #[divan::bench(args = LENS)]
    fn open(bencher: Bencher<'_, '_>, len: usize) {
        super::append_open(bencher, Cipher::ChaCha20, len);
    }
    #[divan::bench(args = LENS)]
    fn seal_into(bencher: Bencher<'_, '_>, len: usize) {
        super::into_seal(bencher, Cipher::ChaCha20, len);
    }
    #[divan::bench(args = LENS)]
    fn open_into(bencher: Bencher<'_, '_>, len: usize) {
        super::into_open(bencher, Cipher::ChaCha20, len);
    }
    #[divan::bench(args = LENS)]
    fn seal_stream(bencher: Bencher<'_, '_>, len: usize) {
        super::stream_seal(bencher, Cipher::ChaCha20, len);
    }
    #[divan::bench(args = LENS)]
    fn open_stream(bencher: Bencher<'_, '_>, len: usize) {
        super::stream_open(bencher, Cipher::ChaCha20, len);
    }
}

#[divan::bench_group(name = "aes-256-gcm", sample_count = 50)]
mod aes256 {
    use super::{Bencher, Cipher, LENS};
    #[divan::bench(args = LENS)]
    fn seal_floor(bencher: Bencher<'_, '_>, len: usize) {
        super::floor_seal(bencher, Cipher::Aes256, len);
    }
    #[divan::bench(args = LENS)]
    fn open_floor(bencher: Bencher<'_, '_>, len: usize) {
        super::floor_open(bencher, Cipher::Aes256, len);
    }
    #[divan::bench(args = LENS)]
    fn seal_floor_stream(bencher: Bencher<'_, '_>, len: usize) {
        super::floor_stream_seal(bencher, Cipher::Aes256, len);
    }
    #[divan::bench(args = LENS)]
    fn open_floor_stream(bencher: Bencher<'_, '_>, len: usize) {
        super::floor_stream_open(bencher, Cipher::Aes256, len);
    }
    #[divan::bench(args = LENS)]
    fn seal_floor_vec(bencher: Bencher<'_, '_>, len: usize) {
        super::floor_vec_seal(bencher, Cipher::Aes256, len);
    }
    #[divan::bench(args = LENS)]
    fn open_floor_vec(bencher: Bencher<'_, '_>, len: usize) {
        super::floor_vec_open(bencher, Cipher::Aes256, len);
    }
    #[divan::bench(args = LENS)]
    fn seal(bencher: Bencher<'_, '_>, len: usize) {
        super::append_seal(bencher, Cipher::Aes256, len);
    }
    #[divan::bench(args = LENS)]
    fn open(bencher: Bencher<'_, '_>, len: usize) {
        super::append_open(bencher, Cipher::Aes256, len);
    }
    #[divan::bench(args = LENS)]
    fn seal_into(bencher: Bencher<'_, '_>, len: usize) {
        super::into_seal(bencher, Cipher::Aes256, len);
    }
    #[divan::bench(args = LENS)]
    fn open_into(bencher: Bencher<'_, '_>, len: usize) {
        super::into_open(bencher, Cipher::Aes256, len);
    }
    #[divan::bench(args = LENS)]
    fn seal_stream(bencher: Bencher<'_, '_>, len: usize) {
        super::stream_seal(bencher, Cipher::Aes256, len);
    }
    #[divan::bench(args = LENS)]
    fn open_stream(bencher: Bencher<'_, '_>, len: usize) {
        super::stream_open(bencher, Cipher::Aes256, len);
    }
}
