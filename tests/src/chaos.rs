//! A shop and an accounting service over two regions that fail in every way they can, and come back.
mod plan;
mod trouble;
mod visitors;

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use datakey::{Aad, EncryptionContext, ErrorClass, OpenError, Opener, SealError, SealedHeader, Sealer};
use datakey_fake_kms::{FakeKms, Latency, Quota};
use datakey_keyring::{OpeningLimits, SealingLimits};
use datakey_kms::KmsProvider;
use datakey_provider::{OpeningProvider as _, Several};
use datakey_retry::{Guarded, Retry};
pub use plan::{Plan, Stack};
use rand::RngExt as _;
use tokio::{
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    task::JoinSet,
    time::{sleep, timeout},
};

use trouble::TROUBLES;
use visitors::visit;

const TENANTS: u64 = 7;
const RUN: u64 = 8;
const SHOPS: u64 = 6;
const CLERKS: u64 = 4;

/// What came of it.
#[derive(Debug, Default)]
pub struct Report {
    booked: Mutex<BTreeMap<u64, Vec<Vec<u8>>>>,
    orders_booked: AtomicU64,
    messages: AtomicU64,
    seal_failures: AtomicU64,
    given_up: AtomicU64,
    open_failures: AtomicU64,
    wrong_attempts: AtomicU64,
    opened_in_outage: AtomicU64,
    outages: AtomicU64,
    runtimes: AtomicU64,
    down: AtomicU64,
    /// Of each trouble, how often the regions met it.
    struck: [AtomicU64; TROUBLES.len()],
}

impl Report {
    fn booked(&self) -> MutexGuard<'_, BTreeMap<u64, Vec<Vec<u8>>>> {
        self.booked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn book(&self, order: u64, text: Vec<u8>) {
        self.booked().entry(order).or_default().push(text);
        self.orders_booked.fetch_add(1, Relaxed);
    }

    /// That every order is booked once, as it was sealed, and nothing else is.
    ///
    /// # Panics
    /// When that is not so.
    pub fn check(&self, plan: &Plan) {
        let booked = self.booked();
        for order in 0..plan.orders {
            let entries = booked.get(&order).map_or(&[][..], Vec::as_slice);
            assert_eq!(entries, [text(order)], "order {order}, seed {}", plan.seed);
        }
        assert_eq!(booked.len() as u64, plan.orders, "nothing else is booked");
    }

    /// How many runtimes came and went.
    pub fn runtimes(&self) -> u64 {
        self.runtimes.load(Relaxed)
    }

    /// Whether every trouble was met.
    fn met_all(&self) -> bool {
        self.struck.iter().all(|struck| struck.load(Relaxed) > 0)
    }

    /// That the regions really were in trouble meanwhile, in every way, so that the run says something.
    ///
    /// # Panics
    /// When that is not so.
    pub fn check_trouble(&self, plan: &Plan, regions: &[FakeKms; 2]) {
        for (trouble, struck) in TROUBLES.iter().zip(&self.struck) {
            assert!(
                struck.load(Relaxed) > 0,
                "{trouble:?} never struck, seed {}",
                plan.seed
            );
        }
        for region in regions {
            assert!(region.ledger().successes() > 0, "seed {}", plan.seed);
        }
        plan.expect(&[
            ("attempts with a wrong context", &self.wrong_attempts),
            ("messages opened while a region was down", &self.opened_in_outage),
        ]);
    }

    /// That callers met it too: of a run that is long, and whose retries end before the trouble does.
    ///
    /// # Panics
    /// When that is not so.
    pub fn check_callers(&self, plan: &Plan) {
        plan.expect(&[
            ("failed attempts to seal", &self.seal_failures),
            ("seals given up", &self.given_up),
            ("failed attempts to open", &self.open_failures),
        ]);
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |counter: &AtomicU64| counter.load(Relaxed);
        write!(
            f,
            "{} orders booked from {} messages, {} of them opened in {} outages; {} seals failed and {} were given up, {} \
             opens failed, {} attempts with a wrong context or wrong associated data were refused; {} runtimes came and went",
            count(&self.orders_booked),
            count(&self.messages),
            count(&self.opened_in_outage),
            count(&self.outages),
            count(&self.seal_failures),
            count(&self.given_up),
            count(&self.open_failures),
            count(&self.wrong_attempts),
            count(&self.runtimes),
        )
    }
}

