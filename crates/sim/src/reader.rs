//! Hosts that open what was sealed, at once or late.
use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use datakey_provider::{EncryptionContext, WrappedKeys};
use rand::{RngExt as _, rngs::Xoshiro256PlusPlus};
use tokio::{sync::Notify, time::Instant};

use crate::{
    Part,
    desk::{Admitted, Desk},
    seeds::{Role, random},
    stack::{self, Opening, Refusal},
    why::Why,
    world::World,
};

/// All readers. There may be none.
#[derive(Default)]
pub(crate) struct Readers {
    all: Vec<Arc<Reader>>,
}

/// Messages under one data key that were posted together.
pub(crate) struct Post {
    pub(crate) context: EncryptionContext,
    pub(crate) wrapped: WrappedKeys,
    /// The part of the strategy that sealed them.
    pub(crate) place: usize,
    pub(crate) messages: u64,
    /// When they were sealed; from when a reader takes them up on, when it does.
    pub(crate) at: Instant,
}

/// A host that opens.
struct Reader {
    world: Arc<World>,
    parts: Arc<[Part]>,
    number: u32,
    desk: Desk<Post>,
    late: Mutex<Late>,
    sooner: Notify,
    process: Mutex<Process>,
}

/// What a restart takes away.
struct Process {
    /// One for what each part of the fleet seals.
    keyrings: Vec<Opening>,
    /// How often it was started before.
    restarts: u64,
}

/// Posts that are opened later.
struct Late {
    random: Xoshiro256PlusPlus,
    next: u64,
    posts: BinaryHeap<Reverse<Due>>,
}

struct Due {
    at: Instant,
    sequence: u64,
    post: Post,
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.sequence == other.sequence
    }
}

impl Eq for Due {}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.sequence).cmp(&(other.at, other.sequence))
    }
}

impl Readers {
    pub(crate) fn new(world: &Arc<World>, parts: &[Part]) -> Result<Self, Refusal> {
        let parts: Arc<[Part]> = parts.into();
        let hosts = world.scenario.readers.map_or(0, |readers| readers.hosts);
        let all = (0..hosts).map(|number| Reader::new(world, &parts, number));
        Ok(Self {
            all: all.collect::<Result<_, _>>()?,
        })
    }

    /// One of them.
    pub(crate) fn draw(&self, random: &mut Xoshiro256PlusPlus) -> usize {
        if self.all.is_empty() {
            0
        } else {
            random.random_range(0..self.all.len())
        }
    }

    /// Takes a post for one of them; nobody does where there is none.
    pub(crate) fn take(&self, reader: usize, post: Post) {
        if let Some(reader) = self.all.get(reader) {
            reader.take(post);
        }
    }

