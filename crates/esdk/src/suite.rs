//! The algorithm suites, and which of them may be used.
use core::fmt;

use datakey_provider::DataKeyLength;

/// An algorithm suite of the AWS Encryption SDK: cipher, key derivation, commitment and signature together.
///
/// | suite | id | header | key | derivation | commits | signs | sealed here |
/// |---|---|---|---|---|---|---|---|
/// | `Aes128GcmNoKdf`, `Aes192GcmNoKdf`, `Aes256GcmNoKdf` | 0x0014, 0x0046, 0x0078 | 1 | 16, 24, 32 | none | no | no | no |
/// | `Aes128GcmHkdfSha256`, `Aes192GcmHkdfSha256`, `Aes256GcmHkdfSha256` | 0x0114, 0x0146, 0x0178 | 1 | 16, 24, 32 | HKDF-SHA-256 | no | no | yes |
/// | `Aes128GcmHkdfSha256EcdsaP256` | 0x0214 | 1 | 16 | HKDF-SHA-256 | no | P-256 | yes |
/// | `Aes192GcmHkdfSha384EcdsaP384`, `Aes256GcmHkdfSha384EcdsaP384` | 0x0346, 0x0378 | 1 | 24, 32 | HKDF-SHA-384 | no | P-384 | yes |
/// | `Aes256GcmHkdfSha512CommitKey` | 0x0478 | 2 | 32 | HKDF-SHA-512 | yes | no | yes |
/// | `Aes256GcmHkdfSha512CommitKeyEcdsaP384`, the default | 0x0578 | 2 | 32 | HKDF-SHA-512 | yes | P-384 | yes |
///
/// The suites without key derivation use the data key itself as the cipher's key, so that no data key may serve two
/// messages. They can be opened and not sealed.
///
/// ```
/// use datakey_esdk::Suite;
///
/// assert_eq!(Suite::from_id(0x0478), Some(Suite::Aes256GcmHkdfSha512CommitKey));
/// assert!(Suite::default().is_signed() && Suite::default().is_committing());
/// ```
///
/// Source: "Algorithm suites" in the specification of the AWS Encryption SDK.
///
/// # What a signature is for
///
/// It says that whoever made the message had the signing key, whose public half the key service has bound to the data key. So a reader who
/// can open messages cannot make one that passes for a writer's. Where readers and writers trust each other it says nothing that the tag of
/// each frame does not, and takes longer than all the rest of a small message.
///
/// # What a commitment is for
///
/// Without one a message can be made that opens to different plaintexts under different data keys. The suites of header version 2 commit to
/// the data key, so that the key which opens is the key that sealed. Write nothing else that is new.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Suite {
    /// `ALG_AES_128_GCM_IV12_TAG16_NO_KDF`.
    Aes128GcmNoKdf,
    /// `ALG_AES_192_GCM_IV12_TAG16_NO_KDF`.
    Aes192GcmNoKdf,
    /// `ALG_AES_256_GCM_IV12_TAG16_NO_KDF`.
    Aes256GcmNoKdf,
    /// `ALG_AES_128_GCM_IV12_TAG16_HKDF_SHA256`.
    Aes128GcmHkdfSha256,
    /// `ALG_AES_192_GCM_IV12_TAG16_HKDF_SHA256`.
    Aes192GcmHkdfSha256,
    /// `ALG_AES_256_GCM_IV12_TAG16_HKDF_SHA256`.
    Aes256GcmHkdfSha256,
    /// `ALG_AES_128_GCM_IV12_TAG16_HKDF_SHA256_ECDSA_P256`.
    Aes128GcmHkdfSha256EcdsaP256,
    /// `ALG_AES_192_GCM_IV12_TAG16_HKDF_SHA384_ECDSA_P384`.
    Aes192GcmHkdfSha384EcdsaP384,
    /// `ALG_AES_256_GCM_IV12_TAG16_HKDF_SHA384_ECDSA_P384`.
    Aes256GcmHkdfSha384EcdsaP384,
    /// `ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY`: commits to the data key, does not sign. The one for orders.
    Aes256GcmHkdfSha512CommitKey,
    /// `ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY_ECDSA_P384`: the default of the AWS Encryption SDK.
    #[default]
    Aes256GcmHkdfSha512CommitKeyEcdsaP384,
}

