//! What the front end of KMS refuses before it looks at keys.
use std::borrow::Cow;

use super::{parameters::missing, request::Request};
use crate::{KmsError, KmsErrorCode, KmsOperation as Op, error::constraint};

const MAX_GRANT_TOKENS: usize = 10;
const MAX_GRANT_TOKEN_LEN: usize = 8192;
const ALGORITHMS: &str = "SYMMETRIC_DEFAULT, RSAES_OAEP_SHA_1, RSAES_OAEP_SHA_256, SM2PKE";
const KEY_SPECS: [&str; 20] = [
    "SYMMETRIC_DEFAULT",
    "RSA_2048",
    "RSA_3072",
    "RSA_4096",
    "ECC_NIST_P256",
    "ECC_NIST_P384",
    "ECC_NIST_P521",
    "ECC_SECG_P256K1",
    "ECC_NIST_EDWARDS25519",
    "HMAC_224",
    "HMAC_256",
    "HMAC_384",
    "HMAC_512",
    "SM2",
    "ML_DSA_44",
    "ML_DSA_65",
    "ML_DSA_87",
    "ML_KEM_512",
    "ML_KEM_768",
    "ML_KEM_1024",
];
const KEY_USAGES: [&str; 5] = [
    "ENCRYPT_DECRYPT",
    "SIGN_VERIFY",
    "GENERATE_VERIFY_MAC",
    "KEY_AGREEMENT",
    "ENCAPSULATE_DECAPSULATE",
];
const ORIGINS: [&str; 4] = ["AWS_KMS", "EXTERNAL", "AWS_CLOUDHSM", "EXTERNAL_KEY_STORE"];

/// Checks what can be checked of a request by itself.
pub(super) fn check(operation: Op, request: &Request<'_>) -> Result<(), KmsError> {
    let missing = missing(operation, request);
    if !missing.is_empty() {
        return Err(all_null(&missing));
    }
    for (member, algorithm) in request.algorithms() {
        check_algorithm(member, algorithm)?;
    }
    check_grant_tokens(request.grant_tokens())?;
    if let Some(unknown) = request.unknown_modifier() {
        return Err(not_one_of("dryRunModifiers", unknown, "IGNORE_CIPHERTEXT"));
    }
    match operation {
        Op::CreateKey => check_kind(request),
        Op::GenerateDataKey | Op::Decrypt | Op::GenerateRandom => check_place(request),
        Op::GetKeyPolicy | Op::PutKeyPolicy => check_policy_name(request),
        Op::GenerateDataKeyWithoutPlaintext
        | Op::Encrypt
        | Op::ReEncrypt
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
        | Op::ListKeyPolicies
        | Op::CreateGrant
        | Op::ListGrants
        | Op::ListRetirableGrants
        | Op::RetireGrant
        | Op::RevokeGrant => Ok(()),
    }
}

fn all_null(members: &[&str]) -> KmsError {
    let violations: Vec<String> = members
        .iter()
        .map(|member| {
            format!("Value null at '{member}' failed to satisfy constraint: Member must not be null")
        })
        .collect();
    let plural = if members.len() == 1 { "" } else { "s" };
    KmsError::with_message(
        KmsErrorCode::Validation,
        format!(
            "{} validation error{plural} detected: {}",
            members.len(),
            violations.join("; ")
        ),
    )
}

fn check_algorithm(member: &str, algorithm: &str) -> Result<(), KmsError> {
    match algorithm {
        "SYMMETRIC_DEFAULT" => Ok(()),
        "RSAES_OAEP_SHA_1" | "RSAES_OAEP_SHA_256" | "SM2PKE" => Err(KmsError::with_message(
            KmsErrorCode::InvalidKeyUsage,
            format!("Algorithm {algorithm} is incompatible with key spec SYMMETRIC_DEFAULT."),
        )),
        other => Err(not_one_of(member, other, ALGORITHMS)),
    }
}

fn check_grant_tokens(tokens: &[String]) -> Result<(), KmsError> {
    if tokens.len() > MAX_GRANT_TOKENS {
        let rule = format!("Member must have length less than or equal to {MAX_GRANT_TOKENS}");
        return Err(constraint("grantTokens", "[...]", &rule));
    }
    if tokens
        .iter()
        .any(|token| token.is_empty() || token.len() > MAX_GRANT_TOKEN_LEN)
    {
        let rule = "Member must satisfy constraint: [Member must have length less than or equal to 8192, Member must \
                    have length greater than or equal to 1]";
        return Err(constraint("grantTokens", "[...]", rule));
    }
    Ok(())
}

