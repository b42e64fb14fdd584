//! The keyring against a model: whatever happens in whatever order, no limit is overrun, no key is too old, no key has
//! two loads in flight, and nobody is left waiting.
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use datakey_keyring::{Keyring, KeyringError, OpeningLimits, SealingLimits, Usage};
use datakey_provider::{
    DataKey, EncryptionContext, ErrorClass, GeneratedDataKey, OpeningProvider, Operation, ProviderError,
    Rank, SealingProvider, WrappedKey, WrappedKeys, async_trait,
};
use datakey_tests::keyring::context;
use proptest::prelude::*;
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};

const SOFT: Duration = Duration::from_secs(60);
const HARD: Duration = Duration::from_secs(180);
/// No refresh begins before this part of the soft age.
const SURELY_FRESH: Duration = Duration::from_secs(42);
const TTL: Duration = Duration::from_secs(60);
const MESSAGES: u64 = 24;
const BYTES: u64 = 2_000;
/// Limits are this many times larger in half of the runs, so that usage is leased.
const SCALE: u64 = 100;
const CONTEXTS: usize = 2;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Works,
    Fails(ErrorClass),
    Hangs,
}

#[derive(Debug, Clone)]
enum Step {
    Seal {
        context: usize,
        messages: u64,
        bytes: u64,
    },
    Open {
        context: usize,
    },
    /// A caller that the next steps do not wait for.
    Begin {
        context: usize,
        messages: u64,
        opens: bool,
    },
    /// One of those goes away.
    Cancel(usize),
    Pass(u64),
    Becomes(Mode),
    Takes(u64),
    Invalidate(usize),
    InvalidateKey,
    InvalidateAll,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let mode = prop_oneof![
        6 => Just(Mode::Works),
        3 => Just(Mode::Fails(ErrorClass::Throttled)),
        2 => Just(Mode::Fails(ErrorClass::Transient)),
        2 => Just(Mode::Fails(ErrorClass::Denied)),
        1 => Just(Mode::Hangs),
    ];
    let step = prop_oneof![
        20 => (0..CONTEXTS, 1..9_u64, 0..300_u64)
            .prop_map(|(context, messages, bytes)| Step::Seal { context, messages, bytes }),
        4 => (0..CONTEXTS).prop_map(|context| Step::Open { context }),
        6 => (0..CONTEXTS, 1..6_u64, any::<bool>())
            .prop_map(|(context, messages, opens)| Step::Begin { context, messages, opens }),
        2 => any::<usize>().prop_map(Step::Cancel),
        6 => (1..90_000_u64).prop_map(Step::Pass),
        3 => (1..50_u64).prop_map(Step::Pass),
        3 => mode.prop_map(Step::Becomes),
        2 => (0..3_000_u64).prop_map(Step::Takes),
        1 => (0..CONTEXTS).prop_map(Step::Invalidate),
        1 => Just(Step::InvalidateKey),
        1 => Just(Step::InvalidateAll),
    ];
    prop::collection::vec(step, 1..160)
}

/// When something happened: what came before what, and the time.
#[derive(Debug, Clone, Copy)]
struct Moment {
    order: u64,
    at: Instant,
}

/// A data key that the provider made.
#[derive(Debug)]
struct Made {
    context: EncryptionContext,
    asked: Moment,
    answered: Moment,
    messages: u64,
    bytes: u64,
}

struct World {
    mode: Mode,
    delay: Duration,
    order: u64,
    made: HashMap<u64, Made>,
    /// When a wrapped key was last unwrapped.
    unwrapped: HashMap<u64, Moment>,
    flying: HashMap<(EncryptionContext, Option<u64>), u32>,
    last_answer: HashMap<EncryptionContext, Result<(), ErrorClass>>,
    denied: HashMap<EncryptionContext, u64>,
    invalidated: HashMap<EncryptionContext, u64>,
    calls: u64,
    scale: u64,
    broken: Vec<String>,
}

#[derive(Clone)]
struct Modelled(Arc<Mutex<World>>);

struct Flying<'a>(&'a Modelled, (EncryptionContext, Option<u64>));

