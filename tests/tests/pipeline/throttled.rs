//! Quotas over HTTP, the SDK whole: what is throttled on one keeps nobody from another. Calls are counted, not time.
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use aws_sdk_kms::{Client, config::Region as AwsRegion};
use datakey::{
    Aad, EncryptionContext, Opener, Sealer,
    kms::KmsProvider,
    provider::Rank,
    retry::{Event, Observer, Policy, Subject},
    several,
};
use datakey_fake_kms::{FakeKms, FakeKmsServer, Fault, FaultRule, KmsErrorCode, KmsOperation, LedgerEntry};
use datakey_tests::kms::config;
use tokio::{task::JoinSet, time::timeout};

/// However slow the machine, it is over by then.
const BOUND: Duration = Duration::from_secs(60);

/// A Region behind its server.
struct Region {
    fake: FakeKms,
    server: FakeKmsServer,
    key: Arc<str>,
}

impl Region {
    async fn start(name: &str) -> Self {
        let fake = FakeKms::builder().region(name).ledger_capacity(1_000_000);
        let fake = fake.build().unwrap();
        Self {
            server: FakeKmsServer::start(fake.clone()).await.unwrap(),
            key: fake.create_key().unwrap(),
            fake,
        }
    }

    fn client(&self) -> Client {
        let region = AwsRegion::new(self.fake.region().to_owned());
        Client::from_conf(config(&self.server.url()).region(region).build())
    }

    fn provider(&self, rank: Rank) -> KmsProvider {
        let builder = KmsProvider::from_client(&self.client())
            .key(&*self.key)
            .rank(rank);
        builder.build().unwrap()
    }

    fn decrypts(&self) -> u64 {
        self.fake.ledger().calls_of(KmsOperation::Decrypt)
    }
}

fn context(number: usize) -> EncryptionContext {
    EncryptionContext::new([("message", number.to_string())]).unwrap()
}

async fn sealed(sealer: &Sealer, numbers: std::ops::Range<usize>) -> Vec<(usize, Vec<u8>)> {
    let mut messages = Vec::new();
    for number in numbers {
        let message = sealer.seal(&context(number), b"order", Aad::EMPTY).await.unwrap();
        messages.push((number, message));
    }
    messages
}

async fn opens(opener: &Opener, (number, message): &(usize, Vec<u8>)) {
    let opened = opener.open(&context(*number), message, Aad::EMPTY).await;
    assert_eq!(opened.unwrap(), b"order", "message {number}");
}

fn ills() -> [Fault; 3] {
    [
        KmsErrorCode::Throttling.into(),
        KmsErrorCode::Internal.into(),
        Fault::proxy_page(503),
    ]
}

#[tokio::test]
async fn of_two_regions_of_which_one_throttles_or_fails_all_calls_the_other_opens_all_messages() {
    for ill in ills() {
        let (near, far) = (
            Region::start("eu-west-1").await,
            Region::start("eu-central-1").await,
        );
        let both = || several([near.provider(Rank::LOCAL), far.provider(Rank::REMOTE)]).unwrap();
        let sealer = Sealer::new(both());
        let (at_once, after) = (sealed(&sealer, 0..60).await, sealed(&sealer, 60..120).await);
        near.fake.inject(FaultRule::new(ill.clone()));
        let opener = Opener::new(both());
        let mut opening = JoinSet::new();
        for message in at_once {
            let opener = opener.clone();
            opening.spawn(async move { opens(&opener, &message).await });
        }
        timeout(BOUND, opening.join_all()).await.expect("far is well");
        assert_eq!(far.decrypts(), 60, "{ill:?}: once each");
        // Retries go on there until the breaker has seen failures for a second.
        assert!(near.decrypts() <= 600, "{ill:?}: {}", near.decrypts());
        // From here on it is known which of them is ill.
        let before = near.decrypts();
        for message in &after {
            timeout(BOUND, opens(&opener, message))
                .await
                .expect("far is well");
        }
        assert_eq!(far.decrypts(), 120, "{ill:?}");
        let tried = near.decrypts() - before;
        assert!(tried <= 10, "{ill:?}: {tried} of 60 tried the near Region");
    }
}

/// How often calls under each key waited for their turn.
#[derive(Default)]
struct Turns(Mutex<HashMap<Box<str>, u64>>);

impl Observer for Turns {
    fn observe(&self, call: Subject<'_>, event: Event) {
        if let Event::Turn { .. } = event {
            *self.0.lock().unwrap().entry(call.scope.into()).or_default() += 1;
        }
    }
}

impl Turns {
    fn of(&self, key: &str) -> u64 {
        self.0.lock().unwrap().get(key).copied().unwrap_or_default()
    }
}

/// A store that answers a fifth of what it is asked, and another key of the Region beside it; told to the provider, and not.
#[tokio::test]
async fn a_custom_key_store_that_throttles_holds_up_no_call_under_another_key() {
    for told in [true, false] {
        let region = Region::start("eu-west-1").await;
        let (quick, slow) = (Arc::clone(&region.key), region.fake.create_key().unwrap());
        let sealing = |key: &str| {
            let builder = KmsProvider::from_client(&region.client()).key(key);
            Sealer::new(builder.build().unwrap())
        };
        let slow_one = sealed(&sealing(&slow), 1_000..1_001).await.remove(0);
        let quick_ones = sealed(&sealing(&quick), 0..100).await;
        let throttles = FaultRule::new(KmsErrorCode::Throttling).for_key(&*slow);
        region.fake.inject(throttles.with_probability(0.8));

        let mut provider = KmsProvider::from_client(&region.client())
            .opening_key(&*quick)
            .opening_key(&*slow);
        if told {
            provider = provider.custom_key_store(&*slow, "hsm");
        }
        let turns = Arc::new(Turns::default());
        let opener = Opener::builder(provider.build().unwrap())
            .retry(Policy::default().with_observer(Arc::clone(&turns)))
            .without_cache()
            .build()
            .unwrap();
        let mut crowd = JoinSet::new();
        for _ in 0..16 {
            let (opener, slow_one) = (opener.clone(), slow_one.clone());
            crowd.spawn(async move {
                loop {
                    opens(&opener, &slow_one).await;
                }
            });
        }
        let waits = async {
            while turns.of(&slow) < 20 {
                tokio::task::yield_now().await;
            }
        };
        timeout(BOUND, waits).await.expect("the store throttles");
        for message in &quick_ones {
            timeout(BOUND, opens(&opener, message))
                .await
                .expect("this key is well");
        }
        assert_eq!(turns.of(&quick), 0, "told {told}: none waited for a turn");
        let decrypts = |entry: &LedgerEntry| {
            entry.operation == KmsOperation::Decrypt && entry.key.as_ref() == Some(&quick)
        };
        let of_quick = region.fake.ledger().entries().into_iter().filter(decrypts);
        assert_eq!(of_quick.count(), 100, "told {told}: one call each");
        crowd.shutdown().await;
    }
}
