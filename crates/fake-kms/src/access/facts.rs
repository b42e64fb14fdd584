//! What is known of a request, as conditions ask for it.
use std::{net::IpAddr, time::Duration};

use super::{action::Action, caller::Caller, date};
use crate::KmsContext;

/// How a call reached the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Source {
    /// From which address, if from any.
    pub(crate) address: Option<IpAddr>,
    /// Whether by TLS.
    pub(crate) is_secure: bool,
}

impl Source {
    /// In process: from no address, and nobody listens in.
    pub(crate) const HERE: Self = Self {
        address: None,
        is_secure: true,
    };
}

/// The key that something is asked of, as it is at the moment of the call.
pub(crate) trait Subject {
    /// Whether it is the primary, of a multi-Region key.
    fn is_primary(&self) -> Option<bool>;

    fn tags(&self) -> Vec<(String, String)>;

    fn aliases(&self) -> Vec<String>;
}

/// What a request says that conditions can be about; most say nothing.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Details<'a> {
    /// The encryption context of a cryptographic operation.
    pub(crate) context: Option<&'a KmsContext>,
    /// How the request names the key.
    pub(crate) named: Option<&'a str>,
    /// Of `ReEncrypt`: whether both keys are the same.
    pub(crate) on_same_key: Option<bool>,
    pub(crate) new_key: Option<KindOfKey>,
    pub(crate) tags: &'a [(String, String)],
    pub(crate) tag_names: &'a [String],
    pub(crate) grant: Option<GrantDetails<'a>>,
    pub(crate) waiting_days: Option<i64>,
    pub(crate) rotation_days: Option<i64>,
    pub(crate) bypasses_lockout_check: Option<bool>,
    pub(crate) replica_region: Option<&'a str>,
    pub(crate) primary_region: Option<&'a str>,
}

/// What a key is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KindOfKey {
    OneRegion,
    Primary,
    Replica,
}

/// What a grant is to say.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GrantDetails<'a> {
    pub(crate) operations: &'a [String],
    pub(crate) grantee: &'a str,
    pub(crate) retiring: Option<&'a str>,
    pub(crate) subset: Option<&'a KmsContext>,
    pub(crate) equals: Option<&'a KmsContext>,
}

impl<'a> Details<'a> {
    /// Those of a cryptographic operation.
    pub(crate) fn cryptographic(named: Option<&'a str>, context: &'a KmsContext) -> Self {
        Self {
            context: Some(context),
            named,
            ..Self::default()
        }
    }
}

/// The values of the condition keys of a request.
#[derive(Clone, Copy)]
pub(super) struct Facts<'a> {
    pub(super) caller: Caller<'a>,
    pub(super) action: Action,
    /// The account and Region of the key.
    pub(super) account: &'a str,
    pub(super) region: &'a str,
    pub(super) key: Option<&'a dyn Subject>,
    pub(super) details: Details<'a>,
    pub(super) source: Source,
    pub(super) now: Duration,
}

/// How a condition key can be asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// It has one value at most.
    One,
    /// So has each of these, which have the name of a pair in their own.
    OnePair,
    Several,
    /// It has several, and is for the policies of principals only.
    OfPrincipals,
}

impl Kind {
    pub(super) const fn has_several(self) -> bool {
        matches!(self, Self::Several | Self::OfPrincipals)
    }
}

