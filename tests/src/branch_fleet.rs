//! Fleets that seal and open under branch keys or under data keys that they cache, on one quota, under virtual time.
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use datakey_branch_keys::{
    BranchKeyAdmin, BranchKeyId, BranchKeys, BranchKeysBuilder, MemoryStore, NewBranchKey,
};
use datakey_fake_kms::{FakeKms, FakeKmsProvider, Latency, Quota};
use datakey_keyring::{OpeningKeyring, SealingKeyring, Usage};
use datakey_provider::{DataKeyLength, EncryptionContext, OpeningProvider, SealingProvider, WrappedKeys};
use datakey_retry::{Policy, Retry};
use rand::{RngExt as _, SeedableRng as _, rngs::Xoshiro256PlusPlus};
use tokio::{
    sync::{
        Mutex,
        mpsc::{UnboundedReceiver, unbounded_channel},
    },
    time::{Instant, sleep},
};

use crate::retry::seeded;

/// A table with branch keys, and the KMS that they are wrapped by.
#[derive(Debug, Clone)]
pub struct World {
    /// The table.
    pub store: MemoryStore,
    /// The emulator.
    pub fake: FakeKms,
    /// Its provider.
    pub kms: FakeKmsProvider,
    /// The branch keys.
    pub ids: Vec<BranchKeyId>,
}

impl World {
    /// So many branch keys, and a quota that holds from here on.
    ///
    /// # Panics
    /// When a branch key cannot be made.
    pub async fn new(branch_keys: u64, quota: Quota, seed: u64) -> Self {
        let latency = Latency::uniform(Duration::from_millis(3), Duration::from_millis(12));
        let fake = FakeKms::builder().seed(seed).latency(latency).build().unwrap();
        let kms = fake.provider(&fake.create_key().unwrap());
        let store = MemoryStore::new("branch-keys");
        let admin = BranchKeyAdmin::new(store.clone(), kms.clone(), kms.key_arn());
        let mut ids = Vec::new();
        for number in 0..branch_keys {
            let id: BranchKeyId = format!("tenant-{number}").parse().unwrap();
            let new = NewBranchKey::with_id(id.clone()).context([("tenant", &*number.to_string())]);
            admin.create(&new).await.unwrap();
            ids.push(id);
        }
        // The quota counts whole seconds from here on.
        sleep(Duration::from_secs(2)).await;
        fake.set_quota(quota);
        fake.ledger().clear();
        Self {
            store,
            fake,
            kms,
            ids,
        }
    }
}

/// How long a host tries: longer than the quota takes to serve the first call of each host for each of ten branch keys.
const PATIENCE: Duration = Duration::from_secs(300);

fn patient(number: u64) -> Policy {
    seeded(number).with_deadline(PATIENCE)
}

/// The encryption context of a tenant.
///
/// # Panics
/// Never: the pairs are short.
#[must_use]
pub fn tenant(number: u64) -> EncryptionContext {
    EncryptionContext::new([("tenant", &*number.to_string()), ("purpose", "orders")]).unwrap()
}

/// How a fleet came up that started within one second.
#[derive(Debug, Clone)]
pub struct ColdStart {
    /// When each host had its branch key, after the first one started, sorted.
    pub served: Vec<Duration>,
    /// Hosts that were told of a failure.
    pub given_up: u64,
    /// Calls that KMS refused.
    pub refused: u64,
}

impl ColdStart {
    /// Within how long this part of the hosts had their branch keys.
    #[must_use]
    pub fn within(&self, part: f64) -> Duration {
        let count = (self.served.len() as f64 * part).ceil() as usize;
        self.served
            .get(count.saturating_sub(1))
            .copied()
            .unwrap_or_default()
    }
}

