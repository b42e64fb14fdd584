//! The operations on aliases.
use std::sync::Arc;

use super::{
    Engine,
    alias::Alias,
    key::Key,
    listing::{Page, PageLen, Paging},
    store::Names,
};
use crate::{
    KmsError, KmsErrorCode,
    access::{Action, Asker, Details},
    arn::KeyId,
    error::constraint,
    locks::{read, write},
};

const PREFIX: &str = "alias/";
const MAX_LEN: usize = 256;
const MAX_PER_KEY: usize = 50;
const PAGE: PageLen = PageLen { usual: 50, most: 100 };

impl Engine {
    pub(crate) fn create_alias(&self, asker: &Asker<'_>, name: &str, target: &str) -> Result<(), KmsError> {
        check_name(name)?;
        let key = self.alias_target(target)?;
        self.authorize_alias(asker, Action::CreateAlias, name)?;
        self.authorize(asker, Action::CreateAlias, &key, Details::default())?;
        key.not_pending_deletion()?;
        // An alias whose key is gone is forgotten here, so that its name is free.
        let _it_may_be_there = self.find_alias(name);
        let now = self.clock.unix();
        let mut aliases = write(&self.aliases);
        if aliases.contains_key(name) {
            return Err(KmsError::with_message(
                KmsErrorCode::AlreadyExists,
                format!(
                    "An alias with the name {} already exists",
                    self.place.alias_arn(name)
                ),
            ));
        }
        if aliases.values().filter(|alias| alias.target == key.id).count() >= MAX_PER_KEY {
            let message = format!("{} has {MAX_PER_KEY} aliases already.", key.arn);
            return Err(KmsError::with_message(KmsErrorCode::LimitExceeded, message));
        }
        let alias = Alias {
            target: key.id,
            created: now,
            updated: now,
        };
        aliases.insert(name.into(), alias);
        Ok(())
    }

    pub(crate) fn update_alias(&self, asker: &Asker<'_>, name: &str, target: &str) -> Result<(), KmsError> {
        check_name(name)?;
        let key = self.alias_target(target)?;
        self.authorize_alias(asker, Action::UpdateAlias, name)?;
        self.authorize(asker, Action::UpdateAlias, &key, Details::default())?;
        self.authorize(
            asker,
            Action::UpdateAlias,
            &*self.find_alias(name)?,
            Details::default(),
        )?;
        key.not_pending_deletion()?;
        if let Some(alias) = write(&self.aliases).get_mut(name) {
            alias.target = key.id;
            alias.updated = self.clock.unix();
        }
        Ok(())
    }

    pub(crate) fn delete_alias(&self, asker: &Asker<'_>, name: &str) -> Result<(), KmsError> {
        check_name(name)?;
        self.authorize_alias(asker, Action::DeleteAlias, name)?;
        self.authorize(
            asker,
            Action::DeleteAlias,
            &*self.find_alias(name)?,
            Details::default(),
        )?;
        write(&self.aliases).remove(name);
        Ok(())
    }

    pub(crate) fn list_aliases(
        &self,
        asker: &Asker<'_>,
        key_id: Option<&str>,
        paging: &Paging<'_>,
    ) -> Result<Page<(String, Alias)>, KmsError> {
        self.authorize_account(asker, Action::ListAliases, Details::default())?;
        let key = key_id.map(|text| self.find(text, Names::NoAlias)).transpose()?;
        let now = self.clock.unix();
        let keys = read(&self.keys);
        let is_there = |id: &KeyId| keys.get(id).is_some_and(|key| !key.is_deleted(now));
        let aliases = read(&self.aliases);
        let listed = aliases
            .iter()
            .filter(|(_, alias)| {
                key.as_ref().is_none_or(|key| key.id == alias.target) && is_there(&alias.target)
            })
            .map(|(name, alias)| (name.to_string(), *alias));
        paging.cut(
            PAGE,
            listed,
            |(name, _)| name.clone(),
            |name| name.starts_with(PREFIX),
        )
    }

    fn alias_target(&self, text: &str) -> Result<Arc<Key>, KmsError> {
        if text.starts_with(PREFIX) || text.contains(":alias/") {
            return Err(validation("Aliases must refer to keys. Not aliases"));
        }
        self.find(text, Names::NoAlias)
    }
}

fn check_name(name: &str) -> Result<(), KmsError> {
    if name.is_empty() || name.len() > MAX_LEN {
        let bound = if name.is_empty() {
            "greater than or equal to 1"
        } else {
            "less than or equal to 256"
        };
        return Err(constraint(
            "aliasName",
            name,
            &format!("Member must have length {bound}"),
        ));
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'/' | b'_' | b'-');
    if !name.bytes().all(allowed) {
        let rule = "Member must satisfy regular expression pattern: ^[a-zA-Z0-9:/_-]+$";
        return Err(constraint("aliasName", name, rule));
    }
    let Some(rest) = name.strip_prefix(PREFIX) else {
        return Err(validation(
            "Alias must start with the prefix \"alias/\". Please see \
             https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html",
        ));
    };
    if rest.starts_with("aws/") {
        return Err(KmsErrorCode::NotAuthorized.into());
    }
    if rest.is_empty() || rest.contains(':') {
        return Err(validation(&format!(
            "{name} contains invalid characters for an alias"
        )));
    }
    Ok(())
}

fn validation(message: &str) -> KmsError {
    KmsError::with_message(KmsErrorCode::Validation, message)
}
