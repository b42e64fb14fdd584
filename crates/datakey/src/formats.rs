//! Which messages an opener opens.
use datakey_envelope::is_datakey_message;
use datakey_esdk::{Fault, FormatError, OpenParams, is_esdk_message};

use crate::{FormatName, OpenError};

/// Which messages an [`Opener`](crate::Opener) opens, each recognised by its first bytes: by default those of both formats, with the
/// defaults of [`OpenParams`] for those of the AWS Encryption SDK.
///
/// ```
/// use datakey::{Formats, esdk::{CommitmentPolicy, OpenParams}};
///
/// // While a fleet still has messages that older versions of the AWS Encryption SDK wrote.
/// let old = OpenParams::new().with_commitment_policy(CommitmentPolicy::RequireEncryptAllowDecrypt);
/// let formats = Formats::both(old);
/// let after_the_roll_over = Formats::only_datakey();
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Formats {
    datakey: bool,
    esdk: Option<OpenParams>,
}

impl Default for Formats {
    fn default() -> Self {
        Self::both(OpenParams::new())
    }
}

impl Formats {
    /// Messages of both formats; those of the AWS Encryption SDK with these parameters: commitment policy, limit of encrypted data
    /// keys, signed messages in streams.
    #[must_use]
    pub const fn both(params: OpenParams) -> Self {
        Self {
            datakey: true,
            esdk: Some(params),
        }
    }

    /// Messages of the native format, and no others.
    #[must_use]
    pub const fn only_datakey() -> Self {
        Self {
            datakey: true,
            esdk: None,
        }
    }

    /// Messages of the AWS Encryption SDK, and no others.
    #[must_use]
    pub const fn only_esdk(params: OpenParams) -> Self {
        Self {
            datakey: false,
            esdk: Some(params),
        }
    }

    /// With which parameters messages of the AWS Encryption SDK are opened, where they are.
    #[must_use]
    pub const fn esdk(&self) -> Option<&OpenParams> {
        self.esdk.as_ref()
    }

    /// The parameters for a message of the AWS Encryption SDK; `None` for one of the native format.
    ///
    /// # Errors
    /// [`OpenError::OtherFormat`] for a message of a format that is not accepted, and [`OpenError::Esdk`] for bytes that are of
    /// neither where only messages of the AWS Encryption SDK are.
    #[inline]
    pub(crate) fn recognise(&self, bytes: &[u8]) -> Result<Option<&OpenParams>, OpenError> {
        if is_esdk_message(bytes) {
            return self.accept_esdk().map(Some);
        }
        if self.datakey {
            return Ok(None);
        }
        Err(if is_datakey_message(bytes) {
            other(FormatName::Datakey)
        } else {
            let fault = Fault::Version;
            OpenError::from(FormatError::Malformed { fault })
        })
    }

    pub(crate) const fn accept_datakey(&self) -> Result<(), OpenError> {
        if self.datakey {
            Ok(())
        } else {
            Err(other(FormatName::Datakey))
        }
    }

    pub(crate) fn accept_esdk(&self) -> Result<&OpenParams, OpenError> {
        self.esdk.as_ref().ok_or(other(FormatName::Esdk))
    }
}

const fn other(found: FormatName) -> OpenError {
    OpenError::OtherFormat { found }
}
