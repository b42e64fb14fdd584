//! The parameters of all operations, as JSON has them.
use std::{borrow::Cow, collections::BTreeMap};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{
    Deserialize, Deserializer,
    de::{Error as _, IgnoredAny},
};

use crate::{
    KmsContext, KmsError, KmsErrorCode, NewKey,
    engine::{GrantRequest, Paging},
};

/// Parameters have the same name and shape in every operation that has them, so that one struct reads them all.
/// Unknown ones are skipped, as clients are newer than the fake.
/// The only dry run modifier that there is.
const IGNORE_CIPHERTEXT: &str = "IGNORE_CIPHERTEXT";

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
    grant_tokens: Option<Vec<String>>,
    dry_run: Option<bool>,
    dry_run_modifiers: Option<Vec<Cow<'a, str>>>,
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
    pub(super) custom_key_store_id: Option<Cow<'a, str>>,
    recipient: Option<IgnoredAny>,
    pub(super) policy: Option<Cow<'a, str>>,
    pub(super) policy_name: Option<Cow<'a, str>>,
    pub(super) bypass_policy_lockout_safety_check: Option<bool>,
    tags: Option<Vec<Tag>>,
    pub(super) tag_keys: Option<Vec<String>>,
    pub(super) rotation_period_in_days: Option<i64>,
    pub(super) include_key_material: Option<Cow<'a, str>>,
    pub(super) replica_region: Option<Cow<'a, str>>,
    pub(super) primary_region: Option<Cow<'a, str>>,
    pub(super) grantee_principal: Option<Cow<'a, str>>,
    grantee_service_principal: Option<Cow<'a, str>>,
    pub(super) retiring_principal: Option<Cow<'a, str>>,
    retiring_service_principal: Option<Cow<'a, str>>,
    operations: Option<Vec<String>>,
    constraints: Option<Constraints>,
    name: Option<Cow<'a, str>>,
    pub(super) grant_id: Option<Cow<'a, str>>,
    pub(super) grant_token: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Tag {
    tag_key: String,
    tag_value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Constraints {
    encryption_context_subset: Option<BTreeMap<String, String>>,
    encryption_context_equals: Option<BTreeMap<String, String>>,
    source_arn: Option<IgnoredAny>,
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
        let refused = || {
            let message = "The body is not the JSON of this operation.";
            KmsError::with_message(KmsErrorCode::Serialization, message)
        };
        // A list of values in the order of the members would be read as well.
        if !body.trim_ascii_start().starts_with(b"{") {
            return Err(refused());
        }
        serde_json::from_slice(body).map_err(|_may_repeat_values| refused())
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

    pub(super) fn plaintext(&self) -> &[u8] {
        self.plaintext
            .as_ref()
            .map(|blob| blob.0.as_slice())
            .unwrap_or_default()
    }

    pub(super) fn ciphertext(&self) -> &[u8] {
        self.ciphertext_blob
            .as_ref()
            .map(|blob| blob.0.as_slice())
            .unwrap_or_default()
    }

    pub(super) fn has_plaintext(&self) -> bool {
        self.plaintext.is_some()
    }

    pub(super) fn has_ciphertext(&self) -> bool {
        self.ciphertext_blob.is_some()
    }

    pub(super) fn has_tags(&self) -> bool {
        self.tags.is_some()
    }

    pub(super) fn has_operations(&self) -> bool {
        self.operations.is_some()
    }

    /// Nitro enclaves are not emulated: an answer in the clear must not come instead of one for an enclave.
    pub(super) fn is_for_enclave(&self) -> bool {
        self.recipient.is_some()
    }

    pub(super) fn grant_tokens(&self) -> &[String] {
        self.grant_tokens.as_deref().unwrap_or_default()
    }

    /// The encryption algorithms, under the names of their members.
    pub(super) fn algorithms(&self) -> impl Iterator<Item = (&'static str, &str)> {
        [
            ("encryptionAlgorithm", &self.encryption_algorithm),
            ("sourceEncryptionAlgorithm", &self.source_encryption_algorithm),
            (
                "destinationEncryptionAlgorithm",
                &self.destination_encryption_algorithm,
            ),
        ]
        .into_iter()
        .filter_map(|(member, algorithm)| Some((member, algorithm.as_deref()?)))
    }

    pub(super) fn paging(&self) -> Paging<'_> {
        Paging {
            limit: self.limit,
            marker: self.marker.as_deref(),
        }
    }

    pub(super) fn tags(&self) -> Vec<(String, String)> {
        let tags = self.tags.iter().flatten();
        tags.map(|tag| (tag.tag_key.clone(), tag.tag_value.clone()))
            .collect()
    }

    pub(super) fn is_dry_run(&self) -> bool {
        self.dry_run == Some(true)
    }

    /// Whether only permissions are asked about, and no ciphertext has to be given.
    pub(super) fn ignores_ciphertext(&self) -> bool {
        let mut modifiers = self.dry_run_modifiers.iter().flatten();
        self.is_dry_run() && modifiers.any(|modifier| modifier == IGNORE_CIPHERTEXT)
    }

    /// A dry run modifier that there is not.
    pub(super) fn unknown_modifier(&self) -> Option<&str> {
        let mut modifiers = self.dry_run_modifiers.iter().flatten();
        modifiers
            .find(|modifier| *modifier != IGNORE_CIPHERTEXT)
            .map(AsRef::as_ref)
    }

    pub(super) fn new_key(&self) -> NewKey {
        NewKey {
            description: self.description.as_deref().unwrap_or_default().to_owned(),
            multi_region: self.multi_region == Some(true),
            tags: self.tags(),
            policy: self.policy.as_deref().map(str::to_owned),
            bypass_lockout_check: self.bypass_policy_lockout_safety_check,
        }
    }

    /// What a grant is to say.
    pub(super) fn grant(&self) -> Result<GrantRequest, KmsError> {
        let text = |member: &Option<Cow<'_, str>>| member.as_deref().map(Box::<str>::from);
        let grantee = text(&self.grantee_principal).or_else(|| text(&self.grantee_service_principal));
        let missing = "One of GranteePrincipal and GranteeServicePrincipal is required.";
        let limits = self.constraints.as_ref();
        if limits.is_some_and(|limits| limits.source_arn.is_some()) {
            return Err(KmsError::with_message(
                KmsErrorCode::UnsupportedOperation,
                "This emulator does not evaluate the grant constraint SourceArn.",
            ));
        }
        let pairs = |pairs: Option<&BTreeMap<String, String>>| pairs.map(KmsContext::new).transpose();
        Ok(GrantRequest {
            grantee: grantee.ok_or_else(|| KmsError::with_message(KmsErrorCode::Validation, missing))?,
            retiring: text(&self.retiring_principal).or_else(|| text(&self.retiring_service_principal)),
            operations: self.operations.clone().unwrap_or_default(),
            subset: pairs(limits.and_then(|limits| limits.encryption_context_subset.as_ref()))?,
            equals: pairs(limits.and_then(|limits| limits.encryption_context_equals.as_ref()))?,
            name: text(&self.name),
        })
    }
}
