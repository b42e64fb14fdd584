//! Which wrapped keys are ours to open, decided from their key id alone.
use std::{borrow::Cow, collections::BTreeSet};

use thiserror::Error;

use crate::{
    KeyIdForm, KmsKeyId,
    key_id::{Arn, is_account, is_label, is_multi_region},
};

/// Whose keys a provider in discovery mode opens: one partition, and a list of accounts in it.
///
/// ```
/// # use datakey_kms::DiscoveryFilter;
/// let ours = DiscoveryFilter::new("aws", ["111122223333"])?;
/// assert!(DiscoveryFilter::new("aws", [] as [&str; 0]).is_err());
/// # Ok::<(), datakey_kms::DiscoveryFilterError>(())
/// ```
///
/// It does not make discovery safe, but bounds it: to keys of one's own accounts. Who may use any key there, for whatever purpose, may
/// still write messages that open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiscoveryFilter {
    partition: Box<str>,
    accounts: BTreeSet<Box<str>>,
}

/// Why something is not a discovery filter.
///
/// ```
/// use datakey_kms::{DiscoveryFilter, DiscoveryFilterError};
///
/// let dashes = DiscoveryFilter::new("aws", ["1111-2222-3333"]).unwrap_err();
/// assert_eq!(dashes, DiscoveryFilterError::Account("1111-2222-3333".into()));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DiscoveryFilterError {
    /// No account: discovery without a filter is not offered.
    #[error("a discovery filter names at least one account")]
    NoAccount,
    /// Not an account id.
    #[error("an account id has 12 digits, {0:?} is not one")]
    Account(Box<str>),
    /// Not a partition.
    #[error("a partition is aws, aws-cn, aws-us-gov or the like, {0:?} is not one")]
    Partition(Box<str>),
}

impl DiscoveryFilterError {
    /// Whether the same may succeed later without anybody changing anything: never.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        false
    }
}

impl DiscoveryFilter {
    /// A partition (`aws`, `aws-cn`, `aws-us-gov`, ...) and account ids of 12 digits each.
    ///
    /// # Errors
    /// [`DiscoveryFilterError`] when there is no account, or something is malformed.
    pub fn new<A: AsRef<str>>(
        partition: &str,
        accounts: impl IntoIterator<Item = A>,
    ) -> Result<Self, DiscoveryFilterError> {
        if !is_label(partition) {
            return Err(DiscoveryFilterError::Partition(partition.into()));
        }
        let accounts: BTreeSet<Box<str>> = accounts.into_iter().map(|id| id.as_ref().into()).collect();
        if let Some(malformed) = accounts.iter().find(|id| !is_account(id)) {
            return Err(DiscoveryFilterError::Account(malformed.clone()));
        }
        if accounts.is_empty() {
            return Err(DiscoveryFilterError::NoAccount);
        }
        Ok(Self {
            partition: partition.into(),
            accounts,
        })
    }

    fn admits(&self, key: &Arn<'_>) -> bool {
        *self.partition == *key.partition && self.accounts.contains(key.account)
    }
}

/// The keys that a provider opens with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Opening {
    /// Keys and at most one alias.
    Pinned {
        keys: Box<[KmsKeyId]>,
        alias: Option<KmsKeyId>,
    },
    /// Whatever key the message names, within a filter.
    Discovery(DiscoveryFilter),
}

/// Where a provider stands: what an ARN is compared with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    /// The client's region.
    pub(crate) region: &'a str,
    /// Whether a replica of a multi-Region key may stand in for the one that a message names.
    pub(crate) replicas: bool,
}

/// How to ask KMS about a wrapped key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Recognised<'a> {
    /// The key id to send.
    pub(crate) ask: Cow<'a, str>,
    /// What the answer's key id must be.
    pub(crate) answer: Expected<'a>,
    /// Whether only KMS knows that this is the key: tried after keys that are certain.
    pub(crate) guess: bool,
}

/// What key id an answer must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Expected<'a> {
    /// The key ARN that was asked for: another one means that the answer is not for this question.
    Asked(Cow<'a, str>),
    /// The key ARN that the message names: another one means that the message names the wrong key.
    Named { arn: &'a str, replicas: bool },
}

impl Expected<'_> {
    /// Whether an answer's key id is as expected.
    pub(crate) fn accepts(&self, answer: &str) -> bool {
        match self {
            Self::Asked(arn) => **arn == *answer,
            Self::Named { arn, replicas } => *arn == answer || (*replicas && are_replicas(arn, answer)),
        }
    }
}

fn are_replicas(one: &str, other: &str) -> bool {
    match (Arn::parse(one), Arn::parse(other)) {
        (Some(one), Some(other)) => one.is_replica_of(&other),
        _ => false,
    }
}

impl Opening {
    /// The alias, if there is one.
    pub(crate) const fn alias(&self) -> Option<&KmsKeyId> {
        match self {
            Self::Pinned { alias, .. } => alias.as_ref(),
            Self::Discovery(_) => None,
        }
    }

    /// How to open what was wrapped by the key that a message names; `None` when it is not one of ours.
    pub(crate) fn recognise<'a>(&'a self, named: &'a str, place: Place<'_>) -> Option<Recognised<'a>> {
        let (key, id) = Arn::parse_key(named)?;
        let reachable = key.region == place.region || (place.replicas && is_multi_region(id));
        match self {
            Self::Pinned { keys, alias } => keys
                .iter()
                .find_map(|pin| by_key(pin, named, &key, id, reachable, place))
                .or_else(|| by_alias(alias.as_ref()?, named, &key, reachable, place)),
            Self::Discovery(filter) => (reachable && filter.admits(&key)).then(|| {
                let ask = if key.region == place.region {
                    Cow::Borrowed(named)
                } else {
                    key.key_in(place.region, id).into()
                };
                Recognised {
                    answer: Expected::Asked(ask.clone()),
                    ask,
                    guess: true,
                }
            }),
        }
    }
}