/// How a message's key comes from the data key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Derivation {
    Identity,
    Sha256,
    Sha384,
    /// The two committing suites.
    Sha512,
}

/// The curve of a signature, which settles its hash too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Curve {
    P256,
    P384,
}

impl Suite {
    /// Every suite, by id.
    pub const ALL: [Self; 11] = [
        Self::Aes128GcmNoKdf,
        Self::Aes192GcmNoKdf,
        Self::Aes256GcmNoKdf,
        Self::Aes128GcmHkdfSha256,
        Self::Aes192GcmHkdfSha256,
        Self::Aes256GcmHkdfSha256,
        Self::Aes128GcmHkdfSha256EcdsaP256,
        Self::Aes192GcmHkdfSha384EcdsaP384,
        Self::Aes256GcmHkdfSha384EcdsaP384,
        Self::Aes256GcmHkdfSha512CommitKey,
        Self::Aes256GcmHkdfSha512CommitKeyEcdsaP384,
    ];

    /// The id, as it stands in messages.
    #[must_use]
    pub const fn id(self) -> u16 {
        match self {
            Self::Aes128GcmNoKdf => 0x0014,
            Self::Aes192GcmNoKdf => 0x0046,
            Self::Aes256GcmNoKdf => 0x0078,
            Self::Aes128GcmHkdfSha256 => 0x0114,
            Self::Aes192GcmHkdfSha256 => 0x0146,
            Self::Aes256GcmHkdfSha256 => 0x0178,
            Self::Aes128GcmHkdfSha256EcdsaP256 => 0x0214,
            Self::Aes192GcmHkdfSha384EcdsaP384 => 0x0346,
            Self::Aes256GcmHkdfSha384EcdsaP384 => 0x0378,
            Self::Aes256GcmHkdfSha512CommitKey => 0x0478,
            Self::Aes256GcmHkdfSha512CommitKeyEcdsaP384 => 0x0578,
        }
    }

    /// The suite of an id; `None` for an id that no message may have.
    ///
    /// Ids of suites that come later are unknown to this version, and their messages are refused.
    ///
    /// ```
    /// use datakey_esdk::Suite;
    ///
    /// assert!(Suite::ALL.into_iter().all(|suite| Suite::from_id(suite.id()) == Some(suite)));
    /// assert_eq!(Suite::from_id(0x0999), None);
    /// ```
    #[must_use]
    pub const fn from_id(id: u16) -> Option<Self> {
        Some(match id {
            0x0014 => Self::Aes128GcmNoKdf,
            0x0046 => Self::Aes192GcmNoKdf,
            0x0078 => Self::Aes256GcmNoKdf,
            0x0114 => Self::Aes128GcmHkdfSha256,
            0x0146 => Self::Aes192GcmHkdfSha256,
            0x0178 => Self::Aes256GcmHkdfSha256,
            0x0214 => Self::Aes128GcmHkdfSha256EcdsaP256,
            0x0346 => Self::Aes192GcmHkdfSha384EcdsaP384,
            0x0378 => Self::Aes256GcmHkdfSha384EcdsaP384,
            0x0478 => Self::Aes256GcmHkdfSha512CommitKey,
            0x0578 => Self::Aes256GcmHkdfSha512CommitKeyEcdsaP384,
            _ => return None,
        })
    }

    /// How long the data keys of this suite are.
    ///
    /// It is what the provider is asked for: a data key of another length is refused before anything is sealed.
    #[must_use]
    pub const fn data_key_length(self) -> DataKeyLength {
        match self {
            Self::Aes128GcmNoKdf | Self::Aes128GcmHkdfSha256 | Self::Aes128GcmHkdfSha256EcdsaP256 => {
                DataKeyLength::Bytes16
            }
            Self::Aes192GcmNoKdf | Self::Aes192GcmHkdfSha256 | Self::Aes192GcmHkdfSha384EcdsaP384 => {
                DataKeyLength::Bytes24
            }
            Self::Aes256GcmNoKdf
            | Self::Aes256GcmHkdfSha256
            | Self::Aes256GcmHkdfSha384EcdsaP384
            | Self::Aes256GcmHkdfSha512CommitKey
            | Self::Aes256GcmHkdfSha512CommitKeyEcdsaP384 => DataKeyLength::Bytes32,
        }
    }

