//! Services that count by the second on their clock.
//!
//! Such a service refuses everything from when its second is used up to the next one. Once it is known when its seconds start, calls
//! go by a plan: as many in each second as the service serves, one after another over its first part. So a job ends soon after
//! the last second starts, and what is left of each second keeps late calls out of the next one. After a while a second has one
//! call more, which is refused unless the quota has grown. It goes late in the second, so that a service that counts otherwise
//! and serves it contradicts itself in the next. What a second served is told when it is over.

/// A probe refused so long after the first refusal tells of a service that counts by the second: one that counts more finely has
/// gained a call by then, unless its quota is very small.
const IN_VAIN: f64 = 0.4;

/// Where much was served before, so long is enough in which so many calls should have been gained.
const IN_VAIN_MIN: f64 = 0.1;
const IN_VAIN_CALLS: f64 = 8.0;

/// Who refuses for longer than a second is used up by others, or is not well.
const REFUSED_MAX: f64 = 1.1;

/// A service that counts by the second serves again within it.
pub(super) const A_SECOND: f64 = 1.1;

/// Who asks for so long a pause counts by the second.
const ASKED: f64 = 0.5;

/// A timer may be so early.
const SOON: f64 = 1e-3;

/// Calls go over this part of a second.
const SPAN: f64 = 0.4;

/// A call that tries whether the quota has grown is answered by then, as far as can be told.
const LATE: f64 = 0.75;

/// Answers that take longer come when their second is over, too late to tell anything of it.
const SLOW: f64 = 0.5;

/// Two clocks drift apart by so much of the time.
const DRIFT: f64 = 5e-4;

/// A start known so well is known well enough: calls that start so late still end within their second.
const WELL_KNOWN: f64 = 0.3;

/// The first call of a second goes so much later than the start, about a round trip, so that none comes too early.
const LEAD_MIN: f64 = 0.002;
const LEAD_MAX: f64 = 0.05;

/// A first call that was refused is tried again after this, then after twice, and so on; so often.
const EARLY: f64 = 0.02;
const EARLY_TRIES: u32 = 6;

/// A quota is left alone for so long before it is tried whether it has grown, then for twice as long, and so on.
const PATIENCE_MIN: f64 = 2.0;

/// What is known of the seconds of the service.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seconds {
    known: Option<Known>,
    /// The first refusal since the last answer, and the last one.
    refused: Option<(f64, f64)>,
    /// The longest pause that the service asked for since.
    asked: f64,
    /// It asked so for nothing before.
    distrusts: bool,
}

/// What a second tells when it is over.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Told {
    /// The quota, for the first time.
    Quota(f64),
    /// As much was served as before, or more.
    Full(f64),
    /// Less was served than before.
    Short(f64),
    /// As much was served as before, but its first calls were refused.
    Early(f64),
    /// Nothing was served: the seconds are not what they were taken for.
    Lost,
}

/// A second in which so little was served, of what was before, is not this client's alone.
const SHARED: f64 = 0.4;

/// Whether the first second that told a quota served so much more or less that others use it too. `before` is what was measured, or
/// what was served up to the first throttle, which may have been parts of two seconds.
pub(super) fn is_shared(quota: f64, before: f64) -> bool {
    !(SHARED * before..=before + 1.0 + 0.1 * before).contains(&quota)
}

#[derive(Debug, Clone, Copy)]
struct Known {
    /// A second starts here or before, by no more than `doubt`.
    anchor: f64,
    doubt: f64,
    /// Nothing but what it asked for tells that it counts so.
    by_asking: bool,
    /// What a second serves: what was served in one that ended with a refusal, once there was one.
    quota: f64,
    told: bool,
    /// The second that is counted, the calls that were sent in it and those of them that were refused.
    second: f64,
    sent: f64,
    refused: f64,
    /// A call was refused, so that its second is used up; and that was counted from its start.
    closed: bool,
    whole: bool,
    /// No call goes before this.
    not_before: f64,
    /// When a call tries whether the next second has started.
    tries: Option<f64>,
    /// The seconds from then on have so many calls more; when the first of them was sent, and whether one was served.
    probes_from: f64,
    extra: f64,
    probed_at: Option<f64>,
    grew: bool,
    /// How long this quota was left alone before the last probe.
    patient: f64,
    /// How often the first call of the second was refused, and when for the last time.
    early: u32,
    was_early: bool,
    refused_at: f64,
    latency: f64,
}

impl Seconds {
    pub(super) const UNKNOWN: Self = Self {
        known: None,
        refused: None,
        asked: 0.0,
        distrusts: false,
    };

    /// Whether calls go by the plan.
    pub(super) const fn are_known(&self) -> bool {
        self.known.is_some()
    }

    /// Whether nothing but what the service asked for tells that it counts by the second.
    pub(super) fn are_only_asked_for(&self) -> bool {
        self.known.is_some_and(|known| known.by_asking)
    }

