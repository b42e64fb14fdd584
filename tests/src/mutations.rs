//! What a fuzzer does to its inputs, from a seed of its own.
use rand::{RngExt as _, rngs::SmallRng};

/// Alters bits and bytes, repeats, cuts, and takes in parts of another input.
#[must_use]
pub fn mutate(seed: &[u8], other: &[u8], random: &mut SmallRng) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..random.random_range(1..4) {
        if bytes.is_empty() {
            break;
        }
        let at = random.random_range(0..bytes.len());
        match random.random_range(0..7) {
            0 => bytes[at] ^= 1 << random.random_range(0..8),
            1 => bytes[at] = random.random(),
            2 => bytes[at] = [0, 1, 6, 16, 64, 255][random.random_range(0..6)],
            3 => bytes.truncate(at),
            4 => drop(bytes.drain(at..bytes.len().min(at + random.random_range(1..100)))),
            5 => bytes.extend_from_within(at..),
            _ => bytes.splice(at.., other.iter().skip(at).copied()).for_each(drop),
        }
    }
    bytes
}
