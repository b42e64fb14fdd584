//! The multi-key attack: one ciphertext, nonce and tag that a raw AEAD opens under two keys. The format commits to the
//! key, and opens at most one of the two messages that can be made of it.
//!
//! Both authenticators are polynomials over the ciphertext's blocks, evaluated at a secret point. Whoever knows two keys
//! knows both points, and chooses one block so that both evaluations give the same tag (Grubbs, Lu and Ristenpart 2017;
//! Len, Grubbs and Ristenpart 2021).
use aes_gcm::{
    Aes256Gcm,
    aead::{Aead, KeyInit as _, Nonce, Payload},
    aes::{
        Aes256,
        cipher::{Block, BlockCipherEncrypt as _},
    },
};
use chacha20::{
    ChaCha20,
    cipher::{KeyIvInit as _, StreamCipher as _},
};
use chacha20poly1305::ChaCha20Poly1305;
use datakey_envelope::{Aad, OpenError, OpeningKey};
use datakey_provider::{DataKey, DataKeyLength, EncryptionContext};
use datakey_tests::{
    envelope::open_with,
    envelope_parts::{Derivation, encoded_keys},
};

const DATA_KEYS: [[u8; 32]; 2] = [[0x11; 32], [0x22; 32]];
const SALT: [u8; 24] = [0xA5; 24];

/// Frame 0, which is the last: rule F2.
const NONCE: [u8; 12] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];

/// The blocks that come in front of what is chosen freely; any would do.
const BLOCK: usize = 16;

fn derivation(suite: u8, data_key: &[u8; 32]) -> Derivation<'_> {
    Derivation {
        data_key,
        suite,
        kind: 1,
        exponent: 6,
        salt: &SALT,
        context: &[],
        aad: b"",
    }
}

/// A message with this frame, and the commitment of the chosen data key.
fn message(suite: u8, committed_to: &[u8; 32], frame: &[u8]) -> Vec<u8> {
    let mut out = vec![0xDA, 0x4B, 0x45, 0x59, 1, suite, 1, 6];
    out.extend(SALT);
    out.extend(derivation(suite, committed_to).schedule().commitment);
    out.extend([0, 0, 1]);
    out.extend(encoded_keys(&[("local:a", "blob")]));
    out.extend(frame);
    out
}

fn raw_open(suite: u8, key: &[u8; 32], frame: &[u8]) -> Option<Vec<u8>> {
    let payload = Payload { msg: frame, aad: &[] };
    match suite {
        1 => ChaCha20Poly1305::new(key.into()).decrypt(&Nonce::<ChaCha20Poly1305>::from(NONCE), payload),
        _ => Aes256Gcm::new(key.into()).decrypt(&Nonce::<Aes256Gcm>::from(NONCE), payload),
    }
    .ok()
}

fn crate_open(data_key: &[u8; 32], message: &[u8]) -> Result<Vec<Vec<u8>>, OpenError> {
    let data_key = DataKey::init(DataKeyLength::Bytes32, |bytes| bytes.copy_from_slice(data_key));
    let opening = OpeningKey::new(&data_key, &EncryptionContext::empty()).unwrap();
    open_with(&opening, message, Aad::EMPTY)
}

fn the_format_refuses(suite: u8, forge: fn(&[[u8; 32]; 2]) -> Vec<u8>) {
    let keys = DATA_KEYS.map(|data_key| derivation(suite, &data_key).schedule().key);
    let frame = forge(&keys);
    let opened = keys.map(|key| raw_open(suite, &key, &frame).expect("the raw AEAD opens it"));
    assert_ne!(opened[0], opened[1], "it opens to two plaintexts");

    for (own, other) in [(0, 1), (1, 0)] {
        let message = message(suite, &DATA_KEYS[own], &frame);
        assert_eq!(
            crate_open(&DATA_KEYS[own], &message),
            Ok(vec![opened[own].clone()])
        );
        assert_eq!(
            crate_open(&DATA_KEYS[other], &message),
            Err(OpenError::NotAuthentic)
        );
    }
}

#[test]
fn a_chacha20_poly1305_frame_that_two_keys_open() {
    the_format_refuses(1, forge_poly1305);
}

#[test]
fn an_aes_256_gcm_frame_that_two_keys_open() {
    the_format_refuses(2, forge_ghash);
}

#[test]
fn a_frame_that_was_not_forged_opens_under_one_key_only() {
    for (suite, forge) in [(1, forge_poly1305 as fn(&_) -> Vec<u8>), (2, forge_ghash)] {
        let keys = DATA_KEYS.map(|data_key| derivation(suite, &data_key).schedule().key);
        let mut frame = forge(&keys);
        frame[0] ^= 1;
        assert_eq!(keys.map(|key| raw_open(suite, &key, &frame)), [None, None]);
        let honest = datakey_tests::envelope_parts::seal_frame(suite, &keys[0], (0, 1), &[7; 32], &[]);
        assert!(raw_open(suite, &keys[0], &honest).is_some());
        assert!(raw_open(suite, &keys[1], &honest).is_none());
    }
}

/// A number modulo 2^130 - 5.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Fp {
    high: u64,
    low: u128,
}

impl Fp {
    const P: Self = Self {
        high: 3,
        low: u128::MAX - 4,
    };
    const ZERO: Self = Self { high: 0, low: 0 };
    const TWO_128: Self = Self { high: 1, low: 0 };

    fn of(low: u128) -> Self {
        Self { high: 0, low }
    }

    /// A block as Poly1305 takes it: little-endian, with a one above it.
    fn block(low: u128) -> Self {
        Self { high: 1, low }
    }

