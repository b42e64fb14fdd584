//! The fleet of `docs/benchmarks.md`: data key caching beside branch keys, an hour of virtual time on one quota.
//!
//! ```text
//! bench_fleet [SEED]
//! ```
//!
//! Ends with a failure when a bar of branch keys is missed.
#![forbid(unsafe_code)]

use std::{process::ExitCode, time::Duration};

use datakey_fake_kms::Quota;
use datakey_tests::branch_fleet::{Outcome, Plan, cold_start, run};

const HOUR: Duration = Duration::from_secs(3600);

const PLAN: Plan = Plan {
    sealing_hosts: 1_000,
    opening_hosts: 100,
    contexts: 10,
    branch_keys: 0,
    posts_every: Duration::from_secs(60),
    time: HOUR.saturating_mul(2),
    counted: HOUR,
    quota: Quota::per_second(100),
};

/// Calls for each host, hour and branch key, at the most.
const CALLS: f64 = 1.5;

fn main() -> ExitCode {
    let seed = std::env::args().nth(1);
    let Some(seed) = seed.map_or(Some(1), |seed| seed.parse().ok()) else {
        eprintln!("bench_fleet [SEED]");
        return ExitCode::FAILURE;
    };
    println!(
        "1,000 hosts seal ten orders a second each, 100 open them; ten contexts, 100 KMS calls a second; calls are those of the last hour\n"
    );
    println!(
        "| keys | for | sealed | opened | given up | left behind | KMS answered | a second | refused | longest wait |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    let mut held = true;
    for branch_keys in [1, 10, 0] {
        // What waits for its turn takes long to play, and falls behind from the first minutes on.
        let plan = if branch_keys == 0 {
            Plan {
                posts_every: PLAN.posts_every / 6,
                time: HOUR / 6,
                counted: HOUR / 6,
                ..PLAN
            }
        } else {
            Plan { branch_keys, ..PLAN }
        };
        let outcome = in_virtual_time(run(plan, seed));
        row(&plan, &outcome);
        if branch_keys > 0 {
            let hosts = plan.sealing_hosts + plan.opening_hosts;
            let most = hosts as f64 * branch_keys as f64 * CALLS;
            held &= outcome.given_up == 0 && outcome.answered as f64 <= most;
            held &= outcome.behind < outcome.sealed / 1_000;
        }
    }
    println!("\n1,100 hosts that start within a second, one branch key; the quota allows eleven seconds\n");
    println!("| quota | half | 95 in 100 | all | given up | refused |");
    println!("|---|---|---|---|---|---|");
    for (name, quota) in [
        ("100 in each second", Quota::per_second(100)),
        ("a bucket of 10, 100 a second", Quota::token_bucket(100, 10)),
    ] {
        let cold = in_virtual_time(cold_start(1_100, quota, seed));
        let after = |part| cold.within(part).as_secs_f64();
        let (half, most, all) = (after(0.5), after(0.95), after(1.0));
        println!(
            "| {name} | {half:.1} s | {most:.1} s | {all:.1} s | {} | {} |",
            cold.given_up, cold.refused
        );
        held &= cold.given_up == 0 && most <= 11.0 * 1.25 && all <= 22.0;
    }
    if held {
        ExitCode::SUCCESS
    } else {
        eprintln!("error: a bar was missed");
        ExitCode::FAILURE
    }
}

fn in_virtual_time<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .expect("a runtime");
    runtime.block_on(work)
}

fn row(plan: &Plan, outcome: &Outcome) {
    let name = match plan.branch_keys {
        0 => "data key caching alone".to_owned(),
        1 => "data keys under one branch key".to_owned(),
        many => format!("data keys under {many} branch keys"),
    };
    println!(
        "| {name} | {} min | {} | {} | {} | {} | {} | {:.2} | {} | {:.1} s |",
        plan.time.as_secs() / 60,
        outcome.sealed,
        outcome.opened,
        outcome.given_up,
        outcome.behind,
        outcome.answered,
        outcome.answered as f64 / plan.counted.as_secs_f64(),
        outcome.refused,
        outcome.longest.as_secs_f64()
    );
}