/// What the shop posts.
#[derive(Debug)]
struct Posted {
    first: u64,
    count: u64,
    message: Vec<u8>,
}

fn text(order: u64) -> Vec<u8> {
    format!("order {order} of tenant {}", tenant_of(order)).into_bytes()
}

/// Orders come in runs of one tenant, as a batch is of one tenant.
const fn tenant_of(order: u64) -> u64 {
    order / RUN % TENANTS
}

fn context_of(tenant: u64) -> EncryptionContext {
    let tenant = format!("tenant {tenant}");
    EncryptionContext::new([("tenant", tenant.as_str()), ("purpose", "orders")]).expect("well-formed")
}

/// Runs shop, accounting and trouble until every order is booked.
///
/// # Panics
/// When an error is none that waiting helps, when anything opens that must not, or when it does not end.
pub async fn run(plan: Plan, fakes: [FakeKms; 2], providers: [KmsProvider; 2]) -> Arc<Report> {
    let report = Arc::new(Report::default());
    let guarded = providers.map(|provider| Guarded::new(provider).with_breaker(plan.breaker()));
    let both = Arc::new(Several::new(guarded).expect("two are not none"));
    let (post, inbox) = unbounded_channel();
    let inbox = Arc::new(tokio::sync::Mutex::new(inbox));
    let mut tasks = JoinSet::new();
    for shop in 0..SHOPS {
        tasks.spawn(keep_shop(
            plan,
            shop,
            sealer(&plan, &both),
            post.clone(),
            Arc::clone(&report),
        ));
    }
    for shop in SHOPS..SHOPS + plan.visitors {
        let (sealer, post, report) = (sealer(&plan, &both), post.clone(), Arc::clone(&report));
        tasks.spawn_blocking(move || {
            let leave = |order| {
                let sealer = sealer.clone();
                tokio::spawn(async move { drop(seal(&sealer, plan.orders + order, 1).await) });
            };
            let offer = async |order, patience| {
                let sealed = timeout(patience, seal(&sealer, order, 1)).await.ok();
                post_one(&plan, sealed, order, &post, &report).await
            };
            let runtimes = visit(plan, share(&plan, shop), offer, leave);
            report.runtimes.fetch_add(runtimes, Relaxed);
        });
    }
    for clerk in 0..CLERKS {
        let (opener, both) = (opener(&plan, &both), Arc::clone(&both));
        let (inbox, post, report) = (Arc::clone(&inbox), post.clone(), Arc::clone(&report));
        tasks.spawn(keep_books(plan, clerk, opener, both, inbox, post, report));
    }
    let mut trouble = JoinSet::new();
    trouble.spawn(make_trouble(plan, fakes, Arc::clone(&report)));
    let all = async {
        while let Some(ended) = tasks.join_next().await {
            ended.expect("no task panics");
        }
    };
    timeout(plan.patience, all)
        .await
        .unwrap_or_else(|_| panic!("seed {}: {report}", plan.seed));
    let left = inbox.lock().await.try_recv().is_ok();
    assert!(!left, "everything posted is booked, seed {}", plan.seed);
    report
}

type Both = Arc<Several<Guarded<KmsProvider>>>;

fn sealer(plan: &Plan, both: &Both) -> Sealer {
    let limits = SealingLimits::default()
        .with_max_messages(12)
        .with_soft_age(plan.seconds(3.0))
        .with_hard_age(plan.seconds(9.0));
    let builder = Sealer::builder(Arc::clone(both))
        .retry(plan.policy())
        .limits(limits);
    builder.build().expect("the limits are in order")
}

fn opener(plan: &Plan, both: &Both) -> Opener {
    let limits = OpeningLimits::default().with_ttl(plan.seconds(4.0));
    let builder = Opener::builder(Arc::clone(both))
        .retry(plan.policy())
        .limits(limits);
    builder.build().expect("the limits are in order")
}

/// The orders of a shop, up to the second number.
const fn share(plan: &Plan, shop: u64) -> (u64, u64) {
    let shops = SHOPS + plan.visitors;
    (plan.orders * shop / shops, plan.orders * (shop + 1) / shops)
}

