//! The fuzz targets, over the vectors and a few thousand seeded mutations of them: what runs where cargo-fuzz does not.
use datakey_tests::{envelope_fuzz::TARGETS, envelope_vectors::Vector, mutations::mutate};
use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};

const SEED: u64 = 0x00da_4b45_5900_0001;

/// Longer seeds make slow targets, and no structure that shorter ones lack.
const LONGEST: usize = 2_000;

fn seeds(prefix: &[u8]) -> Vec<Vec<u8>> {
    let vectors = Vector::all().unwrap();
    assert!(vectors.len() >= 150);
    vectors
        .iter()
        .filter(|vector| vector.message.len() <= LONGEST)
        .map(|vector| [prefix, &vector.message].concat())
        .collect()
}

#[test]
fn every_target_survives_the_vectors_and_mutations_of_them() {
    for (name, prefix, target) in TARGETS {
        let seeds = seeds(prefix);
        let mut random = SmallRng::seed_from_u64(SEED);
        println!("{name}: seed {SEED:#x}");
        for seed in &seeds {
            target(seed);
            let flags: Vec<u8> = prefix.iter().map(|_| random.random()).collect();
            target(&[&flags, &seed[prefix.len()..]].concat());
        }
        for _ in 0..3_000 {
            let seed = &seeds[random.random_range(0..seeds.len())];
            let other = &seeds[random.random_range(0..seeds.len())];
            target(&mutate(seed, other, &mut random));
        }
    }
}

#[test]
fn the_targets_get_past_authentication() {
    // Seeds that are refused as they are, for a tag, open once they are mended: the targets reach frames and records.
    for name in ["f3-tag-bit-1", "r6-tag-bit-1", "k6-commitment-first-bit-1"] {
        let vector = Vector::all()
            .unwrap()
            .into_iter()
            .find(|vector| vector.name == name);
        let vector = vector.unwrap_or_else(|| panic!("there is no vector {name}"));
        let input = [&[datakey_tests::envelope_fuzz::MEND_ALL], &vector.message[..]].concat();
        assert!(datakey_tests::envelope_fuzz::opens_when_mended(&input), "{name}");
        let unmended = [&[0], &vector.message[..]].concat();
        assert!(
            !datakey_tests::envelope_fuzz::opens_when_mended(&unmended),
            "{name}"
        );
    }
}