    /// Whether a message commits to its data key, so that no other data key opens it.
    ///
    /// The two that do are those to seal with. Without commitment, somebody with two data keys can make one message that opens to two
    /// texts.
    ///
    /// ```
    /// use datakey_esdk::Suite;
    ///
    /// let committing: Vec<u16> = Suite::ALL.into_iter().filter(|suite| suite.is_committing()).map(Suite::id).collect();
    /// assert_eq!(committing, [0x0478, 0x0578]);
    /// ```
    #[must_use]
    pub const fn is_committing(self) -> bool {
        matches!(self.derivation(), Derivation::Sha512)
    }

    /// Whether a message is signed, so that whoever may only open cannot have made it.
    ///
    /// ```
    /// use datakey_esdk::Suite;
    ///
    /// // Of the suites that commit, one signs and one does not.
    /// let committing: Vec<_> = Suite::ALL.into_iter().filter(|suite| suite.is_committing()).collect();
    /// assert_eq!(committing.iter().filter(|suite| suite.is_signed()).count(), 1);
    /// assert_eq!(committing.len(), 2);
    /// ```
    #[must_use]
    pub const fn is_signed(self) -> bool {
        self.curve().is_some()
    }

    /// Whether each message has a key of its own, derived from the data key. Without that a data key must not be used
    /// for two messages, and is not worth caching.
    ///
    /// ```
    /// use datakey_esdk::Suite;
    ///
    /// let sealed_with: Vec<Suite> = Suite::ALL.into_iter().filter(|suite| suite.derives_keys()).collect();
    /// assert_eq!(sealed_with.len(), 8);
    /// assert!(sealed_with.iter().all(|suite| !suite.as_str().contains("NO_KDF")));
    /// ```
    #[must_use]
    pub const fn derives_keys(self) -> bool {
        !matches!(self.derivation(), Derivation::Identity)
    }

    pub(crate) const fn derivation(self) -> Derivation {
        match self {
            Self::Aes128GcmNoKdf | Self::Aes192GcmNoKdf | Self::Aes256GcmNoKdf => Derivation::Identity,
            Self::Aes128GcmHkdfSha256
            | Self::Aes192GcmHkdfSha256
            | Self::Aes256GcmHkdfSha256
            | Self::Aes128GcmHkdfSha256EcdsaP256 => Derivation::Sha256,
            Self::Aes192GcmHkdfSha384EcdsaP384 | Self::Aes256GcmHkdfSha384EcdsaP384 => Derivation::Sha384,
            Self::Aes256GcmHkdfSha512CommitKey | Self::Aes256GcmHkdfSha512CommitKeyEcdsaP384 => {
                Derivation::Sha512
            }
        }
    }

    pub(crate) const fn curve(self) -> Option<Curve> {
        match self {
            Self::Aes128GcmHkdfSha256EcdsaP256 => Some(Curve::P256),
            Self::Aes192GcmHkdfSha384EcdsaP384
            | Self::Aes256GcmHkdfSha384EcdsaP384
            | Self::Aes256GcmHkdfSha512CommitKeyEcdsaP384 => Some(Curve::P384),
            _ => None,
        }
    }

    /// The length of the message id, which differs with the version of the header.
    pub(crate) const fn message_id_len(self) -> usize {
        if self.is_committing() { 32 } else { 16 }
    }

    /// The name that the AWS Encryption SDK gives it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Aes128GcmNoKdf => "ALG_AES_128_GCM_IV12_TAG16_NO_KDF",
            Self::Aes192GcmNoKdf => "ALG_AES_192_GCM_IV12_TAG16_NO_KDF",
            Self::Aes256GcmNoKdf => "ALG_AES_256_GCM_IV12_TAG16_NO_KDF",
            Self::Aes128GcmHkdfSha256 => "ALG_AES_128_GCM_IV12_TAG16_HKDF_SHA256",
            Self::Aes192GcmHkdfSha256 => "ALG_AES_192_GCM_IV12_TAG16_HKDF_SHA256",
            Self::Aes256GcmHkdfSha256 => "ALG_AES_256_GCM_IV12_TAG16_HKDF_SHA256",
            Self::Aes128GcmHkdfSha256EcdsaP256 => "ALG_AES_128_GCM_IV12_TAG16_HKDF_SHA256_ECDSA_P256",
            Self::Aes192GcmHkdfSha384EcdsaP384 => "ALG_AES_192_GCM_IV12_TAG16_HKDF_SHA384_ECDSA_P384",
            Self::Aes256GcmHkdfSha384EcdsaP384 => "ALG_AES_256_GCM_IV12_TAG16_HKDF_SHA384_ECDSA_P384",
            Self::Aes256GcmHkdfSha512CommitKey => "ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY",
            Self::Aes256GcmHkdfSha512CommitKeyEcdsaP384 => {
                "ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY_ECDSA_P384"
            }
        }
    }
}

