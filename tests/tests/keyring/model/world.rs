//! The provider of the model, and what the model knows of the keys that it made.
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use datakey_keyring::Usage;
use datakey_provider::{
    DataKey, DataKeyLength, EncryptionContext, ErrorClass, GeneratedDataKey, OpeningProvider, Operation,
    ProviderError, Rank, SealingProvider, WrappedKey, WrappedKeys, async_trait,
};
use tokio::time::{Instant, sleep};

pub(crate) const SOFT: Duration = Duration::from_secs(60);
pub(crate) const HARD: Duration = Duration::from_secs(180);
/// No refresh begins before this part of the soft age.
pub(crate) const SURELY_FRESH: Duration = Duration::from_secs(42);
pub(crate) const TTL: Duration = Duration::from_secs(60);
/// A provider that has not answered for so long counts as failing.
pub(crate) const PATIENCE: Duration = Duration::from_secs(1);
pub(crate) const MESSAGES: u64 = 24;
pub(crate) const BYTES: u64 = 2_000;
/// Limits are this many times larger in half of the runs, so that usage is leased.
pub(crate) const SCALE: u64 = 100;
pub(crate) const CONTEXTS: usize = 3;
/// A region that has worked for so long opens everything: no load that hung, and no refusal, is left of before.
pub(crate) const SURELY_OPENS: Duration = Duration::from_secs(100);
/// Where each data key is wrapped, nearest first.
pub(crate) const REGIONS: [&str; 2] = ["model:a", "model:b"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Works,
    Fails(ErrorClass),
    Hangs,
}

/// When something happened: what came before what, and the time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    pub(crate) order: u64,
    pub(crate) at: Instant,
}

/// A data key that the provider made.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) context: EncryptionContext,
    pub(crate) asked: Moment,
    pub(crate) answered: Moment,
    pub(crate) messages: u64,
    pub(crate) bytes: u64,
}

pub(crate) struct World {
    /// What the nearest region does, which makes the keys, too.
    pub(crate) mode: Mode,
    pub(crate) far: Mode,
    /// Since when the far region has been as it is.
    pub(crate) far_since: Instant,
    pub(crate) delay: Duration,
    pub(crate) order: u64,
    pub(crate) made: HashMap<u64, Made>,
    /// When a wrapped key was last asked for, and unwrapped.
    pub(crate) unwrapped: HashMap<u64, (Moment, Moment)>,
    pub(crate) flying: HashMap<Call, u32>,
    /// Since when a new key is asked for.
    pub(crate) asked: HashMap<EncryptionContext, Instant>,
    pub(crate) last_answer: HashMap<EncryptionContext, Result<(), ErrorClass>>,
    pub(crate) denied: HashMap<EncryptionContext, u64>,
    pub(crate) invalidated: HashMap<EncryptionContext, u64>,
    /// The same of keys to open with: whatever names a context, but not what names one wrapping key of two.
    pub(crate) ended_opening: HashMap<EncryptionContext, u64>,
    pub(crate) shut_down: u64,
    pub(crate) calls: u64,
    pub(crate) scale: u64,
    pub(crate) broken: Vec<String>,
}

/// What a call is for: a new key, or unwrapping one in a region.
pub(crate) type Call = (EncryptionContext, Option<(u64, usize)>);

#[derive(Clone)]
pub(crate) struct Modelled(pub(crate) Arc<Mutex<World>>);

pub(crate) struct Flying<'a>(&'a Modelled, Call);

impl Drop for Flying<'_> {
    fn drop(&mut self) {
        let mut world = self.0.0.lock().unwrap();
        *world.flying.get_mut(&self.1).unwrap() -= 1;
        if self.1.1.is_none() {
            world.asked.remove(&self.1.0);
        }
    }
}

impl World {
    pub(crate) fn now(&mut self) -> Moment {
        self.order += 1;
        Moment {
            order: self.order,
            at: Instant::now(),
        }
    }

    pub(crate) fn check(&mut self, holds: bool, rule: impl FnOnce() -> String) {
        if !holds {
            self.broken.push(rule());
        }
    }

    /// A sealing key came into somebody's hands.
    pub(crate) fn sealed(&mut self, context: &EncryptionContext, key: u64, usage: Usage, began: u64) {
        let (now, scale) = (self.now(), self.scale);
        let denied = self.denied.get(context).copied().unwrap_or_default();
        let invalidated = self.invalidated.get(context).copied().unwrap_or_default();
        let slow = |asked: &Instant| now.at >= *asked + PATIENCE;
        let failing = matches!(self.last_answer[context], Err(class) if class.is_retryable())
            || self.asked.get(context).is_some_and(slow);
        let made = self.made.get_mut(&key).unwrap();
        made.messages += usage.messages();
        made.bytes += usage.bytes().unwrap();
        let age = now.at - made.answered.at;
        let within = made.messages <= MESSAGES * scale && made.bytes <= BYTES * scale;
        let same = made.context == *context;
        // Who waited for a load that landed before may still use its key.
        let since = |ended: u64| ended < made.asked.order || (began < ended && made.answered.order < ended);
        let (undenied, valid) = (since(denied), since(invalidated) && since(self.shut_down));
        self.check(same, || format!("key {key} is another context's"));
        self.check(within, || format!("key {key} is over its limits"));
        self.check(age < HARD, || format!("key {key} is past its hard age: {age:?}"));
        self.check(age < SOFT || failing, || {
            format!("key {key} serves at {age:?} without a failure")
        });
        self.check(undenied, || format!("key {key} serves after a denial"));
        self.check(valid, || {
            format!("key {key} serves after an invalidation or a shutdown")
        });
    }