    /// The service does not count so, or not for this client alone.
    pub(super) fn leave(&mut self) {
        *self = Self {
            distrusts: self.distrusts || self.are_only_asked_for(),
            ..Self::UNKNOWN
        };
    }

    /// A call admitted at `admitted` was served in a round trip of `took`: whether that tells that the service counts by the
    /// second. It is taken to serve `guess` in one.
    pub(super) fn served(&mut self, admitted: f64, took: f64, guess: f64) -> bool {
        let (refused, asked) = (self.refused, self.asked);
        if refused.is_some_and(|(_, last)| admitted > last) {
            (self.refused, self.asked) = (None, 0.0);
        }
        if let Some(known) = &mut self.known {
            known.served(admitted);
            return false;
        }
        let Some((first, last)) = refused.filter(|(_, last)| admitted > *last) else {
            return false;
        };
        let doubt = admitted - last;
        let span = last - first;
        let gained = span >= IN_VAIN_MIN && span * guess >= IN_VAIN_CALLS;
        let by_asking = !(span >= IN_VAIN || gained);
        let in_vain = span < REFUSED_MAX && (!by_asking || (asked >= ASKED && !self.distrusts));
        if in_vain && doubt < 1.5 && took <= SLOW {
            let known = Known::starting(admitted, doubt.min(1.0), guess.max(1.0));
            self.known = Some(Known { by_asking, ..known });
        }
        self.known.is_some()
    }

    /// A call was refused: whether the plan knows what to do about it.
    pub(super) fn refused(&mut self, admitted: f64, asked: f64) -> bool {
        self.asked = self.asked.max(asked);
        let first = self.refused.map_or(admitted, |(first, _)| first);
        self.refused = Some((first, admitted));
        self.known.as_mut().map(|known| known.refuse(admitted)).is_some()
    }

    /// Another call was refused that had been sent before the last refusal.
    pub(super) fn refused_too(&mut self, admitted: f64) {
        if let Some(known) = &mut self.known
            && known.second_of(admitted) >= known.second
        {
            known.refused += 1.0;
        }
    }

    /// The time has come to `now`: what the second that is over told. `patience` is how long to wait before more is tried.
    pub(super) fn advance(
        &mut self,
        now: f64,
        latency: f64,
        patience: impl FnOnce(f64) -> f64,
    ) -> Option<Told> {
        let known = self.known.as_mut()?;
        known.latency = latency;
        let passed = known.second_of(now) - known.second;
        if passed <= 0.0 {
            return None;
        }
        if latency > SLOW {
            return Some(Told::Lost);
        }
        known.doubt = passed.mul_add(DRIFT, known.doubt).min(1.0);
        let told = known.end(now, patience);
        known.second = known.second_of(now);
        told
    }

    /// Whether a call may go at `at`.
    pub(super) fn is_due(&self, at: f64) -> bool {
        self.known.is_some_and(|known| known.due(0.0) <= at + 1e-6)
    }

    /// When the call with `ahead` others before it may go.
    pub(super) fn due(&self, at: f64, ahead: f64) -> f64 {
        self.known.map_or(at, |known| known.due(ahead))
    }

    /// A call goes.
    pub(super) fn sent(&mut self, at: f64) {
        if let Some(known) = &mut self.known {
            if known.told && known.got() >= known.quota {
                known.probed_at.get_or_insert(at);
            }
            known.sent += 1.0;
            if known.tries.is_some() {
                known.not_before = known.next_start();
            }
        }
    }

    /// A call did not go.
    pub(super) fn put_back(&mut self) {
        if let Some(known) = &mut self.known {
            known.sent = (known.sent - 1.0).max(0.0);
        }
    }
}

impl Known {
    const fn starting(anchor: f64, doubt: f64, quota: f64) -> Self {
        Self {
            anchor,
            doubt,
            by_asking: false,
            quota,
            told: false,
            second: 0.0,
            sent: 1.0,
            refused: 0.0,
            closed: false,
            whole: false,
            not_before: 0.0,
            tries: None,
            probes_from: 0.0,
            extra: 1.0,
            probed_at: None,
            grew: false,
            patient: 0.0,
            early: 0,
            was_early: false,
            refused_at: 0.0,
            latency: 0.0,
        }
    }

    fn second_of(&self, at: f64) -> f64 {
        (at - self.anchor + SOON).floor()
    }

    fn next_start(&self) -> f64 {
        self.anchor + self.second + 1.0
    }

    /// What was served in this second, or is on its way.
    fn got(&self) -> f64 {
        (self.sent - self.refused).max(0.0)
    }

    fn allowed(&self) -> f64 {
        // A second that has begun before then is not tried at its end.
        if !self.told {
            f64::INFINITY
        } else if self.anchor + self.second + 0.5 >= self.probes_from {
            self.quota + self.extra
        } else {
            self.quota
        }
    }

