//! In which format messages are written.
use datakey_envelope::Params;

/// In which format a [`Sealer`](crate::Sealer) writes. An [`Opener`](crate::Opener) recognises what it reads.
///
/// ```
/// use datakey::{Format, Params, Suite};
///
/// let format = Format::from(Params::new().with_suite(Suite::Aes256Gcm));
/// assert!(matches!(format, Format::Datakey(_)));
/// ```
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Format {
    /// The format of `docs/format.md`, with these parameters: suite, frame length, record limit.
    Datakey(Params),
}

impl Default for Format {
    fn default() -> Self {
        Self::Datakey(Params::new())
    }
}

impl From<Params> for Format {
    fn from(params: Params) -> Self {
        Self::Datakey(params)
    }
}
