//! The code itself in every order in which calls of the table can come: two writers and a reader, each step of which is one call.
use std::{
    collections::BTreeSet,
    pin::{Pin, pin},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll, Waker},
};

use datakey_branch_keys::{
    BranchKeyAdmin, BranchKeyId, BranchKeyVersion, BranchKeys, Item, ItemKind, MemoryStore, NewBranchKey,
    ReadingStore, Rotated, Store, Written,
};
use datakey_local::LocalKeys;
use datakey_provider::{
    DataKeyLength, OpeningProvider as _, ProviderError, SealingProvider as _, async_trait,
};

use crate::stack::context;

/// A store each call of which waits for the next step.
#[derive(Clone)]
struct Stepped(MemoryStore, Steps);

/// The number of steps so far.
type Steps = Arc<AtomicU64>;

/// Until the next step. Whatever a step polls how often, it makes one call at the most.
struct Turn {
    steps: Steps,
    seen: u64,
}

impl Stepped {
    fn turn(&self) -> Turn {
        let steps = Arc::clone(&self.1);
        let seen = steps.load(Relaxed);
        Turn { steps, seen }
    }
}

impl Future for Turn {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if self.steps.load(Relaxed) > self.seen {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}

#[async_trait]
impl ReadingStore for Stepped {
    async fn get(&self, id: &BranchKeyId, kind: ItemKind) -> Result<Option<Item>, ProviderError> {
        // A version that is there stays as it is: reading it earlier or later comes to the same, and is no step.
        let stays = matches!(kind, ItemKind::Version(_)) && self.0.get(id, kind).await?.is_some();
        if !stays {
            self.turn().await;
        }
        self.0.get(id, kind).await
    }

    fn logical_name(&self) -> &str {
        self.0.logical_name()
    }
}

#[async_trait]
impl Store for Stepped {
    async fn put_if_absent(&self, items: &[Item]) -> Result<Written, ProviderError> {
        self.turn().await;
        self.0.put_if_absent(items).await
    }

    async fn swap(&self, version: &Item, active: &Item, old: &[u8]) -> Result<Written, ProviderError> {
        self.turn().await;
        self.0.swap(version, active, old).await
    }

    async fn versions(&self, id: &BranchKeyId) -> Result<Vec<Item>, ProviderError> {
        self.0.versions(id).await
    }
}

type Reported = Arc<Mutex<BTreeSet<BranchKeyVersion>>>;
type Actor = Pin<Box<dyn Future<Output = ()>>>;

/// Runs actors in the order that the choices say, and beyond them the first that is not done. Answers how many there were to choose
/// from at each step.
fn play(actors: &mut [Option<Actor>], choices: &[usize], steps: &Steps) -> Vec<usize> {
    let mut branching = Vec::new();
    loop {
        let live: Vec<usize> = (0..actors.len())
            .filter(|actor| actors[*actor].is_some())
            .collect();
        if live.is_empty() {
            return branching;
        }
        let choice = choices.get(branching.len()).copied().unwrap_or_default();
        branching.push(live.len());
        steps.fetch_add(1, Relaxed);
        let actor = &mut actors[live[choice]];
        let mut future = pin!(actor.as_mut().unwrap());
        if future
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
            .is_ready()
        {
            *actor = None;
        }
    }
}

/// The next choices in the order of a search, `None` at its end.
fn next(choices: &mut Vec<usize>, branching: &[usize]) -> bool {
    choices.resize(branching.len(), 0);
    while let Some(last) = choices.pop() {
        if last + 1 < branching[choices.len()] {
            choices.push(last + 1);
            return true;
        }
    }
    false
}

async fn rotates(admin: BranchKeyAdmin<Stepped, LocalKeys>, id: BranchKeyId, reported: Reported) {
    if let Rotated::Made(made) = admin.rotate(&id).await.unwrap() {
        reported.lock().unwrap().insert(made.version);
    }
}

async fn seals_and_opens(store: Stepped, kms: LocalKeys, id: BranchKeyId) {
    let keys = || BranchKeys::builder(store.clone(), kms.clone()).branch_key(id.clone());
    let sealing = keys().build_sealing().unwrap();
    let made = sealing
        .generate_data_key(&context("acme"), DataKeyLength::Bytes32)
        .await
        .unwrap();
    let opening = keys().build_opening().unwrap();
    let opened = opening
        .decrypt(&context("acme"), made.wrapped_keys().first())
        .await
        .unwrap();
    assert!(opened.ct_eq(made.data_key()));
}

#[tokio::test(start_paused = true)]
async fn whatever_the_order_of_calls_a_reported_version_is_there_and_what_was_sealed_opens() {
    let kms = LocalKeys::generate("dev").unwrap();
    let begun = MemoryStore::new("branch-keys");
    let admin = |store: Stepped| BranchKeyAdmin::new(store, kms.clone(), kms.active_key_id());
    let id: BranchKeyId = "tenant-acme".parse().unwrap();
    let new = NewBranchKey::with_id(id.clone()).context([("tenant", "acme")]);
    let plain = BranchKeyAdmin::new(begun.clone(), kms.clone(), kms.active_key_id());
    let first = plain.create(&new).await.unwrap().into_description().version;
    let (mut choices, mut played, mut raced) = (Vec::new(), 0, 0);
    loop {
        let store = MemoryStore::new("branch-keys");
        begun.dump().into_iter().for_each(|item| store.restore(item));
        let steps = Steps::default();
        let stepped = || Stepped(store.clone(), Arc::clone(&steps));
        let reported: Reported = Arc::new(Mutex::new(BTreeSet::from([first])));
        let rotator = || {
            let made = rotates(admin(stepped()), id.clone(), Arc::clone(&reported));
            Some(Box::pin(made) as Actor)
        };
        let reader = seals_and_opens(stepped(), kms.clone(), id.clone());
        let mut actors = [rotator(), rotator(), Some(Box::pin(reader) as Actor)];
        let branching = play(&mut actors, &choices, &steps);
        let reported = reported.lock().unwrap().clone();
        let there: BTreeSet<_> = store.dump().iter().filter_map(Item::version).collect();
        assert_eq!(reported, there, "after {choices:?}");
        raced += u32::from(reported.len() == 2);
        played += 1;
        if !next(&mut choices, &branching) {
            break;
        }
    }
    println!("{played} orders, in {raced} of which one rotated for both");
    assert!(played > 100 && raced > 10);
}
