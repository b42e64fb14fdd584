//! What KMS takes no more of.

/// The most bytes that the keys and values of an encryption context have together for KMS.
pub const MAX_KMS_CONTEXT_LEN: usize = 8192;

/// The most bytes of a ciphertext that KMS takes.
pub const MAX_KMS_CIPHERTEXT_LEN: usize = 6144;
