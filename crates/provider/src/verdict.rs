//! What a failure says about the wrapping key and the message.

/// What a failure says about the wrapping key and the message: what a cache drops and remembers by.
///
/// Only what the service says about *this* key or *this* message is a verdict on it. Who does not let the caller in, and what
/// fails in general, says nothing of either, however final it is for the call; a cache treats that as an outage, goes on serving
/// what it has, and remembers nothing.
///
/// ```
/// use datakey_provider::{ErrorClass, Operation, ProviderError, Verdict};
///
/// /// What a cache does with the keys that it has, after a load failed.
/// fn drops(error: &ProviderError) -> &'static str {
///     match error.verdict() {
///         None => "nothing: serve on, and try again later",
///         Some(Verdict::Message) => "the key of this context or message",
///         Some(Verdict::WrappingKey) => "every key under this wrapping key",
///         Some(_) => "the key of this context or message", // what is added later is no less
///     }
/// }
/// let failed = |class| ProviderError::new(class, Operation::GenerateDataKey);
/// assert_eq!(drops(&failed(ErrorClass::Unauthenticated)), "nothing: serve on, and try again later");
/// assert_eq!(drops(&failed(ErrorClass::UnavailableKey)), "every key under this wrapping key");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Verdict {
    /// This wrapped key with this encryption context is refused, or this request for a key for this context. Nothing is said of
    /// other messages and contexts under the same wrapping key.
    Message,
    /// The wrapping key may not be used any more, so nothing under it may: it is disabled, to be deleted, or gone.
    WrappingKey,
}
