//! The answers of all operations, as JSON has them.
use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Serialize, Serializer};

use crate::{
    Ciphertext, DataKeyPair, Decrypted, KeyMetadata, KeyState, Plaintext, ReEncrypted, engine::KeyList,
};

const SYMMETRIC: &str = "SYMMETRIC_DEFAULT";

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
    #[serde(skip_serializing_if = "Option::is_none")]
    key_metadata: Option<Metadata>,
    #[serde(skip_serializing_if = "Option::is_none")]
    keys: Option<Vec<ListedKey>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    truncated: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_marker: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deletion_date: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_state: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pending_window_in_days: Option<u32>,
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

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ListedKey {
    key_id: String,
    key_arn: Arc<str>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata {
    #[serde(rename = "AWSAccountId")]
    aws_account_id: Box<str>,
    key_id: Box<str>,
    arn: Arc<str>,
    creation_date: f64,
    enabled: bool,
    description: Box<str>,
    key_usage: &'static str,
    key_state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    deletion_date: Option<f64>,
    origin: &'static str,
    key_manager: &'static str,
    customer_master_key_spec: &'static str,
    key_spec: &'static str,
    encryption_algorithms: [&'static str; 1],
    multi_region: bool,
    current_key_material_id: Arc<str>,
}

impl Answer {
    /// An answer that tells a key's ARN and nothing else.
    pub(super) fn key(arn: Arc<str>) -> Self {
        Self {
            key_id: Some(arn),
            ..Self::default()
        }
    }

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

    pub(super) fn described(key: KeyMetadata, account: &str) -> Self {
        Self {
            key_metadata: Some(Metadata {
                aws_account_id: account.into(),
                key_id: key.key_id,
                arn: key.arn,
                creation_date: key.created.as_secs_f64(),
                enabled: key.state == KeyState::Enabled,
                description: key.description,
                key_usage: "ENCRYPT_DECRYPT",
                key_state: key.state.as_str(),
                deletion_date: key.deletion.map(|at| at.as_secs_f64()),
                origin: "AWS_KMS",
                key_manager: "CUSTOMER",
                customer_master_key_spec: SYMMETRIC,
                key_spec: SYMMETRIC,
                encryption_algorithms: [SYMMETRIC],
                multi_region: false,
                current_key_material_id: key.key_material_id,
            }),
            ..Self::default()
        }
    }

    pub(super) fn listed(list: KeyList) -> Self {
        let keys = list
            .keys
            .into_iter()
            .map(|(key_id, key_arn)| ListedKey { key_id, key_arn });
        Self {
            keys: Some(keys.collect()),
            truncated: Some(list.next.is_some()),
            next_marker: list.next,
            ..Self::default()
        }
    }

    pub(super) fn deletion_scheduled(key: KeyMetadata, days: u32) -> Self {
        Self {
            key_id: Some(key.arn),
            deletion_date: key.deletion.map(|at| at.as_secs_f64()),
            key_state: Some(key.state.as_str()),
            pending_window_in_days: Some(days),
            ..Self::default()
        }
    }
}
