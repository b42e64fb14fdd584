//! The keyring against a model: whatever happens in whatever order, no limit is overrun, no key is too old, no key has
//! two loads in flight, and nobody is left waiting.
#![forbid(unsafe_code)]

mod world;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use datakey_keyring::{KeyringError, OpeningLimits, SealingLimits, Usage};
use datakey_provider::{EncryptionContext, ErrorClass, WrappedKeys};
use datakey_tests::keyring::context;
use datakey_tests::keyrings::Keyrings;
use proptest::prelude::*;
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};
use world::{
    BYTES, CONTEXTS, HARD, MESSAGES, Mode, Modelled, SCALE, SOFT, SURELY_FRESH, SURELY_OPENS, TTL, World,
    number,
};

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
    FarBecomes(Mode),
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
        3 => mode.clone().prop_map(Step::Becomes),
        1 => mode.prop_map(Step::FarBecomes),
        2 => (0..3_000_u64).prop_map(Step::Takes),
        1 => (0..CONTEXTS).prop_map(Step::Invalidate),
        1 => Just(Step::InvalidateKey),
        1 => Just(Step::InvalidateAll),
    ];
    prop::collection::vec(step, 1..160)
}

struct Run {
    provider: Modelled,
    keyring: Keyrings,
    contexts: Vec<EncryptionContext>,
    callers: Vec<JoinHandle<()>>,
    /// The last wrapped keys of each context.
    messages: HashMap<usize, WrappedKeys>,
    tight: bool,
}

/// What differs from run to run.
#[derive(Debug, Clone, Copy)]
struct Setting {
    seed: u64,
    /// Limits so large that usage is leased.
    large: bool,
    /// Room for fewer keys than there are.
    tight: bool,
    /// It is shut down in the end, rather than left to come to rest.
    shut_down: bool,
}

type Answer = Result<WrappedKeys, KeyringError>;

/// Whoever waits is told what the provider said, and never that a load came to nothing.
fn is_told_why(provider: &Modelled, error: Option<&KeyringError>) {
    let lost = match error {
        Some(KeyringError::NoneOpened { failures }) => failures
            .iter()
            .any(|failure| matches!(failure, KeyringError::NoRuntime | KeyringError::QueueFull { .. })),
        error => matches!(
            error,
            Some(KeyringError::NoRuntime | KeyringError::QueueFull { .. })
        ),
    };
    provider.world(|world| world.check(!lost, || "a waiter was told nothing".into()));
}

async fn seal(run: (Modelled, Keyrings, EncryptionContext), usage: Usage) -> Answer {
    let (provider, keyring, context) = run;
    let began = provider.world(World::now).order;
    let held = keyring.sealing.key(&context, usage).await;
    is_told_why(&provider, held.as_ref().err());
    let held = held?;
    let key = number(held.wrapped_keys().first());
    provider.world(|world| world.sealed(&context, key, usage, began));
    Ok(held.wrapped_keys().clone())
}

async fn open(run: (Modelled, Keyrings, EncryptionContext), wrapped: WrappedKeys) -> bool {
    let (provider, keyring, context) = run;
    let began = provider.world(World::now).order;
    let opened = keyring.opening.key(&context, &wrapped).await;
    is_told_why(&provider, opened.as_ref().err());
    let opened = opened.is_ok();
    if opened {
        provider.world(|world| world.opened(&context, number(wrapped.first()), began));
    }
    opened
}

