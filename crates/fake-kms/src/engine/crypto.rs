//! The cryptographic operations.
use std::sync::Arc;

use super::{Engine, blob, key::Key, material::Material, store::Names};
use crate::{
    KmsContext, KmsError, KmsErrorCode, Plaintext,
    access::{Action, Asker, Details},
    arn::KeyId,
    error::constraint,
};

/// The most bytes that `Encrypt` takes.
pub const MAX_PLAINTEXT_LEN: usize = 4096;

/// The most bytes that `Decrypt` and `ReEncrypt` take.
pub const MAX_CIPHERTEXT_LEN: usize = 6144;

/// The most bytes that `GenerateDataKey` and `GenerateRandom` make.
pub const MAX_RANDOM_LEN: usize = 1024;

/// What `GenerateDataKey` answers.
///
/// The plaintext is wiped when it is dropped. What to keep is the ciphertext, and the ARN beside it where the reader is to pin the key.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct DataKeyPair {
    /// The ARN of the key that it is wrapped under.
    pub key_arn: Arc<str>,
    /// The data key.
    pub plaintext: Plaintext,
    /// The data key, wrapped: 152 bytes longer.
    pub ciphertext: Vec<u8>,
    /// The id of the key material that wrapped it.
    pub key_material_id: Arc<str>,
}

/// What `Encrypt` and `GenerateDataKeyWithoutPlaintext` answer.
///
/// It names its key itself, so that `Decrypt` finds it without being told.
///
/// ```
/// use datakey_fake_kms::{FakeKms, KmsContext};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let fake = FakeKms::new();
/// let key = fake.create_key()?;
/// let one = fake.encrypt(&key, &KmsContext::default(), b"the same").await?;
/// let other = fake.encrypt(&key, &KmsContext::default(), b"the same").await?;
/// assert_ne!(one.ciphertext, other.ciphertext); // nobody sees that they are
/// assert_eq!(one.ciphertext.len(), b"the same".len() + 152);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ciphertext {
    /// The ARN of the key that it was made under.
    pub key_arn: Arc<str>,
    /// The ciphertext: 152 bytes longer than the plaintext.
    pub ciphertext: Vec<u8>,
    /// The id of the key material that made it.
    pub key_material_id: Arc<str>,
}

/// What `Decrypt` answers.
///
/// Compare the key's ARN with the one that should have opened it, where the request did not name it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Decrypted {
    /// The ARN of the key that it was made under.
    pub key_arn: Arc<str>,
    /// What was encrypted.
    pub plaintext: Plaintext,
    /// The id of the key material that made it.
    pub key_material_id: Arc<str>,
}

/// What `ReEncrypt` answers.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReEncrypted {
    /// The ARN of the key that the given ciphertext was made under.
    pub source_key_arn: Arc<str>,
    /// The id of the key material that made it.
    pub source_key_material_id: Arc<str>,
    /// The new ciphertext, and its key.
    pub made: Ciphertext,
}

impl Engine {
    pub(crate) fn generate_data_key(
        &self,
        asker: &Asker<'_>,
        key_id: &str,
        context: &KmsContext,
        len: usize,
    ) -> Result<DataKeyPair, KmsError> {
        let plaintext = random(len)?;
        let key = self.find(key_id, Names::All)?;
        self.authorize(
            asker,
            Action::GenerateDataKey,
            &key,
            Details::cryptographic(Some(key_id), context),
        )?;
        let made = self.seal(&key, context, plaintext.expose_secret())?;
        Ok(DataKeyPair {
            key_arn: made.key_arn,
            plaintext,
            ciphertext: made.ciphertext,
            key_material_id: made.key_material_id,
        })
    }

    pub(crate) fn generate_data_key_without_plaintext(
        &self,
        asker: &Asker<'_>,
        key_id: &str,
        context: &KmsContext,
        len: usize,
    ) -> Result<Ciphertext, KmsError> {
        let plaintext = random(len)?;
        let key = self.find(key_id, Names::All)?;
        self.authorize(
            asker,
            Action::GenerateDataKeyWithoutPlaintext,
            &key,
            Details::cryptographic(Some(key_id), context),
        )?;
        self.seal(&key, context, plaintext.expose_secret())
    }

    pub(crate) fn generate_random(&self, asker: &Asker<'_>, len: usize) -> Result<Plaintext, KmsError> {
        self.authorize_account(asker, Action::GenerateRandom, Details::default())?;
        random(len)
    }

    pub(crate) fn encrypt(
        &self,
        asker: &Asker<'_>,
        key_id: &str,
        context: &KmsContext,
        plaintext: &[u8],
    ) -> Result<Ciphertext, KmsError> {
        check_len("plaintext", plaintext.len(), MAX_PLAINTEXT_LEN)?;
        let key = self.find(key_id, Names::All)?;
        self.authorize(
            asker,
            Action::Encrypt,
            &key,
            Details::cryptographic(Some(key_id), context),
        )?;
        self.seal(&key, context, plaintext)
    }

    pub(crate) fn decrypt(
        &self,
        asker: &Asker<'_>,
        key_id: Option<&str>,
        context: &KmsContext,
        ciphertext: &[u8],
    ) -> Result<Decrypted, KmsError> {
        self.open(asker, Action::Decrypt, (key_id, context), None, ciphertext)
    }

