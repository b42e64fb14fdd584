//! The calls that a way to seal takes, by arithmetic.
use serde::{Deserialize, Serialize};

use super::{
    renewals::{Life, Renewals, refreshed, within},
    shares::{Share, shares},
    workload::Workload,
};
use crate::{BranchKeys, Cache, Error, Part};

/// The calls that a way to seal takes, in calls a second of the whole fleet and its readers, none of them refused.
///
/// Within 10 percent of what the simulation counts, unless [`is_estimate`](Self::is_estimate) says otherwise; see `docs/plan.md`.
///
/// A rate here is that of the fleet once it runs. Add [`at_start`](Self::at_start) for a time that begins with a deployment.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Prediction {
    /// Calls of `GenerateDataKey` a second.
    pub generate_data_key: f64,
    /// Calls of `Decrypt` a second: of readers, and of hosts that fetch branch keys.
    pub decrypt: f64,
    /// Calls beyond those rates that a fleet makes once, because it starts without keys.
    pub at_start: f64,
    /// Calls in the first second, when all hosts start in the same moment.
    pub first_second: f64,
    /// The most messages under a data key of the most frequent context, while KMS answers.
    pub messages_per_key: f64,
    /// The most bytes under it, while KMS answers.
    pub bytes_per_key: f64,
    /// The longest that a data key seals, in seconds, while KMS answers; while it does not, up to the hard age.
    pub seconds_per_key: f64,
    /// A cache is too small for what it has to keep, and what then goes depends on its order of eviction: the figures are an estimate,
    /// which may be off by a half.
    pub is_estimate: bool,
}

impl Prediction {
    /// Calls a second together.
    ///
    /// It is what [`Bounds::quota`](super::Bounds::quota) is compared with, beside others' calls and the headroom.
    #[must_use]
    pub const fn calls_per_second(&self) -> f64 {
        self.generate_data_key + self.decrypt
    }

    /// Calls from the start of the fleet until so many seconds later.
    #[must_use]
    pub fn calls_within(&self, seconds: f64) -> f64 {
        (self.calls_per_second() * seconds + self.at_start).max(0.0)
    }
}

/// From when a key is due, on average, until it no longer serves, as a part of its soft age.
const WAITS: f64 = 0.175;

/// How much longer than its life a key seals while the next one is fetched, in seconds: about a call.
const CALL: f64 = 0.01;

/// Predicts the calls of a part of a strategy, as if it were the whole fleet.
///
/// ```
/// use datakey_sim::{Cache, Part, plan::{Workload, predict}};
///
/// let workload = Workload { records_per_second: 500.0, hosts: 40, ..Workload::default() };
/// assert_eq!(predict(&workload, &Part::default())?.generate_data_key, 500.0);
/// let caching = Part { cache: Some(Cache::default()), ..Part::default() };
/// assert!(predict(&workload, &caching)?.generate_data_key < 0.2);
/// # Ok::<(), datakey_sim::Error>(())
/// ```
///
/// # Errors
/// [`Error::Value`] where the workload is out of its limits.
pub fn predict(workload: &Workload, part: &Part) -> Result<Prediction, Error> {
    workload.check()?;
    let mut keys = match (&part.cache, workload.contexts.one_per_message) {
        (Some(cache), false) => kept(workload, cache),
        _ => asked(workload, part.records),
    };
    if let Some(branch) = &part.branch_keys {
        behind_branch_keys(workload, branch, &mut keys);
    }
    Ok(keys.sum)
}

/// What is known of the data keys, before it is asked who wraps them.
struct Keys {
    sum: Prediction,
    /// How evenly those of a context are made, from 0.5, at even times, to 1, at random.
    chance: f64,
}

/// A data key for each message, or for the records of each batch and context.
fn asked(workload: &Workload, records: bool) -> Keys {
    let hosts = f64::from(workload.hosts);
    let together = records && !workload.contexts.one_per_message;
    let per_second = if together {
        let shares = shares(workload.contexts.count, workload.contexts.skew);
        let groups = shares
            .iter()
            .map(|share| share.contexts * groups(workload, share));
        groups.sum::<f64>() * hosts
    } else {
        workload.records_per_second
    };
    let messages = workload.records_per_second / per_second;
    Keys {
        chance: 1.0,
        sum: Prediction {
            generate_data_key: per_second,
            decrypt: if workload.readers > 0 { per_second } else { 0.0 },
            first_second: per_second,
            messages_per_key: if together {
                f64::from(workload.batch)
            } else {
                messages
            },
            bytes_per_key: workload.record_bytes as f64
                * if together {
                    f64::from(workload.batch)
                } else {
                    messages
                },
            ..Prediction::default()
        },
    }
}

