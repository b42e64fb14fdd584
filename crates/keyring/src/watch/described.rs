//! The metrics by name, unit and meaning.
use metrics::{Unit, describe_counter, describe_gauge};

/// Describes what keyrings publish, with units, to the recorder of the [`metrics`] facade. Call it once, after the recorder is installed.
/// Needs the feature `metrics`.
///
/// ```
/// datakey_keyring::describe_metrics();
/// ```
pub fn describe_metrics() {
    for (name, says) in COUNTERS {
        describe_counter!(*name, Unit::Count, *says);
    }
    for (name, unit, says) in GAUGES {
        describe_gauge!(*name, *unit, *says);
    }
}

type Counter = (&'static str, &'static str);
type Gauge = (&'static str, Unit, &'static str);

const COUNTERS: &[Counter] = &[
    ("datakey.keyring.hits", "Requests served without waiting."),
    ("datakey.keyring.misses", "Requests that had to wait, by reason."),
    ("datakey.keyring.loads", "Loads that a request started."),
    ("datakey.keyring.refreshes", "Loads started in the background."),
    (
        "datakey.keyring.shared_waits",
        "Requests that waited for a load that was under way.",
    ),
    ("datakey.keyring.failures", "Loads that failed."),
    ("datakey.keyring.revoked", "Keys dropped because of a denial."),
    ("datakey.keyring.evictions", "Keys that made room for others."),
    (
        "datakey.keyring.superseded",
        "Waits that started over because of an invalidation.",
    ),
    (
        "datakey.keyring.dedicated",
        "Data keys made for one use; sealing only.",
    ),
    (
        "datakey.keyring.stale",
        "Keys served past their soft age, by the provider's failure.",
    ),
    (
        "datakey.keyring.not_recognised",
        "Messages of which the provider recognised no wrapped key; opening only.",
    ),
    (
        "datakey.keyring.refused_from_memory",
        "Calls that a remembered refusal made unnecessary; opening only.",
    ),
    (
        "datakey.keyring.hedges",
        "Wrapped keys that were tried because the one before was slow; opening only.",
    ),
    (
        "datakey.keyring.primed",
        "Keys that a sealing keyring made and that were kept for opening; opening only.",
    ),
    ("datakey.keyring.calls", "Calls made to the provider."),
    (
        "datakey.keyring.lock_failures",
        "Pieces of memory that could not be locked.",
    ),
];

const GAUGES: &[Gauge] = &[
    (
        "datakey.keyring.calls_avoided",
        Unit::Count,
        "Requests beyond the calls made.",
    ),
    ("datakey.keyring.keys", Unit::Count, "Keys that are kept."),
    (
        "datakey.keyring.greatest_age",
        Unit::Seconds,
        "Time since the oldest key was made, or unwrapped.",
    ),
    (
        "datakey.keyring.least_time_left",
        Unit::Seconds,
        "Time until the first key is too old to be used.",
    ),
    (
        "datakey.keyring.least_messages_left",
        Unit::Count,
        "Messages left to the key with the fewest; sealing only.",
    ),
    (
        "datakey.keyring.least_bytes_left",
        Unit::Bytes,
        "Bytes left to the key with the fewest; sealing only.",
    ),
    (
        "datakey.keyring.locked_bytes",
        Unit::Bytes,
        "Bytes of keys that are locked into memory.",
    ),
    (
        "datakey.keyring.contexts_look_per_record",
        Unit::Count,
        "1 when there seems to be an encryption context for each record; sealing only.",
    ),
    ("datakey.keyring.loads_in_flight", Unit::Count, "Loads in flight."),
];
