//! What a fleet asks for when all of its hosts start without keys, and how long a quota takes to give it.
//!
//! A host asks for a key when it first needs it. Where a key is needed λ times a second, it has been asked for within t seconds with the
//! chance 1 - e^(-λ t); so of all hosts and contexts, most have asked within a few seconds, however few calls there are later. What is
//! asked for beyond the quota waits, and is answered as fast as the quota permits. It has caught up when all that was asked for until then
//! is no more than it could answer.
//!
//! Readers ask likewise for each data key that they meet, later where records are opened late.
//!
//! A queue like that is looked at from one time to the next, each a tenth longer after the start than the one before: the numbers of a
//! start change by the second at its begin, and by the minute where it takes an hour. A second's calls are answered at once, as a quota
//! is counted by the second.
use serde::{Deserialize, Serialize};

use super::{
    predict::{Prediction, groups},
    shares::shares,
    workload::Workload,
};
use crate::{Fleet, Part, Retry, Span};

/// The start of a fleet, of which all hosts begin in the same moment and have no keys.
///
/// Each host asks for each key when it first needs it, and all of that comes long before a quota that suffices later has answered it.
///
/// Two numbers decide whether a start [`holds`](Self::holds). One is how long it takes: a call that waits for longer than its deadline is
/// given up, and with it all that waited for its key. The other is how much waits meanwhile: a host has room for a bounded number of
/// messages, and what comes to a full host is given up at once, though its key may be there a second later.
///
/// ```
/// use datakey_sim::{Contexts, plan::{Bounds, Workload, plan}};
///
/// // 2,000 keys at ten calls a second: more than three minutes, where a call is given up after one.
/// let contexts = Contexts { count: 100, ..Contexts::default() };
/// let workload = Workload { records_per_second: 2_000.0, hosts: 20, contexts, ..Workload::default() };
/// let bounds = Bounds { quota_per_second: Some(10), ..Bounds::default() };
/// let planned = plan(&workload, &bounds)?;
/// let caching = &planned.candidates[1];
/// let start = caching.start.expect("ten calls a second suffice later");
/// assert!(!start.holds && start.seconds > 180.0, "{start:?}");
/// assert!(caching.headroom > 0.7 && !caching.holds());
/// # Ok::<(), datakey_sim::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Start {
    /// Calls until the quota has caught up with what is asked for; at least those of the first second.
    pub calls: f64,
    /// Seconds until then: 1 where the first second's quota suffices.
    ///
    /// It is what a rollout has to be spread over, at least, so that no host waits.
    pub seconds: f64,
    /// The longest that a message waits for its key meanwhile, in seconds, where who asks first is answered first.
    pub longest_wait_seconds: f64,
    /// The most messages that wait in a host at once, where each waits behind those before it.
    ///
    /// All of its callers wait for keys then, so that messages wait too whose keys are there: it is the longest wait times what comes to a
    /// host in a second.
    pub waiting_each_host: f64,
    /// Whether it ends within the deadline of a call, and a host has room for what waits.
    pub holds: bool,
    /// Calls a second that are left to it.
    pub free_per_second: f64,
}

/// Things that are asked for when they are first needed.
struct First {
    count: f64,
    /// How often each is needed, in uses a second.
    uses: f64,
    /// Within which time after it is made it is needed, in seconds.
    delay: f64,
}

impl First {
    /// How many are asked for within so many seconds.
    fn within(&self, seconds: f64) -> f64 {
        let uses = if seconds < self.delay {
            self.uses * seconds * seconds / (2.0 * self.delay)
        } else {
            self.uses * (seconds - self.delay / 2.0)
        };
        self.count * -(-uses).exp_m1()
    }
}

/// By how much a time of the start is longer than the one that is looked at before it.
const GROWS: f64 = 1.1;

/// The first time that is looked at, in seconds.
const SOONEST: f64 = 0.05;

/// The last one: a day.
const LATEST: f64 = 86_400.0;

