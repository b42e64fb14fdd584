//! Whether a principal may do something.
use std::time::Duration;

use super::{
    action::Action,
    document::{Effect, Policy, Statement, is_account},
    facts::{Details, Facts, Source, Subject},
    pattern::fits,
    principal::Principal,
};
use crate::{KmsError, KmsErrorCode};

/// What somebody wants to do.
#[derive(Clone, Copy)]
pub(crate) struct Inquiry<'a> {
    pub(crate) principal: &'a Principal,
    pub(crate) action: Action,
    /// The ARN of a key or an alias, or `*`.
    pub(crate) resource: &'a str,
    /// The key, if it is about one.
    pub(crate) key: Option<&'a dyn Subject>,
    pub(crate) details: Details<'a>,
    pub(crate) source: Source,
    /// On the fake's clock, since 1970.
    pub(crate) now: Duration,
    /// The account and Region of the key.
    pub(crate) account: &'a str,
    pub(crate) region: &'a str,
}

impl Inquiry<'_> {
    fn facts(&self) -> Facts<'_> {
        Facts {
            caller: self.principal.caller(),
            action: self.action,
            account: self.account,
            region: self.region,
            key: self.key,
            details: self.details,
            source: self.source,
            now: self.now,
        }
    }
}

/// What the policies say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Allowed,
    /// Nothing allows it; a grant still may. Of which kind the policy is that would have to.
    NotAllowed(&'static str),
    /// Something forbids it, whatever allows it. In which kind of policy.
    Denied(&'static str),
}

const OF_KEY: &str = "resource-based";
const OF_PRINCIPAL: &str = "identity-based";

/// Weighs a key's policy, if it is about a key, and the principal's own.
pub(crate) fn decide(inquiry: &Inquiry<'_>, key_policy: Option<&Policy>) -> Verdict {
    let by_principal = inquiry.principal.policy.as_deref();
    let own = by_principal.map_or(Some(Effect::Allow), |policy| weigh(policy, inquiry, |_| true));
    if own == Some(Effect::Deny) {
        return Verdict::Denied(OF_PRINCIPAL);
    }
    let Some(key_policy) = key_policy else {
        return match own {
            Some(Effect::Allow) => Verdict::Allowed,
            _ => Verdict::NotAllowed(OF_PRINCIPAL),
        };
    };
    let direct = weigh(key_policy, inquiry, |statement| {
        names(statement, inquiry.principal)
    });
    let account = weigh(key_policy, inquiry, |statement| names_account(statement, inquiry));
    let (deny, allow) = (Some(Effect::Deny), Some(Effect::Allow));
    // Another account's principals need their own policy's leave too.
    let is_of_account = inquiry.principal.account() == inquiry.account;
    if direct == deny || account == deny {
        Verdict::Denied(OF_KEY)
    } else if direct == allow && (is_of_account || own == allow) {
        Verdict::Allowed
    } else if direct == allow || account == allow {
        match own {
            Some(Effect::Allow) => Verdict::Allowed,
            _ => Verdict::NotAllowed(OF_PRINCIPAL),
        }
    } else {
        Verdict::NotAllowed(OF_KEY)
    }
}

fn weigh(policy: &Policy, inquiry: &Inquiry<'_>, is_about: impl Fn(&Statement) -> bool) -> Option<Effect> {
    let (action, facts) = (format!("kms:{}", inquiry.action.as_str()), inquiry.facts());
    let mut found = None;
    for statement in &policy.statements {
        let applies = is_about(statement)
            && statement
                .actions
                .has(|item| fits(&item.to_ascii_lowercase(), &action.to_ascii_lowercase()))
            && statement.resources.has(|item| fits(item, inquiry.resource))
            && statement
                .conditions
                .iter()
                .all(|condition| condition.holds(&facts));
        match (applies, statement.effect) {
            (true, Effect::Deny) => return Some(Effect::Deny),
            (true, Effect::Allow) => found = Some(Effect::Allow),
            (false, _) => {}
        }
    }
    found
}

fn names(statement: &Statement, principal: &Principal) -> bool {
    statement
        .principals
        .has(|item| item == "*" || principal.is_named(item))
}

/// Whether a statement names the principal's account as a whole, by its root or its number.
fn names_account(statement: &Statement, inquiry: &Inquiry<'_>) -> bool {
    let account = inquiry.principal.account();
    statement.principals.has(|item| {
        if is_account(item) {
            return item == account;
        }
        let of_root = item
            .strip_suffix(":root")
            .and_then(|start| start.rsplit_once(':'));
        of_root.is_some_and(|(_, own)| own == account)
    })
}

impl Verdict {
    /// The error in the words of KMS, unless it is allowed.
    pub(crate) fn into_result(self, inquiry: &Inquiry<'_>) -> Result<(), KmsError> {
        let action = inquiry.action.as_str();
        let why = match self {
            Self::Allowed => return Ok(()),
            Self::Denied(kind) => format!("with an explicit deny in {} {kind} policy", article(kind)),
            Self::NotAllowed(kind) => format!("because no {kind} policy allows the kms:{action} action"),
        };
        Err(KmsError::with_message(
            KmsErrorCode::AccessDenied,
            format!(
                "User: {} is not authorized to perform: kms:{action} on resource: {} {why}",
                inquiry.principal.arn(),
                inquiry.resource,
            ),
        ))
    }
}

fn article(kind: &str) -> &'static str {
    if kind == OF_PRINCIPAL { "an" } else { "a" }
}
