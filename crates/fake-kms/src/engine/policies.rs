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
    KmsContext, KmsError, KmsErrorCode,
    access::{Action, Asker, Inquiry, Policy, Principal, Verdict, decide},
    arn::partition_of,
    locks::{read, write},
};

/// The only name that a key policy can have.
pub(crate) const POLICY_NAME: &str = "default";

const PAGE: PageLen = PageLen {
    usual: 100,
    most: 1000,
};

impl Engine {
    /// Lets the asker do something with a key, or says why not.
    pub(super) fn authorize(
        &self,
        asker: &Asker<'_>,
        action: Action,
        key: &Key,
        context: Option<&KmsContext>,
    ) -> Result<(), KmsError> {
        self.check_grant_tokens(asker)?;
        let Some(principal) = asker.principal else {
            return Ok(());
        };
        let inquiry = self.inquiry(principal, action, &key.arn, context);
        let policy = Arc::clone(&read(&key.inner).policy);
        match decide(&inquiry, Some(&policy)) {
            Verdict::NotAllowed(_) if key.grants_let(principal, action, context) => Ok(()),
            verdict => verdict.into_result(&inquiry),
        }
    }

    /// Lets the asker make a grant. Whom no policy but a grant lets do so can pass on what that grant has, and no more.
    pub(super) fn authorize_grant(
        &self,
        asker: &Asker<'_>,
        key: &Key,
        terms: &Terms,
    ) -> Result<(), KmsError> {
        let Some(principal) = asker.principal else {
            return Ok(());
        };
        let inquiry = self.inquiry(principal, Action::CreateGrant, &key.arn, None);
        let policy = Arc::clone(&read(&key.inner).policy);
        match decide(&inquiry, Some(&policy)) {
            Verdict::NotAllowed(_) if key.grants_let_grant(principal, terms) => Ok(()),
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
        let Some(principal) = asker.principal else {
            return Ok(());
        };
        let arn = self.place.alias_arn(name);
        let inquiry = self.inquiry(principal, action, &arn, None);
        decide(&inquiry, None).into_result(&inquiry)
    }

    /// Lets the asker do something that is about no key.
    pub(super) fn authorize_account(&self, asker: &Asker<'_>, action: Action) -> Result<(), KmsError> {
        let Some(principal) = asker.principal else {
            return Ok(());
        };
        let inquiry = self.inquiry(principal, action, "*", None);
        decide(&inquiry, None).into_result(&inquiry)
    }

    fn inquiry<'a>(
        &'a self,
        principal: &'a Principal,
        action: Action,
        resource: &'a str,
        context: Option<&'a KmsContext>,
    ) -> Inquiry<'a> {
        Inquiry {
            principal,
            action,
            resource,
            context,
            account: &self.place.account,
            region: &self.place.region,
        }
    }

    /// The policy of a key, new when it has no ARN yet: the one that is told, or the usual one.
    pub(super) fn new_policy(
        &self,
        asker: &Asker<'_>,
        arn: Option<&str>,
        json: Option<&str>,
        lockout_is_fine: bool,
    ) -> Result<Arc<Policy>, KmsError> {
        let partition = partition_of(&self.place.region);
        let Some(json) = json else {
            return Ok(Arc::new(Policy::usual(partition, &self.place.account)));
        };
        let policy = Policy::of_key(json).map_err(|error| malformed(&error.to_string()))?;
        if lockout_is_fine {
            return Ok(Arc::new(policy));
        }
        let root = format!("arn:{partition}:iam::{}:root", self.place.account);
        let owner = Principal::new("OWNER", "", &root).map_err(|_not_so| KmsErrorCode::Internal)?;
        let writer = asker.principal.unwrap_or(&owner);
        let inquiry = self.inquiry(writer, Action::PutKeyPolicy, arn.unwrap_or("*"), None);
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
        lockout_is_fine: bool,
    ) -> Result<(), KmsError> {
        let key = self.find(key_id, Names::NoAlias)?;
        self.authorize(asker, Action::PutKeyPolicy, &key, None)?;
        let policy = self.new_policy(asker, Some(&key.arn), Some(json), lockout_is_fine)?;
        write(&key.inner).policy = policy;
        Ok(())
    }

    pub(crate) fn key_policy(&self, asker: &Asker<'_>, key_id: &str) -> Result<Box<str>, KmsError> {
        let key = self.find(key_id, Names::NoAlias)?;
        self.authorize(asker, Action::GetKeyPolicy, &key, None)?;
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
        self.authorize(asker, Action::ListKeyPolicies, &key, None)?;
        paging.cut(PAGE, [POLICY_NAME.to_owned()], String::clone, |name| {
            name == POLICY_NAME
        })
    }
}

fn malformed(message: &str) -> KmsError {
    KmsError::with_message(KmsErrorCode::MalformedPolicy, message)
}
