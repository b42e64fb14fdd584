//! The four ways to name a KMS key.
use std::{fmt, str::FromStr};

use thiserror::Error;

/// The longest key id that KMS takes in a request, in characters. Source: `KeyIdType` of the KMS API reference.
pub const MAX_KEY_ID_TEXT_LEN: usize = 2048;

/// How keys of multi-Region sets are told from others: their id starts with this.
const MULTI_REGION_PREFIX: &str = "mrk-";

/// The name of a KMS key, checked: a key id, key ARN, alias name or alias ARN.
///
/// ```
/// use datakey_kms::{KeyIdForm, KmsKeyId};
///
/// let key: KmsKeyId = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab".parse()?;
/// assert_eq!((key.form(), key.region()), (KeyIdForm::KeyArn, Some("eu-central-1")));
/// let key: KmsKeyId = "alias/orders".parse()?;
/// assert_eq!((key.form(), key.region()), (KeyIdForm::AliasName, None));
/// assert!("arn:aws:s3:::bucket".parse::<KmsKeyId>().is_err());
/// # Ok::<(), datakey_kms::KmsKeyIdError>(())
/// ```
///
/// Source: "Key identifiers (`KeyId`)" in the AWS KMS Developer Guide.
///
/// It is checked by form, without asking: that a key of this name exists, and that the role may use it, is found out by
/// [`warm_up`](crate::KmsProvider::warm_up) or by the first call. It is sent as it was written.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct KmsKeyId {
    text: Box<str>,
    form: KeyIdForm,
}

/// Which of its four forms a [`KmsKeyId`] has.
///
/// A key ARN is the one form that means the same to everybody.
///
/// ```
/// use datakey_kms::{KeyIdForm, KmsKeyId};
///
/// /// Whether another account's role means the same key by it.
/// fn is_the_same_everywhere(key: &KmsKeyId) -> bool {
///     key.form() == KeyIdForm::KeyArn
/// }
/// let alias: KmsKeyId = "alias/orders".parse()?;
/// assert!(!is_the_same_everywhere(&alias) && alias.is_alias());
/// # Ok::<(), datakey_kms::KmsKeyIdError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyIdForm {
    /// `1234abcd-12ab-34cd-56ef-1234567890ab`: a key of the caller's account, in the client's region.
    KeyId,
    /// `arn:aws:kms:eu-central-1:111122223333:key/1234abcd-...`: one key in the world.
    KeyArn,
    /// `alias/orders`: whatever key the alias names in the caller's account and the client's region.
    AliasName,
    /// `arn:aws:kms:eu-central-1:111122223333:alias/orders`: whatever key that alias names at the moment.
    AliasArn,
}

/// Why a text does not name a KMS key.
///
/// ```
/// use datakey_kms::{KmsKeyId, KmsKeyIdError};
///
/// // The most common slip, told from a key id that does not exist.
/// assert_eq!("orders".parse::<KmsKeyId>(), Err(KmsKeyIdError::KeyId));
/// assert_eq!("alias/".parse::<KmsKeyId>(), Err(KmsKeyIdError::Alias));
/// assert_eq!("".parse::<KmsKeyId>(), Err(KmsKeyIdError::Length(0)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KmsKeyIdError {
    /// It is empty or too long.
    #[error("the name of a KMS key has 1 to {MAX_KEY_ID_TEXT_LEN} characters, not {0}")]
    Length(usize),
    /// It starts with `arn:` and is not the ARN of a KMS key or alias.
    #[error(
        "a KMS ARN reads arn:PARTITION:kms:REGION:ACCOUNT:key/ID or arn:PARTITION:kms:REGION:ACCOUNT:alias/NAME, with a \
         UUID or mrk- and 32 hexadecimal digits for ID"
    )]
    Arn,
    /// An alias name is empty or has characters other than letters, digits, `/`, `_` and `-`.
    #[error("an alias reads alias/NAME, with letters, digits, '/', '_' and '-' in its name")]
    Alias,
    /// A bare key id is neither a UUID nor that of a multi-Region key: most often an alias without its `alias/`.
    #[error(
        "a key id is a UUID, or mrk- and 32 hexadecimal digits, in lower case; an alias starts with alias/"
    )]
    KeyId,
}

impl KmsKeyIdError {
    /// Whether the same may succeed later without anybody changing anything: never.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        false
    }
}

impl KmsKeyId {
    /// The name as it was given, and as it is sent to KMS.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Its form.
    ///
    /// Refuse the forms that a setting should not have: a deployment that names keys by ARN is not moved to another account by its
    /// credentials.
    ///
    /// ```
    /// use datakey_kms::{KeyIdForm, KmsKeyId};
    ///
    /// let by_arn = |text: &str| text.parse::<KmsKeyId>().is_ok_and(|id| id.form() == KeyIdForm::KeyArn);
    /// assert!(by_arn("arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"));
    /// assert!(!by_arn("1234abcd-12ab-34cd-56ef-1234567890ab")); // of whichever account has the credentials
    /// ```
    #[must_use]
    pub const fn form(&self) -> KeyIdForm {
        self.form
    }

