//! The rate that throttles teach: a function of what was seen, without clock, lock or waiting.
//!
//! Times are seconds since a common start, rates are calls per second.
//!
//! At a throttle the quota is used up. So what succeeds between two throttles is what the quota grew by in that time: a
//! measurement, exact to a call, of a lone client's quota. A lone client keeps just under what it measured and meets a
//! throttle only when it probes for more. A client that is throttled time and again although it stays under what it
//! measured is not alone: then it grows and gives way by turns until shares are equal.
mod constants;
mod measure;
mod seconds;

use constants::CHOSEN;
use measure::{Epoch, Measured};
use seconds::{A_SECOND, Seconds, Told, is_shared};

pub(super) use constants::Constants;

/// The lowest rate: one call in twenty seconds. It keeps a rate that was cut without end from becoming nothing.
const RATE_MIN: f64 = 0.05;

/// Who was served nothing before, or lost sight of the seconds, may well not be alone.
const SUSPECT: f64 = 0.45;

/// What a second that is served in full leaves of the suspicion.
const FULL_TELLS: f64 = 0.95;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// No throttle yet: everything is admitted.
    Idle,
    /// Doubling until the next throttle.
    Seeking,
    /// Near the quota.
    Following,
}

#[derive(Debug)]
pub(super) struct Governor {
    by: &'static Constants,
    phase: Phase,
    rate: f64,
    /// Growth stops there until an answer to a call at the rate raises it.
    ceiling: f64,
    tokens: f64,
    at: f64,
    /// Throttles of calls admitted before this tell nothing new.
    cut_at: f64,
    throttled_at: f64,
    answered_at: f64,
    following_since: f64,
    epoch: Epoch,
    measured: Measured,
    /// What the service let through at once before the first throttle, at most.
    burst: f64,
    /// From 0, alone, to 1: throttled time and again while under what was measured.
    company: f64,
    /// Throttles since the last answer.
    streak: f64,
    /// Throttles while seeking that came too soon to measure anything.
    blind: f64,
    latency: f64,
    pressed_at: f64,
    /// The service asks for no call before this.
    held_until: f64,
    /// When the last call that was answered had been admitted.
    served_at: f64,
    seconds: Seconds,
}

impl Governor {
    pub(super) const CHOSEN: &'static Constants = &CHOSEN;

    /// One with these numbers.
    pub(super) const fn by(by: &'static Constants) -> Self {
        Self {
            by,
            phase: Phase::Idle,
            rate: 0.0,
            ceiling: 0.0,
            tokens: 0.0,
            at: 0.0,
            cut_at: 0.0,
            throttled_at: 0.0,
            answered_at: 0.0,
            following_since: 0.0,
            epoch: Epoch::starting(0.0),
            measured: Measured::NOTHING,
            burst: 0.0,
            company: 0.0,
            streak: 0.0,
            blind: 0.0,
            latency: 0.0,
            pressed_at: 0.0,
            held_until: 0.0,
            served_at: 0.0,
            seconds: Seconds::UNKNOWN,
        }
    }

    /// The rate learnt; `None` while idle.
    pub(super) fn rate(&self) -> Option<f64> {
        (self.phase != Phase::Idle).then_some(self.rate)
    }

    fn in_company(&self) -> bool {
        self.company > self.by.in_company
    }

    /// The rate at which calls are admitted: the learnt one, or less while throttles follow one another. In company one
    /// throttle is nothing special, and its cut is enough.
    fn pace(&self) -> f64 {
        let halvings = if self.in_company() {
            let missed = (self.at - self.answered_at) * self.rate;
            (self.streak - 1.0).min(1.0 + missed * self.by.halved_by_missed)
        } else {
            self.streak
        };
        let slowed = self.rate * 0.5_f64.powf(halvings.max(0.0));
        let refused_for = self.at - self.answered_at;
        let probes = if refused_for < A_SECOND
            && self.phase == Phase::Seeking
            && self.blind <= 1.0
            && self.burst >= 1.0
        {
            self.by.probe_max
        } else {
            (self.by.probe_part / refused_for).clamp(self.by.probe_min, self.by.probe_max)
        };
        slowed.max(self.rate.min(probes))
    }

    /// What one of its seconds is taken to serve: what was measured, or before that what the last one before a throttle served.
    fn guess(&self) -> f64 {
        if self.measured.doubt < 1.0 {
            self.rate
        } else {
            self.burst
        }
    }

