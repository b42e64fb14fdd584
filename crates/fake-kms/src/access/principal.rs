//! Whoever calls, known by an access key.
use std::{fmt, net::IpAddr, sync::Arc, time::Duration};

use thiserror::Error;
use zeroize::Zeroizing;

use super::{
    caller::{Caller, account_of},
    condition::Bearer,
    document::{Policy, PolicyError},
};

/// A user or role that calls the fake, known by its access key.
///
/// What it may do is decided by the key policy together with its own policy and grants, as in KMS: a key policy that
/// names the account's root leaves it to the principal's own policy. Without one of its own a principal has that of an
/// administrator.
///
/// ```
/// use datakey_fake_kms::Principal;
///
/// let sealer = Principal::new("AKIASEALER", "its secret", "arn:aws:iam::111122223333:role/sealer")?.with_policy(
///     r#"{"Version": "2012-10-17", "Statement": [
///         {"Effect": "Allow", "Action": ["kms:GenerateDataKey", "kms:Encrypt"], "Resource": "*"}
///     ]}"#,
/// )?;
/// assert_eq!(sealer.access_key_id(), "AKIASEALER");
/// assert!(Principal::new("A KEY", "secret", "arn:aws:iam::111122223333:user/x").is_err());
/// # Ok::<(), datakey_fake_kms::PrincipalError>(())
/// ```
#[derive(Clone)]
pub struct Principal {
    access_key_id: Box<str>,
    secret: Arc<Zeroizing<String>>,
    session_token: Option<Box<str>>,
    expires: Option<Duration>,
    arn: Arc<str>,
    pub(super) policy: Option<Arc<Policy>>,
    tags: Vec<(String, String)>,
    address: Option<IpAddr>,
}

/// Why something is not a principal.
///
/// ```
/// use datakey_fake_kms::{Principal, PrincipalError};
///
/// let role = || Principal::new("AKIASHOP", "its secret", "arn:aws:iam::111122223333:role/shop");
/// // A policy with an action that KMS does not have would allow nothing, and pass every test that expects a denial.
/// let typo = r#"{"Statement": {"Effect": "Allow", "Action": "kms:Decrpyt", "Resource": "*"}}"#;
/// assert!(matches!(role()?.with_policy(typo), Err(PrincipalError::Policy(_))));
/// # Ok::<(), PrincipalError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PrincipalError {
    /// Not an access key id.
    #[error("{0:?} is not an access key id; it has 1 to 128 letters, digits and underscores")]
    AccessKeyId(Box<str>),
    /// Not the ARN of a principal.
    #[error("{0:?} is not the ARN of a principal, such as arn:aws:iam::111122223333:role/orders")]
    Arn(Box<str>),
    /// Its policy cannot be read.
    #[error(transparent)]
    Policy(#[from] PolicyError),
}

impl Principal {
    /// A principal with long-lived credentials.
    ///
    /// # Errors
    /// [`PrincipalError`] when the id or the ARN is not such.
    pub fn new(access_key_id: &str, secret_access_key: &str, arn: &str) -> Result<Self, PrincipalError> {
        let in_id = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if !(1..=128).contains(&access_key_id.len()) || !access_key_id.bytes().all(in_id) {
            return Err(PrincipalError::AccessKeyId(access_key_id.into()));
        }
        if account_of(arn).is_none() {
            return Err(PrincipalError::Arn(arn.into()));
        }
        Ok(Self {
            access_key_id: access_key_id.into(),
            secret: Arc::new(Zeroizing::new(secret_access_key.to_owned())),
            session_token: None,
            expires: None,
            arn: arn.into(),
            policy: None,
            tags: Vec::new(),
            address: None,
        })
    }

    /// Temporary credentials: requests must carry this token.
    ///
    /// Over HTTP a request with another token, or with none, is refused. In process, where nothing is signed, it plays no part.
    #[must_use]
    pub fn with_session_token(mut self, token: &str) -> Self {
        self.session_token = Some(token.into());
        self
    }

    /// Credentials that are refused with `ExpiredTokenException` over HTTP from this time on, since 1970 on the fake's clock.
    ///
    /// It goes by the time that passed, as clients have clocks of their own: [`advance_clock`](crate::FakeKms::advance_clock) does not
    /// bring it nearer. In process credentials do not expire.
    #[must_use]
    pub fn expires_at(mut self, since_1970: Duration) -> Self {
        self.expires = Some(since_1970);
        self
    }

    /// Its own policy, in JSON: what it may do with keys whose key policies leave that to the account.
    ///
    /// # Errors
    /// [`PrincipalError::Policy`].
    pub fn with_policy(mut self, json: &str) -> Result<Self, PrincipalError> {
        self.policy = Some(Arc::new(Policy::parse(json, Bearer::Principal)?));
        Ok(self)
    }