impl Drop for Flying<'_> {
    fn drop(&mut self) {
        *self.0.0.lock().unwrap().flying.get_mut(&self.1).unwrap() -= 1;
    }
}

impl World {
    fn now(&mut self) -> Moment {
        self.order += 1;
        Moment {
            order: self.order,
            at: Instant::now(),
        }
    }

    fn check(&mut self, holds: bool, rule: impl FnOnce() -> String) {
        if !holds {
            self.broken.push(rule());
        }
    }

    /// A sealing key came into somebody's hands.
    fn sealed(&mut self, context: &EncryptionContext, key: u64, usage: Usage, began: u64) {
        let (now, scale) = (self.now(), self.scale);
        let denied = self.denied.get(context).copied().unwrap_or_default();
        let invalidated = self.invalidated.get(context).copied().unwrap_or_default();
        let failing = matches!(self.last_answer[context], Err(class) if class.is_retryable());
        let made = self.made.get_mut(&key).unwrap();
        made.messages += usage.messages();
        made.bytes += usage.bytes().unwrap();
        let age = now.at - made.answered.at;
        let within = made.messages <= MESSAGES * scale && made.bytes <= BYTES * scale;
        let same = made.context == *context;
        // Who waited for a load that landed before may still use its key.
        let since = |ended: u64| ended < made.asked.order || (began < ended && made.answered.order < ended);
        let (undenied, valid) = (since(denied), since(invalidated));
        self.check(same, || format!("key {key} is another context's"));
        self.check(within, || format!("key {key} is over its limits"));
        self.check(age < HARD, || format!("key {key} is past its hard age: {age:?}"));
        self.check(age < SOFT || failing, || {
            format!("key {key} serves at {age:?} without a failure")
        });
        self.check(undenied, || format!("key {key} serves after a denial"));
        self.check(valid, || format!("key {key} serves after an invalidation"));
    }

    fn opened(&mut self, key: u64) {
        let now = self.now();
        let age = now.at - self.unwrapped[&key].at;
        self.check(age < TTL, || format!("opening key {key} is too old: {age:?}"));
    }
}

impl Modelled {
    fn world<R>(&self, with: impl FnOnce(&mut World) -> R) -> R {
        with(&mut self.0.lock().unwrap())
    }

    async fn perform(
        &self,
        context: &EncryptionContext,
        key: Option<u64>,
        operation: Operation,
    ) -> Result<(Moment, Moment), ProviderError> {
        let id = (context.clone(), key);
        let (asked, delay) = self.world(|world| {
            world.calls += 1;
            let flying = world.flying.entry(id.clone()).or_default();
            *flying += 1;
            let alone = *flying == 1;
            world.check(alone, || format!("two loads in flight for {id:?}"));
            (world.now(), world.delay)
        });
        let _flying = Flying(self, (context.clone(), key));
        sleep(delay).await;
        let mode = self.world(|world| world.mode);
        if mode == Mode::Hangs {
            // The keyring's own deadline ends it, as a timeout.
            self.world(|world| {
                world
                    .last_answer
                    .insert(context.clone(), Err(ErrorClass::Timeout))
            });
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
        let wrapped = WrappedKey::new("model:a", key.to_be_bytes()).unwrap();
        Ok(GeneratedDataKey::new(
            DataKey::init(|bytes| bytes.fill(1)),
            wrapped,
        ))
    }

    async fn encrypt(&self, _: &EncryptionContext, _: &DataKey) -> Result<WrappedKeys, ProviderError> {
        Err(ProviderError::new(ErrorClass::InvalidRequest, Operation::Encrypt))
    }
}

#[async_trait]
impl OpeningProvider for Modelled {
    fn rank(&self, _: &WrappedKey) -> Option<Rank> {
        Some(Rank::LOCAL)
    }

