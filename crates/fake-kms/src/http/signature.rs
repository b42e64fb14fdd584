//! Who signed a request, and whether the signature is right: AWS Signature Version 4 in the `Authorization` header.
//!
//! Errors have the codes and the words of the AWS front ends.
use std::{sync::Arc, time::Duration};

use hmac::{Hmac, KeyInit as _, Mac as _};
use hyper::{HeaderMap, Uri, http::request::Parts};
use sha2::{Digest as _, Sha256};
use time::{Date, Month, OffsetDateTime};

use crate::{FakeKms, KmsError, KmsErrorCode, Principal, hex::hex};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const SERVICE: &str = "kms";
const TERMINATOR: &str = "aws4_request";
/// How far a signature's time may be from the fake's.
const SKEW: Duration = Duration::from_secs(5 * 60);

/// The `Authorization` header, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Authorization<'a> {
    pub(super) access_key_id: &'a str,
    date: &'a str,
    pub(super) region: &'a str,
    service: &'a str,
    terminator: &'a str,
    signed_headers: &'a str,
    signature: &'a str,
}

impl<'a> Authorization<'a> {
    /// Reads the header; nothing when there is none.
    pub(super) fn of(headers: &'a HeaderMap) -> Result<Option<Self>, KmsError> {
        let Some(header) = headers.get("authorization") else {
            return Ok(None);
        };
        let text = header
            .to_str()
            .map_err(|_not_text| incomplete("Authorization is not text."))?;
        Self::parse(text).map(Some)
    }

    fn parse(text: &'a str) -> Result<Self, KmsError> {
        let (algorithm, parameters) = text.split_once(' ').unwrap_or((text, ""));
        if algorithm != ALGORITHM {
            return Err(incomplete(&format!(
                "Unsupported AWS 'algorithm': '{algorithm}'."
            )));
        }
        let (mut credential, mut signed_headers, mut signature) = (None, None, None);
        for parameter in parameters.split(',') {
            match parameter.trim().split_once('=') {
                Some(("Credential", value)) => credential = Some(value),
                Some(("SignedHeaders", value)) => signed_headers = Some(value),
                Some(("Signature", value)) => signature = Some(value),
                _ => {}
            }
        }
        let lacks = |name: &str| incomplete(&format!("Authorization header requires '{name}' parameter."));
        let credential = credential.ok_or_else(|| lacks("Credential"))?;
        let mut parts = credential.rsplitn(5, '/');
        let mut part = || {
            parts.next().ok_or_else(|| {
                incomplete(&format!(
                    "Credential must have at least 5 slash-delimited elements, e.g. \
                     keyid/date/region/service/term, got '{credential}'"
                ))
            })
        };
        let (terminator, service, region, date, access_key_id) =
            (part()?, part()?, part()?, part()?, part()?);
        Ok(Self {
            access_key_id,
            date,
            region,
            service,
            terminator,
            signed_headers: signed_headers.ok_or_else(|| lacks("SignedHeaders"))?,
            signature: signature.ok_or_else(|| lacks("Signature"))?,
        })
    }

    /// The principal that the request names, and whose session token it carries.
    pub(super) fn principal(&self, fake: &FakeKms, headers: &HeaderMap) -> Result<Arc<Principal>, KmsError> {
        let unknown = || {
            let message = "The security token included in the request is invalid.";
            KmsError::with_message(KmsErrorCode::UnrecognizedClient, message)
        };
        let principal = fake.world().principal(self.access_key_id).ok_or_else(unknown)?;
        let token = headers
            .get("x-amz-security-token")
            .map(|value| value.to_str().unwrap_or_default());
        if token != principal.session_token() {
            return Err(unknown());
        }
        if principal.is_expired(fake.engine().clock().unix_unmoved()) {
            let message = "The security token included in the request is expired";
            return Err(KmsError::with_message(KmsErrorCode::ExpiredToken, message));
        }
        Ok(principal)
    }

    /// Checks that the principal signed this request, for this Region, just now.
    pub(super) fn verify(
        &self,
        principal: &Principal,
        region: &str,
        now: Duration,
        head: &Parts,
        body: &[u8],
    ) -> Result<(), KmsError> {
        let time = self.check_scope(region, &head.headers)?;
        check_time(time, now)?;
        if self.fits(principal.secret(), time, &self.canonical_request(head, body)?) {
            return Ok(());
        }
        Err(invalid(
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access \
             Key and signing method. Consult the service documentation for details.",
        ))
    }

    /// Whether the signature is that of a canonical request under a secret. Compared in constant time.
    fn fits(&self, secret: &str, time: &str, canonical: &str) -> bool {
        let digest = hex(&Sha256::digest(canonical));
        let scope = format!(
            "{}/{}/{}/{}",
            self.date, self.region, self.service, self.terminator
        );
        let string_to_sign = format!("{ALGORITHM}\n{time}\n{scope}\n{digest}");
        let key = signing_key(secret, [self.date, self.region, self.service, self.terminator]);
        let told = unhex(self.signature).unwrap_or_default();
        mac(&key, string_to_sign.as_bytes()).verify_slice(&told).is_ok()
    }