    fn growth(&self, now: f64) -> f64 {
        if self.streak > 0.0 || self.seconds.are_known() {
            return 0.0;
        }
        match self.phase {
            Phase::Idle => 0.0,
            Phase::Seeking if self.holds() => 0.0,
            Phase::Seeking => {
                let doubling = (self.by.doubling_round_trips * self.latency).max(self.by.doubling_min);
                core::f64::consts::LN_2 / doubling * self.by.blind_slows.powf(self.blind)
            }
            Phase::Following => {
                let doubt = self.measured.doubt.powf(self.by.growth_doubt_power) * self.by.growth_doubt;
                let alone = doubt.min(self.by.growth_doubt_max);
                let shared =
                    self.brisk(now) * (self.by.growth_company + self.by.growth_company_calls / self.rate);
                let own = shared
                    .min(self.by.growth_answer * self.rate)
                    .mul_add(self.company, alone);
                let quiet = (now - self.throttled_at - self.by.patience(self.rate)).max(0.0);
                quiet.mul_add(self.by.growth_ramp, own).min(self.by.growth_max)
            }
        }
    }

    /// Whether a climb pauses: one call is under way at a time, so that the throttle which ends most climbs is a single one.
    fn holds(&self) -> bool {
        let singly = self.by.hold_part / self.latency;
        let short = singly >= self.by.hold_min && self.epoch.successes < self.by.hold_calls;
        short && self.rate >= singly.max(self.burst)
    }

    fn brisk(&self, now: f64) -> f64 {
        (self.by.brisk * ((self.following_since - now) / self.by.settles).exp()).max(1.0)
    }

    /// Accrues tokens up to `now`. The rate grows only while somebody waits for it: growth without demand proves nothing.
    pub(super) fn advance(&mut self, now: f64, waiting: bool) {
        let elapsed = (now - self.at.max(self.held_until)).max(0.0);
        if waiting {
            self.pressed_at = now;
        }
        self.advance_seconds(now);
        let growth = if waiting { self.growth(self.at) } else { 0.0 };
        let pace = self.pace();
        if growth > 0.0 {
            self.tokens += pace / growth * (growth * elapsed).exp_m1();
            let grown = self.rate * (growth * elapsed).exp();
            self.rate = grown.min(self.ceiling.max(self.rate));
        } else {
            self.tokens += pace * elapsed;
        }
        self.tokens = self.tokens.min(1.0 + self.rate * self.by.burst);
        self.at = self.at.max(now);
        if now - self.pressed_at.max(self.throttled_at) > self.by.forget {
            self.phase = Phase::Idle;
            self.seconds = Seconds::UNKNOWN;
        }
    }

    /// What a second that is over tells of the quota, and of others who use it.
    fn advance_seconds(&mut self, now: f64) {
        let by = self.by;
        let patience = |quota| by.patience(quota);
        let Some(told) = self.seconds.advance(now, self.latency, patience) else {
            return;
        };
        match told {
            Told::Lost => self.leave_seconds(now),
            Told::Quota(quota) if is_shared(quota, self.guess()) => {
                let knows_little = self.seconds.are_only_asked_for();
                if knows_little {
                    self.leave_seconds(now);
                } else {
                    self.company = 1.0;
                    self.join_others(now, quota);
                }
            }
            Told::Quota(quota) => {
                (self.phase, self.following_since) = (Phase::Following, now);
                self.blind = 0.0;
                self.follow_seconds(quota);
            }
            Told::Full(quota) => {
                self.company *= FULL_TELLS;
                self.follow_seconds(quota);
            }
            Told::Short(quota) | Told::Early(quota) => {
                self.company += (1.0 - self.company) * by.company_weight;
                if self.in_company() {
                    self.join_others(now, quota);
                } else {
                    self.rate = quota;
                }
            }
        }
        self.rate = self.rate.max(RATE_MIN);
        self.ceiling = by.ceiling * self.rate;
    }

    fn follow_seconds(&mut self, quota: f64) {
        self.rate = quota;
        self.measured = Measured {
            rate: quota,
            doubt: 1.0 / (quota + 1.0),
        };
    }

    /// Others use up its seconds: what it got in one is not what its share became.
    fn join_others(&mut self, now: f64, got: f64) {
        self.rate = got.max(self.measured.rate * (1.0 - self.by.cut_company));
        (self.phase, self.following_since) = (Phase::Following, now);
        self.leave_seconds(now);
    }

