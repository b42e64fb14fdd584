//! What is known about a key.
use std::{fmt, sync::Arc, time::Duration};

/// The state of a key.
///
/// ```
/// use datakey_fake_kms::{FakeKms, KeyState};
///
/// let fake = FakeKms::new();
/// let key = fake.create_key()?;
/// fake.schedule_key_deletion(&key, 7)?;
/// assert_eq!(fake.key_metadata(&key)?.state, KeyState::PendingDeletion);
/// fake.cancel_key_deletion(&key)?;
/// assert_eq!(fake.key_metadata(&key)?.state, KeyState::Disabled); // kept, and to be enabled by hand
/// # Ok::<(), datakey_fake_kms::KmsError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyState {
    /// Usable.
    Enabled,
    /// Not usable until it is enabled.
    Disabled,
    /// Not usable, and deleted when its waiting period is over.
    PendingDeletion,
    /// A primary that is not usable, and whose waiting period begins when the last replica is deleted.
    PendingReplicaDeletion,
}

impl KeyState {
    /// The name as KMS spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Enabled => "Enabled",
            Self::Disabled => "Disabled",
            Self::PendingDeletion => "PendingDeletion",
            Self::PendingReplicaDeletion => "PendingReplicaDeletion",
        }
    }
}

impl fmt::Display for KeyState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What `DescribeKey` tells about a key. Times are since 1970, as the fake's clock has them.
///
/// ```
/// use datakey_fake_kms::{FakeKms, KmsContext};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let fake = FakeKms::new();
/// let key = fake.create_key()?;
/// let old = fake.generate_data_key(&key, &KmsContext::default(), 32).await?;
/// fake.rotate_key(&key)?;
/// // Another key material from here on, and the old one opens what it wrapped.
/// assert_ne!(fake.key_metadata(&key)?.key_material_id, old.key_material_id);
/// let opened = fake.decrypt(None, &KmsContext::default(), &old.ciphertext).await?;
/// assert_eq!(opened.key_material_id, old.key_material_id);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyMetadata {
    /// The key's ARN.
    pub arn: Arc<str>,
    /// The id in the ARN.
    pub key_id: Box<str>,
    /// What `CreateKey` or `UpdateKeyDescription` was told.
    pub description: Box<str>,
    /// When the key was made.
    pub created: Duration,
    /// The state.
    pub state: KeyState,
    /// When the key is deleted, in state [`KeyState::PendingDeletion`].
    pub deletion: Option<Duration>,
    /// The waiting period in days, in state [`KeyState::PendingReplicaDeletion`].
    pub deletion_window: Option<u32>,
    /// The id of the key material that encrypts: 64 hexadecimal digits.
    pub key_material_id: Arc<str>,
    /// The Regions of a multi-Region key.
    pub multi_region: Option<MultiRegion>,
    /// Whether a service of AWS manages it, as one with the alias `alias/aws/s3`.
    pub is_aws_managed: bool,
}

/// Where a multi-Region key is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MultiRegion {
    /// Whether this Region's key is the primary.
    pub is_primary: bool,
    /// The primary's Region.
    pub primary: Arc<str>,
    /// The Regions of the replicas.
    pub replicas: Vec<Arc<str>>,
}
