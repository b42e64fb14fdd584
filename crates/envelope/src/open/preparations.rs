//! Hash states by suite, kind and frame length, each prepared when the first message asks for it.
#[cfg(feature = "std")]
use alloc::boxed::Box;
use core::ops::Range;
#[cfg(feature = "std")]
use std::sync::OnceLock;

use crate::schedule::{Keyed, Prepared, Profile};
#[cfg(feature = "std")]
use crate::{FrameLen, Kind, Suite};

/// The states of one data key in one encryption context. Without `std` none is kept.
pub(super) struct Preparations {
    keyed: Keyed,
    #[cfg(feature = "std")]
    ready: Box<[OnceLock<Prepared>]>,
}

impl Preparations {
    pub(super) fn new(keyed: Keyed) -> Self {
        Self {
            keyed,
            #[cfg(feature = "std")]
            ready: (0..SLOTS).map(|_| OnceLock::new()).collect(),
        }
    }

    /// Where the state lies that all others are made of.
    pub(super) fn memory(&self) -> Range<*const u8> {
        self.keyed.memory()
    }

    /// Hands out the state of a profile.
    #[inline]
    pub(super) fn with<T>(&self, profile: &Profile<'_>, take: impl FnOnce(&Prepared) -> T) -> T {
        #[cfg(feature = "std")]
        if let Some(ready) = self.ready.get(slot(profile)) {
            return take(ready.get_or_init(|| self.keyed.prepare(profile)));
        }
        take(&self.keyed.prepare(profile))
    }
}

#[cfg(feature = "std")]
const EXPONENTS: usize = FrameLen::MAX.exponent() as usize - FrameLen::MIN.exponent() as usize + 1;
/// Two suites and two kinds.
#[cfg(feature = "std")]
const SLOTS: usize = 4 * EXPONENTS;

/// Where the state of a profile is kept. The context is the same for all of them.
#[cfg(feature = "std")]
fn slot(profile: &Profile<'_>) -> usize {
    let pair = match (profile.suite, profile.kind) {
        (Suite::ChaCha20Poly1305, Kind::Bytes) => 0,
        (Suite::ChaCha20Poly1305, Kind::Records) => 1,
        (Suite::Aes256Gcm, Kind::Bytes) => 2,
        (Suite::Aes256Gcm, Kind::Records) => 3,
    };
    let exponent = profile
        .frame_len
        .exponent()
        .saturating_sub(FrameLen::MIN.exponent());
    usize::from(exponent).saturating_add(EXPONENTS.saturating_mul(pair))
}

#[cfg(all(test, feature = "std"))]
mod tests {
    use super::*;

    #[test]
    fn every_profile_has_a_place_of_its_own() {
        let mut taken = std::collections::BTreeSet::new();
        for suite in Suite::ALL {
            for kind in [Kind::Bytes, Kind::Records] {
                for exponent in FrameLen::MIN.exponent()..=FrameLen::MAX.exponent() {
                    let profile = Profile {
                        suite,
                        kind,
                        frame_len: FrameLen::from_exponent(exponent).unwrap(),
                        context_digest: &[0; 32],
                    };
                    assert!(taken.insert(slot(&profile)));
                }
            }
        }
        assert_eq!(taken.len(), SLOTS);
        assert_eq!(taken.last(), Some(&(SLOTS - 1)));
    }
}
