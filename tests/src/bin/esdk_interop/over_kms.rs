//! Both sides through one KMS, whose ledger counts their calls.
use std::{
    error::Error,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::Duration,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use datakey::{Aad, CachingLimits, Opener, Sealer, keyring::SealingLimits};
use datakey_esdk::{Params, Suite};
use datakey_fake_kms::{FakeKms, FakeKmsServer, KmsOperation, Latency, Principal};
use datakey_kms::KmsProvider;
use datakey_provider::EncryptionContext;
use datakey_tests::kms::{REGION, client};
use tokio::task::{JoinSet, spawn_blocking};

pub type Anything<T = ()> = Result<T, Box<dyn Error>>;

/// Max age of the data keys, on either side.
pub const AGE: Duration = Duration::from_secs(600);

/// A KMS on loopback with one key.
pub struct Service {
    pub fake: FakeKms,
    pub key: Arc<str>,
    server: FakeKmsServer,
}

impl Service {
    pub async fn start() -> Anything<Self> {
        let fake = FakeKms::builder().region(REGION).wall_clock().build()?;
        fake.add_principal(Principal::new(
            "AKIDEXAMPLE",
            "not-a-secret",
            "arn:aws:iam::111122223333:user/interop",
        )?);
        let server = FakeKmsServer::builder(fake.clone()).verify_signatures();
        Ok(Self {
            key: fake.create_key()?,
            server: server.start().await?,
            fake,
        })
    }

    pub fn url(&self) -> String {
        self.server.url()
    }

    pub fn provider(&self) -> Anything<KmsProvider> {
        let provider = KmsProvider::from_client(&client(&self.url()));
        Ok(provider.key(&*self.key).build()?)
    }

    /// How many data keys were made and decrypted since this was last asked.
    pub fn counted(&self) -> [u64; 2] {
        let ledger = self.fake.ledger();
        let counts = [KmsOperation::GenerateDataKey, KmsOperation::Decrypt].map(|one| ledger.calls_of(one));
        assert_eq!(ledger.calls(), counts[0] + counts[1], "no other calls");
        assert_eq!(ledger.successes(), ledger.calls());
        ledger.clear();
        counts
    }
}

/// The interpreter of the SDK for Python, the script that drives it, and where files go.
pub struct Tools<'a> {
    pub python: &'a str,
    pub script: &'a str,
    pub folder: &'a str,
}

impl Tools<'_> {
    /// Writes so many orders, one a line; answers where.
    pub async fn orders(&self, count: &str) -> Anything<PathBuf> {
        let file = Path::new(self.folder).join("orders.jsonl");
        run(self.python, &[self.script, "write", path(&file)?, count]).await?;
        Ok(file)
    }

    /// Has the SDK for Python open what is sealed of these orders, under one data key.
    pub async fn opens(&self, orders: &Path, service: &Service, sealed: &[Vec<u8>]) -> Anything {
        let lines = sealed.iter().map(|message| BASE64_STANDARD.encode(message));
        let lines = lines.collect::<Vec<_>>().join("\n");
        fs::write(Path::new(self.folder).join("datakey.txt"), lines)?;
        self.call("open", orders, service, &[self.folder]).await?;
        assert_eq!(service.counted(), [0, 1]);
        Ok(())
    }

    /// Runs the script on these orders with this service.
    pub async fn call(&self, what: &str, orders: &Path, service: &Service, more: &[&str]) -> Anything {
        let url = service.url();
        let arguments = [self.script, what, path(orders)?, &url, &service.key];
        run(self.python, &[&arguments[..], more].concat()).await
    }
}

fn path(path: &Path) -> Anything<&str> {
    Ok(path.to_str().ok_or("a path that is not UTF-8")?)
}

/// Runs a program to its end, while this one goes on serving.
async fn run(program: &str, arguments: &[&str]) -> Anything {
    let mut command = Command::new(program);
    command.args(arguments).env("PYTHONDONTWRITEBYTECODE", "1");
    let ended = spawn_blocking(move || command.status()).await??;
    match ended.success() {
        true => Ok(()),
        false => Err(format!("{program} {} failed: {ended}", arguments.join(" ")).into()),
    }
}

/// What both sides seal under.
pub fn context() -> EncryptionContext {
    EncryptionContext::new([("tenant", "acme"), ("purpose", "orders")]).expect("short pairs")
}

/// Commits to its data key and does not sign.
pub fn params() -> Params {
    Params::new().with_suite(Suite::Aes256GcmHkdfSha512CommitKey)
}

const LONG: u64 = i64::MAX as u64;

