//! The same seed gives the same numbers, to the last one; another seed gives others.
use datakey_sim::{BuiltIn, Limit, Scenario, Simulation, Span, run};

/// Whatever a scenario can have, in a minute of three hosts.
const ALL_OF_IT: &str = r#"
    name = "all-of-it"
    duration = "2m"
    step = "7s"
    fleet = { hosts = 6, start_within = "5s", callers = 3, backlog = 20 }
    arrivals = { kind = "bursts", posts_per_second = 0.5, messages_per_post = 7, every = "40s", lasting = "5s", times = 10.0 }
    contexts = { count = 30, skew = 1.1 }
    readers = { hosts = 2, delay_from = "1s", delay_to = "50s" }
    kms = { quota_per_second = 20, latency = { kind = "exponential", mean = "20ms" } }
    neighbours = [{ calls_per_second = 5.5, from = "10s" }]
    faults = [
        { kind = "errors", from = "20s", until = "60s", share = 0.2 },
        { kind = "slow", from = "70s", until = "80s" },
        { kind = "dark", from = "80s", until = "90s" },
    ]
    restarts = [{ at = "100s", over = "10s" }]

    [[strategies]]
    name = "a mix"
    parts = [
        { share = 0.4, cache = { contexts = 10, opening_keys = 20, soft_age = "30s", hard_age = "60s", opening_age = "30s" } },
        { share = 0.3, cache = {}, branch_keys = { count = 3, soft_age = "30s", hard_age = "1m" } },
        { share = 0.3, records = true, retry = { kind = "standard" } },
    ]

    [[strategies]]
    name = "retry alone"
    parts = [{}]
"#;

fn json(simulation: &Simulation) -> String {
    serde_json::to_string(&simulation.outcomes).unwrap()
}

#[test]
fn the_same_seed_gives_the_same_numbers_and_another_gives_others() {
    let mut scenario = Scenario::from_toml(ALL_OF_IT).unwrap();
    let first = json(&run(&scenario).unwrap());
    assert_eq!(json(&run(&scenario).unwrap()), first);
    scenario.seed = 2;
    assert_ne!(json(&run(&scenario).unwrap()), first);
}

/// A little more than there is room for, in stores so large that a keyring which serves has several for its threads.
#[test]
fn what_goes_for_want_of_room_is_the_same_each_time() {
    let scenario = Scenario::from_toml(
        r#"
        name = "full"
        duration = "51s"
        fleet = { hosts = 1 }
        arrivals = { kind = "steady", posts_per_second = 2.0, messages_per_post = 82 }
        contexts = { one_per_message = true }
        readers = { hosts = 1 }
        strategies = [{ name = "caching", parts = [{ cache = { contexts = 8_192, opening_keys = 8_192 } }] }]
        "#,
    )
    .unwrap();
    let first = run(&scenario).unwrap();
    let of_room = |limit: Limit| {
        let mut limits = first.outcomes[0].limits.iter();
        limits.find(|bound| bound.limit == limit).map(|bound| bound.times)
    };
    let over = first.outcomes[0].opening.done - 8_192;
    assert!((50..200).contains(&over), "{over}");
    assert_eq!(of_room(Limit::OpeningKeys), Some(over));
    assert_eq!(of_room(Limit::SealingKeys), Some(over));
    assert_eq!(json(&run(&scenario).unwrap()), json(&first));
}

#[test]
fn a_strategy_played_by_itself_comes_out_as_beside_others() {
    let mut scenario = BuiltIn::named("half-moved").unwrap().scenario().unwrap();
    scenario.duration = Span::from_secs(40);
    let together = run(&scenario).unwrap();
    let alone = run(&scenario.only(&["half moved"]).unwrap()).unwrap();
    assert_eq!(alone.outcomes[0], together.outcomes[1]);
}

#[test]
fn a_simulation_is_the_same_after_json() {
    let mut scenario = Scenario::from_toml(ALL_OF_IT).unwrap();
    scenario.strategies.truncate(1);
    let simulation = run(&scenario).unwrap();
    let text = serde_json::to_string(&simulation).unwrap();
    let again: Simulation = serde_json::from_str(&text).unwrap();
    assert_eq!(again.scenario, simulation.scenario);
    // Whole numbers are exact; what is read of others may differ in the last digit.
    let (read, told) = (&again.outcomes[0], &simulation.outcomes[0]);
    assert_eq!(
        (&read.sealing.errors, read.sealing.offered),
        (&told.sealing.errors, told.sealing.offered)
    );
    assert_eq!((&read.limits, read.decided), (&told.limits, told.decided));
    assert_eq!(
        (&read.series, &read.kms.by_operation),
        (&told.series, &told.kms.by_operation)
    );
}
