//! Other wrapped keys for a message, and not another byte of it changed.
//!
//! The commitment binds everything in a header but the wrapped keys (rule W6): they can be replaced, added and removed
//! by whoever stores the message, without the data key or the plaintext being seen.
use alloc::vec::Vec;

use datakey_provider::{EncryptionContext, WrappedKeys};
use thiserror::Error;

use crate::{Header, LimitError, Message, fixed::Fixed, header::encode_shared, limits::check_wrapped_keys};

/// Why a message does not get other wrapped keys. Nothing was written.
///
/// The message is as it was: what was appended before the error was found is taken back.
///
/// ```
/// # #[cfg(all(feature = "getrandom", any(feature = "rustcrypto", feature = "aws-lc")))] {
/// # use datakey_envelope::{Params, SealingKey};
/// # use datakey_provider::{DataKey, DataKeyLength, EncryptionContext, WrappedKey, WrappedKeys};
/// # let data_key = DataKey::init(DataKeyLength::Bytes32, |bytes| bytes.fill(7));
/// # let wrapped = WrappedKeys::from(WrappedKey::new("local:dev", b"opaque".to_vec())?);
/// # let context = EncryptionContext::new([("tenant", "acme")])?;
/// # let sealing = SealingKey::new(&data_key, &wrapped, &context, &Params::new())?;
/// # let opening = datakey_envelope::OpeningKey::new(&data_key, &context)?;
/// use datakey_envelope::{Aad, Message, RewrapError};
///
/// let mut sealed = Vec::new();
/// sealing.seal(b"one order", Aad::EMPTY, &mut sealed)?;
/// let message = Message::decode(&sealed)?;
/// let elsewhere = EncryptionContext::new([("tenant", "umbrella")])?;
/// let mut out = Vec::new();
/// // Wrapped keys that are bound to another context would be of no use in this message.
/// assert!(message.rewrapped(&elsewhere, &wrapped, &mut out).is_err());
/// assert!(out.is_empty());
/// # let _ = |error: RewrapError| error;
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RewrapError {
    /// The keys were wrapped with another encryption context than the message has, so that nobody could unwrap them for
    /// it.
    #[error(
        "the wrapped keys were made with another encryption context than the message has; wrap them with the \
         context of the message"
    )]
    OtherContext,
    /// The format has no place for so many wrapped keys, or for so long ones.
    #[error(transparent)]
    Limit(#[from] LimitError),
}

impl Header<'_> {
    /// Appends this header with other wrapped keys to `out`. What follows the header in the message stays as it is: copy
    /// it from [`len`](Self::len) on, however long it is.
    ///
    /// `keys` replaces all wrapped keys. `context` is the encryption context that they were wrapped with, such as the
    /// destination context of KMS `ReEncrypt`. Whether they hold the message's data key shows when the message opens:
    /// the commitment refuses every other. Check it at once, where the data key may be seen, with
    /// `OpeningKey::check_header`. Not every wrapped key that a message has holds its data key (rule K6): where data keys may
    /// not be seen, wrap all of them anew.
    ///
    /// ```
    /// # #[cfg(all(feature = "getrandom", any(feature = "rustcrypto", feature = "aws-lc")))] {
    /// # use datakey_envelope::{Aad, Header, Message, OpeningKey, Params, SealingKey};
    /// # use datakey_provider::{DataKey, DataKeyLength, EncryptionContext, WrappedKey, WrappedKeys};
    /// # let data_key = DataKey::init(DataKeyLength::Bytes32, |bytes| bytes.fill(7));
    /// # let wrapped = WrappedKey::new("local:old", b"opaque".to_vec())?.into();
    /// # let context = EncryptionContext::new([("tenant", "acme")])?;
    /// # let sealing = SealingKey::new(&data_key, &wrapped, &context, &Params::new()).unwrap();
    /// # let mut sealed = Vec::new();
    /// # sealing.seal(b"one order", Aad::EMPTY, &mut sealed)?;
    /// # let re_encrypted = WrappedKey::new("local:new", b"opaque too".to_vec())?;
    /// let header = Header::decode(&sealed)?;
    /// let with_both = header.wrapped_keys()?.join(&re_encrypted.clone().into())?;
    /// let mut out = Vec::new();
    /// header.rewrapped(&context, &with_both, &mut out)?;
    /// out.extend_from_slice(&sealed[header.len()..]);
    ///
    /// // Later, once nobody reads under the old wrapping key any more:
    /// let mut replaced = Vec::new();
    /// Message::decode(&out)?.rewrapped(&context, &re_encrypted.into(), &mut replaced)?;
    /// # let mut opened = Vec::new();
    /// # let opening = OpeningKey::new(&data_key, &context).unwrap();
    /// # opening.open(&Message::decode(&replaced)?, Aad::EMPTY, &mut opened)?;
    /// # assert_eq!(opened, b"one order");
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`RewrapError`]; `out` is then as before.
    pub fn rewrapped(
        &self,
        context: &EncryptionContext,
        keys: &WrappedKeys,
        out: &mut Vec<u8>,
    ) -> Result<(), RewrapError> {
        if !self.has_context(context) {
            return Err(RewrapError::OtherContext);
        }
        check_wrapped_keys(keys)?;
        let fixed = Fixed {
            suite: self.suite,
            kind: self.kind,
            frame_len: self.frame_len,
            salt: self.salt,
            commitment: self.commitment,
        };
        fixed.encode(out).unwrap_or_default();
        encode_shared(context, keys, out);
        Ok(())
    }
}

impl Message<'_> {
    /// Appends the whole message with other wrapped keys to `out`: [`Header::rewrapped`], then the body as it is.
    ///
    /// # Errors
    /// As `Header::rewrapped`.
    ///
    /// Plaintext and frames are not looked at, so it takes as long as copying does.
    pub fn rewrapped(
        &self,
        context: &EncryptionContext,
        keys: &WrappedKeys,
        out: &mut Vec<u8>,
    ) -> Result<(), RewrapError> {
        self.header().rewrapped(context, keys, out)?;
        out.extend_from_slice(self.body());
        Ok(())
    }
}
