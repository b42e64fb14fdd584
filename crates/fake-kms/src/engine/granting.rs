//! The operations on grants.
use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{
    Engine,
    grant::{Grant, GrantRequest, Terms, is_grant_id},
    key::Key,
    listing::{Page, PageLen, Paging},
    store::Names,
};
use crate::{
    KmsContext, KmsError, KmsErrorCode,
    access::{Action, Asker, Details, GrantDetails, Principal},
    arn::{KeyId, partition_of},
    hex::hex,
    locks::{read, write},
};

const MAX_PER_KEY: usize = 50_000;
const PAGE: PageLen = PageLen { usual: 50, most: 100 };
/// Which grant is meant: by token, or by key and id.
#[derive(Debug, Clone, Copy)]
pub(crate) enum GrantChoice<'a> {
    Token(&'a str),
    Id { key_id: &'a str, grant_id: &'a str },
}

/// Which grants of a key are listed.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct GrantFilter<'a> {
    pub(crate) id: Option<&'a str>,
    pub(crate) grantee: Option<&'a str>,
}

/// A grant with the ARN of its key.
pub(crate) type Listed = (Arc<str>, Arc<Grant>);

impl Engine {
    /// Answers the grant's token and id. The same grant asked for twice under one name is made once.
    pub(crate) fn create_grant(
        &self,
        asker: &Asker<'_>,
        key_id: &str,
        request: GrantRequest,
        dry_run: bool,
    ) -> Result<(String, Box<str>), KmsError> {
        let key = self.find(key_id, Names::NoAlias)?;
        let asked = request.clone();
        let details = Details {
            grant: Some(GrantDetails {
                operations: &asked.operations,
                grantee: &asked.grantee,
                retiring: asked.retiring.as_deref(),
                subset: asked.subset.as_ref(),
                equals: asked.equals.as_ref(),
            }),
            ..Details::default()
        };
        self.authorize(asker, Action::CreateGrant, &key, details)?;
        let terms = request.check()?;
        self.authorize_grant(asker, &key, &terms, details)?;
        key.usable()?;
        let mut inner = write(&key.inner);
        let same = |grant: &&Arc<Grant>| terms.name.is_some() && grant.terms == terms;
        if let Some(grant) = inner.grants.values().find(same) {
            return Ok((token_of(key.id, &grant.id), grant.id.clone()));
        }
        if inner.grants.len() >= MAX_PER_KEY {
            let message = format!("{} has {MAX_PER_KEY} grants already.", key.arn);
            return Err(KmsError::with_message(KmsErrorCode::LimitExceeded, message));
        }
        let mut random = [0; 32];
        getrandom::fill(&mut random).map_err(|_no_random| KmsErrorCode::Internal)?;
        let id: Box<str> = hex(&random).into();
        if !dry_run {
            let issuer = asker
                .principal
                .map_or_else(|| self.root_arn(), |issuer| issuer.arn().to_owned());
            let grant = Grant {
                id: id.clone(),
                created: self.clock.unix(),
                issuer: issuer.into(),
                terms,
            };
            inner.grants.insert(id.clone(), Arc::new(grant));
        }
        Ok((token_of(key.id, &id), id))
    }

    pub(crate) fn list_grants(
        &self,
        asker: &Asker<'_>,
        key_id: &str,
        filter: GrantFilter<'_>,
        paging: &Paging<'_>,
    ) -> Result<Page<Listed>, KmsError> {
        let key = self.find(key_id, Names::NoAlias)?;
        self.authorize(asker, Action::ListGrants, &key, Details::default())?;
        let inner = read(&key.inner);
        if filter.id.is_some_and(|id| !is_grant_id(id)) {
            return Err(KmsErrorCode::InvalidGrantId.into());
        }
        let wanted = |grant: &&Arc<Grant>| {
            filter.id.is_none_or(|id| *grant.id == *id)
                && filter
                    .grantee
                    .is_none_or(|grantee| *grant.terms.grantee == *grantee)
        };
        let grants = inner.grants.values().filter(wanted);
        let listed = grants.map(|grant| (Arc::clone(&key.arn), Arc::clone(grant)));
        paging.cut(PAGE, listed, |(_, grant)| grant.id.to_string(), is_grant_id)
    }

    pub(crate) fn list_retirable_grants(
        &self,
        asker: &Asker<'_>,
        retiring: &str,
        paging: &Paging<'_>,
    ) -> Result<Page<Listed>, KmsError> {
        self.authorize_account(asker, Action::ListRetirableGrants, Details::default())?;
        let keys = read(&self.keys);
        let mut listed: Vec<Listed> = Vec::new();
        let now = self.clock.unix();
        for key in keys.values().filter(|key| !key.is_deleted(now)) {
            let inner = read(&key.inner);
            let retirable = |grant: &&Arc<Grant>| grant.terms.retiring.as_deref() == Some(retiring);
            let grants = inner.grants.values().filter(retirable);
            listed.extend(grants.map(|grant| (Arc::clone(&key.arn), Arc::clone(grant))));
        }
        listed.sort_by(|(_, one), (_, other)| one.id.cmp(&other.id));
        paging.cut(PAGE, listed, |(_, grant)| grant.id.to_string(), is_grant_id)
    }

