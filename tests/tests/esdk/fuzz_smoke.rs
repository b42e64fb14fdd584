//! The fuzz targets, over the vectors and a few thousand seeded mutations of them: what runs where cargo-fuzz does not.
use datakey_esdk::{Header, Suite};
use datakey_tests::{
    esdk_fuzz::{MESSAGES, RAW_UNWRAP, Target, opens_when_mended},
    esdk_mend, esdk_seeds,
    mutations::mutate,
};
use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};

const SEED: u64 = 0x00da_4b45_5900_0013;

fn survive(name: &str, target: Target, seeds: &[Vec<u8>], mutations: usize) {
    let mut random = SmallRng::seed_from_u64(SEED);
    println!("{name}: seed {SEED:#x}");
    seeds.iter().for_each(|seed| target(seed));
    for _ in 0..mutations {
        let seed = &seeds[random.random_range(0..seeds.len())];
        let other = &seeds[random.random_range(0..seeds.len())];
        target(&mutate(seed, other, &mut random));
    }
}

#[test]
fn every_target_survives_the_vectors_and_mutations_of_them() {
    let seeds = esdk_seeds::all();
    for ((name, _, target), (of, seeds)) in MESSAGES.iter().zip(&seeds) {
        assert_eq!(name, of);
        survive(name, *target, seeds, 1_500);
    }
    let (name, target) = RAW_UNWRAP;
    survive(name, target, &esdk_seeds::wrapped_keys(), 500);
}

#[test]
fn the_targets_get_past_commitments_tags_and_signatures() {
    let mut suites = Vec::new();
    for message in esdk_seeds::messages() {
        let suite = Header::decode(&message).unwrap().suite();
        let opens = |flags| opens_when_mended(&[&[flags, 0], &message[..]].concat());
        assert!(opens(esdk_mend::ALL), "{suite}");
        assert!(opens(esdk_mend::ALL | esdk_mend::WITHHELD), "{suite}");
        // A tag of that version is another one; the keys of suites that commit are the same.
        assert!(opens(esdk_mend::ALL | esdk_mend::NET_4_0_0), "{suite}");
        for part in [esdk_mend::HEADER, esdk_mend::BODY] {
            assert!(!opens(esdk_mend::ALL & !part), "{suite}");
        }
        assert_eq!(
            opens(esdk_mend::ALL & !esdk_mend::COMMITMENT),
            !suite.is_committing()
        );
        assert_eq!(opens(esdk_mend::ALL & !esdk_mend::SIGNATURE), !suite.is_signed());
        suites.push(suite);
    }
    assert!(Suite::ALL.iter().all(|suite| suites.contains(suite)));
}
