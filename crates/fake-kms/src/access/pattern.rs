//! Patterns as policies have them.

/// Whether text fits a pattern, in which `*` is any characters and `?` is one.
pub(super) fn fits(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut at, mut read) = (0_usize, 0_usize);
    // Where to go on when the characters after the last `*` do not fit: that `*` takes one more.
    let mut retry: Option<(usize, usize)> = None;
    while read < text.len() {
        match pattern.get(at) {
            Some(b'*') => {
                retry = Some((at.saturating_add(1), read));
                at = at.saturating_add(1);
            }
            Some(byte) if *byte == b'?' || text.get(read) == Some(byte) => {
                at = at.saturating_add(1);
                read = read.saturating_add(1);
            }
            _ => {
                let Some((after_star, taken)) = retry else {
                    return false;
                };
                let taken = taken.saturating_add(1);
                retry = Some((after_star, taken));
                (at, read) = (after_star, taken);
            }
        }
    }
    pattern
        .get(at..)
        .is_some_and(|rest| rest.iter().all(|byte| *byte == b'*'))
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn stars_and_question_marks() {
        for (pattern, text) in [
            ("", ""),
            ("*", ""),
            ("*", "kms:Decrypt"),
            ("kms:*", "kms:Decrypt"),
            ("kms:Generate*", "kms:GenerateDataKey"),
            ("kms:ReEncrypt*", "kms:ReEncryptFrom"),
            ("*Data*Key", "kms:GenerateDataKey"),
            ("kms:?ncrypt", "kms:Encrypt"),
            ("a*b*c", "abbbcbc"),
            ("**", "x"),
        ] {
            assert!(fits(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [
            ("", "x"),
            ("?", ""),
            ("kms:Decrypt", "kms:Decrypt2"),
            ("kms:Generate*", "kms:Decrypt"),
            ("*Data*Key", "kms:GenerateDataKeyPair"),
            ("a*b*c", "abbbcb"),
            ("kms:Encrypt", "kms:encrypt"),
        ] {
            assert!(!fits(pattern, text), "{pattern} {text}");
        }
        // Not exponential.
        assert!(!fits(&"*a".repeat(500), &"a".repeat(499)));
    }
}
