//! Fleets on one quota.
use std::time::Duration;

use datakey_fake_kms::Quota;
use datakey_tests::branch_fleet::{Plan, cold_start, run};

/// A small part of the fleet that `cargo xtask bench fleet` runs.
const PLAN: Plan = Plan {
    sealing_hosts: 20,
    opening_hosts: 4,
    contexts: 10,
    branch_keys: 1,
    posts_every: Duration::from_secs(10),
    time: Duration::from_secs(300),
    counted: Duration::from_secs(300),
    quota: Quota::per_second(1),
};

#[tokio::test(start_paused = true)]
async fn a_fleet_that_starts_at_once_is_served_at_the_pace_of_the_quota() {
    for quota in [Quota::per_second(100), Quota::token_bucket(100, 10)] {
        let cold = cold_start(1_100, quota, 1).await;
        println!(
            "{quota:?}: half {:?}, 95 % {:?}, last {:?}, {} refused",
            cold.within(0.5),
            cold.within(0.95),
            cold.within(1.0),
            cold.refused
        );
        let ideal = Duration::from_secs(11);
        assert_eq!(cold.given_up, 0);
        assert!(
            cold.within(0.95) <= ideal.mul_f64(1.25),
            "{:?}",
            cold.within(0.95)
        );
        assert!(cold.within(1.0) <= ideal * 2, "{:?}", cold.within(1.0));
        assert!(cold.refused < 1_100 * 16, "{} refused", cold.refused);
    }
}

#[tokio::test(start_paused = true)]
async fn under_branch_keys_no_order_is_given_up_or_left_behind_where_data_keys_alone_fall_behind() {
    let branch = run(PLAN, 1).await;
    println!("{branch:?}");
    assert_eq!(
        (branch.given_up, branch.refused > 0),
        (0, true),
        "cold starts are refused"
    );
    assert!(branch.behind <= 20, "{branch:?}");
    // One for each host, and none anew: the soft age is an hour.
    assert_eq!(branch.answered, 24);
    let alone = run(
        Plan {
            branch_keys: 0,
            ..PLAN
        },
        1,
    )
    .await;
    println!("{alone:?}");
    assert!(alone.behind + alone.given_up > alone.sealed / 10, "{alone:?}");
}
