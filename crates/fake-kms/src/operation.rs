//! The operations, under the names that KMS gives them.
use std::fmt;

macro_rules! operations {
    ($($(#[$doc:meta])* $name:ident,)+) => {
        /// An operation of KMS that the fake knows.
        ///
        /// ```
        /// use datakey_fake_kms::KmsOperation;
        ///
        /// assert_eq!(KmsOperation::from_name("GenerateDataKey"), Some(KmsOperation::GenerateDataKey));
        /// assert!(KmsOperation::Decrypt.is_cryptographic() && !KmsOperation::DescribeKey.is_cryptographic());
        /// ```
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum KmsOperation {
            $($(#[$doc])* $name,)+
        }

        impl KmsOperation {
            /// Every operation, for tables.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The name as KMS spells it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)+ }
            }
        }
    };
}

operations! {
    /// A new data key, in plaintext and wrapped.
    GenerateDataKey,
    /// A new data key, wrapped only.
    GenerateDataKeyWithoutPlaintext,
    /// Up to 4,096 bytes under a key.
    Encrypt,
    /// What `Encrypt` and `GenerateDataKey` made.
    Decrypt,
    /// From one key or encryption context to another, the plaintext never leaving the service.
    ReEncrypt,
    /// Random bytes.
    GenerateRandom,
    /// A key's metadata.
    DescribeKey,
    /// A new key.
    CreateKey,
    /// The keys of the account and Region.
    ListKeys,
    /// A second name for a key.
    CreateAlias,
    /// An alias names another key.
    UpdateAlias,
    /// An alias is gone; its key stays.
    DeleteAlias,
    /// The aliases of the account and Region, or of a key.
    ListAliases,
    /// A disabled key is usable again.
    EnableKey,
    /// A key is not usable until it is enabled again.
    DisableKey,
    /// A key is not usable, and deleted after a waiting period.
    ScheduleKeyDeletion,
    /// A key is not deleted; it is disabled afterwards.
    CancelKeyDeletion,
    /// New key material for a key; the old stays for what it encrypted.
    RotateKeyOnDemand,
    /// New key material at regular intervals.
    EnableKeyRotation,
    /// No more new key material at regular intervals.
    DisableKeyRotation,
    /// Whether and when a key gets new key material.
    GetKeyRotationStatus,
    /// When a key got new key material.
    ListKeyRotations,
    /// A multi-Region key in one more Region.
    ReplicateKey,
    /// Another Region's key becomes the primary of a multi-Region key.
    UpdatePrimaryRegion,
    /// Another description for a key.
    UpdateKeyDescription,
    /// Tags for a key.
    TagResource,
    /// Fewer tags for a key.
    UntagResource,
    /// A key's tags.
    ListResourceTags,
    /// A key's policy.
    GetKeyPolicy,
    /// Another policy for a key.
    PutKeyPolicy,
    /// The names of a key's policies: there is one, `default`.
    ListKeyPolicies,
    /// Leave for a principal to do certain things with a key.
    CreateGrant,
    /// A key's grants.
    ListGrants,
    /// The grants that a principal may retire.
    ListRetirableGrants,
    /// A grant ends, by who may use or retire it.
    RetireGrant,
    /// A grant ends, by who manages the key.
    RevokeGrant,
}

impl KmsOperation {
    /// The operation of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|operation| operation.as_str() == name)
    }

    /// Whether it counts against the one request quota that all symmetric cryptographic operations share.
    #[must_use]
    pub const fn is_cryptographic(self) -> bool {
        matches!(
            self,
            Self::GenerateDataKey
                | Self::GenerateDataKeyWithoutPlaintext
                | Self::Encrypt
                | Self::Decrypt
                | Self::ReEncrypt
                | Self::GenerateRandom
        )
    }
}

impl fmt::Display for KmsOperation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
