//! What the governor goes through. Each figure is better the lower it is.
use std::{future::Future, time::Duration};

use datakey_retry::{AdaptiveRate, Policy};
use tokio::{
    runtime::Builder,
    time::{Instant, sleep, sleep_until},
};

use crate::retry::{Counting, Report, Service, crowd, seeded};

/// Numbers with other values than those chosen.
pub(crate) type Setting = Vec<(&'static str, f64)>;

/// What a scenario came to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Figure {
    pub(crate) scenario: &'static str,
    pub(crate) name: &'static str,
    pub(crate) value: f64,
    /// A change of no more than this is not worth a word.
    pub(crate) matters: f64,
    pub(crate) digits: usize,
}

const LATENCY: Duration = Duration::from_millis(5);
const LONG: Duration = Duration::from_secs(600);

/// All scenarios under one setting.
pub(crate) fn all(setting: &[(&'static str, f64)], seed: u64) -> Vec<Figure> {
    let world = World { setting, seed };
    let mut figures = Vec::new();
    figures.extend(world.run("bucket-10", world.quota(100.0, 10.0, 5, 32, 1000)));
    figures.extend(world.run("bucket-100", world.quota(100.0, 100.0, 5, 32, 1000)));
    figures.extend(world.run("callers-200", world.quota(100.0, 10.0, 5, 200, 1000)));
    figures.extend(world.run("70-a-second", world.quota(70.0, 7.0, 8, 24, 350)));
    figures.extend(world.run("250-a-second", world.quota(250.0, 60.0, 3, 40, 1250)));
    figures.extend(world.run("1000-a-second", world.quota(1000.0, 100.0, 5, 64, 3000)));
    figures.extend(world.run("slow-answers", world.quota(50.0, 5.0, 150, 64, 500)));
    figures.extend(world.run("bucket-1", world.quota(100.0, 1.0, 5, 32, 500)));
    figures.extend(world.run("bucket-3", world.quota(100.0, 3.0, 5, 32, 500)));
    figures.extend(world.run("5-a-second", world.quota(5.0, 1.0, 5, 4, 100)));
    figures.extend(world.run("seconds", world.seconds()));
    figures.extend(world.run("moving", world.moving()));
    figures.extend(world.run("used-up", world.used_up(10, 20)));
    figures.extend(world.run("used-up-long", world.used_up(38, 52)));
    figures.extend(world.run("bursts", world.bursts()));
    figures.extend(world.run("shared-8", world.shared(8, 32, 100.0, 30)));
    figures.extend(world.run("shared-3", world.shared(3, 20, 100.0, 30)));
    figures.extend(world.run("fleet-1-each", world.shared(100, 1, 100.0, 40)));
    figures.extend(world.run("fleet-0.1-each", world.shared(100, 1, 10.0, 60)));
    figures.extend(world.run("fleet-1000", world.shared(1000, 1, 1000.0, 60)));
    figures
}

#[derive(Debug, Clone, Copy)]
struct World<'a> {
    setting: &'a [(&'static str, f64)],
    seed: u64,
}

