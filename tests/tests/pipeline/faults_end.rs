//! Faults end, and with them what they did: credentials that are refused or not to be had, pages of proxies, connections that
//! break, a wall clock that jumps; and all the while one key in a store of its own and one Region throttle. In virtual
//! time, so that it can be said to the millisecond when a message opened.
use std::{
    fmt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, SystemTime},
};

use aws_credential_types::{
    Credentials,
    provider::{ProvideCredentials, error::CredentialsError, future},
};
use datakey::{
    Aad, EncryptionContext, Opener, Sealer,
    keyring::SealingLimits,
    kms::{KmsProvider, KmsProviderBuilder},
    provider::Rank,
    retry::Breaker,
    several,
};
use datakey_fake_kms::{FakeKms, Fault, FaultRule, KmsErrorCode, Latency, Quota};
use datakey_tests::{kms_memory::client_with, retry::seeded};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};

const SECOND: Duration = Duration::from_secs(1);

/// The longest that the breaker keeps calls away without a try.
const LONGEST_WAIT: Duration = SECOND;

/// A call takes this long, and each is one call, as no message has the context of another.
const CALL: Duration = Duration::from_millis(150);

/// How long each fault lasts, and how long all is well before the next one.
const LASTS: Duration = Duration::from_millis(2500);
const CALM: Duration = Duration::from_secs(5);

/// What hands out credentials, when it does.
#[derive(Clone, Default)]
struct Metadata(Arc<AtomicBool>);

impl fmt::Debug for Metadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metadata")
    }
}

impl ProvideCredentials for Metadata {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::ready(if self.0.load(Relaxed) {
            Err(CredentialsError::not_loaded("out of reach"))
        } else {
            Ok(Credentials::new("AKIA", "its secret", None, None, "tests"))
        })
    }
}

/// The machine's wall clock, which somebody may put forward.
#[derive(Clone)]
struct Wall(Arc<AtomicI64>, Instant);

impl Wall {
    fn jumps(&self, seconds: i64) {
        self.0.fetch_add(seconds, Relaxed);
    }

    fn now(&self) -> SystemTime {
        let ahead = Duration::from_secs(self.0.load(Relaxed).unsigned_abs());
        SystemTime::UNIX_EPOCH + 1_000_000 * SECOND + ahead + self.1.elapsed()
    }
}

/// What happens to the near Region.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Trouble {
    Code(KmsErrorCode),
    Page(u16),
    Drops,
    /// Credentials are refused, and there are no others.
    NoCredentials,
    /// The wall clock goes an hour forward.
    Clock,
}

const TROUBLES: [Trouble; 10] = [
    Trouble::Code(KmsErrorCode::ExpiredToken),
    Trouble::Page(403),
    Trouble::Clock,
    Trouble::Page(404),
    Trouble::NoCredentials,
    Trouble::Code(KmsErrorCode::InvalidSignature),
    Trouble::Drops,
    Trouble::Clock,
    Trouble::Code(KmsErrorCode::InvalidState),
    Trouble::Page(503),
];

struct World {
    near: FakeKms,
    far: FakeKms,
    metadata: Metadata,
    wall: Wall,
    healthy: Arc<str>,
    store: Arc<str>,
    abroad: Arc<str>,
    /// When troubles began and ended.
    troubles: Mutex<Vec<(Trouble, Instant, Instant)>>,
    over: AtomicBool,
}

impl World {
    fn new() -> Arc<Self> {
        let [near, far] = ["eu-central-1", "us-east-1"].map(|region| {
            let fake = FakeKms::builder().region(region).build().unwrap();
            fake.set_latency(Latency::fixed(CALL));
            fake
        });
        Arc::new(Self {
            healthy: near.create_key().unwrap(),
            store: near.create_key().unwrap(),
            abroad: far.create_key().unwrap(),
            near,
            far,
            metadata: Metadata::default(),
            wall: Wall(Arc::default(), Instant::now()),
            troubles: Mutex::default(),
            over: AtomicBool::new(false),
        })
    }

    fn provider(&self, fake: &FakeKms) -> KmsProviderBuilder {
        let client = client_with(fake, |config| config.credentials_provider(self.metadata.clone()));
        KmsProvider::from_client(&client).custom_key_store(&*self.store, "hsm")
    }

    fn near(&self, key: &Arc<str>) -> KmsProvider {
        self.provider(&self.near).key(&**key).build().unwrap()
    }

    fn far(&self) -> KmsProvider {
        let builder = self.provider(&self.far).key(&*self.abroad);
        builder.rank(Rank::REMOTE).build().unwrap()
    }