/// The fake has symmetric keys with material of its own.
fn check_kind(request: &Request<'_>) -> Result<(), KmsError> {
    let known = |member: &str, value: &Option<Cow<'_, str>>, all: &[&str]| match value.as_deref() {
        Some(value) if !all.contains(&value) => Err(not_one_of(member, value, &all.join(", "))),
        _ => Ok(()),
    };
    known("keyUsage", &request.key_usage, &KEY_USAGES)?;
    known("keySpec", &request.key_spec, &KEY_SPECS)?;
    known(
        "customerMasterKeySpec",
        &request.customer_master_key_spec,
        &KEY_SPECS,
    )?;
    known("origin", &request.origin, &ORIGINS)?;
    let spec = match (
        request.key_spec.as_deref(),
        request.customer_master_key_spec.as_deref(),
    ) {
        (Some(_), Some(_)) => {
            return Err(invalid(
                "You cannot specify KeySpec and CustomerMasterKeySpec in the same request. CustomerMasterKeySpec is \
                 deprecated.",
            ));
        }
        (spec, None) | (None, spec) => spec.unwrap_or("SYMMETRIC_DEFAULT"),
    };
    match (spec, request.key_usage.as_deref()) {
        ("SYMMETRIC_DEFAULT", None | Some("ENCRYPT_DECRYPT")) => {}
        ("SYMMETRIC_DEFAULT", Some(usage)) => {
            return Err(invalid(&format!(
                "KeyUsage {usage} is not compatible with KeySpec SYMMETRIC_DEFAULT"
            )));
        }
        (_, None) => {
            return Err(invalid(
                "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.",
            ));
        }
        _ => return Err(unsupported("This emulator makes symmetric encryption keys only.")),
    }
    if request.custom_key_store_id.is_some()
        || request
            .origin
            .as_deref()
            .is_some_and(|origin| origin != "AWS_KMS")
    {
        return Err(unsupported(
            "This emulator makes keys with key material of its own only.",
        ));
    }
    Ok(())
}

/// An answer in the clear must not come instead of one for an enclave.
fn check_place(request: &Request<'_>) -> Result<(), KmsError> {
    if request.is_for_enclave() || request.custom_key_store_id.is_some() {
        return Err(unsupported(
            "This emulator has no enclaves and no custom key stores.",
        ));
    }
    Ok(())
}

fn check_policy_name(request: &Request<'_>) -> Result<(), KmsError> {
    match request.policy_name.as_deref() {
        None | Some(crate::engine::POLICY_NAME) => Ok(()),
        Some(_) => Err(KmsError::with_message(
            KmsErrorCode::NotFound,
            "No such policy exists",
        )),
    }
}

/// The length of the data key that is asked for: by its kind or in bytes, not both.
pub(super) fn data_key_len(request: &Request<'_>) -> Result<usize, KmsError> {
    match (request.key_spec.as_deref(), request.number_of_bytes) {
        (Some("AES_256"), None) => Ok(32),
        (Some("AES_128"), None) => Ok(16),
        (Some("AES_256" | "AES_128"), Some(_)) | (None, None) => {
            Err(invalid("Please specify either number of bytes or key spec."))
        }
        (Some(other), _) => Err(not_one_of("keySpec", other, "AES_256, AES_128")),
        (None, Some(number)) => byte_count(number),
    }
}

/// The length of random bytes.
pub(super) fn random_len(request: &Request<'_>) -> Result<usize, KmsError> {
    byte_count(
        request
            .number_of_bytes
            .ok_or_else(|| invalid("NumberOfBytes is required."))?,
    )
}

/// The upper bound is the engine's.
fn byte_count(number: i64) -> Result<usize, KmsError> {
    usize::try_from(number).map_err(|_negative| {
        let rule = "Member must have value greater than or equal to 1";
        constraint("numberOfBytes", &number.to_string(), rule)
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

fn invalid(message: &str) -> KmsError {
    KmsError::with_message(KmsErrorCode::Validation, message)
}

fn unsupported(message: &str) -> KmsError {
    KmsError::with_message(KmsErrorCode::UnsupportedOperation, message)
}
