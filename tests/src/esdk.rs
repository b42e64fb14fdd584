//! Messages of the AWS Encryption SDK's format, with keys that no service made.
use datakey::{Formats, Opener, Sealer};
use datakey_esdk::{
    CommitmentPolicy, LimitError, OpenParams, OpeningKey, Params, SealingKey, SigningKey, Suite,
    context_with_public_key,
};
use datakey_fake_kms::FakeKmsProvider;
use datakey_provider::{DataKey, EncryptionContext, WrappedKey, WrappedKeys};

/// The suites that can be sealed with.
///
/// ```
/// assert_eq!(datakey_tests::esdk::sealable().len(), 8);
/// ```
pub fn sealable() -> Vec<Suite> {
    Suite::ALL
        .into_iter()
        .filter(|suite| suite.derives_keys())
        .collect()
}

/// Parameters of a suite, with a policy that allows it.
pub fn params(suite: Suite) -> Params {
    let policy = if suite.is_committing() {
        CommitmentPolicy::RequireEncryptRequireDecrypt
    } else {
        CommitmentPolicy::ForbidEncryptAllowDecrypt
    };
    Params::new().with_suite(suite).with_commitment_policy(policy)
}

/// Opens whatever the suite is.
pub const fn any_suite() -> OpenParams {
    OpenParams::new().with_commitment_policy(CommitmentPolicy::RequireEncryptAllowDecrypt)
}

/// A data key of a suite, whose bytes are all alike.
pub fn data_key(suite: Suite, byte: u8) -> DataKey {
    DataKey::init(suite.data_key_length(), |bytes| bytes.fill(byte))
}

/// The wrapped key of a KMS key, and one of another keyring.
pub fn wrapped() -> WrappedKeys {
    let arn = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
    let kms = WrappedKey::new(arn, vec![9; 184]).unwrap();
    let raw = WrappedKey::new("esdk:shop", b"\x00\x04name wrapped".to_vec()).unwrap();
    WrappedKeys::new([kms, raw]).unwrap()
}

/// An encryption context.
pub fn context(pairs: &[(&str, &str)]) -> EncryptionContext {
    EncryptionContext::new(pairs.iter().copied()).unwrap()
}

/// Both sides of a data key.
pub struct Pair {
    /// Seals.
    pub sealing: SealingKey,
    /// Opens.
    pub opening: OpeningKey,
    /// The encryption context with the public key, if there is one.
    pub context: EncryptionContext,
}

impl Pair {
    /// For these parameters and this encryption context.
    ///
    /// # Errors
    /// Where the format has no place for them.
    pub fn new(params: &Params, own: &EncryptionContext) -> Result<Self, LimitError> {
        let signing = SigningKey::generate(params.suite()).unwrap();
        let context = context_with_public_key(own, signing.as_ref())?;
        let data_key = data_key(params.suite(), 7);
        Ok(Self {
            sealing: SealingKey::new(&data_key, &wrapped(), &context, signing, params)?,
            opening: OpeningKey::new(&data_key, &context),
            context,
        })
    }

    /// A sealed message.
    pub fn seal(&self, plaintext: &[u8]) -> Vec<u8> {
        let mut sealed = Vec::new();
        self.sealing.seal(plaintext, &mut sealed).unwrap();
        sealed
    }
}

/// A sealer of messages of this format, over a key of an emulator in the process.
///
/// # Panics
/// When it is not what the test expects.
#[must_use]
pub fn sealer(kms: &FakeKmsProvider, params: Params) -> Sealer {
    Sealer::builder(kms.clone()).format(params).build().unwrap()
}

/// An opener of messages of every suite and of both formats, over a key of an emulator in the process.
///
/// # Panics
/// When it is not what the test expects.
#[must_use]
pub fn opener(kms: &FakeKmsProvider) -> Opener {
    Opener::builder(kms.clone())
        .formats(Formats::both(any_suite()))
        .build()
        .unwrap()
}
