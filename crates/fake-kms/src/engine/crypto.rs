//! The cryptographic operations.
use std::sync::Arc;

use super::{
    Engine, Key, blob,
    key::Material,
    store::{Names, constraint},
};
use crate::{KmsContext, KmsError, KmsErrorCode, Plaintext};

/// The most bytes that `Encrypt` takes.
pub const MAX_PLAINTEXT_LEN: usize = 4096;

/// The most bytes that `Decrypt` and `ReEncrypt` take.
pub const MAX_CIPHERTEXT_LEN: usize = 6144;

/// The most bytes that `GenerateDataKey` and `GenerateRandom` make.
pub const MAX_RANDOM_LEN: usize = 1024;

/// What `GenerateDataKey` answers.
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
        key_id: &str,
        context: &KmsContext,
        len: usize,
    ) -> Result<DataKeyPair, KmsError> {
        let plaintext = self.generate_random(len)?;
        let key = self.find(key_id, Names::All)?;
        let made = seal(&key, context, plaintext.expose_secret())?;
        Ok(DataKeyPair {
            key_arn: made.key_arn,
            plaintext,
            ciphertext: made.ciphertext,
            key_material_id: made.key_material_id,
        })
    }

    pub(crate) fn generate_data_key_without_plaintext(
        &self,
        key_id: &str,
        context: &KmsContext,
        len: usize,
    ) -> Result<Ciphertext, KmsError> {
        let plaintext = self.generate_random(len)?;
        seal(
            &*self.find(key_id, Names::All)?,
            context,
            plaintext.expose_secret(),
        )
    }

    pub(crate) fn generate_random(&self, len: usize) -> Result<Plaintext, KmsError> {
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

    pub(crate) fn encrypt(
        &self,
        key_id: &str,
        context: &KmsContext,
        plaintext: &[u8],
    ) -> Result<Ciphertext, KmsError> {
        check_len("plaintext", plaintext.len(), MAX_PLAINTEXT_LEN)?;
        seal(&*self.find(key_id, Names::All)?, context, plaintext)
    }

    pub(crate) fn decrypt(
        &self,
        key_id: Option<&str>,
        context: &KmsContext,
        ciphertext: &[u8],
    ) -> Result<Decrypted, KmsError> {
        check_len("ciphertextBlob", ciphertext.len(), MAX_CIPHERTEXT_LEN)?;
        let pinned = key_id.map(|text| self.find(text, Names::All)).transpose()?;
        let parsed = blob::parse(ciphertext).ok_or(KmsErrorCode::InvalidCiphertext)?;
        let key = match pinned {
            Some(key) if key.id == parsed.key => key,
            Some(_) => return Err(KmsErrorCode::IncorrectKey.into()),
            None => self.find_id(parsed.key).map_err(|_unknown| not_ours())?,
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
        ciphertext: &[u8],
        source: (Option<&str>, &KmsContext),
        destination: (&str, &KmsContext),
    ) -> Result<ReEncrypted, KmsError> {
        let opened = self.decrypt(source.0, source.1, ciphertext)?;
        // `Encrypt`'s own limit does not apply: what was opened was once below it.
        let key = self.find(destination.0, Names::All)?;
        Ok(ReEncrypted {
            source_key_arn: opened.key_arn,
            source_key_material_id: opened.key_material_id,
            made: seal(&key, destination.1, opened.plaintext.expose_secret())?,
        })
    }
}

fn seal(key: &Key, context: &KmsContext, plaintext: &[u8]) -> Result<Ciphertext, KmsError> {
    let material: Arc<Material> = key.current()?;
    let ciphertext = blob::seal(key.id, material.number, &material.secret, context, plaintext)
        .ok_or(KmsErrorCode::Internal)?;
    Ok(Ciphertext {
        key_arn: Arc::clone(&key.arn),
        ciphertext,
        key_material_id: Arc::clone(&material.id),
    })
}

fn check_len(member: &str, len: usize, most: usize) -> Result<(), KmsError> {
    let bound = match len {
        0 => "greater than or equal to 1".to_owned(),
        len if len > most => format!("less than or equal to {most}"),
        _ => return Ok(()),
    };
    // The value itself is not repeated: it may be a secret.
    Err(constraint(
        member,
        "...",
        &format!("Member must have length {bound}"),
    ))
}

fn not_ours() -> KmsError {
    KmsError::with_message(
        KmsErrorCode::AccessDenied,
        "The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you \
         are not allowed to access.",
    )
}
