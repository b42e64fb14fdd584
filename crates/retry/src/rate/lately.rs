//! Whether one key alone was answered lately, in two atomic words.
use std::{
    collections::hash_map::DefaultHasher,
    hash::{Hash as _, Hasher as _},
    sync::atomic::{AtomicU64, Ordering},
};

/// Seconds in which no other key was answered.
const LATELY: u64 = 2;

#[derive(Debug, Default)]
pub(super) struct Lately {
    /// Who was answered last; zero for nobody.
    last: AtomicU64,
    /// When the answer before was another's, in whole seconds from one on; zero for never.
    other_at: AtomicU64,
}

impl Lately {
    pub(super) fn answered(&self, key: &str, now: f64) {
        let own = digest(key);
        let last = self.last.swap(own, Ordering::Relaxed);
        if last != own && last != 0 {
            self.other_at.store(second(now), Ordering::Relaxed);
        }
    }

    pub(super) fn is_alone(&self, key: &str, now: f64) -> bool {
        let last = self.last.load(Ordering::Relaxed);
        let other_at = self.other_at.load(Ordering::Relaxed);
        let for_long = other_at == 0 || second(now).saturating_sub(other_at) > LATELY;
        last == 0 || (last == digest(key) && for_long)
    }
}

fn digest(key: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish().max(1)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "whole seconds since the start of the process; a float cast saturates"
)]
const fn second(now: f64) -> u64 {
    (now as u64).saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_alone_until_another_is_answered_and_again_some_seconds_after() {
        let lately = Lately::default();
        assert!(lately.is_alone("a", 0.0) && lately.is_alone("b", 0.0));
        lately.answered("a", 1.0);
        assert!(lately.is_alone("a", 1.0) && !lately.is_alone("b", 1.0));
        lately.answered("b", 1.5);
        assert!(!lately.is_alone("a", 1.5) && !lately.is_alone("b", 1.5));
        lately.answered("a", 2.0);
        assert!(!lately.is_alone("a", 4.0));
        lately.answered("a", 5.0);
        assert!(lately.is_alone("a", 5.0));
    }
}