    /// As a service has it: both Regions, all keys, what the defaults are.
    fn opener(&self) -> Opener {
        let near = self
            .provider(&self.near)
            .opening_key(&*self.healthy)
            .opening_key(&*self.store);
        let wall = self.wall.clone();
        Opener::builder(several([near.build().unwrap(), self.far()]).unwrap())
            .retry(seeded(1).with_breaker(Breaker::builder().with_longest_wait(LONGEST_WAIT).build()))
            .wall_clock(move || wall.now())
            .build()
            .unwrap()
    }

    /// One key has two calls a second, and so has one Region, as long as it goes on.
    async fn throttle(&self) {
        self.far.set_quota(Quota::per_second(2));
        while !self.over.load(Relaxed) {
            let throttled = FaultRule::new(KmsErrorCode::Throttling).for_key(&*self.store);
            let rule = self.near.inject(throttled.after(2));
            sleep(SECOND).await;
            self.near.remove_fault(rule);
        }
    }

    async fn make_trouble(&self) {
        for trouble in TROUBLES {
            sleep(CALM).await;
            let began = Instant::now();
            let fault = match trouble {
                Trouble::Code(code) => Some(Fault::from(code)),
                Trouble::Page(status) => Some(Fault::proxy_page(status)),
                Trouble::Drops => Some(Fault::DropConnection),
                Trouble::NoCredentials => {
                    self.metadata.0.store(true, Relaxed);
                    Some(KmsErrorCode::UnrecognizedClient.into())
                }
                Trouble::Clock => {
                    self.wall.jumps(3600);
                    None
                }
            };
            if let Some(fault) = fault {
                let rule = self.near.inject(FaultRule::new(fault));
                sleep(LASTS).await;
                self.near.remove_fault(rule);
                self.metadata.0.store(false, Relaxed);
            }
            self.troubles
                .lock()
                .unwrap()
                .push((trouble, began, Instant::now()));
        }
        sleep(CALM).await;
        self.over.store(true, Relaxed);
    }

    /// The trouble during which this is, or which ended last before it.
    fn trouble_before(&self, at: Instant) -> Option<(Trouble, Instant)> {
        let troubles = self.troubles.lock().unwrap();
        let before = troubles.iter().rev().find(|(_, began, _)| *began <= at);
        before.map(|(trouble, _, ended)| (*trouble, *ended))
    }

    /// Whether all has been well for a while.
    fn is_calm(&self, at: Instant) -> bool {
        self.trouble_before(at)
            .is_none_or(|(_, ended)| at > ended + LONGEST_WAIT)
    }
}

fn context(number: u64) -> EncryptionContext {
    EncryptionContext::new([("message", number.to_string())]).unwrap()
}

/// When messages were asked for and when they opened, and which errors came on the way.
#[derive(Debug, Default)]
struct Seen {
    opened: Vec<(Instant, Instant)>,
    failed: Vec<(Instant, String)>,
}

/// Two clerks, each of whom opens one message after another, and each message until it opens.
async fn open_all(world: &Arc<World>, opener: &Opener, messages: Arc<Vec<Vec<u8>>>) -> Seen {
    let (seen, next) = (Arc::new(Mutex::new(Seen::default())), Arc::new(AtomicU64::new(0)));
    let mut clerks = JoinSet::new();
    for _ in 0..2 {
        let (world, opener) = (Arc::clone(world), opener.clone());
        let (messages, seen, next) = (Arc::clone(&messages), Arc::clone(&seen), Arc::clone(&next));
        clerks.spawn(async move {
            while !world.over.load(Relaxed) {
                let number = next.fetch_add(1, Relaxed);
                let message = messages.get(number as usize).expect("there are enough messages");
                let asked = Instant::now();
                loop {
                    match opener.open(&context(number), message, Aad::EMPTY).await {
                        Ok(text) => {
                            assert_eq!(text, number.to_be_bytes());
                            break;
                        }
                        Err(error) => {
                            assert!(error.is_retryable(), "{error:?}");
                            let failed = (Instant::now(), format!("{error}"));
                            seen.lock().unwrap().failed.push(failed);
                            sleep(CALL).await;
                        }
                    }
                    if world.over.load(Relaxed) {
                        return;
                    }
                }
                seen.lock().unwrap().opened.push((asked, Instant::now()));
            }
        });
    }
    while let Some(ended) = clerks.join_next().await {
        ended.unwrap();
    }
    std::mem::take(&mut *seen.lock().unwrap())
}

async fn sealed(sealer: Sealer, messages: u64) -> Arc<Vec<Vec<u8>>> {
    let mut all = Vec::new();
    for number in 0..messages {
        let text = number.to_be_bytes();
        all.push(sealer.seal(&context(number), &text, Aad::EMPTY).await.unwrap());
    }
    Arc::new(all)
}

