//! Each built-in scenario teaches what it says, by the numbers.
use datakey_sim::{Arrivals, BuiltIn, Limit, Outcome, Scenario, Simulation, Span, Step, run};

fn play(name: &str, change: impl FnOnce(&mut Scenario)) -> Simulation {
    let mut scenario = BuiltIn::named(name).unwrap().scenario().unwrap();
    change(&mut scenario);
    run(&scenario).unwrap()
}

/// The scenario for so many times fewer hosts, with a quota and neighbours to match: the same lesson, sooner told.
fn smaller(scenario: &mut Scenario, times: u32) {
    let quota = &mut scenario.kms.quota_per_second;
    *quota = quota.map(|calls| calls / u64::from(times));
    scenario.fleet.hosts /= times;
    for own in &mut scenario.neighbours {
        own.calls_per_second /= f64::from(times);
    }
}

fn of<'s>(simulation: &'s Simulation, strategy: &str) -> &'s Outcome {
    let mut all = simulation.outcomes.iter();
    all.find(|outcome| outcome.strategy == strategy).unwrap()
}

/// The steps that began within this time, in seconds.
fn steps(outcome: &Outcome, from: f64, until: f64) -> impl Iterator<Item = &Step> {
    let within = move |step: &&Step| (from..until).contains(&step.at_seconds);
    outcome.series.iter().filter(within)
}

fn is_whole(outcome: &Outcome) -> bool {
    let sealing = &outcome.sealing;
    sealing.failed == 0 && sealing.waiting * 100 <= sealing.offered && outcome.opening.failed == 0
}

#[test]
fn a_bulk_post_is_throttled_unless_keys_are_kept() {
    let played = play("bulk-post", |scenario| {
        scenario.duration = Span::from_secs(60);
        smaller(scenario, 2);
    });
    let naive = of(&played, "no retry");
    assert!(naive.sealing.failed * 4 > naive.sealing.offered, "{naive:?}");
    assert_eq!(naive.decided, Some(Limit::Quota));
    let ended = naive.limits.iter().find(|bound| bound.limit.is_of_messages());
    assert_eq!(ended.map(|bound| bound.limit), Some(Limit::Attempts));
    let standard = of(&played, "standard retry");
    assert!(standard.sealing.failed * 4 > standard.sealing.offered);
    let alone = of(&played, "retry alone");
    assert!(
        alone.sealing.done < alone.sealing.offered / 2,
        "a quota is not raised by retrying"
    );
    assert!(
        alone.sealing.errors.keys().all(|kind| kind == "backlog full"),
        "{:?}",
        alone.sealing.errors
    );
    assert!(alone.sealing.latency.p99_seconds > 10.0);
    let caching = of(&played, "data key caching");
    assert!(
        is_whole(caching) && caching.kms.throttled == 0,
        "{:?}",
        caching.kms
    );
    assert!(caching.kms.answered * 20 < caching.sealing.done);
    assert!(caching.cost.usd_per_month * 10.0 < naive.cost.usd_per_month);
}

#[test]
fn retrying_smooths_what_is_below_the_quota_and_piles_up_what_is_above() {
    let played = play("below-and-above", |scenario| {
        smaller(scenario, 2);
        if let Arrivals::Trace { posts, .. } = &mut scenario.arrivals {
            posts.iter_mut().for_each(|posts| *posts /= 2.0);
        }
    });
    let alone = of(&played, "retry alone");
    let below = steps(alone, 30.0, 300.0).map(|step| step.waiting).max().unwrap();
    assert!(below < 200, "{below} waited below the quota");
    let waiting = |at: f64| steps(alone, at, at + 1.0).next().unwrap().waiting as f64;
    let growth = (waiting(590.0) - waiting(400.0)) / 190.0;
    assert!(
        (7.5..15.0).contains(&growth),
        "{growth} more each second, and not 10"
    );
    assert_eq!(alone.decided, Some(Limit::Quota));
}

#[test]
fn records_take_one_call_for_a_post_and_keep_no_key() {
    let played = play("records-or-messages", |scenario| smaller(scenario, 5));
    let calls = |outcome: &Outcome, operation: &str| outcome.kms.by_operation[operation].answered;
    let (messages, records) = (of(&played, "messages"), of(&played, "records"));
    assert_eq!(calls(messages, "GenerateDataKey"), messages.sealing.done);
    assert_eq!(calls(records, "GenerateDataKey") * 100, records.sealing.done);
    assert_eq!(calls(records, "Decrypt") * 100, records.opening.done);
    assert_eq!(records.exposure.max_messages, 100);
    assert!(of(&played, "data key caching").exposure.max_messages > 1_000);
}

#[test]
fn an_order_id_in_the_context_makes_a_cache_useless() {
    let played = play("order-id", |scenario| scenario.duration = Span::from_secs(60));
    let caching = of(&played, "data key caching");
    assert_eq!(caching.kms.answered, of(&played, "retry alone").kms.answered);
    assert_eq!(caching.kms.answered, caching.exposure.data_keys);
    assert_eq!(caching.exposure.max_messages, 1);

    let mended = play("order-id", |scenario| {
        scenario.duration = Span::from_secs(60);
        scenario.contexts.one_per_message = false;
    });
    assert!(of(&mended, "data key caching").kms.answered <= 30);
}

