//! Encrypted data keys, and the wrapped keys of a provider that they are.
use alloc::{format, string::String, vec::Vec};
use core::fmt;

use datakey_provider::{WrappedKey, WrappedKeys};

use crate::{
    Fault, FormatError, LimitError,
    cursor::{Cursor, malformed},
};

/// The provider id of the AWS KMS keyrings.
///
/// What it names is believed only as far as a provider that was set up for that key believes it.
pub const AWS_KMS: &str = "aws-kms";

/// The provider id of the hierarchical keyring.
const HIERARCHY: &str = "aws-kms-hierarchy";

/// In front of the branch key id in the key id of a wrapped key under a branch key.
const BRANCH_KEY: &str = "branch-key:";

/// In front of the provider id in the key id of a wrapped key that is not one of AWS KMS.
const SCHEME: &str = "esdk:";

/// An encrypted data key where it stands in a message: provider id, provider info and ciphertext.
///
/// What each of them holds is for the keyring to say that made it:
///
/// | keyring | provider id | provider info | ciphertext |
/// |---|---|---|---|
/// | AWS KMS | `aws-kms` | key ARN | the blob of KMS |
/// | raw AES | key namespace | key name, tag length in bits, IV length, IV | ciphertext and tag |
/// | raw RSA | key namespace | key name | ciphertext |
/// | hierarchical | `aws-kms-hierarchy` | branch key id | salt, IV, version, ciphertext, tag |
///
/// ```
/// # #[cfg(all(feature = "getrandom", any(feature = "rustcrypto", feature = "aws-lc")))] {
/// # use datakey_provider::{DataKey, DataKeyLength, EncryptionContext, WrappedKey};
/// # let data_key = DataKey::init(DataKeyLength::Bytes32, |bytes| bytes.fill(7));
/// # let wrapped = WrappedKey::new("arn:aws:kms:eu-central-1:111122223333:key/1", b"opaque".to_vec())?.into();
/// # let context = EncryptionContext::new([("tenant", "acme")])?;
/// # let params = datakey_esdk::Params::new().with_suite(datakey_esdk::Suite::Aes256GcmHkdfSha512CommitKey);
/// # let sealing = datakey_esdk::SealingKey::new(&data_key, &wrapped, &context, None, &params)?;
/// # let mut sealed = Vec::new();
/// # sealing.seal(b"one order", &mut sealed)?;
/// use datakey_esdk::{EncryptedDataKey, Header};
///
/// let header = Header::decode(&sealed)?;
/// let key = header.encrypted_data_keys().next().expect("a message has one at least");
/// assert_eq!(key.provider_id(), datakey_esdk::AWS_KMS);
/// assert_eq!(key.kms_key_arn(), Some("arn:aws:kms:eu-central-1:111122223333:key/1"));
/// assert_eq!(key.ciphertext(), b"opaque"); // what KMS is given
/// let wrapped = key.to_wrapped_key().expect("it names a key");
/// assert_eq!(EncryptedDataKey::of(&wrapped)?.provider_info(), key.provider_info()); // there and back
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct EncryptedDataKey<'a> {
    provider_id: &'a str,
    provider_info: &'a [u8],
    ciphertext: &'a [u8],
}

