//! What the command sealed, and any release before it, opens: the messages of the corpus that are under key files, armored ones too.
use std::{fs, fs::Permissions, os::unix::fs::PermissionsExt as _};

use crate::shell::{Shell, is_packaged};

/// A message of the corpus: what the head of its file says, and the message.
struct Message {
    name: String,
    head: Vec<(String, String)>,
    bytes: Vec<u8>,
}

impl Message {
    fn parse(name: &str, text: &str) -> Self {
        let (head, body) = text.split_once("\n\n").unwrap();
        let head: Vec<_> = head
            .lines()
            .map(|line| line.split_once(':').unwrap())
            .map(|(key, value)| (key.to_owned(), value.trim().to_owned()))
            .collect();
        let armored = head.contains(&("text".into(), "armor".into()));
        Self {
            name: name.to_owned(),
            head,
            bytes: if armored { body.into() } else { unhex(body) },
        }
    }

    fn all(&self, wanted: &str) -> Vec<&str> {
        let lines = self.head.iter().filter(|(key, _)| key == wanted);
        lines.map(|(_, value)| value.as_str()).collect()
    }

    /// The records, each with a line feed as the command writes them, or the bytes.
    fn plaintext(&self) -> Vec<u8> {
        match self.all("plaintext")[..] {
            [bytes] => unhex(bytes),
            _ => self
                .all("record")
                .into_iter()
                .flat_map(|record| [unhex(record), vec![b'\n']].concat())
                .collect(),
        }
    }

    fn open<'a>(&'a self, context: &[&'a str]) -> Vec<&'a str> {
        let mut arguments = if self.all("record").is_empty() {
            vec!["open"]
        } else {
            vec!["records", "open"]
        };
        arguments.extend(["--key", "key", "--aad", self.all("aad")[0]]);
        for pair in context {
            arguments.extend(["--context", pair]);
        }
        arguments
    }
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let pairs = digits.chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
    pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

#[test]
fn messages_under_key_files_open_and_not_with_another_context() {
    if is_packaged() {
        return;
    }
    let (mut opened, mut armored) = (0, 0);
    for entry in fs::read_dir("../../tests/vectors/corpus").unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|end| end != "txt") {
            continue;
        }
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let message = Message::parse(&name, &fs::read_to_string(&path).unwrap());
        let Some(key_file) = message.all("keys")[0].strip_prefix("local ") else {
            continue;
        };
        let shell = Shell::new();
        shell.write("key", fs::read(path.with_file_name(key_file)).unwrap());
        // A checkout leaves it open to others, as no key file may be.
        fs::set_permissions(shell.path("key"), Permissions::from_mode(0o600)).unwrap();
        let run = shell
            .run_with(&message.bytes, message.open(&message.all("context")))
            .ends(0);
        assert_eq!(run.stdout, message.plaintext(), "{}", message.name);
        let refused = shell
            .run_with(&message.bytes, message.open(&["purpose=billing"]))
            .ends(5);
        assert!(refused.stdout.is_empty(), "{}", message.name);
        opened += 1;
        armored += u32::from(message.all("text") == ["armor"]);
    }
    assert!(
        opened >= 13 && armored >= 2,
        "{opened} opened, {armored} of them armored"
    );
}
