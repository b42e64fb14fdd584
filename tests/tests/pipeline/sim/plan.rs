//! What is predicted by arithmetic is what the simulation counts.
use datakey_sim::{
    Arrivals, BranchKeys, Cache, Contexts, Fleet, Kms, Part, Price, Readers, Scenario, Span, Strategy,
    plan::{Bounds, Way, Workload, plan, predict},
    run,
};

/// The share by which a prediction may be off.
const ALLOWED: f64 = 0.05;

fn scenario(workload: &Workload, part: Part, seconds: u64) -> Scenario {
    let records = workload.records_per_second / f64::from(workload.hosts);
    let mut scenario = Scenario::from_toml(
        "name = 'grid'\narrivals = { kind = 'poisson', posts_per_second = 1.0 }\nstrategies = [{ name = 'a', parts = [{}] }]",
    )
    .unwrap();
    scenario.duration = Span::from_secs(seconds);
    scenario.step = Span::from_secs(seconds);
    scenario.fleet = Fleet {
        hosts: workload.hosts,
        start_within: Span::ZERO,
        callers: 1_000,
        backlog: 100_000,
    };
    scenario.arrivals = Arrivals::Poisson {
        posts_per_second: records / f64::from(workload.batch),
        messages_per_post: workload.batch,
    };
    scenario.messages.bytes = workload.record_bytes;
    scenario.contexts = workload.contexts;
    scenario.readers = (workload.readers > 0).then(|| Readers {
        hosts: workload.readers,
        delay_to: workload.opened_within,
        callers: 1_000,
        ..Readers::default()
    });
    scenario.kms = Kms {
        quota_per_second: Some(1_000_000),
        ..Kms::default()
    };
    scenario.price = Price::default();
    scenario.strategies = vec![Strategy {
        name: "a".to_owned(),
        parts: vec![part],
    }];
    scenario
}

struct Case {
    name: String,
    predicted: [f64; 2],
    played: [f64; 2],
}

impl Case {
    /// By which share the calls are off; a count has a standard deviation of its own, of which two are allowed beside it.
    fn off(&self) -> f64 {
        let (predicted, played): (f64, f64) = (self.predicted.iter().sum(), self.played.iter().sum());
        ((predicted - played).abs() - 2.0 * played.sqrt()).max(0.0) / played.max(1.0)
    }
}

fn compare(name: &str, workload: &Workload, part: &Part, seconds: u64) -> Case {
    let played = run(&scenario(workload, part.clone(), seconds)).unwrap();
    // What came is a matter of chance; what is predicted are the calls for it.
    let came = played.outcomes[0].sealing.offered as f64 / seconds as f64;
    let predicted = predict(
        &Workload {
            records_per_second: came,
            ..*workload
        },
        part,
    )
    .unwrap();
    assert!(!predicted.is_estimate, "{name}");
    let kms = &played.outcomes[0].kms;
    assert_eq!((kms.throttled, kms.failed), (0, 0), "{name}");
    let counted = |operation: &str| {
        kms.by_operation
            .get(operation)
            .map_or(0.0, |calls| calls.answered as f64)
    };
    let case = Case {
        name: format!("{name}: {workload:?}"),
        predicted: [predicted.calls_within(seconds as f64), 0.0],
        played: [counted("GenerateDataKey"), counted("Decrypt")],
    };
    println!(
        "{:5.1}% {name} predicted {:.0} (gdk {:.0}/dec {:.0} start {:.0}) played {:?}",
        case.off() * 100.0,
        case.predicted[0],
        predicted.generate_data_key * seconds as f64,
        predicted.decrypt * seconds as f64,
        predicted.at_start,
        case.played
    );
    case
}

fn cache(age: u64, messages: u64) -> Part {
    Part {
        cache: Some(Cache {
            soft_age: Span::from_secs(age),
            hard_age: Span::from_secs(3 * age),
            messages,
            contexts: 100_000,
            opening_age: Span::from_secs(age),
            opening_keys: 1_000_000,
            ..Cache::default()
        }),
        ..Part::default()
    }
}

fn assert_all_hold(cases: &[Case]) {
    let worst = cases.iter().max_by(|a, b| a.off().total_cmp(&b.off())).unwrap();
    println!(
        "worst of {}: {:.1} percent, {}",
        cases.len(),
        worst.off() * 100.0,
        worst.name
    );
    assert!(
        worst.off() <= ALLOWED,
        "{} is off by {:.3}",
        worst.name,
        worst.off()
    );
}

