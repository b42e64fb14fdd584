//! Shop and accounting under load while regions drop, throttle, answer garbage and recover: nothing is lost, nothing is
//! booked twice, nothing opens under a wrong context.
//!
//! `DATAKEY_SEED` repeats a run, but for the data keys, which are random.
use std::time::Duration;

use datakey_fake_kms::{FakeKms, FakeKmsServer};
use datakey_kms::{KmsProvider, KmsProviderBuilder};
use datakey_provider::{DataKeyLength, EncryptionContext, Rank, SealingProvider as _};
use datakey_tests::{
    chaos::{Plan, Stack, run},
    kms::config,
    kms_memory::provider_of,
};

fn seeds(all: std::ops::Range<u64>) -> Vec<u64> {
    match std::env::var("DATAKEY_SEED") {
        Ok(seed) => vec![seed.parse().expect("DATAKEY_SEED is a number")],
        Err(_) => all.collect(),
    }
}

fn regions() -> [FakeKms; 2] {
    ["eu-central-1", "us-east-1"].map(|region| FakeKms::builder().region(region).build().unwrap())
}

fn provider(builder: KmsProviderBuilder, fake: &FakeKms, rank: Rank) -> KmsProvider {
    let key = fake.create_key().unwrap();
    builder.key(key).rank(rank).build().unwrap()
}

/// The SDK whole, without sockets, so that hours pass in seconds; with a breaker, without one, and as the facade comes.
#[tokio::test(start_paused = true)]
async fn nothing_is_lost_doubled_or_opened_wrongly_in_virtual_time() {
    let stacks = [Stack::WithoutBreaker, Stack::WithBreaker, Stack::Defaults];
    for (seed, stack) in seeds(1..4).into_iter().zip(stacks.into_iter().cycle()) {
        let plan = Plan {
            stack,
            seed,
            orders: 600,
            second: Duration::from_secs(1),
            patience: Duration::from_secs(6 * 3600),
            visitors: 0,
        };
        let fakes = regions();
        let providers = [(&fakes[0], Rank::LOCAL), (&fakes[1], Rank::REMOTE)]
            .map(|(fake, rank)| provider(provider_of(fake), fake, rank));
        let start = tokio::time::Instant::now();
        let report = run(plan, fakes.clone(), providers).await;
        println!("seed {seed}, {stack:?}: {report}, in {:?}", start.elapsed());
        report.check(&plan);
        report.check_trouble(&plan, &fakes);
        // A minute's deadline outlasts nearly all of it, so that with the defaults hardly anything need reach a caller.
        if stack != Stack::Defaults {
            report.check_callers(&plan);
        }
    }
}

/// What a second is taken for over HTTP: a twentieth of one, or more where calls are slow, so that on a machine that is busy
/// with something else it is the trouble that ends attempts and not the machine.
async fn second_over_http() -> Duration {
    let fake = FakeKms::builder().region("eu-central-1").build().unwrap();
    let server = FakeKmsServer::start(fake.clone()).await.unwrap();
    let client = aws_sdk_kms::Client::from_conf(config(&server.url()).build());
    let builder = KmsProvider::from_client(&client).key(fake.create_key().unwrap());
    let provider = builder.build().unwrap();
    let mut slowest = Duration::ZERO;
    // The first calls make the connections.
    for round in 0..4 {
        let calls = (0..10).map(|_| {
            let provider = provider.clone();
            tokio::spawn(async move {
                let began = tokio::time::Instant::now();
                let made = provider
                    .generate_data_key(&EncryptionContext::empty(), DataKeyLength::Bytes32)
                    .await;
                drop(made.unwrap());
                began.elapsed()
            })
        });
        for call in calls.collect::<Vec<_>>() {
            let took = call.await.unwrap();
            slowest = if round == 0 {
                Duration::ZERO
            } else {
                slowest.max(took)
            };
        }
    }
    (slowest * 10).clamp(Duration::from_millis(50), Duration::from_millis(500))
}

/// Over HTTP, where seconds are shorter, with shops whose runtimes come and go.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_doubled_or_opened_wrongly_over_http() {
    for seed in seeds(1..2) {
        let plan = Plan {
            stack: Stack::WithBreaker,
            seed,
            orders: 96,
            second: second_over_http().await,
            patience: Duration::from_secs(300),
            visitors: 3,
        };
        let fakes = regions();
        let mut servers = Vec::new();
        let mut providers = Vec::new();
        for (fake, rank) in fakes.iter().zip([Rank::LOCAL, Rank::REMOTE]) {
            let server = FakeKmsServer::start(fake.clone()).await.unwrap();
            let region = aws_sdk_kms::config::Region::new(fake.region().to_owned());
            let client = aws_sdk_kms::Client::from_conf(config(&server.url()).region(region).build());
            providers.push(provider(KmsProvider::from_client(&client), fake, rank));
            servers.push(server);
        }
        let providers = <[KmsProvider; 2]>::try_from(providers).unwrap();
        let report = run(plan, fakes.clone(), providers).await;
        println!("seed {seed}: {report}, a second taken for {:?}", plan.second);
        report.check(&plan);
        assert!(report.runtimes() > plan.visitors * 3, "{report}");
        report.check_trouble(&plan, &fakes);
    }
}