    async fn decrypt(
        &self,
        context: &EncryptionContext,
        wrapped: &WrappedKey,
    ) -> Result<DataKey, ProviderError> {
        let key = number(wrapped);
        let (_, answered) = self.perform(context, Some(key), Operation::Decrypt).await?;
        self.world(|world| world.unwrapped.insert(key, answered));
        Ok(DataKey::init(|bytes| bytes.fill(1)))
    }
}

fn number(wrapped: &WrappedKey) -> u64 {
    u64::from_be_bytes(wrapped.blob().try_into().unwrap())
}

struct Run {
    provider: Modelled,
    keyring: Keyring<Modelled>,
    contexts: Vec<EncryptionContext>,
    callers: Vec<JoinHandle<()>>,
    /// The last wrapped keys of each context.
    messages: HashMap<usize, WrappedKeys>,
}

type Answer = Result<WrappedKeys, KeyringError>;

async fn seal(run: (Modelled, Keyring<Modelled>, EncryptionContext), usage: Usage) -> Answer {
    let (provider, keyring, context) = run;
    let began = provider.world(World::now).order;
    let held = keyring.sealing_key(&context, usage).await?;
    let key = number(held.wrapped_keys().first());
    provider.world(|world| world.sealed(&context, key, usage, began));
    Ok(held.wrapped_keys().clone())
}

async fn open(run: (Modelled, Keyring<Modelled>, EncryptionContext), wrapped: WrappedKeys) -> bool {
    let (provider, keyring, context) = run;
    let opened = keyring.opening_key(&context, &wrapped).await.is_ok();
    if opened {
        provider.world(|world| world.opened(number(wrapped.first())));
    }
    opened
}

impl Run {
    fn new(seed: u64, scale: u64) -> Self {
        let provider = Modelled(Arc::new(Mutex::new(World {
            mode: Mode::Works,
            delay: Duration::from_millis(20),
            order: 0,
            made: HashMap::new(),
            unwrapped: HashMap::new(),
            flying: HashMap::new(),
            last_answer: HashMap::new(),
            denied: HashMap::new(),
            invalidated: HashMap::new(),
            calls: 0,
            scale,
            broken: Vec::new(),
        })));
        let limits = SealingLimits::default()
            .with_ages(SOFT, HARD)
            .with_max_messages(MESSAGES * scale)
            .with_max_bytes(BYTES * scale);
        let keyring = Keyring::builder()
            .sealing(limits)
            .opening(OpeningLimits::default().with_ttl(TTL))
            .seed(seed)
            .build(provider.clone())
            .unwrap();
        Self {
            provider,
            keyring,
            contexts: (0..CONTEXTS).map(|n| context(format!("t{n}"))).collect(),
            callers: Vec::new(),
            messages: HashMap::new(),
        }
    }

    fn caller(&self, context: usize) -> (Modelled, Keyring<Modelled>, EncryptionContext) {
        let context = self.contexts[context].clone();
        (self.provider.clone(), self.keyring.clone(), context)
    }

    /// The key that a request must be served from without a call, if the model is sure that there is one.
    fn surely_live(&self, context: usize, usage: Usage) -> Option<u64> {
        let context = &self.contexts[context];
        self.provider.world(|world| {
            let (key, made) = world
                .made
                .iter()
                .filter(|(_, made)| made.context == *context)
                .max_by_key(|(key, _)| **key)?;
            let ended = world.denied.get(context).max(world.invalidated.get(context));
            let live = ended.is_none_or(|ended| *ended < made.asked.order);
            let young = made.answered.at.elapsed() < SURELY_FRESH;
            let fits = made.messages + usage.messages() <= MESSAGES * world.scale
                && made.bytes + usage.bytes().unwrap_or_default() <= BYTES * world.scale;
            // A load in flight may replace it at any moment.
            let quiet = world
                .flying
                .get(&(context.clone(), None))
                .is_none_or(|flying| *flying == 0);
            (live && young && fits && quiet && self.callers.is_empty()).then_some(*key)
        })
    }

    async fn seal(&mut self, context: usize, usage: Usage) {
        let expected = self.surely_live(context, usage);
        let before = Instant::now();
        let answer = seal(self.caller(context), usage).await;
        if let Some(key) = expected {
            let got = answer.as_ref().ok().map(|wrapped| number(wrapped.first()));
            let waited = before.elapsed();
            self.provider.world(|world| {
                world.check(got == Some(key) && waited.is_zero(), || {
                    format!("key {key} was live, but {got:?} served after {waited:?}")
                });
            });
        }
        if let Ok(wrapped) = answer {
            self.messages.insert(context, wrapped);
        }
    }

