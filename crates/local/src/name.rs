//! Names of local keys, and their key ids.

/// What the key id of every local key starts with.
pub const KEY_ID_SCHEME: &str = "local:";

/// The longest name of a wrapping key, in bytes.
pub const MAX_NAME_LEN: usize = 64;

/// Names stand in messages, files and logs: short, and without anything that needs quoting.
pub(crate) fn is_name(name: &str) -> bool {
    name.len() <= MAX_NAME_LEN
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for good in ["a", "orders-2026", "A.b_c-9", &"x".repeat(MAX_NAME_LEN)] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["", "-a", ".a", "a b", "a:b", "a\n", "\u{e9}", &"x".repeat(65)] {
            assert!(!is_name(bad), "{bad:?}");
        }
    }
}
