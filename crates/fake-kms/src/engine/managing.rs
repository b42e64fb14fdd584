//! The operations on keys themselves.
use std::{
    collections::BTreeMap,
    sync::{Arc, RwLock},
};

use super::{
    Engine,
    key::{Inner, Key, Status},
    listing::{Page, PageLen, Paging},
    material::Shared,
    metadata::KeyMetadata,
    store::Names,
    tags,
};
use crate::{
    KmsError, KmsErrorCode,
    access::{Action, Asker, Details, KindOfKey},
    arn::KeyId,
    error::constraint,
    locks::{read, write},
};

const MAX_DESCRIPTION_LEN: usize = 8192;
/// The resource quota of KMS, which bounds what the fake keeps, too.
const MAX_KEYS: usize = 100_000;
const PAGE: PageLen = PageLen {
    usual: 100,
    most: 1000,
};

/// What a new key is told; all of it can be left out.
///
/// ```
/// use datakey_fake_kms::{FakeKms, NewKey};
///
/// let fake = FakeKms::new();
/// let key = fake.create_key_with(&NewKey::new().description("orders").tag("team", "shop").multi_region())?;
/// assert!(key.contains(":key/mrk-"));
/// # Ok::<(), datakey_fake_kms::KmsError>(())
/// ```
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct NewKey {
    pub(crate) description: String,
    pub(crate) multi_region: bool,
    pub(crate) tags: Vec<(String, String)>,
    pub(crate) policy: Option<String>,
    pub(crate) bypass_lockout_check: Option<bool>,
}

impl NewKey {
    /// A key without a description, of one Region, with the usual policy.
    pub fn new() -> Self {
        Self::default()
    }

    /// What it is for, in at most 8,192 bytes.
    pub fn description(mut self, text: &str) -> Self {
        text.clone_into(&mut self.description);
        self
    }

    /// The primary of a multi-Region key.
    ///
    /// Its id begins with `mrk-`, and [`FakeKms::replicate_key`](crate::FakeKms::replicate_key) makes replicas of it. A key cannot become
    /// one later.
    pub fn multi_region(mut self) -> Self {
        self.multi_region = true;
        self
    }

    /// A tag more.
    ///
    /// Policies find it under `aws:ResourceTag/`. The limits are those of KMS: names are unique, and none begins with `aws:`.
    pub fn tag(mut self, key: &str, value: &str) -> Self {
        self.tags.push((key.to_owned(), value.to_owned()));
        self
    }

    /// A key policy, in JSON.
    ///
    /// Without one the key has that of KMS, which leaves all to the account's own policies. What it does not read or cannot evaluate is
    /// refused when the key is made:
    ///
    /// ```
    /// use datakey_fake_kms::{FakeKms, KmsErrorCode, NewKey};
    ///
    /// let fake = FakeKms::new();
    /// let refused = fake.create_key_with(&NewKey::new().policy(r#"{"Statement": "everybody"}"#)).unwrap_err();
    /// assert_eq!(refused.code(), KmsErrorCode::MalformedPolicy);
    /// ```
    pub fn policy(mut self, json: &str) -> Self {
        self.policy = Some(json.to_owned());
        self
    }

    pub(super) fn check(&self) -> Result<(), KmsError> {
        check_description(&self.description)
    }

    pub(super) fn details(&self, kind: KindOfKey) -> Details<'_> {
        Details {
            new_key: Some(kind),
            tags: &self.tags,
            bypasses_lockout_check: self.bypass_lockout_check,
            ..Details::default()
        }
    }
}

impl Engine {
    pub(crate) fn create_key(&self, asker: &Asker<'_>, new: &NewKey) -> Result<KeyMetadata, KmsError> {
        let internal = |_no_random| KmsErrorCode::Internal;
        let id = KeyId::random(new.multi_region).map_err(internal)?;
        let details = new.details(if new.multi_region {
            KindOfKey::Primary
        } else {
            KindOfKey::OneRegion
        });
        self.authorize_new(asker, id, details)?;
        new.check()?;
        let tags = tags::check(&new.tags)?;
        let policy = self.new_policy(asker, None, new.policy.as_deref(), details)?;
        let region = &self.place.region;
        let now = self.clock.unix();
        let key = Key {
            id,
            arn: self.place.key_arn(id),
            region: Arc::clone(region),
            created: now,
            is_aws_managed: false,
            shared: Arc::new(Shared::new(new.multi_region.then(|| Arc::clone(region))).map_err(internal)?),
            inner: RwLock::new(Inner {
                status: Status::Enabled,
                description: new.description.as_str().into(),
                policy,
                tags,
                grants: BTreeMap::new(),
            }),
        };
        let metadata = key.metadata(now)?;
        let mut keys = write(&self.keys);
        if keys.len() >= MAX_KEYS {
            let message = format!("The account has {MAX_KEYS} keys in this Region already.");
            return Err(KmsError::with_message(KmsErrorCode::LimitExceeded, message));
        }
        keys.insert(id, Arc::new(key));
        Ok(metadata)
    }

