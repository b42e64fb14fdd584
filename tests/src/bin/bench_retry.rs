//! Runs the quota harness: the same work on the same quota, through the AWS SDK's own retries and through ours.
//!
//! Each contender has a fake KMS of its own over HTTP, and each run of the SDK a retry partition of its own, since the SDK
//! keeps its token bucket and its limiter in statics of the process. All contenders of one round run side by side.
#![forbid(unsafe_code)]

use std::{
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use aws_sdk_kms::{
    Client,
    config::{
        BehaviorVersion, Config, Credentials, Region,
        retry::{RetryConfig, RetryPartition},
    },
    types::DataKeySpec,
};
use datakey_fake_kms::{DEFAULT_REGION, FakeKms, FakeKmsServer, Latency, Quota};
use datakey_kms::KmsProvider;
use datakey_provider::{EncryptionContext, SealingProvider as _};
use datakey_retry::{Policy, Retry};
use datakey_tests::retry_contention::{STRATEGIES, chart, mean};
use tokio::time::Instant;

const CALLS: u64 = 1000;
const CALLERS: usize = 32;
const QUOTA: u64 = 100;
const LATENCY: Duration = Duration::from_millis(5);

type Failure = Box<dyn Error + Send + Sync>;

#[derive(Debug, Clone, Copy)]
enum Contender {
    Sdk(&'static str, fn() -> RetryConfig),
    Ours,
}

const CONTENDERS: [Contender; 6] = [
    Contender::Sdk("no retry", RetryConfig::disabled),
    Contender::Sdk("SDK standard, 3", RetryConfig::standard),
    Contender::Sdk("SDK standard, 10", || {
        RetryConfig::standard().with_max_attempts(10)
    }),
    Contender::Sdk("SDK adaptive, 3", RetryConfig::adaptive),
    Contender::Sdk("SDK adaptive, 10", || {
        RetryConfig::adaptive().with_max_attempts(10)
    }),
    Contender::Ours,
];

impl Contender {
    const fn name(self) -> &'static str {
        match self {
            Self::Sdk(name, _) => name,
            Self::Ours => "datakey-retry",
        }
    }
}

/// One run's figures, with the time in seconds.
struct Figures {
    took: f64,
    failed: u64,
    throttled: u64,
    longest: f64,
}

fn client(url: &str, retries: RetryConfig, partition: String) -> Client {
    let credentials = Credentials::new("AKIDEXAMPLE", "not-a-secret", None, None, "bench");
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(DEFAULT_REGION))
        .credentials_provider(credentials)
        .endpoint_url(url)
        .retry_config(retries)
        .retry_partition(RetryPartition::new(partition));
    Client::from_conf(config.build())
}

/// One call; false if it failed.
#[derive(Clone)]
enum Caller {
    Sdk(Client, Arc<str>),
    Ours(Arc<Retry<KmsProvider>>),
}

impl Caller {
    async fn call(&self) -> bool {
        match self {
            Self::Sdk(client, key) => client
                .generate_data_key()
                .key_id(&**key)
                .key_spec(DataKeySpec::Aes256)
                .send()
                .await
                .is_ok(),
            Self::Ours(provider) => provider
                .generate_data_key(&EncryptionContext::empty())
                .await
                .is_ok(),
        }
    }
}

