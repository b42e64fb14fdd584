//! Every vector, through opening at once and in portions.
use std::collections::BTreeSet;

use datakey_envelope::{Aad, FormatError, Header, Kind, OpenError, Rule};
use datakey_tests::{
    envelope::{open_with, opening_key_of},
    envelope_cases,
    envelope_vectors::{Expect, Opened, Vector},
};

/// The rules whose breach is told as not authentic, so that the error does not name them.
const NOT_AUTHENTIC: [&str; 3] = ["K6", "F3", "R6"];

/// The rules that only a message of many megabytes breaks, unless it breaks another one first.
const TOO_LARGE: [Rule; 2] = [Rule::RecordCount, Rule::MessageLength];

fn whole(vector: &Vector) -> Result<Vec<Vec<u8>>, OpenError> {
    open_with(&opening_key_of(vector)?, &vector.message, Aad::new(&vector.aad))
}

/// Reads header and body as one does to whom they come in portions of a length.
fn in_portions(vector: &Vector, len: usize) -> Result<Vec<Vec<u8>>, OpenError> {
    let mut have = 0;
    let header = loop {
        match Header::decode(&vector.message[..have]) {
            Err(FormatError::Truncated { .. }) if have < vector.message.len() => {
                have = (have + len).min(vector.message.len());
            }
            other => break other?,
        }
    };
    let aad = Aad::new(&vector.aad);
    let opening = opening_key_of(vector)?;
    let body = vector.message[header.len()..].chunks(len);
    if header.kind() == Kind::Records {
        let mut opener = opening.record_opener(&header, aad)?;
        let (mut records, mut record) = (Vec::new(), Vec::new());
        for mut portion in body {
            while opener.next_record(&mut portion, &mut record)?.is_some() {
                records.push(std::mem::take(&mut record));
            }
        }
        assert_eq!(opener.finish()? as usize, records.len());
        return Ok(records);
    }
    let mut opener = opening.stream_opener(&header, aad)?;
    let mut out = Vec::new();
    for portion in body {
        opener.push(portion, &mut out)?;
    }
    opener.finish(&mut out)?;
    Ok(vec![out])
}

fn check_header(name: &str, message: &[u8], opened: &Opened) {
    let header = Header::decode(message).unwrap();
    assert_eq!(header.kind() == Kind::Records, opened.is_records, "{name}");
    let context = opened
        .context
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()));
    assert!(header.context_pairs().eq(context), "{name}");
    let keys = opened
        .wrapped_keys
        .iter()
        .map(|(id, blob)| (id.as_str(), blob.as_slice()));
    assert!(
        header
            .wrapped_key_refs()
            .map(|key| (key.key_id(), key.blob()))
            .eq(keys),
        "{name}"
    );
}

fn is_as_expected(vector: &Vector, result: &Result<Vec<Vec<u8>>, OpenError>) -> bool {
    match (&vector.expect, result) {
        (Expect::Opened(opened), Ok(records)) => opened.records == *records,
        (Expect::Refused(rule), Err(OpenError::NotAuthentic)) => NOT_AUTHENTIC.contains(&rule.as_str()),
        (Expect::Refused(rule), Err(OpenError::Format(error))) => error.rule().number() == rule,
        _ => false,
    }
}

#[test]
fn every_vector_opens_or_is_refused_as_it_says() {
    for vector in Vector::all().unwrap() {
        let name = &vector.name;
        let result = whole(&vector);
        assert!(is_as_expected(&vector, &result), "{name} at once: {result:?}");
        for len in [1, 7, 64, 80, 100_000] {
            let result = in_portions(&vector, len);
            assert!(
                is_as_expected(&vector, &result),
                "{name} in portions of {len}: {result:?}"
            );
        }
        if let Expect::Opened(opened) = &vector.expect {
            check_header(name, &vector.message, opened);
        }
    }
}

#[test]
fn what_opens_does_not_open_under_another_key_or_aad() {
    let mut tried = 0;
    for vector in Vector::all().unwrap() {
        if matches!(vector.expect, Expect::Refused(_)) {
            continue;
        }
        let other_key = vector.clone().with_other_data_keys();
        assert_eq!(whole(&other_key), Err(OpenError::NotAuthentic), "{}", vector.name);
        let mut other_aad = vector;
        other_aad.aad.push(b' ');
        assert_eq!(
            whole(&other_aad),
            Err(OpenError::NotAuthentic),
            "{}",
            other_aad.name
        );
        tried += 1;
    }
    assert!(tried > 20);
}

#[test]
fn there_are_enough_and_most_are_refusals_and_every_rule_is_among_them() {
    let vectors = Vector::all().unwrap();
    assert!(vectors.len() >= 150);
    let refused: Vec<&str> = vectors
        .iter()
        .filter_map(|vector| match &vector.expect {
            Expect::Refused(rule) => Some(rule.as_str()),
            Expect::Opened(_) => None,
        })
        .collect();
    assert!(
        refused.len() * 5 >= vectors.len() * 4,
        "{} of {}",
        refused.len(),
        vectors.len()
    );
    let rules: BTreeSet<&str> = refused.into_iter().collect();
    for rule in Rule::ALL {
        assert_eq!(rules.contains(rule.number()), !TOO_LARGE.contains(rule), "{rule}");
    }
    for rule in NOT_AUTHENTIC {
        assert!(rules.contains(rule), "{rule}");
    }
}

#[test]
fn the_files_are_what_the_generator_makes() {
    assert!(
        Vector::all().unwrap() == envelope_cases::all(),
        "run `cargo xtask vectors`"
    );
}

#[test]
fn a_file_is_read_as_it_was_written() {
    for vector in envelope_cases::all() {
        assert_eq!(Vector::parse(&vector.name, &vector.render()), Some(vector));
    }
    assert_eq!(Vector::parse("x", "about: no message"), None);
    assert_eq!(Vector::parse("x", "about: no result\n\n00\n"), None);
}