impl Run {
    fn new(setting: Setting) -> Self {
        let scale = if setting.large { SCALE } else { 1 };
        let provider = Modelled(Arc::new(Mutex::new(World {
            mode: Mode::Works,
            far: Mode::Works,
            far_since: Instant::now(),
            delay: Duration::from_millis(20),
            order: 0,
            made: HashMap::new(),
            unwrapped: HashMap::new(),
            flying: HashMap::new(),
            asked: HashMap::new(),
            last_answer: HashMap::new(),
            denied: HashMap::new(),
            invalidated: HashMap::new(),
            ended_opening: HashMap::new(),
            shut_down: 0,
            calls: 0,
            scale,
            broken: Vec::new(),
        })));
        let limits = SealingLimits::default()
            .with_soft_age(SOFT)
            .with_hard_age(HARD)
            .with_max_messages(MESSAGES * scale)
            .with_max_bytes(BYTES * scale)
            .with_max_contexts(if setting.tight { CONTEXTS - 1 } else { 100 });
        let opening = OpeningLimits::default()
            .with_ttl(TTL)
            .with_max_keys(if setting.tight { 2 } else { 1_000 });
        let keyring = Keyrings::builder()
            .sealing(limits)
            .opening(opening)
            .seed(setting.seed)
            .build(provider.clone())
            .unwrap();
        Self {
            provider,
            keyring,
            contexts: (0..CONTEXTS).map(|n| context(format!("t{n}"))).collect(),
            callers: Vec::new(),
            messages: HashMap::new(),
            tight: setting.tight,
        }
    }

    fn caller(&self, context: usize) -> (Modelled, Keyrings, EncryptionContext) {
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
            (live && young && fits && quiet && !self.tight && self.callers.is_empty()).then_some(*key)
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

    fn invalidated(&self, opening: bool, concerned: impl Fn(usize) -> bool) {
        self.provider.world(|world| {
            let order = world.now().order;
            for (index, context) in self.contexts.iter().enumerate() {
                if concerned(index) {
                    world.invalidated.insert(context.clone(), order);
                    if opening {
                        world.ended_opening.insert(context.clone(), order);
                    }
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
                    let opened = open(self.caller(context), wrapped).await;
                    self.provider.world(|world| {
                        let surely = world.far == Mode::Works && world.far_since.elapsed() > SURELY_OPENS;
                        world.check(opened || !surely, || "a region works, and nothing opens".into());
                    });
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
            Step::FarBecomes(mode) => self.provider.world(|world| {
                world.far = mode;
                world.far_since = Instant::now();
            }),
            Step::Takes(millis) => {
                self.provider
                    .world(|world| world.delay = Duration::from_millis(millis));
            }
            Step::Invalidate(context) => {
                self.keyring.invalidate_context(&self.contexts[context]);
                self.invalidated(true, |index| index == context);
            }
            Step::InvalidateKey => {
                self.keyring.invalidate_key(world::REGIONS[0]);
                self.invalidated(false, |_| true);
            }
            Step::InvalidateAll => {
                self.keyring.invalidate_all();
                self.invalidated(true, |_| true);
            }
        }
    }

    /// Everybody is answered at once, with keys that were there before or with the reason.
    async fn shut_down(mut self) -> Vec<String> {
        self.provider.world(|world| world.shut_down = world.now().order);
        self.keyring.shutdown();
        for caller in self.callers.drain(..) {
            let answered = timeout(Duration::from_nanos(1), caller).await;
            self.provider
                .world(|world| world.check(answered.is_ok(), || "a waiter was left behind".into()));
        }
        let refused = seal(self.caller(0), Usage::message(1)).await;
        let stats = self.keyring.stats();
        self.provider.world(|world| {
            let live = (stats.sealing.live, stats.opening.live, stats.in_flight);
            world.check(live == (0, 0, 0), || {
                format!("{live:?} are left after a shutdown")
            });
            let told = matches!(refused, Err(KeyringError::ShutDown));
            world.check(told, || format!("a request after a shutdown: {refused:?}"));
            std::mem::take(&mut world.broken)
        })
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
            world.far = Mode::Works;
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
    fn whatever_happens_the_rules_hold(
        steps in steps(), seed: u64, large: bool, tight: bool, shut_down: bool,
    ) {
        let setting = Setting { seed, large, tight, shut_down };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        let broken = runtime.unwrap().block_on(async {
            let mut run = Run::new(setting);
            for step in &steps {
                run.step(step).await;
            }
            if setting.shut_down { run.shut_down().await } else { run.end().await }
        });
        prop_assert!(broken.is_empty(), "{broken:#?}");
    }
}
