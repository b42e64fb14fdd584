//! What a host is made of: the real keyring over the real retries or branch keys, over the emulator.
use std::{num::NonZeroUsize, ops::Deref, sync::Arc, time::Duration};

use datakey_branch_keys::{BranchKeyId, BranchKeyLimits, BranchKeys, BranchKeysBuilder};
use datakey_fake_kms::FakeKmsProvider;
use datakey_keyring::{
    DEFAULT_MAX_QUEUED, Held, KeyringError, MissReason, OpeningKeyring, OpeningLimits, SealingKeyring,
    SealingLimits, SealingMaterial as _, Usage,
};
use datakey_provider::{DataKeyLength, EncryptionContext, OpeningProvider, SealingProvider, WrappedKeys};
use datakey_retry::{Backoff, Budget, Policy, Retry as Retrying};

use crate::{
    Limit, Part, Retry,
    material::{CountedOpening, CountedSealing, SealingKey},
    seeds::{Role, random},
    tally::Tally,
    world::{Table, World},
};

/// Why a stack cannot be built.
pub(crate) type Refusal = Box<dyn std::error::Error + Send + Sync>;

/// What a host has its keys from to seal.
#[derive(Clone)]
pub(crate) enum Sealing {
    /// A cache.
    Kept(SealingKeyring<CountedSealing>),
    /// A call for each.
    Asked(Arc<dyn SealingProvider>, Arc<CountedSealing>),
}

/// What a host has its keys from to open.
#[derive(Clone)]
pub(crate) enum Opening {
    /// A cache.
    Kept(OpeningKeyring<CountedOpening>),
    /// A call for each.
    Asked(Arc<dyn OpeningProvider>),
}

/// A data key in use to seal.
pub(crate) enum InUse {
    /// Others have it too.
    Shared(Held<SealingKey>),
    /// Nobody else has it.
    Own(SealingKey),
}

impl Deref for InUse {
    type Target = SealingKey;

    fn deref(&self) -> &SealingKey {
        match self {
            Self::Shared(held) => held,
            Self::Own(key) => key,
        }
    }
}

impl Sealing {
    /// A key that is there.
    pub(crate) fn try_key(&self, context: &EncryptionContext, usage: Usage) -> Option<InUse> {
        match self {
            Self::Kept(keyring) => keyring.try_key(context, usage).map(InUse::Shared),
            Self::Asked(..) => None,
        }
    }

    /// A key, for which it may take a call.
    pub(crate) async fn key(&self, context: &EncryptionContext, usage: Usage) -> Result<InUse, KeyringError> {
        match self {
            Self::Kept(keyring) => keyring.key(context, usage).await.map(InUse::Shared),
            Self::Asked(provider, material) => {
                let made = provider
                    .generate_data_key(context, DataKeyLength::Bytes32)
                    .await?;
                Ok(InUse::Own(material.prepare(made, context)?))
            }
        }
    }
}

impl Opening {
    /// Whether there is a key that opens.
    pub(crate) fn has_key(&self, context: &EncryptionContext, wrapped: &WrappedKeys) -> bool {
        match self {
            Self::Kept(keyring) => keyring.try_key(context, wrapped).is_some(),
            Self::Asked(_) => false,
        }
    }

    /// Looks for a key that opens, for which it may take a call.
    pub(crate) async fn open(
        &self,
        context: &EncryptionContext,
        wrapped: &WrappedKeys,
    ) -> Result<(), KeyringError> {
        match self {
            Self::Kept(keyring) => drop(keyring.key(context, wrapped).await?),
            Self::Asked(provider) => drop(provider.decrypt(context, wrapped.first()).await?),
        }
        Ok(())
    }
}

/// The keyring of a host that seals as a part of the strategy says. `number` is another for each process.
pub(crate) fn sealing(world: &World, place: usize, part: &Part, number: u64) -> Result<Sealing, Refusal> {
    let provider: Arc<dyn SealingProvider> = if part.branch_keys.is_some() {
        Arc::new(branch_keys(world, place, part, Role::SealingRetry, number).build_sealing()?)
    } else {
        let policy = policy(world, &part.retry, Role::SealingRetry, number);
        Arc::new(Retrying::new(world.kms.clone(), policy))
    };
    let material = CountedSealing {
        tally: Arc::clone(&world.tally),
        limits: part.cache,
    };
    let Some(cache) = &part.cache else {
        return Ok(Sealing::Asked(provider, Arc::new(material)));
    };
    let limits = SealingLimits::default()
        .with_soft_age(cache.soft_age.duration())
        .with_hard_age(cache.hard_age.duration())
        .with_max_messages(cache.messages)
        .with_max_bytes(cache.bytes)
        .with_max_contexts(size(cache.contexts));
    let keyring = SealingKeyring::builder()
        .material(material)
        .limits(limits)
        .seed(world.seed(Role::SealingKeyring, number))
        .max_queued(queued(world.scenario.fleet.callers))
        .build(provider)?;
    Ok(Sealing::Kept(keyring))
}