async fn run(contender: Contender, bucket: u64, round: u32) -> Result<Figures, Failure> {
    let fake = FakeKms::builder().latency(Latency::fixed(LATENCY)).build()?;
    let key = fake.create_key()?;
    let server = FakeKmsServer::start(fake.clone()).await?;
    let partition = format!("{} {bucket} {round}", contender.name());
    let caller = match contender {
        Contender::Sdk(_, retries) => Caller::Sdk(client(&server.url(), retries(), partition), key),
        Contender::Ours => {
            let client = client(&server.url(), RetryConfig::disabled(), partition);
            let kms = KmsProvider::from_client(&client).key(&*key).build()?;
            Caller::Ours(Arc::new(Retry::new(kms, Policy::default())))
        }
    };
    fake.set_quota(Quota::token_bucket(QUOTA, bucket));
    let (started, next) = (Instant::now(), Arc::new(AtomicU64::new(0)));
    let callers: Vec<_> = (0..CALLERS)
        .map(|_| {
            let (caller, next) = (caller.clone(), Arc::clone(&next));
            tokio::spawn(async move {
                let (mut failed, mut longest) = (0, Duration::ZERO);
                while next.fetch_add(1, Ordering::Relaxed) < CALLS {
                    let began = Instant::now();
                    failed += u64::from(!caller.call().await);
                    longest = longest.max(began.elapsed());
                }
                (failed, longest)
            })
        })
        .collect();
    let (mut failed, mut longest) = (0, Duration::ZERO);
    for caller in callers {
        let one = caller.await?;
        failed += one.0;
        longest = longest.max(one.1);
    }
    let took = started.elapsed().as_secs_f64();
    let throttled = fake.ledger().throttled();
    server.shutdown().await;
    Ok(Figures {
        took,
        failed,
        throttled,
        longest: longest.as_secs_f64(),
    })
}

/// The least and the most of some figures.
fn range(figures: &[Figures], of: impl Fn(&Figures) -> f64, digits: usize) -> String {
    let (mut least, mut most) = (f64::INFINITY, f64::NEG_INFINITY);
    for figure in figures {
        least = least.min(of(figure));
        most = most.max(of(figure));
    }
    let (least, most) = (format!("{least:.digits$}"), format!("{most:.digits$}"));
    if least == most {
        least
    } else {
        format!("{least} to {most}")
    }
}

async fn rounds(contender: Contender, bucket: u64, count: u32) -> Result<Vec<Figures>, Failure> {
    let mut figures = Vec::new();
    for round in 0..count {
        figures.push(run(contender, bucket, round).await?);
    }
    Ok(figures)
}

async fn table(bucket: u64, count: u32) -> Result<String, Failure> {
    let runs = CONTENDERS.map(|contender| tokio::spawn(rounds(contender, bucket, count)));
    let ideal = (CALLS - bucket) as f64 / QUOTA as f64;
    let mut text = format!(
        "Token bucket of {bucket}, ideal {ideal:.1} s, {count} runs each (least to most):\n\n\
         | retry | seconds | times ideal | calls failed | calls throttled | longest wait, s |\n|---|---|---|---|---|---|\n"
    );
    for (contender, run) in CONTENDERS.into_iter().zip(runs) {
        let figures = run.await??;
        text += &format!(
            "| {} | {} | {} | {} | {} | {} |\n",
            contender.name(),
            range(&figures, |run| run.took, 1),
            range(&figures, |run| run.took / ideal, 2),
            range(&figures, |run| run.failed as f64, 0),
            range(&figures, |run| run.throttled as f64, 0),
            range(&figures, |run| run.longest, 2),
        );
    }
    Ok(text)
}

/// The published experiment on jitter: a table, and a chart in `docs/`.
fn jitter() -> Result<(), Failure> {
    let figures = STRATEGIES.map(|strategy| (strategy, mean(strategy.backoff)));
    println!("| wait | calls | published | seconds | published |\n|---|---|---|---|---|");
    for (strategy, work) in &figures {
        let published = strategy.published;
        println!(
            "| {} | {:.0} | {:.0} | {:.1} | {:.1} |",
            strategy.name, work.calls, published.calls, work.seconds, published.seconds
        );
    }
    std::fs::write("docs/jitter.svg", chart(&figures))?;
    println!();
    Ok(())
}

fn main() -> Result<(), Failure> {
    let count = std::env::args().nth(1).map_or(Ok(5), |count| count.parse())?;
    jitter()?;
    if count == 0 {
        return Ok(());
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let (small, large) = tokio::join!(table(10, count), table(100, count));
        println!("{}\n{}", small?, large?);
        Ok(())
    })
}
