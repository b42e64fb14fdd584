//! What has to open for ever, and what of it must never open. The files may only become more.
use std::{collections::BTreeMap, fs, path::Path};

use datakey::{Aad, EncryptionContext, OpenError, Opener};
use datakey_tests::corpus::{Case, Keys, Plain, folder};
use sha2::{Digest as _, Sha256};

/// Each manifest with its number of lines at the last release, and the digest of these lines: what stands in them stays.
const HELD: [(&str, usize, &str); 2] = [
    ("corpus", CORPUS_LINES, CORPUS_DIGEST),
    ("esdk", ESDK_LINES, ESDK_DIGEST),
];
const CORPUS_LINES: usize = 32;
const CORPUS_DIGEST: &str = "eb1a6ca79aba8c784793af3f07a151d4656d737c56f3b9d8c655f092fe4101fc";
const ESDK_LINES: usize = 15;
const ESDK_DIGEST: &str = "b2844ed6acf5d3b93797053ae5623f956c0761f646c9bcc803c02c70a35311d4";

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// What is wrong with a folder by its manifest.
fn wrong(manifest: &str, lines: usize, held: &str, read: impl Fn(&str) -> Option<Vec<u8>>) -> Vec<String> {
    let first: String = manifest.split_inclusive('\n').take(lines).collect();
    let mut wrong = Vec::new();
    if digest(first.as_bytes()) != held {
        wrong.push(format!("the first {lines} lines were changed"));
    }
    for line in manifest.lines() {
        let (expected, name) = line.split_once(' ').unwrap_or_default();
        match read(name) {
            None => wrong.push(format!("{name} is gone")),
            Some(content) if digest(&content) != expected => wrong.push(format!("{name} was changed")),
            Some(_) => {}
        }
    }
    wrong
}

fn files(folder: &Path, below: &str, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder.join(below)).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let path = format!("{below}{name}");
        if folder.join(&path).is_dir() {
            files(folder, &format!("{path}/"), found);
        } else if !matches!(&*name, "MANIFEST" | "README.md") {
            found.push(path);
        }
    }
}

#[test]
fn no_file_of_the_corpus_is_lost_or_altered() {
    for (which, lines, held) in HELD {
        let folder = folder().with_file_name(which);
        let manifest = fs::read_to_string(folder.join("MANIFEST")).unwrap();
        let read = |name: &str| fs::read(folder.join(name)).ok();
        assert_eq!(
            wrong(&manifest, lines, held, read),
            Vec::<String>::new(),
            "{which}"
        );
        let mut found = Vec::new();
        files(&folder, "", &mut found);
        found.retain(|name| !manifest.lines().any(|line| line.ends_with(&format!(" {name}"))));
        assert_eq!(found, Vec::<String>::new(), "not in the manifest of {which}");
    }
}

#[test]
fn whatever_happens_to_the_corpus_is_seen() {
    let files: BTreeMap<&str, &[u8]> = [("a", &b"one"[..]), ("b", b"two")].into();
    let line = |name: &str| format!("{} {name}\n", digest(files[name]));
    let manifest = line("a") + &line("b");
    let held = digest(line("a").as_bytes());
    let read = |name: &str| files.get(name).map(|content| content.to_vec());
    assert!(wrong(&manifest, 1, &held, read).is_empty());
    assert_eq!(
        wrong(&line("b"), 1, &held, read),
        ["the first 1 lines were changed"]
    );
    assert_eq!(wrong("", 1, &held, read), ["the first 1 lines were changed"]);
    assert_eq!(
        wrong(&manifest, 1, &held, |name| read(name).filter(|_| name != "b")),
        ["b is gone"]
    );
    let altered = |name: &str| read(name).map(|content| [&content, &b"!"[..]].concat());
    assert_eq!(
        wrong(&manifest, 1, &held, altered),
        ["a was changed", "b was changed"]
    );
}

async fn open(
    case: &Case,
    opener: &Opener,
    context: &EncryptionContext,
    message: &[u8],
    aad: &str,
) -> Result<Plain, OpenError> {
    let aad = Aad::new(aad.as_bytes());
    Ok(match case.plain {
        Plain::Bytes(_) => Plain::Bytes(opener.open(context, message, aad).await?),
        Plain::Records(_) => Plain::Records(opener.open_records(context, message, aad).await?),
    })
}

/// Without the armored ones, which the command's own tests open.
fn cases() -> Vec<Case> {
    let cases = Case::all().unwrap();
    assert!(cases.len() > 25, "{} messages", cases.len());
    cases.into_iter().filter(|case| !case.armored).collect()
}

#[tokio::test]
async fn every_message_of_the_corpus_opens() {
    for case in cases() {
        let context = case.encryption_context();
        let opened = open(&case, &case.keys.opener(), &context, &case.message, &case.aad).await;
        assert_eq!(
            opened.ok(),
            Some(case.plain.clone()),
            "{}: {}",
            case.name,
            case.about
        );
        assert_eq!(Case::parse(&case.name, &case.to_text()), Some(case));
    }
}

#[tokio::test]
async fn nothing_of_the_corpus_opens_otherwise() {
    for case in cases() {
        let name = &case.name;
        let opener = case.keys.opener();
        let context = case.encryption_context();
        let other = EncryptionContext::new([("purpose", "billing")]).unwrap();
        let refused = open(&case, &opener, &other, &case.message, &case.aad).await;
        assert!(
            matches!(refused, Err(OpenError::Context(_))),
            "{name}: {refused:?}"
        );
        if !case.aad.is_empty() {
            let refused = open(&case, &opener, &context, &case.message, "order 18").await;
            assert!(
                matches!(refused, Err(OpenError::NotAuthentic)),
                "{name}: {refused:?}"
            );
        }
        for bit in [0, 3, 7] {
            // The end is of a tag, a signature, a count or a table. Other wrapped keys, which stand before, may be changed.
            for at in [case.message.len() - 1, case.message.len() - 14] {
                let mut altered = case.message.clone();
                altered[at] ^= 1 << bit;
                let refused = open(&case, &opener, &context, &altered, &case.aad).await;
                assert!(refused.is_err(), "{name} with bit {bit} of byte {at} changed");
            }
        }
        for cut in [1, 17, case.message.len() / 2] {
            let part = &case.message[..case.message.len() - cut];
            assert!(
                open(&case, &opener, &context, part, &case.aad).await.is_err(),
                "{name} without {cut} bytes"
            );
        }
        let longer = [&case.message[..], b"\0"].concat();
        assert!(
            open(&case, &opener, &context, &longer, &case.aad).await.is_err(),
            "{name} with a byte more"
        );
        let strange = match &case.keys {
            Keys::RawAes(namespace, key, _) => Keys::RawAes(namespace.clone(), key.clone(), vec![7; 32]),
            _ => Keys::RawAes("shop".into(), "2026".into(), (0..32).collect()),
        };
        let refused = open(&case, &strange.opener(), &context, &case.message, &case.aad).await;
        assert!(refused.is_err(), "{name} under other keys");
    }
}
