//! What a writer and a reader decide for themselves.
use alloc::{boxed::Box, sync::Arc, vec::Vec};
use core::num::NonZeroU32;

use datakey_provider::EncryptionContext;

use crate::{CommitmentPolicy, LimitError, Suite, context};

/// The frame length of the AWS Encryption SDK where nothing else is said, in bytes.
pub const DEFAULT_FRAME_LEN: NonZeroU32 = match NonZeroU32::new(4096) {
    Some(len) => len,
    None => NonZeroU32::MIN,
};

/// How messages are sealed.
///
/// | what | default |
/// |---|---|
/// | suite | `ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY_ECDSA_P384` (0x0578) |
/// | frame length | 4,096 bytes |
/// | commitment policy | `REQUIRE_ENCRYPT_REQUIRE_DECRYPT` |
/// | most encrypted data keys | as many as the format counts, 65,535 |
/// | required context keys | none: the whole encryption context is stored |
///
/// ```
/// use datakey_esdk::{Params, Suite};
///
/// let params = Params::new().with_suite(Suite::Aes256GcmHkdfSha512CommitKey);
/// assert!(params.check().is_ok());
/// assert!(params.with_suite(Suite::Aes256GcmHkdfSha256).check().is_err(), "it does not commit");
/// ```
///
/// They are the writer's, and stand in the header, but for the policy and the limits: a reader need not be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Params {
    suite: Suite,
    policy: CommitmentPolicy,
    frame_len: NonZeroU32,
    max_data_keys: usize,
    required: Arc<[Box<str>]>,
}

impl Default for Params {
    fn default() -> Self {
        Self::new()
    }
}

impl Params {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self {
            suite: Suite::default(),
            policy: CommitmentPolicy::default(),
            frame_len: DEFAULT_FRAME_LEN,
            max_data_keys: usize::from(u16::MAX),
            required: Arc::default(),
        }
    }

    /// Sets the suite.
    #[must_use]
    pub const fn with_suite(mut self, suite: Suite) -> Self {
        self.suite = suite;
        self
    }

    /// Sets the commitment policy, which must allow the suite.
    #[must_use]
    pub const fn with_commitment_policy(mut self, policy: CommitmentPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// Sets the frame length, in bytes of plaintext.
    ///
    /// Longer frames are fewer bytes beside the plaintext: at 4,096 bytes it is 0.8 percent. A stream keeps one frame in memory on either
    /// side, and releases nothing before the frame is whole. A message has at most 2^32 - 1 of them.
    #[must_use]
    pub const fn with_frame_len(mut self, frame_len: NonZeroU32) -> Self {
        self.frame_len = frame_len;
        self
    }

    /// Sets how many encrypted data keys a message has at the most.
    #[must_use]
    pub const fn with_max_encrypted_data_keys(mut self, limit: usize) -> Self {
        self.max_data_keys = limit;
        self
    }

    /// Names the keys of the encryption context that are authenticated and not stored: whoever opens must state their pairs.
    ///
    /// For what both sides know and nobody else is to read: the header is in the clear.
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
    /// use datakey_esdk::{Message, OpenParams, OpeningKey, SealingKey};
    ///
    /// let context = EncryptionContext::new([("tenant", "acme"), ("customer", "4711")])?;
    /// let params = params.with_required_context_keys(["customer"]);
    /// let sealing = SealingKey::new(&data_key, &wrapped, &context, None, &params)?;
    /// let mut sealed = Vec::new();
    /// sealing.seal(b"one order", &mut sealed)?;
    ///
    /// let message = Message::decode(&sealed)?;
    /// assert!(message.header().context_pairs().all(|(key, _)| key != "customer"));
    /// let mut opened = Vec::new();
    /// let without = OpeningKey::new(&data_key, &message.header().context()?);
    /// assert!(without.open(&message, &OpenParams::new(), &mut opened).is_err());
    /// OpeningKey::new(&data_key, &context).open(&message, &OpenParams::new(), &mut opened)?;
    /// assert_eq!(opened, b"one order");
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn with_required_context_keys<K: Into<Box<str>>>(
        mut self,
        keys: impl IntoIterator<Item = K>,
    ) -> Self {
        let mut keys: Vec<Box<str>> = keys.into_iter().map(Into::into).collect();
        keys.sort_unstable();
        keys.dedup();
        self.required = keys.into();
        self
    }

    /// The suite.
    #[must_use]
    pub const fn suite(&self) -> Suite {
        self.suite
    }

    /// The commitment policy.
    #[must_use]
    pub const fn commitment_policy(&self) -> CommitmentPolicy {
        self.policy
    }

    /// The frame length, in bytes of plaintext.
    #[must_use]
    pub const fn frame_len(&self) -> NonZeroU32 {
        self.frame_len
    }

    /// The most encrypted data keys of a message.
    #[must_use]
    pub const fn max_encrypted_data_keys(&self) -> usize {
        self.max_data_keys
    }

    /// Whether a key of the encryption context is authenticated and not stored.
    pub(crate) fn is_required(&self, key: &str) -> bool {
        self.required.iter().any(|own| **own == *key)
    }

    pub(crate) fn required(&self) -> &[Box<str>] {
        &self.required
    }

    /// Whether messages for this encryption context, the caller's own, can be sealed in this way: to be asked before a data key
    /// is made for them.
    ///
    /// ```
    /// use datakey_esdk::{LimitError, Params};
    /// use datakey_provider::EncryptionContext;
    ///
    /// let params = Params::new().with_required_context_keys(["customer"]);
    /// let without = EncryptionContext::new([("tenant", "acme")])?;
    /// assert_eq!(params.check_context(&without), Err(LimitError::RequiredKey)); // said before a call is made
    /// # Ok::<(), datakey_provider::ContextError>(())
    /// ```
    ///
    /// # Errors
    /// As [`check`](Self::check) and [`check_context`](crate::check_context), and [`LimitError::RequiredKey`] for a context
    /// without a key that is to be authenticated and not stored.
    pub fn check_context(&self, own: &EncryptionContext) -> Result<(), LimitError> {
        self.check()?;
        context::check_context_for(own, self.suite.curve())?;
        if self.required.iter().any(|key| own.get(key).is_none()) {
            return Err(LimitError::RequiredKey);
        }
        Ok(())
    }

    /// Whether messages can be sealed in this way at all.
    ///
    /// # Errors
    /// [`LimitError::Suite`] where the policy forbids the suite, or the suite derives no keys; [`LimitError::NotApproved`] where the suite
    /// is none that the FIPS module approves of, and that is what computes.
    pub fn check(&self) -> Result<(), LimitError> {
        let (suite, policy) = (self.suite, self.policy);
        if !crate::fips::permits(suite) {
            return Err(LimitError::NotApproved(suite));
        }
        if policy.allows_sealing(suite) && suite.derives_keys() {
            Ok(())
        } else {
            Err(LimitError::Suite { suite, policy })
        }
    }
}

