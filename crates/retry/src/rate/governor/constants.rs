//! The numbers of the governor. Times are in seconds, rates in calls per second, growth in shares of the rate per second.

/// The lowest rate: one call in twenty seconds. A thousand clients at their lowest together ask 50 a second.
pub(super) const RATE_MIN: f64 = 0.05;

/// Where the climb starts: at so much of what succeeded in the last second, which may have been a burst, and not below so many.
pub(super) const START_SHARE: f64 = 0.1;
pub(super) const RATE_START_MIN: f64 = 10.0;

/// The climb pauses where one call is under way for this part of the time, or at the first burst in a second, until so many
/// have succeeded. Where that is less than the last number a second, a pause would take too long.
pub(super) const HOLD_PART: f64 = 0.9;
pub(super) const HOLD_CALLS: f64 = 45.0;
pub(super) const HOLD_MIN: f64 = 50.0;

/// While seeking, the rate doubles in this time, or in two round trips if that is longer.
pub(super) const DOUBLING_MIN: f64 = 0.05;
pub(super) const DOUBLING_ROUND_TRIPS: f64 = 2.0;

/// Each throttle that comes too soon to measure anything slows the seeking to this part.
pub(super) const BLIND_SLOWS: f64 = 0.3;

/// What such a throttle takes off the rate.
pub(super) const CUT_BLIND: f64 = 0.15;

/// The rate may grow to so many times what it was at the last answer: a rate nobody has tried is worth nothing.
pub(super) const CEILING: f64 = 3.0;

/// Calls in a measurement: more while seeking, since what is measured then is far from the rate in force.
pub(super) const ENOUGH_SEEKING: f64 = 20.0;
pub(super) const ENOUGH_FOLLOWING: f64 = 10.0;

/// How far below a measured quota following starts: so much, and this part of what the measurement may be wrong by. The first
/// is known least, and worth a few seconds at a percent or two less to be spared the next throttle.
pub(super) const MARGIN: f64 = 0.004;
pub(super) const MARGIN_CLIMB: f64 = 1.5;
pub(super) const MARGIN_FOLLOWING: f64 = 0.2;

/// A climb that lost more than this part of what was served measured the quota too loosely to follow it.
pub(super) const LOSS_MUCH: f64 = 0.25;

/// Calls held back once, so that the service has that many to spare when calls arrive unevenly.
pub(super) const CUSHION: f64 = 2.0;

/// Growth of a client on its own. It grows faster the less exact its measurement is.
pub(super) const GROWTH_CALM: f64 = 0.0005;
pub(super) const GROWTH_DOUBT: f64 = 0.8;
pub(super) const GROWTH_DOUBT_POWER: f64 = 1.5;
pub(super) const GROWTH_DOUBT_MAX: f64 = 0.06;

/// A throttle this long after the last one was brought about by the growth of the rate, not by a change of the quota.
pub(super) const ISOLATED: f64 = 2.0;

/// The lowest share of the rate that a measurement brings it down to at once.
pub(super) const CUT_MAX: f64 = 0.6;

/// Growth in company: a share of the rate, and a number of calls per second each second, which favours the slower ones.
/// With the cut, it makes about one throttle a second for each client, and equal shares within seconds. By each answer the
/// rate grows by no more than the last of these parts: a rate is tried before it grows on.
pub(super) const GROWTH_COMPANY: f64 = 0.1;
pub(super) const GROWTH_COMPANY_CALLS: f64 = 2.5;
pub(super) const GROWTH_COMPANY_MAX: f64 = 0.5;
pub(super) const GROWTH_ANSWER: f64 = 0.08;
pub(super) const CUT_COMPANY: f64 = 0.15;

/// In company both are greater by this factor (the cut by its root) when following starts, and settle in this time.
pub(super) const BRISK: f64 = 2.0;
pub(super) const SETTLES: f64 = 8.0;

/// A throttle is early if it comes within so many calls, or within this time, of the last one. Each changes the
/// judgement of whether the client is alone by this much.
pub(super) const EARLY_CALLS: f64 = 50.0;
pub(super) const EARLY_MIN: f64 = 1.0;
pub(super) const COMPANY_WEIGHT: f64 = 0.35;

/// Above this, the client takes itself to be in company.
pub(super) const IN_COMPANY: f64 = 0.5;

/// What a throttle never cuts below, as a share of what succeeded in the last second: a service that counts by the
/// second refuses everything at the end of a second that it served in full.
pub(super) const DELIVERED_SHARE: f64 = 0.7;

/// After this many calls without a throttle, in seconds between these limits, the growth itself grows, by this much each
/// second: the quota may have moved. One call in some hundreds is refused to find out. A client of few calls waits for so
/// many of its own.
pub(super) const QUIET_CALLS: f64 = 600.0;
pub(super) const QUIET_MIN: f64 = 3.0;
pub(super) const QUIET_MAX: f64 = 7.0;
pub(super) const QUIET_LEAST_CALLS: f64 = 15.0;
pub(super) const GROWTH_RAMP: f64 = 0.5;
pub(super) const GROWTH_MAX: f64 = 1.5;

/// By what part of an interval clients that were throttled together come back at different times.
pub(super) const SPREAD: f64 = 0.5;

/// While one throttle follows another, each halves the pace, down to probes so many times as far apart as the last
/// answer is old, within these limits. In company a throttle is common: there, each call that the rate allowed since the
/// last answer allows this much of a halving.
pub(super) const PROBE_PART: f64 = 4.0;
pub(super) const PROBE_MIN: f64 = 0.1;
pub(super) const PROBE_MAX: f64 = 8.0;
pub(super) const HALVED_BY_MISSED: f64 = 0.25;
pub(super) const STREAK_MAX: i32 = 16;

/// Refused for so long, the rate that was known is worth nothing.
pub(super) const LOST: f64 = 4.0;

/// Calls that may start together because they accrued while nobody waited, in seconds of the rate. Covers late timers.
pub(super) const BURST: f64 = 0.005;

/// After this long without a throttle and without anybody waiting, the rate is forgotten.
pub(super) const FORGET: f64 = 60.0;

/// How much a new round trip changes the average.
pub(super) const LATENCY_WEIGHT: f64 = 0.2;
