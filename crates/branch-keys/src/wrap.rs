//! How a data key is wrapped under a branch key: as the hierarchical keyring of the AWS Encryption SDK does it.
//!
//! ```text
//! ciphertext = salt (16) | IV (12) | version (16) | encrypted data key | tag (16)
//! wrapping key = HMAC-SHA-256(branch key, u32be 1 | "aws-kms-hierarchy" | 00 | salt | u32be 256)
//! authenticated = "aws-kms-hierarchy" | branch key id | version | encryption context
//! ```
use datakey_provider::{DataKey, DataKeyLength, EncryptionContext, WrappedKey};
use thiserror::Error;

use crate::{
    BranchKeyId, BranchKeyVersion,
    primitives::{Cipher, IV_LEN, Keyed, TAG_LEN},
};

const LABEL: &[u8] = b"aws-kms-hierarchy";
const SALT_LEN: usize = 16;
const VERSION_LEN: usize = 16;
/// What is drawn at random for each wrapped data key: salt and IV.
pub(crate) const RANDOM_LEN: usize = SALT_LEN + IV_LEN;
/// What stands before the encrypted data key.
const HEAD_LEN: usize = SALT_LEN + IV_LEN + VERSION_LEN;
/// How much longer a wrapped data key is.
const WRAPPED_MORE: usize = HEAD_LEN + TAG_LEN;

/// How long a branch key is, in bytes.
pub(crate) const BRANCH_KEY_LEN: DataKeyLength = DataKeyLength::Bytes32;

/// A branch key, ready to derive wrapping keys from: keyed once, wiped when dropped.
pub(crate) struct BranchKey(Keyed);

/// Why a data key was not wrapped or unwrapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum WrapError {
    #[error("the encryption context has more than 65535 pairs")]
    Context,
    #[error("the cipher failed")]
    Cipher,
    #[error("the wrapped key is not what this branch key wrapped for this encryption context")]
    NotAuthentic,
}

/// A wrapped key of the form of this crate.
pub(crate) struct Parts<'a> {
    salt: &'a [u8; SALT_LEN],
    iv: &'a [u8; IV_LEN],
    pub(crate) version: BranchKeyVersion,
    ciphertext: &'a [u8],
    tag: &'a [u8; TAG_LEN],
    length: DataKeyLength,
}

impl<'a> Parts<'a> {
    /// `None` for what no branch key wrapped, of whatever length.
    pub(crate) fn of(wrapped: &'a WrappedKey) -> Option<Self> {
        let (salt, rest) = wrapped.blob().split_first_chunk()?;
        let (iv, rest) = rest.split_first_chunk()?;
        let (version, rest) = rest.split_first_chunk::<VERSION_LEN>()?;
        let (ciphertext, tag) = rest.split_last_chunk()?;
        Some(Self {
            salt,
            iv,
            version: BranchKeyVersion::from_bytes(version)?,
            ciphertext,
            tag,
            length: DataKeyLength::from_bytes(ciphertext.len())?,
        })
    }
}

impl BranchKey {
    /// `None` unless the key has 32 bytes.
    pub(crate) fn new(key: &DataKey) -> Option<Self> {
        if key.length() != BRANCH_KEY_LEN {
            return None;
        }
        Keyed::new(key.expose_secret()).map(Self)
    }

    /// NIST SP 800-108 in counter mode, one block.
    fn cipher(&self, salt: &[u8; SALT_LEN]) -> Result<Cipher, WrapError> {
        let text = [
            &1_u32.to_be_bytes()[..],
            LABEL,
            &[0],
            salt,
            &256_u32.to_be_bytes(),
        ];
        Cipher::new(&self.0.code(text)).ok_or(WrapError::Cipher)
    }

    /// Wraps a data key: 60 bytes more than it has. `random` is drawn for it, and for no other.
    pub(crate) fn wrap(
        &self,
        (id, version): (&BranchKeyId, BranchKeyVersion),
        context: &EncryptionContext,
        data_key: &DataKey,
        random: &[u8; RANDOM_LEN],
    ) -> Result<Vec<u8>, WrapError> {
        let (Some(salt), Some(iv)) = (random.first_chunk(), random.last_chunk::<IV_LEN>()) else {
            return Err(WrapError::Cipher);
        };
        let aad = authenticated(id, version, context)?;
        let plaintext = data_key.expose_secret();
        let mut blob = vec![0; WRAPPED_MORE.saturating_add(plaintext.len())];
        let (start, sealed) = blob.split_at_mut(HEAD_LEN);
        let Some((ciphertext, tag)) = sealed.split_last_chunk_mut::<TAG_LEN>() else {
            return Err(WrapError::Cipher);
        };
        let (drawn, named) = start.split_at_mut(random.len());
        drawn.copy_from_slice(random);
        named.copy_from_slice(version.as_bytes());
        self.cipher(salt)?
            .seal(iv, &aad, plaintext, ciphertext, tag)
            .ok_or(WrapError::Cipher)?;
        Ok(blob)
    }

    /// Unwraps a data key. This has to be the version that its parts name.
    pub(crate) fn unwrap(
        &self,
        id: &BranchKeyId,
        context: &EncryptionContext,
        parts: &Parts<'_>,
    ) -> Result<DataKey, WrapError> {
        let aad = authenticated(id, parts.version, context)?;
        let cipher = self.cipher(parts.salt)?;
        DataKey::try_init(parts.length, |bytes| {
            cipher
                .open(parts.iv, &aad, parts.ciphertext, parts.tag, bytes)
                .ok_or(WrapError::NotAuthentic)
        })
    }
}

/// What is authenticated beside the data key. The encryption context is the number of its pairs and their encoding, or nothing.
fn authenticated(
    id: &BranchKeyId,
    version: BranchKeyVersion,
    context: &EncryptionContext,
) -> Result<Vec<u8>, WrapError> {
    let pairs = u16::try_from(context.len()).map_err(|_too_many| WrapError::Context)?;
    let pairs = pairs.to_be_bytes();
    let count = if context.is_empty() { &[][..] } else { &pairs[..] };
    let parts = [
        LABEL,
        id.as_str().as_bytes(),
        version.as_bytes(),
        count,
        context.encoded(),
    ];
    Ok(parts.concat())
}