    fn leave_seconds(&mut self, now: f64) {
        self.seconds.leave();
        self.tokens = 0.0;
        self.epoch = Epoch::starting(now);
    }

    /// Takes the token of one call.
    pub(super) fn take(&mut self) -> bool {
        // A timer that was set for a whole token may find a rounding error less.
        let is_held = self.at < self.held_until - 1e-6;
        let has_turn = if self.seconds.are_known() {
            self.seconds.is_due(self.at)
        } else {
            self.tokens >= 1.0 - 1e-6
        };
        let enough = self.phase == Phase::Idle || (has_turn && !is_held);
        if enough {
            self.charge();
        }
        enough
    }

    /// Takes a token for a call that goes though there may be none: those who follow wait for it.
    pub(super) fn charge(&mut self) {
        self.tokens -= 1.0;
        self.seconds.sent(self.at);
    }

    /// Returns the token of a call that was not sent.
    pub(super) fn put_back(&mut self) {
        self.tokens += 1.0;
        self.seconds.put_back();
    }

    /// Seconds until the call with `ahead` others before it gets its token, as far as can be told.
    pub(super) fn wait(&self, ahead: u32) -> f64 {
        if self.seconds.are_known() {
            let due = self.seconds.due(self.at, f64::from(ahead));
            return (due.max(self.held_until) - self.at).max(0.0);
        }
        let need = (1.0 + f64::from(ahead) - self.tokens).max(0.0);
        let (growth, pace) = (self.growth(self.at), self.pace());
        let held = (self.held_until - self.at).max(0.0);
        let after = if growth > 0.0 {
            (need * growth / pace).ln_1p() / growth
        } else {
            need / pace
        };
        held + after
    }

    /// A call was answered by anything but a throttle. True if the pace has changed.
    pub(super) fn on_answer(&mut self, now: f64, admitted: f64) -> bool {
        self.on_round_trip(now - admitted);
        self.served_at = self.served_at.max(admitted);
        if self.seconds.served(admitted, now - admitted, self.guess()) {
            if self.guess() < 1.0 || self.phase == Phase::Following {
                // Others used up everything.
                self.company = self.company.max(SUSPECT);
            }
            self.streak = 0.0;
            self.held_until = 0.0;
        }
        if self.streak > 0.0 && now - self.answered_at > self.by.lost {
            self.epoch = Epoch::starting(admitted);
        } else if self.streak > 2.0 && (admitted - self.epoch.start) * self.rate > self.burst {
            // The service had time to fill its allowance, which is served now on top of the quota.
            self.epoch = Epoch::starting(admitted);
            self.epoch.successes = -self.burst;
        } else if admitted > self.epoch.start {
            self.epoch.succeeded(now);
        }
        if admitted <= self.cut_at {
            return false;
        }
        self.ceiling = self.by.ceiling * self.rate;
        self.answered_at = now;
        self.held_until = 0.0;
        core::mem::take(&mut self.streak) > 0.0
    }

    /// A call was throttled; `delivered` calls succeeded in the last second. `draw` is uniform from 0 to 1 and keeps clients
    /// that were throttled together from coming back together.
    pub(super) fn on_throttle(&mut self, now: f64, admitted: f64, delivered: f64, (asked, draw): (f64, f64)) {
        self.on_round_trip(now - admitted);
        let is_new = self.phase == Phase::Idle || admitted > self.cut_at;
        if self.in_company() {
            // Others use up its seconds.
            self.seconds.leave();
        }
        let planned = is_new && self.seconds.refused(admitted, asked);
        if self.phase == Phase::Idle {
            let rate = (self.by.start_share * delivered).max(self.by.rate_start_min);
            *self = Self {
                phase: Phase::Seeking,
                rate,
                ceiling: self.by.ceiling * rate,
                at: now,
                answered_at: now,
                epoch: Epoch::starting(now),
                burst: delivered,
                latency: self.latency,
                pressed_at: self.pressed_at,
                served_at: self.served_at,
                seconds: self.seconds,
                ..Self::by(self.by)
            };
        } else if admitted <= self.cut_at {
            self.seconds.refused_too(admitted);
            return;
        } else if planned {
            if asked > 1.5 {
                self.hold_for(now, admitted, asked);
            }
            (self.cut_at, self.throttled_at) = (now, now);
            return;
        } else {
            self.cut(now, admitted, delivered);
        }
        self.hold_for(now, admitted, asked);
        self.tokens += self.by.spread * (0.5 - draw);
        self.cut_at = now;
        self.throttled_at = now;
    }

