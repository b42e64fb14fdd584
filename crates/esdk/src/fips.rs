//! Whether the FIPS module of AWS-LC computes, and what is refused when it does.

/// Whether ciphers, key derivations, signatures and random numbers of this crate are those of the FIPS module of AWS-LC, in its approved
/// mode.
///
/// It takes the feature `fips` here, and the feature `fips` of `aws-lc-rs` in the program, which links the module. Then only the two
/// suites that commit may be used: the others derive their keys without a salt, or not at all. They are refused with
/// [`LimitError::NotApproved`](crate::LimitError::NotApproved) and [`OpenError::NotApproved`](crate::OpenError::NotApproved), whatever the
/// commitment policy says.
///
/// ```
/// use datakey_esdk::{Params, is_fips};
///
/// let default = Params::new();
/// assert!(default.suite().is_committing() || !is_fips());
/// ```
#[must_use]
pub fn is_fips() -> bool {
    #[cfg(feature = "fips")]
    let is = aws_lc_rs::try_fips_mode().is_ok();
    #[cfg(not(feature = "fips"))]
    let is = false;
    is
}

/// Whether a suite may be used.
pub(crate) fn permits(suite: crate::Suite) -> bool {
    suite.is_committing() || !is_fips()
}

/// Random bytes: of the module where that is what computes, and otherwise of the operating system.
#[cfg(feature = "getrandom")]
pub(crate) fn fill(bytes: &mut [u8]) -> Result<(), getrandom::Error> {
    #[cfg(feature = "fips")]
    if is_fips() {
        return aws_lc_rs::rand::fill(bytes).map_err(|_opaque| getrandom::Error::UNEXPECTED);
    }
    getrandom::fill(bytes)
}
