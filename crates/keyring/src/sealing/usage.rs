//! How much a caller is about to seal under a key.
use crate::kept::lease::Amount;

/// What is about to be sealed under a key: messages, and bytes of plaintext.
///
/// The keyring takes it off the key's limits before it hands the key out, so that the limits hold however many callers
/// there are. A batch reserves all its messages at once.
///
/// ```
/// use datakey_keyring::Usage;
///
/// let order = Usage::message(300);
/// assert_eq!((order.messages(), order.bytes()), (1, Some(300)));
/// let post = Usage::batch(5_000, 1_500_000);
/// assert_eq!((post.messages(), post.bytes()), (5_000, Some(1_500_000)));
/// assert_eq!(Usage::unknown_length().bytes(), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Usage {
    messages: u64,
    bytes: Option<u64>,
}

impl Usage {
    /// One message of at most so many bytes of plaintext.
    #[must_use]
    pub const fn message(bytes: u64) -> Self {
        Self::batch(1, bytes)
    }

    /// Several messages at once, of at most so many bytes of plaintext together.
    #[must_use]
    pub const fn batch(messages: u64, bytes: u64) -> Self {
        Self {
            messages,
            bytes: Some(bytes),
        }
    }

    /// One message whose length nobody can bound yet. It gets a data key of its own, which costs a provider call: give
    /// an upper bound to [`message`](Self::message) where there is one.
    #[must_use]
    pub const fn unknown_length() -> Self {
        Self {
            messages: 1,
            bytes: None,
        }
    }

    /// How many messages.
    #[must_use]
    pub const fn messages(self) -> u64 {
        self.messages
    }

    /// How many bytes of plaintext together, where known.
    #[must_use]
    pub const fn bytes(self) -> Option<u64> {
        self.bytes
    }

    /// Both, where the length is bounded.
    pub(crate) fn amount(self) -> Option<Amount> {
        let (messages, bytes) = (self.messages, self.bytes?);
        Some(Amount { messages, bytes })
    }
}
