//! A host that seals: takes posts, finds keys for their messages, and hands them to readers.
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use datakey_keyring::Usage;
use datakey_provider::EncryptionContext;
use rand::{RngExt as _, rngs::Xoshiro256PlusPlus};
use rand_distr::{Distribution as _, Exp1, Zipf};
use tokio::time::{Instant, sleep_until};

use crate::{
    Arrivals, Part, Scenario,
    desk::{Admitted, Desk},
    material::SealingKey,
    reader::{Post, Readers},
    seeds::{Role, random},
    stack::{self, Refusal, Sealing},
    trace::Turns,
    why::Why,
    world::{World, context},
};

/// A host that seals.
pub(crate) struct Host {
    world: Arc<World>,
    number: u32,
    place: usize,
    part: Part,
    contexts: Arc<[EncryptionContext]>,
    readers: Arc<Readers>,
    desk: Desk<Order>,
    process: Mutex<Process>,
}

/// What a restart takes away.
struct Process {
    keyring: Sealing,
    /// How often it was started before.
    restarts: u64,
}

/// A request for a key.
struct Order {
    context: EncryptionContext,
    messages: u64,
    at: Instant,
    /// The reader that its post goes to, if there are any.
    reader: usize,
}

impl Host {
    pub(crate) fn new(
        world: &Arc<World>,
        (place, part): (usize, &Part),
        number: u32,
        contexts: &Arc<[EncryptionContext]>,
        readers: &Arc<Readers>,
    ) -> Result<Arc<Self>, Refusal> {
        let fleet = &world.scenario.fleet;
        let keyring = stack::sealing(world, place, part, number.into())?;
        Ok(Arc::new(Self {
            world: Arc::clone(world),
            number,
            place,
            part: part.clone(),
            contexts: Arc::clone(contexts),
            readers: Arc::clone(readers),
            desk: Desk::new(fleet.callers, fleet.backlog),
            process: Mutex::new(Process { keyring, restarts: 0 }),
        }))
    }

    fn process(&self) -> MutexGuard<'_, Process> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keyring(&self) -> Sealing {
        self.process().keyring.clone()
    }

    /// Starts a new process in the place of the old one, which ends what it has under way.
    pub(crate) fn restart(&self) -> Result<(), Refusal> {
        let mut process = self.process();
        stack::tell_sealing(&process.keyring, &self.world.tally);
        process.restarts = process.restarts.saturating_add(1);
        // No two processes of a fleet of 100,000 hosts at the most have the same number.
        let number = u64::from(self.number).saturating_add(process.restarts.saturating_mul(1 << 20));
        process.keyring = stack::sealing(&self.world, self.place, &self.part, number)?;
        Ok(())
    }

    /// Adds what is only known at the end to the tally.
    pub(crate) fn tell(&self) {
        stack::tell_sealing(&self.process().keyring, &self.world.tally);
    }

    /// Takes posts until the end.
    pub(crate) async fn works(self: Arc<Self>) {
        let scenario = &self.world.scenario;
        let share = f64::from(self.number) / f64::from(scenario.fleet.hosts);
        let starts = scenario.fleet.start_within.duration().mul_f64(share);
        let number = self.number.into();
        let mut source = Source {
            random: random(scenario.seed, Role::Contexts, number),
            zipf: Zipf::new(f64::from(scenario.contexts.count), scenario.contexts.skew).ok(),
            orders: 0,
        };
        let mut clock = PostClock {
            random: random(scenario.seed, Role::Arrivals, number),
            at: starts.as_secs_f64(),
            begun: false,
            turns: Turns::default(),
        };
        while let Some(at) = clock.next(scenario, self.number) {
            sleep_until(self.world.at(at)).await;
            self.post(&mut source);
        }
    }

    /// A post of messages came.
    fn post(self: &Arc<Self>, source: &mut Source) {
        let scenario = &self.world.scenario;
        let messages = scenario.arrivals.messages_per_post();
        self.world.tally.sealing.offer(messages.into());
        let reader = self.readers.draw(&mut source.random);
        let now = Instant::now();
        if scenario.contexts.one_per_message {
            for _ in 0..messages {
                let own = source.own_context(self.number, self.contexts.len());
                self.group(&own, 1, now, reader);
            }
            return;
        }
        for (place, count) in source.contexts(messages, self.contexts.len()) {
            if let Some(context) = self.contexts.get(place) {
                self.group(context, count, now, reader);
            }
        }
    }

    /// The messages of a post that have one encryption context.
    fn group(self: &Arc<Self>, context: &EncryptionContext, messages: u64, at: Instant, reader: usize) {
        let each = if self.part.records { messages } else { 1 };
        let mut left = messages;
        while left > 0 {
            if let Some(ready) = self.ready(context, left, (each, reader)) {
                left = left.saturating_sub(ready);
                continue;
            }
            left = left.saturating_sub(each);
            let order = Order {
                context: context.clone(),
                messages: each,
                at,
                reader,
            };
            match self.desk.admit(order) {
                Admitted::Now(order) => drop(tokio::spawn(Arc::clone(self).calls(order))),
                Admitted::Waits => {}
                Admitted::Full => {
                    let tally = &self.world.tally;
                    tally.give_up(&tally.sealing, each, Why::full());
                }
            }
        }
    }

    /// Seals as many of the messages as there is a key for at once, if for any.
    fn ready(&self, context: &EncryptionContext, messages: u64, (each, reader): (u64, usize)) -> Option<u64> {
        if self.part.cache.is_none() || !self.desk.is_free() {
            return None;
        }
        let keyring = self.keyring();
        let usage = Usage::batch(each, self.bytes(each));
        let mut under = keyring.try_key(context, usage)?;
        let (mut done, mut count) = (each, each);
        while done < messages {
            let Some(held) = keyring.try_key(context, usage) else {
                break;
            };
            if held.wrapped() != under.wrapped() {
                self.sealed(context, &under, count, reader);
                (under, count) = (held, 0);
            }
            done = done.saturating_add(each);
            count = count.saturating_add(each);
        }
        self.sealed(context, &under, count, reader);
        self.world.tally.sealing.finish(done, Duration::ZERO);
        Some(done)
    }

    fn bytes(&self, messages: u64) -> u64 {
        messages.saturating_mul(self.world.scenario.messages.bytes)
    }

    /// Answers one request after the other, until none waits.
    async fn calls(self: Arc<Self>, first: Order) {
        let mut next = Some(first);
        while let Some(order) = next {
            self.call(order).await;
            next = self.desk.next();
        }
    }

    async fn call(&self, order: Order) {
        let (keyring, tally) = (self.keyring(), &self.world.tally);
        let usage = Usage::batch(order.messages, self.bytes(order.messages));
        match keyring.key(&order.context, usage).await {
            Ok(held) => {
                tally.sealing.finish(order.messages, order.at.elapsed());
                self.sealed(&order.context, &held, order.messages, order.reader);
            }
            Err(error) => tally.give_up(&tally.sealing, order.messages, Why::of(&error)),
        }
    }

    /// Messages are sealed under a data key, and go to a reader.
    fn sealed(&self, context: &EncryptionContext, key: &SealingKey, messages: u64, reader: usize) {
        key.count(messages, self.bytes(messages));
        let post = Post {
            context: context.clone(),
            wrapped: key.wrapped().clone(),
            place: self.place,
            messages,
            at: Instant::now(),
        };
        self.readers.take(reader, post);
    }
}

