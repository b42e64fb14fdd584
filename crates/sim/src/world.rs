//! What the hosts of a strategy have in common: a KMS, the table of branch keys, the encryption contexts.
use std::{sync::Arc, time::Duration};

use datakey_branch_keys::{
    BranchKeyAdmin, BranchKeyId, Item, ItemKind, MemoryStore, NewBranchKey, ReadingStore,
};
use datakey_fake_kms::{FakeKms, FakeKmsProvider, KmsOperation, Quota};
use datakey_provider::{EncryptionContext, ProviderError, async_trait};
use futures_util::FutureExt as _;
use tokio::time::{Instant, sleep, sleep_until};

use crate::{
    Error, Neighbour, Scenario, Strategy,
    seeds::{Role, seed},
    tally::Tally,
};

/// What the hosts of a strategy have in common.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) scenario: Scenario,
    pub(crate) tally: Arc<Tally>,
    pub(crate) kms: FakeKmsProvider,
    pub(crate) table: Table,
    /// Those of each part of the strategy.
    pub(crate) branch_keys: Vec<Arc<[BranchKeyId]>>,
    pub(crate) began: Instant,
}

/// The table of branch keys, which takes its time.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    inner: MemoryStore,
    latency: Duration,
}

#[async_trait]
impl ReadingStore for Table {
    async fn get(&self, id: &BranchKeyId, kind: ItemKind) -> Result<Option<Item>, ProviderError> {
        if !self.latency.is_zero() {
            sleep(self.latency).await;
        }
        self.inner.get(id, kind).await
    }

    fn logical_name(&self) -> &str {
        self.inner.logical_name()
    }
}

impl World {
    /// Sets everything up. That takes no time.
    pub(crate) async fn new(
        scenario: &Scenario,
        strategy: &Strategy,
        tally: Arc<Tally>,
    ) -> Result<Self, Error> {
        let fails = |source: Box<dyn std::error::Error + Send + Sync>| Error::Build {
            strategy: strategy.name.as_str().into(),
            source,
        };
        let fake = FakeKms::builder()
            .region(&scenario.kms.region)
            .seed(seed(scenario.seed, Role::Service, 0))
            .ledger_capacity(0)
            .build()
            .map_err(|error| fails(error.into()))?;
        let key = fake.create_key().map_err(|error| fails(error.into()))?;
        let kms = fake.provider(&key);
        let store = MemoryStore::new("branch-keys");
        let admin = BranchKeyAdmin::new(store.clone(), kms.clone(), kms.key_arn());
        let mut branch_keys = Vec::new();
        for (place, part) in strategy.parts.iter().enumerate() {
            let mut ids = Vec::new();
            for number in 0..part.branch_keys.map_or(0, |keys| keys.count) {
                let name = format!("part-{place}-{number}");
                let id: BranchKeyId = name.parse().map_err(|error| fails(Box::new(error)))?;
                let new = NewBranchKey::with_id(id.clone()).context([("part", &*name)]);
                admin.create(&new).await.map_err(|error| fails(error.into()))?;
                ids.push(id);
            }
            branch_keys.push(ids.into());
        }
        fake.ledger().clear();
        fake.set_quota(Quota::per_second(scenario.kms.quota()));
        fake.set_latency(scenario.kms.latency.of_fake());
        for fault in &scenario.faults {
            fake.inject(fault.rule());
        }
        Ok(Self {
            scenario: scenario.clone(),
            tally,
            kms,
            table: Table {
                inner: store,
                latency: scenario.kms.table_latency.duration(),
            },
            branch_keys,
            began: Instant::now(),
        })
    }

    pub(crate) fn fake(&self) -> &FakeKms {
        self.kms.fake()
    }

    pub(crate) fn seed(&self, role: Role, number: u64) -> u64 {
        seed(self.scenario.seed, role, number)
    }

    /// A time after the start.
    pub(crate) fn at(&self, after: Duration) -> Instant {
        let in_range = self.began.checked_add(after);
        in_range.unwrap_or(self.began)
    }

    /// When it is over.
    pub(crate) fn ends(&self) -> Instant {
        self.at(self.scenario.duration.duration())
    }
}

/// The context of a tenant, with an order's id in it where each message has one of its own.
pub(crate) fn context(tenant: u32, order: Option<u64>) -> EncryptionContext {
    let (tenant, order) = (tenant.to_string(), order.map(|id| id.to_string()));
    let pairs = [("tenant", tenant.as_str())];
    let order = order.as_deref().map(|id| ("order", id));
    // Two short pairs of different names are always a context.
    EncryptionContext::new(pairs.into_iter().chain(order)).unwrap_or_else(|_never| EncryptionContext::empty())
}

/// How often neighbours call.
const NEIGHBOURS_EVERY: Duration = Duration::from_millis(20);

/// What neighbours call: no host of a fleet does, so that the ledger tells them apart.
pub(crate) const NEIGHBOURS_CALL: KmsOperation = KmsOperation::GenerateRandom;

/// Calls KMS as a neighbour does. The answers are nothing to the simulation, so it does not wait for them.
pub(crate) async fn neighbour(world: Arc<World>, own: Neighbour) {
    let until = own.until.map_or(world.ends(), |until| world.at(until.duration()));
    let mut next = world.at(own.from.duration());
    let mut owed = 0.0;
    while next < until.min(world.ends()) {
        sleep_until(next).await;
        owed += own.calls_per_second * NEIGHBOURS_EVERY.as_secs_f64();
        while owed >= 1.0 {
            owed -= 1.0;
            // The emulator decides, and counts, when it is first asked.
            let _answer = world.fake().generate_random(1).now_or_never();
        }
        let Some(after) = next.checked_add(NEIGHBOURS_EVERY) else {
            return;
        };
        next = after;
    }
}
