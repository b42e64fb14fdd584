//! What the format has a place for, and what not.
use datakey_provider::DataKeyLength;
use thiserror::Error;

/// The length of every data key of this format: 32 bytes, which each suite takes.
pub const DATA_KEY_LENGTH: DataKeyLength = DataKeyLength::Bytes32;

/// Why a data key cannot be used with this format: a limit of `docs/format.md`. Nothing was sealed or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LimitError {
    /// The data key has another length than [`DATA_KEY_LENGTH`].
    #[error(
        "a data key of this format has {DATA_KEY_LENGTH}, this one has {0}; ask the provider for {DATA_KEY_LENGTH}"
    )]
    DataKeyLength(DataKeyLength),
}