/// Name, value, what matters, digits.
type Told = (&'static str, f64, f64, usize);

const fn times_ideal(value: f64) -> Told {
    ("times ideal", value, 0.005, 3)
}

fn refused(value: usize) -> Told {
    ("refused", value as f64, 1.0, 1)
}

const fn longest(report: &Report) -> Told {
    ("longest wait, s", report.longest.as_secs_f64(), 0.02, 2)
}

const fn unused(name: &'static str, share: f64) -> Told {
    (name, share, 0.005, 3)
}

impl World<'_> {
    /// Runs one scenario on a clock of its own.
    fn run(self, scenario: &'static str, told: impl Future<Output = Vec<Told>>) -> Vec<Figure> {
        let runtime = Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let told = runtime.block_on(told);
        let figure = |(name, value, matters, digits)| Figure {
            scenario,
            name,
            value,
            matters,
            digits,
        };
        told.into_iter().map(figure).collect()
    }

    fn policy(self, client: u64) -> Policy {
        let rate = AdaptiveRate::with_constants(self.setting).unwrap();
        seeded(self.seed * 1_000_003 + client).with_adaptive_rate(rate)
    }

    fn service(self, per_second: f64, counting: Counting, latency: Duration) -> Service {
        Service::new(per_second, counting, latency).with_jitter(self.seed)
    }

    /// A crowd on a token bucket.
    async fn quota(
        self,
        per_second: f64,
        bucket: f64,
        latency: u64,
        callers: usize,
        calls: u64,
    ) -> Vec<Told> {
        let latency = Duration::from_millis(latency);
        let service = self.service(per_second, Counting::Bucket(bucket), latency);
        let policy = self.policy(0).with_deadline(LONG);
        let report = crowd(&policy, &service, callers, calls, LONG).await;
        let ideal = (calls as f64 - bucket) / per_second;
        let took = report.took.as_secs_f64();
        vec![
            times_ideal(took / ideal),
            refused(service.refused()),
            longest(&report),
        ]
    }

    /// A crowd on a service that counts by the second.
    async fn seconds(self) -> Vec<Told> {
        let service = self.service(100.0, Counting::Seconds, LATENCY);
        let report = crowd(&self.policy(0), &service, 32, 1500, LONG).await;
        let took = report.took.as_secs_f64();
        vec![
            times_ideal(took / 14.0),
            refused(service.refused()),
            longest(&report),
        ]
    }

    /// A crowd for so long on a quota that changes meanwhile, by second.
    async fn changing(self, steps: &[(u64, f64)], until: u64) -> (Service, Report) {
        let service = self.service(100.0, Counting::Bucket(10.0), LATENCY);
        let (policy, start) = (self.policy(0).with_deadline(LONG), Instant::now());
        let job = tokio::spawn({
            let service = service.clone();
            async move { crowd(&policy, &service, 32, u64::MAX, Duration::from_secs(until)).await }
        });
        for (at, quota) in steps {
            sleep_until(start + Duration::from_secs(*at)).await;
            service.set_quota(*quota);
        }
        (service, job.await.unwrap())
    }

    /// Halved, doubled, and doubled again.
    async fn moving(self) -> Vec<Told> {
        let (service, report) = self.changing(&[(6, 50.0), (14, 100.0), (26, 200.0)], 40).await;
        let share =
            |from, to, quota: f64| 1.0 - service.served_between(from, to) as f64 / (quota * (to - from));
        vec![
            unused("unused when halved", share(8.0, 14.0, 50.0)),
            unused("unused when back", share(14.0, 26.0, 100.0)),
            unused("unused when doubled", share(26.0, 40.0, 200.0)),
            refused(service.refused()),
            longest(&report),
        ]
    }

    /// All used up by others from second 8 on for a while.
    async fn used_up(self, from_then: u64, until: u64) -> Vec<Told> {
        let (service, _) = self.changing(&[(8, 0.0), (from_then, 100.0)], until).await;
        let (again, end) = (from_then as f64, until as f64);
        let served = service.served_between(again, end) as f64;
        vec![
            ("probes", service.refused_between(8.0, again) as f64, 1.0, 1),
            unused("unused after", 1.0 - served / (100.0 * (end - again))),
            refused(service.refused_between(again, end)),
        ]
    }

    /// Crowds that come and go.
    async fn bursts(self) -> Vec<Told> {
        let service = self.service(100.0, Counting::Bucket(10.0), LATENCY);
        let (policy, mut took) = (self.policy(0), 0.0);
        for pause in [5, 30, 70, 0] {
            let report = crowd(&policy, &service, 32, 300, LONG).await;
            took += report.took.as_secs_f64();
            sleep(Duration::from_secs(pause)).await;
        }
        vec![times_ideal(took / (4.0 * 2.9)), refused(service.refused())]
    }

    /// Clients that do not know of each other.
    async fn shared(self, clients: u64, callers: usize, per_second: f64, seconds: u64) -> Vec<Told> {
        let service = self.service(per_second, Counting::Bucket(per_second / 10.0), LATENCY);
        let time = Duration::from_secs(seconds);
        let jobs: Vec<_> = (0..clients)
            .map(|client| {
                let (service, policy) = (service.clone(), self.policy(client));
                tokio::spawn(async move { crowd(&policy, &service, callers, u64::MAX, time).await })
            })
            .collect();
        let (mut sum, mut squares, mut failed) = (0.0, 0.0, 0);
        for job in jobs {
            let report = job.await.unwrap();
            let done = report.done as f64;
            (sum, squares, failed) = (sum + done, squares + done * done, failed + report.failed.len());
        }
        let served = service.served_between(0.0, seconds as f64) as f64;
        vec![
            (
                "unfairness",
                1.0 - sum * sum / (clients as f64 * squares),
                0.005,
                3,
            ),
            unused("unused", 1.0 - served / (per_second * seconds as f64)),
            ("refused for each served", service.refused() as f64 / sum, 0.02, 2),
            ("given up", failed as f64, 0.5, 1),
        ]
    }
}
