//! With KMS: the emulator over HTTP, reached by the real AWS client in the command.
use datakey::fake_kms::{FakeKms, FakeKmsServer, FaultRule, KmsErrorCode, KmsOperation};
use tokio::runtime::Runtime;

use crate::shell::Shell;

/// An emulator with two keys, and a folder whose environment has credentials for it.
pub(crate) struct Kms {
    pub(crate) shell: Shell,
    pub(crate) fake: FakeKms,
    url: String,
    pub(crate) keys: [String; 2],
    _server: FakeKmsServer,
    _runtime: Runtime,
}

impl Kms {
    pub(crate) fn new() -> Self {
        let runtime = Runtime::new().unwrap();
        let fake = FakeKms::new();
        let server = runtime.block_on(FakeKmsServer::start(fake.clone())).unwrap();
        let key = || fake.create_key().unwrap().to_string();
        let keys = [key(), key()];
        let mut shell = Shell::new();
        shell.set("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE");
        shell.set("AWS_SECRET_ACCESS_KEY", "not-a-secret");
        let url = server.url();
        Self {
            shell,
            fake,
            url,
            keys,
            _server: server,
            _runtime: runtime,
        }
    }

    /// The arguments for these keys of the emulator.
    pub(crate) fn with<'a>(&'a self, command: &'a str, keys: &[&'a str]) -> Vec<&'a str> {
        let mut line = vec![
            command,
            "--json",
            "-c",
            "tenant=acme",
            "--timeout",
            "1",
            "--endpoint-url",
            &self.url,
        ];
        for key in keys {
            line.extend(["--kms-key", key]);
        }
        line
    }
}

#[test]
fn a_message_takes_one_call_on_either_side() {
    let kms = Kms::new();
    let key = kms.keys[0].as_str();
    let sealed = kms
        .shell
        .run_with(b"order", kms.with("seal", &[key]))
        .ends(0)
        .stdout;
    let opened = kms.shell.run_with(&sealed, kms.with("open", &[key])).ends(0);
    assert_eq!(opened.stdout, b"order");
    let ledger = kms.fake.ledger();
    assert_eq!(ledger.calls_of(KmsOperation::GenerateDataKey), 1);
    assert_eq!(ledger.calls_of(KmsOperation::Decrypt), 1);
    assert_eq!(ledger.calls(), 2);
}

#[test]
fn a_message_under_two_keys_opens_with_either() {
    let kms = Kms::new();
    let [one, two] = [kms.keys[0].as_str(), kms.keys[1].as_str()];
    let sealed = kms
        .shell
        .run_with(b"order", kms.with("seal", &[one, two]))
        .ends(0)
        .stdout;
    let said = kms.shell.run_with(&sealed, ["inspect", "--json"]).ends(0).json();
    let ids: Vec<_> = said["wrapped_keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| &key["key_id"])
        .collect();
    assert_eq!(ids, [one, two]);
    kms.fake.disable_key(one).unwrap();
    for (keys, code) in [(&[two][..], 0), (&[one, two], 0), (&[one], 6)] {
        kms.shell.run_with(&sealed, kms.with("open", keys)).ends(code);
    }
}

#[test]
fn keys_of_other_regions_are_reached_there() {
    let kms = Kms::new();
    let key = kms.keys[0].as_str();
    // The ARN says the region, and so no environment need; an alias does not.
    kms.shell.run_with(b"", kms.with("seal", &[key])).ends(0);
    let refused = kms
        .shell
        .run_with(b"", kms.with("seal", &["alias/orders"]))
        .ends(2)
        .error();
    assert!(refused.1.contains("--region"), "{refused:?}");
    let mut elsewhere = kms.with("seal", &[key]);
    elsewhere.extend(["--region", "eu-west-1"]);
    let refused = kms.shell.run_with(b"", elsewhere).ends(2).error();
    assert!(refused.1.contains("eu-west-1"), "{refused:?}");
    kms.fake.create_alias("alias/orders", key).unwrap();
    let mut alias = kms.with("seal", &["alias/orders"]);
    alias.extend(["--region", "us-east-1"]);
    kms.shell.run_with(b"", alias).ends(0);
}

#[test]
fn what_kms_refuses_is_told_by_exit_code() {
    let kms = Kms::new();
    let key = kms.keys[0].as_str();
    let sealed = kms
        .shell
        .run_with(b"order", kms.with("seal", &[key]))
        .ends(0)
        .stdout;
    for (fault, code, kind) in [
        (KmsErrorCode::Throttling, 7, "key_service"),
        (KmsErrorCode::Internal, 7, "key_service"),
        (KmsErrorCode::AccessDenied, 6, "key"),
        (KmsErrorCode::Disabled, 6, "key"),
        (KmsErrorCode::NotFound, 6, "key"),
        // Of a key store that fails.
        (KmsErrorCode::InvalidState, 7, "key_service"),
        (KmsErrorCode::ExpiredToken, 7, "key_service"),
        (KmsErrorCode::InvalidSignature, 7, "key_service"),
    ] {
        kms.fake.inject(FaultRule::new(fault));
        for (command, input) in [("seal", b"order".as_slice()), ("open", &sealed)] {
            let mut line = kms.with(command, &[key]);
            line.extend(["-o", "out"]);
            let (said, message) = kms.shell.run_with(input, line).ends(code).error();
            assert_eq!(said, kind, "{fault}");
            // What is tried again may end at the deadline in the midst of an attempt, which then has no code to show.
            assert!(code == 7 || message.contains(fault.as_str()), "{message}");
        }
        kms.fake.clear_faults();
    }
    assert_eq!(kms.shell.names(), Vec::<String>::new());
}

#[test]
fn a_key_that_was_not_named_is_not_asked() {
    let kms = Kms::new();
    let sealed = kms
        .shell
        .run_with(b"order", kms.with("seal", &[&kms.keys[0]]))
        .ends(0)
        .stdout;
    let calls = kms.fake.ledger().calls();
    let refused = kms
        .shell
        .run_with(&sealed, kms.with("open", &[&kms.keys[1]]))
        .ends(6);
    assert!(refused.error().1.contains(&kms.keys[0]));
    assert_eq!(kms.fake.ledger().calls(), calls);
}

#[test]
fn a_service_that_is_not_there_and_credentials_that_are_not_are_told_apart() {
    let mut kms = Kms::new();
    let key = kms.keys[0].clone();
    kms.url = "http://127.0.0.1:9".to_owned();
    let away = kms.shell.run_with(b"", kms.with("seal", &[&key])).ends(7).error();
    assert!(away.1.contains("refused"), "{away:?}");
    kms.shell = Shell::new();
    let nobody = kms.shell.run_with(b"", kms.with("seal", &[&key])).ends(7).error();
    assert!(nobody.1.contains("credentials"), "{nobody:?}");
}