    /// Ends a grant: by its grantee or retiring principal, or by whoever may do so by policy.
    pub(crate) fn retire_grant(
        &self,
        asker: &Asker<'_>,
        choice: GrantChoice<'_>,
        dry_run: bool,
    ) -> Result<(), KmsError> {
        let (key, id) = match choice {
            GrantChoice::Token(token) => self.find_token(token).ok_or(KmsErrorCode::InvalidGrantToken)?,
            GrantChoice::Id { key_id, grant_id } => (self.find(key_id, Names::NoAlias)?, Box::from(grant_id)),
        };
        let grant = key.grant(&id)?;
        let retires = |principal: &Principal| {
            let terms = &grant.terms;
            let may_retire = terms.allow(Action::RetireGrant);
            terms
                .retiring
                .as_deref()
                .is_some_and(|arn| principal.is_named(arn))
                || (may_retire && principal.is_named(&terms.grantee))
        };
        if !asker.principal.is_none_or(retires) {
            self.authorize(asker, Action::RetireGrant, &key, Details::default())?;
        }
        key.end_grant(&id, dry_run);
        Ok(())
    }

    pub(crate) fn revoke_grant(
        &self,
        asker: &Asker<'_>,
        key_id: &str,
        grant_id: &str,
        dry_run: bool,
    ) -> Result<(), KmsError> {
        let key = self.find(key_id, Names::NoAlias)?;
        self.authorize(asker, Action::RevokeGrant, &key, Details::default())?;
        key.grant(grant_id)?;
        key.end_grant(grant_id, dry_run);
        Ok(())
    }

    /// Refuses tokens that are none of a grant there is. Grants work at once, so that tokens give nothing more.
    pub(super) fn check_grant_tokens(&self, asker: &Asker<'_>) -> Result<(), KmsError> {
        let known = |token: &String| {
            self.find_token(token)
                .is_some_and(|(key, id)| key.grant(&id).is_ok())
        };
        if asker.grant_tokens.iter().all(known) {
            Ok(())
        } else {
            Err(KmsErrorCode::InvalidGrantToken.into())
        }
    }

    fn find_token(&self, token: &str) -> Option<(Arc<Key>, Box<str>)> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (multi_region, rest) = bytes.split_first()?;
        let (key, grant) = rest.split_first_chunk::<16>()?;
        let key = self.find_id(KeyId::from_bytes(*key, *multi_region == 1)).ok()?;
        Some((key, hex(grant).into()))
    }

    fn root_arn(&self) -> String {
        let partition = partition_of(&self.place.region);
        format!("arn:{partition}:iam::{}:root", self.place.account)
    }
}

impl Key {
    /// Whether a grant lets a principal do something.
    pub(super) fn grants_let(
        &self,
        principal: &Principal,
        action: Action,
        context: Option<&KmsContext>,
    ) -> bool {
        read(&self.inner).grants.values().any(|grant| {
            let terms = &grant.terms;
            terms.allow(action) && principal.is_named(&terms.grantee) && terms.fit(context)
        })
    }

    /// Whether a grant lets a principal make another grant.
    pub(super) fn grants_let_grant(&self, principal: &Principal, terms: &Terms) -> bool {
        read(&self.inner).grants.values().any(|grant| {
            let own = &grant.terms;
            own.allow(Action::CreateGrant) && principal.is_named(&own.grantee) && own.cover(terms)
        })
    }

    fn grant(&self, id: &str) -> Result<Arc<Grant>, KmsError> {
        if !is_grant_id(id) {
            return Err(KmsErrorCode::InvalidGrantId.into());
        }
        let missing = || KmsError::with_message(KmsErrorCode::NotFound, format!("Grant ID {id} not found"));
        read(&self.inner).grants.get(id).cloned().ok_or_else(missing)
    }

    fn end_grant(&self, id: &str, dry_run: bool) {
        if !dry_run {
            write(&self.inner).grants.remove(id);
        }
    }
}

fn token_of(key: KeyId, grant_id: &str) -> String {
    let mut bytes = vec![u8::from(key.is_multi_region())];
    bytes.extend_from_slice(key.as_bytes());
    let digits = grant_id.as_bytes().chunks_exact(2);
    bytes.extend(digits.filter_map(|pair| u8::from_str_radix(core::str::from_utf8(pair).ok()?, 16).ok()));
    URL_SAFE_NO_PAD.encode(bytes)
}
