//! The contenders, and the process that each is run in: the AWS SDK keeps its token bucket and limiter in statics.
use std::{
    error::Error,
    fmt,
    process::{Child, Command, Stdio},
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use aws_sdk_kms::{
    Client,
    config::{BehaviorVersion, Config, Credentials, Region, retry::RetryConfig},
    types::DataKeySpec,
};
use datakey_fake_kms::DEFAULT_REGION;
use datakey_kms::KmsProvider;
use datakey_provider::{DataKeyLength, EncryptionContext, SealingProvider as _};
use datakey_retry::{Policy, Retry};
use tokio::time::{Instant, sleep};

/// What goes wrong here is told to who runs it, and no more.
pub type Failure = Box<dyn Error + Send + Sync>;

/// The first word of the arguments of a process that is a contender.
pub const ROLE: &str = "contend";

/// Who retries, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contender {
    NoRetry,
    Standard(u32),
    Adaptive(u32),
    Ours,
}

impl Contender {
    pub const ALL: [Self; 6] = [
        Self::NoRetry,
        Self::Standard(3),
        Self::Standard(10),
        Self::Adaptive(3),
        Self::Adaptive(10),
        Self::Ours,
    ];

    fn sdk(self) -> RetryConfig {
        match self {
            Self::NoRetry | Self::Ours => RetryConfig::disabled(),
            Self::Standard(attempts) => RetryConfig::standard().with_max_attempts(attempts),
            Self::Adaptive(attempts) => RetryConfig::adaptive().with_max_attempts(attempts),
        }
    }
}

impl fmt::Display for Contender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRetry => f.write_str("no retry"),
            Self::Standard(attempts) => write!(f, "SDK standard, {attempts}"),
            Self::Adaptive(attempts) => write!(f, "SDK adaptive, {attempts}"),
            Self::Ours => f.write_str("datakey-retry"),
        }
    }
}

impl FromStr for Contender {
    type Err = Failure;

    fn from_str(name: &str) -> Result<Self, Failure> {
        let found = Self::ALL.into_iter().find(|one| one.to_string() == name);
        found.ok_or_else(|| format!("there is no contender `{name}`").into())
    }
}

/// How much a contender does: so many callers until so many calls are made together, or the time is up.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    pub callers: usize,
    pub calls: u64,
    pub time: Duration,
}

/// What became of a contender's calls. Times are in seconds.
#[derive(Debug, Clone, Copy, Default)]
pub struct Told {
    pub took: f64,
    pub done: u64,
    pub failed: u64,
    pub longest: f64,
}

/// Starts a contender in a process of its own.
pub fn start(contender: Contender, url: &str, key: &str, load: Load) -> Result<Child, Failure> {
    Ok(Command::new(std::env::current_exe()?)
        .args([ROLE, &contender.to_string(), url, key])
        .arg(load.callers.to_string())
        .arg(load.calls.to_string())
        .arg(load.time.as_secs().to_string())
        .stdout(Stdio::piped())
        .spawn()?)
}

/// Waits for a contender's end and reads what it tells.
pub fn told(child: Child) -> Result<Told, Failure> {
    let output = child.wait_with_output()?;
    let text = String::from_utf8(output.stdout)?;
    let words: Vec<f64> = text
        .split_whitespace()
        .map(str::parse)
        .collect::<Result<_, _>>()?;
    match *words {
        [took, done, failed, longest] if output.status.success() => Ok(Told {
            took,
            done: done as u64,
            failed: failed as u64,
            longest,
        }),
        _ => Err(format!("a contender ended with {} and told `{text}`", output.status).into()),
    }
}

/// What the process of a contender does: `contend NAME URL KEY CALLERS CALLS SECONDS`.
pub async fn contend(words: &[String]) -> Result<(), Failure> {
    let [contender, url, key, callers, calls, seconds] = words else {
        return Err("a contender needs six arguments".into());
    };
    let load = Load {
        callers: callers.parse()?,
        calls: calls.parse()?,
        time: Duration::from_secs(seconds.parse()?),
    };
    let told = run(Caller::new(contender.parse()?, url, key)?, load).await?;
    println!("{} {} {} {}", told.took, told.done, told.failed, told.longest);
    Ok(())
}

#[derive(Clone)]
enum Caller {
    Sdk(Client, Arc<str>),
    Ours(Arc<Retry<KmsProvider>>),
}

impl Caller {
    fn new(contender: Contender, url: &str, key: &str) -> Result<Self, Failure> {
        let credentials = Credentials::new("AKIDEXAMPLE", "not-a-secret", None, None, "bench");
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(DEFAULT_REGION))
            .credentials_provider(credentials)
            .endpoint_url(url)
            .retry_config(contender.sdk());
        let client = Client::from_conf(config.build());
        Ok(if contender == Contender::Ours {
            let kms = KmsProvider::from_client(&client).key(key).build()?;
            Self::Ours(Arc::new(Retry::new(kms, Policy::default())))
        } else {
            Self::Sdk(client, key.into())
        })
    }

    /// One call; false if it failed.
    async fn call(&self) -> bool {
        match self {
            Self::Sdk(client, key) => {
                let request = client.generate_data_key().key_id(&**key);
                request.key_spec(DataKeySpec::Aes256).send().await.is_ok()
            }
            Self::Ours(kms) => kms
                .generate_data_key(&EncryptionContext::empty(), DataKeyLength::Bytes32)
                .await
                .is_ok(),
        }
    }
}

/// A caller whose call failed does something else for this long.
const AFTER_FAILURE: Duration = Duration::from_millis(100);

async fn run(caller: Caller, load: Load) -> Result<Told, Failure> {
    let (started, next) = (Instant::now(), Arc::new(AtomicU64::new(0)));
    let callers: Vec<_> = (0..load.callers)
        .map(|_| {
            let (caller, next) = (caller.clone(), Arc::clone(&next));
            tokio::spawn(async move {
                let mut told = Told::default();
                while started.elapsed() < load.time && next.fetch_add(1, Ordering::Relaxed) < load.calls {
                    let began = Instant::now();
                    if caller.call().await {
                        told.done += 1;
                    } else {
                        told.failed += 1;
                        if load.calls == u64::MAX {
                            sleep(AFTER_FAILURE).await;
                        }
                    }
                    told.longest = told.longest.max(began.elapsed().as_secs_f64());
                }
                told
            })
        })
        .collect();
    let mut all = Told::default();
    for caller in callers {
        let one = caller.await?;
        all.done += one.done;
        all.failed += one.failed;
        all.longest = all.longest.max(one.longest);
    }
    all.took = started.elapsed().as_secs_f64();
    Ok(all)
}
