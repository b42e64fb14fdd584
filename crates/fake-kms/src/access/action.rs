//! The actions that policies and grants are about, under the names that KMS gives them, without `kms:`.

macro_rules! actions {
    ($($name:ident: $granted:literal,)+) => {
        /// What a caller must be allowed for a call: of most operations the one of its name, of `ReEncrypt` two.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum Action {
            $($name,)+
        }

        impl Action {
            /// Every action, for tables.
            pub(crate) const ALL: &[Self] = &[$(Self::$name),+];

            /// The name as KMS spells it.
            pub(crate) const fn as_str(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)+ }
            }

            /// Whether a grant can be for it.
            pub(crate) const fn can_be_granted(self) -> bool {
                match self { $(Self::$name => $granted,)+ }
            }
        }
    };
}

// With whether a grant of a symmetric encryption key can be for it.
actions! {
    GenerateDataKey: true,
    GenerateDataKeyWithoutPlaintext: true,
    Encrypt: true,
    Decrypt: true,
    ReEncryptFrom: true,
    ReEncryptTo: true,
    GenerateRandom: false,
    CreateKey: false,
    DescribeKey: true,
    ListKeys: false,
    UpdateKeyDescription: false,
    EnableKey: false,
    DisableKey: false,
    ScheduleKeyDeletion: false,
    CancelKeyDeletion: false,
    CreateAlias: false,
    UpdateAlias: false,
    DeleteAlias: false,
    ListAliases: false,
    RotateKeyOnDemand: false,
    EnableKeyRotation: false,
    DisableKeyRotation: false,
    GetKeyRotationStatus: false,
    ListKeyRotations: false,
    ReplicateKey: false,
    UpdatePrimaryRegion: false,
    TagResource: false,
    UntagResource: false,
    ListResourceTags: false,
    GetKeyPolicy: false,
    PutKeyPolicy: false,
    ListKeyPolicies: false,
    CreateGrant: true,
    ListGrants: false,
    ListRetirableGrants: false,
    RetireGrant: true,
    RevokeGrant: false,
}

impl Action {
    /// The action of that name.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|action| action.as_str() == name)
    }
}