    /// An opening key came into somebody's hands.
    pub(crate) fn opened(&mut self, context: &EncryptionContext, key: u64, began: u64) {
        let now = self.now();
        let (asked, answered) = self.unwrapped[&key];
        let age = now.at - answered.at;
        self.check(age < TTL, || format!("opening key {key} is too old: {age:?}"));
        let invalidated = self.ended_opening.get(context).copied().unwrap_or_default();
        let since = |ended: u64| ended < asked.order || (began < ended && answered.order < ended);
        let valid = since(invalidated) && since(self.shut_down);
        self.check(valid, || {
            format!("opening key {key} serves after an invalidation or a shutdown")
        });
    }
}

impl Modelled {
    pub(crate) fn world<R>(&self, with: impl FnOnce(&mut World) -> R) -> R {
        with(&mut self.0.lock().unwrap())
    }

    pub(crate) async fn perform(
        &self,
        context: &EncryptionContext,
        key: Option<(u64, usize)>,
        operation: Operation,
    ) -> Result<(Moment, Moment), ProviderError> {
        let id = (context.clone(), key);
        let (asked, delay) = self.world(|world| {
            world.calls += 1;
            let flying = world.flying.entry(id.clone()).or_default();
            *flying += 1;
            let alone = *flying == 1;
            world.check(alone, || format!("two loads in flight for {id:?}"));
            if key.is_none() {
                world.asked.insert(context.clone(), Instant::now());
            }
            (world.now(), world.delay)
        });
        let _flying = Flying(self, (context.clone(), key));
        sleep(delay).await;
        let far = key.is_some_and(|(_, region)| region > 0);
        let mode = self.world(|world| if far { world.far } else { world.mode });
        if mode == Mode::Hangs {
            // The keyring's own deadline ends it, as a timeout.
            if key.is_none() {
                self.world(|world| {
                    let timeout = Err(ErrorClass::Timeout);
                    world.last_answer.insert(context.clone(), timeout);
                });
            }
            std::future::pending::<()>().await;
        }
        self.world(|world| {
            let answered = world.now();
            let answer = match mode {
                Mode::Fails(class) => Err(class),
                _ => Ok(()),
            };
            if key.is_none() {
                world.last_answer.insert(context.clone(), answer);
                if answer == Err(ErrorClass::Denied) {
                    world.denied.insert(context.clone(), answered.order);
                }
            }
            answer
                .map(|()| (asked, answered))
                .map_err(|class| ProviderError::new(class, operation))
        })
    }
}

#[async_trait]
impl SealingProvider for Modelled {
    async fn generate_data_key(
        &self,
        context: &EncryptionContext,
        length: DataKeyLength,
    ) -> Result<GeneratedDataKey, ProviderError> {
        let (asked, answered) = self.perform(context, None, Operation::GenerateDataKey).await?;
        let key = answered.order;
        let made = Made {
            context: context.clone(),
            asked,
            answered,
            messages: 0,
            bytes: 0,
        };
        self.world(|world| world.made.insert(key, made));
        let wrapped = REGIONS.map(|region| WrappedKey::new(region, key.to_be_bytes()).unwrap());
        Ok(GeneratedDataKey::new(
            DataKey::init(length, |bytes| bytes.fill(1)),
            WrappedKeys::new(wrapped).unwrap(),
        ))
    }

    async fn encrypt(&self, _: &EncryptionContext, _: &DataKey) -> Result<WrappedKeys, ProviderError> {
        Err(ProviderError::new(ErrorClass::InvalidRequest, Operation::Encrypt))
    }
}

#[async_trait]
impl OpeningProvider for Modelled {
    fn rank(&self, wrapped: &WrappedKey) -> Option<Rank> {
        Some([Rank::LOCAL, Rank::REMOTE][region(wrapped)])
    }

    async fn decrypt(
        &self,
        context: &EncryptionContext,
        wrapped: &WrappedKey,
    ) -> Result<DataKey, ProviderError> {
        let key = number(wrapped);
        let call = Some((key, region(wrapped)));
        let moments = self.perform(context, call, Operation::Decrypt).await?;
        self.world(|world| world.unwrapped.insert(key, moments));
        Ok(DataKey::init(DataKeyLength::Bytes32, |bytes| bytes.fill(1)))
    }
}

pub(crate) fn number(wrapped: &WrappedKey) -> u64 {
    u64::from_be_bytes(wrapped.blob().try_into().unwrap())
}

fn region(wrapped: &WrappedKey) -> usize {
    usize::from(wrapped.key_id() != REGIONS[0])
}