    /// Checks what the credential is scoped to, and answers the time of the request.
    fn check_scope<'h>(&self, region: &str, headers: &'h HeaderMap) -> Result<&'h str, KmsError> {
        let time = headers
            .get("x-amz-date")
            .and_then(|value| value.to_str().ok())
            .ok_or_else(|| {
                incomplete(
                    "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.",
                )
            })?;
        if self.service != SERVICE {
            return Err(invalid(&format!(
                "Credential should be scoped to correct service: '{SERVICE}'. "
            )));
        }
        if self.terminator != TERMINATOR {
            let told = self.terminator;
            return Err(invalid(&format!(
                "Credential should be scoped with a valid terminator: '{TERMINATOR}', not '{told}'. "
            )));
        }
        if self.region != region {
            return Err(invalid("Credential should be scoped to a valid region. "));
        }
        let day = time.get(..8).unwrap_or_default();
        if day != self.date {
            return Err(invalid(&format!(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{}' != \
                 '{day}', from '{time}'.",
                self.date
            )));
        }
        Ok(time)
    }

    fn canonical_request(&self, head: &Parts, body: &[u8]) -> Result<String, KmsError> {
        let signed: Vec<&str> = self.signed_headers.split(';').collect();
        if !signed.contains(&"host") {
            let message = "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.";
            return Err(invalid(message));
        }
        for name in head.headers.keys() {
            let name = name.as_str();
            if name.starts_with("x-amz-") && !signed.contains(&name) {
                let message = format!("'{name}' must be a 'SignedHeader' in the AWS Authorization.");
                return Err(invalid(&message));
            }
        }
        let mut headers = String::new();
        for name in &signed {
            let values = head.headers.get_all(*name).iter();
            let values: Vec<String> = values
                .map(|value| collapse(&String::from_utf8_lossy(value.as_bytes())))
                .collect();
            headers.push_str(&format!("{name}:{}\n", values.join(",")));
        }
        let told = head
            .headers
            .get("x-amz-content-sha256")
            .and_then(|value| value.to_str().ok());
        let payload = match told {
            Some("UNSIGNED-PAYLOAD") => "UNSIGNED-PAYLOAD".to_owned(),
            _ => hex(&Sha256::digest(body)),
        };
        if told.is_some_and(|told| told != payload) {
            let message = "The value of 'x-amz-content-sha256' does not match the body.";
            return Err(invalid(message));
        }
        let (method, path) = (&head.method, head.uri.path());
        let query = canonical_query(&head.uri);
        Ok(format!(
            "{method}\n{path}\n{query}\n{headers}\n{}\n{payload}",
            self.signed_headers
        ))
    }
}

/// The request names nobody, and somebody must.
pub(super) fn unsigned() -> KmsError {
    KmsError::with_message(
        KmsErrorCode::MissingAuthenticationToken,
        "Missing Authentication Token",
    )
}

/// A Region that the fake cannot have.
pub(super) fn no_such_region() -> KmsError {
    invalid("Credential should be scoped to a valid region. ")
}

fn incomplete(message: &str) -> KmsError {
    KmsError::with_message(KmsErrorCode::IncompleteSignature, message)
}

fn invalid(message: &str) -> KmsError {
    KmsError::with_message(KmsErrorCode::InvalidSignature, message)
}

fn check_time(told: &str, now: Duration) -> Result<(), KmsError> {
    let at = seconds_of(told)
        .ok_or_else(|| incomplete(&format!("Date must be in ISO-8601 'basic format'. Got '{told}'.")))?;
    let (earliest, latest) = (now.saturating_sub(SKEW), now.saturating_add(SKEW));
    let shown = |time: Duration| iso(time).unwrap_or_default();
    if at < earliest.as_secs() {
        let (earliest, now) = (shown(earliest), shown(now));
        return Err(invalid(&format!(
            "Signature expired: {told} is now earlier than {earliest} ({now} - 5 min.)"
        )));
    }
    if at > latest.as_secs() {
        let (latest, now) = (shown(latest), shown(now));
        return Err(invalid(&format!(
            "Signature not yet current: {told} is still later than {latest} ({now} + 5 min.)"
        )));
    }
    Ok(())
}

/// `20150830T123600Z` as seconds since 1970.
fn seconds_of(text: &str) -> Option<u64> {
    let (day, time) = text.strip_suffix('Z')?.split_once('T')?;
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if day.len() != 8 || time.len() != 6 || !digits(day) || !digits(time) {
        return None;
    }
    let number = |text: &str, from: usize, to: usize| text.get(from..to)?.parse::<u8>().ok();
    let month = Month::try_from(number(day, 4, 6)?).ok()?;
    let date = Date::from_calendar_date(day.get(..4)?.parse().ok()?, month, number(day, 6, 8)?).ok()?;
    let moment = date
        .with_hms(number(time, 0, 2)?, number(time, 2, 4)?, number(time, 4, 6)?)
        .ok()?;
    u64::try_from(moment.assume_utc().unix_timestamp()).ok()
}