    pub(crate) fn describe_key(&self, asker: &Asker<'_>, key_id: &str) -> Result<KeyMetadata, KmsError> {
        self.make_if_of_service(key_id)?;
        let key = self.find(key_id, Names::All)?;
        let details = Details {
            named: Some(key_id),
            ..Details::default()
        };
        self.authorize(asker, Action::DescribeKey, &key, details)?;
        key.metadata(self.clock.unix())
    }

    /// Ids and ARNs.
    pub(crate) fn list_keys(
        &self,
        asker: &Asker<'_>,
        paging: &Paging<'_>,
    ) -> Result<Page<(String, Arc<str>)>, KmsError> {
        self.authorize_account(asker, Action::ListKeys, Details::default())?;
        let now = self.clock.unix();
        let keys = read(&self.keys);
        let there = keys.values().filter(|key| !key.is_deleted(now));
        let mut all: Vec<_> = there
            .map(|key| (key.id.to_string(), Arc::clone(&key.arn)))
            .collect();
        all.sort_unstable();
        paging.cut(
            PAGE,
            all,
            |(id, _)| id.clone(),
            |name| KeyId::parse(name).is_some(),
        )
    }

    pub(crate) fn update_key_description(
        &self,
        asker: &Asker<'_>,
        key_id: &str,
        description: &str,
    ) -> Result<(), KmsError> {
        check_description(description)?;
        let key = self.find(key_id, Names::NoAlias)?;
        self.authorize(asker, Action::UpdateKeyDescription, &key, Details::default())?;
        key.not_pending_deletion()?;
        write(&key.inner).description = description.into();
        Ok(())
    }

    pub(crate) fn set_enabled(&self, asker: &Asker<'_>, key_id: &str, enabled: bool) -> Result<(), KmsError> {
        let key = self.find(key_id, Names::NoAlias)?;
        let action = if enabled {
            Action::EnableKey
        } else {
            Action::DisableKey
        };
        self.authorize(asker, action, &key, Details::default())?;
        key.set_enabled(self.clock.unix(), enabled)
    }

    pub(crate) fn schedule_key_deletion(
        &self,
        asker: &Asker<'_>,
        key_id: &str,
        days: i64,
    ) -> Result<KeyMetadata, KmsError> {
        let Some(days) = u32::try_from(days).ok().filter(|days| (7..=30).contains(days)) else {
            // The front end lets 1 to 365 days through; KMS itself does not.
            let rule = match days {
                1..=365 => "Member must have value between 7 and 30",
                ..1 => "Member must have value greater than or equal to 1",
                _ => "Member must have value less than or equal to 365",
            };
            return Err(constraint("pendingWindowInDays", &days.to_string(), rule));
        };
        let key = self.find(key_id, Names::NoAlias)?;
        let details = Details {
            waiting_days: Some(i64::from(days)),
            ..Details::default()
        };
        self.authorize(asker, Action::ScheduleKeyDeletion, &key, details)?;
        let now = self.clock.unix();
        key.schedule_deletion(now, days)?;
        key.metadata(now)
    }

    pub(crate) fn cancel_key_deletion(&self, asker: &Asker<'_>, key_id: &str) -> Result<Arc<str>, KmsError> {
        let key = self.find(key_id, Names::NoAlias)?;
        self.authorize(asker, Action::CancelKeyDeletion, &key, Details::default())?;
        key.cancel_deletion(self.clock.unix())?;
        Ok(Arc::clone(&key.arn))
    }
}

fn check_description(text: &str) -> Result<(), KmsError> {
    if text.len() <= MAX_DESCRIPTION_LEN {
        return Ok(());
    }
    let rule = format!("Member must have length less than or equal to {MAX_DESCRIPTION_LEN}");
    Err(constraint("description", "...", &rule))
}
