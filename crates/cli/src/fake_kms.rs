//! `datakey fake-kms`: a KMS on this machine, for tests in any language.
mod args;
#[cfg(feature = "tls")]
mod identity;
mod principals;

use std::{fs, net::SocketAddr, path::Path, pin::pin, time::Duration};

use datakey::fake_kms::{
    FakeKms, FakeKmsServer, FakeKmsServerBuilder, FaultRule, KmsErrorCode, NewKey, StateFile,
};
use serde_json::{Map, Value, json};
use tokio::{
    net::TcpListener,
    time::{MissedTickBehavior, interval},
};

pub(crate) use self::args::FakeKmsArgs;
use self::args::QuotaArg;
use crate::{failure::Failure, interrupt, print};

/// How long a client may take for a request's head, or for its body.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// How often the state is written, if it has changed.
const SAVE_INTERVAL: Duration = Duration::from_secs(1);

/// Serves until SIGINT or SIGTERM, and then saves the state and ends well.
pub(crate) async fn run(args: &FakeKmsArgs, json: bool) -> Result<(), Failure> {
    check_paths(args)?;
    let fake = build(args)?;
    let rules = fault_rules(args)?;
    let client = principals::add(args, &fake)?;
    #[cfg(feature = "tls")]
    let identity = identity::chosen(&args.tls, args.listen)?;
    // Nothing is written before it is known that the address is free.
    let listener = listen(args.listen).await?;
    let mut state = match &args.state {
        Some(path) => Some(StateFile::open(path, &fake)?),
        None => None,
    };
    let keys = make_keys(args, &fake)?;
    for rule in rules {
        fake.inject(rule);
    }
    if let Some(state) = &mut state {
        state.save(&fake)?;
    }
    // Before it says that it is ready: whoever reads that may tell it to end.
    let told =
        interrupt::signal().map_err(|source| Failure::other("signals cannot be waited for", source))?;
    let server = serving(args, &fake);
    #[cfg(feature = "tls")]
    let server = match identity {
        Some(identity) => {
            identity::write_authority(&args.tls, &identity)?;
            server.tls(identity)
        }
        None => server,
    };
    let server = server.listen_on(listener).map_err(|source| Failure::Listen {
        address: args.listen,
        source,
    })?;
    print::result(
        json,
        &to_json(args, &server, &keys, &client),
        &to_text(args, &server, &keys, &client),
    )?;
    let ended = save_until(told, state.as_mut(), &fake).await;
    server.shutdown().await;
    if let Some(state) = &mut state {
        state.save(&fake)?;
    }
    ended
}

/// Of two things at one path, one could not be reached.
fn check_paths(args: &FakeKmsArgs) -> Result<(), Failure> {
    let paths = [
        ("--metrics-path", &args.metrics_path),
        ("--ledger-path", &args.ledger_path),
        ("--faults-path", &args.faults_path),
        ("--clock-path", &args.clock_path),
    ];
    for (index, (one, path)) in paths.iter().enumerate() {
        let mut before = paths.iter().take(index);
        if let Some((other, _)) = before.find(|(_, own)| own == path) {
            return Err(Failure::Usage(format!("{other} and {one} are both {path:?}")));
        }
    }
    Ok(())
}

fn build(args: &FakeKmsArgs) -> Result<FakeKms, Failure> {
    let mut builder = FakeKms::builder()
        .region(&args.region)
        .account(&args.account)
        .latency(args.latency)
        .seed(args.seed)
        .ledger_capacity(args.ledger_calls)
        .wall_clock();
    builder = match args.quota {
        QuotaArg::OfKms => builder.kms_quotas(),
        QuotaArg::These(quota) => builder.quota(quota),
    };
    builder.build().map_err(|error| Failure::Usage(error.to_string()))
}

/// The keys of the command line, by alias. Those that the state has already are kept.
fn make_keys(args: &FakeKmsArgs, fake: &FakeKms) -> Result<Map<String, Value>, Failure> {
    let both = |alias: &&String| args.multi_region_key.contains(alias);
    if let Some(alias) = args.key.iter().find(both) {
        let told =
            format!("the key {alias:?} is given to --key and to --multi-region-key; a key is of one kind");
        return Err(Failure::Usage(told));
    }
    let of_one = args.key.iter().map(|alias| (alias, false));
    let of_many = args.multi_region_key.iter().map(|alias| (alias, true));
    let mut keys = Map::new();
    for (alias, is_multi_region) in of_one.chain(of_many) {
        let arn = key_of(fake, alias, is_multi_region)
            .map_err(|error| Failure::Usage(format!("the key {alias:?}: {error}")))?;
        keys.insert(alias.clone(), arn.into());
    }
    Ok(keys)
}

