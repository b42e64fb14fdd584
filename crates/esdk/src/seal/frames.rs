//! The frames of a message, sealed one after the other into a slice.
use core::mem;

use crate::{
    SealError,
    body::{END, FINAL_OVERHEAD, FRAME_OVERHEAD},
    cipher::{Cipher, Refused},
    schedule::{BodyAad, Part, iv},
};

/// In front of a signature.
pub(super) fn footer_len(signature: &[u8]) -> [u8; 2] {
    u16::try_from(signature.len()).unwrap_or(u16::MAX).to_be_bytes()
}

pub(super) const fn refused(_refused: Refused) -> SealError {
    SealError::Cipher
}

/// What is left of a slice that is written from the front.
pub(super) struct Room<'a>(&'a mut [u8]);

impl<'a> Room<'a> {
    pub(super) const fn new(room: &'a mut [u8]) -> Self {
        Self(room)
    }

    pub(super) fn put(&mut self, bytes: &[u8]) -> Result<(), SealError> {
        let Some((room, rest)) = mem::take(&mut self.0).split_at_mut_checked(bytes.len()) else {
            return Err(SealError::Cipher);
        };
        room.copy_from_slice(bytes);
        self.0 = rest;
        Ok(())
    }
}

pub(super) const fn sealed_frame_len(plain_len: usize, is_last: bool) -> usize {
    plain_len.saturating_add(if is_last { FINAL_OVERHEAD } else { FRAME_OVERHEAD })
}

/// Seals the frames of one message, in order.
pub(super) struct FrameSealer {
    cipher: Cipher,
    aad: BodyAad,
    number: u32,
}

impl FrameSealer {
    pub(super) fn new(cipher: Cipher, message_id: &[u8]) -> Self {
        Self {
            cipher,
            aad: BodyAad::new(message_id),
            number: 1,
        }
    }

    pub(super) const fn cipher(&self) -> &Cipher {
        &self.cipher
    }

    /// Writes the next frame, which fills `out`.
    #[inline]
    pub(super) fn write(&mut self, plaintext: &[u8], is_last: bool, out: &mut [u8]) -> Result<(), SealError> {
        let (number, iv) = (self.number, iv(self.number));
        let part = if is_last { Part::FinalFrame } else { Part::Frame };
        let mut room = Room(out);
        if is_last {
            room.put(&END.to_be_bytes())?;
        } else if number == END {
            return Err(SealError::MessageTooLong);
        }
        room.put(&number.to_be_bytes())?;
        room.put(&iv)?;
        let len = u32::try_from(plaintext.len()).map_err(|_too_long| SealError::MessageTooLong)?;
        if is_last {
            room.put(&len.to_be_bytes())?;
        }
        let Some((ciphertext, tag)) = room.0.split_last_chunk_mut() else {
            return Err(SealError::Cipher);
        };
        let aad = self.aad.of(part, number, u64::from(len));
        self.cipher
            .seal(&iv, aad, plaintext, ciphertext, tag)
            .map_err(refused)?;
        self.number = number.saturating_add(1);
        Ok(())
    }
}
