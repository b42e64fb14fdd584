//! Hosts, faults, rotations, invalidations and clocks in random order, beside what is known of them.
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use datakey_branch_keys::{BranchKeyLimits, BranchKeys, Rotated};
use datakey_fake_kms::{Fault as KmsFault, FaultRule, KmsErrorCode};
use datakey_provider::{
    DataKey, DataKeyLength, ErrorClass, OpeningProvider as _, SealingProvider as _, WrappedKey,
};
use rand::{RngExt as _, SeedableRng as _, rngs::Xoshiro256PlusPlus};
use tokio::time::{Instant, sleep, timeout};

use crate::stack::{Fault, Stack, context};

const MINUTE: Duration = Duration::from_secs(60);
const SOFT: Duration = MINUTE.saturating_mul(10);
const HARD: Duration = MINUTE.saturating_mul(30);

/// A wall clock that goes with tokio's, and may be put forward.
#[derive(Clone)]
struct Wall(Arc<Mutex<Duration>>, Instant);

impl Wall {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + self.1.elapsed() + *self.0.lock().unwrap()
    }

    /// What passed for keys: running time, and what was slept through.
    fn passed(&self) -> Duration {
        self.1.elapsed() + *self.0.lock().unwrap()
    }
}

struct Host {
    keys: BranchKeys,
    /// By the version that the blob names: when it was last certain that the table and KMS gave it out.
    name: usize,
}

struct World {
    stack: Stack,
    wall: Wall,
    hosts: Vec<Host>,
    random: Xoshiro256PlusPlus,
    /// Each data key that was handed out, with what it is wrapped as.
    sealed: Vec<(DataKey, WrappedKey)>,
    /// When each version stopped being the active one.
    replaced: BTreeMap<Vec<u8>, Duration>,
    outage: bool,
    denied_since: Option<Duration>,
    counts: [u32; 4],
}

fn version(wrapped: &WrappedKey) -> Vec<u8> {
    wrapped.blob()[28..44].to_vec()
}

impl World {
    async fn new(seed: u64) -> Self {
        let stack = Stack::new().await;
        let wall = Wall(Arc::default(), Instant::now());
        let limits = BranchKeyLimits::default().with_ages(SOFT, HARD);
        let hosts = (0..3).map(|name| {
            let clock = wall.clone();
            let builder = stack.builder().limits(limits).seed(seed + name as u64);
            let keys = builder.wall_clock(move || clock.now()).build().unwrap();
            Host { keys, name }
        });
        Self {
            hosts: hosts.collect(),
            stack,
            wall,
            random: Xoshiro256PlusPlus::seed_from_u64(seed),
            sealed: Vec::new(),
            replaced: BTreeMap::new(),
            outage: false,
            denied_since: None,
            counts: [0; 4],
        }
    }

    async fn seals(&mut self, host: usize) {
        let keys = self.hosts[host].keys.clone();
        let acme = context("acme");
        let made = keys.generate_data_key(&acme, DataKeyLength::Bytes32);
        match timeout(MINUTE, made).await.expect("nobody waits for a minute") {
            Ok(made) => {
                self.counts[0] += 1;
                let (data_key, wrapped) = made.into_parts();
                let wrapped = wrapped.first().clone();
                if let Some(since) = self.replaced.get(&version(&wrapped)) {
                    let age = self.wall.passed() - *since;
                    assert!(
                        age <= HARD,
                        "host {host} seals under a version replaced {age:?} ago"
                    );
                }
                if let Some(since) = self.denied_since {
                    let age = self.wall.passed() - since;
                    assert!(
                        age <= SOFT + MINUTE,
                        "host {host} seals {age:?} after it was denied"
                    );
                }
                self.sealed.push((data_key, wrapped));
            }
            Err(error) => {
                self.counts[1] += 1;
                let expected = self.outage || self.denied_since.is_some();
                assert!(expected, "host {}: {error}", self.hosts[host].name);
                assert_ne!(error.class(), ErrorClass::NotAuthentic);
            }
        }
    }

    async fn opens(&mut self, host: usize) {
        if self.sealed.is_empty() {
            return;
        }
        let (data_key, wrapped) = &self.sealed[self.random.random_range(0..self.sealed.len())];
        let keys = &self.hosts[host].keys;
        match timeout(MINUTE, keys.decrypt(&context("acme"), wrapped)).await {
            Ok(Ok(opened)) => {
                self.counts[2] += 1;
                assert!(opened.ct_eq(data_key));
            }
            Ok(Err(error)) => {
                self.counts[3] += 1;
                let expected = self.outage || self.denied_since.is_some();
                assert!(expected, "host {host}: {error}");
                assert_ne!(error.class(), ErrorClass::NotAuthentic);
            }
            Err(_elapsed) => panic!("nobody waits for a minute"),
        }
    }