#[test]
fn hosts_times_contexts_times_readers_outgrow_a_quota() {
    let played = play("outgrown-cache", |scenario| {
        scenario.duration = Span::from_secs(240);
        smaller(scenario, 4);
        if let Some(readers) = &mut scenario.readers {
            readers.hosts /= 2;
        }
    });
    let caching = of(&played, "data key caching");
    assert!(
        caching.opening.waiting * 5 > caching.opening.offered,
        "{:?}",
        caching.opening
    );
    assert_eq!(caching.decided, Some(Limit::Quota));
    let branch = of(&played, "branch keys");
    assert!(is_whole(branch), "{:?}", branch.sealing);
    assert!(
        branch.kms.answered <= 60,
        "a call for each host: {:?}",
        branch.kms
    );
}

#[test]
fn a_rollout_at_once_waits_for_the_quota_under_caching_alone() {
    let played = play("rollout", |scenario| smaller(scenario, 2));
    let (caching, branch) = (of(&played, "data key caching"), of(&played, "branch keys"));
    let waiting = |outcome: &Outcome| {
        steps(outcome, 240.0, 270.0)
            .map(|step| step.waiting)
            .max()
            .unwrap()
    };
    assert_eq!(
        steps(caching, 220.0, 240.0).map(|step| step.waiting).max(),
        Some(0)
    );
    assert!(waiting(caching) > 500, "{}", waiting(caching));
    assert!(waiting(branch) * 3 < waiting(caching), "{}", waiting(branch));
    assert!(caching.sealing.latency.max_seconds > 2.0 * branch.sealing.latency.max_seconds);
    assert!(is_whole(branch) && branch.kms.answered == 200, "{:?}", branch.kms);
}

#[test]
fn what_still_asks_for_each_message_takes_the_quota_from_what_has_moved() {
    let played = play("half-moved", |scenario| smaller(scenario, 4));
    let (half, all) = (of(&played, "half moved"), of(&played, "all moved"));
    assert!(half.sealing.latency.max_seconds > 10.0, "{:?}", half.sealing);
    assert!(half.kms.throttled > 0 && half.kms.throttled < of(&played, "nobody moved").kms.throttled);
    assert!(
        is_whole(all) && all.sealing.latency.max_seconds < 5.0,
        "{:?}",
        all.sealing
    );
}

#[test]
fn late_readers_ask_again_unless_they_keep_keys_for_as_long() {
    let played = play("late-readers", |scenario| smaller(scenario, 4));
    let calls = |strategy: &str| of(&played, strategy).kms.by_operation["Decrypt"].answered;
    let (short, long) = (calls("kept 5 minutes"), calls("kept 1 hour"));
    assert!(long * 2 < short, "{long} of {short}");
    let keys = |strategy: &str| of(&played, strategy).series.last().unwrap().opening_keys;
    assert!(keys("kept 1 hour") > keys("kept 5 minutes"));
}

#[test]
fn a_noisy_neighbour_throttles_who_asks_for_each_message() {
    let played = play("noisy-neighbour", |scenario| smaller(scenario, 2));
    for strategy in ["no retry", "retry alone"] {
        let refused = |from, until| {
            let steps = steps(of(&played, strategy), from, until);
            steps.map(|step| step.kms_throttled).sum::<u64>()
        };
        assert_eq!(refused(0.0, 120.0), 0, "{strategy}");
        assert!(refused(120.0, 240.0) > 50, "{strategy}");
    }
    assert!(of(&played, "no retry").sealing.failed > 500);
    assert!(of(&played, "retry alone").sealing.latency.p99_seconds > 5.0);
    let caching = of(&played, "data key caching");
    assert!(
        is_whole(caching) && caching.sealing.latency.p999_seconds < 0.1,
        "{:?}",
        caching.sealing
    );
    assert!(caching.kms.neighbours_throttled > 5_000);
}

#[test]
fn a_dark_region_is_ridden_out_on_the_keys_that_there_are() {
    let played = play("dark-region", |_| {});
    let done = |outcome: &Outcome| steps(outcome, 460.0, 890.0).map(|step| step.sealed).sum::<u64>();
    let alone = of(&played, "retry alone");
    assert_eq!(done(alone), 0);
    assert!(alone.sealing.failed > 1_000, "{:?}", alone.sealing);
    for strategy in ["data key caching", "branch keys"] {
        let kept = of(&played, strategy);
        assert!(
            is_whole(kept) && done(kept) > 9_000,
            "{strategy}: {:?}",
            kept.sealing
        );
    }
}

#[test]
fn a_quota_that_holds_on_average_does_not_hold_at_noon() {
    let played = play("diurnal-day", |scenario| {
        // A day of two hours.
        scenario.duration = Span::from_secs(7_200);
        scenario.step = Span::from_secs(60);
        if let Arrivals::Diurnal { period, .. } = &mut scenario.arrivals {
            *period = Span::from_secs(7_200);
        }
    });
    let alone = of(&played, "retry alone");
    let waiting = |from, until| steps(alone, from, until).map(|step| step.waiting).max().unwrap();
    assert!(alone.sealing.per_second < 7.0, "on average it holds");
    assert!(
        waiting(3_600.0, 5_000.0) > 10 * waiting(0.0, 1_200.0).max(50),
        "{}",
        waiting(3_600.0, 5_000.0)
    );
    for strategy in ["records", "data key caching"] {
        let other = of(&played, strategy);
        assert!(
            is_whole(other) && other.kms.throttled == 0,
            "{strategy}: {:?}",
            other.kms
        );
    }
}

#[test]
fn each_scenario_says_what_it_teaches_and_is_called_as_its_file() {
    for own in BuiltIn::ALL {
        let scenario = own
            .scenario()
            .unwrap_or_else(|error| panic!("{}: {error}", own.name));
        assert_eq!(scenario.name, own.name);
        assert!(scenario.teaches.ends_with('.'), "{}", own.name);
    }
    assert!(BuiltIn::ALL.len() >= 10);
}
