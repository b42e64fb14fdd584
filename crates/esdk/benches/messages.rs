//! Messages with a data key at hand, beside the sum of what they are made of.
//!
//! - One order of 300 bytes in the suite 0x0478: one extraction and two expansions of HKDF-SHA-512 (by the crate `hkdf`), the cipher
//!   with a new key over the plaintext and over nothing for the header's tag, one allocation, and for sealing 32 random
//!   bytes.
//! - The same order in the suite 0x0578: a signature on P-384, and for opening the decompression of the public key and a
//!   verification; nothing else.
//! - 1 MiB and 16 MiB in the suite 0x0478, into a buffer and as a stream, in portions of sixteen frames with a vector that is used again: the
//!   cipher with one key in pieces of the frame length, each with the associated data that a frame has. That of the streams writes
//!   to such a vector too, whose new bytes are zeroed before anything can be written to them.
#![forbid(unsafe_code)]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark stops at what it does not expect"
)]

#[path = "raw/mod.rs"]
mod raw;

use std::{hint::black_box, num::NonZeroU32};

use datakey_esdk::{
    Header, Message, OpenParams, OpeningKey, Params, SealingKey, SigningKey, Suite, context_with_public_key,
};
use datakey_provider::{DataKey, DataKeyLength, EncryptionContext, WrappedKey};

use raw::{Cipher, Signer, Turns, derive, head, row};

const LEN: usize = 300;
const UNSIGNED: Suite = Suite::Aes256GcmHkdfSha512CommitKey;
const SIGNED: Suite = Suite::Aes256GcmHkdfSha512CommitKeyEcdsaP384;
const KEY: [u8; 32] = [7; 32];
/// The frames of a portion of a stream.
const PORTION: usize = 16;

struct Keys {
    sealing: SealingKey,
    opening: OpeningKey,
}

fn keys(params: &Params) -> Keys {
    let data_key = DataKey::init(DataKeyLength::Bytes32, |bytes| bytes.copy_from_slice(&KEY));
    let arn = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
    let wrapped = WrappedKey::new(arn, vec![9; 184]).unwrap().into();
    let own = EncryptionContext::new([("tenant", "acme"), ("purpose", "orders")]).unwrap();
    let signing = SigningKey::generate(params.suite()).unwrap();
    let context = context_with_public_key(&own, signing.as_ref()).unwrap();
    Keys {
        sealing: SealingKey::new(&data_key, &wrapped, &context, signing, params).unwrap(),
        opening: OpeningKey::new(&data_key, &context),
    }
}

fn main() {
    small();
    signed();
    for frame_len in [4096, 1 << 16] {
        for (len, turns) in [(1 << 20, Turns(401, 4)), (1 << 24, Turns(41, 1))] {
            head(&format!("{} MiB in frames of {frame_len}", len >> 20));
            let large = Large::new(frame_len, len);
            large.seal(turns);
            large.open(turns);
        }
    }
}

fn open(keys: &Keys, sealed: &[u8]) {
    let mut out = Vec::new();
    let message = Message::decode(black_box(sealed)).unwrap();
    keys.opening.open(&message, &OpenParams::new(), &mut out).unwrap();
    black_box(out);
}

fn small() {
    let keys = keys(&Params::new().with_suite(UNSIGNED));
    let plaintext = [7; LEN];
    let mut sealed = Vec::new();
    keys.sealing.seal(&plaintext, &mut sealed).unwrap();
    let sealed_len = sealed.len();
    let floor = |id: &[u8], out: &mut [u8]| {
        let cipher = Cipher::new(&derive(&KEY, id));
        black_box(cipher.seal(&[], &mut []));
        black_box(cipher.seal(&plaintext, out));
    };
    head("300 bytes, 0x0478");
    row(
        "seal",
        Turns(2_001, 100),
        || {
            let mut out = Vec::new();
            keys.sealing.seal(black_box(&plaintext), &mut out).unwrap();
            black_box(out);
        },
        || {
            let mut id = [0; 32];
            getrandom::fill(&mut id).unwrap();
            let mut out = vec![0; sealed_len];
            floor(&id, &mut out[..LEN]);
            black_box(out);
        },
    );
    row(
        "open",
        Turns(2_001, 100),
        || open(&keys, &sealed),
        || {
            let mut out = vec![0; LEN];
            floor(&sealed[3..35], &mut out);
            black_box(out);
        },
    );
}