    /// Whether it is an alias, which may name another key tomorrow.
    ///
    /// It is resolved by KMS in each call that wraps, and messages name the key that it led to.
    #[must_use]
    pub const fn is_alias(&self) -> bool {
        matches!(self.form, KeyIdForm::AliasName | KeyIdForm::AliasArn)
    }

    /// The region that an ARN states.
    ///
    /// `None` for ids and alias names, which mean whatever Region the client calls.
    ///
    /// ```
    /// use datakey_kms::KmsKeyId;
    ///
    /// let alias: KmsKeyId = "arn:aws:kms:eu-west-1:111122223333:alias/orders".parse()?;
    /// assert_eq!((alias.region(), alias.account()), (Some("eu-west-1"), Some("111122223333")));
    /// assert_eq!("alias/orders".parse::<KmsKeyId>()?.region(), None);
    /// # Ok::<(), datakey_kms::KmsKeyIdError>(())
    /// ```
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        self.arn().map(|arn| arn.region)
    }

    /// The account that an ARN states: 12 digits.
    #[must_use]
    pub fn account(&self) -> Option<&str> {
        self.arn().map(|arn| arn.account)
    }

    pub(crate) fn arn(&self) -> Option<Arn<'_>> {
        Arn::parse(&self.text)
    }

    /// The ARN of the replica of a multi-Region key in another region; `None` for everything else.
    pub(crate) fn replica_in(&self, region: &str) -> Option<Self> {
        let (arn, id) = Arn::parse_key(&self.text)?;
        is_multi_region(id).then(|| Self {
            text: arn.key_in(region, id).into(),
            form: KeyIdForm::KeyArn,
        })
    }
}

impl FromStr for KmsKeyId {
    type Err = KmsKeyIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self {
            form: form_of(text)?,
            text: text.into(),
        })
    }
}

fn form_of(text: &str) -> Result<KeyIdForm, KmsKeyIdError> {
    if text.is_empty() || text.len() > MAX_KEY_ID_TEXT_LEN {
        return Err(KmsKeyIdError::Length(text.len()));
    }
    if text.starts_with("arn:") {
        return match Arn::parse(text).ok_or(KmsKeyIdError::Arn)?.resource {
            // KMS would answer that there is no such key, to the first order rather than at the start.
            Resource::Key(id) if !is_exact_key_id(id) => Err(KmsKeyIdError::Arn),
            Resource::Key(_) => Ok(KeyIdForm::KeyArn),
            Resource::Alias(_) => Ok(KeyIdForm::AliasArn),
        };
    }
    match text.strip_prefix("alias/") {
        Some(name) if is_alias_name(name) => Ok(KeyIdForm::AliasName),
        Some(_) => Err(KmsKeyIdError::Alias),
        None if is_exact_key_id(text) => Ok(KeyIdForm::KeyId),
        None => Err(KmsKeyIdError::KeyId),
    }
}

impl fmt::Display for KmsKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for KmsKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KmsKeyId({})", self.text)
    }
}

