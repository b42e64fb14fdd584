//! Keys that are in several Regions: one key material, one id.
use std::{
    collections::BTreeMap,
    sync::{Arc, RwLock},
};

use super::{
    Engine,
    key::{Inner, Key, Status},
    managing::NewKey,
    metadata::KeyMetadata,
    store::Names,
    tags,
};
use crate::{
    KmsError, KmsErrorCode,
    access::{Action, Asker, Details, KindOfKey},
    locks::{read, write},
};

/// What `ReplicateKey` answers: the new key, its policy, its tags.
pub(crate) type Replicated = (KeyMetadata, Box<str>, Vec<(String, String)>);

impl Engine {
    /// Makes a key of another Region of this key's family. What the new key has of its own is told; it takes over
    /// nothing but the key material.
    pub(crate) fn replicate_key(
        &self,
        asker: &Asker<'_>,
        key_id: &str,
        there: &Self,
        new: &NewKey,
    ) -> Result<Replicated, KmsError> {
        let asked = Details {
            replica_region: Some(&there.place.region),
            ..Details::default()
        };
        let key = self.primary(asker, Action::ReplicateKey, key_id, asked)?;
        let details = new.details(KindOfKey::Replica);
        there.authorize_new(asker, key.id, details)?;
        key.usable()?;
        new.check()?;
        let tags = tags::check(&new.tags)?;
        let policy = there.new_policy(asker, None, new.policy.as_deref(), details)?;
        let (now, region) = (there.clock.unix(), &there.place.region);
        let replica = Arc::new(Key {
            id: key.id,
            arn: there.place.key_arn(key.id),
            region: Arc::clone(region),
            created: now,
            is_aws_managed: false,
            shared: Arc::clone(&key.shared),
            inner: RwLock::new(Inner {
                status: Status::Enabled,
                description: new.description.as_str().into(),
                policy: Arc::clone(&policy),
                tags,
                grants: BTreeMap::new(),
            }),
        });
        let mut keys = write(&there.keys);
        if keys
            .get(&key.id)
            .is_some_and(|existing| !existing.is_deleted(now))
        {
            let message = format!("{} exists already.", replica.arn);
            return Err(KmsError::with_message(KmsErrorCode::AlreadyExists, message));
        }
        keys.insert(key.id, Arc::clone(&replica));
        drop(keys);
        key.shared
            .change_family(|family| family.members.insert(Arc::clone(region), None));
        Ok((replica.metadata(now)?, policy.text().into(), new.tags.clone()))
    }

    /// Makes another Region's key the primary; this Region's becomes a replica.
    pub(crate) fn update_primary_region(
        &self,
        asker: &Asker<'_>,
        key_id: &str,
        there: &Self,
    ) -> Result<(), KmsError> {
        let asked = Details {
            primary_region: Some(&there.place.region),
            ..Details::default()
        };
        let key = self.primary(asker, Action::UpdatePrimaryRegion, key_id, asked)?;
        key.usable()?;
        let region = &*there.place.region;
        let no_replica = || {
            let message = format!("{} has no replica in {region}.", key.arn);
            KmsError::with_message(KmsErrorCode::NotFound, message)
        };
        let replica = there.find_id(key.id).map_err(|_missing| no_replica())?;
        // Both keys are changed, so that leave is needed for both.
        there.authorize(asker, Action::UpdatePrimaryRegion, &replica, asked)?;
        replica.usable()?;
        let now = self.clock.unix();
        let moved = key.shared.change_family(|family| {
            let replica = family.replicas(now).find(|own| ***own == *region).cloned();
            replica.map(|replica| family.primary = replica)
        });
        moved.flatten().ok_or_else(no_replica)
    }

    fn primary(
        &self,
        asker: &Asker<'_>,
        action: Action,
        key_id: &str,
        details: Details<'_>,
    ) -> Result<Arc<Key>, KmsError> {
        let key = self.find(key_id, Names::NoAlias)?;
        self.authorize(asker, action, &key, details)?;
        match key.shared.family() {
            Some(family) if family.primary == key.region => Ok(key),
            _ => Err(KmsError::with_message(
                KmsErrorCode::UnsupportedOperation,
                format!("{} is not a multi-Region primary key.", key.arn),
            )),
        }
    }

    /// How many keys there are, deleted ones aside.
    pub(crate) fn key_count(&self) -> usize {
        let now = self.clock.unix();
        read(&self.keys)
            .values()
            .filter(|key| !key.is_deleted(now))
            .count()
    }
}
