//! The names of branch keys and of their versions.
use std::{fmt, str::FromStr, sync::Arc};

use datakey_provider::EncryptionContext;
use thiserror::Error;
use uuid::{Uuid, Variant};

/// In front of the branch key id in the key id of a wrapped key.
///
/// By it a reader tells a wrapped key of a branch key from those of KMS and others, before anything is looked up.
pub const KEY_ID_SCHEME: &str = "branch-key:";

/// The longest branch key id, in bytes of UTF-8: what DynamoDB takes as a partition key. Messages of the native format have room for
/// one of 244 bytes, as their key ids have 255 at the most, [`KEY_ID_SCHEME`] included; those of the AWS Encryption SDK for any.
pub const MAX_BRANCH_KEY_ID_LEN: usize = 2048;

/// In front of the UUID in the name of a version.
const VERSION_PREFIX: &str = "branch:version:";

/// The one key of the encryption contexts that keyrings keep branch keys under.
const CONTEXT_KEY: &str = "branch-key-id";

/// Names a branch key: the partition key of its items. Cheap to clone.
///
/// ```
/// use datakey_branch_keys::BranchKeyId;
///
/// let id: BranchKeyId = "tenant-acme".parse()?;
/// assert_eq!(id.as_str(), "tenant-acme");
/// assert_eq!(id.key_id(), "branch-key:tenant-acme"); // as it stands in wrapped keys
/// assert!("".parse::<BranchKeyId>().is_err());
/// # Ok::<(), datakey_branch_keys::BranchKeyIdError>(())
/// ```
///
/// It stands in the clear in each wrapped key, in CloudTrail, and in logs. An id of one's own should be one that may be there.
#[derive(Clone)]
pub struct BranchKeyId(Arc<Inner>);

struct Inner {
    key_id: Box<str>,
    context: EncryptionContext,
}

/// Why a text is not a branch key id.
///
/// ```
/// use datakey_branch_keys::{BranchKeyId, BranchKeyIdError, MAX_BRANCH_KEY_ID_LEN};
///
/// let long = "x".repeat(MAX_BRANCH_KEY_ID_LEN + 1);
/// assert_eq!(BranchKeyId::new(&long), Err(BranchKeyIdError::TooLong(2049)));
/// assert_eq!(BranchKeyId::new("two\nlines"), Err(BranchKeyIdError::Character)); // ids stand in logs
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BranchKeyIdError {
    /// It is empty.
    #[error("a branch key id is not empty")]
    Empty,
    /// It has more than [`MAX_BRANCH_KEY_ID_LEN`] bytes.
    #[error("a branch key id has at most {MAX_BRANCH_KEY_ID_LEN} bytes, this one has {0}")]
    TooLong(usize),
    /// It has control characters.
    #[error("a branch key id has no control characters")]
    Character,
}

impl BranchKeyIdError {
    /// Whether the same may succeed later without anybody changing anything: never.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        false
    }
}

impl BranchKeyId {
    /// Checks and keeps a text.
    ///
    /// # Errors
    /// [`BranchKeyIdError`] when it is empty, too long, or has control characters.
    pub fn new(id: &str) -> Result<Self, BranchKeyIdError> {
        if id.is_empty() {
            return Err(BranchKeyIdError::Empty);
        }
        if id.len() > MAX_BRANCH_KEY_ID_LEN {
            return Err(BranchKeyIdError::TooLong(id.len()));
        }
        if id.chars().any(char::is_control) {
            return Err(BranchKeyIdError::Character);
        }
        let context = EncryptionContext::new([(CONTEXT_KEY, id)])
            .map_err(|_too_long| BranchKeyIdError::TooLong(id.len()))?;
        let key_id = format!("{KEY_ID_SCHEME}{id}").into();
        Ok(Self(Arc::new(Inner { key_id, context })))
    }

    /// A new one, a random UUID.
    ///
    /// # Errors
    /// That of the operating system's random numbers.
    pub(crate) fn random() -> Result<Self, getrandom::Error> {
        let id = random_uuid()?.to_string();
        Self::new(&id).map_err(|_a_uuid_is_one| getrandom::Error::UNEXPECTED)
    }

    /// The branch key that a wrapped key names.
    pub(crate) fn of_key_id(key_id: &str) -> Option<Self> {
        Self::new(key_id.strip_prefix(KEY_ID_SCHEME)?).ok()
    }