/// The parts of a KMS ARN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Arn<'a> {
    pub(crate) partition: &'a str,
    pub(crate) region: &'a str,
    pub(crate) account: &'a str,
    pub(crate) resource: Resource<'a>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Resource<'a> {
    Key(&'a str),
    Alias(&'a str),
}

impl<'a> Arn<'a> {
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.splitn(6, ':');
        let mut next = || parts.next();
        let (arn, partition, service, region, account, resource) =
            (next()?, next()?, next()?, next()?, next()?, next()?);
        let resource = match resource.split_once('/')? {
            ("key", id) if is_key_id(id) => Resource::Key(id),
            ("alias", name) if is_alias_name(name) => Resource::Alias(name),
            _ => return None,
        };
        let well_formed = arn == "arn"
            && service == "kms"
            && is_label(partition)
            && is_label(region)
            && is_account(account);
        well_formed.then_some(Self {
            partition,
            region,
            account,
            resource,
        })
    }

    /// The parts of a key ARN; `None` for the ARN of an alias.
    pub(crate) fn parse_key(text: &'a str) -> Option<(Self, &'a str)> {
        let arn = Self::parse(text)?;
        match arn.resource {
            Resource::Key(id) => Some((arn, id)),
            Resource::Alias(_) => None,
        }
    }

    /// The ARN of a key of the same owner in another region.
    pub(crate) fn key_in(&self, region: &str, id: &str) -> String {
        format!("arn:{}:kms:{region}:{}:key/{id}", self.partition, self.account)
    }

    /// Whether both name the same multi-Region key, in whatever regions.
    pub(crate) fn is_replica_of(&self, other: &Arn<'_>) -> bool {
        matches!(self.resource, Resource::Key(id) if is_multi_region(id))
            && self.resource == other.resource
            && self.partition == other.partition
            && self.account == other.account
    }
}

pub(crate) fn is_multi_region(key_id: &str) -> bool {
    key_id.starts_with(MULTI_REGION_PREFIX)
}

/// Partitions and regions: `aws`, `aws-us-gov`, `eu-central-1`.
pub(crate) fn is_label(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

pub(crate) fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// As KMS makes key ids: `1234abcd-12ab-34cd-56ef-1234567890ab`, `mrk-1234abcd12ab34cd56ef1234567890ab`.
///
/// Those of multi-Region keys may have the dashes too, as emulators of KMS make them.
fn is_exact_key_id(text: &str) -> bool {
    match text.strip_prefix(MULTI_REGION_PREFIX) {
        Some(digits) => is_hex(digits, 32) || is_uuid(digits),
        None => is_uuid(text),
    }
}

fn is_uuid(text: &str) -> bool {
    let mut parts = text.split('-');
    let lengths = [8, 4, 4, 4, 12];
    lengths
        .into_iter()
        .all(|len| parts.next().is_some_and(|part| is_hex(part, len)))
        && parts.next().is_none()
}

fn is_hex(text: &str, len: usize) -> bool {
    text.len() == len && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// What may stand for a key id in an answer or a message: wider, as nothing is to be told to a person there.
fn is_key_id(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn is_alias_name(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "arn:aws:kms:eu-central-1:111122223333:key/mrk-1234abcd";

    #[test]
    fn replicas_differ_in_their_region_only() {
        let key = Arn::parse(KEY).unwrap();
        let same = |other: &str| key.is_replica_of(&Arn::parse(other).unwrap());
        assert!(same(&KEY.replace("eu-central-1", "us-east-1")));
        assert!(!same(&KEY.replace("111122223333", "444455556666")));
        assert!(!same(&KEY.replace("arn:aws:", "arn:aws-cn:")));
        assert!(!same(&KEY.replace("mrk-1234abcd", "mrk-1234abce")));
        let single = KEY.replace("mrk-", "");
        let single = Arn::parse(&single).unwrap();
        assert!(!single.is_replica_of(&single));
    }

    #[test]
    fn key_ids_are_as_kms_makes_them() {
        let uuid = "1234abcd-12ab-34cd-56ef-1234567890ab";
        for text in [
            uuid,
            "mrk-1234abcd12ab34cd56ef1234567890ab",
            &format!("mrk-{uuid}"),
        ] {
            assert!(is_exact_key_id(text), "{text}");
        }
        for text in [
            "",
            "orders",
            "1234abcd",
            "mrk-",
            "mrk-1234abcd",
            "mrk-1234abcd12ab34cd56ef1234567890abc",
            &uuid[1..],
            &uuid.to_uppercase(),
            &uuid.replace('-', ""),
            &uuid.replace("ab", "xy"),
            &format!("{uuid}-"),
            &format!("{uuid}-1234"),
            &format!("mrk-mrk-{uuid}"),
        ] {
            assert!(!is_exact_key_id(text), "{text}");
        }
    }

    #[test]
    fn only_multi_region_keys_have_replicas() {
        let key: KmsKeyId = format!("{KEY}12ab34cd56ef1234567890ab").parse().unwrap();
        let replica = key.replica_in("us-east-1").unwrap();
        assert_eq!(
            replica.as_str(),
            key.as_str().replace("eu-central-1", "us-east-1")
        );
        for other in [
            "alias/orders",
            "mrk-1234abcd12ab34cd56ef1234567890ab",
            "arn:aws:kms:eu-central-1:111122223333:alias/orders",
            "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
        ] {
            let other: KmsKeyId = other.parse().unwrap();
            assert_eq!(other.replica_in("us-east-1"), None, "{other}");
        }
    }

    #[test]
    fn malformed_arns_are_refused() {
        for text in [
            "arn:aws:kms:eu-central-1:111122223333:key/",
            "arn:aws:kms:eu-central-1:111122223333:key/a:b",
            "arn:aws:kms:eu-central-1:11112222333:key/a",
            "arn:aws:kms::111122223333:key/a",
            "arn::kms:eu-central-1:111122223333:key/a",
            "arn:aws:sts:eu-central-1:111122223333:key/a",
            "arn:aws:kms:eu-central-1:111122223333:grant/a",
            "arn:aws:kms:eu-central-1:111122223333",
            "arn:aws:kms:EU:111122223333:key/a",
            "arn:aws:kms:eu-central-1:111122223333:alias/",
            "arn:aws:kms:eu-central-1:111122223333:alias/or ders",
        ] {
            assert_eq!(Arn::parse(text), None, "{text}");
        }
    }
}