/// Seals orders, alone or in batches, and posts each of them once, however often it has to try.
async fn keep_shop(
    plan: Plan,
    shop: u64,
    sealer: Sealer,
    post: UnboundedSender<Posted>,
    report: Arc<Report>,
) {
    let mut random = plan.random(shop);
    let (mut first, end) = share(&plan, shop);
    while first < end {
        if end - first <= RUN && !report.met_all() {
            // The last orders wait until there was trouble of every kind, however fast the others went.
            let sealed = seal(&sealer, first, 1).await;
            assert!(
                sealed.is_ok() || helps(sealed.unwrap_err().class()),
                "seed {}",
                plan.seed
            );
            sleep(plan.seconds(random.random_range(0.5..2.0))).await;
            continue;
        }
        let room = (end - first).min(RUN - first % RUN);
        let count = if random.random_bool(0.3) {
            random.random_range(1..=room)
        } else {
            1
        };
        let sealing = seal(&sealer, first, count);
        let sealed = if random.random_bool(0.05) {
            timeout(plan.seconds(random.random_range(0.001..0.2)), sealing)
                .await
                .ok()
        } else {
            Some(sealing.await)
        };
        match sealed {
            Some(Ok(message)) => {
                report.messages.fetch_add(1, Relaxed);
                post.send(Posted {
                    first,
                    count,
                    message,
                })
                .expect("accounting is there");
                first += count;
                sleep(plan.seconds(random.random_range(0.0..4.0))).await;
            }
            Some(Err(error)) => {
                assert!(helps(error.class()), "seed {}: {error:?}", plan.seed);
                report.seal_failures.fetch_add(1, Relaxed);
                sleep(plan.seconds(random.random_range(0.05..0.5))).await;
            }
            None => {
                report.given_up.fetch_add(1, Relaxed);
            }
        }
    }
}

/// Posts an order if it was sealed; whether it was.
async fn post_one(
    plan: &Plan,
    sealed: Option<Result<Vec<u8>, SealError>>,
    first: u64,
    post: &UnboundedSender<Posted>,
    report: &Report,
) -> bool {
    match sealed {
        Some(Ok(message)) => {
            report.messages.fetch_add(1, Relaxed);
            let posted = Posted {
                first,
                count: 1,
                message,
            };
            post.send(posted).expect("accounting is there");
            true
        }
        Some(Err(error)) => {
            assert!(helps(error.class()), "seed {}: {error:?}", plan.seed);
            report.seal_failures.fetch_add(1, Relaxed);
            sleep(plan.seconds(0.2)).await;
            false
        }
        None => {
            report.given_up.fetch_add(1, Relaxed);
            false
        }
    }
}

async fn seal(sealer: &Sealer, first: u64, count: u64) -> Result<Vec<u8>, SealError> {
    let (context, number) = (context_of(tenant_of(first)), first.to_be_bytes());
    if count == 1 {
        return sealer.seal(&context, &text(first), Aad::new(&number)).await;
    }
    let records: Vec<_> = (first..first + count).map(text).collect();
    sealer.seal_records(&context, &records, Aad::new(&number)).await
}

const fn helps(class: Option<ErrorClass>) -> bool {
    matches!(class, Some(class) if class.is_retryable())
}

/// Opens what is posted and books it; puts back what does not open for the moment.
async fn keep_books(
    plan: Plan,
    clerk: u64,
    opener: Opener,
    both: Both,
    inbox: Arc<tokio::sync::Mutex<UnboundedReceiver<Posted>>>,
    post: UnboundedSender<Posted>,
    report: Arc<Report>,
) {
    let mut random = plan.random(100 + clerk);
    while report.orders_booked.load(Relaxed) < plan.orders {
        let waiting = async { inbox.lock().await.recv().await };
        let Ok(Some(posted)) = timeout(plan.seconds(1.0), waiting).await else {
            continue;
        };
        if random.random_bool(0.2) {
            pry(&plan, &opener, &both, &posted, &report).await;
        }
        match open(&opener, &posted).await {
            Ok(texts) => {
                report
                    .opened_in_outage
                    .fetch_add(u64::from(report.down.load(Relaxed) > 0), Relaxed);
                for (order, text) in (posted.first..).zip(texts) {
                    report.book(order, text);
                }
            }
            Err(error) => {
                assert!(helps(error.class()), "seed {}: {error:?}", plan.seed);
                report.open_failures.fetch_add(1, Relaxed);
                sleep(plan.seconds(random.random_range(0.05..0.5))).await;
                post.send(posted).expect("this very task receives");
            }
        }
    }
}

