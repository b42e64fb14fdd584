//! What KMS takes no more of.

/// The most bytes that the keys and values of an encryption context have together for KMS.
///
/// Keys and values alone are counted, in bytes of UTF-8. A context that has more is refused here,
/// [unsent](datakey_provider::ProviderError::was_sent).
pub const MAX_KMS_CONTEXT_LEN: usize = 8192;

/// The most bytes of a ciphertext that KMS takes.
///
/// A data key of 32 bytes has 184 when wrapped.
pub const MAX_KMS_CIPHERTEXT_LEN: usize = 6144;
