//! How a provider breaks the contract.
use alloc::{format, string::String};

use crate::{DataKey, ErrorClass, ProviderError};

/// Which rule of the contract a provider breaks, and how.
///
/// ```
/// use datakey_provider::{KeyProvider, conformance};
///
/// /// In a test that is to show all that is wrong, and not only that something is.
/// async fn report(provider: &dyn KeyProvider) -> String {
///     match conformance::check(provider).await {
///         Ok(()) => "it conforms".into(),
///         Err(violation) => format!("broken: {}\nseen: {}", violation.rule, violation.detail),
///     }
/// }
/// # let _ = report;
/// ```
#[derive(Debug, Clone, thiserror::Error)]
#[error("{rule}: {detail}")]
#[non_exhaustive]
pub struct Violation {
    /// The rule, in a few words.
    pub rule: &'static str,
    /// What was seen instead.
    pub detail: String,
}

pub(super) type Check<T = ()> = Result<T, Violation>;

pub(super) fn broken<T>(rule: &'static str, detail: impl Into<String>) -> Check<T> {
    let detail = detail.into();
    Err(Violation { rule, detail })
}

/// The success of a call that has no reason to fail.
pub(super) fn succeeds<T>(rule: &'static str, result: Result<T, ProviderError>) -> Check<T> {
    result.or_else(|error| broken(rule, format!("{error}: {error:?}")))
}

/// That it is refused, with one of these classes; `what` says what was asked to be opened.
pub(super) fn refuses(
    rule: &'static str,
    result: Result<DataKey, ProviderError>,
    classes: &[ErrorClass],
    what: impl FnOnce() -> String,
) -> Check {
    match result {
        Ok(_) => broken(rule, format!("it opened, {}", what())),
        Err(error) if classes.contains(&error.class()) => Ok(()),
        Err(error) => broken(
            rule,
            format!("expected one of {classes:?}, {}, got {error:?}", what()),
        ),
    }
}
