//! The operations on keys themselves.
use std::{sync::Arc, time::Duration};

use super::{
    Engine, Key,
    key::KeyMetadata,
    store::{Names, constraint},
    write,
};
use crate::{KmsError, KmsErrorCode, arn::KeyId};

const MAX_DESCRIPTION_LEN: usize = 8192;
const MAX_ALIAS_LEN: usize = 256;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The most keys that one page of `ListKeys` has.
#[cfg(feature = "http")]
pub(crate) const MAX_LISTED_KEYS: usize = 1000;

/// One page of `ListKeys`.
#[cfg(feature = "http")]
#[derive(Debug)]
pub(crate) struct KeyList {
    /// Ids and ARNs.
    pub(crate) keys: Vec<(String, Arc<str>)>,
    /// Where the next page starts.
    pub(crate) next: Option<String>,
}

impl Engine {
    pub(crate) fn create_key(&self, description: &str) -> Result<KeyMetadata, KmsError> {
        if description.len() > MAX_DESCRIPTION_LEN {
            let rule = format!("Member must have length less than or equal to {MAX_DESCRIPTION_LEN}");
            return Err(constraint("description", "...", &rule));
        }
        let internal = |_no_random| KmsErrorCode::Internal;
        let id = KeyId::random().map_err(internal)?;
        let key =
            Key::new(id, self.place.key_arn(id), description.into(), self.clock.unix()).map_err(internal)?;
        let metadata = key.metadata();
        write(&self.keys).insert(id, Arc::new(key));
        Ok(metadata)
    }

    pub(crate) fn describe_key(&self, key_id: &str) -> Result<KeyMetadata, KmsError> {
        Ok(self.find(key_id, Names::All)?.metadata())
    }

    #[cfg(feature = "http")]
    pub(crate) fn list_keys(&self, limit: usize, marker: Option<&str>) -> Result<KeyList, KmsError> {
        if limit == 0 || limit > MAX_LISTED_KEYS {
            let rule = "Member must have value between 1 and 1000";
            return Err(constraint("limit", &limit.to_string(), rule));
        }
        let after = marker
            .map(|text| KeyId::parse(text).ok_or(KmsErrorCode::InvalidMarker))
            .transpose()?;
        let now = self.clock.unix();
        let mut all: Vec<(KeyId, Arc<str>)> = super::read(&self.keys)
            .values()
            .filter(|key| !key.is_deleted(now) && after.is_none_or(|after| key.id > after))
            .map(|key| (key.id, Arc::clone(&key.arn)))
            .collect();
        all.sort_unstable_by_key(|(id, _)| *id);
        let more = all.len() > limit;
        all.truncate(limit);
        let next = if more {
            all.last().map(|(id, _)| id.to_string())
        } else {
            None
        };
        let keys = all.into_iter().map(|(id, arn)| (id.to_string(), arn)).collect();
        Ok(KeyList { keys, next })
    }

    pub(crate) fn create_alias(&self, name: &str, target: &str) -> Result<(), KmsError> {
        check_alias(name)?;
        let key = self.find(target, Names::NoAlias)?;
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
        aliases.insert(name.into(), key.id);
        Ok(())
    }

    pub(crate) fn set_enabled(&self, key_id: &str, enabled: bool) -> Result<(), KmsError> {
        self.find(key_id, Names::NoAlias)?.set_enabled(enabled)
    }

    pub(crate) fn schedule_key_deletion(&self, key_id: &str, days: u32) -> Result<KeyMetadata, KmsError> {
        if !(7..=30).contains(&days) {
            let rule = "Member must have value between 7 and 30";
            return Err(constraint("pendingWindowInDays", &days.to_string(), rule));
        }
        let key = self.find(key_id, Names::NoAlias)?;
        key.schedule_deletion(self.clock.unix().saturating_add(DAY.saturating_mul(days)))?;
        Ok(key.metadata())
    }

    pub(crate) fn cancel_key_deletion(&self, key_id: &str) -> Result<Arc<str>, KmsError> {
        let key = self.find(key_id, Names::NoAlias)?;
        key.cancel_deletion()?;
        Ok(Arc::clone(&key.arn))
    }

    pub(crate) fn rotate_key(&self, key_id: &str) -> Result<Arc<str>, KmsError> {
        let key = self.find(key_id, Names::NoAlias)?;
        key.rotate()?;
        Ok(Arc::clone(&key.arn))
    }
}

fn check_alias(name: &str) -> Result<(), KmsError> {
    let rest = name.strip_prefix("alias/").unwrap_or_default();
    let valid = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'_' | b'-');
    if rest.is_empty() || name.len() > MAX_ALIAS_LEN || !rest.bytes().all(valid) {
        return Err(KmsError::with_message(
            KmsErrorCode::InvalidAliasName,
            "An alias is \"alias/\" and letters, digits, slashes, dashes and underscores, 256 characters at most.",
        ));
    }
    if rest.starts_with("aws/") {
        return Err(KmsError::with_message(
            KmsErrorCode::InvalidAliasName,
            "Names that start with \"alias/aws/\" are reserved.",
        ));
    }
    Ok(())
}