/// Starts so many hosts within a second, each of which seals under one branch key.
///
/// # Panics
/// When a host panics.
pub async fn cold_start(hosts: u64, quota: Quota, seed: u64) -> ColdStart {
    let world = World::new(1, quota, seed).await;
    let plan = Plan {
        sealing_hosts: hosts,
        opening_hosts: 0,
        contexts: 1,
        branch_keys: 1,
        posts_every: Duration::from_secs(10),
        time: Duration::ZERO,
        counted: Duration::ZERO,
        quota,
    };
    let began = Instant::now();
    let hosts: Vec<_> = (0..hosts)
        .map(|number| {
            let keys = world.sealing(plan, seed.wrapping_mul(1_000_003).wrapping_add(number));
            let starts = Duration::from_micros(number * 1_000_000 / hosts);
            tokio::spawn(async move {
                sleep(starts).await;
                let made = keys.generate_data_key(&tenant(0), DataKeyLength::Bytes32).await;
                made.map(|_| began.elapsed())
            })
        })
        .collect();
    let mut cold = ColdStart {
        served: Vec::new(),
        given_up: 0,
        refused: 0,
    };
    for host in hosts {
        match host.await.unwrap() {
            Ok(after) => cold.served.push(after),
            Err(_given_up) => cold.given_up += 1,
        }
    }
    cold.served.sort();
    cold.refused = world.fake.ledger().throttled();
    cold
}

/// What a fleet is, and for how long it runs.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Hosts that seal, each ten orders a second over all contexts.
    pub sealing_hosts: u64,
    /// Hosts that open; each order goes to one of them.
    pub opening_hosts: u64,
    /// Encryption contexts: tenants.
    pub contexts: u64,
    /// Branch keys that the tenants share; none is data key caching alone.
    pub branch_keys: u64,
    /// How often a host posts what came in for each tenant, one order a second, together. The first posts are spread over as long.
    pub posts_every: Duration,
    /// For how long.
    pub time: Duration,
    /// For how long, at its end, calls are counted.
    pub counted: Duration,
    /// The quota of the account in the Region.
    pub quota: Quota,
}

/// What became of a fleet's orders, and what it took.
#[derive(Debug, Clone, Copy, Default)]
pub struct Outcome {
    /// Orders sealed.
    pub sealed: u64,
    /// Orders opened.
    pub opened: u64,
    /// Orders that were given up: a seal or an open that failed.
    pub given_up: u64,
    /// Orders that wait to be opened at the end.
    pub behind: u64,
    /// Calls that KMS answered in the time in which they are counted.
    pub answered: u64,
    /// Calls that KMS refused in that time.
    pub refused: u64,
    /// The longest that an order waited, from when it was posted to when it was opened.
    pub longest: Duration,
}

/// Orders of one tenant, posted together.
struct Posted {
    context: usize,
    wrapped: WrappedKeys,
    orders: u64,
    at: Instant,
}

/// How many posts a host opens at once.
const AT_ONCE: usize = 8;

type Queue = Arc<Mutex<UnboundedReceiver<Posted>>>;

#[derive(Default)]
struct Counts {
    sealed: AtomicU64,
    opened: AtomicU64,
    given_up: AtomicU64,
    longest: AtomicU64,
}

