//! Keys, key schedules and refused plaintext are overwritten, seen by a search through the memory of a process.
//!
//! The process (`src/bin/envelope_wiped.rs`) has the ciphers that these tests have: AWS-LC's or `RustCrypto`'s.
#![cfg(target_os = "linux")]
use std::process::Command;

use datakey_provider::EncryptionContext;
use datakey_tests::{
    envelope::SALT,
    envelope_parts::{Derivation, Schedule},
    memory::Needle,
};
use sha2::{Digest as _, Sha256, block_api::compress256};

const KEY_STATES: [&str; 2] = [
    "hash state of the data key, inner",
    "hash state of the data key, outer",
];

fn schedule(suite: u8, data_key: &[u8; 32]) -> Schedule {
    Derivation {
        data_key,
        suite,
        kind: 1,
        exponent: 16,
        salt: &SALT,
        context: EncryptionContext::empty().encoded(),
        aad: &[],
    }
    .schedule()
}

/// A hash state as it stands in memory.
fn state(bytes: [u32; 8]) -> Vec<u8> {
    bytes.iter().flat_map(|word| word.to_ne_bytes()).collect()
}

/// SHA-256's initial state (FIPS 180-4, section 5.3.3).
const INITIAL: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

fn compressed(mut state: [u32; 8], block: &[u8]) -> [u32; 8] {
    compress256(&mut state, &[block.try_into().unwrap()]);
    state
}

fn needles(suite: u8) -> Vec<Needle> {
    let data_key: [u8; 32] = Sha256::digest(b"the data key of the test").into();
    let schedule = schedule(suite, &data_key);
    let padded = |pad: u8| {
        let mut block = [pad; 64];
        block.iter_mut().zip(data_key).for_each(|(to, byte)| *to ^= byte);
        block
    };
    let inner = compressed(INITIAL, &padded(0x36));
    let profile = compressed(inner, &schedule.profile);
    let mut needles = vec![
        Needle::new("data key", &data_key),
        Needle::new(KEY_STATES[0], &state(inner)),
        Needle::new(KEY_STATES[1], &state(compressed(INITIAL, &padded(0x5c)))),
        Needle::new("prepared state", &state(profile)),
        Needle::new("message state", &state(compressed(profile, &schedule.message))),
        Needle::new("message key", &schedule.key),
        Needle::new("plaintext", &Sha256::digest(b"the plaintext of the test")[..20]),
    ];
    if suite == 2 {
        needles.push(Needle::new("last round key", &aes::last_round_key(&schedule.key)));
    }
    needles
}

/// Lines such as `all held: data key: Heap`.
fn searched(suite: u8) -> Vec<String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_envelope_wiped"));
    command.arg(suite.to_string());
    // Freed memory stays with the process, where the search finds what is left in it.
    command.env("MALLOC_TRIM_THRESHOLD_", "1000000000");
    command.env("MALLOC_MMAP_THRESHOLD_", "1000000000");
    for needle in needles(suite) {
        let masked: Vec<String> = needle.masked.iter().map(u8::to_string).collect();
        command.args([needle.name, masked.join(",")]);
    }
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let printed = String::from_utf8(output.stdout).unwrap();
    printed.lines().map(str::to_owned).collect()
}

fn on_the_heap(lines: &[String], step: &str) -> Vec<String> {
    assert!(lines.contains(&format!("{step}: searched")), "{lines:?}");
    let prefix = format!("{step}: ");
    let found = lines.iter().filter_map(|line| line.strip_prefix(&prefix));
    found
        .filter_map(|line| line.strip_suffix(": Heap"))
        .map(str::to_owned)
        .collect()
}

/// Whether round keys stand in memory as the standard has them, and not in bit slices.
fn has_aes_instructions() -> bool {
    #[cfg(target_arch = "x86_64")]
    let has = std::arch::is_x86_feature_detected!("aes");
    #[cfg(not(target_arch = "x86_64"))]
    let has = false;
    has
}

