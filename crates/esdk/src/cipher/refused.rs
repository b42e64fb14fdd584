//! What a cipher or a signature says when it does not do what it is asked, whichever library it comes from.

/// The cipher refused: to open because the tag differs, to seal because of a length that the format never reaches.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Refused;