#[test]
fn what_data_key_caching_takes_is_predicted_over_a_grid() {
    let mut cases = Vec::new();
    for (hosts, rate) in [(1, 2.0), (1, 50.0), (20, 20.0), (200, 200.0)] {
        for (count, skew) in [(1, 0.0), (100, 0.0), (100, 1.0), (10_000, 1.0)] {
            // Many hosts with many contexts take long to play, and are many times the same.
            if hosts == 200 && count > 1 {
                continue;
            }
            for (age, messages) in [(20, 1 << 24), (60, 50), (20, 7)] {
                for readers in [0, 4] {
                    let workload = Workload {
                        records_per_second: rate,
                        hosts,
                        readers,
                        contexts: Contexts {
                            count,
                            skew,
                            one_per_message: false,
                        },
                        ..Workload::default()
                    };
                    let name = format!(
                        "hosts {hosts} rate {rate} contexts {count} skew {skew} age {age} messages {messages} readers {readers}"
                    );
                    cases.push(compare(&name, &workload, &cache(age, messages), 150));
                }
            }
        }
    }
    assert_all_hold(&cases);
}

#[test]
fn what_batches_late_readers_and_branch_keys_take_is_predicted_over_a_grid() {
    let mut cases = Vec::new();
    for batch in [1, 25] {
        for (count, skew) in [(1, 0.0), (30, 0.0)] {
            for readers in [3, 8, 20] {
                let workload = Workload {
                    records_per_second: 40.0,
                    batch,
                    hosts: 10,
                    readers,
                    contexts: Contexts {
                        count,
                        skew,
                        one_per_message: false,
                    },
                    ..Workload::default()
                };
                let late = Workload {
                    opened_within: Span::from_secs(60),
                    ..workload
                };
                let records = Part {
                    records: true,
                    ..Part::default()
                };
                let branch = BranchKeys {
                    count: 4,
                    soft_age: Span::from_secs(30),
                    hard_age: Span::from_secs(90),
                    keys: 1_000,
                };
                let under = Part {
                    branch_keys: Some(branch),
                    ..Part::default()
                };
                let both = Part {
                    branch_keys: Some(branch),
                    ..cache(20, 1 << 24)
                };
                for (name, workload, part) in [
                    ("alone", &workload, &Part::default()),
                    ("records", &workload, &records),
                    ("caching", &workload, &cache(20, 1 << 24)),
                    ("late", &late, &cache(20, 1 << 24)),
                    ("branch keys", &workload, &under),
                    ("branch keys and caching", &workload, &both),
                ] {
                    let name = format!("{name} batch {batch} contexts {count} readers {readers}");
                    // What is opened late is opened after the end too, unless that is far away.
                    let seconds = if late == *workload { 600 } else { 150 };
                    cases.push(compare(&name, workload, part, seconds));
                }
            }
        }
    }
    assert_all_hold(&cases);
}

/// At many quotas, from far too little to enough: 2,000 keys of 20 hosts are asked for at once.
#[test]
fn a_cold_start_is_said_to_hold_where_its_play_loses_nothing() {
    let mut told = Vec::new();
    for (contexts, skew, quota) in [
        (100, 0.0, 10),
        (100, 0.0, 60),
        (100, 0.0, 400),
        (100, 1.0, 10),
        (1, 0.0, 10),
    ] {
        let workload = Workload {
            records_per_second: 2_000.0,
            hosts: 20,
            contexts: Contexts {
                count: contexts,
                skew,
                one_per_message: false,
            },
            ..Workload::default()
        };
        let bounds = Bounds {
            quota_per_second: Some(quota),
            ..Bounds::default()
        };
        let planned = plan(&workload, &bounds).unwrap();
        let caching = planned
            .candidates
            .iter()
            .find(|one| one.way == Way::Caching)
            .unwrap();
        let start = caching.start.unwrap();
        let mut played = scenario(&workload, caching.part.clone(), 120);
        played.fleet = Fleet {
            hosts: 20,
            ..Fleet::default()
        };
        played.kms.quota_per_second = Some(quota);
        let outcome = run(&played).unwrap().outcomes.remove(0);
        let name = format!("{contexts} contexts, skew {skew}, quota {quota}");
        println!(
            "{name}: {start:?}, lost {}, {:?}",
            outcome.sealing.failed, outcome.sealing.latency
        );
        assert_eq!(start.holds, outcome.sealing.failed == 0, "{name}: {start:?}");
        assert_eq!(start.holds, caching.holds(), "{name}: {:?}", caching.fails);
        told.push(start.holds);
    }
    assert!(told.contains(&true) && told.contains(&false));
}

#[test]
fn a_data_key_is_predicted_to_seal_no_more_records_than_it_may() {
    for limit in 1..=200 {
        for rate in [3.0, 500.0, 90_000.0] {
            let workload = Workload {
                records_per_second: rate,
                hosts: 5,
                ..Workload::default()
            };
            let by_messages = predict(&workload, &cache(300, limit)).unwrap();
            let mut part = cache(300, 1 << 24);
            part.cache = part.cache.map(|cache| Cache {
                bytes: limit * workload.record_bytes,
                ..cache
            });
            let by_bytes = predict(&workload, &part).unwrap();
            for told in [by_messages, by_bytes] {
                let least = rate / limit as f64;
                assert!(
                    told.generate_data_key >= least * 0.999_999,
                    "{limit} at {rate}: {told:?}"
                );
            }
        }
    }
}
