//! The answers of the cryptographic operations, as JSON has them.
use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Serialize, Serializer};

use crate::{Ciphertext, DataKeyPair, Decrypted, Plaintext, ReEncrypted};

pub(super) const SYMMETRIC: &str = "SYMMETRIC_DEFAULT";

/// What goes into the body of an answer.
pub(super) enum Reply {
    /// Nothing at all.
    Empty,
    Cryptographic(Box<Answer>),
    Other(serde_json::Value),
}

/// Members have the same name and shape in every operation that has them, so that one struct writes them all.
#[derive(Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Answer {
    #[serde(skip_serializing_if = "Option::is_none")]
    key_id: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    plaintext: Option<Blob<Plaintext>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ciphertext_blob: Option<Blob<Vec<u8>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_material_id: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    encryption_algorithm: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_key_id: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_encryption_algorithm: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_key_material_id: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    destination_encryption_algorithm: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    destination_key_material_id: Option<Arc<str>>,
}

struct Blob<T>(T);

impl Serialize for Blob<Vec<u8>> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl Serialize for Blob<Plaintext> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&zeroize::Zeroizing::new(STANDARD.encode(self.0.expose_secret())))
    }
}

impl Answer {
    pub(super) fn encrypted(made: Ciphertext) -> Self {
        Self {
            key_id: Some(made.key_arn),
            ciphertext_blob: Some(Blob(made.ciphertext)),
            encryption_algorithm: Some(SYMMETRIC),
            ..Self::default()
        }
    }

    pub(super) fn wrapped_data_key(made: Ciphertext) -> Self {
        Self {
            key_id: Some(made.key_arn),
            ciphertext_blob: Some(Blob(made.ciphertext)),
            key_material_id: Some(made.key_material_id),
            ..Self::default()
        }
    }

    pub(super) fn data_key(made: DataKeyPair) -> Self {
        Self {
            key_id: Some(made.key_arn),
            plaintext: Some(Blob(made.plaintext)),
            ciphertext_blob: Some(Blob(made.ciphertext)),
            key_material_id: Some(made.key_material_id),
            ..Self::default()
        }
    }

    pub(super) fn decrypted(opened: Decrypted) -> Self {
        Self {
            key_id: Some(opened.key_arn),
            plaintext: Some(Blob(opened.plaintext)),
            key_material_id: Some(opened.key_material_id),
            encryption_algorithm: Some(SYMMETRIC),
            ..Self::default()
        }
    }

    pub(super) fn re_encrypted(moved: ReEncrypted) -> Self {
        Self {
            key_id: Some(moved.made.key_arn),
            ciphertext_blob: Some(Blob(moved.made.ciphertext)),
            source_key_id: Some(moved.source_key_arn),
            source_encryption_algorithm: Some(SYMMETRIC),
            source_key_material_id: Some(moved.source_key_material_id),
            destination_encryption_algorithm: Some(SYMMETRIC),
            destination_key_material_id: Some(moved.made.key_material_id),
            ..Self::default()
        }
    }

    pub(super) fn random(plaintext: Plaintext) -> Self {
        Self {
            plaintext: Some(Blob(plaintext)),
            ..Self::default()
        }
    }
}