fn iso(since_1970: Duration) -> Option<String> {
    let moment = OffsetDateTime::from_unix_timestamp(i64::try_from(since_1970.as_secs()).ok()?).ok()?;
    let ((year, month, day), (hour, minute, second)) = (moment.to_calendar_date(), moment.to_hms());
    let month = u8::from(month);
    Some(format!(
        "{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z"
    ))
}

/// Leading and trailing spaces go, and of several in a row all but one.
fn collapse(value: &str) -> String {
    value.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}

/// The parameters in the order of their names and values. They are taken as encoded already.
fn canonical_query(uri: &Uri) -> String {
    let mut pairs: Vec<(&str, &str)> = uri
        .query()
        .unwrap_or_default()
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .collect();
    pairs.sort_unstable();
    let pairs: Vec<String> = pairs
        .into_iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    pairs.join("&")
}

fn mac(key: &[u8], message: &[u8]) -> Hmac<Sha256> {
    // HMAC takes keys of every length; the other arm cannot be.
    let Ok(mac) = Hmac::<Sha256>::new_from_slice(key) else {
        return Hmac::<Sha256>::new(&Default::default());
    };
    mac.chain_update(message)
}

fn signing_key(secret: &str, scope: [&str; 4]) -> Vec<u8> {
    let start = format!("AWS4{secret}").into_bytes();
    scope.into_iter().fold(start, |key, part| {
        mac(&key, part.as_bytes()).finalize().into_bytes().to_vec()
    })
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let pairs = text.as_bytes().chunks(2);
    pairs
        .map(|pair| u8::from_str_radix(core::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::*;

    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
    const TIME: &str = "20150830T123600Z";

    /// Method, target, headers, body, signature.
    type Vector = (
        &'static str,
        &'static str,
        &'static [(&'static str, &'static str)],
        &'static str,
        &'static str,
    );

    /// The published vectors that a service's side can be held to: requests as they are signed, and the signatures.
    const VECTORS: [Vector; 7] = [
        (
            "POST",
            "/",
            &[],
            "",
            "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
        ),
        (
            "POST",
            "/?Param1=value1",
            &[],
            "",
            "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11",
        ),
        (
            "GET",
            "/?Param2=value2&Param1=value1",
            &[],
            "",
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
        (
            "POST",
            "/",
            &[("my-header1", "value1")],
            "",
            "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c",
        ),
        (
            "GET",
            "/",
            &[("my-header1", " value1"), ("my-header2", " \"a   b   c\"")],
            "",
            "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
        ),
        (
            "GET",
            "/",
            &[
                ("my-header1", "value2"),
                ("my-header1", "value2"),
                ("my-header1", "value1"),
            ],
            "",
            "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea",
        ),
        (
            "POST",
            "/",
            &[
                ("content-length", "13"),
                ("content-type", "application/x-www-form-urlencoded"),
                (
                    "x-amz-content-sha256",
                    "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e",
                ),
            ],
            "Param1=value1",
            "d3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b",
        ),
    ];

    #[test]
    fn published_vectors_fit_and_nothing_else_does() {
        for (method, uri, headers, body, signature) in VECTORS {
            let mut names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
            names.extend(["host", "x-amz-date"]);
            names.sort_unstable();
            names.dedup();
            let header = format!(
                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
                 SignedHeaders={}, Signature={signature}",
                names.join(";")
            );
            let mut request = Request::builder()
                .method(method)
                .uri(uri)
                .header("host", "example.amazonaws.com");
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            let (head, ()) = request
                .header("x-amz-date", TIME)
                .body(())
                .expect("a request")
                .into_parts();
            let authorization = Authorization::parse(&header).expect("a whole header");
            let canonical = authorization
                .canonical_request(&head, body.as_bytes())
                .expect("signed headers");
            assert!(authorization.fits(SECRET, TIME, &canonical), "{canonical}");
            assert!(!authorization.fits("another secret", TIME, &canonical));
            assert!(!authorization.fits(SECRET, "20150830T123601Z", &canonical));
            assert!(!authorization.fits(SECRET, TIME, &canonical.replace("example", "elsewhere")));
            let longer = format!("{signature}00");
            let other = Authorization {
                signature: &longer,
                ..authorization
            };
            assert!(!other.fits(SECRET, TIME, &canonical));
        }
    }

    #[test]
    fn times_are_read_and_written() {
        assert_eq!(seconds_of(TIME), Some(1_440_938_160));
        assert_eq!(iso(Duration::from_secs(1_440_938_160)).as_deref(), Some(TIME));
        for text in [
            "",
            "20150830",
            "20150830T123600",
            "20150230T123600Z",
            "20150830T243600Z",
            "2015083\u{e9}T12360Z",
        ] {
            assert_eq!(seconds_of(text), None, "{text}");
        }
    }
}