/// How messages are opened.
///
/// | what | default |
/// |---|---|
/// | commitment policy | `REQUIRE_ENCRYPT_REQUIRE_DECRYPT` |
/// | most encrypted data keys | as many as the format counts, 65,535 |
/// | messages of version 4.0.0 of the AWS Encryption SDK for .NET | opened |
/// | what a stream keeps in memory | 64 MiB at most |
/// | signed messages in streams | refused |
///
/// They are the reader's, and say what it accepts. The defaults accept what the AWS Encryption SDK accepts by default.
///
/// ```
/// use datakey_esdk::{CommitmentPolicy, OpenParams};
///
/// // A reader of one writer's new messages: one encrypted data key each, and nothing older.
/// let strict = OpenParams::new().with_max_encrypted_data_keys(1).with_net_4_0_0_messages(false);
/// assert_eq!(strict.max_encrypted_data_keys(), 1);
/// assert_eq!(strict.commitment_policy(), CommitmentPolicy::RequireEncryptRequireDecrypt);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenParams {
    policy: CommitmentPolicy,
    max_data_keys: usize,
    net_4_0_0: bool,
    max_stream_buffer: u64,
    release_before_signature: bool,
}

impl Default for OpenParams {
    fn default() -> Self {
        Self::new()
    }
}

