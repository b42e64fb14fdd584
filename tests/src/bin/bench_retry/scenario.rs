//! What the contenders go through, as the service sees it.
use std::time::Duration;

use datakey_fake_kms::{FakeKms, FakeKmsServer, FaultRule, KmsErrorCode, Latency, Outcome, Quota};
use tokio::{task::spawn_blocking, time::sleep};

use crate::contender::{self, Contender, Failure, Load, Told};

/// Calls a second.
pub const QUOTA: u64 = 100;
const LATENCY: Duration = Duration::from_millis(5);
const EVERY_CALL: usize = 1 << 20;

/// What happens to the service meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    Nothing,
    /// The quota is halved after 10 s and doubled after 20.
    Moves,
    /// Every call fails from 10 to 40 s.
    Outage,
}

#[derive(Debug, Clone, Copy)]
pub struct Scenario {
    pub name: &'static str,
    pub what: &'static str,
    pub bucket: u64,
    pub processes: u32,
    pub load: Load,
    pub event: Event,
    pub contenders: &'static [Contender],
}

const fn load(callers: usize, calls: u64, seconds: u64) -> Load {
    Load {
        callers,
        calls,
        time: Duration::from_secs(seconds),
    }
}

const LASTING: &[Contender] = &[Contender::Standard(10), Contender::Adaptive(10), Contender::Ours];

pub const SCENARIOS: [Scenario; 6] = [
    Scenario {
        name: "bucket-10",
        what: "32 callers, 1,000 calls, token bucket of 10",
        bucket: 10,
        processes: 1,
        load: load(32, 1000, 600),
        event: Event::Nothing,
        contenders: &Contender::ALL,
    },
    Scenario {
        name: "bucket-100",
        what: "32 callers, 1,000 calls, token bucket of 100",
        bucket: 100,
        processes: 1,
        load: load(32, 1000, 600),
        event: Event::Nothing,
        contenders: &Contender::ALL,
    },
    Scenario {
        name: "callers-200",
        what: "200 callers, 1,000 calls, token bucket of 10",
        bucket: 10,
        processes: 1,
        load: load(200, 1000, 600),
        event: Event::Nothing,
        contenders: &Contender::ALL,
    },
    Scenario {
        name: "moving",
        what: "32 callers for 40 s; the quota is halved after 10 s and doubled after 20",
        bucket: 10,
        processes: 1,
        load: load(32, u64::MAX, 40),
        event: Event::Moves,
        contenders: LASTING,
    },
    Scenario {
        name: "shared",
        what: "8 processes of 32 callers on one quota for 45 s",
        bucket: 10,
        processes: 8,
        load: load(32, u64::MAX, 45),
        event: Event::Nothing,
        contenders: LASTING,
    },
    Scenario {
        name: "outage",
        what: "32 callers for 55 s; every call fails from 10 to 40 s",
        bucket: 10,
        processes: 1,
        load: load(32, u64::MAX, 55),
        event: Event::Outage,
        contenders: LASTING,
    },
];

/// One run of one contender: what its processes told, and when the service saw which calls, in seconds since the first.
#[derive(Debug)]
pub struct Run {
    pub told: Vec<Told>,
    pub served: Vec<f64>,
    pub throttled: Vec<f64>,
    pub faulted: Vec<f64>,
    pub ideal: f64,
}

impl Scenario {
    /// The time that the quota needs for all calls, in seconds.
    fn ideal(&self) -> f64 {
        self.load.calls.saturating_sub(self.bucket) as f64 / QUOTA as f64
    }

    pub async fn run(&self, contender: Contender) -> Result<Run, Failure> {
        let fake = FakeKms::builder()
            .latency(Latency::fixed(LATENCY))
            .quota(Quota::token_bucket(QUOTA, self.bucket))
            .ledger_capacity(EVERY_CALL)
            .build()?;
        let key = fake.create_key()?;
        let server = FakeKmsServer::start(fake.clone()).await?;
        let mut children = Vec::new();
        for _ in 0..self.processes {
            children.push(contender::start(contender, &server.url(), &key, self.load)?);
        }
        let told = spawn_blocking(move || children.into_iter().map(contender::told).collect());
        self.event.happen(&fake).await;
        let told: Result<Vec<Told>, Failure> = told.await?;
        let run = self.seen(&fake, told?);
        server.shutdown().await;
        Ok(run)
    }

    fn seen(&self, fake: &FakeKms, told: Vec<Told>) -> Run {
        let entries = fake.ledger().entries();
        let first = entries.first().map_or(0.0, |entry| entry.at.as_secs_f64());
        let at = |wanted: fn(&Outcome) -> bool| {
            let wanted = entries.iter().filter(|entry| wanted(&entry.outcome));
            wanted.map(|entry| entry.at.as_secs_f64() - first).collect()
        };
        Run {
            told,
            served: at(|outcome| *outcome == Outcome::Success),
            throttled: at(|outcome| *outcome == Outcome::Refused(KmsErrorCode::Throttling)),
            faulted: at(|outcome| *outcome == Outcome::Refused(KmsErrorCode::Internal)),
            ideal: self.ideal(),
        }
    }
}

impl Event {
    async fn happen(self, fake: &FakeKms) {
        if self == Self::Nothing {
            return;
        }
        // From the first call on, as a process takes a moment to start.
        while fake.ledger().calls() == 0 {
            sleep(Duration::from_millis(1)).await;
        }
        sleep(Duration::from_secs(10)).await;
        if self == Self::Moves {
            fake.set_quota(Quota::token_bucket(QUOTA / 2, 10));
            sleep(Duration::from_secs(10)).await;
            fake.set_quota(Quota::token_bucket(QUOTA, 10));
        } else {
            let fault = fake.inject(FaultRule::new(KmsErrorCode::Internal));
            sleep(Duration::from_secs(30)).await;
            fake.remove_fault(fault);
        }
    }
}