/// The name that the AWS Encryption SDK gives it.
impl fmt::Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Which suites may be sealed with and opened, under the names of the AWS Encryption SDK.
///
/// | policy | seals with | opens |
/// |---|---|---|
/// | `ForbidEncryptAllowDecrypt` | suites that do not commit | all |
/// | `RequireEncryptAllowDecrypt` | suites that commit | all |
/// | `RequireEncryptRequireDecrypt`, the default | suites that commit | suites that commit |
///
/// ```
/// use datakey_esdk::{CommitmentPolicy, Suite};
///
/// let policy = CommitmentPolicy::RequireEncryptAllowDecrypt;
/// assert!(policy.allows_opening(Suite::Aes256GcmHkdfSha256));
/// assert!(!policy.allows_sealing(Suite::Aes256GcmHkdfSha256));
/// ```
///
/// A fleet moves to commitment in three steps: readers to `RequireEncryptAllowDecrypt`, which opens both; then writers to a suite that
/// commits; and when no older message is left, readers to `RequireEncryptRequireDecrypt`. The policy that is forbidden by a suite is found
/// when a sealer is prepared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum CommitmentPolicy {
    /// `FORBID_ENCRYPT_ALLOW_DECRYPT`: for readers that know no commitment yet.
    ForbidEncryptAllowDecrypt,
    /// `REQUIRE_ENCRYPT_ALLOW_DECRYPT`: while old messages are about.
    RequireEncryptAllowDecrypt,
    /// `REQUIRE_ENCRYPT_REQUIRE_DECRYPT`.
    #[default]
    RequireEncryptRequireDecrypt,
}

impl CommitmentPolicy {
    /// Whether a message may be sealed with a suite.
    ///
    /// A migration goes through the policies in their order: none seals what readers of the one before it cannot open.
    ///
    /// ```
    /// use datakey_esdk::{CommitmentPolicy, Suite};
    ///
    /// let (old, new) = (Suite::Aes256GcmHkdfSha384EcdsaP384, Suite::Aes256GcmHkdfSha512CommitKeyEcdsaP384);
    /// let between = CommitmentPolicy::RequireEncryptAllowDecrypt;
    /// assert!(between.allows_sealing(new) && !between.allows_sealing(old));
    /// assert!(between.allows_opening(old) && between.allows_opening(new));
    /// ```
    #[must_use]
    pub const fn allows_sealing(self, suite: Suite) -> bool {
        match self {
            Self::ForbidEncryptAllowDecrypt => !suite.is_committing(),
            Self::RequireEncryptAllowDecrypt | Self::RequireEncryptRequireDecrypt => suite.is_committing(),
        }
    }

    /// Whether a message of a suite may be opened.
    #[must_use]
    pub const fn allows_opening(self, suite: Suite) -> bool {
        match self {
            Self::ForbidEncryptAllowDecrypt | Self::RequireEncryptAllowDecrypt => true,
            Self::RequireEncryptRequireDecrypt => suite.is_committing(),
        }
    }

    /// The name that the AWS Encryption SDK gives it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ForbidEncryptAllowDecrypt => "FORBID_ENCRYPT_ALLOW_DECRYPT",
            Self::RequireEncryptAllowDecrypt => "REQUIRE_ENCRYPT_ALLOW_DECRYPT",
            Self::RequireEncryptRequireDecrypt => "REQUIRE_ENCRYPT_REQUIRE_DECRYPT",
        }
    }
}

impl fmt::Display for CommitmentPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
