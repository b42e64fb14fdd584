//! Where each part of a simulation has its random numbers from.
use rand::{SeedableRng as _, rngs::Xoshiro256PlusPlus};

/// What the random numbers are for. Arrivals are the same for each strategy, so that strategies differ in nothing else.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Role {
    Arrivals = 1,
    Contexts = 2,
    Readers = 3,
    SealingKeyring = 4,
    SealingRetry = 5,
    OpeningKeyring = 6,
    OpeningRetry = 7,
    BranchKeys = 8,
    TableRetry = 9,
    Service = 10,
    Trace = 11,
}

/// A seed of its own for the `number`th of a role.
pub(crate) fn seed(scenario: u64, role: Role, number: u64) -> u64 {
    let mixed = mix(scenario.wrapping_add(mix(role as u64)));
    mix(mixed.wrapping_add(number))
}

/// Random numbers of its own for the `number`th of a role.
pub(crate) fn random(scenario: u64, role: Role, number: u64) -> Xoshiro256PlusPlus {
    Xoshiro256PlusPlus::seed_from_u64(seed(scenario, role, number))
}

/// The finalizer of `SplitMix64`.
const fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}
