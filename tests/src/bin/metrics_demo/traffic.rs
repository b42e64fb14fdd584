//! Three things that happen to a service: a quota that is too small, a KMS that fails while keys are cached, a Region that goes dark.
use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    time::Duration,
};

use datakey::{
    Aad, Both, EncryptionContext, Opener, OpenerBuilder, Publisher, Sealer, SealerBuilder,
    fake_kms::{FakeKms, FakeKmsProvider, Fault, FaultRule, KmsErrorCode, Ledger, Quota},
    keyring::SealingLimits,
    retry::{Backoff, Policy},
};
use futures_util::future::try_join_all;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::failed::Failed;

/// Between two requests.
const PAUSE: Duration = Duration::from_millis(5);
/// Fewer than are asked for.
const QUOTA: Quota = Quota::per_second(20);
/// As a service would have them in a day, played in seconds.
const SOFT_AGE: Duration = Duration::from_millis(500);
const HARD_AGE: Duration = Duration::from_secs(600);
/// After a throttle.
const BACK_SOON: Duration = Duration::from_millis(100);
/// How long a Region is dark at the least: a breaker opens when failures go on, and not at the first of them.
const DARK: Duration = Duration::from_secs(8);

/// Of whoever seals in both Regions.
const PATIENCE: Duration = Duration::from_millis(500);

pub struct Traffic {
    small: FakeKms,
    cached: FakeKms,
    near: FakeKms,
    /// A host that takes turns at the rate it learns, and one that comes back after a while.
    uncached: [Sealer; 2],
    orders: Sealer,
    archive: Sealer,
    archived: Opener,
    context: EncryptionContext,
    /// Requests of each of the first two sealers.
    requests: AtomicU64,
    over: AtomicBool,
}

fn one_key(fake: &FakeKms) -> Result<FakeKmsProvider, Failed> {
    Ok(fake.provider(&fake.create_key()?))
}

/// Calls that were neither answered nor throttled.
fn failed(ledger: &Ledger) -> u64 {
    ledger
        .calls()
        .saturating_sub(ledger.successes())
        .saturating_sub(ledger.throttled())
}

impl Traffic {
    pub fn new(publisher: &Publisher) -> Result<Self, Failed> {
        let fake = |region: &str| FakeKms::builder().region(region).build();
        let (small, cached, near) = (fake("eu-north-1")?, fake("eu-central-1")?, fake("eu-west-1")?);
        small.set_quota(QUOTA);
        let kms = one_key(&small)?;
        let uncached = |policy: Policy, name: &str| {
            let sealer = Sealer::builder(kms.clone()).without_cache().retry(policy);
            sealer.metrics_as(publisher, name).build()
        };
        let backing_off = Policy::default()
            .without_adaptive_rate()
            .with_throttled_backoff(Backoff::constant(BACK_SOON));
        let uncached = [
            uncached(Policy::default(), "uncached")?,
            uncached(backing_off, "backing-off")?,
        ];
        let limits = SealingLimits::default()
            .with_soft_age(SOFT_AGE)
            .with_hard_age(HARD_AGE);
        let orders = Sealer::builder(one_key(&cached)?)
            .limits(limits)
            .retry(Policy::default().with_max_attempts(1))
            .metrics_as(publisher, "orders")
            .build()?;
        let regions = publisher.several([one_key(&near)?, one_key(&near.in_region("eu-west-2")?)?])?;
        let archive = Both::new(regions)
            .retry(Policy::default().with_deadline(PATIENCE))
            .sealer(SealerBuilder::without_cache)
            .opener(OpenerBuilder::without_cache)
            .metrics_as(publisher, "archive");
        let (archive, archived) = archive.build()?;
        Ok(Self {
            small,
            cached,
            near,
            uncached,
            orders,
            archive,
            archived,
            context: EncryptionContext::new([("tenant", "acme"), ("purpose", "orders")])?,
            requests: AtomicU64::new(0),
            over: AtomicBool::new(false),
        })
    }

    /// What KMS counted, in the Regions where each attempt is a call, and what was asked of the sealers there.
    pub fn ledger(&self) -> Value {
        let (small, cached) = (self.small.ledger(), self.cached.ledger());
        let uncached = self
            .uncached
            .iter()
            .map(|sealer| sealer.keyring().stats().misses.total());
        json!({
            "over": self.over.load(SeqCst),
            "requests": self.requests.load(SeqCst),
            "calls": small.calls() + cached.calls(),
            "throttled": small.throttled() + cached.throttled(),
            "failed": failed(small) + failed(cached),
            // A request without a cache is a call, whatever its retries: none is avoided.
            "avoided": self.requests.load(SeqCst).saturating_sub(uncached.sum::<u64>() + cached.calls()),
        })
    }

    /// One scenario after the other.
    pub async fn run(&self, each: Duration) -> Result<(), Failed> {
        self.small_quota(each).await?;
        self.failing_kms(each).await?;
        self.dark_region(each).await?;
        self.over.store(true, SeqCst);
        Ok(())
    }

    /// Twelve callers that make a call for each message.
    async fn small_quota(&self, each: Duration) -> Result<(), Failed> {
        let end = Instant::now() + each;
        let callers = self.uncached.iter().cycle().take(12);
        try_join_all(callers.map(|sealer| self.seal_until(end, sealer))).await?;
        Ok(())
    }

    async fn seal_until(&self, end: Instant, sealer: &Sealer) -> Result<(), Failed> {
        while Instant::now() < end {
            self.requests.fetch_add(1, SeqCst);
            sealer.seal(&self.context, b"order", Aad::EMPTY).await?;
            sleep(PAUSE).await;
        }
        Ok(())
    }

    /// Orders under cached keys, which go on being sealed when KMS fails.
    async fn failing_kms(&self, each: Duration) -> Result<(), Failed> {
        let (start, mut fails) = (Instant::now(), false);
        while start.elapsed() < each * 2 {
            if !fails && start.elapsed() > each {
                self.cached.inject(FaultRule::new(KmsErrorCode::Internal));
                fails = true;
            }
            self.requests.fetch_add(1, SeqCst);
            self.orders.seal(&self.context, b"order", Aad::EMPTY).await?;
            sleep(PAUSE).await;
        }
        Ok(())
    }

    /// What both Regions wrap opens in either. What needs both does not seal.
    async fn dark_region(&self, each: Duration) -> Result<(), Failed> {
        let sealed = self.archive.seal(&self.context, b"order", Aad::EMPTY).await?;
        self.near.inject(FaultRule::new(Fault::DropConnection));
        let start = Instant::now();
        while start.elapsed() < each.max(DARK) {
            self.archived.open(&self.context, &sealed, Aad::EMPTY).await?;
            let refused = self.archive.seal(&self.context, b"order", Aad::EMPTY).await;
            if refused.is_ok() {
                return Err("a Region that is dark made a data key".into());
            }
            sleep(PAUSE).await;
        }
        Ok(())
    }
}