impl OpenParams {
    /// The defaults.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            policy: CommitmentPolicy::RequireEncryptRequireDecrypt,
            max_data_keys: 0xFFFF,
            net_4_0_0: true,
            max_stream_buffer: 64 << 20,
            release_before_signature: false,
        }
    }

    /// Sets the commitment policy.
    ///
    /// ```
    /// # #[cfg(all(feature = "getrandom", any(feature = "rustcrypto", feature = "aws-lc")))] {
    /// # use datakey_provider::{DataKey, DataKeyLength, EncryptionContext, WrappedKey};
    /// use datakey_esdk::{CommitmentPolicy, Header, OpenError, OpenParams, Params, SealingKey, Suite};
    ///
    /// // Written years ago, when there was no commitment.
    /// let old = Params::new()
    ///     .with_suite(Suite::Aes256GcmHkdfSha256)
    ///     .with_commitment_policy(CommitmentPolicy::ForbidEncryptAllowDecrypt);
    /// # let data_key = DataKey::init(DataKeyLength::Bytes32, |bytes| bytes.fill(7));
    /// # let wrapped = WrappedKey::new("arn:aws:kms:eu-central-1:111122223333:key/1", b"opaque".to_vec())?.into();
    /// # let sealing = SealingKey::new(&data_key, &wrapped, &EncryptionContext::empty(), None, &old)?;
    /// # let mut sealed = Vec::new();
    /// # sealing.seal(b"one order", &mut sealed)?;
    /// let header = Header::decode(&sealed)?;
    /// assert!(matches!(header.check(&OpenParams::new()), Err(OpenError::Policy { .. })));
    /// let lenient = OpenParams::new().with_commitment_policy(CommitmentPolicy::RequireEncryptAllowDecrypt);
    /// assert!(header.check(&lenient).is_ok()); // a reader in the middle of a migration
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn with_commitment_policy(mut self, policy: CommitmentPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// Sets how many encrypted data keys a message may have. It is looked at before any of them is.
    #[must_use]
    pub const fn with_max_encrypted_data_keys(mut self, limit: usize) -> Self {
        self.max_data_keys = limit;
        self
    }

    /// Whether to open messages that version 4.0.0 of the AWS Encryption SDK for .NET wrote, whose header tag covers two bytes too
    /// many, and whose keys are derived without the message id where the suite does not commit. It is tried only for a message
    /// whose header tag is not valid otherwise.
    #[must_use]
    pub const fn with_net_4_0_0_messages(mut self, accepted: bool) -> Self {
        self.net_4_0_0 = accepted;
        self
    }

    /// Sets how many bytes of a message a stream keeps in memory at the most: a frame, or content that is not framed. What it keeps
    /// grows with what arrives.
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
    /// use datakey_esdk::{Header, OpenError, OpenParams, OpeningKey};
    ///
    /// // 4,096 bytes of a frame and what stands beside them are more than this device has.
    /// let small = OpenParams::new().with_max_stream_buffer(1024);
    /// let header = Header::decode(&sealed)?;
    /// let mut opener = OpeningKey::new(&data_key, &context).stream_opener(&header, &small)?;
    /// let mut frame = 1_u32.to_be_bytes().to_vec(); // a frame that is not the last
    /// frame.extend([0; 2048]);
    /// let refused = opener.push(&frame, &mut Vec::new());
    /// assert!(matches!(refused, Err(OpenError::FrameTooLong { limit: 1024, .. })));
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn with_max_stream_buffer(mut self, bytes: u64) -> Self {
        self.max_stream_buffer = bytes;
        self
    }

    /// Lets streams open signed messages. Their plaintext is then released frame by frame, each of them authentic, and all but the
    /// last frame before the signature is verified: whoever holds the data key could have made them. Nothing may be done for good
    /// until the stream is finished.
    ///
    /// ```
    /// # #[cfg(all(feature = "getrandom", any(feature = "rustcrypto", feature = "aws-lc")))] {
    /// # use datakey_provider::{DataKey, EncryptionContext, WrappedKey};
    /// # let params = datakey_esdk::Params::new();
    /// # let own = EncryptionContext::new([("tenant", "acme")])?;
    /// # let signing = datakey_esdk::SigningKey::generate(params.suite())?;
    /// # let context = datakey_esdk::context_with_public_key(&own, signing.as_ref())?;
    /// # let data_key = DataKey::init(params.suite().data_key_length(), |bytes| bytes.fill(7));
    /// # let wrapped = WrappedKey::new("arn:aws:kms:eu-central-1:111122223333:key/1", b"opaque".to_vec())?.into();
    /// # let sealing = datakey_esdk::SealingKey::new(&data_key, &wrapped, &context, signing, &params)?;
    /// # let mut sealed = Vec::new();
    /// # sealing.seal(b"one order", &mut sealed)?;
    /// use datakey_esdk::{Header, OpenParams, OpeningKey};
    ///
    /// let header = Header::decode(&sealed)?;
    /// let params = OpenParams::new().danger_release_before_signature();
    /// let mut opener = OpeningKey::new(&data_key, &context).stream_opener(&header, &params)?;
    /// let mut opened = Vec::new();
    /// opener.push(&sealed[header.len()..], &mut opened)?;
    /// opener.finish()?; // only now is it known who made it
    /// assert_eq!(opened, b"one order");
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn danger_release_before_signature(mut self) -> Self {
        self.release_before_signature = true;
        self
    }

    /// The commitment policy.
    #[must_use]
    pub const fn commitment_policy(&self) -> CommitmentPolicy {
        self.policy
    }

    /// The most encrypted data keys of a message.
    #[must_use]
    pub const fn max_encrypted_data_keys(&self) -> usize {
        self.max_data_keys
    }

    pub(crate) const fn net_4_0_0_messages(&self) -> bool {
        self.net_4_0_0
    }

    pub(crate) const fn max_stream_buffer(&self) -> u64 {
        self.max_stream_buffer
    }

    pub(crate) const fn releases_before_signature(&self) -> bool {
        self.release_before_signature
    }
}
