//! Policies as documents.
use std::collections::BTreeMap;

use serde::Deserialize;
use thiserror::Error;

use super::{
    action::Action,
    condition::{Bearer, Condition},
    pattern::fits,
};
use crate::lacking;

/// What KMS asks a caller's leave for beside its operations.
const PERMISSIONS: [&str; 1] = ["SynchronizeMultiRegionKey"];

/// The longest key policy, in bytes: the KMS resource quota.
const MAX_LEN: usize = 32_768;

/// Why a policy cannot be read.
///
/// ```
/// use datakey_fake_kms::{FakeKms, KmsErrorCode};
///
/// let fake = FakeKms::new();
/// let key = fake.create_key()?;
/// let refused = fake.put_key_policy(&key, "{}").unwrap_err();
/// assert_eq!(refused.code(), KmsErrorCode::MalformedPolicy); // as KMS says it
/// # Ok::<(), datakey_fake_kms::KmsError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// Longer than a policy may be, in bytes.
    #[error("a policy has {MAX_LEN} bytes at most, not {0}")]
    TooLong(usize),
    /// Not JSON, or not the JSON of a policy.
    #[error("the policy is not JSON of a policy: {0}")]
    Json(Box<str>),
    /// A statement that means nothing.
    #[error("statement {statement} of the policy {what}")]
    Statement {
        /// Which one, counted from 1.
        statement: usize,
        /// What is wrong with it.
        what: Box<str>,
    },
}

/// A policy, with the text that it was read from.
#[derive(Debug, Clone)]
pub(crate) struct Policy {
    text: Box<str>,
    pub(super) statements: Vec<Statement>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) enum Effect {
    Allow,
    Deny,
}

#[derive(Debug, Clone)]
pub(super) struct Statement {
    pub(super) effect: Effect,
    pub(super) principals: Selection,
    pub(super) actions: Selection,
    pub(super) resources: Selection,
    pub(super) conditions: Vec<Condition>,
}

/// What is in a list, or what is not.
#[derive(Debug, Clone)]
pub(super) enum Selection {
    These(Vec<String>),
    AllBut(Vec<String>),
}

impl Selection {
    fn list(&self) -> &[String] {
        match self {
            Self::These(list) | Self::AllBut(list) => list,
        }
    }

