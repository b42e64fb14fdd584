//! In which format messages are written, and which formats are read.
use std::fmt;

use datakey_envelope::Params;
#[cfg(feature = "esdk")]
use datakey_esdk as esdk;

/// In which format a [`Sealer`](crate::Sealer) writes. An [`Opener`](crate::Opener) recognises what it reads.
///
/// ```
/// use datakey::{Format, Params, Suite};
///
/// let format = Format::from(Params::new().with_suite(Suite::Aes256Gcm));
/// assert!(matches!(format, Format::Datakey(_)));
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Format {
    /// The format of `docs/format.md`, with these parameters: suite, frame length, record limit.
    Datakey(Params),
    /// The format of the AWS Encryption SDK, with these parameters: suite, frame length, commitment policy.
    ///
    /// It has no place for associated data of single messages, and none for records: what asks for them is refused with
    /// [`Unsupported`](crate::Unsupported).
    #[cfg(feature = "esdk")]
    Esdk(esdk::Params),
}

impl Format {
    /// Which of the formats it is.
    #[must_use]
    pub const fn name(&self) -> FormatName {
        match self {
            Self::Datakey(_) => FormatName::Datakey,
            #[cfg(feature = "esdk")]
            Self::Esdk(_) => FormatName::Esdk,
        }
    }
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

#[cfg(feature = "esdk")]
impl From<esdk::Params> for Format {
    fn from(params: esdk::Params) -> Self {
        Self::Esdk(params)
    }
}

/// A message format by its name.
///
/// ```
/// use datakey::FormatName;
///
/// assert_eq!(FormatName::Datakey.as_str(), "datakey");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FormatName {
    /// The native format.
    Datakey,
    /// The format of the AWS Encryption SDK.
    Esdk,
}

impl FormatName {
    /// The name in a word: `datakey` or `esdk`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Datakey => "datakey",
            Self::Esdk => "esdk",
        }
    }
}

impl fmt::Display for FormatName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Datakey => "datakey's own format",
            Self::Esdk => "the format of the AWS Encryption SDK",
        })
    }
}
