//! The settings of a way.
use super::{bounds::Bounds, workload::Workload};
use crate::{BranchKeys, Cache, Span};

/// Soft and hard ages to try, in seconds, from the shortest exposure on: the keyring's defaults, and longer ones.
const AGES: [(u64, u64); 3] = [(300, 900), (900, 1_800), (3_600, 7_200)];

/// How long a reader keeps an opened key at the most, unless it is told otherwise.
const LONGEST_OPENING: Span = Span::from_secs(3_600);

/// Limits of a cache to try, the shortest exposure first.
pub(super) fn caches(workload: &Workload, bounds: &Bounds) -> Vec<Cache> {
    let mut all: Vec<Cache> = AGES
        .into_iter()
        .map(|(soft, hard)| (Span::from_secs(soft), Span::from_secs(hard)))
        .map(|(soft, hard)| bounded(soft, hard, bounds.max_age))
        .map(|(soft_age, hard_age)| Cache {
            soft_age,
            hard_age,
            messages: bounds.max_messages.min(datakey_keyring::DEFAULT_MAX_MESSAGES),
            bytes: bounds.max_bytes.min(datakey_keyring::DEFAULT_MAX_BYTES),
            contexts: room(
                workload.contexts.count.into(),
                datakey_keyring::DEFAULT_MAX_CONTEXTS,
            ),
            opening_age: opening_age(workload, soft_age),
            ..Cache::default()
        })
        .collect();
    all.dedup();
    let keys = |cache: &Cache| super::predict::opening_keys(workload, cache);
    for cache in &mut all {
        cache.opening_keys = room(keys(cache), datakey_keyring::DEFAULT_MAX_OPENING_KEYS);
    }
    all
}

/// The ages, where a data key may be no older than `most`.
fn bounded(soft: Span, hard: Span, most: Option<Span>) -> (Span, Span) {
    match most {
        Some(most) if most < hard => {
            let third = Span::from(most.duration().mul_f64(1.0 / 3.0));
            (soft.min(third), most)
        }
        // Whoever allows more is not given more than it takes.
        _ => (soft, hard),
    }
}

/// Long enough for who opens late, within an hour.
fn opening_age(workload: &Workload, soft_age: Span) -> Span {
    let late = workload
        .opened_within
        .duration()
        .saturating_add(soft_age.duration());
    Span::from(late).clamp(Span::from_secs(300), LONGEST_OPENING)
}

/// A quarter more than there are to keep, in whole 1,024s; at least the default.
fn room(count: u64, default: usize) -> u64 {
    let default = u64::try_from(default).unwrap_or(u64::MAX);
    if count <= default {
        return default;
    }
    count
        .saturating_add(count / 4)
        .div_ceil(1_024)
        .saturating_mul(1_024)
}

/// As many branch keys as there are, and room for all of them.
pub(super) fn branch_keys(workload: &Workload) -> BranchKeys {
    let default = BranchKeys::default();
    BranchKeys {
        count: workload.branch_keys,
        keys: default.keys.max(workload.branch_keys.into()),
        ..default
    }
}