/// The keyring of a reader for what this part of the fleet sealed.
pub(crate) fn opening(world: &World, place: usize, part: &Part, number: u64) -> Result<Opening, Refusal> {
    let provider: Arc<dyn OpeningProvider> = if part.branch_keys.is_some() {
        Arc::new(branch_keys(world, place, part, Role::OpeningRetry, number).build_opening()?)
    } else {
        let policy = policy(world, &part.retry, Role::OpeningRetry, number);
        Arc::new(Retrying::new(world.kms.clone(), policy))
    };
    let Some(cache) = &part.cache else {
        return Ok(Opening::Asked(provider));
    };
    let limits = OpeningLimits::default()
        .with_ttl(cache.opening_age.duration())
        .with_max_keys(size(cache.opening_keys));
    let callers = world.scenario.readers.map_or(0, |readers| readers.callers);
    let keyring = OpeningKeyring::builder()
        .material(CountedOpening(Arc::clone(&world.tally)))
        .limits(limits)
        .seed(world.seed(Role::OpeningKeyring, number))
        .max_queued(queued(callers))
        .build(provider)?;
    Ok(Opening::Kept(keyring))
}

/// Room for all callers of a host, as its backlog is the bound that is played.
fn queued(callers: u32) -> usize {
    size(callers.into()).max(DEFAULT_MAX_QUEUED)
}

fn size(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

fn branch_keys(
    world: &World,
    place: usize,
    part: &Part,
    role: Role,
    number: u64,
) -> BranchKeysBuilder<Table, FakeKmsProvider> {
    let ids = world.branch_keys.get(place).cloned().unwrap_or_default();
    let keys = part.branch_keys.unwrap_or_default();
    let limits = BranchKeyLimits::default()
        .with_ages(keys.soft_age.duration(), keys.hard_age.duration())
        .with_max_keys(size(keys.keys));
    BranchKeys::builder(world.table.clone(), world.kms.clone())
        .choose(move |context| chosen(&ids, context))
        .limits(limits)
        .retry(policy(world, &part.retry, role, number))
        .store_retry(policy(world, &Retry::default(), Role::TableRetry, number))
        .seed(world.seed(Role::BranchKeys, number))
}

/// Tenants share the branch keys in turn.
fn chosen(ids: &[BranchKeyId], context: &EncryptionContext) -> Option<BranchKeyId> {
    let tenant: usize = context.get("tenant")?.parse().ok()?;
    let count = NonZeroUsize::new(ids.len())?;
    ids.get(tenant.checked_rem(count.get())?).cloned()
}

/// Throttled retries that the standard mode's tokens suffice for: 500 at five each.
const STANDARD_BUDGET: u32 = 100;

fn policy(world: &World, retry: &Retry, role: Role, number: u64) -> Policy {
    let policy = match *retry {
        Retry::None => Policy::never(),
        Retry::Standard => {
            let backoff = Backoff::full()
                .with_base(Duration::from_secs(1))
                .with_cap(Duration::from_secs(20));
            let budget = Budget::builder()
                .with_capacity(STANDARD_BUDGET)
                .with_refill_per_second(1)
                .build();
            Policy::default()
                .with_max_attempts(3)
                .with_throttled_backoff(backoff)
                .with_transient_backoff(backoff)
                .with_budget(budget)
                .without_deadline()
                .without_adaptive_rate()
                .without_breaker()
        }
        Retry::Datakey {
            deadline,
            attempts,
            budget,
            budget_per_second,
            adaptive_rate,
        } => {
            let budget = Budget::builder()
                .with_capacity(budget)
                .with_refill_per_second(budget_per_second)
                .build();
            let policy = Policy::default()
                .with_deadline(deadline.duration())
                .with_max_attempts(attempts)
                .with_budget(budget);
            if adaptive_rate {
                policy
            } else {
                policy.without_adaptive_rate()
            }
        }
    };
    policy.with_random(random(world.scenario.seed, role, number))
}

/// Adds the limits that a keyring met to the tally.
pub(crate) fn tell_sealing(keyring: &Sealing, tally: &Tally) {
    if let Sealing::Kept(keyring) = keyring {
        tally.limits.add(Limit::SealingKeys, keyring.stats().evicted);
    }
}

/// Adds the limits that a keyring met to the tally.
pub(crate) fn tell_opening(keyring: &Opening, tally: &Tally) {
    let Opening::Kept(keyring) = keyring else {
        return;
    };
    let stats = keyring.stats();
    let aged = stats.misses.of(MissReason::Age).saturating_add(stats.refreshes);
    tally.limits.add(Limit::OpeningAge, aged);
    tally.limits.add(Limit::OpeningKeys, stats.evicted);
}
