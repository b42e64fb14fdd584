//! What a scenario file may say, and what is refused with which words.
use std::{fs, path::Path};

use datakey_sim::{Arrivals, BuiltIn, Error, Scenario, Span};

const GOOD: &str = r#"name = "x"
arrivals = { kind = "steady", posts_per_second = 1.0 }
strategies = [{ name = "a", parts = [{}] }]
"#;

fn refusal(old: &str, new: &str) -> String {
    assert!(GOOD.contains(old), "{old}");
    Scenario::from_toml(&GOOD.replacen(old, new, 1))
        .unwrap_err()
        .to_string()
}

fn refusal_with(more: &str) -> String {
    refusal("arrivals", &format!("{more}\narrivals"))
}

#[test]
fn what_is_out_of_limits_is_refused_by_its_name() {
    assert!(Scenario::from_toml(GOOD).is_ok());
    let cases = [
        (
            "fleet = { hosts = 0 }",
            "fleet.hosts is 0, and has to be from 1 to 100000",
        ),
        ("fleet = { callers = 0 }", "fleet.callers is 0"),
        (
            "duration = '40d'",
            "duration is 40d, and has to be from 1s to 31d",
        ),
        ("duration = '0s'", "duration is 0s"),
        (
            "step = '10ms'\nduration = '2h'",
            "step is 10ms, and has to be long enough for 100000 steps",
        ),
        ("contexts = { count = 0 }", "contexts.count is 0"),
        ("contexts = { skew = -1.0 }", "contexts.skew is -1"),
        ("contexts = { skew = nan }", "contexts.skew is NaN"),
        (
            "kms = { region = 'the moon' }",
            "kms.region is \"the moon\", and has to be the name of a Region",
        ),
        ("kms = { quota_per_second = 0 }", "kms.quota_per_second is 0"),
        (
            "kms = { latency = { kind = 'uniform', from = '2s', to = '1s' } }",
            "kms.latency.to is 1s, and has to be from 2s",
        ),
        (
            "readers = { delay_from = '2s', delay_to = '1s' }",
            "readers.delay_to is 1s, and has to be from 2s",
        ),
        (
            "neighbours = [{ calls_per_second = 0.0 }]",
            "neighbours[0].calls_per_second is 0, and has to be above 0",
        ),
        (
            "faults = [{ kind = 'dark', from = '5s', until = '1s' }]",
            "faults[0].until is 1s, and has to be from 5s",
        ),
        (
            "price = { usd_per_10_000_calls = -0.1 }",
            "price.usd_per_10_000_calls is -0.1",
        ),
        (
            "fleet = { hosts = 100_000 }\nduration = '31d'\nstep = '1h'",
            "the number of messages to expect is 267840000000",
        ),
        (
            "readers = { delay_to = '1h' }\nfleet = { hosts = 10_000 }",
            "the number of messages that wait to be opened late",
        ),
    ];
    for (more, words) in cases {
        let said = refusal_with(more);
        assert!(said.starts_with(words), "{more}: {said}");
    }
    let said = refusal("1.0", "0.0");
    assert!(
        said.starts_with("arrivals.posts_per_second is 0, and has to be above 0 to 100000"),
        "{said}"
    );
    let said = refusal("[{}]", "[{ share = 0.4 }, { share = 0.5 }]");
    assert!(
        said.starts_with("the sum of strategies[0].parts[].share is 0.9, and has to be 1"),
        "{said}"
    );
    let said = refusal("[{}]", "[]");
    assert!(
        said.starts_with("the number of strategies[0].parts is 0"),
        "{said}"
    );
    let said = refusal("[{}]", "[{ cache = { soft_age = '1h' } }]");
    assert!(
        said.starts_with("strategies[0].parts[0].cache.hard_age is 15m, and has to be from 1h"),
        "{said}"
    );
    let said = refusal(
        "[{ name = \"a\", parts = [{}] }]",
        "[{ name = 'a', parts = [{}] }, { name = 'a', parts = [{}] }]",
    );
    assert!(
        said.starts_with("strategies[1].name is \"a\", and has to be another"),
        "{said}"
    );
    let said = refusal("\"x\"", "\"\"");
    assert!(said.starts_with("name is \"\""), "{said}");
}

