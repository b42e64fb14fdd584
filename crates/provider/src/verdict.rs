//! What a failure says about the wrapping key and the message.

/// What a failure says about the wrapping key and the message: what a cache drops and remembers by.
///
/// Only what the service says about *this* key or *this* message is a verdict on it. Who does not let the caller in, and what
/// fails in general, says nothing of either, however final it is for the call; a cache treats that as an outage, goes on serving
/// what it has, and remembers nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Verdict {
    /// This wrapped key with this encryption context is refused, or this request for a key for this context. Nothing is said of
    /// other messages and contexts under the same wrapping key.
    Message,
    /// The wrapping key may not be used any more, so nothing under it may: it is disabled, to be deleted, or gone.
    WrappingKey,
}