    async fn rotates(&mut self) {
        if self.outage || self.denied_since.is_some() {
            return;
        }
        let before = self.stack.admin().active(&self.stack.id).await.unwrap();
        let after = self.stack.admin().rotate(&self.stack.id).await.unwrap();
        assert!(matches!(after, Rotated::Made(_)));
        let bytes = before.version.to_string().replace('-', "");
        let bytes: Vec<u8> = (0..16)
            .map(|byte| u8::from_str_radix(&bytes[byte * 2..byte * 2 + 2], 16).unwrap())
            .collect();
        self.replaced.insert(bytes, self.wall.passed());
    }

    fn breaks(&mut self) {
        let kms = |fault: KmsFault| {
            let _stays = self.stack.fake.inject(FaultRule::new(fault));
        };
        match self.random.random_range(0..8) {
            0 => self.stack.table.set(Fault::Fails(ErrorClass::Throttled)),
            1 => self.stack.table.set(Fault::Fails(ErrorClass::Transient)),
            2 => self.stack.table.set(Fault::Fails(ErrorClass::Unauthenticated)),
            3 => self.stack.table.set(Fault::Hangs),
            4 => kms(KmsErrorCode::Throttling.into()),
            5 => kms(KmsErrorCode::Internal.into()),
            6 => kms(KmsFault::Hang(Duration::MAX)),
            _ => kms(KmsFault::CutBody),
        }
        self.outage = true;
    }

    fn denies(&mut self) {
        if self.random.random_bool(0.5) {
            self.stack.table.set(Fault::Fails(ErrorClass::Denied));
        } else {
            let _stays = self.stack.fake.inject(FaultRule::new(KmsErrorCode::AccessDenied));
        }
        self.denied_since = Some(self.wall.passed());
    }

    async fn mends(&mut self) {
        self.stack.table.set(Fault::None);
        self.stack.fake.clear_faults();
        // Loads that hang, refusals in memory and pauses come to an end.
        sleep(MINUTE).await;
        (self.outage, self.denied_since) = (false, None);
    }

    async fn step(&mut self) {
        let host = self.random.random_range(0..self.hosts.len());
        let well = !self.outage && self.denied_since.is_none();
        match self.random.random_range(0..100) {
            0..40 => self.seals(host).await,
            40..80 => self.opens(host).await,
            80..86 => sleep(MINUTE.mul_f64(self.random.random_range(0.1..9.0))).await,
            86..89 => self.rotates().await,
            89..91 if well => self.breaks(),
            91 if well => self.denies(),
            89..94 if !well => self.mends().await,
            94 => {
                self.hosts[host].keys.sealing().invalidate(&self.stack.id);
            }
            95 => {
                self.hosts[host].keys.opening().invalidate(&self.stack.id);
            }
            96 => {
                let slept = MINUTE.mul_f64(self.random.random_range(0.5..40.0));
                *self.wall.0.lock().unwrap() += slept;
                // The clocks are looked at a few times a second.
                sleep(Duration::from_secs(1)).await;
            }
            // A caller that gives up.
            97 => {
                let keys = self.hosts[host].keys.clone();
                let acme = context("acme");
                let made = keys.generate_data_key(&acme, DataKeyLength::Bytes32);
                let _given_up = timeout(Duration::from_millis(5), made).await;
            }
            _ => sleep(Duration::from_secs(2)).await,
        }
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_happens_in_between_what_was_sealed_opens_and_no_key_is_used_past_its_limit() {
    let mut counts = [0; 4];
    for seed in 0..12 {
        let mut world = World::new(seed).await;
        for _ in 0..1_500 {
            world.step().await;
        }
        world.mends().await;
        // In the end each host opens all there is.
        for host in &world.hosts {
            for (data_key, wrapped) in &world.sealed {
                let opened = host.keys.decrypt(&context("acme"), wrapped).await;
                assert!(opened.unwrap().ct_eq(data_key), "seed {seed}");
            }
        }
        for (all, own) in counts.iter_mut().zip(world.counts) {
            *all += own;
        }
    }
    let [sealed, unsealed, opened, unopened] = counts;
    println!("{sealed} sealed, {unsealed} not; {opened} opened, {unopened} not");
    assert!(
        counts.iter().all(|count| *count > 100),
        "each came about: {counts:?}"
    );
}
