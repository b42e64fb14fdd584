//! `datakey plan`: what it recommends, from figures, from metrics and from CloudTrail, and what it refuses.
use std::io::Write as _;

use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};

use crate::shell::{Shell, is_packaged};

fn planned(shell: &Shell, args: &[&str]) -> Value {
    let all: Vec<&str> = [&["plan", "--json"], args].concat();
    shell.run(&all).ends(0).json()
}

#[test]
fn the_simplest_way_that_holds_is_recommended_with_its_code() {
    let shell = Shell::new();
    let way = |args: &[&str]| {
        let told = planned(&shell, args);
        let place = told["plan"]["chosen"].as_u64().unwrap();
        told["plan"]["candidates"][usize::try_from(place).unwrap()]["way"].clone()
    };
    assert_eq!(way(&["--records-per-second", "500"]), "retry-alone");
    let quota = [
        "--records-per-second",
        "9000",
        "--quota",
        "5500",
        "--hosts",
        "40",
        "--readers",
        "8",
    ];
    assert_eq!(way(&quota), "caching");
    assert_eq!(
        way(&[&quota[..], &["--context-per-record"]].concat()),
        "branch-keys"
    );
    let told = planned(&shell, &quota);
    assert!(
        told["snippet"]
            .as_str()
            .unwrap()
            .contains("with_soft_age(Duration::from_secs(300))")
    );
    let fails = told["plan"]["candidates"][0]["fails"][0].as_str().unwrap();
    assert!(fails.contains("18000 calls a second"), "{fails}");
}

/// The code of that page is compiled as its examples are.
#[test]
fn the_code_that_is_printed_is_that_of_the_page_on_planning() {
    if is_packaged() {
        return;
    }
    let page = std::fs::read_to_string("../../docs/plan.md").unwrap();
    let shell = Shell::new();
    let much = ["--records-per-second", "9000", "--quota", "5500"];
    let contexts = ["--hosts", "40", "--readers", "8", "--contexts", "200"];
    for args in [
        vec!["--records-per-second", "90"],
        [&much[..], &contexts[..]].concat(),
        [&much[..], &["--context-per-record"]].concat(),
    ] {
        let told = planned(&shell, &args);
        let snippet = told["snippet"].as_str().unwrap();
        assert!(page.contains(snippet.trim()), "{snippet}");
    }
}

#[test]
fn where_nothing_holds_it_says_what_has_to_give() {
    let shell = Shell::new();
    let args = [
        "plan",
        "--records-per-second",
        "10",
        "--quota",
        "10",
        "--others-per-second",
        "9",
    ];
    let told = String::from_utf8(shell.run(args).ends(0).stdout).unwrap();
    assert!(
        told.contains("Nothing holds") && told.contains("ask for a quota of 13 calls a second"),
        "{told}"
    );
}

#[test]
fn what_is_recommended_can_be_played() {
    let shell = Shell::new();
    let args = [
        "--records-per-second",
        "200",
        "--quota",
        "100",
        "--hosts",
        "4",
        "--readers",
        "2",
        "--simulate",
    ];
    let told = planned(&shell, &args);
    let (predicted, played) = (
        &told["simulated"]["predicted_calls"],
        &told["simulated"]["answered_calls"],
    );
    let (predicted, played) = (predicted.as_f64().unwrap(), played.as_f64().unwrap());
    assert!(
        played > 10.0 && (predicted - played).abs() <= 0.1 * played + 2.0 * played.sqrt(),
        "{told}"
    );
}

