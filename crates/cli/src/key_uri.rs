//! How a key is named: `aws-kms:alias/orders`, an ARN, `local:orders.key`.
use std::{ffi::OsString, fmt, path::PathBuf, str::FromStr};

use datakey::kms::{KmsKeyId, KmsKeyIdError};
use thiserror::Error;

/// A wrapping key, named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum KeyUri {
    /// A key of AWS KMS.
    Kms(KmsKeyId),
    /// A key file.
    Local(PathBuf),
    /// A branch key in a table of DynamoDB.
    Branch(Box<BranchUri>),
}

/// A branch key, named: `branch-key://TABLE/ID?kms-key=ARN`, and `&logical-name=NAME` where the table is called otherwise than at first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BranchUri {
    pub(crate) table: String,
    pub(crate) id: String,
    pub(crate) kms_key: KmsKeyId,
    pub(crate) logical_name: Option<String>,
}

impl FromStr for BranchUri {
    type Err = KeyUriError;

    /// Of what stands behind `branch-key:`.
    fn from_str(text: &str) -> Result<Self, KeyUriError> {
        let (place, settings) = text.rsplit_once('?').ok_or(KeyUriError::Branch)?;
        let place = place.strip_prefix("//").and_then(|place| place.split_once('/'));
        let (table, id) = place.ok_or(KeyUriError::Branch)?;
        let (mut kms_key, mut logical_name) = (None, None);
        for setting in settings.split('&') {
            match setting.split_once('=') {
                Some(("kms-key", key)) => kms_key = Some(key.parse()?),
                Some(("logical-name", name)) if !name.is_empty() => logical_name = Some(name.to_owned()),
                _ => return Err(KeyUriError::Branch),
            }
        }
        if table.is_empty() || id.is_empty() {
            return Err(KeyUriError::Branch);
        }
        Ok(Self {
            table: table.to_owned(),
            id: id.to_owned(),
            kms_key: kms_key.ok_or(KeyUriError::Branch)?,
            logical_name,
        })
    }
}

impl fmt::Display for BranchUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (table, id, key) = (&self.table, &self.id, self.kms_key.as_str());
        write!(f, "branch-key://{table}/{id}?kms-key={key}")?;
        match &self.logical_name {
            Some(name) => write!(f, "&logical-name={name}"),
            None => Ok(()),
        }
    }
}

/// Why a text names no key.
#[derive(Debug, Error)]
pub(crate) enum KeyUriError {
    #[error("a key is aws-kms:alias/NAME, an ARN of KMS, or local:FILE; this is empty")]
    Empty,
    #[error("{0}; a key of KMS is aws-kms:alias/NAME, aws-kms:KEY_ID or an ARN, and a key file local:FILE")]
    Kms(#[from] KmsKeyIdError),
    #[error(
        "a branch key is branch-key://TABLE/ID?kms-key=ARN, with the KMS key that wraps it, and &logical-name=NAME where the \
         table is called otherwise than at first"
    )]
    Branch,
    #[error(
        "there are no keys of the kind {scheme:?}; a key is aws-kms:alias/NAME, an ARN of KMS, or local:FILE"
    )]
    Scheme { scheme: String },
}

/// What could be the scheme of a kind of keys, and not the start of a file's name: there may be files with colons in their names, so
/// that it must look like a kind, or like a kind that is misspelt and no file.
fn scheme(text: &str) -> Option<&str> {
    let (scheme, _) = text.split_once(':')?;
    let is_kind = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let is_like_one = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let is_one = scheme.bytes().all(is_kind)
        || (scheme.bytes().all(is_like_one) && std::fs::symlink_metadata(text).is_err());
    (is_one && scheme.len() > 1).then_some(scheme)
}

impl FromStr for KeyUri {
    type Err = KeyUriError;

