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

/// The same of an ARN, whose six parts are compared one by one: no `*` reaches over a colon that sets them apart.
pub(super) fn arn_fits(pattern: &str, arn: &str) -> bool {
    let (mut patterns, mut parts) = (pattern.splitn(6, ':'), arn.splitn(6, ':'));
    loop {
        match (patterns.next(), parts.next()) {
            (Some(pattern), Some(part)) if fits(pattern, part) => {}
            (None, None) => return true,
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{arn_fits, fits};

    #[test]
    fn stars_stay_within_a_part_of_an_arn() {
        let arn = "arn:aws:iam::111122223333:role/a:b";
        for pattern in [
            arn,
            "arn:aws:iam::*:role/*",
            "arn:*:*:*:*:*",
            "arn:aws:iam::111122223333:role/a?b",
        ] {
            assert!(arn_fits(pattern, arn), "{pattern}");
        }
        for pattern in [
            "*",
            "arn:*",
            "arn:aws:*:role/a:b",
            "arn:aws:iam:*:role/*",
            "arn:aws:iam::*:role",
            "",
        ] {
            assert!(!arn_fits(pattern, arn), "{pattern}");
        }
    }

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