    /// What `Decrypt` asks before it looks at a ciphertext.
    pub(crate) fn may_decrypt(
        &self,
        asker: &Asker<'_>,
        key_id: &str,
        context: &KmsContext,
    ) -> Result<(), KmsError> {
        let key = self.find(key_id, Names::All)?;
        self.authorize(
            asker,
            Action::Decrypt,
            &key,
            Details::cryptographic(Some(key_id), context),
        )?;
        key.usable()
    }

    /// What `Decrypt` does, and the first half of `ReEncrypt`.
    fn open(
        &self,
        asker: &Asker<'_>,
        action: Action,
        (key_id, context): (Option<&str>, &KmsContext),
        moves_to: Option<KeyId>,
        ciphertext: &[u8],
    ) -> Result<Decrypted, KmsError> {
        let details = |key: &Key| Details {
            on_same_key: moves_to.map(|to| to == key.id),
            ..Details::cryptographic(key_id, context)
        };
        check_len("ciphertextBlob", ciphertext.len(), MAX_CIPHERTEXT_LEN)?;
        let pinned = key_id.map(|text| self.find(text, Names::All)).transpose()?;
        if let Some(key) = &pinned {
            self.authorize(asker, action, key, details(key))?;
        }
        let parsed = blob::parse(ciphertext).ok_or(KmsErrorCode::InvalidCiphertext)?;
        let key = match pinned {
            Some(key) if key.id == parsed.key => key,
            Some(_) => return Err(KmsErrorCode::IncorrectKey.into()),
            None => {
                let key = self.find_id(parsed.key).map_err(|_unknown| not_ours())?;
                let allowed = self.authorize(asker, action, &key, details(&key));
                // Whether the key exists is not told to whoever may not use it.
                allowed.map_err(|error| match error.code() {
                    KmsErrorCode::AccessDenied => not_ours(),
                    _ => error,
                })?;
                key
            }
        };
        let material = key
            .numbered(parsed.material)?
            .ok_or(KmsErrorCode::InvalidCiphertext)?;
        let plaintext =
            blob::open(&parsed, &material.secret, context).ok_or(KmsErrorCode::InvalidCiphertext)?;
        Ok(Decrypted {
            key_arn: Arc::clone(&key.arn),
            plaintext,
            key_material_id: Arc::clone(&material.id),
        })
    }

    pub(crate) fn re_encrypt(
        &self,
        asker: &Asker<'_>,
        ciphertext: &[u8],
        source: (Option<&str>, &KmsContext),
        destination: (&str, &KmsContext),
    ) -> Result<ReEncrypted, KmsError> {
        let to = self.find(destination.0, Names::All);
        let id = to.as_ref().ok().map(|key| key.id);
        let opened = self.open(asker, Action::ReEncryptFrom, source, id, ciphertext)?;
        // `Encrypt`'s own limit does not apply: what was opened was once below it.
        let key = to?;
        let details = Details {
            on_same_key: Some(key.arn == opened.key_arn),
            ..Details::cryptographic(Some(destination.0), destination.1)
        };
        self.authorize(asker, Action::ReEncryptTo, &key, details)?;
        Ok(ReEncrypted {
            source_key_arn: opened.key_arn,
            source_key_material_id: opened.key_material_id,
            made: self.seal(&key, destination.1, opened.plaintext.expose_secret())?,
        })
    }

    fn seal(&self, key: &Key, context: &KmsContext, plaintext: &[u8]) -> Result<Ciphertext, KmsError> {
        let material: Arc<Material> = key.current(self.clock().unix())?;
        let ciphertext = blob::seal(key.id, material.number, &material.secret, context, plaintext)
            .ok_or(KmsErrorCode::Internal)?;
        Ok(Ciphertext {
            key_arn: Arc::clone(&key.arn),
            ciphertext,
            key_material_id: Arc::clone(&material.id),
        })
    }
}

fn random(len: usize) -> Result<Plaintext, KmsError> {
    if len == 0 || len > MAX_RANDOM_LEN {
        let bound = if len == 0 {
            "greater than or equal to 1".to_owned()
        } else {
            format!("less than or equal to {MAX_RANDOM_LEN}")
        };
        return Err(constraint(
            "numberOfBytes",
            &len.to_string(),
            &format!("Member must have value {bound}"),
        ));
    }
    Plaintext::random(len).map_err(|_no_random| KmsErrorCode::Internal.into())
}

fn check_len(member: &str, len: usize, most: usize) -> Result<(), KmsError> {
    let bound = match len {
        0 => "greater than or equal to 1".to_owned(),
        len if len > most => format!("less than or equal to {most}"),
        _ => return Ok(()),
    };
    // KMS does not repeat the value either: it may be a secret.
    Err(KmsError::with_message(
        KmsErrorCode::Validation,
        format!(
            "1 validation error detected: Value at '{member}' failed to satisfy constraint: Member must have length \
             {bound}"
        ),
    ))
}

fn not_ours() -> KmsError {
    KmsError::with_message(
        KmsErrorCode::AccessDenied,
        "The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you \
         are not allowed to access.",
    )
}