    /// A tag more, of the principal itself or of its session: what conditions find under `aws:PrincipalTag/`.
    ///
    /// ```
    /// use datakey_fake_kms::{FakeKms, KmsContext, Principal};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let fake = FakeKms::new();
    /// let key = fake.create_key()?;
    /// let policy = r#"{"Statement": {"Effect": "Allow", "Action": "kms:Encrypt", "Resource": "*",
    ///     "Condition": {"StringEquals": {"aws:PrincipalTag/team": "shop"}}}}"#;
    /// for (access_key, team) in [("AKIASHOP", "shop"), ("AKIAOTHER", "billing")] {
    ///     let role = Principal::new(access_key, "secret", "arn:aws:iam::111122223333:role/service")?;
    ///     fake.add_principal(role.with_tag("team", team).with_policy(policy)?);
    /// }
    /// assert!(fake.acting_as("AKIASHOP")?.encrypt(&key, &KmsContext::default(), b"x").await.is_ok());
    /// assert!(fake.acting_as("AKIAOTHER")?.encrypt(&key, &KmsContext::default(), b"x").await.is_err());
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn with_tag(mut self, key: &str, value: &str) -> Self {
        self.tags.push((key.to_owned(), value.to_owned()));
        self
    }

    /// All its calls come from this address, as `aws:SourceIp` has it. Default: over HTTP from that of the client, and in process
    /// from none.
    ///
    /// ```
    /// use datakey_fake_kms::{FakeKms, KmsContext, Principal};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let fake = FakeKms::new();
    /// let key = fake.create_key()?;
    /// let policy = r#"{"Statement": {"Effect": "Allow", "Action": "kms:Encrypt", "Resource": "*",
    ///     "Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}}}"#;
    /// for (access_key, address) in [("AKIAINSIDE", "10.1.2.3"), ("AKIAOUTSIDE", "192.0.2.7")] {
    ///     let user = Principal::new(access_key, "secret", "arn:aws:iam::111122223333:user/x")?;
    ///     fake.add_principal(user.with_source_ip(address.parse()?).with_policy(policy)?);
    /// }
    /// assert!(fake.acting_as("AKIAINSIDE")?.encrypt(&key, &KmsContext::default(), b"x").await.is_ok());
    /// assert!(fake.acting_as("AKIAOUTSIDE")?.encrypt(&key, &KmsContext::default(), b"x").await.is_err());
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn with_source_ip(mut self, address: IpAddr) -> Self {
        self.address = Some(address);
        self
    }

    /// The id of its access key.
    #[must_use]
    pub fn access_key_id(&self) -> &str {
        &self.access_key_id
    }

    /// Its ARN.
    #[must_use]
    pub fn arn(&self) -> &str {
        &self.arn
    }

    pub(crate) fn shared_arn(&self) -> Arc<str> {
        Arc::clone(&self.arn)
    }

    /// Its account.
    pub(crate) fn account(&self) -> &str {
        account_of(&self.arn).unwrap_or_default()
    }

    /// As conditions ask about it.
    pub(super) fn caller(&self) -> Caller<'_> {
        Caller {
            arn: &self.arn,
            tags: &self.tags,
            address: self.address,
        }
    }

    #[cfg(feature = "http")]
    pub(crate) fn secret(&self) -> &str {
        &self.secret
    }

    #[cfg(feature = "http")]
    pub(crate) fn is_expired(&self, now: Duration) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }

    #[cfg(feature = "http")]
    pub(crate) fn session_token(&self) -> Option<&str> {
        self.session_token.as_deref()
    }

    /// Whether an ARN in a policy or grant means this principal: itself, or the role that it has assumed.
    pub(crate) fn is_named(&self, arn: &str) -> bool {
        if arn == &*self.arn {
            return true;
        }
        let assumed = self.arn.split_once(":assumed-role/");
        let (Some((start, rest)), Some((role_start, role))) = (assumed, arn.split_once(":role/")) else {
            return false;
        };
        let role = role.rsplit_once('/').map_or(role, |(_path, name)| name);
        start.replace(":sts:", ":iam:") == role_start && rest.split('/').next() == Some(role)
    }
}

impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Principal")
            .field("access_key_id", &self.access_key_id)
            .field("arn", &self.arn)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_named_by_their_own_arn_too() {
        let arn = "arn:aws:sts::111122223333:assumed-role/orders/session-1";
        let session = Principal::new("AKIA", "s", arn).expect("a principal");
        for name in [
            arn,
            "arn:aws:iam::111122223333:role/orders",
            "arn:aws:iam::111122223333:role/teams/shop/orders",
        ] {
            assert!(session.is_named(name), "{name}");
        }
        for name in [
            "arn:aws:iam::111122223333:role/order",
            "arn:aws:iam::444455556666:role/orders",
            "arn:aws:iam::111122223333:user/orders",
            "arn:aws:sts::111122223333:assumed-role/orders/session-2",
        ] {
            assert!(!session.is_named(name), "{name}");
        }
        assert_eq!(session.account(), "111122223333");
        assert!(!format!("{session:?}").contains("\"s\""));
    }

    #[test]
    fn other_arns_are_no_principals() {
        for arn in [
            "",
            "x",
            "arn:aws:iam::1:user/x",
            "arn:aws:kms:eu-west-1:111122223333:key/x",
            "arn:aws:iam::111122223333:",
        ] {
            assert_eq!(
                Principal::new("AKIA", "s", arn).err(),
                Some(PrincipalError::Arn(arn.into()))
            );
        }
    }
}
