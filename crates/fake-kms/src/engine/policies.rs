//! Key policies, and who is let do what.
use std::sync::Arc;

use super::{
    Engine,
    grant::Terms,
    key::Key,
    listing::{Page, PageLen, Paging},
    store::Names,
};
use crate::{
    KmsError, KmsErrorCode,
    access::{Action, Asker, Details, Inquiry, Policy, Principal, Subject, Verdict, decide},
    arn::{KeyId, partition_of},
    locks::{read, write},
};

/// The only name that a key policy can have.
pub(crate) const POLICY_NAME: &str = "default";

const PAGE: PageLen = PageLen {
    usual: 100,
    most: 1000,
};

/// A key as conditions ask about it.
struct View<'a> {
    engine: &'a Engine,
    key: &'a Key,
}

impl Subject for View<'_> {
    fn is_primary(&self) -> Option<bool> {
        self.key
            .shared
            .family()
            .map(|family| family.primary == self.key.region)
    }

    fn tags(&self) -> Vec<(String, String)> {
        let inner = read(&self.key.inner);
        let tags = inner.tags.iter();
        tags.map(|(name, value)| (name.to_string(), value.to_string()))
            .collect()
    }

    fn aliases(&self) -> Vec<String> {
        let aliases = read(&self.engine.aliases);
        let own = aliases.iter().filter(|(_, alias)| alias.target == self.key.id);
        own.map(|(name, _)| name.to_string()).collect()
    }
}

impl Engine {
    /// Lets the asker do something with a key, or says why not.
    pub(super) fn authorize(
        &self,
        asker: &Asker<'_>,
        action: Action,
        key: &Key,
        details: Details<'_>,
    ) -> Result<(), KmsError> {
        self.decide(asker, action, key, details, |principal| {
            key.grants_let(principal, action, details.context)
        })
    }

    /// Lets the asker make a grant. Whom no policy but a grant lets do so can pass on what that grant has, and no more.
    pub(super) fn authorize_grant(
        &self,
        asker: &Asker<'_>,
        key: &Key,
        terms: &Terms,
        details: Details<'_>,
    ) -> Result<(), KmsError> {
        self.decide(asker, Action::CreateGrant, key, details, |principal| {
            key.grants_let_grant(principal, terms)
        })
    }

    /// Asks the policies, and where these do not allow it the grants.
    fn decide(
        &self,
        asker: &Asker<'_>,
        action: Action,
        key: &Key,
        details: Details<'_>,
        grants_let: impl FnOnce(&Principal) -> bool,
    ) -> Result<(), KmsError> {
        self.check_grant_tokens(asker)?;
        let root = key.is_aws_managed.then(|| self.root()).transpose()?;
        // Of the keys of its services the owner has no more than KMS gives to the account.
        let Some(principal) = asker.principal.or(root.as_ref()) else {
            return Ok(());
        };
        let view = View { engine: self, key };
        let inquiry = Inquiry {
            resource: &key.arn,
            key: Some(&view),
            details,
            ..self.inquiry(asker, principal, action)
        };
        let policy = Arc::clone(&read(&key.inner).policy);
        match decide(&inquiry, Some(&policy)) {
            Verdict::NotAllowed(_) if grants_let(principal) => Ok(()),
            verdict => verdict.into_result(&inquiry),
        }
    }

    /// Lets the asker do something with an alias, which is asked beside what is asked of its key. Aliases have no policies of
    /// their own.
    pub(super) fn authorize_alias(
        &self,
        asker: &Asker<'_>,
        action: Action,
        name: &str,
    ) -> Result<(), KmsError> {
        self.authorize_by_own(asker, action, &self.place.alias_arn(name), Details::default())
    }

    /// Lets the asker do something that is about no key.
    pub(super) fn authorize_account(
        &self,
        asker: &Asker<'_>,
        action: Action,
        details: Details<'_>,
    ) -> Result<(), KmsError> {
        self.authorize_by_own(asker, action, "*", details)
    }

