//! The contexts that a provider is tried with, and those that differ from one by as little as possible.
use alloc::{format, string::String, vec, vec::Vec};

use super::violation::{Check, Violation};
use crate::EncryptionContext;

/// Another context than the one that a key was wrapped with.
pub(super) struct Other {
    /// How it differs, to be read after "a context that".
    pub(super) how: String,
    pub(super) context: EncryptionContext,
}

/// What every service and every format takes.
pub(super) fn plain() -> Check<Vec<EncryptionContext>> {
    let long = "v".repeat(1024);
    Ok(vec![
        EncryptionContext::empty(),
        orders()?,
        context(&[
            ("empty value", ""),
            ("snowman", "\u{2603}"),
            ("quote\"and\\", "\u{1F511}\n"),
        ])?,
        context(&[("long", &long)])?,
    ])
}

/// The context of the examples.
pub(super) fn orders() -> Check<EncryptionContext> {
    context(&[("tenant", "acme"), ("purpose", "orders")])
}

pub(super) fn context(pairs: &[(&str, &str)]) -> Check<EncryptionContext> {
    EncryptionContext::new(pairs.iter().copied()).map_err(|error| Violation {
        rule: "the suite's own contexts are valid",
        detail: format!("{error}"),
    })
}

pub(super) fn other(how: impl Into<String>, pairs: &[(&str, &str)]) -> Check<Other> {
    let context = context(pairs)?;
    let how = how.into();
    Ok(Other { how, context })
}

/// One more pair, and of each pair: without it, with a value and with a key that differ in one character.
pub(super) fn neighbours(of: &EncryptionContext) -> Check<Vec<Other>> {
    let own: Vec<(&str, &str)> = of.iter().collect();
    let mut all = vec![other(
        "has one pair more",
        &[own.as_slice(), &[("zz-added", "")]].concat(),
    )?];
    for (index, (key, value)) in own.iter().enumerate() {
        let with = |pair| replaced(&own, index, pair);
        all.push(other("lacks a pair", &with(None))?);
        let near = value
            .char_indices()
            .last()
            .map_or("x", |(last, _)| value.get(..last).unwrap_or_default());
        all.push(other("has another value", &with(Some((key, near))))?);
        let renamed = format!("{key}x");
        all.push(other("has another key", &with(Some((&renamed, value))))?);
    }
    Ok(all)
}

/// The pairs with another one in the place of one of them, or none.
pub(super) fn replaced<'a>(
    own: &[(&'a str, &'a str)],
    index: usize,
    by: Option<(&'a str, &'a str)>,
) -> Vec<(&'a str, &'a str)> {
    let pairs = own.iter().enumerate();
    pairs
        .filter_map(|(at, pair)| if at == index { by } else { Some(*pair) })
        .collect()
}
