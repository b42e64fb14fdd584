//! The emulator as a command: started, called over HTTP, told to end.
use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use serde_json::Value;

use crate::shell::Shell;

const A_MINUTE: Duration = Duration::from_secs(60);

/// A running emulator, killed when the test gives it up.
pub(crate) struct Emulator {
    child: Child,
    told: String,
}

impl Emulator {
    /// Starts one on a free port, and waits until it is ready.
    pub(crate) fn start(shell: &Shell, arguments: &[&str]) -> Self {
        let line = [&["fake-kms", "--listen", "127.0.0.1:0"], arguments].concat();
        let mut child = shell.command(line).stderr(Stdio::inherit()).spawn().unwrap();
        let mut told = String::new();
        BufReader::new(child.stdout.as_mut().unwrap())
            .read_line(&mut told)
            .unwrap();
        assert!(!told.is_empty(), "it ended before it was ready");
        Self { child, told }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.told).unwrap()
    }

    fn address(&self) -> String {
        let url = self.told.split("://").nth(1).unwrap();
        let end = url.find(|letter: char| !letter.is_ascii_digit() && letter != '.' && letter != ':');
        url[..end.unwrap()].trim_end_matches(':').to_owned()
    }

    /// What is answered to a request: the status and the body.
    pub(crate) fn send(&self, head: &str, body: &str) -> (String, String) {
        let mut stream = TcpStream::connect(self.address()).unwrap();
        let len = body.len();
        let request =
            format!("{head}\r\nhost: kms\r\nconnection: close\r\ncontent-length: {len}\r\n\r\n{body}");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().to_owned(), body.to_owned())
    }

    fn call(&self, operation: &str, body: &str) -> (String, Value) {
        let (status, body) = self.send(
            &format!("POST / HTTP/1.1\r\nx-amz-target: TrentService.{operation}"),
            body,
        );
        (status, serde_json::from_str(&body).unwrap_or(Value::Null))
    }

    /// Tells it to end, and answers its exit code. Whoever ignores a signal passes that on to whatever it starts, as `nohup` does with
    /// hang-ups and a shell with interrupts of what it starts in the background: it is told to terminate instead.
    pub(crate) fn end(mut self, signal: &str) -> i32 {
        let signal = if is_ignored(signal) { "-TERM" } else { signal };
        let told = Command::new("kill")
            .args([signal, &self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(told.success());
        // Its output ends when it does.
        let mut output = self.child.stdout.take().unwrap();
        let (end, ended) = mpsc::channel();
        thread::spawn(move || end.send(output.read_to_end(&mut Vec::new())));
        let ended = ended.recv_timeout(A_MINUTE);
        assert!(ended.is_ok(), "it did not end at {signal}");
        self.child.wait().unwrap().code().unwrap_or(-1)
    }
}

/// Whether this process was started to ignore a signal; where that can be read.
fn is_ignored(signal: &str) -> bool {
    let bit = match signal {
        "-HUP" => 1,
        "-INT" => 1 << 1,
        "-QUIT" => 1 << 2,
        _ => return false,
    };
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask: u64| mask & bit != 0)
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let _it_has_ended = self.child.kill();
        let _its_end_is_taken_note_of = self.child.wait();
    }
}

