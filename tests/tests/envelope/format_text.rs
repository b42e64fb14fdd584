//! `docs/format.md` and the crate say the same: every rule number, and the test values.
use std::collections::HashSet;

use datakey_envelope::{Aad, Params, Rule, Salt, SealingKey, Suite};
use datakey_provider::{DataKey, DataKeyLength, EncryptionContext, WrappedKey};
use datakey_tests::envelope::Reference;

fn text() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/format.md")).unwrap()
}

/// The numbers of the rules in the text: those that start a line, in bold.
fn numbers(text: &str) -> Vec<&str> {
    text.lines()
        .filter_map(|line| {
            line.strip_prefix("**")?
                .split_once("**")
                .map(|(number, _)| number)
        })
        .collect()
}

#[test]
fn every_rule_of_the_crate_stands_in_the_text_once() {
    let text = text();
    let numbers = numbers(&text);
    let unique: HashSet<_> = numbers.iter().collect();
    assert_eq!(unique.len(), numbers.len(), "a number is used twice");
    assert!(numbers.len() > Rule::ALL.len());
    for rule in Rule::ALL {
        assert!(unique.contains(&rule.number()), "{rule}");
        assert!(
            text.contains(&format!("| {} |", rule.number())),
            "{rule} is not in the table of refusals"
        );
    }
}

/// The values of the text, without the line breaks that make them readable.
fn values(text: &str) -> String {
    let (_, values) = text.split_once("## Test values").unwrap();
    values.split_whitespace().collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_test_values_are_right() {
    let data_key: [u8; 32] = core::array::from_fn(|at| at as u8);
    let salt: [u8; 24] = core::array::from_fn(|at| 0xA0 + at as u8);
    let values = values(&text());
    let wrapped = WrappedKey::new("local:a", b"blob".to_vec()).unwrap().into();
    let context = EncryptionContext::new([("tenant", "acme"), ("purpose", "orders")]).unwrap();
    for suite in Suite::ALL {
        let reference = Reference {
            suite: suite.id(),
            exponent: 16,
            data_key: &data_key,
            salt: &salt,
            context: &[("purpose", "orders"), ("tenant", "acme")],
            keys: &[("local:a", b"blob")],
            aad: b"order 17",
        };
        let key = DataKey::init(DataKeyLength::Bytes32, |bytes| bytes.copy_from_slice(&data_key));
        let sealing = SealingKey::new(&key, &wrapped, &context, &Params::new().with_suite(suite)).unwrap();
        let (mut bytes, mut records) = (Vec::new(), Vec::new());
        let aad = Aad::from("order 17");
        sealing
            .seal_with_salt(Salt::danger_from_bytes(salt), b"one order", aad, &mut bytes)
            .unwrap();
        let batch = ["order 1", "", "order 3"];
        sealing
            .seal_records_with_salt(Salt::danger_from_bytes(salt), batch, aad, &mut records)
            .unwrap();

        let (of_bytes, of_records) = (
            reference.schedule(1),
            Reference {
                exponent: 24,
                ..reference
            }
            .schedule(2),
        );
        for schedule in [of_bytes, of_records] {
            for value in [
                &schedule.profile,
                &schedule.message,
                &schedule.key[..],
                &schedule.commitment,
            ] {
                assert!(values.contains(&hex(value)), "{suite}: {}", hex(value));
            }
        }
        for message in [bytes, records] {
            assert!(values.contains(&hex(&message)), "{suite}: {}", hex(&message));
        }
    }
}