    fn begin(&mut self, context: usize, messages: u64, opens: bool) {
        let caller = self.caller(context);
        let task = match self.messages.get(&context).cloned() {
            Some(wrapped) if opens => tokio::spawn(async move {
                open(caller, wrapped).await;
            }),
            _ => tokio::spawn(async move {
                let _refused = seal(caller, Usage::batch(messages, 10)).await;
            }),
        };
        self.callers.push(task);
    }

    fn invalidated(&self, concerned: impl Fn(usize) -> bool) {
        self.provider.world(|world| {
            let order = world.now().order;
            for (index, context) in self.contexts.iter().enumerate() {
                if concerned(index) {
                    world.invalidated.insert(context.clone(), order);
                }
            }
        });
    }

    async fn step(&mut self, step: &Step) {
        self.callers.retain(|caller| !caller.is_finished());
        match *step {
            Step::Seal {
                context,
                messages,
                bytes,
            } => {
                // Large and small usages in turn.
                let scale = if bytes % 2 == 0 {
                    self.provider.world(|world| world.scale)
                } else {
                    1
                };
                self.seal(context, Usage::batch(messages * scale, bytes * scale))
                    .await;
            }
            Step::Open { context } => {
                if let Some(wrapped) = self.messages.get(&context).cloned() {
                    open(self.caller(context), wrapped).await;
                }
            }
            Step::Begin {
                context,
                messages,
                opens,
            } => self.begin(context, messages, opens),
            Step::Cancel(which) => {
                if !self.callers.is_empty() {
                    let which = which % self.callers.len();
                    self.callers.swap_remove(which).abort();
                }
            }
            Step::Pass(millis) => sleep(Duration::from_millis(millis)).await,
            Step::Becomes(mode) => self.provider.world(|world| world.mode = mode),
            Step::Takes(millis) => {
                self.provider
                    .world(|world| world.delay = Duration::from_millis(millis));
            }
            Step::Invalidate(context) => {
                self.keyring.invalidate_context(&self.contexts[context]);
                self.invalidated(|index| index == context);
            }
            Step::InvalidateKey => {
                self.keyring.invalidate_key("model:a");
                self.invalidated(|_| true);
            }
            Step::InvalidateAll => {
                self.keyring.invalidate_all();
                self.invalidated(|_| true);
            }
        }
    }

    /// Everybody is answered, and the keyring is at rest and works.
    async fn end(mut self) -> Vec<String> {
        for caller in self.callers.drain(..) {
            let answered = timeout(Duration::from_secs(1_000), caller).await;
            self.provider
                .world(|world| world.check(answered.is_ok(), || "a waiter was left behind".into()));
        }
        self.provider.world(|world| {
            world.mode = Mode::Works;
            world.delay = Duration::ZERO;
        });
        sleep(Duration::from_secs(120)).await;
        let in_flight = self.keyring.stats().in_flight;
        let (calls, stats) = (self.provider.world(|world| world.calls), self.keyring.stats());
        let works = seal(self.caller(0), Usage::message(1)).await.is_ok();
        self.provider.world(|world| {
            world.check(in_flight == 0, || format!("{in_flight} loads never ended"));
            world.check(works, || "it does not recover".into());
            let counted = stats.calls_made;
            world.check(counted == calls, || {
                format!("{counted} calls counted, {calls} made")
            });
            std::mem::take(&mut world.broken)
        })
    }
}

fn cases() -> ProptestConfig {
    ProptestConfig {
        cases: 256,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn whatever_happens_the_rules_hold(steps in steps(), seed: u64, large: bool) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        let broken = runtime.unwrap().block_on(async {
            let mut run = Run::new(seed, if large { SCALE } else { 1 });
            for step in &steps {
                run.step(step).await;
            }
            run.end().await
        });
        prop_assert!(broken.is_empty(), "{broken:#?}");
    }
}