/// Batches a second at a host that have a record of this context.
pub(super) fn groups(workload: &Workload, share: &Share) -> f64 {
    let none = (1.0 - share.each)
        .max(0.0)
        .powi(i32::try_from(workload.batch).unwrap_or(i32::MAX));
    workload.batches_each() * (1.0 - none)
}

/// After how many seconds a data key is replaced because of its use: when less than an eighth is left, or nothing of so few that an
/// eighth is none. What comes while the next one is fetched finds this one, until nothing is left of it.
fn used_up(limit: u64, per_second: f64) -> f64 {
    let reserve = limit / 8;
    let uses = limit
        .saturating_sub(reserve)
        .saturating_add(u64::from(reserve > 0));
    let refreshing = if reserve > 0 { CALL } else { 0.0 };
    (uses as f64 / per_second + refreshing).min(limit as f64 / per_second)
}

/// Data keys that are kept.
fn kept(workload: &Workload, cache: &Cache) -> Keys {
    let hosts = f64::from(workload.hosts);
    let shares = shares(workload.contexts.count, workload.contexts.skew);
    let stays = stay(workload, cache, &shares);
    let mut chance = 0.0;
    let mut sum = Prediction {
        is_estimate: stays.is_finite(),
        ..Prediction::default()
    };
    for share in &shares {
        let (seen, messages) = (groups(workload, share), workload.records_each() * share.each);
        let by_use = used_up(cache.messages, messages)
            .min(used_up(cache.bytes, messages * workload.record_bytes as f64));
        let life = Life::new(cache.soft_age.seconds(), by_use);
        let mut made = life.renewed(seen);
        if stays.is_finite() {
            made = evicted(made, seen, stays);
        }
        // A batch that needs more keys than one takes them one after the other.
        let all = share.contexts * hosts;
        sum.generate_data_key += all * made.per_second;
        sum.at_start += all * made.at_start;
        chance += all * made.per_second * (made.at_start + 1.0 / (seen * made.cycle)).clamp(0.5, 1.0);
        sum.first_second += all * (1.0 - (-seen).exp()).max(0.0);
        if workload.readers > 0 {
            let (each, start) = opened(workload, cache, life, &made, (seen, share.each));
            sum.decrypt += all * made.per_second * each;
            sum.at_start += all * start;
        }
        let longest = life.longest().min(1.0 / made.per_second + life.longest());
        sum.messages_per_key = sum
            .messages_per_key
            .max((messages * longest).clamp(1.0, cache.messages as f64));
        sum.seconds_per_key = sum.seconds_per_key.max(longest);
    }
    sum.bytes_per_key = (sum.messages_per_key * workload.record_bytes as f64).min(cache.bytes as f64);
    let held = sum.decrypt / f64::from(workload.readers.max(1)) * cache.opening_age.seconds();
    if held > cache.opening_keys as f64 {
        sum.is_estimate = true;
    }
    let chance = chance / sum.generate_data_key.max(f64::MIN_POSITIVE);
    Keys { sum, chance }
}

/// Opened data keys that a reader keeps at once, with this cache.
pub(super) fn opening_keys(workload: &Workload, cache: &Cache) -> u64 {
    let sum = kept(workload, cache).sum;
    let each = sum.decrypt / f64::from(workload.readers.max(1)) * cache.opening_age.seconds();
    rounded_up(each)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a number of keys, and a cast saturates"
)]
fn rounded_up(number: f64) -> u64 {
    number.ceil() as u64
}

/// Calls of readers for one data key that serves for a cycle, and those of the last data key at any time, which has not come to all.
fn opened(
    workload: &Workload,
    cache: &Cache,
    life: Life,
    made: &Renewals,
    (seen, share): (f64, f64),
) -> (f64, f64) {
    let delay = workload.opened_within.seconds();
    let ages = cache.opening_age.seconds();
    let kept = Life::new(ages, f64::INFINITY).samples().map(|due| (due, ages));
    let serves = life.samples();
    // The batch that asked for the key, and those that came while it was there.
    let others = (seen * made.cycle - 1.0).max(0.0) / life.mean_of_all();
    // Records that wait for the key are opened each in its own time, where they are opened late.
    let waiting = (-seen * cache.soft_age.seconds() * WAITS).exp();
    let together = workload.records_each() * share / seen;
    let first = if delay > 0.0 {
        (waiting, together)
    } else {
        (0.0, 1.0)
    };
    let mean = |part: f64| {
        let each = serves
            .iter()
            .flat_map(|serves| kept.map(|kept| (serves * part, kept)));
        let calls = each.map(|(serves, kept)| {
            let window = (others * serves, serves, delay);
            meet(workload.readers, window, together, first, kept)
        });
        calls.sum::<f64>() / 16.0
    };
    let each = mean(1.0);
    let partly = [0.125, 0.375, 0.625, 0.875].map(mean).iter().sum::<f64>() / 4.0;
    let waits = made.per_second * each * delay / 2.0;
    (each, made.at_start.max(0.0) * (2.0 * partly - each) - waits)
}