    /// When in a second that many calls after the first go that is due in it.
    fn place(&self, number: f64) -> f64 {
        let gap = SPAN / self.quota;
        let lead = self.latency.clamp(LEAD_MIN, LEAD_MAX);
        if self.told && number >= self.quota {
            let late = LATE - self.doubt - self.latency;
            (number - self.quota).mul_add(gap, late.max(SPAN + lead))
        } else {
            number.mul_add(gap, lead)
        }
    }

    fn due(&self, ahead: f64) -> f64 {
        if self.closed && self.tries.is_some() && ahead == 0.0 {
            return self.not_before;
        }
        let number = self.got() + ahead;
        let allowed = self.allowed();
        let at = if !self.closed && number < allowed {
            self.anchor + self.second + self.place(number)
        } else {
            let later = if self.closed { ahead } else { number - allowed };
            let seconds = (later / self.quota).floor();
            self.next_start() + seconds + self.place(later - seconds * self.quota)
        };
        at.max(self.not_before)
    }

    fn served(&mut self, admitted: f64) {
        if self.second_of(admitted) != self.second {
            return;
        }
        self.grew |= self.probed_at.is_some_and(|probed| admitted >= probed);
        if self.tries.is_some_and(|tries| admitted + SOON >= tries) {
            self.tries = None;
            // The next one has started before it was thought to.
            let earlier = self.next_start() - admitted;
            self.restart(admitted, (self.doubt - earlier).max(0.0));
        } else if self.early > 0 && admitted > self.refused_at {
            self.restart(admitted, (admitted - self.refused_at).min(1.0));
        }
    }

    /// A second was seen to start between `doubt` ago and `at`, by a call that was served.
    fn restart(&mut self, at: f64, doubt: f64) {
        if self.closed {
            let told = self.told;
            let _told = self.end(at, |_| 0.0);
            self.told = told || self.told;
        }
        (self.anchor, self.doubt, self.second) = (at, doubt, 0.0);
        (self.sent, self.refused, self.early) = (1.0, 0.0, 0);
        (self.closed, self.not_before) = (false, 0.0);
        (self.probed_at, self.grew) = (None, false);
    }

    fn refuse(&mut self, admitted: f64) {
        if self.second_of(admitted) < self.second {
            return;
        }
        self.refused += 1.0;
        if self.tries.take().is_some() {
            self.doubt = self.doubt.min(self.next_start() - admitted);
        } else if self.got() < 1.0 && !self.closed && self.early < EARLY_TRIES {
            self.not_before = admitted + EARLY * f64::from(1_u32 << self.early);
            (self.early, self.was_early, self.refused_at) = (self.early.saturating_add(1), true, admitted);
            return;
        }
        if !self.closed {
            (self.closed, self.whole) = (true, self.doubt <= WELL_KNOWN);
        }
        let middle = self.next_start() - 0.5 * self.doubt;
        if self.doubt > WELL_KNOWN && middle > admitted + SOON {
            (self.tries, self.not_before) = (Some(middle), middle);
        } else {
            self.not_before = self.next_start();
        }
    }

    /// The second is over.
    fn end(&mut self, now: f64, patience: impl FnOnce(f64) -> f64) -> Option<Told> {
        let got = self.got();
        let was_early = core::mem::take(&mut self.was_early);
        let told = if self.closed || self.early > 0 {
            if got < 1.0 {
                Some(Told::Lost)
            } else if !self.whole {
                // Some of its calls may have been sent before it was thought to start.
                None
            } else if self.told && got < self.quota {
                (self.quota, self.extra, self.probes_from, self.patient) = (got, 1.0, now, 0.0);
                Some(Told::Short(got))
            } else {
                let first = !self.told;
                if got > self.quota {
                    self.patient = 0.0;
                }
                self.patient = (2.0 * self.patient).max(PATIENCE_MIN).min(patience(got));
                (self.quota, self.extra, self.told) = (got, 1.0, true);
                self.probes_from = now + self.patient;
                Some(if first { Told::Quota(got) } else { Told::Full(got) })
            }
        } else if got > self.quota && (self.grew || !self.told) {
            self.quota = got;
            self.extra *= 2.0;
            Some(Told::Full(got))
        } else if got >= self.quota {
            Some(Told::Full(got))
        } else {
            None
        };
        (self.sent, self.refused, self.early) = (0.0, 0.0, 0);
        (self.closed, self.not_before, self.tries) = (false, 0.0, None);
        (self.probed_at, self.grew) = (None, false);
        match told {
            None | Some(Told::Full(_)) if was_early => Some(Told::Early(self.quota)),
            told => told,
        }
    }
}

#[cfg(test)]
mod tests;
