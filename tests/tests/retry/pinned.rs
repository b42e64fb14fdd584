//! What the adaptive rate does, to the last refusal: `pinned.txt` has it for services of many kinds. Whoever changes the rate's arithmetic
//! sees here that its behaviour changes, measures it (`docs/benchmarks.md`), and writes the file anew with `DATAKEY_PIN=write`.
//!
//! On Linux alone: the libraries of mathematics of other systems round in other ways.
#![cfg(target_os = "linux")]
use std::{env, fmt::Write as _, fs, time::Duration};

use datakey_tests::retry::{Counting, Service, crowd, seeded};
use tokio::time::sleep;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/retry/pinned.txt");

/// For how long each service is called.
const TIME: Duration = Duration::from_secs(40);

/// A service, and who calls it.
#[derive(Debug, Clone, Copy)]
struct Case {
    per_second: f64,
    counting: Counting,
    latency: u64,
    retry_after: bool,
    /// Clients that know nothing of each other, with so many callers each.
    clients: u64,
    callers: usize,
    /// What the quota becomes after a third of the time, and again after two thirds: this much of it, then all.
    becomes: f64,
}

const CASE: Case = Case {
    per_second: 20.0,
    counting: Counting::Seconds,
    latency: 5,
    retry_after: false,
    clients: 1,
    callers: 16,
    becomes: 1.0,
};

fn cases() -> Vec<Case> {
    let countings = |rate: f64| {
        [
            Counting::Seconds,
            Counting::Bucket(rate / 10.0),
            Counting::Bucket(2.0 * rate),
        ]
    };
    let mut cases = Vec::new();
    for per_second in [1.0, 3.0, 20.0, 100.0] {
        for counting in countings(per_second) {
            for (clients, callers) in [(1, 1), (1, 16), (4, 4)] {
                cases.push(Case {
                    per_second,
                    counting,
                    clients,
                    callers,
                    ..CASE
                });
            }
        }
    }
    for counting in countings(20.0) {
        cases.extend([
            Case {
                counting,
                retry_after: true,
                ..CASE
            },
            Case {
                counting,
                becomes: 0.3,
                ..CASE
            },
            Case {
                counting,
                becomes: 3.0,
                ..CASE
            },
            Case {
                counting,
                latency: 150,
                ..CASE
            },
            Case {
                counting,
                clients: 10,
                callers: 2,
                becomes: 0.5,
                ..CASE
            },
        ]);
    }
    cases
}

impl Case {
    async fn run(self, seed: u64) -> String {
        let latency = Duration::from_millis(self.latency);
        let asked = self.retry_after.then_some(Duration::from_secs(1));
        let service = Service::new(self.per_second, self.counting, latency)
            .with_jitter(seed)
            .with_retry_after(asked);
        let clients: Vec<_> = (0..self.clients)
            .map(|client| {
                let service = service.clone();
                let policy = seeded(seed * 100 + client)
                    .with_deadline(TIME)
                    .with_max_attempts(u32::MAX);
                tokio::spawn(async move { crowd(&policy, &service, self.callers, u64::MAX, TIME).await })
            })
            .collect();
        for part in [self.becomes, 1.0] {
            sleep(TIME / 3).await;
            service.set_quota(self.per_second * part);
        }
        let (mut done, mut failed, mut longest) = (Vec::new(), 0, Duration::ZERO);
        for client in clients {
            let report = client.await.unwrap();
            done.push(report.done);
            failed += report.failed.len();
            longest = longest.max(report.longest);
        }
        let thirds = [0.0, 1.0, 2.0].map(|third| {
            let from = third * TIME.as_secs_f64() / 3.0;
            service.served_between(from, from + TIME.as_secs_f64() / 3.0)
        });
        format!(
            "{self:?}: done {done:?}, given up {failed}, refused {}, served by thirds {thirds:?}, longest {} ms",
            service.refused(),
            longest.as_millis()
        )
    }
}

#[tokio::test(start_paused = true)]
async fn the_rate_does_to_the_last_refusal_what_it_did_when_it_was_measured() {
    let mut text = String::new();
    for case in cases() {
        writeln!(text, "{}", case.run(1).await).unwrap();
    }
    if env::var_os("DATAKEY_PIN").is_some_and(|wish| wish == "write") {
        fs::write(FILE, &text).unwrap();
    }
    let pinned = fs::read_to_string(FILE).unwrap();
    for (now, then) in text.lines().zip(pinned.lines()) {
        assert_eq!(now, then);
    }
    assert_eq!(text.lines().count(), pinned.lines().count());
}