impl<'a> EncryptedDataKey<'a> {
    /// The provider id.
    #[must_use]
    pub const fn provider_id(&self) -> &'a str {
        self.provider_id
    }

    /// The provider info.
    #[must_use]
    pub const fn provider_info(&self) -> &'a [u8] {
        self.provider_info
    }

    /// The data key as it was wrapped.
    #[must_use]
    pub const fn ciphertext(&self) -> &'a [u8] {
        self.ciphertext
    }

    /// The ARN of the key that wrapped it, where it is one of AWS KMS: `arn:PARTITION:kms:REGION:ACCOUNT:key/ID`. `None` for those of
    /// other keyrings, and for one of AWS KMS that names something else, such as an alias.
    ///
    /// Source: "A Valid AWS KMS ARN" in the specification of the AWS Encryption SDK.
    #[must_use]
    pub fn kms_key_arn(&self) -> Option<&'a str> {
        let arn = str::from_utf8(self.provider_info).ok()?;
        (self.provider_id == AWS_KMS && is_key_arn(arn)).then_some(arn)
    }

    /// Whether it is one of AWS KMS that names no key.
    pub(crate) fn is_misnamed(&self) -> bool {
        self.provider_id == AWS_KMS && self.kms_key_arn().is_none()
    }

    pub(crate) fn decode(cursor: &mut Cursor<'a>) -> Result<Self, FormatError> {
        let provider_id = str::from_utf8(cursor.field()?).map_err(|_not_text| malformed(Fault::Utf8))?;
        Ok(Self {
            provider_id,
            provider_info: cursor.field()?,
            ciphertext: cursor.field()?,
        })
    }

    /// The wrapped key that a provider takes: for AWS KMS its key ARN and blob; for the hierarchical keyring the key id `branch-key:` and
    /// the branch key id, and the ciphertext, which is what `datakey-branch-keys` takes; for all others the key id `esdk:` and the
    /// provider id, with a blob that begins with the provider info and its length in two bytes, big-endian.
    ///
    /// `None` where there is no wrapped key that says as much: an empty ciphertext, control characters in an id, and what
    /// of AWS KMS has no [key ARN](Self::kms_key_arn). Such an encrypted data key opens nothing.
    #[must_use]
    pub fn to_wrapped_key(&self) -> Option<WrappedKey> {
        if self.provider_id == AWS_KMS {
            return WrappedKey::new(self.kms_key_arn()?, self.ciphertext).ok();
        }
        if self.provider_id == HIERARCHY {
            let id = str::from_utf8(self.provider_info)
                .ok()
                .filter(|id| !id.is_empty())?;
            return WrappedKey::new(format!("{BRANCH_KEY}{id}"), self.ciphertext).ok();
        }
        let len = u16::try_from(self.provider_info.len()).ok()?;
        if self.ciphertext.is_empty() {
            return None;
        }
        let blob = [&len.to_be_bytes(), self.provider_info, self.ciphertext].concat();
        WrappedKey::new(format!("{SCHEME}{}", self.provider_id), blob).ok()
    }

    /// The encrypted data key that a wrapped key is: the reverse of [`to_wrapped_key`](Self::to_wrapped_key).
    ///
    /// ```
    /// use datakey_esdk::{EncryptedDataKey, LimitError};
    /// use datakey_provider::WrappedKey;
    ///
    /// // One of `datakey-local`: other AWS Encryption SDKs would not know what to do with it.
    /// let local = WrappedKey::new("local:dev", b"opaque".to_vec())?;
    /// assert_eq!(EncryptedDataKey::of(&local).unwrap_err(), LimitError::KeyId);
    /// # Ok::<(), datakey_provider::WrappedKeyError>(())
    /// ```
    ///
    /// # Errors
    /// [`LimitError::KeyId`] for a blob that does not begin with its provider info, and for ids that are neither a key ARN of AWS KMS
    /// nor begin with `esdk:` or `branch-key:`, such as those of other formats; [`LimitError::DataKeyPart`] for a part that is too long.
    pub fn of(wrapped: &'a WrappedKey) -> Result<Self, LimitError> {
        let key = match wrapped.key_id().strip_prefix(SCHEME) {
            Some(provider_id) => {
                let mut cursor = Cursor(wrapped.blob());
                let provider_info = cursor.field().map_err(|_too_short| LimitError::KeyId)?;
                if [AWS_KMS, HIERARCHY].contains(&provider_id) || cursor.0.is_empty() {
                    return Err(LimitError::KeyId);
                }
                Self {
                    provider_id,
                    provider_info,
                    ciphertext: cursor.0,
                }
            }
            None if is_key_arn(wrapped.key_id()) => Self {
                provider_id: AWS_KMS,
                provider_info: wrapped.key_id().as_bytes(),
                ciphertext: wrapped.blob(),
            },
            None => match wrapped.key_id().strip_prefix(BRANCH_KEY) {
                Some(id) if !id.is_empty() => Self {
                    provider_id: HIERARCHY,
                    provider_info: id.as_bytes(),
                    ciphertext: wrapped.blob(),
                },
                _ => return Err(LimitError::KeyId),
            },
        };
        for part in [key.provider_id.as_bytes(), key.provider_info, key.ciphertext] {
            if part.len() > usize::from(u16::MAX) {
                return Err(LimitError::DataKeyPart(part.len()));
            }
        }
        Ok(key)
    }

    fn encode(&self, out: &mut Vec<u8>) {
        for part in [self.provider_id.as_bytes(), self.provider_info, self.ciphertext] {
            // `of` and `decode` have seen to the length.
            out.extend_from_slice(&u16::try_from(part.len()).unwrap_or(u16::MAX).to_be_bytes());
            out.extend_from_slice(part);
        }
    }
}

/// The provider id, and behind it what of AWS KMS is no key ARN.
impl fmt::Display for EncryptedDataKey<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.provider_id)?;
        if self.is_misnamed() {
            let info = String::from_utf8_lossy(self.provider_info);
            write!(f, " ({info:?} is not the ARN of a key)")?;
        }
        Ok(())
    }
}

impl fmt::Debug for EncryptedDataKey<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EncryptedDataKey")
            .field("provider_id", &self.provider_id)
            .field("provider_info", &String::from_utf8_lossy(self.provider_info))
            .field("ciphertext_len", &self.ciphertext.len())
            .finish()
    }
}

/// What readers take for the ARN of a KMS key: no part is empty, and the resource is a key.
fn is_key_arn(text: &str) -> bool {
    let mut parts = text.splitn(6, ':');
    let mut next = || parts.next().filter(|part| !part.is_empty());
    let is_arn = next() == Some("arn") && next().is_some() && next() == Some("kms");
    let is_owned = is_arn && next().is_some() && next().is_some();
    let id = next().and_then(|resource| resource.strip_prefix("key/"));
    is_owned && id.is_some_and(|id| !id.is_empty() && !id.contains(':'))
}

/// The section of encrypted data keys: their count and each of them.
pub(crate) fn encode_all(wrapped: &WrappedKeys, limit: usize, out: &mut Vec<u8>) -> Result<(), LimitError> {
    let found = wrapped.as_slice().len();
    let count = u16::try_from(found).ok().filter(|_| found <= limit);
    let limit = limit.min(usize::from(u16::MAX));
    let count = count.ok_or(LimitError::DataKeys { found, limit })?;
    out.extend_from_slice(&count.to_be_bytes());
    for key in wrapped {
        EncryptedDataKey::of(key)?.encode(out);
    }
    Ok(())
}

/// The encrypted data keys of a header, in order.
///
/// It borrows the header and may be gone through again and again; nothing is allocated.
#[derive(Clone)]
pub struct EncryptedDataKeys<'a>(pub(crate) Cursor<'a>);

impl<'a> Iterator for EncryptedDataKeys<'a> {
    type Item = EncryptedDataKey<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        EncryptedDataKey::decode(&mut self.0).ok()
    }
}

impl fmt::Debug for EncryptedDataKeys<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}
