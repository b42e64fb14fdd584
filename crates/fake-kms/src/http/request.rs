//! The parameters of all operations, as JSON has them.
use std::{borrow::Cow, collections::BTreeMap};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Deserializer, de::Error as _};

use crate::{KmsContext, KmsError, KmsErrorCode, engine::constraint};

const MAX_GRANT_TOKENS: usize = 10;

/// Parameters have the same name and shape in every operation that has them, so that one struct reads them all.
/// Unknown ones are skipped, as clients are newer than the fake.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Request<'a> {
    #[serde(borrow)]
    pub(super) key_id: Option<Cow<'a, str>>,
    encryption_context: Option<BTreeMap<String, String>>,
    pub(super) key_spec: Option<Cow<'a, str>>,
    pub(super) number_of_bytes: Option<i64>,
    plaintext: Option<Blob>,
    ciphertext_blob: Option<Blob>,
    encryption_algorithm: Option<Cow<'a, str>>,
    pub(super) source_key_id: Option<Cow<'a, str>>,
    source_encryption_context: Option<BTreeMap<String, String>>,
    source_encryption_algorithm: Option<Cow<'a, str>>,
    pub(super) destination_key_id: Option<Cow<'a, str>>,
    destination_encryption_context: Option<BTreeMap<String, String>>,
    destination_encryption_algorithm: Option<Cow<'a, str>>,
    grant_tokens: Option<Vec<Cow<'a, str>>>,
    pub(super) dry_run: Option<bool>,
    pub(super) alias_name: Option<Cow<'a, str>>,
    pub(super) target_key_id: Option<Cow<'a, str>>,
    pub(super) pending_window_in_days: Option<i64>,
    pub(super) limit: Option<i64>,
    pub(super) marker: Option<Cow<'a, str>>,
    pub(super) description: Option<Cow<'a, str>>,
    pub(super) key_usage: Option<Cow<'a, str>>,
    pub(super) customer_master_key_spec: Option<Cow<'a, str>>,
    pub(super) origin: Option<Cow<'a, str>>,
    pub(super) multi_region: Option<bool>,
}

/// Bytes that stand in JSON as base64.
struct Blob(Vec<u8>);

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        // The decoder's own error would repeat a part of the value.
        let decoded = STANDARD.decode(text.as_bytes());
        decoded
            .map(Self)
            .map_err(|_names_bytes| D::Error::custom("a blob is not base64"))
    }
}

/// Which of an operation's encryption contexts.
#[derive(Debug, Clone, Copy)]
pub(super) enum Side {
    Only,
    Source,
    Destination,
}

impl<'a> Request<'a> {
    pub(super) fn parse(body: &'a [u8]) -> Result<Self, KmsError> {
        if body.is_empty() {
            return Ok(Self::default());
        }
        serde_json::from_slice(body).map_err(|_may_repeat_values| {
            KmsError::with_message(
                KmsErrorCode::Serialization,
                "The body is not the JSON of this operation.",
            )
        })
    }

    pub(super) fn context(&self, side: Side) -> Result<KmsContext, KmsError> {
        let pairs = match side {
            Side::Only => &self.encryption_context,
            Side::Source => &self.source_encryption_context,
            Side::Destination => &self.destination_encryption_context,
        };
        match pairs {
            Some(pairs) => KmsContext::new(pairs),
            None => Ok(KmsContext::default()),
        }
    }

    pub(super) fn plaintext(&self) -> Result<&[u8], KmsError> {
        required("plaintext", self.plaintext.as_ref()).map(|blob| blob.0.as_slice())
    }

    pub(super) fn ciphertext(&self) -> Result<&[u8], KmsError> {
        required("ciphertextBlob", self.ciphertext_blob.as_ref()).map(|blob| blob.0.as_slice())
    }

    /// The length of the data key that is asked for: by its kind or in bytes, not both.
    pub(super) fn data_key_len(&self) -> Result<usize, KmsError> {
        match (self.key_spec.as_deref(), self.number_of_bytes) {
            (Some("AES_256"), None) => Ok(32),
            (Some("AES_128"), None) => Ok(16),
            (Some(other), None) => Err(not_one_of("keySpec", other, "AES_256, AES_128")),
            (None, Some(_)) => self.random_len(),
            (None, None) | (Some(_), Some(_)) => Err(KmsError::with_message(
                KmsErrorCode::Validation,
                "Please specify either number of bytes or key spec.",
            )),
        }
    }

    pub(super) fn random_len(&self) -> Result<usize, KmsError> {
        // A negative number is out of range as zero is.
        Ok(usize::try_from(self.number_of_bytes.unwrap_or(0)).unwrap_or(0))
    }

    /// What applies to every operation that has these parameters.
    pub(super) fn check(&self) -> Result<(), KmsError> {
        for algorithm in [
            &self.encryption_algorithm,
            &self.source_encryption_algorithm,
            &self.destination_encryption_algorithm,
        ] {
            match algorithm.as_deref() {
                None | Some("SYMMETRIC_DEFAULT") => {}
                Some(known @ ("RSAES_OAEP_SHA_1" | "RSAES_OAEP_SHA_256" | "SM2PKE")) => {
                    return Err(KmsError::with_message(
                        KmsErrorCode::InvalidKeyUsage,
                        format!("Algorithm {known} is incompatible with key spec SYMMETRIC_DEFAULT."),
                    ));
                }
                Some(other) => {
                    let known = "SYMMETRIC_DEFAULT, RSAES_OAEP_SHA_1, RSAES_OAEP_SHA_256, SM2PKE";
                    return Err(not_one_of("encryptionAlgorithm", other, known));
                }
            }
        }
        if self
            .grant_tokens
            .as_ref()
            .is_some_and(|tokens| tokens.len() > MAX_GRANT_TOKENS)
        {
            let rule = format!("Member must have length less than or equal to {MAX_GRANT_TOKENS}");
            return Err(constraint("grantTokens", "[...]", &rule));
        }
        Ok(())
    }
}

pub(super) fn required<T>(member: &str, value: Option<T>) -> Result<T, KmsError> {
    value.ok_or_else(|| {
        KmsError::with_message(
            KmsErrorCode::Validation,
            format!(
                "1 validation error detected: Value null at '{member}' failed to satisfy constraint: \
                 Member must not be null"
            ),
        )
    })
}

fn not_one_of(member: &str, value: &str, known: &str) -> KmsError {
    let shown: String = value.chars().take(64).collect();
    constraint(
        member,
        &shown,
        &format!("Member must satisfy enum value set: [{known}]"),
    )
}
