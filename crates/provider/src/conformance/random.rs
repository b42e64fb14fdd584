//! Whether data keys look random: what a constant, a counter, a text or a few keys in turn do not.
//!
//! What is demanded of about 15 keys of 32 bytes is missed by random ones less than once in 2^40 runs.
use alloc::{collections::BTreeSet, format};

use super::violation::{Check, broken};
use crate::DataKey;

const RANDOM: &str = "a data key is random";
const NEW: &str = "each data key is new";

/// Of the 32 bytes of a key, 30 differ from each other as a rule.
const FEWEST_DIFFERENT_BYTES: usize = 16;
/// Of the 256 bits of two keys, 128 differ as a rule, and 120 to 136 in two of three cases.
const FEWEST_DIFFERENT_BITS: u32 = 60;

pub(super) fn are_random(keys: &[DataKey]) -> Check {
    for key in keys {
        each(key.expose_secret())?;
    }
    for (index, one) in keys.iter().enumerate() {
        for two in keys.iter().skip(index.saturating_add(1)) {
            differ(one, two, keys.len())?;
        }
    }
    use_each_bit(keys)
}

fn each(bytes: &[u8]) -> Check {
    if bytes.iter().all(|byte| *byte == 0) {
        return broken(RANDOM, "all zero");
    }
    let different = bytes.iter().collect::<BTreeSet<_>>().len();
    if different < FEWEST_DIFFERENT_BYTES {
        let len = bytes.len();
        return broken(RANDOM, format!("{different} different bytes among its {len}"));
    }
    Ok(())
}

fn differ(one: &DataKey, two: &DataKey, of: usize) -> Check {
    if one.ct_eq(two) {
        return broken(NEW, format!("the same one twice among {of}"));
    }
    let pairs = one.expose_secret().iter().zip(two.expose_secret());
    let bits: u32 = pairs.map(|(one, two)| (one ^ two).count_ones()).sum();
    if bits < FEWEST_DIFFERENT_BITS {
        return broken(
            RANDOM,
            format!("two keys among {of} differ in {bits} bits of 256"),
        );
    }
    Ok(())
}

/// Each of the eight bits of a byte is set as often as not: three to seven times of ten.
fn use_each_bit(keys: &[DataKey]) -> Check {
    for bit in 0..8 {
        let bytes = keys.iter().flat_map(|key| key.expose_secret());
        let (mut set, mut all) = (0_usize, 0_usize);
        for byte in bytes {
            set = set.saturating_add(usize::from((byte >> bit) & 1));
            all = all.saturating_add(1);
        }
        let tenths = set.saturating_mul(10);
        if tenths < all.saturating_mul(3) || tenths > all.saturating_mul(7) {
            return broken(
                RANDOM,
                format!("bit {bit} of {all} bytes is set in {set} of them"),
            );
        }
    }
    Ok(())
}
