//! Services that count by the second on their clock.
//!
//! Such a service refuses everything from when its second is used up to the next one. A throttle tells the quota exactly, as
//! what was served in that second, and asking again before the next second is in vain. When its seconds start is found by halves:
//! each throttle has one call try in the middle of the time in which the next second must start.

/// A probe refused so long after the first refusal tells of a service that counts by the second: one that counts more finely has
/// gained a call by then, unless its quota is very small.
const IN_VAIN: f64 = 0.25;

/// Who asks for so long a pause counts by the second.
const ASKED: f64 = 0.5;

/// A timer may be so early.
const SOON: f64 = 1e-3;

/// A start known so well is known well enough.
const WELL_KNOWN: f64 = 0.05;

/// What is known of the seconds of the service.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seconds {
    known: Option<Known>,
    /// The first refusal since the last answer, and the last one.
    refused: Option<(f64, f64)>,
    /// The longest pause that the service asked for since.
    asked: f64,
}

/// What a call that was served tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Served {
    /// That the service counts by the second.
    First,
    /// That the quota is greater by one than the last throttle told.
    More,
    /// Nothing new.
    Untold,
}

#[derive(Debug, Clone, Copy)]
struct Known {
    /// A second starts here or before, by no more than `doubt`.
    anchor: f64,
    doubt: f64,
    /// The second that is counted, and what was served in it.
    current: f64,
    served: f64,
    /// A throttle told the quota, and calls under way may add to it.
    told: bool,
    /// When a call tries whether the next second has started.
    tries: Option<f64>,
}

impl Seconds {
    pub(super) const UNKNOWN: Self = Self {
        known: None,
        refused: None,
        asked: 0.0,
    };

    /// A call admitted at `admitted` was served.
    pub(super) fn served(&mut self, admitted: f64) -> Served {
        let was_known = self.known.is_some();
        if let Some((first, last)) = self.refused
            && admitted > last
        {
            let in_vain = self.are_in_vain(first, last);
            let doubt = admitted - last;
            (self.refused, self.asked) = (None, 0.0);
            match &mut self.known {
                None if in_vain && doubt < 1.5 => {
                    self.known = Some(Known::starting(admitted, doubt.min(1.0)));
                }
                Some(known) => known.resumed(admitted),
                None => {}
            }
        }
        let more = self.known.as_mut().map(|known| known.count(admitted));
        match more {
            Some(true) => Served::More,
            Some(false) if !was_known => Served::First,
            _ => Served::Untold,
        }
    }

    /// A call was refused: the quota of a second, if it is known now.
    pub(super) fn refused(&mut self, admitted: f64, asked: f64) -> Option<f64> {
        self.asked = self.asked.max(asked);
        let before = self.refused.replace((admitted, admitted));
        if let Some((first, _)) = before {
            self.refused = Some((first, admitted));
        }
        let known = self.known.as_mut()?;
        if known.tried_in_vain(admitted, before.map_or(admitted, |(_, last)| last)) {
            return None;
        }
        if known.second_of(admitted) > known.current || known.served < 1.0 {
            // The first call of a second is refused only if the seconds are not what they were taken for.
            self.known = None;
            return None;
        }
        let served = known.served;
        let first = before.map_or(admitted, |(first, _)| first);
        self.are_in_vain(first, admitted).then_some(served)
    }

    fn are_in_vain(&self, first: f64, last: f64) -> bool {
        self.asked >= ASKED || last - first >= IN_VAIN
    }

    /// What was served in the second that is counted.
    pub(super) fn quota(&self) -> f64 {
        self.known.map_or(0.0, |known| known.served)
    }

    /// The second that a refusal ended is taken for what it is: when to ask again.
    pub(super) fn end(&mut self, admitted: f64) -> Option<f64> {
        let known = self.known.as_mut()?;
        known.told = true;
        Some(known.next(admitted))
    }

    /// When to ask again after a try that came too soon.
    pub(super) fn again(&mut self, admitted: f64) -> Option<f64> {
        let known = self.known.as_mut().filter(|known| known.told)?;
        Some(known.next(admitted))
    }
}

impl Known {
    const fn starting(anchor: f64, doubt: f64) -> Self {
        Self {
            anchor,
            doubt,
            current: 0.0,
            served: 0.0,
            told: false,
            tries: None,
        }
    }

    fn second_of(&self, admitted: f64) -> f64 {
        (admitted - self.anchor + SOON).floor()
    }

    /// The first call after a refusal was served.
    fn resumed(&mut self, admitted: f64) {
        let second = self.second_of(admitted);
        let tried = self.tries.take().is_some();
        if tried && second == self.current {
            // It has started before it was thought to.
            let earlier = self.anchor + second + 1.0 - admitted;
            *self = Self::starting(admitted, (self.doubt - earlier).max(0.0));
        }
    }

    /// A try came too soon. `last` is when a call was refused before.
    fn tried_in_vain(&mut self, admitted: f64, last: f64) -> bool {
        if self.tries.take().is_none() {
            return false;
        }
        let latest = self.anchor + self.current + 1.0;
        if admitted < latest - SOON {
            self.doubt = (latest - admitted).min(self.doubt);
            return true;
        }
        // None starts between the two refusals, so it was before the first of them, if it was at all.
        let less = self.doubt - (latest - last);
        if less <= SOON || !self.told {
            return false;
        }
        *self = Self {
            told: true,
            served: self.served,
            ..Self::starting(last, less)
        };
        true
    }

    fn count(&mut self, admitted: f64) -> bool {
        let second = self.second_of(admitted);
        if second > self.current {
            (self.current, self.served, self.told, self.tries) = (second, 0.0, false, None);
        }
        if second == self.current {
            self.served += 1.0;
        }
        self.told && second == self.current
    }

    fn next(&mut self, admitted: f64) -> f64 {
        let latest = self.anchor + self.second_of(admitted) + 1.0;
        let middle = latest - 0.5 * self.doubt;
        let at = if self.doubt > WELL_KNOWN && middle > admitted && self.told {
            middle
        } else {
            latest
        };
        self.tries = Some(at);
        at
    }
}
