//! The operations, under the names that KMS gives them, and in groups: whoever handles a group says what each of its
//! operations does, as the compiler refuses one that is forgotten.
use std::fmt;

macro_rules! operations {
    ($($(#[$about:meta])* $group:ident { $($(#[$doc:meta])* $name:ident,)+ })+) => {
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
            $($($(#[$doc])* $name,)+)+
        }

        /// An operation as one of its group.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Group {
            $($(#[$about])* $group($group),)+
        }

        $(
            $(#[$about])*
            #[derive(Debug, Clone, Copy, PartialEq, Eq)]
            pub(crate) enum $group {
                $($(#[$doc])* $name,)+
            }
        )+

        impl KmsOperation {
            /// Every operation, for tables.
            pub const ALL: &[Self] = &[$($(Self::$name),+),+];

            /// The name as KMS spells it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $($(Self::$name => stringify!($name),)+)+ }
            }

            pub(crate) const fn group(self) -> Group {
                match self { $($(Self::$name => Group::$group($group::$name),)+)+ }
            }
        }
    };
}

operations! {
    /// The operations that encrypt, decrypt and make random bytes.
    Cryptographic {
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
    }
    /// The operations on keys themselves.
    OnKeys {
        /// A new key.
        CreateKey,
        /// A key's metadata.
        DescribeKey,
        /// The keys of the account and Region.
        ListKeys,
        /// Another description for a key.
        UpdateKeyDescription,
        /// A disabled key is usable again.
        EnableKey,
        /// A key is not usable until it is enabled again.
        DisableKey,
        /// A key is not usable, and deleted after a waiting period.
        ScheduleKeyDeletion,
        /// A key is not deleted; it is disabled afterwards.
        CancelKeyDeletion,
    }
    /// The operations on aliases.
    OnAliases {
        /// A second name for a key.
        CreateAlias,
        /// An alias names another key.
        UpdateAlias,
        /// An alias is gone; its key stays.
        DeleteAlias,
        /// The aliases of the account and Region, or of a key.
        ListAliases,
    }
    /// The operations on the rotation of key material.
    OnRotation {
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
    }
    /// The operations on the Regions of a key.
    OnRegions {
        /// A multi-Region key in one more Region.
        ReplicateKey,
        /// Another Region's key becomes the primary of a multi-Region key.
        UpdatePrimaryRegion,
    }
    /// The operations on tags.
    OnTags {
        /// Tags for a key.
        TagResource,
        /// Fewer tags for a key.
        UntagResource,
        /// A key's tags.
        ListResourceTags,
    }
    /// The operations on key policies.
    OnPolicies {
        /// A key's policy.
        GetKeyPolicy,
        /// Another policy for a key.
        PutKeyPolicy,
        /// The names of a key's policies: there is one, `default`.
        ListKeyPolicies,
    }
    /// The operations on grants.
    OnGrants {
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
    ///
    /// ```
    /// use datakey_fake_kms::KmsOperation;
    ///
    /// let shared: Vec<&str> = KmsOperation::ALL.iter().filter(|one| one.is_cryptographic()).map(|one| one.as_str()).collect();
    /// assert!(shared.contains(&"Decrypt") && shared.contains(&"GenerateRandom"));
    /// assert!(!shared.contains(&"DescribeKey"));
    /// assert_eq!(shared.len(), 6);
    /// ```
    #[must_use]
    pub const fn is_cryptographic(self) -> bool {
        matches!(self.group(), Group::Cryptographic(_))
    }
}

impl fmt::Display for KmsOperation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