fn key_of(fake: &FakeKms, alias: &str, is_multi_region: bool) -> Result<String, String> {
    match fake.key_metadata(alias) {
        Ok(key) if key.multi_region.is_some() == is_multi_region => return Ok(key.arn.to_string()),
        Ok(key) => {
            return Err(format!(
                "the state has {} by that alias, a key of the other kind",
                key.arn
            ));
        }
        Err(error) if error.code() == KmsErrorCode::NotFound => {}
        Err(error) => return Err(error.to_string()),
    }
    let new = NewKey::new();
    let new = if is_multi_region { new.multi_region() } else { new };
    let made = fake.create_key_with(&new).and_then(|arn| {
        fake.create_alias(alias, &arn)?;
        Ok(arn.to_string())
    });
    made.map_err(|error| error.to_string())
}

/// The rules of the command line, and then those of the file: one a line, without empty ones and those that start with
/// `#`.
fn fault_rules(args: &FakeKmsArgs) -> Result<Vec<FaultRule>, Failure> {
    let mut rules = args.fault.clone();
    if let Some(path) = &args.faults_file {
        let text = fs::read_to_string(path).map_err(|source| Failure::read(path, source))?;
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if !line.is_empty() && !line.starts_with('#') {
                rules.push(line.parse().map_err(|error| in_line(path, index, &error))?);
            }
        }
    }
    Ok(rules)
}

fn in_line(path: &Path, index: usize, error: &impl std::fmt::Display) -> Failure {
    let number = index.saturating_add(1);
    Failure::Usage(format!("line {number} of {path:?}: {error}"))
}

async fn listen(address: SocketAddr) -> Result<TcpListener, Failure> {
    let listening = TcpListener::bind(address).await;
    listening.map_err(|source| Failure::Listen { address, source })
}

fn serving(args: &FakeKmsArgs, fake: &FakeKms) -> FakeKmsServerBuilder {
    let mut builder = FakeKmsServer::builder(fake.clone())
        .regions_by_signature()
        .request_timeout(REQUEST_TIMEOUT)
        .metrics_path(&args.metrics_path)
        .ledger_path(&args.ledger_path)
        .faults_path(&args.faults_path)
        .clock_path(&args.clock_path);
    if args.verify_signatures {
        builder = builder.verify_signatures();
    }
    builder
}

/// Waits for the signal to end, and writes the state down meanwhile.
async fn save_until(
    told: impl Future<Output = i32>,
    mut state: Option<&mut StateFile>,
    fake: &FakeKms,
) -> Result<(), Failure> {
    let mut told = pin!(told);
    let mut ticks = interval(SAVE_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _signal = &mut told => return Ok(()),
            _ = ticks.tick(), if state.is_some() => {
                if let Some(state) = &mut state {
                    tokio::task::block_in_place(|| state.save(fake))?;
                }
            }
        }
    }
}

/// The environment that makes AWS clients use the emulator, and no proxy for it.
fn environment(
    args: &FakeKmsArgs,
    server: &FakeKmsServer,
    client: &principals::Client,
) -> Vec<(&'static str, String)> {
    let environment = vec![
        ("AWS_ENDPOINT_URL_KMS", server.url()),
        ("AWS_REGION", server.fake().region().to_owned()),
        ("AWS_ACCESS_KEY_ID", client.access_key_id.clone()),
        ("AWS_SECRET_ACCESS_KEY", client.secret_access_key.clone()),
        ("NO_PROXY", server.addr().ip().to_string()),
    ];
    environment.into_iter().chain(trusted(args)).collect()
}

/// Where whom clients are to trust is.
fn trusted(args: &FakeKmsArgs) -> Option<(&'static str, String)> {
    #[cfg(feature = "tls")]
    if let Some(path) = &args.tls.tls_ca {
        let path = std::path::absolute(path).unwrap_or_else(|_relative| path.clone());
        return Some(("AWS_CA_BUNDLE", path.display().to_string()));
    }
    let _nobody_but_the_systems_own = args;
    None
}

fn to_text(
    args: &FakeKmsArgs,
    server: &FakeKmsServer,
    keys: &Map<String, Value>,
    client: &principals::Client,
) -> String {
    let environment = environment(args, server, client).into_iter();
    let environment: Vec<String> = environment
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let keys: Vec<String> = keys
        .iter()
        .map(|(alias, arn)| format!("; {alias} is {}", arn.as_str().unwrap_or_default()))
        .collect();
    format!(
        "ready at {}: {}{}",
        server.url(),
        environment.join(" "),
        keys.concat()
    )
}

fn to_json(
    args: &FakeKmsArgs,
    server: &FakeKmsServer,
    keys: &Map<String, Value>,
    client: &principals::Client,
) -> Value {
    let environment = environment(args, server, client).into_iter();
    let environment = environment.map(|(name, value)| (name.to_owned(), Value::from(value)));
    json!({
        "endpoint": server.url(),
        "region": server.fake().region(),
        "account": server.fake().account(),
        "keys": keys,
        "environment": environment.collect::<Map<_, _>>(),
    })
}
