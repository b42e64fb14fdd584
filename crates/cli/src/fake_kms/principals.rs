//! Who may call the emulator.
use std::{collections::BTreeMap, fs, net::IpAddr};

use datakey::fake_kms::{FakeKms, Principal, PrincipalError};
use serde::Deserialize;
use serde_json::Value;

use super::FakeKmsArgs;
use crate::failure::Failure;

/// Credentials that the emulator takes.
pub(super) struct Client {
    pub(super) access_key_id: String,
    pub(super) secret_access_key: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
    arn: Option<String>,
    policy: Option<Value>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
    source_ip: Option<IpAddr>,
}

/// Lets in all that the command line names, and answers the credentials of the first. With none, everybody is let in;
/// for signatures to be checked there must be one, so that one is made.
pub(super) fn add(args: &FakeKmsArgs, fake: &FakeKms) -> Result<Client, Failure> {
    let mut entries = args
        .credential
        .iter()
        .map(|text| Entry::parse(text))
        .collect::<Result<Vec<_>, _>>()?;
    if let Some(path) = &args.principals {
        let text = fs::read_to_string(path).map_err(|source| Failure::read(path, source))?;
        // The parser's own words may repeat a value, and values are secrets.
        let more: Vec<Entry> = serde_json::from_str(&text).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            Failure::Usage(format!(
                "{path:?} is no list of principals: line {line}, column {column}"
            ))
        })?;
        entries.extend(more);
    }
    let nobody = entries.is_empty();
    let usual = Entry::parse("AKIAFAKEKMS:fake-kms-secret:user/fake-kms")?;
    let first = entries.first().unwrap_or(&usual);
    let client = Client {
        access_key_id: first.access_key_id.clone(),
        secret_access_key: first.secret_access_key.clone(),
    };
    if nobody && args.verify_signatures {
        entries.push(usual);
    }
    for entry in &entries {
        let principal = entry
            .principal(fake)
            .map_err(|error| Failure::Usage(format!("the principal {:?}: {error}", entry.access_key_id)))?;
        fake.add_principal(principal);
    }
    Ok(client)
}

impl Entry {
    /// `ACCESS_KEY:SECRET` or `ACCESS_KEY:SECRET:NAME`.
    fn parse(text: &str) -> Result<Self, Failure> {
        let mut parts = text.splitn(3, ':');
        match (parts.next(), parts.next(), parts.next()) {
            (Some(access_key_id), Some(secret), name) if !access_key_id.is_empty() && !secret.is_empty() => {
                Ok(Self {
                    access_key_id: access_key_id.to_owned(),
                    secret_access_key: secret.to_owned(),
                    session_token: None,
                    arn: name.map(str::to_owned),
                    policy: None,
                    tags: BTreeMap::new(),
                    source_ip: None,
                })
            }
            // The text itself has a secret.
            _ => Err(Failure::Usage(
                "--credential is ACCESS_KEY:SECRET or ACCESS_KEY:SECRET:NAME".to_owned(),
            )),
        }
    }

    fn principal(&self, fake: &FakeKms) -> Result<Principal, PrincipalError> {
        let name = self
            .arn
            .clone()
            .unwrap_or_else(|| format!("user/{}", self.access_key_id));
        let arn = if name.starts_with("arn:") {
            name
        } else {
            format!("arn:{}:iam::{}:{name}", fake.partition(), fake.account())
        };
        let mut principal = Principal::new(&self.access_key_id, &self.secret_access_key, &arn)?;
        if let Some(token) = &self.session_token {
            principal = principal.with_session_token(token);
        }
        for (key, value) in &self.tags {
            principal = principal.with_tag(key, value);
        }
        if let Some(address) = self.source_ip {
            principal = principal.with_source_ip(address);
        }
        match &self.policy {
            Some(policy) => principal.with_policy(&policy.to_string()),
            None => Ok(principal),
        }
    }
}
