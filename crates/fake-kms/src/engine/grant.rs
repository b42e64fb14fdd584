//! A grant: leave for a principal to do certain things with a key.
use std::time::Duration;

use crate::{KmsContext, KmsError, KmsErrorCode, access::Action, error::constraint};

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
pub(crate) struct Terms<O = Action> {
    pub(crate) grantee: Box<str>,
    pub(crate) retiring: Option<Box<str>>,
    pub(crate) operations: Vec<O>,
    pub(crate) subset: Option<KmsContext>,
    pub(crate) equals: Option<KmsContext>,
    pub(crate) name: Option<Box<str>>,
}

/// What a grant is to say, as a request has it.
pub(crate) type GrantRequest = Terms<String>;

/// A grant.
#[derive(Debug, Clone)]
pub(crate) struct Grant {
    pub(crate) id: Box<str>,
    pub(crate) created: Duration,
    pub(crate) issuer: Box<str>,
    pub(crate) terms: Terms,
}

impl GrantRequest {
    pub(super) fn check(self) -> Result<Terms, KmsError> {
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
        let operations = self.operations.iter().map(|name| operation(name));
        Ok(Terms {
            operations: operations.collect::<Result<_, _>>()?,
            grantee: self.grantee,
            retiring: self.retiring,
            subset: self.subset,
            equals: self.equals,
            name: self.name,
        })
    }
}

fn operation(name: &str) -> Result<Action, KmsError> {
    if OTHER_OPERATIONS.contains(&name) {
        let message = format!("{name} is not an operation of a symmetric encryption key.");
        return Err(KmsError::with_message(KmsErrorCode::Validation, message));
    }
    let found = Action::from_name(name).filter(|action| action.can_be_granted());
    found.ok_or_else(|| {
        let granted = Action::ALL.iter().filter(|action| action.can_be_granted());
        let known: Vec<&str> = granted
            .map(|action| action.as_str())
            .chain(OTHER_OPERATIONS)
            .collect();
        let rule = format!(
            "Member must satisfy constraint: [Member must satisfy enum value set: [{}]]",
            known.join(", ")
        );
        constraint("operations", &format!("[{name}]"), &rule)
    })
}

impl Terms {
    pub(super) fn allow(&self, action: Action) -> bool {
        self.operations.contains(&action)
    }

    /// Whether another grant gives no more than this one: no other operations, and constraints that are as strict.
    pub(super) fn cover(&self, other: &Self) -> bool {
        let told = |pair: (&str, &str)| {
            let mut contexts = [&other.subset, &other.equals].into_iter().flatten();
            contexts.any(|context| context.iter().any(|own| own == pair))
        };
        other.operations.iter().all(|action| self.allow(*action))
            && self
                .equals
                .as_ref()
                .is_none_or(|equals| other.equals.as_ref() == Some(equals))
            && self.subset.as_ref().is_none_or(|subset| subset.iter().all(told))
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
