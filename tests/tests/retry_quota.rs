//! Crowds of callers on a quota, under virtual time: nothing lost, the quota used, hardly a call refused.
use std::time::Duration;

use datakey_tests::retry::{Counting, Report, Service, crowd, seeded};
use tokio::time::sleep;

const LATENCY: Duration = Duration::from_millis(5);
const LONG: Duration = Duration::from_secs(600);

/// Runs a crowd on a quota of 100 a second and says how much longer than ideal it took.
async fn on_a_hundred(counting: Counting, callers: usize, calls: u64) -> (Report, Service, f64) {
    let service = Service::new(100.0, counting, LATENCY);
    let report = crowd(&seeded(1), &service, callers, calls, LONG).await;
    let burst = match counting {
        Counting::Bucket(size) => size,
        Counting::Seconds => 100.0,
    };
    let ratio = report.took.as_secs_f64() / ((calls as f64 - burst) / 100.0);
    println!(
        "{counting:?} {callers} callers: ratio {ratio:.3}, {} refused, {report:?}",
        service.refused()
    );
    assert!(report.failed.is_empty(), "{:?}", report.failed);
    assert_eq!(report.done, calls);
    assert_eq!(service.served() as u64, calls);
    (report, service, ratio)
}

#[tokio::test(start_paused = true)]
async fn a_small_burst_allowance() {
    let (report, service, ratio) = on_a_hundred(Counting::Bucket(10.0), 32, 1000).await;
    assert!(ratio <= 1.05, "{ratio}");
    assert!(service.refused() <= 45, "{}", service.refused());
    assert!(report.longest <= Duration::from_secs(1), "{:?}", report.longest);
}

#[tokio::test(start_paused = true)]
async fn a_large_burst_allowance() {
    let (report, service, ratio) = on_a_hundred(Counting::Bucket(100.0), 32, 1000).await;
    assert!(ratio <= 1.05, "{ratio}");
    assert!(service.refused() <= 45, "{}", service.refused());
    assert!(report.longest <= Duration::from_secs(1), "{:?}", report.longest);
}

#[tokio::test(start_paused = true)]
async fn hundreds_of_callers() {
    for callers in [200, 300] {
        let (_, service, ratio) = on_a_hundred(Counting::Bucket(10.0), callers, 3000).await;
        assert!(ratio <= 1.05, "{ratio}");
        assert!(
            service.refused() <= callers + 20,
            "the first burst and little more: {}",
            service.refused()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_counts_by_the_second() {
    let (report, service, ratio) = on_a_hundred(Counting::Seconds, 32, 3000).await;
    assert!(ratio <= 1.15, "{ratio}");
    assert!(service.refused() <= 120, "{}", service.refused());
    assert!(report.longest <= Duration::from_secs(2), "{:?}", report.longest);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_lost_with_backoff_alone() {
    let service = Service::new(100.0, Counting::Bucket(10.0), LATENCY);
    let policy = seeded(1).without_adaptive_rate();
    let report = crowd(&policy, &service, 300, 3000, LONG).await;
    println!("{} refused, {report:?}", service.refused());
    assert_eq!((report.done, report.failed.len()), (3000, 0));
    // The twin: what the adaptive rate is for.
    assert!(
        service.refused() > 1000 && report.longest > Duration::from_secs(4),
        "{report:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_quota_that_moves_is_followed() {
    let service = Service::new(100.0, Counting::Bucket(10.0), LATENCY);
    let job = tokio::spawn({
        let service = service.clone();
        async move { crowd(&seeded(3), &service, 32, u64::MAX, Duration::from_secs(40)).await }
    });
    sleep(Duration::from_secs(10)).await;
    service.set_quota(50.0);
    let refused = service.refused();
    sleep(Duration::from_secs(10)).await;
    assert!(
        service.refused() - refused <= 20,
        "{}",
        service.refused() - refused
    );
    assert!(service.served_between(12.0, 20.0) >= 380);
    service.set_quota(200.0);
    sleep(Duration::from_secs(20)).await;
    assert!(
        service.served_between(28.0, 40.0) >= 2280,
        "{}",
        service.served_between(28.0, 40.0)
    );
    assert!(job.await.unwrap().failed.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_quota_that_others_used_up_is_found_again() {
    let service = Service::new(100.0, Counting::Bucket(10.0), LATENCY);
    let job = tokio::spawn({
        let service = service.clone();
        async move { crowd(&seeded(3), &service, 32, u64::MAX, Duration::from_secs(20)).await }
    });
    sleep(Duration::from_secs(8)).await;
    service.set_quota(0.0);
    let refused = service.refused();
    sleep(Duration::from_secs(2)).await;
    assert!(service.refused() - refused <= 20, "it probes, it does not hammer");
    service.set_quota(100.0);
    sleep(Duration::from_secs(8)).await;
    assert!(
        service.served_between(11.0, 16.0) >= 450,
        "{}",
        service.served_between(11.0, 16.0)
    );
    assert!(job.await.unwrap().failed.is_empty());
}

#[tokio::test(start_paused = true)]
async fn eight_processes_come_to_equal_shares() {
    let service = Service::new(100.0, Counting::Bucket(10.0), LATENCY);
    let mut jobs = Vec::new();
    for process in 0..8 {
        let service = service.clone();
        jobs.push(tokio::spawn(async move {
            crowd(&seeded(process), &service, 32, u64::MAX, Duration::from_secs(60)).await
        }));
    }
    let mut shares = Vec::new();
    for job in jobs {
        let report = job.await.unwrap();
        assert!(report.failed.is_empty(), "{:?}", report.failed);
        shares.push(report.done as f64);
    }
    let (sum, squares) = (
        shares.iter().sum::<f64>(),
        shares.iter().map(|share| share * share).sum::<f64>(),
    );
    let fairness = sum * sum / (8.0 * squares);
    println!("Jain {fairness:.4}, {} refused, {shares:?}", service.refused());
    assert!(fairness >= 0.95, "{fairness} {shares:?}");
    assert!(service.served_between(0.0, 60.0) >= 5900, "the quota is used");
}