    fn minus_unreduced(self, other: Self) -> Self {
        let (low, borrow) = self.low.overflowing_sub(other.low);
        Self {
            high: self.high - other.high - u64::from(borrow),
            low,
        }
    }

    fn plus(self, other: Self) -> Self {
        let (low, carry) = self.low.overflowing_add(other.low);
        let high = self.high + other.high + u64::from(carry);
        let sum = Self { high, low };
        if sum >= Self::P {
            sum.minus_unreduced(Self::P)
        } else {
            sum
        }
    }

    fn minus(self, other: Self) -> Self {
        self.plus(Self::P.minus_unreduced(other))
    }

    fn times(self, other: Self) -> Self {
        (0..130).rev().fold(Self::ZERO, |sum, bit| {
            let sum = sum.plus(sum);
            if other.bit(bit) { sum.plus(self) } else { sum }
        })
    }

    fn bit(self, at: u32) -> bool {
        match at.checked_sub(128) {
            Some(at) => self.high >> at & 1 == 1,
            None => self.low >> at & 1 == 1,
        }
    }

    /// Fermat: the power of P - 2.
    fn inverse(self) -> Self {
        let exponent = Self {
            high: 3,
            low: u128::MAX - 6,
        };
        (0..130).rev().fold(Self::of(1), |power, bit| {
            let power = power.times(power);
            if exponent.bit(bit) {
                power.times(self)
            } else {
                power
            }
        })
    }
}

/// The one-time key of Poly1305: RFC 8439 section 2.6.
fn poly1305_key(key: &[u8; 32]) -> (Fp, u128) {
    let mut block = [0; 32];
    ChaCha20::new(key.into(), &NONCE.into()).apply_keystream(&mut block);
    let [r, s] = [0, BLOCK].map(|at| u128::from_le_bytes(block[at..at + BLOCK].try_into().unwrap()));
    (Fp::of(r & 0x0ffffffc0ffffffc0ffffffc0fffffff), s)
}

fn poly1305(key: (Fp, u128), blocks: [Fp; 3]) -> u128 {
    let (r, s) = key;
    let sum = blocks
        .into_iter()
        .fold(Fp::ZERO, |sum, block| sum.plus(block).times(r));
    sum.low.wrapping_add(s)
}

/// Two blocks of ciphertext: the first is solved for, the second is tried until the first is one of 128 bits.
fn forge_poly1305(keys: &[[u8; 32]; 2]) -> Vec<u8> {
    let [one, two] = keys.map(|key| poly1305_key(&key));
    // No associated data, 32 bytes of ciphertext.
    let lengths = Fp::block(32 << 64);
    let [cube_one, cube_two] = [one.0, two.0].map(|r| r.times(r).times(r));
    let inverse = cube_one.minus(cube_two).inverse();
    let without_first = |(r, s): (Fp, u128), second: Fp| {
        let sum = second.times(r).plus(lengths).times(r);
        sum.plus(Fp::of(s))
    };
    for filler in 0..1_000 {
        let second = Fp::block(filler);
        let difference = without_first(two, second).minus(without_first(one, second));
        // The tags are sums modulo 2^128, so that the sums may differ by a multiple of it.
        let further = [
            difference,
            difference.plus(Fp::TWO_128),
            difference.minus(Fp::TWO_128),
        ];
        for difference in further {
            let first = difference.times(inverse);
            let blocks = [first, second, lengths];
            let tag = poly1305(one, blocks);
            if first.high == 1 && tag == poly1305(two, blocks) {
                return [first.low, filler, tag].map(u128::to_le_bytes).concat();
            }
        }
    }
    panic!("about one filler in ten gives a solution");
}

/// The product in the field of GHASH, whose bits stand in reverse: NIST SP 800-38D section 6.3.
fn ghash_times(one: u128, other: u128) -> u128 {
    let (mut sum, mut shifted) = (0, other);
    for bit in (0..128).rev() {
        if one >> bit & 1 == 1 {
            sum ^= shifted;
        }
        let reduce = if shifted & 1 == 1 { 0xe1 << 120 } else { 0 };
        shifted = shifted >> 1 ^ reduce;
    }
    sum
}

/// The power of 2^128 - 2.
fn ghash_inverse(of: u128) -> u128 {
    // The element one has the first bit set.
    let (mut power, mut square) = (1 << 127, of);
    for _ in 0..127 {
        square = ghash_times(square, square);
        power = ghash_times(power, square);
    }
    power
}

/// The point of GHASH, and what masks its value.
fn ghash_key(key: &[u8; 32]) -> (u128, u128) {
    let cipher = Aes256::new(key.into());
    let encrypt = |bytes: [u8; BLOCK]| {
        let mut block = Block::<Aes256>::from(bytes);
        cipher.encrypt_block(&mut block);
        u128::from_be_bytes(block.into())
    };
    let mut counter = [0; BLOCK];
    counter[..12].copy_from_slice(&NONCE);
    counter[15] = 1;
    (encrypt([0; BLOCK]), encrypt(counter))
}

/// One block of ciphertext, solved for: GHASH is linear in it, and every solution is a block.
fn forge_ghash(keys: &[[u8; 32]; 2]) -> Vec<u8> {
    let [one, two] = keys.map(|key| ghash_key(&key));
    let lengths = 128_u128;
    let [square_one, square_two] = [one.0, two.0].map(|point| ghash_times(point, point));
    let rest = |(point, mask): (u128, u128)| ghash_times(lengths, point) ^ mask;
    let block = ghash_times(rest(one) ^ rest(two), ghash_inverse(square_one ^ square_two));
    let tag = ghash_times(block, square_one) ^ rest(one);
    [block, tag].map(u128::to_be_bytes).concat()
}