async fn open(opener: &Opener, posted: &Posted) -> Result<Vec<Vec<u8>>, OpenError> {
    let (context, number) = (context_of(tenant_of(posted.first)), posted.first.to_be_bytes());
    if posted.count == 1 {
        let opened = opener.open(&context, &posted.message, Aad::new(&number)).await?;
        return Ok(vec![opened]);
    }
    opener
        .open_records(&context, &posted.message, Aad::new(&number))
        .await
}

/// Tries to get at a message in every way that must not work, whatever state the regions are in.
async fn pry(plan: &Plan, opener: &Opener, both: &Both, posted: &Posted, report: &Report) {
    let other = context_of((tenant_of(posted.first) + 1) % TENANTS);
    let elsewhere = Posted {
        first: posted.first + RUN,
        count: posted.count,
        message: posted.message.clone(),
    };
    assert!(
        open(opener, &elsewhere).await.is_err(),
        "it opened for another tenant"
    );
    let own = context_of(tenant_of(posted.first));
    let swapped = Aad::new(b"another order");
    let as_another = if posted.count == 1 {
        opener.open(&own, &posted.message, swapped).await.map(drop)
    } else {
        opener
            .open_records(&own, &posted.message, swapped)
            .await
            .map(drop)
    };
    assert!(as_another.is_err(), "it opened with other associated data");
    let once = Retry::new(Arc::clone(both), plan.policy().with_max_attempts(1));
    let header = SealedHeader::read(&mut posted.message.as_slice()).expect("it was just sealed");
    let header = header.header();
    let header = header.datakey().expect("the native format");
    for wrapped in &header.wrapped_keys().expect("it was just sealed") {
        for wrong in [&other, &EncryptionContext::empty()] {
            assert!(
                once.decrypt(wrong, wrapped).await.is_err(),
                "KMS opened it with another context"
            );
            report.wrong_attempts.fetch_add(1, Relaxed);
        }
    }
    report.wrong_attempts.fetch_add(2, Relaxed);
}

/// Lets regions fail, each in one way or several at a time, and lets them recover, until it is stopped. Ways that met no call yet come
/// first, and alone, so that none hides another.
async fn make_trouble(plan: Plan, fakes: [FakeKms; 2], report: Arc<Report>) {
    let mut random = plan.random(1_000);
    let mut under_way: [Vec<(usize, u64)>; 2] = Default::default();
    loop {
        sleep(plan.seconds(random.random_range(0.1..1.5))).await;
        for (fake, troubles) in fakes.iter().zip(&mut under_way) {
            for (trouble, before) in troubles {
                let met = TROUBLES[*trouble].met(fake);
                report.struck[*trouble].fetch_add(met - *before, Relaxed);
                *before = met;
            }
        }
        let unmet = |trouble: &usize| report.struck[*trouble].load(Relaxed) == 0;
        let left: Vec<usize> = (0..TROUBLES.len()).filter(unmet).collect();
        let at = random.random_range(0..fakes.len());
        let fake = &fakes[at];
        let recovers = random.random_bool(1.0 / 3.0);
        if recovers || !left.is_empty() {
            under_way[at].clear();
            fake.clear_faults();
            fake.set_quota(Quota::UNLIMITED);
            fake.set_latency(Latency::fixed(plan.seconds(0.01)));
        }
        if !recovers {
            let all: Vec<usize> = (0..TROUBLES.len()).collect();
            let choice = if left.is_empty() { &all } else { &left };
            let trouble = choice[random.random_range(0..choice.len())];
            under_way[at].push((trouble, TROUBLES[trouble].met(fake)));
            TROUBLES[trouble].begin(&plan, &mut random, fake);
            report.outages.fetch_add(1, Relaxed);
        }
        let down = under_way.iter().filter(|troubles| !troubles.is_empty()).count();
        report.down.store(down as u64, Relaxed);
    }
}
