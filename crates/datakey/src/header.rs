//! The header of a message of either format.
use datakey_envelope::{self as envelope, FormatError};
#[cfg(feature = "esdk")]
use datakey_esdk as esdk;

use crate::FormatName;

/// The header of a message, of whichever format it is: a view of its bytes.
///
/// Nothing in it is authenticated until the message opens.
///
/// ```
/// use datakey::{MessageHeader, envelope::FormatError};
///
/// fn wrapping_keys(header: &MessageHeader<'_>) -> Vec<String> {
///     match header {
///         MessageHeader::Datakey(header) => header.wrapped_key_refs().map(|key| key.key_id().to_owned()).collect(),
///         _ => Vec::new(),
///     }
/// }
/// ```
///
/// It is for tools that look at messages, route them, or say which keys they need. What it says is a claim of whoever wrote the message.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum MessageHeader<'a> {
    /// Of the native format.
    Datakey(envelope::Header<'a>),
    /// Of the format of the AWS Encryption SDK.
    #[cfg(feature = "esdk")]
    Esdk(esdk::Header<'a>),
}

impl<'a> MessageHeader<'a> {
    /// Of which format the message is.
    #[must_use]
    pub const fn format(&self) -> FormatName {
        match self {
            Self::Datakey(_) => FormatName::Datakey,
            #[cfg(feature = "esdk")]
            Self::Esdk(_) => FormatName::Esdk,
        }
    }

    /// The header of the native format, if it is one.
    #[must_use]
    pub const fn datakey(&self) -> Option<&envelope::Header<'a>> {
        match self {
            Self::Datakey(header) => Some(header),
            #[cfg(feature = "esdk")]
            Self::Esdk(_) => None,
        }
    }

    /// The length of the header: where the body starts.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a header is never empty")]
    pub const fn len(&self) -> usize {
        match self {
            Self::Datakey(header) => header.len(),
            #[cfg(feature = "esdk")]
            Self::Esdk(header) => header.len(),
        }
    }

    /// Decodes the header at the front of `bytes`; for a message of the AWS Encryption SDK, with so many encrypted data keys at the
    /// most.
    #[cfg(feature = "esdk")]
    pub(crate) fn decode(bytes: &'a [u8], max_data_keys: usize) -> Result<Self, Undecoded> {
        if esdk::is_esdk_message(bytes) {
            let header = esdk::Header::decode_within(bytes, max_data_keys);
            return header.map(Self::Esdk).map_err(|error| match error {
                esdk::FormatError::Truncated { missing } => Undecoded::Truncated {
                    missing,
                    error: error.into(),
                },
                error => Undecoded::Refused(error.into()),
            });
        }
        Self::decode_datakey(bytes)
    }

    #[cfg(not(feature = "esdk"))]
    pub(crate) fn decode(bytes: &'a [u8], _max_data_keys: usize) -> Result<Self, Undecoded> {
        Self::decode_datakey(bytes)
    }

    fn decode_datakey(bytes: &'a [u8]) -> Result<Self, Undecoded> {
        let header = envelope::Header::decode(bytes);
        header.map(Self::Datakey).map_err(|error| match error {
            FormatError::Truncated { missing } => Undecoded::Truncated {
                missing,
                error: error.into(),
            },
            error => Undecoded::Refused(error.into()),
        })
    }
}

/// Why there is no header yet, or never will be.
pub(crate) enum Undecoded {
    /// At least so many bytes are missing.
    Truncated {
        missing: u64,
        error: crate::OpenError,
    },
    Refused(crate::OpenError),
}

impl<'a> From<envelope::Header<'a>> for MessageHeader<'a> {
    fn from(header: envelope::Header<'a>) -> Self {
        Self::Datakey(header)
    }
}

impl<'a> From<&envelope::Header<'a>> for MessageHeader<'a> {
    fn from(header: &envelope::Header<'a>) -> Self {
        Self::Datakey(*header)
    }
}

#[cfg(feature = "esdk")]
impl<'a> From<esdk::Header<'a>> for MessageHeader<'a> {
    fn from(header: esdk::Header<'a>) -> Self {
        Self::Esdk(header)
    }
}

#[cfg(feature = "esdk")]
impl<'a> From<&esdk::Header<'a>> for MessageHeader<'a> {
    fn from(header: &esdk::Header<'a>) -> Self {
        Self::Esdk(header.clone())
    }
}

impl<'a> From<&Self> for MessageHeader<'a> {
    fn from(header: &Self) -> Self {
        header.clone()
    }
}
