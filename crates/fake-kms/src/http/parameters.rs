//! What each operation takes: the members that it must have, the one that names what it is about, and dry runs.
use super::request::Request;
use crate::KmsOperation as Op;

/// The required members that a request lacks, in the order of the service model.
pub(super) fn missing(operation: Op, request: &Request<'_>) -> Vec<&'static str> {
    let required = required(operation, request).into_iter();
    let lacking = required.filter(|(_, is_there)| !is_there);
    lacking.map(|(member, _)| member).collect()
}

/// With whether they are there.
fn required(operation: Op, request: &Request<'_>) -> Vec<(&'static str, bool)> {
    let key_id = ("keyId", request.key_id.is_some());
    let alias = ("aliasName", request.alias_name.is_some());
    let target = ("targetKeyId", request.target_key_id.is_some());
    let ciphertext = ("ciphertextBlob", request.has_ciphertext());
    let destination = ("destinationKeyId", request.destination_key_id.is_some());
    match operation {
        Op::GenerateRandom
        | Op::CreateKey
        | Op::ListKeys
        | Op::ListAliases
        | Op::ListRetirableGrants
        | Op::RetireGrant => vec![],
        Op::Decrypt if request.ignores_ciphertext() => vec![key_id],
        Op::Decrypt => vec![ciphertext],
        Op::ReEncrypt => vec![ciphertext, destination],
        Op::Encrypt => vec![key_id, ("plaintext", request.has_plaintext())],
        Op::CreateAlias | Op::UpdateAlias => vec![alias, target],
        Op::DeleteAlias => vec![alias],
        Op::ReplicateKey => vec![key_id, ("replicaRegion", request.replica_region.is_some())],
        Op::UpdatePrimaryRegion => vec![key_id, ("primaryRegion", request.primary_region.is_some())],
        Op::UpdateKeyDescription => vec![key_id, ("description", request.description.is_some())],
        Op::TagResource => vec![key_id, ("tags", request.has_tags())],
        Op::UntagResource => vec![key_id, ("tagKeys", request.tag_keys.is_some())],
        Op::PutKeyPolicy => vec![key_id, ("policy", request.policy.is_some())],
        Op::CreateGrant => vec![key_id, ("operations", request.has_operations())],
        Op::RevokeGrant => vec![key_id, ("grantId", request.grant_id.is_some())],
        Op::GenerateDataKey
        | Op::GenerateDataKeyWithoutPlaintext
        | Op::DescribeKey
        | Op::EnableKey
        | Op::DisableKey
        | Op::ScheduleKeyDeletion
        | Op::CancelKeyDeletion
        | Op::RotateKeyOnDemand
        | Op::EnableKeyRotation
        | Op::DisableKeyRotation
        | Op::GetKeyRotationStatus
        | Op::ListKeyRotations
        | Op::ListResourceTags
        | Op::GetKeyPolicy
        | Op::ListKeyPolicies
        | Op::ListGrants => vec![key_id],
    }
}

/// What a request is about, as it names it: for the ledger and for fault rules.
pub(super) fn subject<'a>(operation: Op, request: &'a Request<'_>) -> Option<&'a str> {
    let named = match operation {
        Op::ReEncrypt => &request.destination_key_id,
        Op::CreateAlias | Op::UpdateAlias => &request.target_key_id,
        Op::DeleteAlias => &request.alias_name,
        Op::GenerateRandom | Op::CreateKey | Op::ListKeys | Op::ListRetirableGrants => &None,
        Op::GenerateDataKey
        | Op::GenerateDataKeyWithoutPlaintext
        | Op::Encrypt
        | Op::Decrypt
        | Op::DescribeKey
        | Op::UpdateKeyDescription
        | Op::EnableKey
        | Op::DisableKey
        | Op::ScheduleKeyDeletion
        | Op::CancelKeyDeletion
        | Op::ListAliases
        | Op::RotateKeyOnDemand
        | Op::EnableKeyRotation
        | Op::DisableKeyRotation
        | Op::GetKeyRotationStatus
        | Op::ListKeyRotations
        | Op::ReplicateKey
        | Op::UpdatePrimaryRegion
        | Op::TagResource
        | Op::UntagResource
        | Op::ListResourceTags
        | Op::GetKeyPolicy
        | Op::PutKeyPolicy
        | Op::ListKeyPolicies
        | Op::CreateGrant
        | Op::ListGrants
        | Op::RetireGrant
        | Op::RevokeGrant => &request.key_id,
    };
    named.as_deref()
}

/// Whether an operation can be tried without being done.
pub(super) const fn has_dry_run(operation: Op) -> bool {
    match operation {
        Op::GenerateDataKey
        | Op::GenerateDataKeyWithoutPlaintext
        | Op::Encrypt
        | Op::Decrypt
        | Op::ReEncrypt
        | Op::CreateGrant
        | Op::RetireGrant
        | Op::RevokeGrant => true,
        Op::GenerateRandom
        | Op::CreateKey
        | Op::DescribeKey
        | Op::ListKeys
        | Op::UpdateKeyDescription
        | Op::EnableKey
        | Op::DisableKey
        | Op::ScheduleKeyDeletion
        | Op::CancelKeyDeletion
        | Op::CreateAlias
        | Op::UpdateAlias
        | Op::DeleteAlias
        | Op::ListAliases
        | Op::RotateKeyOnDemand
        | Op::EnableKeyRotation
        | Op::DisableKeyRotation
        | Op::GetKeyRotationStatus
        | Op::ListKeyRotations
        | Op::ReplicateKey
        | Op::UpdatePrimaryRegion
        | Op::TagResource
        | Op::UntagResource
        | Op::ListResourceTags
        | Op::GetKeyPolicy
        | Op::PutKeyPolicy
        | Op::ListKeyPolicies
        | Op::ListGrants
        | Op::ListRetirableGrants => false,
    }
}
