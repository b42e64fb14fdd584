//! What is known about a key.
use std::{fmt, sync::Arc, time::Duration};

/// The state of a key.
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