/// Most messages and most bytes of a data key. An order has 80 bytes or so.
const LIMITS: [(u64, u64); 9] = [
    (1 << 32, LONG),
    (1_000, LONG),
    (100, LONG),
    (7, LONG),
    (1 << 32, 100_000),
    (1 << 32, 1_000),
    (1 << 32, 170),
    (100, 4_000),
    (30, 4_000),
];

/// The same orders, limits and KMS for the caching CMM of the SDK for Python and for a sealer that does not refresh by use.
pub async fn calls(tools: &Tools<'_>, count: &str) -> Anything {
    let file = tools.orders(count).await?;
    let text = fs::read_to_string(&file)?;
    let orders: Vec<&str> = text.lines().collect();
    let service = Service::start().await?;
    println!(
        "| most messages | most bytes | {} orders: calls to seal | to open |",
        orders.len()
    );
    println!("|---|---|---|---|");
    for (messages, bytes) in LIMITS {
        let limits = [messages.to_string(), bytes.to_string()];
        tools
            .call("calls", &file, &service, &[&limits[0], &limits[1]])
            .await?;
        let theirs = service.counted();
        sealed_and_opened(&service, &orders, messages, bytes).await?;
        let ours = service.counted();
        println!(
            "| {messages} | {bytes} | {} and {} | {} and {} |",
            theirs[0], ours[0], theirs[1], ours[1]
        );
        if ours != theirs {
            return Err(
                format!("{messages} messages, {bytes} bytes: {theirs:?} calls there, {ours:?} here").into(),
            );
        }
    }
    println!("the SDK for Python and datakey make as many calls");
    for suite in [Suite::Aes256GcmHkdfSha512CommitKey, Suite::default()] {
        let sealed = posted(&service, &orders, suite).await?;
        tools.opens(&file, &service, &sealed).await?;
    }
    Ok(())
}

/// Sealed as the demo of the command line does for its accounting service: the defaults, but for the format.
async fn posted(service: &Service, orders: &[&str], suite: Suite) -> Anything<Vec<Vec<u8>>> {
    let params = Params::new().with_suite(suite);
    let sealer = Sealer::builder(service.provider()?).format(params).build()?;
    let (context, mut sealed) = (context(), Vec::new());
    for order in orders {
        sealed.push(sealer.seal(&context, order.as_bytes(), Aad::EMPTY).await?);
    }
    assert_eq!(service.counted(), [1, 0]);
    Ok(sealed)
}

async fn sealed_and_opened(service: &Service, orders: &[&str], messages: u64, bytes: u64) -> Anything {
    let limits = CachingLimits::new(AGE)
        .with_max_messages_encrypted(messages)
        .with_max_bytes_encrypted(bytes)
        .with_capacity(100);
    let sealer = Sealer::builder(service.provider()?)
        .format(params())
        .limits(SealingLimits::from(limits).with_refresh_by_use(false))
        .build()?;
    let opener = Opener::builder(service.provider()?).limits(limits).build()?;
    let (context, mut sealed) = (context(), Vec::new());
    for order in orders {
        sealed.push(sealer.seal(&context, order.as_bytes(), Aad::EMPTY).await?);
    }
    for (order, message) in orders.iter().zip(&sealed) {
        assert_eq!(
            opener.open(&context, message, Aad::EMPTY).await?,
            order.as_bytes()
        );
    }
    Ok(())
}

const CALLERS: u64 = 200;

/// So many callers at once with a cold cache: here and with the SDK for JavaScript.
pub async fn crowd(script: &str) -> Anything {
    let service = Service::start().await?;
    // Slow enough for all of them to ask before the first is answered.
    service
        .fake
        .set_latency(Latency::fixed(Duration::from_millis(200)));
    let (url, count) = (service.url(), CALLERS.to_string());
    run(
        "node",
        &["--no-warnings", script, "crowd", &url, &service.key, &count],
    )
    .await?;
    let theirs = service.counted();
    let limits = CachingLimits::new(AGE);
    let sealer = Sealer::builder(service.provider()?)
        .format(params())
        .limits(limits)
        .build()?;
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        let sealer = sealer.clone();
        callers.spawn(async move { sealer.seal(&context(), b"order 17", Aad::EMPTY).await });
    }
    for sealed in callers.join_all().await {
        drop(sealed?);
    }
    let ours = service.counted();
    println!(
        "{CALLERS} callers at once with a cold cache: {} calls by the SDK for JavaScript, {} by datakey",
        theirs[0], ours[0]
    );
    match (theirs, ours) {
        ([CALLERS, 0], [1, 0]) => Ok(()),
        _ => Err("not the calls that the documentation says".into()),
    }
}
