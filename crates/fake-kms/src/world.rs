//! What the Regions of one fake have in common.
use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use crate::{
    FakeKmsBuilder, Ledger, Principal,
    admission::Admission,
    arn::Place,
    clock::Clock,
    engine::Engine,
    fault::Faults,
    latency::Sampler,
    locks::{read, write},
};

/// How many Regions a fake has at most; AWS has fewer.
pub(crate) const MAX_REGIONS: usize = 64;

/// How many fakes there were so far.
static WORLDS: AtomicU64 = AtomicU64::new(0);

/// The emulated account, in all its Regions.
pub(crate) struct World {
    number: u64,
    settings: FakeKmsBuilder,
    clock: Clock,
    regions: RwLock<BTreeMap<Arc<str>, Arc<Region>>>,
    principals: RwLock<HashMap<Box<str>, Arc<Principal>>>,
}

/// One Region: its keys, and how it behaves.
pub(crate) struct Region {
    /// What its quota is called: no two fakes have the same.
    pub(crate) quota_name: Box<str>,
    pub(crate) engine: Engine,
    pub(crate) admission: Mutex<Admission>,
    pub(crate) latency: Mutex<Sampler>,
    pub(crate) faults: Mutex<Faults>,
    pub(crate) ledger: Ledger,
}

impl Region {
    fn new(name: &Arc<str>, settings: &FakeKmsBuilder, clock: Clock, world: u64) -> Self {
        let place = Place {
            region: Arc::clone(name),
            account: Arc::clone(&settings.account),
        };
        // Streams of their own, so that adding a fault rule does not change the latencies of a seeded test, and what
        // happens in one Region does not repeat itself in the next.
        let seed = if *name == settings.region {
            settings.seed
        } else {
            settings.seed ^ digest(name)
        };
        let (latency_seed, fault_seed) = (seed, !seed);
        Self {
            quota_name: format!("fake-{world}/{name}").into(),
            engine: Engine::new(place, clock),
            admission: Mutex::new(Admission::new(settings, name, Duration::ZERO)),
            latency: Mutex::new(Sampler::new(settings.latency, latency_seed)),
            faults: Mutex::new(Faults::new(fault_seed)),
            ledger: Ledger::new(settings.ledger_capacity),
        }
    }
}

/// FNV-1a: the same on every machine, which a seed must be.
fn digest(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

impl World {
    pub(crate) fn new(settings: &FakeKmsBuilder) -> (Arc<Self>, Arc<Region>) {
        let clock = Clock::start(settings.unix_time);
        let number = WORLDS.fetch_add(1, Ordering::Relaxed);
        let home = Arc::new(Region::new(&settings.region, settings, clock.clone(), number));
        let world = Self {
            number,
            settings: settings.clone(),
            clock,
            regions: RwLock::new(BTreeMap::from([(
                Arc::clone(&settings.region),
                Arc::clone(&home),
            )])),
            principals: RwLock::default(),
        };
        (Arc::new(world), home)
    }

    /// A Region, made when it is first asked for; nothing when there are [`MAX_REGIONS`] others.
    pub(crate) fn region(&self, name: &str) -> Option<Arc<Region>> {
        let found = read(&self.regions).get(name).cloned();
        if found.is_some() {
            return found;
        }
        let mut regions = write(&self.regions);
        if !regions.contains_key(name) && regions.len() >= MAX_REGIONS {
            return None;
        }
        let name: Arc<str> = name.into();
        let made = || {
            Arc::new(Region::new(
                &name,
                &self.settings,
                self.clock.clone(),
                self.number,
            ))
        };
        Some(Arc::clone(regions.entry(Arc::clone(&name)).or_insert_with(made)))
    }

    /// Every Region that was used, by name.
    pub(crate) fn regions(&self) -> Vec<Arc<Region>> {
        read(&self.regions).values().cloned().collect()
    }

    pub(crate) fn home(&self) -> &Arc<str> {
        &self.settings.region
    }

    pub(crate) fn add_principal(&self, principal: Principal) {
        let mut principals = write(&self.principals);
        principals.insert(principal.access_key_id().into(), Arc::new(principal));
    }

    pub(crate) fn principal(&self, access_key_id: &str) -> Option<Arc<Principal>> {
        read(&self.principals).get(access_key_id).cloned()
    }

    pub(crate) fn has_principals(&self) -> bool {
        !read(&self.principals).is_empty()
    }
}