fn by_key<'a>(
    pin: &'a KmsKeyId,
    named: &'a str,
    key: &Arn<'_>,
    id: &str,
    reachable: bool,
    place: Place<'_>,
) -> Option<Recognised<'a>> {
    let ask = Cow::Borrowed(pin.as_str());
    let answer = match pin.form() {
        KeyIdForm::KeyArn if pin.as_str() == named => Expected::Asked(ask.clone()),
        KeyIdForm::KeyArn if place.replicas && pin.arn()?.is_replica_of(key) => Expected::Asked(ask.clone()),
        KeyIdForm::KeyId if pin.as_str() == id && reachable => Expected::Named {
            arn: named,
            replicas: place.replicas,
        },
        _ => return None,
    };
    Some(Recognised {
        ask,
        answer,
        guess: false,
    })
}

fn by_alias<'a>(
    alias: &'a KmsKeyId,
    named: &'a str,
    key: &Arn<'_>,
    reachable: bool,
    place: Place<'_>,
) -> Option<Recognised<'a>> {
    let same_owner = alias
        .arn()
        .is_none_or(|arn| arn.partition == key.partition && arn.account == key.account);
    (same_owner && reachable).then(|| Recognised {
        ask: Cow::Borrowed(alias.as_str()),
        answer: Expected::Named {
            arn: named,
            replicas: place.replicas,
        },
        guess: true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Place<'static> = Place {
        region: "eu-central-1",
        replicas: false,
    };
    const REPLICAS: Place<'static> = Place {
        region: "eu-central-1",
        replicas: true,
    };
    const ID: &str = "1234abcd-12ab-34cd-56ef-1234567890ab";
    const ARN: &str = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
    const MRK: &str = "arn:aws:kms:eu-central-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab";
    const MRK_AWAY: &str = "arn:aws:kms:us-east-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab";

    fn pinned(id: &str) -> Opening {
        let id: KmsKeyId = id.parse().unwrap();
        let (keys, alias) = if id.is_alias() {
            (Vec::new(), Some(id))
        } else {
            (vec![id], None)
        };
        Opening::Pinned {
            keys: keys.into(),
            alias,
        }
    }

    fn asks(opening: &Opening, named: &str, place: Place<'_>) -> Option<String> {
        opening
            .recognise(named, place)
            .map(|found| found.ask.into_owned())
    }

    #[test]
    fn an_arn_opens_its_own_key_only() {
        let opening = pinned(ARN);
        assert_eq!(asks(&opening, ARN, HERE).as_deref(), Some(ARN));
        for other in [
            &ARN.replace("eu-central-1", "us-east-1"),
            &ARN.replace("111122223333", "444455556666"),
            MRK,
            ID,
            "alias/orders",
            "nobody:nothing",
            "",
        ] {
            assert_eq!(asks(&opening, other, REPLICAS), None, "{other}");
        }
    }

    #[test]
    fn a_replica_opens_only_when_allowed_and_is_asked_for_by_its_own_arn() {
        let opening = pinned(MRK);
        assert_eq!(asks(&opening, MRK_AWAY, HERE), None);
        assert_eq!(asks(&opening, MRK_AWAY, REPLICAS).as_deref(), Some(MRK));
        let answer = opening.recognise(MRK_AWAY, REPLICAS).unwrap().answer;
        assert!(answer.accepts(MRK) && !answer.accepts(MRK_AWAY));
    }

    #[test]
    fn a_bare_id_opens_in_its_region_and_the_answer_must_name_the_message_s_key() {
        let opening = pinned(ID);
        assert_eq!(asks(&opening, ARN, HERE).as_deref(), Some(ID));
        assert_eq!(
            asks(&opening, &ARN.replace("eu-central-1", "us-east-1"), REPLICAS),
            None
        );
        let answer = opening.recognise(ARN, HERE).unwrap().answer;
        assert!(answer.accepts(ARN) && !answer.accepts(&ARN.replace("111122223333", "444455556666")));
    }

    #[test]
    fn an_alias_opens_keys_of_its_owner_and_region() {
        let opening = pinned("arn:aws:kms:eu-central-1:111122223333:alias/orders");
        assert!(opening.recognise(ARN, HERE).unwrap().guess);
        assert_eq!(
            asks(&opening, &ARN.replace("111122223333", "444455556666"), HERE),
            None
        );
        assert_eq!(
            asks(&opening, &ARN.replace("eu-central-1", "us-east-1"), HERE),
            None
        );
        let answer = opening.recognise(MRK_AWAY, REPLICAS).unwrap().answer;
        assert!(answer.accepts(MRK) && !answer.accepts(ARN));
    }

    #[test]
    fn discovery_keeps_to_its_filter_and_region() {
        let opening = Opening::Discovery(DiscoveryFilter::new("aws", ["111122223333"]).unwrap());
        assert_eq!(asks(&opening, ARN, HERE).as_deref(), Some(ARN));
        assert_eq!(asks(&opening, MRK_AWAY, HERE), None);
        assert_eq!(asks(&opening, MRK_AWAY, REPLICAS).as_deref(), Some(MRK));
        for other in [
            ARN.replace("111122223333", "444455556666"),
            ARN.replace("arn:aws:", "arn:aws-cn:"),
            ARN.replace("eu-central-1", "us-east-1"),
        ] {
            assert_eq!(asks(&opening, &other, REPLICAS), None, "{other}");
        }
    }
}