#[test]
fn it_says_how_to_reach_it_and_answers() {
    let shell = Shell::new();
    let emulator = Emulator::start(
        &shell,
        &["--region", "eu-west-1", "--key", "alias/orders", "--quota", "kms"],
    );
    assert_eq!(emulator.told.lines().count(), 1);
    for part in [
        "ready at http://127.0.0.1:",
        " AWS_ENDPOINT_URL_KMS=http://127.0.0.1:",
        " AWS_REGION=eu-west-1 ",
        " NO_PROXY=127.0.0.1;",
    ] {
        assert!(emulator.told.contains(part), "{}", emulator.told);
    }
    assert!(
        emulator
            .told
            .contains("; alias/orders is arn:aws:kms:eu-west-1:111122223333:key/")
    );
    let (status, told) = emulator.call("DescribeKey", r#"{"KeyId": "alias/orders"}"#);
    assert_eq!(
        (status.as_str(), &told["KeyMetadata"]["KeyState"]),
        ("200", &Value::from("Enabled"))
    );
    let (status, told) = emulator.call("DescribeKey", r#"{"KeyId": "alias/none"}"#);
    assert_eq!(
        (status.as_str(), &told["__type"]),
        ("400", &Value::from("NotFoundException"))
    );
    let (status, metrics) = emulator.send("GET /metrics HTTP/1.1", "");
    assert_eq!(status, "200");
    assert!(
        metrics.contains(r#"fake_kms_keys{region="eu-west-1"} 1"#),
        "{metrics}"
    );
    let (status, ledger) = emulator.send("GET /ledger HTTP/1.1", "");
    assert!(status == "200" && ledger.contains("DescribeKey"), "{ledger}");
    assert_eq!(
        emulator.send("POST /faults HTTP/1.1", "page=503,times=1").0,
        "200"
    );
    assert_eq!(emulator.call("ListKeys", "{}").0, "503");
    assert_eq!(emulator.call("ListKeys", "{}").0, "200");
    assert_eq!(emulator.send("DELETE /ledger HTTP/1.1", "").0, "200");
    let (_, ledger) = emulator.send("GET /ledger HTTP/1.1", "");
    assert!(!ledger.contains("DescribeKey"), "{ledger}");
    assert_eq!(emulator.send("POST /clock HTTP/1.1", "7d").0, "200");
    assert_eq!(emulator.end("-INT"), 0);
}

#[cfg(feature = "account")]
#[test]
fn the_command_itself_can_use_it() {
    let mut shell = Shell::new();
    let emulator = Emulator::start(&shell, &["--json", "--key", "alias/a", "--verify-signatures"]);
    let told = emulator.json();
    for (name, value) in told["environment"].as_object().unwrap() {
        shell.set(name, value.as_str().unwrap());
    }
    assert_eq!(told["account"], "111122223333");
    let arn = told["keys"]["alias/a"].as_str().unwrap();
    shell
        .run_with(
            b"hello",
            ["seal", "--kms-key", arn, "-c", "a=b", "-o", "sealed", "-"],
        )
        .ends(0);
    let opened = shell
        .run(["open", "--kms-key", arn, "-c", "a=b", "-o", "-", "sealed"])
        .ends(0);
    assert_eq!(opened.stdout, b"hello");
    // Signatures are looked at. Who is not accepted may be so in a moment, and is told soon enough.
    shell.set("AWS_SECRET_ACCESS_KEY", "another");
    let line = [
        "open",
        "--kms-key",
        arn,
        "-c",
        "a=b",
        "-o",
        "-",
        "--timeout",
        "1",
        "sealed",
    ];
    let refused = shell.run(line).ends(7);
    assert!(refused.stderr.contains("check credentials"), "{}", refused.stderr);
    assert_eq!(emulator.end("-TERM"), 0);
}

#[test]
fn keys_outlive_it_in_a_state_file() {
    let shell = Shell::new();
    let with_state = ["--json", "--state", "kms.state", "--key", "alias/a"];
    let emulator = Emulator::start(&shell, &with_state);
    let first = emulator.json()["keys"]["alias/a"].clone();
    let made = emulator
        .call("Encrypt", r#"{"KeyId": "alias/a", "Plaintext": "aGVsbG8="}"#)
        .1;
    emulator.call(
        "CreateAlias",
        &format!(r#"{{"AliasName": "alias/b", "TargetKeyId": {}}}"#, made["KeyId"]),
    );
    assert_eq!(emulator.end("-TERM"), 0);
    assert_eq!(shell.names(), ["kms.state"]);

    let emulator = Emulator::start(&shell, &with_state);
    assert_eq!(emulator.json()["keys"]["alias/a"], first);
    let opened = emulator
        .call(
            "Decrypt",
            &format!(r#"{{"CiphertextBlob": {}}}"#, made["CiphertextBlob"]),
        )
        .1;
    assert_eq!(opened["Plaintext"], "aGVsbG8=");
    assert_eq!(emulator.call("DescribeKey", r#"{"KeyId": "alias/b"}"#).0, "200");
    assert_eq!(emulator.end("-INT"), 0);

    let mut bytes = shell.read("kms.state");
    *bytes.last_mut().unwrap() ^= 1;
    shell.write("kms.state", bytes);
    let (kind, message) = shell
        .run(["fake-kms", "--json", "--state", "kms.state"])
        .ends(6)
        .error();
    assert_eq!(kind, "key");
    assert!(message.contains("is damaged"), "{message}");
    let (kind, _) = shell.run(["fake-kms", "--json", "--state", "."]).ends(8).error();
    assert_eq!(kind, "file");
}

#[test]
fn faults_and_principals_are_read_from_files() {
    let shell = Shell::new();
    shell.write(
        "faults",
        "# the first call only\n\nerror=KMSInternalException,times=1\n",
    );
    let principals = r#"[{"access_key_id": "AKIA1", "secret_access_key": "s", "arn": "role/sealer",
        "tags": {"team": "shop"}, "source_ip": "203.0.113.7",
        "policy": {"Statement": {"Effect": "Allow", "Action": "kms:Encrypt", "Resource": "*", "Condition": {
            "StringEquals": {"aws:PrincipalTag/team": "shop"}, "IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}}}}]"#;
    shell.write("principals", principals);
    let arguments = [
        "--key",
        "alias/a",
        "--faults-file",
        "faults",
        "--principals",
        "principals",
    ];
    let emulator = Emulator::start(&shell, &arguments);
    assert!(
        emulator.told.contains("AWS_ACCESS_KEY_ID=AKIA1 "),
        "{}",
        emulator.told
    );
    let sign = "authorization: AWS4-HMAC-SHA256 Credential=AKIA1/20260101/us-east-1/kms/aws4_request, \
                SignedHeaders=host, Signature=00";
    let ask = |operation: &str, body: &str| {
        let head = format!("POST / HTTP/1.1\r\n{sign}\r\nx-amz-target: TrentService.{operation}");
        emulator.send(&head, body)
    };
    let seal = r#"{"KeyId": "alias/a", "Plaintext": "aGVsbG8="}"#;
    assert_eq!(ask("Encrypt", seal).0, "500");
    assert_eq!(ask("Encrypt", seal).0, "200");
    let (status, told) = ask("GenerateDataKey", r#"{"KeyId": "alias/a", "KeySpec": "AES_256"}"#);
    assert!(
        status == "400" && told.contains("role/sealer is not authorized"),
        "{told}"
    );
    let (status, told) = emulator.call("ListKeys", "{}");
    assert_eq!(
        (status.as_str(), &told["__type"]),
        ("400", &Value::from("MissingAuthenticationTokenException"))
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn what_is_not_right_is_refused_before_it_listens() {
    let shell = Shell::new();
    fs::write(shell.path("faults"), "drop\nnonsense\n").unwrap();
    fs::write(shell.path("principals"), "{}").unwrap();
    let unknown = r#"[{"access_key_id": "AKIA1", "secret_access_key": "s", "policy": {"Statement": {"Effect": "Deny",
        "Action": "kms:*", "Resource": "*", "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}}}}]"#;
    shell.write("unknown-key", unknown);
    for arguments in [
        ["--region", "Mars"],
        ["--account", "12"],
        ["--quota", "many"],
        ["--latency", "long"],
        ["--fault", "error=Nonsense"],
        ["--faults-file", "faults"],
        ["--key", "orders"],
        ["--credential", "AKIA"],
        ["--principals", "principals"],
        ["--listen", "nowhere"],
        ["--metrics-path", "metrics"],
        ["--ledger-path", "/"],
        ["--faults-path", "/faults?all"],
        ["--faults-path", "/metrics"],
        ["--ledger-path", "/faults"],
        ["--clock-path", "/metrics"],
    ] {
        let line = [["fake-kms", "--json"], arguments].concat();
        let (kind, message) = shell.run(line).ends(2).error();
        assert_eq!(kind, "usage", "{message}");
    }
    let (_, message) = shell
        .run(["fake-kms", "--json", "--principals", "unknown-key"])
        .ends(2)
        .error();
    assert!(message.contains("aws:PrincipalOrgID"), "{message}");
    shell.write("principals", r#"["a secret"]"#);
    let told = shell
        .run(["fake-kms", "--principals", "principals"])
        .ends(2)
        .stderr;
    assert!(
        told.contains("no list of principals: line 1") && !told.contains("a secret"),
        "{told}"
    );
    shell.run(["fake-kms", "--faults-file", "absent"]).ends(8);
    let line = [
        "fake-kms",
        "--key",
        "alias/a",
        "--multi-region-key",
        "alias/a",
        "--state",
        "new",
    ];
    let both = shell.run(line).ends(2).stderr;
    assert!(both.contains("a key is of one kind"), "{both}");
    assert!(!shell.names().contains(&"new".to_owned()), "{:?}", shell.names());
    let help = shell.run(["fake-kms", "--help"]).ends(0).text();
    for part in [
        "--verify-signatures",
        "lognormal:MEDIAN,P99",
        "SIGTERM",
        "in the clear",
    ] {
        assert!(help.contains(part), "{help}");
    }
}

/// The files of a folder with what is in them.
fn files(shell: &Shell) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(shell.path(""))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.display().to_string(), fs::read(&path).unwrap()))
        .collect();
    files.sort();
    files
}

#[test]
fn a_start_that_finds_its_address_taken_says_which_and_has_written_nothing() {
    let shell = Shell::new();
    let emulator = Emulator::start(&shell, &["--state", "first", "--key", "alias/orders"]);
    let before = files(&shell);
    for state in ["first", "second"] {
        let address = emulator.address();
        let line = [
            "fake-kms",
            "--listen",
            &address,
            "--state",
            state,
            "--key",
            "alias/more",
        ];
        let taken = shell.run(line).ends(1);
        let told = format!("{address} cannot be listened on: ");
        assert!(taken.stderr.contains(&told), "{}", taken.stderr);
        assert!(
            taken.stderr.contains("another address with --listen"),
            "{}",
            taken.stderr
        );
        assert_eq!(files(&shell), before, "{state}");
    }
}

#[test]
fn a_second_one_on_the_same_state_file_is_refused_until_the_first_has_ended_however_it_ended() {
    let shell = Shell::new();
    let mut first = Emulator::start(&shell, &["--state", "kms", "--key", "alias/orders"]);
    let line = [
        "fake-kms",
        "--listen",
        "127.0.0.1:0",
        "--state",
        "kms",
        "--key",
        "alias/more",
    ];
    let refused = shell.run(line).ends(8);
    assert!(
        refused.stderr.contains("is in use by another emulator"),
        "{}",
        refused.stderr
    );
    let orders = r#"{"KeyId": "alias/orders"}"#;
    let told = first.call("DescribeKey", orders).1["KeyMetadata"]["Arn"].clone();
    first.child.kill().unwrap();
    first.child.wait().unwrap();
    let second = Emulator::start(&shell, &["--state", "kms", "--key", "alias/more"]);
    assert_eq!(second.call("DescribeKey", orders).1["KeyMetadata"]["Arn"], told);
    assert_eq!(second.call("DescribeKey", r#"{"KeyId": "alias/more"}"#).0, "200");
}

#[test]
fn an_alias_of_the_state_is_not_taken_for_a_key_of_the_other_kind() {
    let shell = Shell::new();
    let emulator = Emulator::start(&shell, &["--state", "kms", "--key", "alias/a"]);
    assert_eq!(emulator.end("-TERM"), 0);
    let before = files(&shell);
    let line = [
        "fake-kms",
        "--listen",
        "127.0.0.1:0",
        "--state",
        "kms",
        "--multi-region-key",
        "alias/a",
    ];
    let refused = shell.run(line).ends(2).stderr;
    assert!(refused.contains("a key of the other kind"), "{refused}");
    assert_eq!(files(&shell), before);
}

#[cfg(target_os = "linux")]
#[test]
fn a_hang_up_ends_it_in_order_unless_it_was_started_to_ignore_that() {
    let shell = Shell::new();
    let emulator = Emulator::start(&shell, &["--state", "kms", "--key", "alias/a"]);
    let id = emulator.call("DescribeKey", r#"{"KeyId": "alias/a"}"#).1["KeyMetadata"]["KeyId"].clone();
    let made = format!(r#"{{"AliasName": "alias/b", "TargetKeyId": {id}}}"#);
    assert_eq!(emulator.call("CreateAlias", &made).0, "200");
    assert_eq!(emulator.end("-HUP"), 0);
    let again = Emulator::start(&shell, &["--state", "kms"]);
    assert_eq!(
        again.call("DescribeKey", r#"{"KeyId": "alias/b"}"#).0,
        "200",
        "it was saved"
    );
    drop(again);

    let program = shell.command(["fake-kms"]).get_program().to_owned();
    let mut child = Command::new("sh")
        .args(["-c", r#"trap "" HUP; exec "$0" fake-kms --listen 127.0.0.1:0"#])
        .arg(program)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut told = String::new();
    BufReader::new(child.stdout.as_mut().unwrap())
        .read_line(&mut told)
        .unwrap();
    let ignoring = Emulator { child, told };
    let id = ignoring.child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-HUP", &id])
            .status()
            .unwrap()
            .success()
    );
    assert_eq!(ignoring.call("ListKeys", "{}").0, "200");
    assert_eq!(ignoring.end("-TERM"), 0);
}