/// What conditions can be about, in lower case. A call here comes from nobody's service, so that `kms:ViaService` and its like are
/// known to be absent.
const ONE: &[&str] = &[
    "aws:currenttime",
    "aws:epochtime",
    "aws:principalaccount",
    "aws:principalarn",
    "aws:principalisawsservice",
    "aws:principaltype",
    "aws:requestedregion",
    "aws:resourceaccount",
    "aws:securetransport",
    "aws:sourceip",
    "aws:username",
    "aws:viaawsservice",
    "kms:bypasspolicylockoutsafetycheck",
    "kms:calleraccount",
    "kms:customermasterkeyspec",
    "kms:customermasterkeyusage",
    "kms:encryptionalgorithm",
    "kms:grantconstrainttype",
    "kms:granteeprincipal",
    "kms:grantisforawsresource",
    "kms:keyorigin",
    "kms:keyspec",
    "kms:keyusage",
    "kms:multiregion",
    "kms:multiregionkeytype",
    "kms:primaryregion",
    "kms:reencryptonsamekey",
    "kms:replicaregion",
    "kms:requestalias",
    "kms:retiringprincipal",
    "kms:rotationperiodindays",
    "kms:schedulekeydeletionpendingwindowindays",
    "kms:viaservice",
];
const SEVERAL: &[&str] = &["aws:tagkeys", "kms:encryptioncontextkeys", "kms:grantoperations"];
const OF_CONTEXT: &str = "kms:encryptioncontext:";
const OF_REQUEST: &str = "aws:requesttag/";
const OF_RESOURCE: &str = "aws:resourcetag/";
const OF_PRINCIPAL: &str = "aws:principaltag/";

/// How a condition key, in lower case, can be asked about; nothing when it is not told what it is in a request: of that a condition
/// would be decided wrongly.
pub(super) fn kind_of(key: &str) -> Option<Kind> {
    let named = |start: &str| key.strip_prefix(start).is_some_and(|name| !name.is_empty());
    if ONE.contains(&key) || named(OF_RESOURCE) || named(OF_PRINCIPAL) {
        Some(Kind::One)
    } else if named(OF_CONTEXT) || named(OF_REQUEST) {
        Some(Kind::OnePair)
    } else if SEVERAL.contains(&key) {
        Some(Kind::Several)
    } else {
        (key == "kms:resourcealiases").then_some(Kind::OfPrincipals)
    }
}

type Values = Vec<String>;

