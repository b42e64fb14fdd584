//! The defaults, each with its reason and when to change it.
use std::{num::NonZeroU32, time::Duration};

/// First ceiling of the wait after a throttle: 500 ms.
///
/// Only used where the adaptive rate is off. A quota counts by the second, so a shorter wait mostly meets the same
/// exhausted second. Raise it when thousands of callers share a small quota.
pub const THROTTLED_BASE: Duration = Duration::from_millis(500);

/// Longest ceiling of the wait after a throttle: 20 s.
///
/// As in the AWS SDKs. Lower it when callers would rather fail than wait.
pub const THROTTLED_CAP: Duration = Duration::from_secs(20);

/// First ceiling of the wait after a transient failure or a timeout: 50 ms.
///
/// A dropped connection or a failing host behind a load balancer is usually gone at the next attempt.
pub const TRANSIENT_BASE: Duration = Duration::from_millis(50);

/// Longest ceiling of the wait after a transient failure or a timeout: 5 s.
///
/// A service that was down is found again within seconds of its return.
pub const TRANSIENT_CAP: Duration = Duration::from_secs(5);

/// Attempts of one call, the first included: 32.
///
/// The deadline, the budget and the breaker are what normally end a call; this stops one that fails fast. Where a thousand
/// clients that do not know of each other meet on one quota, the unluckiest is throttled more than twenty times in a row before
/// they have found their shares. Lower it when each attempt has a price.
pub const MAX_ATTEMPTS: NonZeroU32 = NonZeroU32::new(32).unwrap();

/// How long one call may take with all its attempts and waits: 60 s.
///
/// Long enough for a bulk job: 300 callers at a quota of 100 a second owe each other three seconds, and eight such
/// processes 24. Set it to what your own caller waits for, if that is less.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// How long one attempt may take: 5 s.
///
/// KMS answers in milliseconds, and behind an external key store within half a second. Raise it on slow links; lower it
/// with the deadline, as a hung attempt takes that much of it.
pub const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);

/// The longest delay asked for by the service that is honoured in full: 20 s.
///
/// Bounds what a wrong header or a hostile proxy can do to callers.
pub const SERVER_DELAY_CAP: Duration = Duration::from_secs(20);

/// Tokens in the retry budget: 10,000.
///
/// A thousand callers may each have ten throttled retries on the way without one of them failing; a thousand retries of
/// other failures empty it. Lower it for services with few callers, where a storm is smaller.
pub const BUDGET_CAPACITY: u32 = 10_000;

/// Tokens that the retry budget gains each second: 100.
///
/// With the bucket empty, ten transient retries a second still go out, enough to notice that the service is back.
pub const BUDGET_REFILL_PER_SECOND: u32 = 100;

/// How many quotas an adaptive rate and a budget each keep apart: 1,024.
///
/// In KMS there is one for each account and Region, and for each custom key store; a process has a handful. Idle ones make room.
pub const RATE_QUOTAS: usize = 1024;

/// Tokens that a retry after a throttle takes: 1.
///
/// A throttle is an answer, cheap for the service, and clears by itself.
pub const THROTTLED_COST: u32 = 1;

/// Tokens that a retry after any other failure takes: 10.
///
/// A service that fails is harmed by more load, and a timeout holds a connection for seconds.
pub const TRANSIENT_COST: u32 = 10;

/// Attempts in a row that must fail for the breaker of a scope to open: 10.
///
/// Fewer happen by chance where a host behind a load balancer fails.
pub const BREAKER_FAILURES: u32 = 10;

/// How many failures a timeout counts for: 4, so that three timeouts in a row open the breaker.
///
/// A caller on its own waits for each of them, and ten would take it most of a minute.
pub const BREAKER_TIMEOUT_COUNTS: u32 = 4;

/// How many scopes that fail a breaker keeps apart: 1,024.
///
/// A scope is a wrapping key, of which a Region that is down may have as many as there are tenants. A scope that answers
/// takes no place.
pub const BREAKER_SCOPES: usize = 1024;

/// How long attempts must have been failing for the breaker to open: 1 s.
///
/// A thousand calls may be under way when a connection breaks; that is one failure and not a thousand.
pub const BREAKER_AFTER: Duration = Duration::from_secs(1);

/// How long the breaker fails calls at once before one tries: 500 ms.
pub const BREAKER_WAIT: Duration = Duration::from_millis(500);

/// The longest time from one try to the next: 1 s.
///
/// The wait doubles up to it with each try that fails, and a try that has had no answer for as long does not hold up the next. So
/// no call is refused for longer than this after the service is back, for one call a second while it is not.
pub const BREAKER_WAIT_CAP: Duration = Duration::from_secs(1);

/// How long what has failed ranks last, at first: 5 s, as long as an attempt may take.
///
/// Only matters where there is another way to go, such as another Region. Shorten it where the other way is costly, lengthen it
/// where each slow call is.
pub const BREAKER_REST: Duration = Duration::from_secs(5);

/// The longest time for which what fails ranks last before a call tries it again: 60 s.
///
/// The price of an outage is one slow call each time, the price of waiting longer that the other way is used for longer than it
/// must be.
pub const BREAKER_REST_CAP: Duration = Duration::from_secs(60);

/// A call that was dropped before it was answered says that the service is slow if it lasted for this long: 250 ms, several
/// times what KMS takes within a Region.
///
/// Whoever asks another Region meanwhile, and makes calls of its own, drops the slow call when the other one answers. Without this, a
/// Region that hangs would never be found out. Under a caching keyring no call is dropped, as loads go on by themselves: there the
/// attempt's timeout finds it out.
pub const BREAKER_ABANDONED_AFTER: Duration = Duration::from_millis(250);

/// How long a provider that has throttled ranks behind those that have not, where it has no rate of its own: 1 s, or as long as
/// it asks to be left alone.
///
/// Quotas count by the second.
pub const BUSY_REST: Duration = Duration::from_secs(1);