    /// The branch key that a keyring asks for.
    pub(crate) fn of_context(context: &EncryptionContext) -> Option<Self> {
        Self::new(context.get(CONTEXT_KEY)?).ok()
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.key_id.get(KEY_ID_SCHEME.len()..).unwrap_or_default()
    }

    /// The key id of wrapped keys under it: [`KEY_ID_SCHEME`] and the text.
    ///
    /// It stands in messages, and is what `OnlyUnder` and the ranks of providers go by.
    #[must_use]
    pub fn key_id(&self) -> &str {
        &self.0.key_id
    }

    /// What a keyring keeps it under: the one pair `branch-key-id` and the text.
    ///
    /// It is what statistics and [`SealingKeyring::explain`](datakey_keyring::SealingKeyring::explain) go by; it is sent nowhere.
    #[must_use]
    pub fn context(&self) -> &EncryptionContext {
        &self.0.context
    }
}

impl FromStr for BranchKeyId {
    type Err = BranchKeyIdError;

    fn from_str(id: &str) -> Result<Self, BranchKeyIdError> {
        Self::new(id)
    }
}

impl PartialEq for BranchKeyId {
    fn eq(&self, other: &Self) -> bool {
        self.0.key_id == other.0.key_id
    }
}

impl Eq for BranchKeyId {}

impl PartialOrd for BranchKeyId {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for BranchKeyId {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.key_id.cmp(&other.0.key_id)
    }
}

impl std::hash::Hash for BranchKeyId {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.key_id.hash(state);
    }
}

impl fmt::Display for BranchKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for BranchKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BranchKeyId({:?})", self.as_str())
    }
}

/// Names a version of a branch key: a UUID, in lower case with dashes as text, sixteen bytes in a wrapped key.
///
/// ```
/// use datakey_branch_keys::BranchKeyVersion;
///
/// let version: BranchKeyVersion = "0b4d5a6e-8f0e-4a54-9d8e-0b1f2c3d4e5f".parse()?;
/// assert_eq!(version.to_string(), "0b4d5a6e-8f0e-4a54-9d8e-0b1f2c3d4e5f");
/// assert!("branch".parse::<BranchKeyVersion>().is_err());
/// # Ok::<(), datakey_branch_keys::NotAVersion>(())
/// ```
///
/// It is made by whoever rotates, at random, and never used again. Two of them say nothing of which is older; creation times do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BranchKeyVersion(Uuid);

/// A text is not the name of a version.
///
/// A UUID in capitals is none either: in the table there is one spelling of each, and another would find nothing.
///
/// ```
/// use datakey_branch_keys::{BranchKeyVersion, NotAVersion};
///
/// let capitals = "0B4D5A6E-8F0E-4A54-9D8E-0B1F2C3D4E5F".parse::<BranchKeyVersion>();
/// assert_eq!(capitals, Err(NotAVersion));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a version is a UUID in lower case, with dashes")]
pub struct NotAVersion;

impl BranchKeyVersion {
    pub(crate) fn random() -> Result<Self, getrandom::Error> {
        random_uuid().map(Self)
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Uuid::from_bytes).map(Self)
    }

    pub(crate) fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// As the attribute `version` and the sort key `type` have it.
    pub(crate) fn name(&self) -> String {
        format!("{VERSION_PREFIX}{}", self.0)
    }

    pub(crate) fn of_name(name: &str) -> Option<Self> {
        name.strip_prefix(VERSION_PREFIX)?.parse().ok()
    }
}

impl FromStr for BranchKeyVersion {
    type Err = NotAVersion;

    fn from_str(text: &str) -> Result<Self, NotAVersion> {
        let version = Uuid::try_parse(text)
            .map(Self)
            .map_err(|_not_a_uuid| NotAVersion)?;
        // The text is part of a name in the table, of which there is one spelling.
        if version.to_string() == text {
            Ok(version)
        } else {
            Err(NotAVersion)
        }
    }
}

impl fmt::Display for BranchKeyVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

fn random_uuid() -> Result<Uuid, getrandom::Error> {
    let mut bytes = [0; 16];
    crate::primitives::fill(&mut bytes)?;
    let uuid = uuid::Builder::from_random_bytes(bytes).into_uuid();
    debug_assert_eq!(uuid.get_variant(), Variant::RFC4122, "the builder sets it");
    Ok(uuid)
}
