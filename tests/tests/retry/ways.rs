//! One wrapped key that several Regions open: which of them is asked goes by the rates, and those hear of it.
use std::{sync::Arc, time::Duration};

use datakey_provider::{
    DataKeyLength, EncryptionContext, OpeningProvider, Rank, SealingProvider as _, Several, WrappedKey,
};
use datakey_retry::{Guarded, Policy, Retry};
use datakey_tests::{
    retry::{Counting, Service, seeded},
    retry_quotas::{Key, Metered},
};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};

const REPLICA: &str = "mrk-1";

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn context() -> EncryptionContext {
    EncryptionContext::new([("tenant", "acme")]).unwrap()
}

/// A Region with a replica of the key.
fn region(quota: &'static str, rank: Rank, service: &Service) -> Metered {
    Metered::new([Key {
        id: REPLICA,
        quota,
        rank,
        service: service.clone(),
    }])
}

struct Regions {
    near: Service,
    far: Service,
    wrapped: WrappedKey,
}

impl Regions {
    fn new(near: f64) -> Self {
        let service = |per_second| Service::new(per_second, Counting::Bucket(5.0), ms(4));
        let (near, far) = (service(near), service(1e9));
        let wrapped = region("", Rank::LOCAL, &near).wrapped(&context()).first().clone();
        Self { near, far, wrapped }
    }

    fn parts(&self) -> [Metered; 2] {
        [
            region("eu-west-1", Rank::LOCAL, &self.near),
            region("eu-central-1", Rank::REMOTE, &self.far),
        ]
    }

    fn guarded(&self, policy: &Policy) -> Retry<Arc<dyn OpeningProvider>> {
        let guarded = self.parts().map(Guarded::new);
        Retry::new(Arc::new(Several::new(guarded).unwrap()), policy.clone())
    }

    fn plain(&self, policy: &Policy) -> Retry<Arc<dyn OpeningProvider>> {
        Retry::new(Arc::new(Several::new(self.parts()).unwrap()), policy.clone())
    }

    /// Seals in the near Region without end, by callers who have learnt its rate.
    async fn sealing(&self, policy: &Policy) -> JoinSet<()> {
        let sealer = Arc::new(Retry::new(
            region("eu-west-1", Rank::LOCAL, &self.near),
            policy.clone(),
        ));
        let mut crowd = JoinSet::new();
        for _ in 0..32 {
            let sealer = Arc::clone(&sealer);
            crowd.spawn(async move {
                loop {
                    drop(sealer.generate_data_key(&context(), DataKeyLength::Bytes32).await);
                }
            });
        }
        sleep(ms(20_000)).await;
        crowd
    }
}

/// How long so many take that are opened one after the other, and the longest of them.
async fn opened(opening: &impl OpeningProvider, wrapped: &WrappedKey, number: u32) -> (Duration, Duration) {
    let (began, mut longest) = (Instant::now(), Duration::ZERO);
    for _ in 0..number {
        let own = Instant::now();
        drop(opening.decrypt(&context(), wrapped).await.unwrap());
        longest = longest.max(own.elapsed());
    }
    (began.elapsed(), longest)
}

#[tokio::test(start_paused = true)]
async fn no_message_waits_for_a_throttled_region_that_another_region_opens() {
    let regions = Regions::new(2.0);
    let policy = seeded(1);
    let mut crowd = regions.sealing(&policy).await;
    for opening in [regions.guarded(&policy), regions.plain(&policy)] {
        let (_, longest) = opened(&opening, &regions.wrapped, 100).await;
        assert!(longest <= ms(250), "{longest:?}");
        assert_eq!(
            opening.rank(&regions.wrapped),
            Some(Rank::LOCAL),
            "there is a way"
        );
    }
    crowd.shutdown().await;
    let served = regions.near.served_between(0.0, 20.0);
    assert!(served >= 30, "the near Region is used up: {served} of 40");
}

/// Many at once: those who find the near Region free take it, and the others go to the far one.
#[tokio::test(start_paused = true)]
async fn a_crowd_uses_what_the_near_region_serves_and_the_far_one_for_the_rest() {
    let regions = Regions::new(100.0);
    let policy = seeded(1);
    let opening = regions.plain(&policy);
    let began = Instant::now();
    let mut crowd = JoinSet::new();
    for _ in 0..64 {
        let (opening, wrapped) = (opening.clone(), regions.wrapped.clone());
        crowd.spawn(async move {
            let (mut at_first, mut later) = (Duration::ZERO, Duration::ZERO);
            while began.elapsed() < ms(16_000) {
                let longest = if began.elapsed() < ms(8_000) {
                    &mut at_first
                } else {
                    &mut later
                };
                *longest = opened(&opening, &wrapped, 1).await.1.max(*longest);
            }
            (at_first, later)
        });
    }
    let (at_first, later): (Vec<_>, Vec<_>) = crowd.join_all().await.into_iter().unzip();
    let [at_first, later] = [at_first, later].map(|all| all.into_iter().max().unwrap());
    // Those who wait at the near Region when it throttles for the first time wait until it is known what it serves.
    assert!(
        at_first <= ms(2_000) && later <= ms(500),
        "{at_first:?}, {later:?}"
    );
    let (served, refused) = (
        regions.near.served_between(8.0, 16.0),
        regions.near.refused_between(8.0, 16.0),
    );
    assert!(served >= 640, "near: {served} of 800");
    assert!(refused <= 80, "near: {refused} refused");
    assert!(regions.far.served() > 5_000, "far: {}", regions.far.served());
}

/// A throttle that nobody felt, as another Region answered, is one of its quota all the same; and no answer of it.
#[tokio::test(start_paused = true)]
async fn a_throttle_that_another_region_made_good_is_told_to_its_quota() {
    let regions = Regions::new(0.0);
    let policy = seeded(1);
    let opening = regions.plain(&policy);
    for _ in 0..5 {
        drop(regions.near.call().await);
    }
    let (_, longest) = opened(&opening, &regions.wrapped, 1_000).await;
    assert!(longest <= ms(250), "{longest:?}");
    let near = policy.adaptive_rate().unwrap().state_of("eu-west-1");
    assert!(
        near.throttled >= 1 && near.rate.is_some_and(|rate| rate <= 10.0),
        "{near:?}"
    );
    assert!(
        regions.near.refused() <= 60,
        "{} were refused",
        regions.near.refused()
    );
}

/// The negative twins: with one way only, and without a rate, nothing changes.
#[tokio::test(start_paused = true)]
async fn where_there_is_one_way_it_is_waited_for() {
    let regions = Regions::new(2.0);
    let policy = seeded(1);
    let mut crowd = regions.sealing(&policy).await;
    let one = Several::new([region("eu-west-1", Rank::LOCAL, &regions.near)]).unwrap();
    let (took, _) = opened(&Retry::new(one, policy), &regions.wrapped, 10).await;
    assert!(took >= ms(2_000), "{took:?}");
    crowd.shutdown().await;
    let none = regions.plain(&seeded(1).without_adaptive_rate());
    opened(&none, &regions.wrapped, 10).await;
}