    /// Lets the asker make a key: with tags, it must be let tag it, too.
    pub(super) fn authorize_new(
        &self,
        asker: &Asker<'_>,
        id: KeyId,
        details: Details<'_>,
    ) -> Result<(), KmsError> {
        self.authorize_account(asker, Action::CreateKey, details)?;
        if details.tags.is_empty() {
            return Ok(());
        }
        self.authorize_by_own(asker, Action::TagResource, &self.place.key_arn(id), details)
    }

    /// Asks the policy of the principal, as there is no other.
    fn authorize_by_own(
        &self,
        asker: &Asker<'_>,
        action: Action,
        resource: &str,
        details: Details<'_>,
    ) -> Result<(), KmsError> {
        let Some(principal) = asker.principal else {
            return Ok(());
        };
        let inquiry = Inquiry {
            resource,
            details,
            ..self.inquiry(asker, principal, action)
        };
        decide(&inquiry, None).into_result(&inquiry)
    }

    /// About nothing in particular.
    fn inquiry<'a>(&'a self, asker: &Asker<'_>, principal: &'a Principal, action: Action) -> Inquiry<'a> {
        Inquiry {
            principal,
            action,
            resource: "*",
            key: None,
            details: Details::default(),
            source: asker.source,
            now: self.clock.unix(),
            account: &self.place.account,
            region: &self.place.region,
        }
    }

    /// The policy of a key, or of one that is yet to be: the one that is told, or the usual one.
    pub(super) fn new_policy(
        &self,
        asker: &Asker<'_>,
        key: Option<&Key>,
        json: Option<&str>,
        details: Details<'_>,
    ) -> Result<Arc<Policy>, KmsError> {
        let partition = partition_of(&self.place.region);
        let Some(json) = json else {
            return Ok(Arc::new(Policy::usual(partition, &self.place.account)));
        };
        let policy = Policy::of_key(json).map_err(|error| malformed(&error.to_string()))?;
        if details.bypasses_lockout_check == Some(true) {
            return Ok(Arc::new(policy));
        }
        let owner = self.root()?;
        let view = key.map(|key| View { engine: self, key });
        let inquiry = Inquiry {
            resource: key.map_or("*", |key| &key.arn),
            key: view.as_ref().map(|view| view as &dyn Subject),
            details,
            ..self.inquiry(asker, asker.principal.unwrap_or(&owner), Action::PutKeyPolicy)
        };
        if decide(&inquiry, Some(&policy)) == Verdict::Allowed {
            Ok(Arc::new(policy))
        } else {
            Err(malformed(
                "The new key policy will not allow you to update the key policy in the future.",
            ))
        }
    }

    pub(crate) fn put_key_policy(
        &self,
        asker: &Asker<'_>,
        key_id: &str,
        json: &str,
        lockout_is_fine: Option<bool>,
    ) -> Result<(), KmsError> {
        let key = self.find(key_id, Names::NoAlias)?;
        let details = Details {
            bypasses_lockout_check: lockout_is_fine,
            ..Details::default()
        };
        self.authorize(asker, Action::PutKeyPolicy, &key, details)?;
        let policy = self.new_policy(asker, Some(&key), Some(json), details)?;
        write(&key.inner).policy = policy;
        Ok(())
    }

    pub(crate) fn key_policy(&self, asker: &Asker<'_>, key_id: &str) -> Result<Box<str>, KmsError> {
        let key = self.find(key_id, Names::NoAlias)?;
        self.authorize(asker, Action::GetKeyPolicy, &key, Details::default())?;
        let policy = Arc::clone(&read(&key.inner).policy);
        Ok(policy.text().into())
    }

    pub(crate) fn list_key_policies(
        &self,
        asker: &Asker<'_>,
        key_id: &str,
        paging: &Paging<'_>,
    ) -> Result<Page<String>, KmsError> {
        let key = self.find(key_id, Names::NoAlias)?;
        self.authorize(asker, Action::ListKeyPolicies, &key, Details::default())?;
        paging.cut(PAGE, [POLICY_NAME.to_owned()], String::clone, |name| {
            name == POLICY_NAME
        })
    }
}

fn malformed(message: &str) -> KmsError {
    KmsError::with_message(KmsErrorCode::MalformedPolicy, message)
}