    /// Has those that open late look for what is due.
    pub(crate) fn start(&self) {
        for reader in &self.all {
            drop(tokio::spawn(Arc::clone(reader).works()));
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    pub(crate) fn restart(&self, reader: usize) -> Result<(), Refusal> {
        self.all.get(reader).map_or(Ok(()), |reader| reader.restart())
    }

    /// Adds what is only known at the end to the tally.
    pub(crate) fn tell(&self) {
        for reader in &self.all {
            for keyring in &reader.process().keyrings {
                stack::tell_opening(keyring, &reader.world.tally);
            }
        }
    }
}

impl Reader {
    fn new(world: &Arc<World>, parts: &Arc<[Part]>, number: u32) -> Result<Arc<Self>, Refusal> {
        let (callers, backlog) = world
            .scenario
            .readers
            .map_or((1, 0), |own| (own.callers, own.backlog));
        Ok(Arc::new(Self {
            world: Arc::clone(world),
            parts: Arc::clone(parts),
            number,
            desk: Desk::new(callers, backlog),
            late: Mutex::new(Late {
                random: random(world.scenario.seed, Role::Readers, number.into()),
                next: 0,
                posts: BinaryHeap::new(),
            }),
            sooner: Notify::new(),
            process: Mutex::new(Process {
                keyrings: keyrings(world, parts, number.into())?,
                restarts: 0,
            }),
        }))
    }

    fn process(&self) -> MutexGuard<'_, Process> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn late(&self) -> MutexGuard<'_, Late> {
        self.late.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn restart(&self) -> Result<(), Refusal> {
        let mut process = self.process();
        for keyring in &process.keyrings {
            stack::tell_opening(keyring, &self.world.tally);
        }
        process.restarts = process.restarts.saturating_add(1);
        let number = u64::from(self.number).saturating_add(process.restarts.saturating_mul(1 << 20));
        process.keyrings = keyrings(&self.world, &self.parts, number)?;
        Ok(())
    }

    /// Opens a post, now or when its time has come.
    fn take(self: &Arc<Self>, post: Post) {
        let Some(readers) = self.world.scenario.readers else {
            return;
        };
        let (from, to) = (readers.delay_from.duration(), readers.latest().duration());
        if to.is_zero() {
            self.open(&post);
            return;
        }
        let mut late = self.late();
        let share: f64 = late.random.random();
        let delay = from.saturating_add(to.saturating_sub(from).mul_f64(share));
        let Some(at) = post.at.checked_add(delay) else {
            return;
        };
        let is_first = late.posts.peek().is_none_or(|Reverse(first)| at < first.at);
        let sequence = late.next;
        late.next = sequence.saturating_add(1);
        late.posts.push(Reverse(Due { at, sequence, post }));
        if is_first {
            self.sooner.notify_one();
        }
    }

    /// Opens what is due, one post after the other.
    async fn works(self: Arc<Self>) {
        loop {
            let due = self.late().posts.peek().map(|Reverse(due)| due.at);
            match due {
                None => self.sooner.notified().await,
                Some(at) if at <= Instant::now() => {
                    let next = self.late().posts.pop();
                    if let Some(Reverse(mut due)) = next {
                        due.post.at = Instant::now();
                        self.open(&due.post);
                    }
                }
                Some(at) => {
                    // Whichever comes first; what is due is looked for anew either way.
                    let _which = tokio::time::timeout_at(at, self.sooner.notified()).await;
                }
            }
        }
    }

    /// Opens the messages of a post: together where they are records, otherwise each by itself.
    fn open(self: &Arc<Self>, post: &Post) {
        let tally = &self.world.tally;
        tally.opening.offer(post.messages);
        let records = self.parts.get(post.place).is_some_and(|part| part.records);
        let each = if records { post.messages } else { 1 };
        let mut left = post.messages;
        while left > 0 {
            if self.is_ready(post) {
                // A key that opens one of them opens them all.
                tally.opening.finish(left, std::time::Duration::ZERO);
                return;
            }
            left = left.saturating_sub(each);
            let own = Post {
                context: post.context.clone(),
                wrapped: post.wrapped.clone(),
                place: post.place,
                messages: each,
                at: post.at,
            };
            match self.desk.admit(own) {
                Admitted::Now(own) => drop(tokio::spawn(Arc::clone(self).calls(own))),
                Admitted::Waits => {}
                Admitted::Full => tally.give_up(&tally.opening, each, Why::full()),
            }
        }
    }

    /// Whether there is a key for it at once.
    fn is_ready(&self, post: &Post) -> bool {
        self.desk.is_free()
            && self
                .process()
                .keyrings
                .get(post.place)
                .is_some_and(|keyring| keyring.has_key(&post.context, &post.wrapped))
    }

    async fn calls(self: Arc<Self>, first: Post) {
        let mut next = Some(first);
        while let Some(post) = next {
            self.call(post).await;
            next = self.desk.next();
        }
    }

    async fn call(&self, post: Post) {
        let tally = &self.world.tally;
        let Some(keyring) = self.process().keyrings.get(post.place).cloned() else {
            return;
        };
        match keyring.open(&post.context, &post.wrapped).await {
            Ok(()) => tally.opening.finish(post.messages, post.at.elapsed()),
            Err(error) => tally.give_up(&tally.opening, post.messages, Why::of(&error)),
        }
    }
}

fn keyrings(world: &World, parts: &[Part], number: u64) -> Result<Vec<Opening>, Refusal> {
    let parts = (0..).zip(parts.iter());
    parts
        .map(|(place, part)| {
            let own = number.saturating_add(u64::try_from(place)?.saturating_mul(1 << 50));
            stack::opening(world, place, part, own)
        })
        .collect()
}
