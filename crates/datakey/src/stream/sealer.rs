//! A message that is sealed as its plaintext arrives, of either format.
use datakey_envelope::{self as envelope, Aad};
#[cfg(feature = "esdk")]
use datakey_esdk as esdk;

#[cfg(feature = "esdk")]
use crate::keys::without_aad;
use crate::{SealError, SealingKey};

pub(super) enum StreamSealer {
    Datakey(envelope::StreamSealer),
    #[cfg(feature = "esdk")]
    Esdk(Box<esdk::StreamSealer>),
}

impl StreamSealer {
    /// Begins a message; appends its header to `out`.
    pub(super) fn begin(key: &SealingKey, aad: Aad<'_>, out: &mut Vec<u8>) -> Result<Self, SealError> {
        match key {
            SealingKey::Datakey(key) => Ok(Self::Datakey(key.stream_sealer(aad, out)?)),
            #[cfg(feature = "esdk")]
            SealingKey::Esdk(key) => {
                without_aad(aad)?;
                Ok(Self::Esdk(Box::new(key.stream_sealer(out)?)))
            }
        }
    }

    /// Takes a portion and appends the frames that it completes.
    pub(super) fn push(&mut self, plaintext: &[u8], out: &mut Vec<u8>) -> Result<(), SealError> {
        match self {
            Self::Datakey(sealer) => Ok(sealer.push(plaintext, out)?),
            #[cfg(feature = "esdk")]
            Self::Esdk(sealer) => Ok(sealer.push(plaintext, out)?),
        }
    }

    /// Appends the end of the message.
    pub(super) fn finish(self, out: &mut Vec<u8>) -> Result<(), SealError> {
        match self {
            Self::Datakey(sealer) => Ok(sealer.finish(out)?),
            #[cfg(feature = "esdk")]
            Self::Esdk(sealer) => Ok(sealer.finish(out)?),
        }
    }
}
