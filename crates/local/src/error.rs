//! What can be wrong with a set of local keys.
use thiserror::Error;

use crate::MAX_NAME_LEN;

/// The most keys in a set.
///
/// With one rotation a month that is 21 years. A set that grows towards it is most often one whose old keys nobody dared to take out.
pub const MAX_KEYS: usize = 256;

/// Why a set of local keys cannot be made, or does not have what is asked of it.
///
/// All are said before anything was changed: a set is as it was. Only [`Randomness`](Self::Randomness) may pass by itself.
///
/// ```
/// use datakey_local::{LocalKeys, LocalKeysError};
///
/// let keys = LocalKeys::generate("2026")?.with_generated("2027")?;
/// assert!(matches!(keys.with_generated("2026"), Err(LocalKeysError::Duplicate(_))));
/// assert!(matches!(keys.without("2027"), Err(LocalKeysError::Active(_)))); // the one that seals
/// assert!(matches!(keys.with_active("2028"), Err(LocalKeysError::Unknown(_))));
/// # Ok::<(), LocalKeysError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LocalKeysError {
    /// Not a name.
    #[error(
        "{0:?} does not name a key; a name has 1 to {MAX_NAME_LEN} letters, digits, dots, dashes and underscores, \
         and starts with a letter or digit"
    )]
    Name(Box<str>),
    /// The set has a key of that name; a name is never given to a second key.
    #[error("the set has a key named {0:?}; choose another name for the new key")]
    Duplicate(Box<str>),
    /// The set has no key of that name.
    #[error("there is no local key {0:?}; load the key file that has it")]
    Unknown(Box<str>),
    /// The active key cannot be taken out of a set.
    #[error("{0:?} is the active key; make another one active before taking it out")]
    Active(Box<str>),
    /// More than [`MAX_KEYS`].
    #[error("a set has at most {MAX_KEYS} keys; take out the ones that nothing is sealed under any more")]
    TooMany,
    /// The program computes with the FIPS module of AWS-LC (the feature `fips`), and local keys wrap with ChaCha20-Poly1305.
    #[error(
        "local keys wrap with ChaCha20-Poly1305, which is not approved by FIPS 140, and this program computes with the FIPS module of AWS-LC; take a KMS key"
    )]
    NotApproved,
    /// The operating system gave no random bytes.
    #[error("the operating system gave no random bytes")]
    Randomness(#[source] getrandom::Error),
}
