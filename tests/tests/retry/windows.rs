//! Small quotas of a service that counts by the second: learnt within seconds, with fewer refusals than backoff alone makes.
use std::time::Duration;

use datakey_tests::{
    retry::{Counting, Service, crowd, seeded},
    retry_windows::Cell,
};

/// The bars of `docs/benchmarks.md` are for four seeds and all quotas; these leave a little room for others.
#[tokio::test(start_paused = true)]
async fn a_small_quota_is_used_in_full_with_fewer_refusals_than_backoff_makes() {
    for quota in [1, 2, 5, 10, 50] {
        for callers in [1, 4, 16] {
            for retry_after in [false, true] {
                let cell = Cell {
                    quota,
                    callers,
                    retry_after,
                };
                let (mut refused, mut alone) = (0, 0);
                for seed in 5..=8 {
                    let ours = cell.run(seed, true).await;
                    refused += ours.refused;
                    alone += cell.run(seed, false).await.refused;
                    assert!(
                        ours.times_ideal <= cell.most_times_ideal() + 0.02,
                        "{cell:?}: {ours:?}"
                    );
                    assert!(ours.turns <= Cell::MOST_TURNS + 0.1, "{cell:?}: {ours:?}");
                }
                assert!(
                    refused <= alone,
                    "{cell:?}: {refused}, with backoff alone {alone}"
                );
            }
        }
    }
}

/// Whom the service asks to come again later keeps its place in the queue.
#[tokio::test(start_paused = true)]
async fn a_delay_that_the_service_asks_for_sends_nobody_to_the_end_of_the_queue() {
    for (quota, callers) in [(10, 4), (10, 16), (10, 64), (1, 64), (50, 64)] {
        let cell = Cell {
            quota,
            callers,
            retry_after: true,
        };
        for seed in 1..=4 {
            let ours = cell.run(seed, true).await;
            let most = Cell::MOST_TURNS.max(1.1 * cell.least_turns());
            assert!(ours.turns <= most, "{cell:?}: {ours:?}");
        }
    }
}

/// Many servers ask for a whole second whatever they count by. Taken at its word, this one would be called for a part of each second.
#[tokio::test(start_paused = true)]
async fn a_bucket_that_asks_for_a_second_is_not_taken_to_count_by_the_second_for_long() {
    for (quota, size) in [(20.0, 3.0), (100.0, 10.0)] {
        let service = Service::new(quota, Counting::Bucket(size), Duration::from_millis(5))
            .with_jitter(1)
            .with_retry_after(Some(Duration::from_secs(1)));
        let policy = seeded(1).without_deadline().with_max_attempts(u32::MAX);
        crowd(&policy, &service, 8, u64::MAX, Duration::from_secs(120)).await;
        let used = service.served_between(0.0, 120.0) as f64 / (120.0 * quota);
        assert!(used > 0.6, "{quota}: {used}");
        assert!(service.refused() <= 50, "{quota}: {} refused", service.refused());
    }
}