/// The start of a part of a strategy, where so many calls a second are left to it. `None` where that is less than it takes once it runs.
///
/// Calls of others are taken as there from the first second on, so they are no part of what is left.
pub(super) fn start(workload: &Workload, part: &Part, told: &Prediction, free: f64) -> Option<Start> {
    let steady = told.calls_per_second();
    if steady >= free {
        return None;
    }
    let firsts = firsts(workload, part);
    // Before a key is due there are no calls but the first for it.
    let lives = if firsts.is_empty() {
        0.0
    } else {
        told.seconds_per_key
    };
    let calls = |seconds: f64| {
        let first: f64 = firsts.iter().map(|first| first.within(seconds)).sum();
        let renewed = steady * (seconds - lives).max(0.0);
        (first + renewed).max(steady * seconds)
    };
    let mut found = Start {
        calls: calls(1.0),
        seconds: 1.0,
        free_per_second: free,
        ..Start::default()
    };
    // A second's calls are answered at once; what is beyond them waits.
    let (mut before, mut at, mut owed) = ((0.0, 0.0), SOONEST, -free);
    while at < LATEST {
        let now = calls(at);
        let (was, more) = (owed, now - before.1 - free * (at - before.0));
        owed = (owed + more).max(-free);
        if was > 0.0 && owed <= 0.0 {
            let part = was / (was - owed);
            found.seconds = (before.0 + (at - before.0) * part).max(1.0);
            found.calls = before.1 + (now - before.1) * part;
        }
        found.longest_wait_seconds = found.longest_wait_seconds.max(owed / free);
        before = (at, now);
        at *= GROWS;
    }
    if owed > 0.0 {
        (found.seconds, found.calls) = (LATEST, before.1);
    }
    found.waiting_each_host = found.longest_wait_seconds * workload.records_each();
    found.holds = found.fails(part).is_none();
    Some(found)
}

/// What is asked for once, by hosts and by readers.
fn firsts(workload: &Workload, part: &Part) -> Vec<First> {
    let (hosts, readers) = (f64::from(workload.hosts), f64::from(workload.readers));
    let delay = workload.opened_within.seconds();
    let mut all = Vec::new();
    if let Some(branch) = &part.branch_keys {
        let count = f64::from(branch.count.min(workload.contexts.count));
        let none = (1.0 - 1.0 / count).powi(i32::try_from(workload.batch).unwrap_or(i32::MAX));
        let uses = workload.batches_each() * (1.0 - none);
        all.push(First {
            count: hosts * count,
            uses,
            delay: 0.0,
        });
        if workload.readers > 0 {
            all.push(First {
                count: readers * count,
                uses: uses * hosts / readers,
                delay,
            });
        }
    } else if part.cache.is_some() && !workload.contexts.one_per_message {
        for share in shares(workload.contexts.count, workload.contexts.skew) {
            let (count, uses) = (share.contexts * hosts, groups(workload, &share));
            all.push(First {
                count,
                uses,
                delay: 0.0,
            });
            if workload.readers > 0 {
                all.push(First {
                    count: count * readers,
                    uses: uses / readers,
                    delay,
                });
            }
        }
    }
    all
}

impl Start {
    /// What it does not keep to, in plain words: the deadline of a call, or the room for messages that wait in a host.
    pub(super) fn fails(&self, part: &Part) -> Option<String> {
        let told = format!(
            "its start does not hold: the {:.0} calls of hosts that start together take {:.0} seconds at the {:.0} a second that are free",
            self.calls, self.seconds, self.free_per_second
        );
        if let Retry::Datakey { deadline, .. } = part.retry
            && self.seconds > deadline.seconds()
        {
            return Some(format!("{told}, longer than the deadline of {deadline}"));
        }
        let room = room();
        (self.waiting_each_host > room).then(|| {
            format!(
                "{told}, and {:.0} messages would wait in a host, which has room for {room:.0}",
                self.waiting_each_host
            )
        })
    }

    /// What would make it hold.
    pub(super) fn helps(&self, part: &Part) -> String {
        let spread = Span::from_secs(whole(self.seconds * 1.2));
        format!(
            "Its start would hold with hosts that start one after the other within {spread}, or that ask for their keys as slowly before \
             messages come; with a deadline of more than {spread} and room for {:.0} messages that wait in a host; or with a higher quota{}.",
            self.waiting_each_host.ceil(),
            if part.branch_keys.is_some() {
                ""
            } else {
                ", or fewer keys to ask for, as branch keys are"
            }
        )
    }
}

/// Messages that a host has room for while they wait, as the simulation plays it.
fn room() -> f64 {
    let fleet = Fleet::default();
    f64::from(fleet.backlog.saturating_add(fleet.callers))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "seconds of a start, above 0 and up to some days"
)]
fn whole(seconds: f64) -> u64 {
    seconds.ceil() as u64
}