/// Calls of all readers for a data key under which came so many batches within some seconds, each opened within a delay, and each of so
/// many records. `first` is how likely the first batch waits for the key, and how many records it has. Of the ages of what a reader keeps,
/// one is that from which it is refreshed if it is in use, and one that at which it goes.
fn meet(
    readers: u32,
    (batches, serves, delay): (f64, f64, f64),
    together: f64,
    first: (f64, f64),
    (due, gone): (f64, f64),
) -> f64 {
    let readers = f64::from(readers);
    let (long, short) = (serves.max(delay).max(1e-9), serves.min(delay));
    let rate = batches / readers / long;
    let window = serves + delay - 2.0 * short * ramp(rate * short);
    let kept = refreshed(rate * together, due, gone);
    let at_once = 1.0 + within(rate, window - kept, kept);
    let (waits, records) = first;
    let spread = within(rate + records / long, window, kept).max(1.0);
    (readers - 1.0) * within(rate, window, kept) + waits * spread + (1.0 - waits) * at_once
}

/// Batches to open become more, are as many for a time, and become fewer. By which part of such a ramp the first comes later than it would
/// at the full rate, where that has so many within a ramp: half of it where hardly any come, and the gap of a rate that grows where many
/// do.
fn ramp(batches: f64) -> f64 {
    if batches < 2.5 {
        0.5 - 0.044 * batches
    } else {
        (std::f64::consts::FRAC_PI_2 / batches).sqrt() - 1.0 / batches
    }
}

/// How long a context that is not used stays among those that are kept, in seconds: for ever, where there is room for all. By Che's
/// approximation of a cache that forgets what was used least recently.
fn stay(workload: &Workload, cache: &Cache, shares: &[Share]) -> f64 {
    let room = cache.contexts as f64;
    if f64::from(workload.contexts.count) <= room {
        return f64::INFINITY;
    }
    let filled = |time: f64| -> f64 {
        let each = shares.iter();
        each.map(|share| share.contexts * (1.0 - (-groups(workload, share) * time).exp()))
            .sum()
    };
    let (mut low, mut high) = (0.0, 1.0);
    while filled(high) < room && high < 1e12 {
        high *= 2.0;
    }
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if filled(middle) < room {
            low = middle;
        } else {
            high = middle;
        }
    }
    low
}

/// Calls for a context that goes after a gap longer than it stays.
fn evicted(made: Renewals, seen: f64, stays: f64) -> Renewals {
    let gone = (-seen * stays).exp();
    let per_second = (seen * gone + made.per_second * (1.0 - gone)).min(seen);
    Renewals {
        per_second,
        cycle: 1.0 / per_second,
        at_start: made.at_start * (1.0 - gone),
    }
}

/// Data keys wrapped locally: each host fetches each branch key that its data keys need, and each reader too.
fn behind_branch_keys(workload: &Workload, branch: &BranchKeys, keys: &mut Keys) {
    let count = f64::from(branch.count.min(workload.contexts.count));
    let life = Life::new(branch.soft_age.seconds(), f64::INFINITY);
    let mut sum = Prediction {
        is_estimate: keys.sum.is_estimate || count > branch.keys as f64,
        generate_data_key: 0.0,
        decrypt: 0.0,
        at_start: 0.0,
        first_second: 0.0,
        ..keys.sum
    };
    // Readers meet data keys of many hosts, which come at random.
    let sides = [
        (workload.hosts, keys.sum.generate_data_key, keys.chance),
        (workload.readers, keys.sum.decrypt, 1.0),
    ];
    let contexts = (f64::from(workload.contexts.count) / count).max(1.0);
    for (hosts, uses, chance) in sides.into_iter().filter(|(hosts, ..)| *hosts > 0) {
        let hosts = f64::from(hosts);
        // All of a batch that need a branch key ask for it at once.
        let batches = workload.batches_each() * f64::from(workload.hosts) / hosts;
        let none = (1.0 - 1.0 / count).powi(i32::try_from(workload.batch).unwrap_or(i32::MAX));
        let each = (uses / hosts / count).min(batches * (1.0 - none));
        // What is made at even times is asked for sooner after any other time than what is made at random.
        let gap = contexts / each / (contexts + 1.0 / chance - 1.0);
        let fetched = life.renewed_after(gap);
        sum.decrypt += hosts * count * fetched.per_second;
        sum.at_start += hosts * count * fetched.at_start;
        sum.first_second += hosts * count * (1.0 - (-each.max(workload.records_each() / count)).exp());
    }
    keys.sum = sum;
}
