//! A grant: leave for a principal to do certain things with a key.
use std::time::Duration;

use crate::{KmsContext, KmsError, KmsErrorCode, error::constraint};

/// What grants of symmetric keys can be for.
const OPERATIONS: [&str; 9] = [
    "Decrypt",
    "Encrypt",
    "GenerateDataKey",
    "GenerateDataKeyWithoutPlaintext",
    "ReEncryptFrom",
    "ReEncryptTo",
    "CreateGrant",
    "RetireGrant",
    "DescribeKey",
];
/// What grants of other kinds of keys can be for.
const OTHER_OPERATIONS: [&str; 10] = [
    "Sign",
    "Verify",
    "GetPublicKey",
    "GenerateDataKeyPair",
    "GenerateDataKeyPairWithoutPlaintext",
    "GenerateMac",
    "VerifyMac",
    "DeriveSharedSecret",
    "Encapsulate",
    "Decapsulate",
];

/// What a grant says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GrantRequest {
    pub(crate) grantee: Box<str>,
    pub(crate) retiring: Option<Box<str>>,
    pub(crate) operations: Vec<String>,
    pub(crate) subset: Option<KmsContext>,
    pub(crate) equals: Option<KmsContext>,
    pub(crate) name: Option<Box<str>>,
}

/// A grant.
#[derive(Debug, Clone)]
pub(crate) struct Grant {
    pub(crate) id: Box<str>,
    pub(crate) created: Duration,
    pub(crate) issuer: Box<str>,
    pub(crate) terms: GrantRequest,
}

impl GrantRequest {
    pub(super) fn check(&self) -> Result<(), KmsError> {
        for principal in [Some(&self.grantee), self.retiring.as_ref()]
            .into_iter()
            .flatten()
        {
            // Services are principals too, under names such as `s3.amazonaws.com`.
            if !principal.starts_with("arn:") && !principal.ends_with(".amazonaws.com") {
                return Err(KmsError::with_message(
                    KmsErrorCode::InvalidArn,
                    format!("ARN does not refer to a valid principal: {principal}"),
                ));
            }
        }
        if self.operations.is_empty() {
            let rule = "Member must have length greater than or equal to 1";
            return Err(constraint("operations", "[]", rule));
        }
        for operation in &self.operations {
            if OTHER_OPERATIONS.contains(&operation.as_str()) {
                let message = format!("{operation} is not an operation of a symmetric encryption key.");
                return Err(KmsError::with_message(KmsErrorCode::Validation, message));
            }
            if !OPERATIONS.contains(&operation.as_str()) {
                let known = [OPERATIONS.as_slice(), &OTHER_OPERATIONS].concat().join(", ");
                let rule = format!(
                    "Member must satisfy constraint: [Member must satisfy enum value set: [{known}]]"
                );
                return Err(constraint("operations", &format!("[{operation}]"), &rule));
            }
        }
        Ok(())
    }

    /// Whether the constraints let a request through. They are for the operations that have an encryption context.
    pub(super) fn fit(&self, context: Option<&KmsContext>) -> bool {
        let Some(context) = context else { return true };
        let in_request = |pair: (&str, &str)| context.iter().any(|own| own == pair);
        self.equals.as_ref().is_none_or(|equals| equals == context)
            && self
                .subset
                .as_ref()
                .is_none_or(|subset| subset.iter().all(in_request))
    }
}

pub(super) fn is_grant_id(id: &str) -> bool {
    id.len() == 64 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
