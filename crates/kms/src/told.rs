//! What an answer tells in its code and its headers.
use std::{error::Error, time::Duration};

use aws_sdk_kms::{
    error::{ErrorMetadata, ProvideErrorMetadata, SdkError},
    primitives::{DateTime, DateTimeFormat},
};

use crate::key_id::Arn;

/// The longest error code, in bytes: about twice the longest that AWS has.
const MAX_CODE_LEN: usize = 128;

/// The error code, wherever AWS puts it; of a failure without an answer, that of whoever else was asked.
pub(crate) fn code<E>(error: &SdkError<E>) -> Option<Box<str>>
where
    E: ProvideErrorMetadata + Error + 'static,
{
    error
        .as_service_error()
        .and_then(ProvideErrorMetadata::code)
        .or_else(|| header(error, "x-amzn-errortype").map(bare_code))
        .or_else(|| find::<ErrorMetadata>(error).and_then(ErrorMetadata::code))
        .filter(|code| is_code(code))
        .map(Into::into)
}

/// The key that a message of KMS names by its ARN, as in `arn:aws:kms:...:key/1234abcd-... is disabled.`
pub(crate) fn key_named_in(message: &str) -> Option<&str> {
    let words = message.split(|char: char| char.is_whitespace() || matches!(char, '\'' | '"' | ','));
    let mut keys = words.map(|word| word.trim_end_matches('.'));
    keys.find(|word| Arn::parse_key(word).is_some())
}

/// Whether a text can be an error code. What is something else, whoever put it there, is not repeated.
fn is_code(text: &str) -> bool {
    let in_code = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    (1..=MAX_CODE_LEN).contains(&text.len()) && text.bytes().all(in_code)
}

/// `com.amazonaws.kms#NotFoundException:http://...` is `NotFoundException`.
fn bare_code(header: &str) -> &str {
    let code = header.split_once(':').map_or(header, |(code, _)| code);
    code.rsplit_once('#').map_or(code, |(_, code)| code)
}

/// The delay that the service asks for: `x-amz-retry-after` in milliseconds, else `Retry-After` in seconds or as a
/// date, which is held against the answer's own `Date` so that no local clock is needed.
pub(crate) fn delay<E>(error: &SdkError<E>) -> Option<Duration> {
    parse_delay(|name| header(error, name))
}

fn parse_delay<'a>(header: impl Fn(&str) -> Option<&'a str>) -> Option<Duration> {
    if let Some(millis) = header("x-amz-retry-after").and_then(|text| text.trim().parse().ok()) {
        return Some(Duration::from_millis(millis));
    }
    let after = header("retry-after")?.trim();
    if let Ok(seconds) = after.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = |text: &str| DateTime::from_str(text, DateTimeFormat::HttpDate).ok();
    let (after, now) = (date(after)?, date(header("date")?.trim())?);
    let seconds = after.secs().checked_sub(now.secs())?;
    u64::try_from(seconds).ok().map(Duration::from_secs)
}

pub(crate) fn header<'a, E>(error: &'a SdkError<E>, name: &str) -> Option<&'a str> {
    error.raw_response()?.headers().get(name)
}

/// The first error of a kind among an error and its causes.
pub(crate) fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delay_of(headers: &[(&str, &'static str)]) -> Option<Duration> {
        parse_delay(|name| {
            headers
                .iter()
                .find(|(own, _)| *own == name)
                .map(|(_, value)| *value)
        })
    }

    #[test]
    fn delays_are_read_in_all_their_forms() {
        let millis = Some(Duration::from_millis(1500));
        assert_eq!(
            delay_of(&[("x-amz-retry-after", "1500"), ("retry-after", "9")]),
            millis
        );
        assert_eq!(delay_of(&[("retry-after", " 7 ")]), Some(Duration::from_secs(7)));
        let date = ("date", "Wed, 21 Oct 2015 07:28:00 GMT");
        let later = ("retry-after", "Wed, 21 Oct 2015 07:28:12 GMT");
        assert_eq!(delay_of(&[date, later]), Some(Duration::from_secs(12)));
    }

    #[test]
    fn what_is_no_delay_is_none() {
        assert_eq!(delay_of(&[]), None);
        assert_eq!(delay_of(&[("x-amz-retry-after", "-5")]), None);
        assert_eq!(delay_of(&[("retry-after", "soon")]), None);
        assert_eq!(delay_of(&[("retry-after", "1e3")]), None);
        let later = ("retry-after", "Wed, 21 Oct 2015 07:28:12 GMT");
        assert_eq!(delay_of(&[later]), None, "a date needs the answer's date");
        assert_eq!(
            delay_of(&[("date", "Thu, 22 Oct 2015 07:28:12 GMT"), later]),
            None
        );
    }

    #[test]
    fn a_message_may_name_the_key() {
        let key = "arn:aws:kms:us-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
        for message in [
            format!("{key} is disabled."),
            format!("{key} is pending deletion."),
            format!("Key '{key}' does not exist"),
            format!("there is no {key}."),
        ] {
            assert_eq!(key_named_in(&message), Some(key), "{message}");
        }
        for message in [
            "",
            "no key",
            "Alias arn:aws:kms:us-west-2:111122223333:alias/orders is not found.",
        ] {
            assert_eq!(key_named_in(message), None, "{message}");
        }
    }

    #[test]
    fn codes_are_stripped_of_namespace_and_address() {
        for text in [
            "X",
            "com.amazonaws.kms#X",
            "X:http://docs",
            "com.amazonaws.kms#X:http://a#b",
        ] {
            assert_eq!(bare_code(text), "X");
        }
    }

    #[test]
    fn what_is_no_code_is_not_repeated() {
        for code in [
            "ThrottlingException",
            "AWS.SimpleQueueService.NonExistent",
            "KMS-1_2",
        ] {
            assert!(is_code(code), "{code}");
        }
        let long = "E".repeat(129);
        for text in [
            "",
            "a b",
            "p6enp6enp6enp6enp6c=",
            "Throttling\nException",
            "\u{1F511}",
            &long,
        ] {
            assert!(!is_code(text), "{text}");
        }
    }
}