/// Runs a fleet.
///
/// # Panics
/// When a host panics.
pub async fn run(plan: Plan, seed: u64) -> Outcome {
    let world = World::new(plan.branch_keys, plan.quota, seed).await;
    let contexts: Arc<[EncryptionContext]> = (0..plan.contexts).map(tenant).collect();
    let counts = Arc::new(Counts::default());
    let (mut posts, mut hosts) = (Vec::new(), Vec::new());
    for number in 0..plan.opening_hosts {
        let (post, queue) = unbounded_channel();
        posts.push(post);
        let provider = world.opening(plan, seed.wrapping_mul(31).wrapping_add(number));
        let keyring = OpeningKeyring::builder().seed(number).build(provider).unwrap();
        let queue: Queue = Arc::new(Mutex::new(queue));
        for _ in 0..AT_ONCE {
            let (keyring, queue) = (keyring.clone(), Arc::clone(&queue));
            let (contexts, counts) = (Arc::clone(&contexts), Arc::clone(&counts));
            hosts.push(tokio::spawn(opens(keyring, queue, contexts, counts)));
        }
    }
    let began = Instant::now();
    for number in 0..plan.sealing_hosts {
        let provider = world.sealing(plan, seed.wrapping_mul(37).wrapping_add(number + 100_000));
        let keyring = SealingKeyring::builder().seed(number).build(provider).unwrap();
        let (posts, contexts, counts) = (posts.clone(), Arc::clone(&contexts), Arc::clone(&counts));
        let ends = began + plan.time;
        let together = plan.posts_every.as_secs();
        let starts = Duration::from_millis(number * together * 1_000 / plan.sealing_hosts);
        hosts.push(tokio::spawn(async move {
            sleep(starts).await;
            let mut random = Xoshiro256PlusPlus::seed_from_u64(number);
            while Instant::now() < ends {
                for (index, context) in contexts.iter().enumerate() {
                    let usage = Usage::batch(together, 300 * together);
                    let Ok(held) = keyring.key(context, usage).await else {
                        counts.given_up.fetch_add(together, Relaxed);
                        continue;
                    };
                    counts.sealed.fetch_add(together, Relaxed);
                    let reader = random.random_range(0..posts.len());
                    let post = Posted {
                        context: index,
                        wrapped: held.wrapped_keys().clone(),
                        orders: together,
                        at: Instant::now(),
                    };
                    drop(posts[reader].send(post));
                }
                sleep(plan.posts_every).await;
            }
        }));
    }
    drop(posts);
    sleep(plan.time.saturating_sub(plan.counted)).await;
    if plan.counted < plan.time {
        world.fake.ledger().clear();
    }
    sleep(plan.counted).await;
    let all = |count: &AtomicU64| count.load(Relaxed);
    let ledger = world.fake.ledger();
    let outcome = Outcome {
        sealed: all(&counts.sealed),
        opened: all(&counts.opened),
        given_up: all(&counts.given_up),
        behind: 0,
        answered: ledger.successes(),
        refused: ledger.throttled(),
        longest: Duration::from_micros(all(&counts.longest)),
    };
    for host in hosts {
        host.abort();
    }
    Outcome {
        behind: outcome.sealed.saturating_sub(outcome.opened + outcome.given_up),
        ..outcome
    }
}

async fn opens(
    keyring: OpeningKeyring,
    queue: Queue,
    contexts: Arc<[EncryptionContext]>,
    counts: Arc<Counts>,
) {
    loop {
        let next = queue.lock().await.recv().await;
        let Some(post) = next else { return };
        let opened = keyring.key(&contexts[post.context], &post.wrapped).await;
        let count = if opened.is_ok() {
            &counts.opened
        } else {
            &counts.given_up
        };
        count.fetch_add(post.orders, Relaxed);
        let waited = u64::try_from(post.at.elapsed().as_micros()).unwrap_or(u64::MAX);
        counts.longest.fetch_max(waited, Relaxed);
    }
}

impl World {
    fn sealing(&self, plan: Plan, number: u64) -> Arc<dyn SealingProvider> {
        if plan.branch_keys > 0 {
            Arc::new(self.shared(plan, number).build_sealing().unwrap())
        } else {
            Arc::new(Retry::new(self.kms.clone(), patient(number)))
        }
    }

    fn opening(&self, plan: Plan, number: u64) -> Arc<dyn OpeningProvider> {
        if plan.branch_keys > 0 {
            Arc::new(self.shared(plan, number).build_opening().unwrap())
        } else {
            Arc::new(Retry::new(self.kms.clone(), patient(number)))
        }
    }

    /// A host of a fleet whose tenants share the branch keys.
    fn shared(&self, plan: Plan, number: u64) -> BranchKeysBuilder<MemoryStore, FakeKmsProvider> {
        let ids = self.ids.clone();
        let of_tenant = move |context: &EncryptionContext| {
            let number: u64 = context.get("tenant")?.parse().ok()?;
            ids.get(usize::try_from(number % plan.branch_keys).ok()?).cloned()
        };
        BranchKeys::builder(self.store.clone(), self.kms.clone())
            .choose(of_tenant)
            .retry(patient(number))
            .store_retry(patient(number.wrapping_add(1 << 32)))
            .seed(number)
    }
}
