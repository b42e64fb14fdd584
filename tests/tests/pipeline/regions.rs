//! Two Regions, one of which is ill: what sealers and openers built by the facade do meanwhile, and how soon they are back.
use std::time::Duration;

use datakey::{Aad, EncryptionContext, Opener, SealError, Sealer, keyring::DEFAULT_HEDGE_DELAY, several};
use datakey_fake_kms::{FakeKms, FakeKmsProvider, Fault, FaultRule, KmsErrorCode, Latency};
use datakey_retry::defaults;
use datakey_tests::errors::told_once;
use tokio::time::{Instant, sleep};

const NEAR: Duration = Duration::from_millis(5);
const FAR: Duration = Duration::from_millis(100);

struct Regions {
    near: FakeKms,
    parts: [FakeKmsProvider; 2],
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Illness {
    Hangs,
    Fails,
    IsSlow,
}

const ALL: [Illness; 3] = [Illness::Hangs, Illness::Fails, Illness::IsSlow];

impl Regions {
    fn new() -> Self {
        let fakes = [("eu-central-1", NEAR), ("us-east-1", FAR)].map(|(region, latency)| {
            let builder = FakeKms::builder().region(region).latency(Latency::fixed(latency));
            builder.build().unwrap()
        });
        Self {
            parts: [&fakes[0], &fakes[1]].map(|fake| fake.provider(&fake.create_key().unwrap())),
            near: fakes[0].clone(),
        }
    }

    fn falls_ill(&self, illness: Illness) {
        match illness {
            Illness::Hangs => {
                self.near.inject(FaultRule::new(Fault::Hang(Duration::MAX)));
            }
            Illness::Fails => {
                self.near.inject(FaultRule::new(KmsErrorCode::Internal));
            }
            Illness::IsSlow => self
                .near
                .set_latency(Latency::fixed(defaults::ATTEMPT_TIMEOUT * 2)),
        }
    }

    fn recovers(&self) {
        self.near.clear_faults();
        self.near.set_latency(Latency::fixed(NEAR));
    }

    fn sealer(&self) -> Sealer {
        Sealer::new(several(self.parts.clone()).unwrap())
    }

    fn opener(&self) -> Opener {
        Opener::new(several(self.parts.clone()).unwrap())
    }
}

fn context(tenant: usize) -> EncryptionContext {
    EncryptionContext::new([("tenant", tenant.to_string().as_str())]).unwrap()
}

async fn seal(sealer: &Sealer, tenant: usize) -> Result<Vec<u8>, SealError> {
    sealer.seal(&context(tenant), b"order", Aad::EMPTY).await
}

#[tokio::test(start_paused = true)]
async fn messages_open_through_an_illness_of_the_near_region() {
    for illness in ALL {
        let regions = Regions::new();
        let (sealer, opener) = (regions.sealer(), regions.opener());
        let mut messages = Vec::new();
        for tenant in 0..60 {
            messages.push(seal(&sealer, tenant).await.unwrap());
        }
        regions.falls_ill(illness);
        let mut slow = 0;
        for (tenant, message) in messages.iter().enumerate() {
            let began = Instant::now();
            let opened = opener.open(&context(tenant), message, Aad::EMPTY).await;
            assert_eq!(opened.unwrap(), b"order", "{illness:?}");
            let took = began.elapsed();
            assert!(took <= DEFAULT_HEDGE_DELAY + FAR + NEAR, "{illness:?}: {took:?}");
            slow += u32::from(took > FAR + NEAR);
            sleep(Duration::from_secs(1)).await;
        }
        // Until the first attempt has run out of time, and then at most as often as a rest ends.
        assert!(slow <= 8, "{illness:?}: {slow} were slow");

        regions.recovers();
        sleep(defaults::BREAKER_REST_CAP).await;
        let fresh = regions.sealer();
        let message = seal(&fresh, 1000).await.unwrap();
        let began = Instant::now();
        opener.open(&context(1000), &message, Aad::EMPTY).await.unwrap();
        assert_eq!(began.elapsed(), NEAR, "{illness:?}: it is asked first again");
    }
}

#[tokio::test(start_paused = true)]
async fn sealing_says_why_it_fails_and_is_back_a_second_after_the_region() {
    for illness in ALL {
        let regions = Regions::new();
        let sealer = regions.sealer();
        seal(&sealer, 0).await.unwrap();
        regions.falls_ill(illness);
        let (began, mut refused_at_once) = (Instant::now(), 0);
        for tenant in 1..60 {
            // What is cached goes on, and what is not needs both Regions.
            seal(&sealer, 0).await.unwrap();
            let asked = Instant::now();
            let error = seal(&sealer, tenant).await.unwrap_err();
            refused_at_once += u32::from(asked.elapsed().is_zero());
            assert!(error.is_retryable(), "{illness:?}: {error:?}");
            told_once(&error);
            sleep(Duration::from_millis(500)).await;
            if began.elapsed() > Duration::from_secs(120) {
                break;
            }
        }
        assert!(refused_at_once > 10, "{illness:?}: {refused_at_once}");
        regions.recovers();
        let (back, mut tenant) = (Instant::now(), 100);
        while seal(&sealer, tenant).await.is_err() {
            tenant += 1;
            sleep(Duration::from_millis(20)).await;
        }
        let took = back.elapsed();
        let at_most = defaults::BREAKER_WAIT_CAP + Duration::from_millis(40) + (NEAR + FAR) * 2;
        assert!(took <= at_most, "{illness:?}: {took:?}");
    }
}
