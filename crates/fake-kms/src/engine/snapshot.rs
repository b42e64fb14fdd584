//! The keys of a Region as they are written down, and read back.
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, RwLock},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use datakey_provider::{DataKey, DataKeyLength};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize as _, Zeroizing};

use super::{
    Engine,
    alias::Alias,
    grant::{Grant, Terms},
    key::{Inner, Key, Status},
    material::{Family, Material, Rotation, Schedule, Shared},
};
use crate::{
    KmsContext,
    access::{Action, Policy},
    arn::KeyId,
    locks::{read, write},
};

/// The keys and aliases of a Region.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RegionRecord {
    keys: Vec<KeyRecord>,
    aliases: BTreeMap<String, AliasRecord>,
}

/// What the keys of a family have in common, by the id of the key.
pub(crate) type Families = BTreeMap<String, FamilyRecord>;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FamilyRecord {
    /// The first one first; the last one encrypts.
    materials: Vec<MaterialRecord>,
    schedule: Option<(u32, Duration)>,
    multi_region: Option<MembersRecord>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MembersRecord {
    primary: Arc<str>,
    members: BTreeMap<Arc<str>, Option<Duration>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MaterialRecord {
    number: u32,
    id: Arc<str>,
    rotated: Option<(Duration, bool)>,
    secret: Secret,
}

/// 32 bytes in base64, wiped with the record.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
struct Secret(String);

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyRecord {
    id: String,
    created: Duration,
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    is_aws_managed: bool,
    status: StatusRecord,
    description: Box<str>,
    policy: String,
    tags: BTreeMap<Box<str>, Box<str>>,
    grants: Vec<GrantRecord>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
enum StatusRecord {
    Enabled,
    Disabled,
    PendingDeletion(Duration),
    PendingReplicaDeletion(u32),
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AliasRecord {
    target: String,
    created: Duration,
    updated: Duration,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct GrantRecord {
    id: Box<str>,
    created: Duration,
    issuer: Box<str>,
    grantee: Box<str>,
    retiring: Option<Box<str>>,
    operations: Vec<String>,
    subset: Option<BTreeMap<String, String>>,
    equals: Option<BTreeMap<String, String>>,
    name: Option<Box<str>>,
}

/// What was read back.
pub(crate) struct Restored {
    keys: HashMap<KeyId, Arc<Key>>,
    aliases: BTreeMap<Box<str>, Alias>,
}

impl std::fmt::Debug for FamilyRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FamilyRecord").finish_non_exhaustive()
    }
}

impl Engine {
    /// Writes down the Region, and what its keys share with others into `families`.
    pub(crate) fn record(&self, families: &mut Families) -> RegionRecord {
        let now = self.clock.unix();
        let mut keys: Vec<Arc<Key>> = read(&self.keys).values().cloned().collect();
        keys.retain(|key| !key.is_deleted(now));
        keys.sort_by_key(|key| key.id);
        for key in &keys {
            families
                .entry(key.id.to_string())
                .or_insert_with(|| key.shared.record());
        }
        let there = |id: &KeyId| keys.iter().any(|key| key.id == *id);
        let aliases = read(&self.aliases);
        let aliases = aliases.iter().filter(|(_, alias)| there(&alias.target));
        RegionRecord {
            aliases: aliases
                .map(|(name, alias)| (name.to_string(), AliasRecord::of(alias)))
                .collect(),
            keys: keys.iter().map(|key| key.record()).collect(),
        }
    }

    /// Reads back what was written down.
    pub(crate) fn read_back(
        &self,
        record: RegionRecord,
        families: &HashMap<KeyId, Arc<Shared>>,
    ) -> Result<Restored, String> {
        let mut keys = HashMap::new();
        for key in record.keys {
            let id = KeyId::parse(&key.id).ok_or_else(|| format!("{:?} is not the id of a key", key.id))?;
            let shared = families
                .get(&id)
                .ok_or_else(|| format!("key {id} has no key material"))?;
            let restored = key.restore(id, Arc::clone(shared), self)?;
            if keys.insert(id, Arc::new(restored)).is_some() {
                return Err(format!("key {id} is there twice"));
            }
        }
        let mut aliases = BTreeMap::new();
        for (name, alias) in record.aliases {
            let target = KeyId::parse(&alias.target).filter(|id| keys.contains_key(id));
            let target = target.ok_or_else(|| format!("{name} names no key"))?;
            let AliasRecord { created, updated, .. } = alias;
            aliases.insert(
                name.into(),
                Alias {
                    target,
                    created,
                    updated,
                },
            );
        }
        Ok(Restored { keys, aliases })
    }

    /// Has these keys from here on, instead of those that are there.
    pub(crate) fn take_over(&self, restored: Restored) {
        *write(&self.keys) = restored.keys;
        *write(&self.aliases) = restored.aliases;
    }
}

/// Reads back what families share.
pub(crate) fn restore_families(families: Families) -> Result<HashMap<KeyId, Arc<Shared>>, String> {
    let mut restored = HashMap::new();
    for (id, family) in families {
        let known = KeyId::parse(&id).ok_or_else(|| format!("{id:?} is not the id of a key"))?;
        if known.is_multi_region() != family.multi_region.is_some() {
            return Err(format!("key {id} is a multi-Region key and is none"));
        }
        restored.insert(
            known,
            Arc::new(family.restore().map_err(|what| format!("key {id} {what}"))?),
        );
    }
    Ok(restored)
}

impl Shared {
    fn record(&self) -> FamilyRecord {
        let (materials, schedule) = self.as_it_is();
        FamilyRecord {
            materials: materials
                .iter()
                .map(|material| MaterialRecord::of(material))
                .collect(),
            schedule: schedule.map(|schedule| (schedule.period_days, schedule.next)),
            multi_region: self
                .family()
                .map(|Family { primary, members }| MembersRecord { primary, members }),
        }
    }
}

impl FamilyRecord {
    fn restore(self) -> Result<Shared, String> {
        let mut materials = Vec::new();
        for record in self.materials {
            let number = u32::try_from(materials.len()).map_err(|_too_many| "has too much key material")?;
            if record.number != number {
                return Err("has key material out of order".to_owned());
            }
            materials.push(Arc::new(record.restore()?));
        }
        let current = materials.pop().ok_or("has no key material")?;
        let schedule = self
            .schedule
            .map(|(period_days, next)| Schedule { period_days, next });
        let family = self
            .multi_region
            .map(|MembersRecord { primary, members }| Family { primary, members });
        Ok(Shared::restore(current, materials, schedule, family))
    }
}

impl MaterialRecord {
    fn of(material: &Material) -> Self {
        Self {
            number: material.number,
            id: Arc::clone(&material.id),
            rotated: material.rotated.map(|rotation| (rotation.at, rotation.automatic)),
            secret: Secret(STANDARD.encode(material.secret.expose_secret())),
        }
    }

    fn restore(self) -> Result<Material, String> {
        let bytes = STANDARD
            .decode(&self.secret.0)
            .map_err(|_names_bytes| "has key material that is not base64")?;
        let secret = DataKey::from_slice(&Zeroizing::new(bytes))
            .filter(|secret| secret.length() == DataKeyLength::Bytes32)
            .ok_or("has key material of another length")?;
        Ok(Material {
            number: self.number,
            id: self.id,
            rotated: self.rotated.map(|(at, automatic)| Rotation { at, automatic }),
            secret,
        })
    }
}

impl Key {
    fn record(&self) -> KeyRecord {
        let inner = read(&self.inner);
        KeyRecord {
            id: self.id.to_string(),
            created: self.created,
            is_aws_managed: self.is_aws_managed,
            status: match inner.status {
                Status::Enabled => StatusRecord::Enabled,
                Status::Disabled => StatusRecord::Disabled,
                Status::PendingDeletion { at } => StatusRecord::PendingDeletion(at),
                Status::PendingReplicaDeletion { days } => StatusRecord::PendingReplicaDeletion(days),
            },
            description: inner.description.clone(),
            policy: inner.policy.text().to_owned(),
            tags: inner.tags.clone(),
            grants: inner
                .grants
                .values()
                .map(|grant| GrantRecord::of(grant))
                .collect(),
        }
    }
}

impl KeyRecord {
    fn restore(self, id: KeyId, shared: Arc<Shared>, engine: &Engine) -> Result<Key, String> {
        let policy = Policy::of_key(&self.policy)
            .map_err(|error| format!("key {id} has a policy that is none: {error}"))?;
        let mut grants = BTreeMap::new();
        for grant in self.grants {
            let grant = grant.restore().map_err(|what| format!("key {id} {what}"))?;
            grants.insert(grant.id.clone(), Arc::new(grant));
        }
        let key = Key {
            id,
            arn: engine.place.key_arn(id),
            region: Arc::clone(&engine.place.region),
            created: self.created,
            is_aws_managed: self.is_aws_managed,
            shared,
            inner: RwLock::new(Inner {
                status: match self.status {
                    StatusRecord::Enabled => Status::Enabled,
                    StatusRecord::Disabled => Status::Disabled,
                    StatusRecord::PendingDeletion(at) => Status::PendingDeletion { at },
                    StatusRecord::PendingReplicaDeletion(days) => Status::PendingReplicaDeletion { days },
                },
                description: self.description,
                policy: Arc::new(policy),
                tags: self.tags,
                grants,
            }),
        };
        if key.is_primary() && key.usable().is_err() {
            key.shared.was_paused();
        }
        Ok(key)
    }
}

impl AliasRecord {
    fn of(alias: &Alias) -> Self {
        Self {
            target: alias.target.to_string(),
            created: alias.created,
            updated: alias.updated,
        }
    }
}

impl GrantRecord {
    fn of(grant: &Grant) -> Self {
        let pairs = |context: &KmsContext| -> BTreeMap<String, String> {
            context
                .iter()
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .collect()
        };
        let terms = &grant.terms;
        Self {
            id: grant.id.clone(),
            created: grant.created,
            issuer: grant.issuer.clone(),
            grantee: terms.grantee.clone(),
            retiring: terms.retiring.clone(),
            operations: terms
                .operations
                .iter()
                .map(|action| action.as_str().to_owned())
                .collect(),
            subset: terms.subset.as_ref().map(pairs),
            equals: terms.equals.as_ref().map(pairs),
            name: terms.name.clone(),
        }
    }

    fn restore(self) -> Result<Grant, String> {
        let context = |pairs: Option<BTreeMap<String, String>>| pairs.map(KmsContext::new).transpose();
        let operations = self.operations.iter().map(|name| {
            let found = Action::from_name(name).filter(|action| action.can_be_granted());
            found.ok_or_else(|| format!("has a grant of {name:?}, which grants cannot be for"))
        });
        let too_long = |_error| "has a grant whose constraints are too long".to_owned();
        Ok(Grant {
            id: self.id,
            created: self.created,
            issuer: self.issuer,
            terms: Terms {
                grantee: self.grantee,
                retiring: self.retiring,
                operations: operations.collect::<Result<_, _>>()?,
                subset: context(self.subset).map_err(too_long)?,
                equals: context(self.equals).map_err(too_long)?,
                name: self.name,
            },
        })
    }
}
