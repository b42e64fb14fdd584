//! Several providers as one, each judged by itself.
use datakey_provider::{NoProviders, Several};
use datakey_retry::Guarded;

/// Several providers as one, each under a circuit breaker of its own: for Regions, and for hand-overs between accounts.
///
/// Sealing wraps each data key by all of them, and opening asks the nearest first that is well: one that fails or hangs is asked
/// last from its first failure on, until a call finds it answering. See [`Several`] and [`Guarded`].
///
/// ```
/// use datakey::{Opener, provider::{NoProviders, OpeningProvider}, several};
///
/// fn of_two_regions<P: OpeningProvider + 'static>(near: P, far: P) -> Result<Opener, NoProviders> {
///     Ok(Opener::new(several([near, far])?))
/// }
/// ```
///
/// # Errors
/// [`NoProviders`] when there are none.
///
/// Sealing asks all of them, so that each message opens in each Region. While one is down nothing new is sealed once the data key at hand
/// is used up; a key that KMS replicates across Regions, with one provider for each that opens, has no such day.
pub fn several<P>(providers: impl IntoIterator<Item = P>) -> Result<Several<Guarded<P>>, NoProviders> {
    Several::new(providers.into_iter().map(Guarded::new))
}