/// Two thousand keys are asked for at once, of a quota that suffices for all that comes later.
#[test]
fn a_way_that_loses_records_at_its_start_is_not_one_that_holds() {
    let shell = Shell::new();
    let fleet = [
        "--records-per-second",
        "2000",
        "--hosts",
        "20",
        "--contexts",
        "100",
    ];
    let told = planned(&shell, &[&fleet[..], &["--quota", "10"]].concat());
    let caching = &told["plan"]["candidates"][1];
    let start = &caching["start"];
    assert_eq!(
        (&caching["way"], &start["holds"]),
        (&json!("caching"), &json!(false))
    );
    let (calls, seconds) = (
        start["calls"].as_f64().unwrap(),
        start["seconds"].as_f64().unwrap(),
    );
    assert!(
        (1_990.0..2_010.0).contains(&calls) && (190.0..=200.0).contains(&seconds),
        "{start}"
    );
    let fails = caching["fails"][0].as_str().unwrap();
    assert!(
        fails.contains("its start does not hold") && fails.contains("the deadline of 1m"),
        "{fails}"
    );
    let why = told["plan"]["why"].as_str().unwrap();
    assert!(
        why.contains("one after the other") && why.contains("a deadline of more than"),
        "{why}"
    );
    let enough = planned(&shell, &[&fleet[..], &["--quota", "400", "--simulate"]].concat());
    assert_eq!(enough["plan"]["candidates"][1]["start"]["holds"], true);
    assert_eq!(
        (
            &enough["simulated"]["given_up"],
            &enough["simulated"]["is_as_predicted"]
        ),
        (&json!(0), &json!(true))
    );
}

#[test]
fn a_region_that_has_no_quota_of_its_own_is_told() {
    let shell = Shell::new();
    let said = "10000 calls a second is that of other Regions, as mars-1 has none";
    let text = |more: &[&str]| {
        shell
            .run([&["plan", "--records-per-second", "10"], more].concat())
            .ends(0)
            .text()
    };
    assert!(text(&["--region", "mars-1"]).contains(said));
    assert!(!text(&["--region", "eu-central-1"]).contains("other Regions"));
    assert!(!text(&["--region", "mars-1", "--quota", "50"]).contains("other Regions"));
}

#[test]
fn what_cannot_be_is_refused_by_its_name() {
    let shell = Shell::new();
    for (args, said) in [
        (&["--records-per-second", "0"][..], "records_per_second is 0"),
        (&["--records-per-second", "NaN"], "records_per_second is NaN"),
        (&["--records-per-second=-1"], "records_per_second is -1"),
        (&["--records-per-second", "1", "--hosts", "0"], "hosts is 0"),
        (&["--records-per-second", "1", "--batch", "0"], "batch is 0"),
        (
            &["--records-per-second", "1", "--contexts", "4000000000"],
            "contexts is 4000000000",
        ),
        (
            &["--records-per-second", "1", "--quota", "0"],
            "quota_per_second is 0",
        ),
        (&["--records-per-second", "1", "--headroom", "1"], "headroom is 1"),
        (&["--records-per-second", "1", "--max-age", "1s"], "max_age is 1s"),
        (
            &["--records-per-second", "1", "--region", "the moon"],
            "region is",
        ),
        (&["--records-per-second", "1", "--skew", "inf"], "skew is inf"),
        (&["--hosts", "3"], "--records-per-second"),
    ] {
        let run = shell.run([&["plan"], args].concat()).ends(2);
        assert!(run.stderr.contains(said), "{args:?}: {}", run.stderr);
    }
}

/// An event as CloudTrail records it.
fn event(second: usize, name: &str, tenant: &str, more: &Value) -> Value {
    let mut event = json!({
        "eventVersion": "1.11",
        "userIdentity": {
            "type": "AssumedRole",
            "principalId": "AROAEXAMPLE:orders",
            "arn": "arn:aws:sts::111122223333:assumed-role/orders/i-0abc",
            "accountId": "111122223333",
        },
        "eventTime": format!("2026-11-27T09:{:02}:{:02}Z", second / 60, second % 60),
        "eventSource": "kms.amazonaws.com",
        "eventName": name,
        "awsRegion": "eu-central-1",
        "sourceIPAddress": "10.0.0.7",
        "userAgent": "aws-sdk-rust/1.3",
        "requestParameters": {
            "keyId": "alias/orders",
            "keySpec": "AES_256",
            "encryptionContext": { "tenant": tenant },
        },
        "responseElements": null,
        "readOnly": true,
        "resources": [{
            "accountId": "111122223333",
            "type": "AWS::KMS::Key",
            "ARN": "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
        }],
        "eventType": "AwsApiCall",
        "managementEvent": true,
        "eventCategory": "Management",
    });
    for (name, value) in more.as_object().unwrap() {
        event[name] = value.clone();
    }
    event
}