    /// The throttled call was asked to come again after so long: so are all.
    fn hold_for(&mut self, now: f64, admitted: f64, asked: f64) {
        if asked > 0.0 && admitted >= self.served_at {
            self.held_until = self.held_until.max(now + asked);
        }
    }

    fn cut(&mut self, now: f64, admitted: f64, delivered: f64) {
        self.tokens = self.tokens.min(0.0);
        // A throttle right after another says that the service is still refusing, not that the rate is still too high.
        if self.streak > 0.0 {
            self.refused_again(now);
        } else {
            let enough = match self.phase {
                Phase::Seeking => self.by.enough_seeking,
                _ => self.by.enough_following,
            };
            match self.epoch.measure(admitted, self.latency, enough, self.by) {
                Some(measured) => self.learn(now, admitted, measured, delivered),
                None => self.give_way(now, delivered),
            }
        }
        self.streak += 1.0;
    }

    /// Nothing was served since the last throttle, so what is served next is measured from here.
    fn refused_again(&mut self, now: f64) {
        if now - self.answered_at > self.by.lost {
            self.rate = self.rate.min(2.0 * self.pace()).max(RATE_MIN);
            self.ceiling = self.by.ceiling * self.rate;
            self.phase = Phase::Seeking;
            self.blind = 0.0;
        }
        self.epoch = Epoch::starting(now);
    }

    fn learn(&mut self, now: f64, admitted: f64, measured: Measured, delivered: f64) {
        if self.phase == Phase::Seeking {
            self.end_climb(now, admitted, measured);
        } else {
            self.correct(now, measured, delivered);
        }
        self.rate = self.rate.max(RATE_MIN);
        self.epoch = Epoch::starting(now);
    }

    /// Follows what a climb has measured, or climbs once more, slower and from there, if much of the quota was lost on the way.
    fn end_climb(&mut self, now: f64, admitted: f64, measured: Measured) {
        let loss = if self.blind == 0.0 {
            self.epoch.loss(admitted, self.burst, self.rate)
        } else {
            0.0
        };
        self.rate = self
            .rate
            .min(measured.under(self.by.margin_climb, self.by.margin) * (1.0 + loss));
        if loss > self.by.loss_much {
            self.blind = 1.0;
        } else {
            self.company = 0.0;
            self.following_since = now;
            self.follow(measured);
        }
    }

    fn correct(&mut self, now: f64, measured: Measured, delivered: f64) {
        self.judge_company(now);
        let lower = if self.in_company() {
            self.rate * (1.0 - self.by.cut_company * self.brisk(now).sqrt() * self.company)
        } else {
            let under = measured.rate * (1.0 - self.by.margin);
            under.max(self.level(now)).min(self.rate)
        };
        self.rate = lower.max(self.floor(delivered));
        self.follow(measured);
    }

    fn follow(&mut self, measured: Measured) {
        self.phase = Phase::Following;
        self.measured = measured;
        self.tokens -= self.by.cushion * (1.0 - self.company);
    }

    /// The quota, told from how the rate grew up to this throttle: what it asked above the quota used up the burst
    /// allowance. One throttle does not bring the rate down further than to a part of it.
    fn level(&self, now: f64) -> f64 {
        let told = self.rate - (2.0 * self.burst * self.growth(now) * self.rate).sqrt();
        told.max(self.rate * self.by.cut_max)
    }

    fn floor(&self, delivered: f64) -> f64 {
        self.rate.min(delivered * self.by.delivered_share)
    }

    fn judge_company(&mut self, now: f64) {
        let soon = now - self.throttled_at < (self.by.early_calls / self.rate).max(self.by.early_min);
        let expected = self.measured.rate * (now - self.epoch.start);
        let early = soon && self.epoch.successes < expected + 1.0;
        self.company += (f64::from(u8::from(early)) - self.company) * self.by.company_weight;
    }

    /// Too soon after the last throttle to measure anything.
    fn give_way(&mut self, now: f64, delivered: f64) {
        if self.phase == Phase::Following {
            self.judge_company(now);
        } else {
            self.blind += 1.0;
        }
        let lower = self.rate * (1.0 - self.by.cut_blind);
        self.rate = lower.max(self.floor(delivered)).max(RATE_MIN);
    }

    fn on_round_trip(&mut self, seconds: f64) {
        self.latency += (seconds.max(0.0) - self.latency) * self.by.latency_weight;
    }
}

#[cfg(test)]
mod tests;
