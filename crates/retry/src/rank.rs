//! Where what is unwell stands in the order of trying.
use datakey_provider::Rank;

/// Behind all that is well, and among the unwell in the order of before.
pub(crate) const fn behind_the_well(own: Rank) -> Rank {
    if own.0 < Rank::UNHEALTHY.0 {
        Rank(Rank::UNHEALTHY.0.saturating_add(own.0 / 4))
    } else {
        own
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unwell_keep_their_order_behind_the_well() {
        assert_eq!(behind_the_well(Rank::LOCAL), Rank::UNHEALTHY);
        assert!(behind_the_well(Rank::LOCAL) < behind_the_well(Rank::REMOTE));
        for own in 0..=u8::MAX {
            let last = behind_the_well(Rank(own));
            assert!(last >= Rank::UNHEALTHY && last >= Rank(own));
            assert_eq!(behind_the_well(last), last, "layers over layers say it once");
        }
    }
}
