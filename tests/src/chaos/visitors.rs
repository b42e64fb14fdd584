//! Shops whose runtimes come and go.
use std::time::Duration;

use rand::RngExt as _;
use tokio::runtime::Builder;

use super::plan::Plan;

/// Goes through a share of the orders, each runtime through a few of them, and says how many runtimes there were. `offer` tries for so long
/// to post an order. A runtime ends in whatever `leave` began, which nobody waits for.
pub(super) fn visit(
    plan: Plan,
    (mut first, end): (u64, u64),
    offer: impl AsyncFn(u64, Duration) -> bool,
    leave: impl Fn(u64),
) -> u64 {
    let (mut random, mut runtimes) = (plan.random(200 + first), 0);
    while first < end {
        let runtime = Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            for _ in 0..random.random_range(1..4) {
                if first < end {
                    let patience = plan.seconds(random.random_range(0.05..3.0));
                    first += u64::from(offer(first, patience).await);
                }
            }
            leave(first);
            tokio::task::yield_now().await;
        });
        runtimes += 1;
    }
    runtimes
}