    fn from_str(text: &str) -> Result<Self, KeyUriError> {
        if text.starts_with("alias/") {
            return Ok(Self::Kms(text.parse()?));
        }
        match (scheme(text), text.split_once(':')) {
            (Some("aws-kms"), Some((_, key))) => Ok(Self::Kms(key.parse()?)),
            (Some("branch-key"), Some((_, place))) => Ok(Self::Branch(Box::new(place.parse()?))),
            (Some("arn"), _) => Ok(Self::Kms(text.parse()?)),
            (Some("local"), Some((_, path))) if !path.is_empty() => Ok(Self::Local(path.into())),
            (Some("local"), _) => Err(KeyUriError::Empty),
            (Some(scheme), _) => Err(KeyUriError::Scheme {
                scheme: scheme.to_owned(),
            }),
            (None, _) if text.is_empty() => Err(KeyUriError::Empty),
            // As -k has always taken it.
            (None, _) => Ok(Self::Local(text.into())),
        }
    }
}

impl fmt::Display for KeyUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kms(key) => write!(f, "aws-kms:{}", key.as_str()),
            Self::Local(path) => write!(f, "local:{}", path.display()),
            Self::Branch(key) => key.fmt(f),
        }
    }
}

/// Paths need not be text: what is none is the name of a key file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KeyUriParser;

impl clap::builder::TypedValueParser for KeyUriParser {
    type Value = KeyUri;

    fn parse_ref(
        &self,
        command: &clap::Command,
        argument: Option<&clap::Arg>,
        value: &std::ffi::OsStr,
    ) -> Result<KeyUri, clap::Error> {
        if let Some(text) = value.to_str() {
            let parser = clap::builder::StringValueParser::new().try_map(|text| text.parse::<KeyUri>());
            return parser.parse_ref(command, argument, text.as_ref());
        }
        Ok(KeyUri::Local(without_scheme(value)))
    }
}

fn without_scheme(value: &std::ffi::OsStr) -> PathBuf {
    let bytes = value.as_encoded_bytes();
    #[cfg(unix)]
    if let Some(path) = bytes.strip_prefix(b"local:") {
        return <OsString as std::os::unix::ffi::OsStringExt>::from_vec(path.to_vec()).into();
    }
    let _only_text_has_one = bytes;
    PathBuf::from(OsString::from(value))
}

impl clap::builder::ValueParserFactory for KeyUri {
    type Parser = KeyUriParser;

    fn value_parser() -> KeyUriParser {
        KeyUriParser
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_named_by_kind_and_name() {
        let kms = |text: &str| KeyUri::Kms(text.parse().unwrap());
        let local = |text: &str| KeyUri::Local(text.into());
        let arn = "arn:aws:kms:eu-central-1:111122223333:alias/orders";
        for (text, key) in [
            ("aws-kms:alias/orders", kms("alias/orders")),
            ("alias/orders", kms("alias/orders")),
            (arn, kms(arn)),
            (&format!("aws-kms:{arn}"), kms(arn)),
            ("local:orders.key", local("orders.key")),
            ("local:aws-kms:odd", local("aws-kms:odd")),
            ("local:alias/odd", local("alias/odd")),
            ("orders.key", local("orders.key")),
            ("./keys:old", local("./keys:old")),
            ("C:\\keys\\orders", local("C:\\keys\\orders")),
            (
                &format!("branch-key://branch-keys/tenant/acme?kms-key={arn}&logical-name=keys"),
                KeyUri::Branch(Box::new(BranchUri {
                    table: "branch-keys".into(),
                    id: "tenant/acme".into(),
                    kms_key: arn.parse().unwrap(),
                    logical_name: Some("keys".into()),
                })),
            ),
        ] {
            assert_eq!(text.parse::<KeyUri>().unwrap(), key, "{text}");
        }
        for text in [
            "",
            "local:",
            "aws-kms:",
            "aws-kms:orders",
            "arn:aws:s3:::bucket",
            "vault:orders",
            "alias/",
            "branch-key:",
            "branch-key://branch-keys/acme",
            "branch-key://branch-keys?kms-key=alias/orders",
            "branch-key:///acme?kms-key=alias/orders",
            "branch-key://branch-keys/?kms-key=alias/orders",
            "branch-key://branch-keys/acme?key=alias/orders",
            "branch-key://branch-keys/acme?kms-key=",
        ] {
            assert!(text.parse::<KeyUri>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_key_is_shown_as_it_is_named() {
        for text in [
            "aws-kms:alias/orders",
            "local:orders.key",
            "branch-key://branch-keys/acme?kms-key=alias/orders&logical-name=keys",
        ] {
            assert_eq!(text.parse::<KeyUri>().unwrap().to_string(), text);
        }
    }
}
