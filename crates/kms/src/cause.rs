//! What an error of the SDK says, without the error itself.
use std::{error::Error, fmt};

use aws_smithy_runtime_api::client::endpoint::error::ResolveEndpointError;

/// The longest run of letters and digits that a text keeps, in characters: shorter than any part of a key that would be
/// of use, longer than the words of an error.
const MAX_RUN: usize = 24;

/// The most numbers that a text keeps: more of them are bytes, printed one by one.
const MAX_NUMBERS: usize = 16;

/// What is told of a request that the SDK could not make ready to be sent.
const NOT_MADE: &str = "the request could not be made; check the endpoint URL of the client";

/// An error of the SDK, and what caused it, as texts.
///
/// The SDK's own errors cannot be kept: some hold the request, which is the plaintext data key in the case of `Encrypt`,
/// and show it when printed. What is taken over is what each error displays, less anything that could be a key.
#[derive(Debug, Clone)]
pub(crate) struct Cause {
    text: Box<str>,
    source: Option<Box<Self>>,
}

impl Cause {
    /// The texts of an error's causes, itself left out, each said once; `None` if it has none.
    pub(crate) fn of(error: &(dyn Error + 'static)) -> Option<Self> {
        let mut links: Vec<String> = Vec::new();
        let mut next = error.source();
        while let Some(link) = next {
            next = link.source();
            // Some say what their source says, and it says so again.
            let text = text(link);
            if links.iter().any(|told| told.contains(&text)) {
                continue;
            }
            links.retain(|told| !text.contains(told.as_str()));
            links.push(text);
        }
        let chained = links.into_iter().rev().fold(None, |source, text| {
            Some(Box::new(Self {
                text: text.into(),
                source,
            }))
        });
        chained.map(|boxed| *boxed)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for Cause {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source
            .as_deref()
            .map(|source| source as &(dyn Error + 'static))
    }
}

fn text(link: &(dyn Error + 'static)) -> String {
    if link.is::<ResolveEndpointError>() {
        // It displays the whole request.
        NOT_MADE.into()
    } else {
        withhold(&link.to_string())
    }
}

/// The text without long runs of the characters of Base64 and hexadecimal, or nothing of it if it lists bytes.
fn withhold(text: &str) -> String {
    let numbers = text
        .split(|char: char| !char.is_ascii_digit())
        .filter(|part| !part.is_empty());
    if numbers.count() > MAX_NUMBERS {
        return "a text with many numbers, which is withheld".into();
    }
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(in_run) {
        let (before, from) = rest.split_at(start);
        let (run, after) = from.split_at(from.find(|char| !in_run(char)).unwrap_or(from.len()));
        kept.push_str(before);
        kept.push_str(if run.len() > MAX_RUN { "[withheld]" } else { run });
        rest = after;
    }
    kept.push_str(rest);
    kept
}

const fn in_run(char: char) -> bool {
    char.is_ascii_alphanumeric() || matches!(char, '+' | '/' | '=')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Link(&'static str, Option<Box<Link>>);

    impl fmt::Display for Link {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
    }

    impl Error for Link {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            self.1.as_deref().map(|link| link as &(dyn Error + 'static))
        }
    }

    /// The texts that are kept of an error's causes.
    fn kept(texts: &[&'static str]) -> Vec<String> {
        let links = texts.iter().rev();
        let error = links.fold(None, |source, text| Some(Box::new(Link(text, source))));
        let error = Link("the error itself", error);
        let (mut kept, first) = (Vec::new(), Cause::of(&error));
        let mut next = first.as_ref();
        while let Some(cause) = next {
            kept.push(cause.to_string());
            next = cause.source.as_deref();
        }
        kept
    }

    #[test]
    fn what_causes_say_is_kept_once() {
        assert_eq!(kept(&[]), [""; 0]);
        assert_eq!(
            kept(&["io error", "reset by peer"]),
            ["io error", "reset by peer"]
        );
        assert_eq!(kept(&["io error: reset", "reset"]), ["io error: reset"]);
        assert_eq!(kept(&["reset", "io error: reset", "reset"]), ["io error: reset"]);
        assert_eq!(kept(&["reset", "reset", ""]), ["reset"]);
    }

    #[test]
    fn what_errors_say_is_kept() {
        for text in [
            "",
            "Connection refused (os error 111)",
            "failed to lookup address information: Name or service not known",
            "tcp connect error: 127.0.0.1:9",
            "https://kms.eu-central-1.amazonaws.com/ is not reachable \u{2014} \u{1F511}",
            "invalid peer certificate: UnknownIssuer",
        ] {
            assert_eq!(withhold(text), text);
        }
    }

    #[test]
    fn sixteen_numbers_are_kept_and_more_are_not_whatever_stands_between_them() {
        for between in [" ", ", ", " of many words and no number, "] {
            let listed = |count: usize| vec!["7"; count].join(between);
            assert_eq!(withhold(&listed(MAX_NUMBERS)), listed(MAX_NUMBERS), "{between:?}");
            assert!(
                withhold(&listed(MAX_NUMBERS.saturating_add(1))).ends_with("withheld"),
                "{between:?}"
            );
        }
        // Few numbers of many digits each.
        assert_eq!(
            withhold("1234567890 12345678901234567890"),
            "1234567890 12345678901234567890"
        );
    }

    #[test]
    fn what_could_be_a_key_is_not() {
        let mut secret = [101_u8; 32];
        for at in 1..secret.len() {
            secret[at] = secret[at - 1].wrapping_add(37);
        }
        let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
        let base64 = "ZYqv1Pkea5C12v8kSW6TuN0CJ0xxlrvgBSpPdJm+4wg=";
        for shown in [
            format!("body {{\"Plaintext\":\"{base64}\"}} was refused"),
            format!("body {hex}"),
            format!("body {}", hex.to_uppercase()),
            format!("body {secret:?}"),
            format!("body {secret:02x?}"),
            format!("body {secret:#?}"),
        ] {
            let kept = withhold(&shown);
            for part in [
                &base64[4..16],
                &hex[4..16],
                &hex.to_uppercase()[4..16],
                "101, 138",
                "101,\n",
                "8a, af",
            ] {
                assert!(!kept.contains(part), "{kept}");
            }
        }
        assert!(withhold(&format!("refused: {base64}!")).contains("refused: [withheld]!"));
    }
}
