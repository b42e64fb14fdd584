//! What a cipher takes and leaves beside the data, whichever library it comes from.

pub(crate) const TAG_LEN: usize = 16;
pub(crate) const NONCE_LEN: usize = 12;

pub(crate) type Tag = [u8; TAG_LEN];
pub(crate) type Nonce = [u8; NONCE_LEN];

/// The cipher refused: to open because the tag differs, to seal because of a length that the format never reaches.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Refused;
