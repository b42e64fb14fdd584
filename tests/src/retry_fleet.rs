//! Many clients that do not know of each other on one quota, under virtual time.
use std::time::Duration;

use datakey_retry::retry;
use tokio::time::{Instant, sleep};

use crate::retry::{Counting, Service, seeded};

/// What became of a fleet's calls.
#[derive(Debug, Clone, Copy)]
pub struct Fleet {
    /// Calls that succeeded.
    pub done: u64,
    /// Calls that were given up.
    pub failed: u64,
    /// Calls that the service refused.
    pub throttled: u64,
    /// The share of the quota that was used.
    pub used: f64,
    /// Jain's index of what each client got done: 1 if all are equal.
    pub fairness: f64,
    /// The longest that one call took.
    pub longest: Duration,
}

/// Runs so many clients, each with a policy of its own and one caller, on so many calls a second for this long.
///
/// # Panics
/// When a client panics.
pub async fn fleet(clients: u64, per_second: f64, time: Duration, seed: u64) -> Fleet {
    let bucket = Counting::Bucket(per_second / 10.0);
    let service = Service::new(per_second, bucket, Duration::from_millis(5)).with_jitter(seed);
    let start = Instant::now();
    let clients: Vec<_> = (0..clients)
        .map(|client| {
            let service = service.clone();
            tokio::spawn(async move {
                let policy = seeded(seed.wrapping_mul(1_000_003).wrapping_add(client));
                let (mut done, mut failed, mut longest) = (0_u64, 0_u64, Duration::ZERO);
                while start.elapsed() < time {
                    let began = Instant::now();
                    if retry(&policy, || service.call()).await.is_ok() {
                        done += 1;
                    } else {
                        failed += 1;
                        sleep(Duration::from_millis(100)).await;
                    }
                    longest = longest.max(began.elapsed());
                }
                (done, failed, longest)
            })
        })
        .collect();
    let mut all = Fleet {
        done: 0,
        failed: 0,
        throttled: 0,
        used: 0.0,
        fairness: 0.0,
        longest: Duration::ZERO,
    };
    let (mut squares, count) = (0.0, clients.len() as f64);
    for client in clients {
        let (done, failed, longest) = client.await.unwrap();
        all.done += done;
        all.failed += failed;
        all.longest = all.longest.max(longest);
        squares += (done * done) as f64;
    }
    let sum = all.done as f64;
    all.fairness = sum * sum / (count * squares);
    all.throttled = service.refused() as u64;
    all.used = sum / (per_second * time.as_secs_f64());
    all
}
