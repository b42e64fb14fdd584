//! A message that is opened as it arrives, of either format.
use datakey_envelope::{self as envelope, Aad};
#[cfg(feature = "esdk")]
use datakey_esdk as esdk;

#[cfg(feature = "esdk")]
use crate::keys::without_aad;
use crate::{MessageHeader, OpenError, OpeningKey};

pub(super) enum StreamOpener {
    Datakey(envelope::StreamOpener),
    #[cfg(feature = "esdk")]
    Esdk(Box<esdk::StreamOpener>),
}

/// With what a message of the AWS Encryption SDK is opened.
#[cfg(feature = "esdk")]
pub(super) type Params = esdk::OpenParams;
/// Nothing, where there are no such messages.
#[cfg(not(feature = "esdk"))]
pub(super) type Params = ();

impl StreamOpener {
    /// Checks the header, and what it commits to.
    #[cfg_attr(
        not(feature = "esdk"),
        expect(unused_variables, reason = "the native format has no parameters")
    )]
    pub(super) fn begin(
        key: &OpeningKey,
        header: &MessageHeader<'_>,
        aad: Aad<'_>,
        params: &Params,
    ) -> Result<Self, OpenError> {
        match header {
            MessageHeader::Datakey(header) => Ok(Self::Datakey(key.datakey()?.stream_opener(header, aad)?)),
            #[cfg(feature = "esdk")]
            MessageHeader::Esdk(header) => {
                without_aad(aad)?;
                Ok(Self::Esdk(Box::new(key.esdk()?.stream_opener(header, params)?)))
            }
        }
    }

    /// Takes a portion and appends the plaintext of the frames that it completes.
    pub(super) fn push(&mut self, sealed: &[u8], out: &mut Vec<u8>) -> Result<(), OpenError> {
        match self {
            Self::Datakey(opener) => Ok(opener.push(sealed, out)?),
            #[cfg(feature = "esdk")]
            Self::Esdk(opener) => Ok(opener.push(sealed, out)?),
        }
    }

    /// Says that the message ends here.
    pub(super) fn finish(self, out: &mut Vec<u8>) -> Result<(), OpenError> {
        match self {
            Self::Datakey(opener) => Ok(opener.finish(out)?),
            #[cfg(feature = "esdk")]
            Self::Esdk(opener) => Ok(opener.finish()?),
        }
    }
}
