//! The numbers of the governor. Times are in seconds, rates in calls per second, growth in shares of the rate per second.
//!
//! `cargo xtask bench retry constants` halves and doubles each, and does without it, on quotas under virtual time. Its table,
//! `docs/benchmarks.md`, says what each was set by, and which of them a fleet of a thousand clients needs, together.

/// Declares the numbers: each with the value that was chosen, and the one that does away with it.
macro_rules! constants {
    ($($(#[$doc:meta])* $name:ident = $chosen:expr, off $off:expr;)*) => {
        #[derive(Debug, Clone, Copy)]
        pub(in crate::rate) struct Constants {
            $($(#[$doc])* pub(super) $name: f64,)*
        }

        pub(in crate::rate) static CHOSEN: Constants = Constants { $($name: $chosen,)* };

        #[cfg(feature = "experiments")]
        impl Constants {
            /// Name, the value chosen, and the one that does away with it.
            pub(in crate::rate) const ALL: &'static [(&'static str, f64, f64)] = &[
                $((stringify!($name), $chosen, $off),)*
            ];

            /// The numbers chosen, with other values for some of them.
            pub(in crate::rate) fn with(values: &[(&str, f64)]) -> Option<Self> {
                let mut constants = CHOSEN;
                for (name, value) in values {
                    match *name {
                        $(stringify!($name) => constants.$name = *value,)*
                        _ => return None,
                    }
                }
                Some(constants)
            }
        }
    };
}

impl Constants {
    /// Seconds without a throttle after which more than this rate is tried.
    pub(super) fn patience(&self, rate: f64) -> f64 {
        let patience = (self.quiet_calls / rate).clamp(self.quiet_min, self.quiet_max);
        patience.max(self.quiet_least_calls / rate)
    }
}

constants! {
    /// Where the climb starts: at so much of what succeeded in the last second, which may have been a burst, and not below so
    /// many.
    start_share = 0.1, off 1.0;
    rate_start_min = 10.0, off 0.05;

    /// The climb pauses where one call is under way for this part of the time, or at the first burst in a second, until so many
    /// have succeeded. Where that is less than the last number a second, a pause would take too long.
    hold_part = 0.9, off 1e9;
    hold_calls = 45.0, off 0.0;
    hold_min = 50.0, off 0.0;

    /// While seeking, the rate doubles in this time, or in so many round trips if that is longer.
    doubling_min = 0.05, off 0.001;
    doubling_round_trips = 2.0, off 0.0;

    /// Each throttle that comes too soon to measure anything slows the seeking to this part.
    blind_slows = 0.3, off 1.0;

    /// What such a throttle takes off the rate.
    cut_blind = 0.15, off 0.0;

    /// The rate may grow to so many times what it was at the last answer: a rate nobody has tried is worth nothing.
    ceiling = 3.0, off 1e9;

    /// Calls in a measurement: more while seeking, since what is measured then is far from the rate in force.
    enough_seeking = 20.0, off 1.0;
    enough_following = 10.0, off 1.0;

    /// The time between the throttles of a measurement, in round trips, is at least this.
    measured_round_trips = 8.0, off 0.0;

    /// After so many seconds so few calls are enough.
    long = 5.0, off 1e9;
    few = 2.0, off 1e9;

    /// How far below a measured quota following starts: so much, and after a climb this part of what the measurement may be
    /// wrong by. That one is known least, and worth a few seconds at a percent or two less to be spared the next throttle.
    margin = 0.004, off 0.0;
    margin_climb = 1.5, off 0.0;

    /// A climb that lost more than this part of what was served measured the quota too loosely to follow it.
    loss_much = 0.25, off 1e9;

    /// Calls held back once, so that the service has that many to spare when calls arrive unevenly.
    cushion = 2.0, off 0.0;

    /// Growth of a client on its own. It grows faster the less exact its measurement is.
    growth_doubt = 0.8, off 0.0;
    growth_doubt_power = 1.5, off 1.0;
    growth_doubt_max = 0.06, off 1e9;

    /// The lowest share of the rate that a measurement brings it down to at once.
    cut_max = 0.6, off 0.0;

    /// Growth in company: a share of the rate, and a number of calls per second each second, which favours the slower ones.
    /// With the cut, it makes about one throttle a second for each client, and equal shares within seconds. By each answer the
    /// rate grows by no more than the last of these parts: a rate is tried before it grows on.
    growth_company = 0.1, off 0.0;
    growth_company_calls = 2.5, off 0.0;
    growth_answer = 0.08, off 1e9;
    cut_company = 0.15, off 0.0;

    /// In company both are greater by this factor (the cut by its root) when following starts, and settle in this time.
    brisk = 2.0, off 1.0;
    settles = 8.0, off 1e-9;

    /// A throttle is early if it comes within so many calls, or within this time, of the last one. Each changes the
    /// judgement of whether the client is alone by this much.
    early_calls = 50.0, off 0.0;
    early_min = 1.0, off 0.0;
    company_weight = 0.35, off 0.0;

    /// Above this, the client takes itself to be in company.
    in_company = 0.5, off 1e9;

    /// What a throttle never cuts below, as a share of what succeeded in the last second: a service that counts by the
    /// second refuses everything at the end of a second that it served in full.
    delivered_share = 0.7, off 0.0;

    /// After this many calls without a throttle, in seconds between these limits, the growth itself grows, by this much each
    /// second: the quota may have moved. One call in some hundreds is refused to find out. A client of few calls waits for so
    /// many of its own.
    quiet_calls = 600.0, off 0.0;
    quiet_min = 3.0, off 0.0;
    quiet_max = 7.0, off 1e9;
    quiet_least_calls = 15.0, off 0.0;
    growth_ramp = 0.5, off 0.0;
    growth_max = 1.5, off 1e9;

    /// By what part of an interval clients that were throttled together come back at different times.
    spread = 0.5, off 0.0;

    /// While one throttle follows another, each halves the pace, down to probes so many times as far apart as the last
    /// answer is old, within these limits. In company a throttle is common: there, each call that the rate allowed since the
    /// last answer allows this much of a halving.
    probe_part = 4.0, off 0.0;
    probe_min = 0.1, off 1e-6;
    probe_max = 8.0, off 1e9;
    halved_by_missed = 0.25, off 0.0;

    /// Refused for so long, the rate that was known is worth nothing.
    lost = 4.0, off 1e9;

    /// Calls that may start together because they accrued while nobody waited, in seconds of the rate. Covers late timers.
    burst = 0.005, off 0.0;

    /// After this long without a throttle and without anybody waiting, the rate is forgotten.
    forget = 60.0, off 1e9;

    /// How much a new round trip changes the average.
    latency_weight = 0.2, off 1.0;
}