/// When posts come to one host.
struct PostClock {
    random: Xoshiro256PlusPlus,
    /// Of the last one, in seconds after the start.
    at: f64,
    begun: bool,
    /// Where they are those of a trace.
    turns: Turns,
}

impl PostClock {
    /// When the next one comes, if one does before the end.
    fn next(&mut self, scenario: &Scenario, number: u32) -> Option<Duration> {
        let (arrivals, hosts) = (&scenario.arrivals, scenario.fleet.hosts);
        let end = scenario.duration.seconds();
        if let Arrivals::Trace { posts, step, .. } = arrivals {
            let random = &mut self.random;
            let at = self
                .turns
                .next((posts, *step), (number, hosts), scenario.seed, random)?;
            return (at < end).then(|| Duration::try_from_secs_f64(at).ok()).flatten();
        }
        let mut left: f64 = match arrivals {
            // Each host has a phase of its own.
            Arrivals::Steady { .. } if self.begun => 1.0,
            Arrivals::Steady { .. } => self.random.random(),
            _ => Exp1.sample(&mut self.random),
        };
        self.begun = true;
        while self.at < end {
            let (rate, until) = arrivals.rate(self.at, hosts);
            let within = (until - self.at) * rate;
            if left < within {
                self.at += left / rate;
                return (self.at < end)
                    .then(|| Duration::try_from_secs_f64(self.at).ok())
                    .flatten();
            }
            left -= within;
            // A step whose end is its begin, by rounding, would never end.
            self.at = until.max(self.at + 1e-6);
        }
        None
    }
}

/// Which contexts messages have.
struct Source {
    random: Xoshiro256PlusPlus,
    zipf: Option<Zipf<f64>>,
    orders: u64,
}

impl Source {
    /// A context of its own for a message.
    fn own_context(&mut self, host: u32, tenants: usize) -> EncryptionContext {
        let tenant = u32::try_from(self.draw(tenants)).unwrap_or_default();
        self.orders = self.orders.saturating_add(1);
        let order = u64::from(host)
            .saturating_mul(1 << 40)
            .saturating_add(self.orders);
        context(tenant, Some(order))
    }

    /// How many of the messages have which context.
    fn contexts(&mut self, messages: u32, tenants: usize) -> BTreeMap<usize, u64> {
        if tenants <= 1 {
            return BTreeMap::from([(0, messages.into())]);
        }
        let mut counts: BTreeMap<usize, u64> = BTreeMap::new();
        for _ in 0..messages {
            let count = counts.entry(self.draw(tenants)).or_default();
            *count = count.saturating_add(1);
        }
        counts
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "Zipf's law draws whole numbers from 1 to the number of contexts"
    )]
    fn draw(&mut self, tenants: usize) -> usize {
        match &self.zipf {
            _ if tenants <= 1 => 0,
            Some(zipf) => (zipf.sample(&mut self.random) as usize).saturating_sub(1),
            None => self.random.random_range(0..tenants),
        }
    }
}