fn trail() -> Vec<Value> {
    let mut events = Vec::new();
    for second in 0..480 {
        events.push(event(second, "GenerateDataKey", "a", &json!({})));
        if second % 2 == 0 {
            events.push(event(second, "Decrypt", "b", &json!({})));
        }
    }
    let refused = json!({ "errorCode": "ThrottlingException", "errorMessage": "You have exceeded the rate" });
    events.push(event(3, "GenerateDataKey", "a", &refused));
    let another = json!({ "eventSource": "s3.amazonaws.com", "requestParameters": ["another", "shape"] });
    events.push(event(3, "GetObject", "a", &another));
    events
}

#[test]
fn an_export_of_cloudtrail_says_what_the_calls_were_and_what_a_cache_would_avoid() {
    let shell = Shell::new();
    let events = trail();
    let lines: Vec<String> = events.iter().map(Value::to_string).collect();
    std::fs::create_dir(shell.path("one")).unwrap();
    shell.write(
        "one/trail.json",
        json!({ "Records": events }).to_string().as_bytes(),
    );
    shell.write("lines.json", lines.join("\n").as_bytes());
    let told = planned(&shell, &["--from-cloudtrail", "one"]);
    assert_eq!(told, planned(&shell, &["--from-cloudtrail", "lines.json"]));
    let found = &told["cloudtrail"];
    assert_eq!(found["kms_calls"], 721);
    assert_eq!(
        (&found["throttled"], &found["other_events"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(
        found["by_operation"],
        json!({ "Decrypt": 240, "GenerateDataKey": 481 })
    );
    assert_eq!(
        (&found["peak_per_second"], &found["seconds"]),
        (&json!(2), &json!(480))
    );
    assert_eq!(
        found["by_encryption_context"][0],
        json!(["\"tenant\" = \"a\"", 481])
    );
    assert!(
        found["by_key"][0][0]
            .as_str()
            .unwrap()
            .starts_with("arn:aws:kms:")
    );
    // 480 calls in eight minutes, which are two or three windows of four.
    let first = &found["cache"][0];
    assert_eq!(
        (&first["operation"], &first["is_upper_bound"]),
        (&json!("GenerateDataKey"), &json!(false))
    );
    let needed = (1.0 - first["avoided_share"].as_f64().unwrap()) * 480.0;
    assert!((2.0..=3.01).contains(&needed), "{found}");
    assert_eq!(found["cache"][3]["is_upper_bound"], true);
    let both = planned(&shell, &["--from-cloudtrail", "one", "lines.json"]);
    assert_eq!(both["cloudtrail"]["kms_calls"], 2 * 721);
}

#[test]
fn what_is_no_export_in_a_folder_is_passed_over_and_an_event_counts_once() {
    let shell = Shell::new();
    let id = json!({ "eventID": "6f1d2c3b-0000-4000-8000-00000000000a" });
    let others = json!({ "eventSource": "s3.amazonaws.com" });
    let events = [
        event(1, "Decrypt", "a", &id),
        event(2, "GetObject", "a", &others),
        event(3, "GetObject", "a", &others),
    ];
    std::fs::create_dir(shell.path("trail")).unwrap();
    shell.write(
        "trail/one.json",
        json!({ "Records": events }).to_string().as_bytes(),
    );
    shell.write(
        "trail/again.json",
        json!({ "Records": events[..1] }).to_string().as_bytes(),
    );
    shell.write("trail/readme.txt", b"What is here.");
    let told = planned(&shell, &["--from-cloudtrail", "trail"]);
    let found = &told["cloudtrail"];
    assert_eq!(
        (
            &found["kms_calls"],
            &found["repeated_events"],
            &found["files_passed_over"]
        ),
        (&json!(1), &json!(1), &json!(1))
    );
    let text = shell.run(["plan", "--from-cloudtrail", "trail"]).ends(0).text();
    for said in [
        "Passed over 2 events of other services.",
        "Passed over 1 event that was there before.",
        "Passed over 1 file that is no export.",
    ] {
        assert!(text.contains(said), "{text}");
    }
    // What is named by itself is meant.
    shell
        .run(["plan", "--from-cloudtrail", "trail/readme.txt"])
        .ends(8);
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packing = GzEncoder::new(Vec::new(), Compression::default());
    packing.write_all(bytes).unwrap();
    packing.finish().unwrap()
}

/// A bucket has them packed, and a copy of it may have had some unpacked; files that were put together are one.
#[test]
fn exports_that_are_packed_say_what_they_say_unpacked() {
    let shell = Shell::new();
    let whole = json!({ "Records": trail() }).to_string();
    let packed = gzip(whole.as_bytes());
    shell.write("plain.json", whole.as_bytes());
    shell.write("packed.json.gz", &packed);
    shell.write("twice.json.gz", [packed.clone(), packed].concat());
    let told = |file: &str| planned(&shell, &["--from-cloudtrail", file]);
    assert_eq!(told("packed.json.gz"), told("plain.json"));
    assert_eq!(told("twice.json.gz")["cloudtrail"]["kms_calls"], 2 * 721);
}

#[test]
fn an_export_that_is_broken_or_of_others_is_refused() {
    let shell = Shell::new();
    let whole = json!({ "Records": trail() }).to_string();
    shell.write("short.json", &whole.as_bytes()[..whole.len() / 2]);
    shell.write("text.json", b"no json");
    shell.write("list.json", b"[1, 2]");
    shell.write("packed.json.gz", [0x1f, 0x8b, 8, 0]);
    let packed = gzip(whole.as_bytes());
    shell.write("cut.json.gz", &packed[..packed.len() / 2]);
    shell.write(
        "deep.json",
        format!("{{\"userIdentity\":{}", "[".repeat(100_000)).as_bytes(),
    );
    shell.write("none.json", b"{\"Records\": []}");
    shell.write("empty.json", b"");
    for (file, code, said) in [
        ("short.json", 8, "short.json"),
        ("text.json", 8, "text.json"),
        ("list.json", 8, "an event of CloudTrail"),
        ("packed.json.gz", 8, "packed.json.gz"),
        ("cut.json.gz", 8, "cut.json.gz"),
        ("deep.json", 8, "recursion limit"),
        ("missing.json", 8, "missing.json"),
        ("none.json", 2, "no event of KMS"),
        ("empty.json", 2, "no event of KMS"),
    ] {
        let run = shell.run(["plan", "--from-cloudtrail", file]).ends(code);
        assert!(run.stderr.contains(said), "{file}: {}", run.stderr);
    }
}

const METRICS: &str = r#"# TYPE datakey_keyring_hits counter
datakey_keyring_hits{half="sealing"} 86300
datakey_keyring_misses{half="sealing",reason="cold"} 40
datakey_keyring_misses{half="sealing",reason="messages"} 60
datakey_keyring_calls{half="sealing"} 100
datakey_keyring_keys{half="sealing"} 12
datakey_keyring_least_time_left{half="sealing"} NaN
datakey_keyring_hits_total{half="opening",keyring="a,b"} 10 1732700000000
something_else{half="sealing"} 7
datakey_keyring_hits{half="sealing" broken
"#;

#[test]
fn metrics_say_what_was_avoided_and_with_a_time_make_a_plan() {
    let shell = Shell::new();
    shell.write("metrics.txt", METRICS.as_bytes());
    let told = planned(&shell, &["--from-metrics", "metrics.txt"]);
    assert_eq!(told["metrics"]["sealing"]["requests"], 86_400.0);
    assert_eq!(told["metrics"]["opening"]["hits"], 10.0);
    assert!(told.get("plan").is_none());
    let told = planned(&shell, &["--from-metrics", "metrics.txt", "--over", "1d"]);
    let workload = &told["plan"]["workload"];
    assert_eq!(
        (&workload["records_per_second"], &workload["hosts"]),
        (&json!(1.0), &json!(1))
    );
    assert_eq!(workload["contexts"]["count"], 12);
    let text = String::from_utf8(
        shell
            .run(["plan", "--from-metrics", "metrics.txt"])
            .ends(0)
            .stdout,
    )
    .unwrap();
    assert!(
        text.contains("60 waited: messages, which a higher limit of messages avoids"),
        "{text}"
    );
    let run = shell
        .run(["plan", "--from-metrics", "metrics.txt", "--over", "0s"])
        .ends(2);
    assert!(run.stderr.contains("--over is 0s"), "{}", run.stderr);
    shell.write("other.txt", b"up 1\n");
    let run = shell.run(["plan", "--from-metrics", "other.txt"]).ends(2);
    assert!(run.stderr.contains("datakey_keyring_hits"), "{}", run.stderr);
}
