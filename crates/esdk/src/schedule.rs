//! From a data key to a message's own key and commitment.
use core::array;

use hkdf::Hkdf;
use sha2::{Sha256, Sha384};
use zeroize::Zeroize as _;

use crate::{Suite, sha512::Extracted, suite::Derivation};

const DERIVE: &[u8] = b"DERIVEKEY";
const COMMIT: &[u8] = b"COMMITKEY";

/// What is derived for one message: its key, which is wiped when dropped, and its commitment.
pub(crate) struct MessageSecrets {
    key: [u8; 32],
    len: usize,
    commitment: [u8; 32],
}

impl MessageSecrets {
    /// A place for secrets, as a copy that is moved is not wiped.
    #[inline]
    pub(crate) const fn empty() -> Self {
        Self {
            key: [0; 32],
            len: 0,
            commitment: [0; 32],
        }
    }

    /// The key, as long as the suite says.
    #[inline]
    pub(crate) fn key(&self) -> &[u8] {
        self.key.get(..self.len).unwrap_or_default()
    }

    /// The commitment; of no meaning for suites that do not commit.
    #[inline]
    pub(crate) const fn commitment(&self) -> &[u8; 32] {
        &self.commitment
    }

    /// Derives what a message with this id has. The data key is one of the suite's length.
    pub(crate) fn derive(&mut self, suite: Suite, data_key: &[u8], message_id: &[u8]) {
        let id = suite.id().to_be_bytes();
        self.len = suite.data_key_length().bytes();
        match suite.derivation() {
            Derivation::Sha512 => {
                let extracted = Extracted::new(message_id, data_key);
                let made = extracted
                    .expand([&id, DERIVE], &mut self.key)
                    .and_then(|()| extracted.expand([COMMIT, &[]], &mut self.commitment));
                // A key of no length is none that a cipher takes.
                if made.is_err() {
                    self.len = 0;
                }
            }
            _ => self.derive_without_commitment(suite, data_key, &[&id, message_id]),
        }
    }

    /// As [`derive`](Self::derive), as version 4.0.0 of the AWS Encryption SDK for .NET did it: the message id is left out of the
    /// derivation.
    pub(crate) fn derive_as_net_4_0_0(&mut self, suite: Suite, data_key: &[u8], message_id: &[u8]) {
        match suite.derivation() {
            Derivation::Sha512 => self.derive(suite, data_key, message_id),
            _ => {
                self.len = suite.data_key_length().bytes();
                self.derive_without_commitment(suite, data_key, &[&suite.id().to_be_bytes()]);
            }
        }
    }

    fn derive_without_commitment(&mut self, suite: Suite, data_key: &[u8], info: &[&[u8]]) {
        let Some(key) = self.key.get_mut(..self.len) else {
            return;
        };
        // A key of up to 32 bytes is shorter than anything HKDF refuses to make.
        let made = match suite.derivation() {
            Derivation::Sha256 => Hkdf::<Sha256>::new(None, data_key).expand_multi_info(info, key),
            Derivation::Sha384 => Hkdf::<Sha384>::new(None, data_key).expand_multi_info(info, key),
            Derivation::Identity | Derivation::Sha512 => {
                key.iter_mut().zip(data_key).for_each(|(to, byte)| *to = *byte);
                Ok(())
            }
        };
        if made.is_err() {
            self.len = 0;
        }
    }
}

impl Drop for MessageSecrets {
    #[inline]
    fn drop(&mut self) {
        self.key.as_mut_slice().zeroize();
    }
}

/// The associated data of a part of the body: message id, what kind of part it is, its number and its length.
pub(crate) struct BodyAad {
    bytes: [u8; Self::MAX_LEN],
    id_len: usize,
}

/// What kind of part of a body it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Frame,
    FinalFrame,
    Whole,
}

impl Part {
    const fn text(self) -> &'static [u8] {
        match self {
            Self::Frame => b"AWSKMSEncryptionClient Frame",
            Self::FinalFrame => b"AWSKMSEncryptionClient Final Frame",
            Self::Whole => b"AWSKMSEncryptionClient Single Block",
        }
    }
}

impl BodyAad {
    const MAX_LEN: usize = 32 + 35 + 4 + 8;

    pub(crate) fn new(message_id: &[u8]) -> Self {
        let at = |index| message_id.get(index).copied().unwrap_or_default();
        Self {
            bytes: array::from_fn(at),
            id_len: message_id.len().min(32),
        }
    }

    #[inline]
    pub(crate) fn of(&mut self, part: Part, number: u32, len: u64) -> &[u8] {
        let mut end = self.id_len;
        for piece in [part.text(), &number.to_be_bytes(), &len.to_be_bytes()] {
            let start = end;
            end = start.saturating_add(piece.len());
            if let Some(to) = self.bytes.get_mut(start..end) {
                to.copy_from_slice(piece);
            }
        }
        self.bytes.get(..end).unwrap_or_default()
    }
}

/// The IV of a frame as writers make it: its number. The header's tag has number 0.
#[inline]
pub(crate) const fn iv(number: u32) -> [u8; 12] {
    let [a, b, c, d] = number.to_be_bytes();
    [0, 0, 0, 0, 0, 0, 0, 0, a, b, c, d]
}
