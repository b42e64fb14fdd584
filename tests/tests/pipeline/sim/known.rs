//! What can be worked out by hand, and what has to add up whatever happens.
use datakey_sim::{Limit, Outcome, Scenario, run};

fn play(text: &str) -> Vec<Outcome> {
    let text = format!("name = 'known'\n{text}");
    run(&Scenario::from_toml(&text).unwrap()).unwrap().outcomes
}

#[test]
fn messages_calls_money_and_steps_add_up() {
    let played = play(
        r#"
        duration = "95s"
        fleet = { hosts = 5, backlog = 30, callers = 2 }
        arrivals = { kind = "poisson", posts_per_second = 1.0, messages_per_post = 9 }
        readers = { hosts = 2, backlog = 10 }
        kms = { quota_per_second = 25 }
        strategies = [{ name = "alone", parts = [{}] }, { name = "none", parts = [{ retry = { kind = "none" } }] }]
        "#,
    );
    for outcome in played {
        for flow in [&outcome.sealing, &outcome.opening] {
            assert_eq!(
                flow.offered,
                flow.done + flow.failed + flow.waiting,
                "{outcome:?}"
            );
            assert_eq!(flow.errors.values().sum::<u64>(), flow.failed);
        }
        assert_eq!(outcome.opening.offered, outcome.sealing.done);
        let sum = |of: fn(&datakey_sim::Step) -> u64| outcome.series.iter().map(of).sum::<u64>();
        assert_eq!(sum(|step| step.sealed), outcome.sealing.done);
        assert_eq!(sum(|step| step.opened), outcome.opening.done);
        assert_eq!(sum(|step| step.kms_answered), outcome.kms.answered);
        assert_eq!(sum(|step| step.kms_throttled), outcome.kms.throttled);
        assert_eq!(
            sum(|step| step.failed),
            outcome.sealing.failed + outcome.opening.failed
        );
        assert_eq!(sum(|step| step.opening_failed), outcome.opening.failed);
        let last = outcome.series.last().unwrap();
        assert_eq!(
            (outcome.series.len(), last.at_seconds, last.seconds),
            (10, 90.0, 5.0)
        );
        assert_eq!(last.waiting, outcome.sealing.waiting + outcome.opening.waiting);
        let by_limit: u64 = outcome
            .limits
            .iter()
            .filter(|bound| bound.limit.is_of_messages())
            .map(|bound| bound.times)
            .sum();
        assert_eq!(by_limit, outcome.sealing.failed + outcome.opening.failed);
        // 25 a second over 95 seconds, and no call more.
        assert!(
            outcome.kms.answered <= 25 * 95 && outcome.kms.peak_per_second <= 25.0,
            "{:?}",
            outcome.kms
        );
        let usd = outcome.kms.answered as f64 / 95.0 * 3_600.0 * 730.0 / 10_000.0 * 0.03 + 1.0;
        assert!((outcome.cost.usd_per_month - usd).abs() < 1e-6);
    }
}

#[test]
fn each_limit_of_a_data_key_is_found_to_bind() {
    let limits = [
        ("messages = 100", Limit::KeyMessages),
        ("bytes = 30_000", Limit::KeyBytes),
        ("soft_age = '20s', hard_age = '1m'", Limit::KeyAge),
    ];
    for (cache, limit) in limits {
        let played = play(&format!(
            r#"
            duration = "5m"
            fleet = {{ hosts = 2 }}
            arrivals = {{ kind = "steady", posts_per_second = 1.0, messages_per_post = 10 }}
            strategies = [{{ name = "caching", parts = [{{ cache = {{ {cache} }} }}] }}]
            "#
        ));
        let [outcome] = &played[..] else { panic!() };
        assert_eq!(outcome.decided, Some(limit), "{:?}", outcome.limits);
        assert!(
            outcome.sealing.failed == 0 && outcome.kms.answered > 20,
            "{:?}",
            outcome.kms
        );
        let exposed = outcome.exposure;
        match limit {
            Limit::KeyMessages => assert!((80..=100).contains(&exposed.max_messages), "{exposed:?}"),
            Limit::KeyBytes => assert!((24_000..=30_000).contains(&exposed.max_bytes), "{exposed:?}"),
            _ => assert!((10.0..=20.0).contains(&exposed.max_seconds), "{exposed:?}"),
        }
    }
}