/// Seals for seven tenants all the time; what failed.
async fn keep_shop(world: &Arc<World>) -> Vec<(Instant, String)> {
    let wall = world.wall.clone();
    let limits = SealingLimits::default()
        .with_soft_age(2 * SECOND)
        .with_hard_age(30 * SECOND);
    let sealer = Sealer::builder(world.near(&world.healthy))
        .limits(limits)
        .wall_clock(move || wall.now())
        .build()
        .unwrap();
    let (mut failed, mut order) = (Vec::new(), 0);
    while !world.over.load(Relaxed) {
        if let Err(error) = sealer.seal(&context(order % 7), b"order", Aad::EMPTY).await {
            failed.push((Instant::now(), format!("{error}")));
        }
        order += 1;
        sleep(Duration::from_millis(20)).await;
    }
    failed
}

struct Run {
    world: Arc<World>,
    healthy: Seen,
    store: Seen,
    two: Seen,
    sealing: Vec<(Instant, String)>,
}

async fn run(troubled: bool) -> Run {
    let world = World::new();
    let many = if troubled { 1_200 } else { 400 };
    let healthy = sealed(Sealer::new(world.near(&world.healthy)), many);
    let store = sealed(Sealer::new(world.near(&world.store)), many);
    let both = several([world.near(&world.healthy), world.far()]).unwrap();
    let two = sealed(Sealer::new(both), many);
    let (healthy, store, two) = tokio::join!(healthy, store, two);
    let opener = world.opener();
    let trouble = async {
        if troubled {
            tokio::join!(world.make_trouble(), world.throttle());
        } else {
            sleep(20 * SECOND).await;
            world.over.store(true, Relaxed);
        }
    };
    let ((), healthy, store, two, sealing) = tokio::join!(
        trouble,
        open_all(&world, &opener, healthy),
        open_all(&world, &opener, store),
        open_all(&world, &opener, two),
        keep_shop(&world),
    );
    Run {
        world,
        healthy,
        store,
        two,
        sealing,
    }
}

/// Messages a second while all is well.
fn speed(run: &Run, seen: &Seen) -> f64 {
    let calm = |at: &Instant| run.world.is_calm(*at);
    let opened = seen.opened.iter().filter(|(asked, _)| calm(asked));
    let of_calls: Duration = opened.clone().map(|(asked, opened)| *opened - *asked).sum();
    opened.count() as f64 / of_calls.as_secs_f64()
}

#[tokio::test(start_paused = true)]
async fn what_a_fault_did_ends_a_second_after_it_and_nothing_well_is_slowed_by_what_throttles() {
    let (well, ill) = (run(false).await, run(true).await);
    for (name, seen) in [
        ("well", &well.healthy),
        ("well, two Regions", &well.two),
        ("ill", &ill.healthy),
        ("ill, two Regions", &ill.two),
    ] {
        assert!(
            seen.opened.len() > 200,
            "{name}: {}, {:?}",
            seen.opened.len(),
            seen.failed
        );
    }
    assert!(
        well.healthy.failed.is_empty() && well.two.failed.is_empty(),
        "{:?}",
        well.healthy.failed
    );
    assert!(
        ill.store.opened.len() > 60,
        "of the store: {}",
        ill.store.opened.len()
    );
    assert_eq!(ill.world.troubles.lock().unwrap().len(), TROUBLES.len());
    let ended = |at: Instant| ill.world.trouble_before(at);
    for seen in [&ill.healthy, &ill.two] {
        for (asked, opened) in &seen.opened {
            let Some((trouble, ended)) = ended(*asked) else {
                continue;
            };
            let since = opened.saturating_duration_since(ended.max(*asked));
            // One that was under way when the fault was over fails, the breaker waits, and one more tries for the rest; where
            // credentials were refused, another one finds out that those that are left are too.
            assert!(
                since <= LONGEST_WAIT + 5 * CALL,
                "{trouble:?}: opened {since:?} after it was over"
            );
        }
    }
    for (at, error) in ill
        .healthy
        .failed
        .iter()
        .chain(&ill.two.failed)
        .chain(&ill.sealing)
    {
        let (trouble, ended) = ended(*at).expect("nothing fails before there is trouble");
        assert!(
            *at <= ended + LONGEST_WAIT,
            "{trouble:?}: {error}, {:?} after it",
            *at - ended
        );
    }
    assert!(ill.sealing.is_empty(), "live keys serve: {:?}", ill.sealing);
    for (seen, alone) in [(&ill.healthy, &well.healthy), (&ill.two, &well.two)] {
        let (troubled, alone) = (speed(&ill, seen), speed(&well, alone));
        assert!(troubled >= 0.9 * alone, "{troubled} messages a second of {alone}");
    }
}
