//! A key's tags.
use std::collections::BTreeMap;

use super::{
    Engine,
    listing::{Page, PageLen, Paging},
    store::Names,
};
use crate::{
    KmsError, KmsErrorCode,
    access::{Action, Asker, Details},
    locks::{read, write},
};

const MAX_TAGS: usize = 50;
const MAX_KEY_LEN: usize = 128;
const MAX_VALUE_LEN: usize = 256;
const PAGE: PageLen = PageLen { usual: 50, most: 50 };

/// Tags as requests have them.
pub(crate) type TagList<'a> = &'a [(String, String)];

impl Engine {
    pub(crate) fn tag_resource(
        &self,
        asker: &Asker<'_>,
        key_id: &str,
        tags: TagList<'_>,
    ) -> Result<(), KmsError> {
        let key = self.find(key_id, Names::NoAlias)?;
        let details = Details {
            tags,
            ..Details::default()
        };
        self.authorize(asker, Action::TagResource, &key, details)?;
        let new = check(tags)?;
        key.not_pending_deletion()?;
        let mut inner = write(&key.inner);
        let added = new.keys().filter(|name| !inner.tags.contains_key(*name)).count();
        if inner.tags.len().saturating_add(added) > MAX_TAGS {
            return Err(too_many());
        }
        inner.tags.extend(new);
        Ok(())
    }

    pub(crate) fn untag_resource(
        &self,
        asker: &Asker<'_>,
        key_id: &str,
        names: &[String],
    ) -> Result<(), KmsError> {
        let key = self.find(key_id, Names::NoAlias)?;
        let details = Details {
            tag_names: names,
            ..Details::default()
        };
        self.authorize(asker, Action::UntagResource, &key, details)?;
        key.not_pending_deletion()?;
        let mut inner = write(&key.inner);
        for name in names {
            inner.tags.remove(name.as_str());
        }
        Ok(())
    }

    pub(crate) fn list_resource_tags(
        &self,
        asker: &Asker<'_>,
        key_id: &str,
        paging: &Paging<'_>,
    ) -> Result<Page<(String, String)>, KmsError> {
        let key = self.find(key_id, Names::NoAlias)?;
        self.authorize(asker, Action::ListResourceTags, &key, Details::default())?;
        let inner = read(&key.inner);
        let tags = inner
            .tags
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_string()));
        paging.cut(
            PAGE,
            tags,
            |(name, _)| name.clone(),
            |name| name.len() <= MAX_KEY_LEN * 4,
        )
    }
}

/// Tags that a key may have: no two of one name, none of a reserved name, not too many.
pub(super) fn check(tags: TagList<'_>) -> Result<BTreeMap<Box<str>, Box<str>>, KmsError> {
    let mut checked = BTreeMap::new();
    for (name, value) in tags {
        if name.is_empty() || name.chars().count() > MAX_KEY_LEN || value.chars().count() > MAX_VALUE_LEN {
            return Err(refuse(
                "A tag's key has 1 to 128 characters, its value at most 256.",
            ));
        }
        if name
            .get(..4)
            .is_some_and(|start| start.eq_ignore_ascii_case("aws:"))
        {
            return Err(refuse("Tags that start with aws: are reserved."));
        }
        if checked
            .insert(name.as_str().into(), value.as_str().into())
            .is_some()
        {
            return Err(refuse("Duplicate tag keys."));
        }
    }
    if checked.len() > MAX_TAGS {
        Err(too_many())
    } else {
        Ok(checked)
    }
}

fn refuse(message: &str) -> KmsError {
    KmsError::with_message(KmsErrorCode::Tag, message)
}

fn too_many() -> KmsError {
    let message = format!("A key has {MAX_TAGS} tags at most.");
    KmsError::with_message(KmsErrorCode::LimitExceeded, message)
}