fn signed() {
    let keys = keys(&Params::new().with_suite(SIGNED));
    let (plaintext, signer) = ([7; LEN], Signer::new());
    let mut sealed = Vec::new();
    keys.sealing.seal(&plaintext, &mut sealed).unwrap();
    head("300 bytes, 0x0578");
    row(
        "seal, beside a signature",
        Turns(401, 10),
        || {
            let mut out = Vec::new();
            keys.sealing.seal(black_box(&plaintext), &mut out).unwrap();
            black_box(out);
        },
        || signer.sign(),
    );
    row(
        "open, beside a verification",
        Turns(401, 10),
        || open(&keys, &sealed),
        || signer.verify(),
    );
}

/// Large data in frames of a length, sealed and by the cipher alone.
struct Large {
    keys: Keys,
    cipher: Cipher,
    frame_len: usize,
    portion_len: usize,
    plaintext: Vec<u8>,
    sealed: Vec<u8>,
    pieces: Vec<u8>,
    tags: Vec<[u8; 16]>,
}

impl Large {
    fn new(frame_len: usize, len: usize) -> Self {
        let params = Params::new()
            .with_suite(UNSIGNED)
            .with_frame_len(NonZeroU32::new(u32::try_from(frame_len).unwrap()).unwrap());
        let (keys, cipher) = (keys(&params), Cipher::new(&KEY));
        let (plaintext, mut pieces) = (vec![7; len], vec![0; len]);
        let mut sealed = Vec::new();
        keys.sealing.seal(&plaintext, &mut sealed).unwrap();
        let chunks = plaintext.chunks(frame_len).zip(pieces.chunks_mut(frame_len));
        let tags = chunks.map(|(from, to)| cipher.seal(from, to)).collect();
        Self {
            keys,
            cipher,
            frame_len,
            portion_len: frame_len.saturating_mul(PORTION),
            plaintext,
            sealed,
            pieces,
            tags,
        }
    }

    fn seal_floor(&self, plaintext: &[u8], out: &mut [u8]) {
        let chunks = plaintext
            .chunks(self.frame_len)
            .zip(out.chunks_mut(self.frame_len));
        for (from, to) in chunks {
            black_box(self.cipher.seal(black_box(from), to));
        }
    }

    fn open_floor(&self, pieces: &[u8], tags: &[[u8; 16]], out: &mut [u8]) {
        let chunks = pieces.chunks(self.frame_len).zip(out.chunks_mut(self.frame_len));
        for ((from, to), tag) in chunks.zip(tags) {
            self.cipher.open(black_box(from), tag, to);
        }
    }

    fn seal(&self, turns: Turns) {
        let mut buffer = vec![0; self.sealed.len()];
        let mut floor = vec![0; self.plaintext.len()];
        row(
            "seal_into",
            turns,
            || {
                let sealed = self
                    .keys
                    .sealing
                    .seal_into(black_box(&self.plaintext), &mut buffer);
                black_box(sealed.unwrap());
            },
            || self.seal_floor(&self.plaintext, &mut floor),
        );
        let (mut out, mut vector) = (Vec::new(), Vec::new());
        row(
            "seal, a stream",
            turns,
            || {
                out.clear();
                let mut stream = self.keys.sealing.stream_sealer(&mut out).unwrap();
                for portion in self.plaintext.chunks(self.portion_len) {
                    out.clear();
                    stream.push(black_box(portion), &mut out).unwrap();
                }
                stream.finish(&mut out).unwrap();
            },
            || {
                for portion in self.plaintext.chunks(self.portion_len) {
                    vector.clear();
                    vector.resize(portion.len(), 0);
                    self.seal_floor(portion, &mut vector);
                }
            },
        );
    }

    fn open(&self, turns: Turns) {
        let mut buffer = vec![0; self.plaintext.len()];
        let mut floor = vec![0; self.plaintext.len()];
        row(
            "open_into",
            turns,
            || {
                let message = Message::decode(black_box(&self.sealed)).unwrap();
                self.keys
                    .opening
                    .open_into(&message, &OpenParams::new(), &mut buffer)
                    .unwrap();
            },
            || self.open_floor(&self.pieces, &self.tags, &mut floor),
        );
        let header = Header::decode(&self.sealed).unwrap();
        let (mut out, mut vector) = (Vec::new(), Vec::new());
        row(
            "open, a stream",
            turns,
            || {
                let mut stream = self
                    .keys
                    .opening
                    .stream_opener(&header, &OpenParams::new())
                    .unwrap();
                for portion in self.sealed[header.len()..].chunks(self.portion_len) {
                    out.clear();
                    stream.push(black_box(portion), &mut out).unwrap();
                }
                stream.finish().unwrap();
            },
            || {
                let tags = self.tags.chunks(PORTION);
                for (portion, tags) in self.pieces.chunks(self.portion_len).zip(tags) {
                    vector.clear();
                    vector.resize(portion.len(), 0);
                    self.open_floor(portion, tags, &mut vector);
                }
            },
        );
    }
}
