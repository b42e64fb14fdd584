//! What a message format has no place for.
use thiserror::Error;

/// What was asked for and has no place in a message of the AWS Encryption SDK. Nothing was done, and no call was made.
///
/// ```
/// use datakey::Unsupported;
///
/// assert!(Unsupported::Records.to_string().contains("seal_many"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum Unsupported {
    /// Associated data that is not empty.
    #[error(
        "a message of the AWS Encryption SDK has no associated data beside its encryption context: give `Aad::EMPTY`, and bind what \
         has few values by the encryption context, and what differs from message to message by putting it into the plaintext and \
         comparing it there; or use the native format"
    )]
    AssociatedData,
    /// Records.
    #[error(
        "a message of the AWS Encryption SDK has no records: seal each of them as a message of its own, all at once with \
         `seal_many`, or all of them as one plaintext; or use the native format"
    )]
    Records,
    /// A part of the plaintext.
    #[error(
        "a message of the AWS Encryption SDK is opened from its start, and no part of it by itself; use the native format where parts \
         of stored messages are read"
    )]
    Parts,
    /// Other wrapped keys.
    #[error(
        "the header of a message of the AWS Encryption SDK authenticates its encrypted data keys, so that none of them can be \
         replaced; open it and seal it anew"
    )]
    OtherKeys,
}