#[test]
fn room_for_too_few_contexts_is_found_to_bind() {
    let played = play(
        r#"
        duration = "2m"
        fleet = { hosts = 1 }
        arrivals = { kind = "poisson", posts_per_second = 2.0, messages_per_post = 10 }
        contexts = { count = 50 }
        readers = { hosts = 1 }
        strategies = [{ name = "caching", parts = [{ cache = { contexts = 5, opening_keys = 5 } }] }]
        "#,
    );
    let met = |limit: Limit| {
        played[0]
            .limits
            .iter()
            .find(|bound| bound.limit == limit)
            .map_or(0, |bound| bound.times)
    };
    assert!(met(Limit::SealingKeys) > 500, "{:?}", played[0].limits);
    assert!(met(Limit::OpeningKeys) > 500, "{:?}", played[0].limits);
    assert!(played[0].series.iter().all(|step| step.sealing_keys <= 6));
}

#[test]
fn each_way_to_give_up_is_told_by_its_name() {
    let cases = [
        (
            "retry = { kind = 'none' }",
            "throttling",
            "throttled: attempts",
            Limit::Attempts,
        ),
        (
            "retry = { kind = 'datakey', deadline = '5s' }",
            "throttling",
            "throttled: deadline",
            Limit::Deadline,
        ),
        (
            "retry = { kind = 'datakey', budget = 5, budget_per_second = 0 }",
            "errors",
            "transient: budget",
            Limit::RetryBudget,
        ),
        (
            "retry = { kind = 'datakey' }",
            "unreachable",
            "transient: circuit_open",
            Limit::Breaker,
        ),
    ];
    for (retry, fault, kind, limit) in cases {
        let played = play(&format!(
            r#"
            duration = "1m"
            fleet = {{ hosts = 2 }}
            arrivals = {{ kind = "steady", posts_per_second = 1.0 }}
            faults = [{{ kind = "{fault}", from = "10s", until = "50s" }}]
            strategies = [{{ name = "it", parts = [{{ {retry} }}] }}]
            "#
        ));
        let [outcome] = &played[..] else { panic!() };
        assert!(
            outcome.sealing.errors.contains_key(kind),
            "{retry}: {:?}",
            outcome.sealing.errors
        );
        assert!(
            outcome.limits.iter().any(|bound| bound.limit == limit),
            "{retry}: {:?}",
            outcome.limits
        );
        // Before and after it all is well.
        assert!(
            outcome.series[0].failed == 0 && outcome.series[5].sealed > 0,
            "{retry}"
        );
    }
}

#[test]
fn a_denial_is_told_and_ends_what_was_kept() {
    let played = play(
        r#"
        duration = "10m"
        fleet = { hosts = 2 }
        arrivals = { kind = "steady", posts_per_second = 1.0 }
        faults = [{ kind = "denied", from = "1m", until = "10m" }]
        strategies = [{ name = "caching", parts = [{ cache = {} }] }]
        "#,
    );
    assert!(
        played[0].sealing.errors.contains_key("denied"),
        "{:?}",
        played[0].sealing.errors
    );
    assert_eq!(played[0].series.last().unwrap().sealing_keys, 0);
}

