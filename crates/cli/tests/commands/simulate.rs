//! Fleets played by the command: what it tells, what the command line changes, and what it refuses.
use serde_json::Value;

use crate::shell::{Run, Shell};

/// A minute of two hosts.
const OWN: &str = r#"
name = "own"
teaches = "Two hosts need two data keys."
duration = "1m"
fleet = { hosts = 2 }
arrivals = { kind = "steady", posts_per_second = 1.0, messages_per_post = 10 }

[[strategies]]
name = "alone"
parts = [{}]

[[strategies]]
name = "caching"
parts = [{ cache = {} }]
"#;

fn with_own() -> Shell {
    let shell = Shell::new();
    shell.write("own.toml", OWN);
    shell
}

fn simulate(shell: &Shell, more: &[&str]) -> Run {
    shell.run([&["simulate"], more].concat())
}

#[test]
fn a_scenario_is_told_as_a_table_and_in_words() {
    let shell = with_own();
    let run = simulate(&shell, &["own.toml"]).ends(0);
    assert_eq!(run.stderr, "", "no progress where there is no terminal");
    let text = run.text();
    for said in [
        "own\nTwo hosts need two data keys.\n",
        "1m of virtual time, seed 1: 2 hosts, 100,000 KMS calls a second.",
        "USD a month",
        "alone: All 1,200 messages were sealed, none waited for a second. KMS answered 1 call for each message and refused none.",
        "caching: All 1,200 messages were sealed, none waited for a second. KMS answered a call for every 600 messages and refused none.",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
    let twice = simulate(&shell, &["own.toml", "./own.toml"]).ends(0).text();
    assert_eq!(
        twice,
        format!("{text}{text}"),
        "one after the other, and the same again"
    );
}

#[test]
fn json_has_all_numbers_and_what_the_command_line_changed() {
    let shell = with_own();
    let plain = simulate(&shell, &["own.toml", "--json"]).ends(0).json();
    assert_eq!(plain["outcomes"].as_array().unwrap().len(), 2);
    assert_eq!(plain["outcomes"][0]["kms"]["answered"], 1_200);
    assert_eq!(plain["outcomes"][1]["kms"]["answered"], 2);
    let changes = [
        "--seed",
        "7",
        "--hosts",
        "3",
        "--quota",
        "9",
        "--hours",
        "0.1",
        "--strategy",
        "alone",
    ];
    let line = [&["own.toml", "--json"], &changes[..]].concat();
    let changed = simulate(&shell, &line).ends(0).json();
    let scenario = &changed["scenario"];
    assert_eq!(
        (
            &scenario["seed"],
            &scenario["fleet"]["hosts"],
            &scenario["duration"]
        ),
        (&7.into(), &3.into(), &"6m".into())
    );
    assert_eq!(changed["quota_per_second"], 9);
    assert_eq!(changed["outcomes"].as_array().unwrap().len(), 1);
    let answered = changed["outcomes"][0]["kms"]["answered"].as_u64().unwrap();
    assert!(
        (3_000..=9 * 360).contains(&answered),
        "the quota holds: {answered}"
    );
    assert_eq!(
        simulate(&shell, &line).ends(0).json(),
        changed,
        "it repeats itself"
    );

    let both = simulate(&shell, &["own.toml", "own.toml", "--json"])
        .ends(0)
        .json();
    assert_eq!(both["simulations"], Value::from(vec![plain.clone(), plain]));
}

#[test]
fn what_comes_with_the_command_is_listed_printed_and_played() {
    let shell = Shell::new();
    let listed = simulate(&shell, &["--list", "--json"]).ends(0).json();
    let listed = listed["scenarios"].as_array().unwrap();
    assert!(listed.len() >= 10);
    let text = simulate(&shell, &["--list"]).ends(0).text();
    for own in listed {
        let (name, teaches) = (own["name"].as_str().unwrap(), own["teaches"].as_str().unwrap());
        assert!(text.contains(&format!("{name}\n    {teaches}\n")), "{name}");
        let file = simulate(&shell, &["--print", name]).ends(0).text();
        let print = simulate(&shell, &["--print", name, "--json"]).ends(0).json();
        assert_eq!(
            (&print["toml"], &print["name"]),
            (&file.as_str().into(), &name.into())
        );
    }
    let file = simulate(&shell, &["--print", "order-id"]).ends(0).stdout;
    shell.write("mine.toml", file);
    let short = |name: &str| {
        simulate(&shell, &[name, "--hours", "0.005", "--json"])
            .ends(0)
            .json()
    };
    assert_eq!(short("mine.toml"), short("order-id"));
}

#[test]
fn a_trace_is_found_beside_its_scenario() {
    let shell = with_own();
    std::fs::create_dir(shell.path("folder")).unwrap();
    let trace = OWN.replace(
        "\"steady\", posts_per_second = 1.0",
        "\"trace\", file = \"posts\"",
    );
    shell.write("folder/it.toml", trace);
    shell.write("folder/posts", "60\n0\n");
    let played = simulate(&shell, &["folder/it.toml", "--json"]).ends(0).json();
    let offered = played["outcomes"][0]["sealing"]["offered"].as_u64().unwrap();
    assert!((300..1_000).contains(&offered), "{offered}");
    shell.write("folder/posts", "60\nmany\n");
    let refused = simulate(&shell, &["folder/it.toml"]).ends(2);
    assert!(
        refused.stderr.contains("line 2 of the trace"),
        "{}",
        refused.stderr
    );
}

/// Each line with its exit code, and what is said.
type Refused<'c> = (&'c [&'c str], i32, &'c str);

fn refuses(shell: &Shell, cases: &[Refused<'_>]) {
    for (line, code, words) in cases {
        let refused = simulate(shell, line).ends(*code);
        assert_eq!(refused.text(), "", "{line:?}: nothing is played");
        assert!(refused.stderr.contains(words), "{line:?}: {}", refused.stderr);
        let refused = simulate(shell, &[*line, &["--json"]].concat()).ends(*code);
        assert!(refused.error().1.contains(words), "{line:?}: {}", refused.stderr);
    }
}

#[test]
fn files_and_names_that_are_no_scenarios_are_refused() {
    let shell = with_own();
    shell.write("bad.toml", "name = \"x\"\n\nhosts = 3\n");
    shell.write("text", OWN);
    shell.write("bytes.toml", [0xff, 0xfe]);
    shell.write("empty.toml", "");
    refuses(
        &shell,
        &[
            (&[], 2, "FILE|NAME"),
            (
                &["nowhere.toml"],
                8,
                "\"nowhere.toml\" cannot be read: No such file",
            ),
            (&["."], 8, "\".\" cannot be read: Is a directory"),
            (
                &["/dev/zero"],
                8,
                "\"/dev/zero\" cannot be read: it has more than",
            ),
            (&["bytes.toml"], 8, "valid UTF-8"),
            (&["empty.toml"], 2, "\"empty.toml\", line 1: missing field `name`"),
            (&["bad.toml"], 2, "\"bad.toml\", line 3: unknown field `hosts`"),
            (
                &["text"],
                2,
                "no scenario is called \"text\"; there are bulk-post, ",
            ),
            (&["own.toml", "bulk"], 2, "no scenario is called \"bulk\""),
            (&["--print", "bulk"], 2, "no scenario is called \"bulk\""),
            (&["--list", "--seed", "3"], 2, "cannot be used with"),
            (&["--print", "bulk-post", "own.toml"], 2, "cannot be used with"),
        ],
    );
}

#[test]
fn values_out_of_their_limits_are_refused() {
    let shell = with_own();
    let cases: [(&str, i32, &str); 12] = [
        (
            "--strategy=alone,luck",
            2,
            "no strategy is called \"luck\"; there are alone, caching",
        ),
        ("--strategy=", 2, "no strategy is called \"\""),
        ("--hosts=0", 2, "fleet.hosts is 0, and has to be from 1 to 100000"),
        ("--hosts=100001", 2, "fleet.hosts is 100001"),
        ("--hosts=-1", 2, "--hosts"),
        ("--quota=0", 2, "kms.quota_per_second is 0"),
        ("--quota=1000001", 2, "kms.quota_per_second is 1000001"),
        ("--hours=0", 2, "duration is 0s, and has to be from 1s to 31d"),
        ("--hours=745", 2, "duration is 745h"),
        ("--hours=-1", 2, "--hours is -1, and has to be a number of hours"),
        ("--hours=NaN", 2, "--hours is NaN"),
        ("--seed=x", 2, "--seed"),
    ];
    for (option, code, words) in cases {
        refuses(&shell, &[(&["own.toml", option], code, words)]);
    }
    let huge = &["own.toml", "--hours=744", "--hosts=100000"];
    refuses(&shell, &[(huge, 2, "the number of messages to expect is")]);
}

#[test]
fn what_acts_on_a_terminal_is_an_escape() {
    let shell = Shell::new();
    shell.write(
        "own.toml",
        OWN.replace("Two hosts", "Two\\u001b[2J hosts")
            .replace("alone", "a\\u202elone"),
    );
    let told = simulate(&shell, &["own.toml"]).ends(0).text();
    assert!(
        told.contains("Two\\u{1b}[2J hosts") && told.contains("a\\u{202e}lone: All"),
        "{told}"
    );
    for run in [
        vec!["own.toml"],
        vec!["own.toml", "--json"],
        vec!["own.toml", "--strategy", "\u{1b}"],
    ] {
        let run = simulate(&shell, &run);
        let said = format!("{}{}", run.text(), run.stderr);
        assert!(!said.contains(['\u{1b}', '\u{202e}']), "{said:?}");
    }
}

#[test]
fn a_reader_that_goes_away_is_no_failure_and_a_full_disk_is_one() {
    let shell = with_own();
    let code = "{ \"$0\" \"$@\"; echo $? >&2; } | true";
    for line in [
        &["simulate", "own.toml"][..],
        &["simulate", "own.toml", "--json"],
        &["simulate", "--list"],
    ] {
        assert_eq!(shell.scripted(code, line).ends(0).stderr, "0\n", "{line:?}");
        let full = shell.scripted("exec \"$0\" \"$@\" > /dev/full", line).ends(8);
        assert!(full.stderr.contains("No space left"), "{}", full.stderr);
    }
}

#[test]
fn what_begins_after_the_end_and_a_region_without_a_quota_of_its_own_are_told() {
    let shell = with_own();
    let more = "kms = { region = 'mars-1' }\nrestarts = [{ at = '2m' }]\nfaults = [{ kind = 'dark', from = '1m', until = '2m' }]\nfleet";
    shell.write("late.toml", OWN.replacen("fleet", more, 1));
    let text = simulate(&shell, &["late.toml"]).ends(0).text();
    for said in [
        "Not played, as it ends before they begin: 1 fault, 1 restart.",
        "10000 calls a second is that of other Regions, as mars-1 has none",
    ] {
        assert!(text.contains(said), "{text}");
    }
    let text = simulate(&shell, &["own.toml"]).ends(0).text();
    assert!(
        !text.contains("Not played") && !text.contains("other Regions"),
        "{text}"
    );
}
