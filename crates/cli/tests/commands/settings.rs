//! Configuration by file and environment, and keys by name.
use std::fs;

use crate::shell::Shell;

#[test]
fn the_users_own_configuration_says_what_the_command_line_does_not() {
    let shell = Shell::with_key();
    shell.write("text", "order");
    let none = shell.run(["seal", "text"]).ends(2);
    for part in ["--key", "DATAKEY_KEY", "config.toml", "keygen"] {
        assert!(none.stderr.contains(part), "{}", none.stderr);
    }
    fs::create_dir_all(shell.path(".config/datakey")).unwrap();
    let config = "key = 'local:../../key'\ncontext = { tenant = 'acme' }\nsuite = 'aes-256-gcm'\n";
    shell.write(".config/datakey/config.toml", config);
    shell.run(["seal", "text"]).ends(0);
    let said = shell.run(["inspect", "--json", "text.datakey"]).ends(0).json();
    assert_eq!(said["encryption_context"]["tenant"], "acme");
    assert!(said["suite"].as_str().unwrap().starts_with("AES-256-GCM"));
    assert_eq!(shell.run(["cat", "text.datakey"]).ends(0).stdout, b"order");
    shell.run(["cat", "-c", "tenant=other", "text.datakey"]).ends(5);
    // What is said on the command line takes the place of what is set.
    let seal = ["seal", "text", "-f", "--suite", "chacha20-poly1305", "-c", "a=b"];
    shell.run(seal).ends(0);
    let said = shell.run(["inspect", "--json", "text.datakey"]).ends(0).json();
    assert_eq!(said["encryption_context"], serde_json::json!({"a": "b"}));
    assert!(said["suite"].as_str().unwrap().starts_with("ChaCha20"));
}

#[test]
fn the_environment_goes_before_the_configuration_and_may_name_another() {
    let mut shell = Shell::with_key();
    shell.write("text", "order");
    shell.write("other.toml", "key = 'none'\ncontext = { tenant = 'acme' }\n");
    shell.run(["seal", "--config", "other.toml", "text"]).ends(8);
    shell.run(["seal", "--config", "missing.toml", "text"]).ends(8);
    shell.write("slip.toml", "keys = 'key'\n");
    let slip = shell.run(["seal", "--config", "slip.toml", "text"]).ends(2);
    assert!(slip.stderr.contains("line 1"), "{}", slip.stderr);
    shell.set("DATAKEY_CONFIG", "other.toml");
    shell.set("DATAKEY_KEY", "local:key");
    shell.set("DATAKEY_CONTEXT", "purpose=orders");
    shell.run(["seal", "text"]).ends(0);
    let said = shell.run(["inspect", "--json", "text.datakey"]).ends(0).json();
    assert_eq!(
        said["encryption_context"],
        serde_json::json!({"purpose": "orders"})
    );
}

#[test]
fn several_keys_of_either_kind_open_what_is_sealed_under_them() {
    let shell = Shell::with_key();
    shell.run(["keygen", "--name", "other", "other"]).ends(0);
    let seal = ["seal", "-k", "key", "--key", "local:other"];
    let sealed = shell.run_with(b"order", seal).ends(0).stdout;
    let olds = [["-k", "key"], ["--key-file", "other"], ["--key", "local:other"]];
    for key in olds {
        assert_eq!(
            shell
                .run_with(&sealed, [&["open"], &key[..]].concat())
                .ends(0)
                .stdout,
            b"order"
        );
    }
    for key in ["vault:orders", "", "aws-kms:orders", "local:"] {
        let refused = shell.run(["seal", "-k", key]).ends(2);
        assert!(
            refused.stderr.contains("aws-kms:alias/NAME"),
            "{}",
            refused.stderr
        );
    }
}

#[test]
fn a_key_file_goes_through_a_pipe_too() {
    let shell = Shell::new();
    let made = shell.run(["keygen", "-", "--name", "piped"]).ends(0);
    assert_eq!(shell.names(), Vec::<String>::new());
    assert!(made.stderr.contains("local:piped") && !made.text().contains("keep a copy"));
    shell.write("key", &made.stdout);
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    fs::set_permissions(shell.path("key"), mode).unwrap();
    let sealed = shell.run_with(b"order", ["seal", "-k", "key"]).ends(0).stdout;
    assert_eq!(
        shell.run_with(&sealed, ["open", "-k", "key"]).ends(0).stdout,
        b"order"
    );
    let rotated = shell
        .run(["keygen", "--rotate", "key", "--name", "next", "-"])
        .ends(0);
    assert!(rotated.text().contains("active next"));
}

#[test]
fn completions_and_manual_pages_name_every_command() {
    let shell = Shell::new();
    let commands = [
        "seal",
        "open",
        "inspect",
        "verify",
        "rewrap",
        "records",
        "cat",
        "keygen",
        "fake-kms",
        "demo",
        "completions",
        "man",
    ];
    for name in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = shell.run(["completions", name]).ends(0).text();
        for command in commands {
            assert!(script.contains(command), "{name}: {command}");
        }
    }
    assert!(shell.run(["man"]).ends(0).text().contains(".TH datakey 1"));
    shell.run(["man", "-o", "pages"]).ends(0);
    for command in commands {
        let page = shell.read(&format!("pages/datakey-{command}.1"));
        assert!(page.len() > 200, "{command}");
    }
    assert!(shell.path("pages/datakey-records-seal.1").exists());
}
