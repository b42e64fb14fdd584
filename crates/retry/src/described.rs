//! The metrics by name, unit and meaning.
use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

pub(crate) const CALL_DURATION: &str = "datakey.client.call.duration";
pub(crate) const ATTEMPT_DURATION: &str = "datakey.client.attempt.duration";
pub(crate) const DELAY: &str = "datakey.retry.delay";
pub(crate) const GAVE_UP: &str = "datakey.retry.gave_up";
pub(crate) const BUDGET_TOKENS: &str = "datakey.retry.budget.tokens";
pub(crate) const BUDGET_CAPACITY: &str = "datakey.retry.budget.capacity";
pub(crate) const RATE_LIMIT: &str = "datakey.retry.rate.limit";
pub(crate) const RATE_WAITING: &str = "datakey.retry.rate.waiting";
pub(crate) const BREAKER_OPENED: &str = "datakey.breaker.opened";
pub(crate) const BREAKER_OPEN: &str = "datakey.breaker.open";
pub(crate) const BREAKER_UNWELL: &str = "datakey.breaker.unwell";

/// Upper bounds for the histograms, in seconds: those that OpenTelemetry recommends for the duration of calls, and two more for the waits
/// of a call that is throttled. For exporters that are told their buckets.
///
/// Source: "Semantic conventions for RPC metrics" of OpenTelemetry.
pub const DURATION_BUCKETS: [f64; 16] = [
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 30.0, 60.0,
];

/// Describes what this crate publishes, with units, to the recorder of the [`metrics`] facade. Call it once, after the recorder is installed.
/// Needs the feature `metrics`.
///
/// ```
/// datakey_retry::describe_metrics();
/// ```
pub fn describe_metrics() {
    describe_histogram!(
        CALL_DURATION,
        Unit::Seconds,
        "How long calls of the key service took, attempts and waits together."
    );
    describe_histogram!(
        ATTEMPT_DURATION,
        Unit::Seconds,
        "How long attempts took: each is one call that the service counts."
    );
    describe_histogram!(DELAY, Unit::Seconds, "How long calls waited before an attempt.");
    describe_counter!(GAVE_UP, Unit::Count, "Calls that were given up, by reason.");
    describe_gauge!(BUDGET_TOKENS, Unit::Count, "Tokens that are left for retries.");
    describe_gauge!(BUDGET_CAPACITY, Unit::Count, "The most tokens for retries.");
    describe_gauge!(
        RATE_LIMIT,
        Unit::CountPerSecond,
        "Attempts a second that throttles have taught; not a number where nothing is throttled."
    );
    describe_gauge!(RATE_WAITING, Unit::Count, "Calls that wait for their turn.");
    describe_counter!(
        BREAKER_OPENED,
        Unit::Count,
        "How often the circuit breaker of a key opened, or was kept open by a try that failed."
    );
    describe_gauge!(
        BREAKER_OPEN,
        Unit::Count,
        "Keys whose circuit breaker is open or tries again."
    );
    describe_gauge!(
        BREAKER_UNWELL,
        Unit::Count,
        "Keys that have failed since their last answer, those with an open breaker among them."
    );
}