#[test]
fn bursts_and_traces_come_when_they_are_told_to() {
    let bursts = play(
        r#"
        duration = "1m"
        step = "1s"
        fleet = { hosts = 50 }
        arrivals = { kind = "bursts", posts_per_second = 1.0, every = "20s", lasting = "2s", times = 20.0 }
        strategies = [{ name = "caching", parts = [{ cache = {} }] }]
        "#,
    );
    let offered = |second: usize| bursts[0].series[second].offered;
    assert!(
        (20..90).contains(&offered(10)) && offered(20) > 700 && offered(21) > 700,
        "{}",
        offered(20)
    );
    assert!(offered(23) < 90 && offered(40) > 700);

    let trace = play(
        r#"
        duration = "1m"
        step = "10s"
        fleet = { hosts = 7, start_within = "0s" }
        arrivals = { kind = "trace", step = "10s", posts = [1000, 0, 500] }
        strategies = [{ name = "caching", parts = [{ cache = {} }] }]
        "#,
    );
    let offered: Vec<u64> = trace[0].series.iter().map(|step| step.offered).collect();
    assert_eq!(offered, [1_000, 0, 500, 0, 0, 0]);
}

#[test]
fn a_trace_offers_its_posts_to_the_last_one_whatever_hosts_and_seed_are() {
    for hosts in [1, 3, 100] {
        for seed in 1..4 {
            let played = play(&format!(
                r#"
                seed = {seed}
                duration = "5s"
                step = "1s"
                fleet = {{ hosts = {hosts} }}
                arrivals = {{ kind = "trace", posts = [10, 20, 0.4, 0.4, 30.2] }}
                strategies = [{{ name = "caching", parts = [{{ cache = {{}} }}] }}]
                "#
            ));
            let offered: Vec<u64> = played[0].series.iter().map(|step| step.offered).collect();
            assert_eq!(offered, [10, 20, 0, 1, 30], "{hosts} hosts, seed {seed}");
        }
    }
}

#[test]
fn what_was_lost_decides_before_what_was_refused() {
    let played = play(
        r#"
        duration = "10m"
        fleet = { hosts = 4 }
        arrivals = { kind = "steady", posts_per_second = 10.0 }
        kms = { quota_per_second = 200 }
        neighbours = [{ calls_per_second = 300.0, from = "1m", until = "90s" }]
        faults = [{ kind = "dark", from = "3m", until = "5m" }]
        strategies = [{ name = "alone", parts = [{}] }, { name = "none", parts = [{ retry = { kind = "none" } }] }]
        "#,
    );
    let [alone, none] = &played[..] else { panic!() };
    assert!(
        alone.kms.throttled * 1_000 > alone.kms.answered,
        "{:?}",
        alone.kms
    );
    let outage = |outcome: &Outcome| {
        let errors = outcome.sealing.errors.iter();
        errors
            .filter(|(kind, _)| kind.contains("circuit_open"))
            .map(|(_, count)| *count)
            .sum::<u64>()
    };
    assert!(
        outage(alone) * 2 > alone.sealing.failed,
        "{:?}",
        alone.sealing.errors
    );
    assert_eq!(alone.decided, Some(Limit::Breaker), "{:?}", alone.limits);
    assert!(
        alone
            .verdict()
            .contains("the circuit breaker, as KMS did not answer"),
        "{}",
        alone.verdict()
    );
    assert_ne!(none.decided, Some(Limit::Breaker), "{:?}", none.limits);
}

#[test]
fn a_message_that_still_waits_is_not_told_as_sealed() {
    let played = play(
        r#"
        duration = "60s"
        fleet = { hosts = 10 }
        arrivals = { kind = "steady", posts_per_second = 10.0 }
        kms = { quota_per_second = 1000, latency = { kind = "fixed", time = "5ms" } }
        strategies = [{ name = "alone", parts = [{}] }]
        "#,
    );
    let flow = &played[0].sealing;
    assert!((1..5).contains(&flow.waiting) && flow.failed == 0, "{flow:?}");
    let verdict = played[0].verdict();
    assert!(
        !verdict.contains("All") && verdict.contains(&format!("{} still waited", flow.waiting)),
        "{verdict}"
    );
}
