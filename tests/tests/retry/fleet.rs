//! A thousand clients that do not know of each other: hardly a call lost, the quota used, equal shares.
use std::time::Duration;

use datakey_tests::retry_fleet::fleet;

/// The short form of `cargo xtask bench retry --only fleet`, which runs for an hour.
#[tokio::test(start_paused = true)]
async fn a_thousand_clients_on_one_quota() {
    let minute = fleet(1000, 1000.0, Duration::from_secs(60), 1).await;
    println!("{minute:?}");
    // A few are unlucky while the thousand find their shares, from nothing and all at once.
    assert!(minute.failed * 20_000 <= minute.done, "{minute:?}");
    assert!(minute.used >= 0.98, "{minute:?}");
    assert!(minute.fairness >= 0.9, "{minute:?}");
    assert!(minute.longest <= Duration::from_secs(60), "{minute:?}");
}
