//! What is kept of the credentials of one source, and what is to be done when they are needed: decided by the clock and by what was
//! said of them.
use std::time::{Duration, SystemTime};

use aws_smithy_runtime_api::client::identity::Identity;

/// Credentials that end within this time, or that say nothing of their end and are [`OLD`], are loaded anew while they serve.
const AHEAD: Duration = Duration::from_secs(60);

/// The age of credentials without an expiration at which they are looked up again, as the SDK does.
const OLD: Duration = Duration::from_secs(15 * 60);

/// The least time between two loads of credentials that serve.
const PAUSE: Duration = Duration::from_secs(10);

/// The least time between two loads of credentials that are expired or were refused: the source may not have new ones yet.
const SHORT_PAUSE: Duration = Duration::from_secs(1);

/// What is kept of one source.
#[derive(Default)]
pub(crate) struct Kept {
    current: Option<Current>,
    /// When the last load ended, however it ended, and whether it was to replace what was no longer good.
    loaded: Option<(SystemTime, bool)>,
}

struct Current {
    identity: Identity,
    since: SystemTime,
    refused: bool,
}

impl Current {
    /// Whether they are no longer good: expired, or refused.
    fn is_over(&self, now: SystemTime) -> bool {
        self.refused || self.identity.expiration().is_some_and(|end| now >= end)
    }
}

/// What is to be done for credentials.
pub(crate) enum Look {
    Serve(Identity),
    /// And load the next ones meanwhile.
    ServeAndLoad(Identity),
    Load,
}

impl Kept {
    pub(crate) fn look(&self, now: SystemTime) -> Look {
        let Some(current) = &self.current else {
            return Look::Load;
        };
        let identity = current.identity.clone();
        // A clock that was set back makes no pause.
        let since = |loaded: SystemTime| now.duration_since(loaded).ok();
        let pausing = |pause| {
            let elapsed = self.loaded.and_then(|(loaded, _)| since(loaded));
            elapsed.is_some_and(|elapsed| elapsed < pause)
        };
        let is_over = |end: SystemTime| now >= end;
        let end = current.identity.expiration();
        if current.is_over(now) {
            let again = self.loaded.is_some_and(|(_, replaced)| replaced);
            return if again && pausing(SHORT_PAUSE) {
                Look::Serve(identity)
            } else {
                Look::Load
            };
        }
        let renew = match end {
            Some(end) => end.checked_sub(AHEAD),
            None => current.since.checked_add(OLD),
        };
        if renew.is_some_and(is_over) && !pausing(PAUSE) {
            Look::ServeAndLoad(identity)
        } else {
            Look::Serve(identity)
        }
    }

    /// Takes in what a load brought.
    pub(crate) fn land(&mut self, brought: Option<Identity>, now: SystemTime) {
        let replaced = self.current.as_ref().is_some_and(|current| current.is_over(now));
        self.loaded = Some((now, replaced));
        if let Some(identity) = brought {
            self.current = Some(Current {
                identity,
                since: now,
                refused: false,
            });
        }
    }

    /// Notes that KMS no longer takes them.
    pub(crate) const fn refuse(&mut self) {
        if let Some(current) = &mut self.current {
            current.refused = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is to be done so many seconds after the epoch.
    fn looks(kept: &Kept, seconds: u64) -> &'static str {
        match kept.look(at(seconds)) {
            Look::Serve(_) => "serve",
            Look::ServeAndLoad(_) => "serve and load",
            Look::Load => "load",
        }
    }

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH
            .checked_add(Duration::from_secs(seconds))
            .unwrap()
    }

    fn until(seconds: Option<u64>) -> Option<Identity> {
        Some(Identity::new("somebody", seconds.map(at)))
    }

    #[test]
    fn what_ends_soon_is_loaded_anew_while_it_serves() {
        let mut kept = Kept::default();
        assert_eq!(looks(&kept, 0), "load");
        kept.land(until(Some(3_600)), at(100));
        for (now, expected) in [
            (0, "serve"),
            (100, "serve"),
            (3_539, "serve"),
            (3_540, "serve and load"),
            (3_599, "serve and load"),
            (3_600, "load"),
        ] {
            assert_eq!(looks(&kept, now), expected, "{now}");
        }
        // The source has nothing better, or fails: it is asked again after a while.
        for brought in [until(Some(3_600)), None] {
            kept.land(brought, at(3_550));
            assert_eq!(looks(&kept, 3_559), "serve");
            assert_eq!(looks(&kept, 3_560), "serve and load");
        }
    }

    #[test]
    fn what_says_nothing_of_its_end_is_looked_up_again_now_and_then() {
        let mut kept = Kept::default();
        kept.land(until(None), at(100));
        assert_eq!(looks(&kept, 999), "serve");
        assert_eq!(looks(&kept, 1_000), "serve and load");
        assert_eq!(
            looks(&kept, 1_000_000),
            "serve and load",
            "it serves however old it is"
        );
    }

    #[test]
    fn what_was_refused_is_loaded_at_once_and_then_once_a_second() {
        let mut kept = Kept::default();
        kept.land(until(None), at(100));
        kept.refuse();
        assert_eq!(looks(&kept, 100), "load", "whenever it was loaded");
        kept.land(until(None), at(101));
        assert_eq!(looks(&kept, 101), "serve");
        // The source brought the same again.
        kept.refuse();
        assert_eq!(looks(&kept, 101), "serve", "there is nothing better yet");
        assert_eq!(looks(&kept, 102), "load");
        // And a source that fails is no better.
        kept.land(None, at(102));
        assert_eq!(looks(&kept, 102), "serve");
        assert_eq!(looks(&kept, 103), "load");
    }

    /// By a clock that is ahead, what was just loaded is over.
    #[test]
    fn what_comes_expired_serves_for_lack_of_better() {
        let mut kept = Kept::default();
        kept.land(until(Some(50)), at(100));
        assert_eq!(looks(&kept, 100), "load");
        kept.land(until(Some(50)), at(101));
        assert_eq!(looks(&kept, 101), "serve");
        assert_eq!(looks(&kept, 102), "load");
    }
}
