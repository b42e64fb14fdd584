//! What errors say when they are printed with their sources.
use std::error::Error;

/// The texts of an error and of its sources, one after another.
#[must_use]
pub fn texts(error: &dyn Error) -> Vec<String> {
    let mut texts = vec![error.to_string()];
    let mut source = error.source();
    while let Some(error) = source {
        texts.push(error.to_string());
        source = error.source();
    }
    texts
}

/// Checks that each of them says something, and none says all that another one does. Returns them.
///
/// # Panics
/// When that is not so.
pub fn told_once(error: &dyn Error) -> Vec<String> {
    let texts = texts(error);
    for (at, text) in texts.iter().enumerate() {
        assert!(!text.is_empty(), "{texts:#?}");
        for (other_at, other) in texts.iter().enumerate() {
            assert!(at == other_at || !other.contains(text.as_str()), "{texts:#?}");
        }
    }
    texts
}
