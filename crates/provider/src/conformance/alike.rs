//! Contexts that a careless provider takes for one another.
use alloc::{format, string::String, vec::Vec};

use super::{
    contexts::{Other, other, replaced},
    violation::Check,
};
use crate::EncryptionContext;

/// What may stand between a key and its value, and between pairs, where somebody writes a context as one text.
const JOINTS: [(&str, &str); 9] = [
    ("", ""),
    ("=", ","),
    ("=", "&"),
    ("=", ";"),
    (":", ","),
    ("=", "\n"),
    (" ", " "),
    ("\":\"", "\",\""),
    ("\0", "\0"),
];

/// A context in which each look-alike has something to differ in: two words, and a letter that Unicode spells in two ways.
pub(super) const PAIRS: [(&str, &str); 3] = [
    ("caf\u{e9}", "cr\u{e8}me"),
    ("purpose", "orders"),
    ("tenant", "acme"),
];

/// Contexts that differ from one of [`PAIRS`] in letter case, spaces, spelling, and in what belongs to which pair.
pub(super) fn look_alikes(of: &EncryptionContext) -> Check<Vec<Other>> {
    let own: Vec<(&str, &str)> = of.iter().collect();
    let mut all = Vec::new();
    for (index, (key, value)) in own.iter().enumerate() {
        let mut push = |how: &str, key: &str, value: &str| -> Check {
            if own.get(index) != Some(&(key, value)) {
                all.push(other(how, &replaced(&own, index, Some((key, value))))?);
            }
            Ok(())
        };
        push("has a value in another letter case", key, &value.to_uppercase())?;
        push("has a key in another letter case", &key.to_uppercase(), value)?;
        push("has a space after a value", key, &format!("{value} "))?;
        push("has a space before a key", &format!(" {key}"), value)?;
        push(
            "spells a letter of a value in two code points",
            key,
            &in_two(value),
        )?;
        push("spells a letter of a key in two code points", &in_two(key), value)?;
        if let Some((last, letter)) = key.char_indices().last() {
            let shorter = key.get(..last).unwrap_or_default();
            let value = format!("{letter}{value}");
            push("has the last letter of a key in its value", shorter, &value)?;
        }
    }
    all.extend(moved(&own)?);
    Ok(all)
}

/// The values of two pairs swapped, and two pairs that have become one.
fn moved(own: &[(&str, &str)]) -> Check<Vec<Other>> {
    let [.., (one, of_one), (two, of_two)] = own else {
        return Ok(Vec::new());
    };
    let before = own.get(..own.len().saturating_sub(2)).unwrap_or_default();
    let with = |pairs: &[(&str, &str)], how: String| {
        let pairs = [before, pairs].concat();
        other(how, &pairs)
    };
    let mut all = Vec::new();
    let swapped = [(*one, *of_two), (*two, *of_one)];
    all.push(with(&swapped, "has the values of two pairs swapped".into())?);
    for (within, between) in JOINTS {
        let how = format!("has two pairs as one, joined by {within:?} and {between:?}");
        let value = format!("{of_one}{between}{two}{within}{of_two}");
        all.push(with(&[(*one, &value)], how.clone())?);
        let key = format!("{one}{within}{of_one}{between}{two}");
        all.push(with(&[(&key, *of_two)], how)?);
    }
    Ok(all)
}

/// The two letters with an accent as a letter and an accent.
fn in_two(text: &str) -> String {
    text.replace('\u{e9}', "e\u{301}").replace('\u{e8}', "e\u{300}")
}