    pub(super) fn has(&self, fits: impl Fn(&str) -> bool) -> bool {
        match self {
            Self::These(list) => list.iter().any(|item| fits(item)),
            Self::AllBut(list) => !list.iter().any(|item| fits(item)),
        }
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum OneOrMany<T> {
    One(T),
    Many(Vec<T>),
}

impl<T> OneOrMany<T> {
    fn into_vec(self) -> Vec<T> {
        match self {
            Self::One(one) => vec![one],
            Self::Many(many) => many,
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct RawDocument {
    #[serde(rename = "Version")]
    _version: Option<String>,
    #[serde(rename = "Id")]
    _id: Option<String>,
    statement: OneOrMany<RawStatement>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct RawStatement {
    #[serde(rename = "Sid")]
    _sid: Option<String>,
    effect: Effect,
    principal: Option<RawPrincipal>,
    not_principal: Option<RawPrincipal>,
    action: Option<OneOrMany<String>>,
    not_action: Option<OneOrMany<String>>,
    resource: Option<OneOrMany<String>>,
    not_resource: Option<OneOrMany<String>>,
    #[serde(default)]
    condition: BTreeMap<String, BTreeMap<String, OneOrMany<Scalar>>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RawPrincipal {
    Everyone(String),
    Named(BTreeMap<String, OneOrMany<String>>),
}

/// Policies have booleans and numbers with and without quotes.
#[derive(Deserialize)]
#[serde(untagged)]
enum Scalar {
    Text(String),
    Truth(bool),
    Number(serde_json::Number),
}

impl Scalar {
    fn into_text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Truth(truth) => truth.to_string(),
            Self::Number(number) => number.to_string(),
        }
    }
}

impl Policy {
    /// The policy of a key that was made without one: it leaves everything to the account.
    pub(crate) fn usual(partition: &str, account: &str) -> Self {
        let root = format!("arn:{partition}:iam::{account}:root");
        let text = format!(
            r#"{{
  "Version" : "2012-10-17",
  "Id" : "key-default-1",
  "Statement" : [ {{
    "Sid" : "Enable IAM User Permissions",
    "Effect" : "Allow",
    "Principal" : {{
      "AWS" : "{root}"
    }},
    "Action" : "kms:*",
    "Resource" : "*"
  }} ]
}}"#
        );
        let everything = || Selection::These(vec!["*".to_owned()]);
        let statement = Statement {
            effect: Effect::Allow,
            principals: Selection::These(vec![root]),
            actions: Selection::These(vec!["kms:*".to_owned()]),
            resources: everything(),
            conditions: Vec::new(),
        };
        Self {
            text: text.into(),
            statements: vec![statement],
        }
    }

    /// Reads a key policy.
    pub(crate) fn of_key(json: &str) -> Result<Self, PolicyError> {
        Self::parse(json, Bearer::Key)
    }

    pub(super) fn parse(json: &str, bearer: Bearer) -> Result<Self, PolicyError> {
        if json.len() > MAX_LEN {
            return Err(PolicyError::TooLong(json.len()));
        }
        let raw: RawDocument =
            serde_json::from_str(json).map_err(|error| PolicyError::Json(error.to_string().into()))?;
        let statements = raw.statement.into_vec().into_iter().enumerate();
        let read = statements.map(|(index, raw)| {
            raw.read(bearer).map_err(|what| PolicyError::Statement {
                statement: index.saturating_add(1),
                what: what.into(),
            })
        });
        Ok(Self {
            text: json.into(),
            statements: read.collect::<Result<_, _>>()?,
        })
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}

impl RawStatement {
    fn read(self, bearer: Bearer) -> Result<Statement, String> {
        let named = |raw: Option<RawPrincipal>| raw.map(RawPrincipal::read).transpose();
        let principals = either("Principal", named(self.principal)?, named(self.not_principal)?);
        let principals = match (bearer, principals) {
            (Bearer::Key, principals) => principals?,
            (Bearer::Principal, Ok(_)) => {
                return Err("has a Principal, which only a key policy has".to_owned());
            }
            (Bearer::Principal, Err(_)) => Selection::AllBut(Vec::new()),
        };
        if self.effect == Effect::Allow
            && matches!(principals, Selection::AllBut(ref list) if !list.is_empty())
        {
            return Err("allows all but some principals, which lets in whoever comes".to_owned());
        }
        let listed = |raw: Option<OneOrMany<String>>| raw.map(OneOrMany::into_vec);
        let conditions = self.condition.into_iter().flat_map(|(operator, keys)| {
            keys.into_iter().map(move |(key, values)| {
                let values = values.into_vec().into_iter().map(Scalar::into_text);
                let values: Vec<String> = values.collect();
                values.iter().try_for_each(|value| check_text(value))?;
                Condition::new(&operator, &key, values, bearer)
            })
        });
        let actions = either("Action", listed(self.action), listed(self.not_action))?;
        actions.list().iter().try_for_each(|item| check_action(item))?;
        let resources = either("Resource", listed(self.resource), listed(self.not_resource))?;
        resources.list().iter().try_for_each(|item| check_text(item))?;
        Ok(Statement {
            effect: self.effect,
            principals,
            actions,
            resources,
            conditions: conditions.collect::<Result<_, _>>()?,
        })
    }
}

/// An action that KMS does not have allows and denies nothing: most likely it is another one, written wrongly.
fn check_action(item: &str) -> Result<(), String> {
    let is_kms = |start: &str| start.eq_ignore_ascii_case("kms");
    let Some((_, name)) = item.split_once(':').filter(|(service, _)| is_kms(service)) else {
        return Ok(());
    };
    let name = name.to_ascii_lowercase();
    let had = Action::ALL.iter().map(|action| action.as_str());
    let mut known = had.chain(lacking::names()).chain(PERMISSIONS);
    if known.any(|own| fits(&name, &own.to_ascii_lowercase())) {
        Ok(())
    } else {
        Err(format!("has the action {item:?}, which KMS does not have"))
    }
}

/// Variables stand for what a request has; taken as they are, they would fit nothing.
fn check_text(text: &str) -> Result<(), String> {
    if text.contains("${") {
        return Err(format!(
            "has the policy variable in {text:?}, which this emulator does not evaluate"
        ));
    }
    Ok(())
}

fn either(what: &str, these: Option<Vec<String>>, all_but: Option<Vec<String>>) -> Result<Selection, String> {
    match (these, all_but) {
        (Some(list), None) if !list.is_empty() => Ok(Selection::These(list)),
        (None, Some(list)) if !list.is_empty() => Ok(Selection::AllBut(list)),
        (None, None) => Err(format!("has no {what}")),
        _ => Err(format!(
            "must have one of {what} and Not{what}, and it must not be empty"
        )),
    }
}

impl RawPrincipal {
    /// Services and federated users are there to be read, and mean nobody who calls the fake.
    fn read(self) -> Result<Vec<String>, String> {
        let named = match self {
            Self::Everyone(star) if star == "*" => return Ok(vec![star]),
            Self::Everyone(other) => return Err(format!("has the principal {other:?}, which names no kind")),
            Self::Named(named) => named,
        };
        let mut all = Vec::new();
        for (kind, names) in named {
            for name in names.into_vec() {
                let is_valid = match kind.as_str() {
                    // Only a star by itself means more than one.
                    "AWS" => {
                        let is_pattern = name.contains(['*', '?']);
                        name == "*" || (name.starts_with("arn:") && !is_pattern) || is_account(&name)
                    }
                    "Service" | "Federated" | "CanonicalUser" => true,
                    _ => false,
                };
                if !is_valid {
                    return Err(format!("has an invalid principal, {kind} {name:?}"));
                }
                all.push(if kind == "AWS" {
                    name
                } else {
                    format!("{kind}:{name}")
                });
            }
        }
        Ok(all)
    }
}

pub(super) fn is_account(name: &str) -> bool {
    name.len() == 12 && name.bytes().all(|byte| byte.is_ascii_digit())
}