#[test]
fn what_is_no_field_is_refused_and_the_fields_are_named() {
    for (more, words) in [
        ("host = 3", "unknown field `host`"),
        (
            "fleet = { host = 3 }",
            "expected one of `hosts`, `start_within`, `callers`, `backlog`",
        ),
        (
            "duration = 'soon'",
            "is not a length of time; write a number and one of us, ms, s, m, h, d",
        ),
        ("duration = 5", "invalid type"),
        (
            "faults = [{ kind = 'flood', from = '0s', until = '1s' }]",
            "unknown variant `flood`, expected one of `dark`",
        ),
        ("= 3", "the scenario, line 2: "),
    ] {
        let said = refusal_with(more);
        assert!(said.contains(words), "{more}: {said}");
    }
    let said = refusal("posts_per_second", "post_per_second");
    assert!(said.contains("post_per_second"), "{said}");
    assert!(matches!(
        BuiltIn::named("nothing"),
        Err(Error::UnknownScenario { .. })
    ));
    let scenario = Scenario::from_toml(GOOD).unwrap();
    let said = scenario.only(&["b"]).unwrap_err().to_string();
    assert_eq!(said, "no strategy is called \"b\"; there are a");
}

#[test]
fn a_trace_is_read_beside_its_scenario_and_a_bad_line_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("it.toml");
    let text = GOOD.replace(
        "\"steady\", posts_per_second = 1.0",
        "\"trace\", file = \"posts.txt\"",
    );
    fs::write(&path, &text).unwrap();
    assert!(matches!(Scenario::load(&path), Err(Error::Read { .. })));
    fs::write(folder.path().join("posts.txt"), "# a second each\n10\n\n 2.5 \n").unwrap();
    let scenario = Scenario::load(&path).unwrap();
    assert!(matches!(&scenario.arrivals, Arrivals::Trace { posts, .. } if *posts == [10.0, 2.5]));
    let both = text.replace("file =", "posts = [1.0], file =");
    let said = Scenario::from_toml(&both).unwrap_err().to_string();
    assert!(said.contains("both posts and file"), "{said}");
    for bad in ["many", "-1", "inf", "NaN"] {
        fs::write(folder.path().join("posts.txt"), format!("10\n{bad}\n")).unwrap();
        let said = Scenario::load(&path).unwrap_err().to_string();
        assert!(
            said.starts_with("line 2 of the trace") && said.contains(bad),
            "{said}"
        );
    }
    assert!(matches!(
        Scenario::load(Path::new("nowhere.toml")),
        Err(Error::Read { .. })
    ));
    fs::write(&path, "name = \"x\"\n\nhosts = 3").unwrap();
    let said = Scenario::load(&path).unwrap_err().to_string();
    assert!(
        said.contains("it.toml\", line 3: unknown field `hosts`"),
        "{said}"
    );
    // Without the file, a trace without posts is nothing to play.
    let said = Scenario::from_toml(&text).unwrap_err().to_string();
    assert!(said.starts_with("the number of arrivals.posts is 0"), "{said}");
}

#[test]
fn spans_are_read_and_written_as_one_another() {
    for text in ["0s", "1us", "15ms", "90s", "15m", "90m", "1h", "31d", "1500ms"] {
        let span: Span = text.parse().unwrap();
        assert_eq!(span.to_string().parse::<Span>().unwrap(), span, "{text}");
    }
    assert_eq!("0.1s".parse::<Span>().unwrap(), Span::from_millis(100));
    for bad in [
        "",
        "5",
        "s",
        "-1s",
        "1 h",
        "1.2.3s",
        "1e3s",
        "367d",
        "99999999999999999999d",
        "1w",
        "１s",
    ] {
        assert!(bad.parse::<Span>().is_err(), "{bad}");
    }
}