#[test]
fn secrets_are_wiped_when_their_holders_are_dropped() {
    for suite in [1, 2] {
        let lines = searched(suite);
        // The search sees each of them while it is held. A message's own state is never on the heap.
        let held = on_the_heap(&lines, "all held");
        for needle in needles(suite) {
            let expected = match needle.name.as_str() {
                "message state" => false,
                "last round key" if !has_aes_instructions() => continue,
                _ => true,
            };
            assert_eq!(
                held.contains(&needle.name),
                expected,
                "suite {suite}: {}: {lines:#?}",
                needle.name
            );
        }
        // Sealing and opening keys do not keep the data key.
        let later = on_the_heap(&lines, "data key dropped");
        assert!(!later.contains(&"data key".into()), "{lines:#?}");
        assert!(later.contains(&KEY_STATES[0].into()), "{lines:#?}");
        let finished = on_the_heap(&lines, "finished");
        assert!(!finished.contains(&"plaintext".into()), "{lines:#?}");
        let refused = on_the_heap(&lines, "refused");
        for name in ["data key", "message key", "last round key", "plaintext"] {
            assert!(
                !refused.contains(&name.into()),
                "suite {suite}: {name}: {lines:#?}"
            );
        }
        assert!(refused.contains(&"prepared state".into()), "{lines:#?}");
        for (while_held, later) in [
            ("held back", "reader dropped"),
            ("held back by the facade", "reader of the facade dropped"),
            ("records held", "records wiped"),
            ("a part of a frame held", "the part of a frame dropped"),
        ] {
            let plaintext = |step| on_the_heap(&lines, step).contains(&"plaintext".into());
            assert!(plaintext(while_held), "suite {suite}: {while_held}: {lines:#?}");
            assert!(!plaintext(later), "suite {suite}: {later}: {lines:#?}");
        }
        let other = on_the_heap(&lines, "a part of a frame held");
        assert!(other.contains(&"data key".into()), "{lines:#?}");
        for last in ["all dropped", "all of the other format dropped"] {
            let left = on_the_heap(&lines, last);
            assert_eq!(left, [""; 0], "suite {suite}: {last}: {lines:#?}");
        }
    }
}

/// The key schedule of AES-256 (FIPS 197, section 5.2), by the plainest means.
mod aes {
    pub(crate) fn last_round_key(key: &[u8; 32]) -> Vec<u8> {
        let mut words: Vec<[u8; 4]> = key.chunks(4).map(|word| word.try_into().unwrap()).collect();
        let mut constant = 1;
        for at in 8..60 {
            let mut word = words[at - 1];
            if at % 8 == 0 {
                word.rotate_left(1);
                word = word.map(substitute);
                word[0] ^= constant;
                constant = doubled(constant);
            } else if at % 8 == 4 {
                word = word.map(substitute);
            }
            let before = words[at - 8];
            words.push(std::array::from_fn(|byte| word[byte] ^ before[byte]));
        }
        words[56..].concat()
    }

    fn doubled(byte: u8) -> u8 {
        (byte << 1) ^ if byte & 0x80 == 0 { 0 } else { 0x1b }
    }

    fn product(mut one: u8, mut other: u8) -> u8 {
        let mut sum = 0;
        while other != 0 {
            if other & 1 != 0 {
                sum ^= one;
            }
            one = doubled(one);
            other >>= 1;
        }
        sum
    }

    fn substitute(byte: u8) -> u8 {
        let inverse = (0..=255).find(|other| product(byte, *other) == 1).unwrap_or(0);
        (0..5).fold(0x63, |sum, turn| sum ^ inverse.rotate_left(turn))
    }

    #[test]
    fn the_key_schedule_is_that_of_the_standard() {
        // FIPS 197, appendix A.3.
        let key = [
            0x60, 0x3d, 0xeb, 0x10, 0x15, 0xca, 0x71, 0xbe, 0x2b, 0x73, 0xae, 0xf0, 0x85, 0x7d, 0x77, 0x81,
            0x1f, 0x35, 0x2c, 0x07, 0x3b, 0x61, 0x08, 0xd7, 0x2d, 0x98, 0x10, 0xa3, 0x09, 0x14, 0xdf, 0xf4,
        ];
        let last = [
            0xfe, 0x48, 0x90, 0xd1, 0xe6, 0x18, 0x8d, 0x0b, 0x04, 0x6d, 0xf3, 0x44, 0x70, 0x6c, 0x63, 0x1e,
        ];
        assert_eq!(last_round_key(&key), last);
    }
}