impl Facts<'_> {
    /// The values of a condition key, named in lower case; none when the request has no such key.
    pub(super) fn values_of(&self, key: &str) -> Values {
        if let Some(name) = key.strip_prefix(OF_CONTEXT) {
            return named(name, self.context());
        }
        for (start, tags) in [(OF_REQUEST, self.details.tags), (OF_PRINCIPAL, self.caller.tags)] {
            if let Some(name) = key.strip_prefix(start) {
                return named(
                    name,
                    tags.iter().map(|(key, value)| (key.as_str(), value.as_str())),
                );
            }
        }
        if let Some(name) = key.strip_prefix(OF_RESOURCE) {
            let tags = self.key.map(Subject::tags).unwrap_or_default();
            return named(
                name,
                tags.iter().map(|(key, value)| (key.as_str(), value.as_str())),
            );
        }
        let of_caller = self.of_caller(key);
        let of_request = of_caller.or_else(|| self.of_request(key));
        of_request.or_else(|| self.of_key(key)).unwrap_or_default()
    }

    /// The encryption context of a call, or of the constraint of a grant.
    fn context(&self) -> impl Iterator<Item = (&str, &str)> {
        let of_grant = self.details.grant.into_iter();
        let of_grant = of_grant.flat_map(|grant| [grant.subset, grant.equals]).flatten();
        let of_call = self.details.context.into_iter();
        of_call.chain(of_grant).flat_map(KmsContext::iter)
    }

    fn of_caller(&self, key: &str) -> Option<Values> {
        let caller = self.caller;
        let address = caller.address.or(self.source.address);
        Some(match key {
            "aws:currenttime" => one(date::format(self.now)),
            "aws:epochtime" => number(self.now.as_secs()),
            "aws:principalaccount" => one(caller.account()),
            "aws:principalarn" => one(caller.role_arn()),
            "aws:principaltype" => one(caller.kind()),
            "aws:username" => caller.user_name().map(one).unwrap_or_default(),
            "aws:principalisawsservice" | "aws:viaawsservice" => truth(false),
            "aws:requestedregion" => one(self.region),
            "aws:securetransport" => truth(self.source.is_secure),
            "aws:sourceip" => address
                .map(|address| one(address.to_canonical().to_string()))
                .unwrap_or_default(),
            _ => return None,
        })
    }

    fn of_request(&self, key: &str) -> Option<Values> {
        let details = &self.details;
        let maybe = |text: Option<&str>| text.map(one).unwrap_or_default();
        let tag_names = details.tags.iter().map(|(name, _)| name);
        Some(match key {
            "aws:tagkeys" => tag_names.chain(details.tag_names).cloned().collect(),
            "kms:bypasspolicylockoutsafetycheck" => {
                details.bypasses_lockout_check.map(truth).unwrap_or_default()
            }
            "kms:encryptionalgorithm" => maybe(details.context.map(|_| SYMMETRIC)),
            "kms:encryptioncontextkeys" => self.context().map(|(key, _)| key.to_owned()).collect(),
            "kms:grantconstrainttype" => maybe(details.grant.and_then(GrantDetails::constraint)),
            "kms:granteeprincipal" => maybe(details.grant.map(|grant| grant.grantee)),
            "kms:grantisforawsresource" => {
                let asks =
                    [Action::CreateGrant, Action::ListGrants, Action::RevokeGrant].contains(&self.action);
                if asks { truth(false) } else { Values::new() }
            }
            "kms:grantoperations" => details
                .grant
                .map(|grant| grant.operations.to_vec())
                .unwrap_or_default(),
            "kms:primaryregion" => maybe(details.primary_region),
            "kms:reencryptonsamekey" => details.on_same_key.map(truth).unwrap_or_default(),
            "kms:replicaregion" => maybe(details.replica_region),
            "kms:requestalias" => maybe(details.named.and_then(alias_in)),
            "kms:retiringprincipal" => maybe(details.grant.and_then(|grant| grant.retiring)),
            "kms:rotationperiodindays" => details.rotation_days.map(number).unwrap_or_default(),
            "kms:schedulekeydeletionpendingwindowindays" => {
                details.waiting_days.map(number).unwrap_or_default()
            }
            _ => return None,
        })
    }

    /// What the key is that is asked of, or is to be made.
    fn of_key(&self, key: &str) -> Option<Values> {
        let there = self.key.map(|key| match key.is_primary() {
            None => KindOfKey::OneRegion,
            Some(true) => KindOfKey::Primary,
            Some(false) => KindOfKey::Replica,
        });
        let kind = there.or(self.details.new_key)?;
        Some(match key {
            "aws:resourceaccount" if there.is_some() => one(self.account),
            "kms:calleraccount" if there.is_some() => one(self.caller.account()),
            "kms:resourcealiases" => self.key.map(Subject::aliases).unwrap_or_default(),
            "kms:keyspec" | "kms:customermasterkeyspec" => one(SYMMETRIC),
            "kms:keyusage" | "kms:customermasterkeyusage" => one("ENCRYPT_DECRYPT"),
            "kms:keyorigin" => one("AWS_KMS"),
            "kms:multiregion" => truth(kind != KindOfKey::OneRegion),
            "kms:multiregionkeytype" => match kind {
                KindOfKey::OneRegion => Vec::new(),
                KindOfKey::Primary => one("PRIMARY"),
                KindOfKey::Replica => one("REPLICA"),
            },
            _ => return None,
        })
    }
}

const SYMMETRIC: &str = "SYMMETRIC_DEFAULT";

impl GrantDetails<'_> {
    fn constraint(self) -> Option<&'static str> {
        match (self.equals, self.subset) {
            (Some(_), _) => Some("EncryptionContextEquals"),
            (None, Some(_)) => Some("EncryptionContextSubset"),
            (None, None) => None,
        }
    }
}

fn one(value: impl Into<String>) -> Values {
    vec![value.into()]
}

fn truth(holds: bool) -> Values {
    one(if holds { "true" } else { "false" })
}

fn number(number: impl Into<i128>) -> Values {
    one(number.into().to_string())
}

/// The values of the pairs of a name, whose case does not matter.
fn named<'a>(name: &str, pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Values {
    let named = pairs.filter(|(own, _)| own.eq_ignore_ascii_case(name));
    named.map(|(_, value)| value.to_owned()).collect()
}

/// The name of the alias by which a request names a key, if by one.
fn alias_in(text: &str) -> Option<&str> {
    let resource = if text.starts_with("arn:") {
        text.splitn(6, ':').nth(5)?
    } else {
        text
    };
    resource.starts_with("alias/").then_some(resource)
}
