//! The pieces of a body, opened one after the other.
use crate::{OpenError, body::Piece, cipher::Cipher, schedule::BodyAad};

/// Opens the pieces of one message's body.
pub(super) struct FrameOpener {
    cipher: Cipher,
    aad: BodyAad,
}

impl FrameOpener {
    pub(super) fn new(cipher: Cipher, message_id: &[u8]) -> Self {
        let aad = BodyAad::new(message_id);
        Self { cipher, aad }
    }

    #[inline]
    pub(super) fn open(&mut self, piece: &Piece<'_>, out: &mut [u8]) -> Result<(), OpenError> {
        let len = u64::try_from(piece.ciphertext.len()).unwrap_or(u64::MAX);
        let aad = self.aad.of(piece.part, piece.number, len);
        self.cipher
            .open(piece.iv, aad, piece.ciphertext, piece.tag, out)
            .map_err(|_refused| OpenError::NotAuthentic)
    }
}
