//! AES-GCM in its three key lengths behind one small interface, whichever library it comes from.
#[cfg(feature = "aws-lc")]
mod aws_lc;
#[cfg(feature = "aws-lc")]
use aws_lc as backend;
#[cfg(not(feature = "aws-lc"))]
mod rustcrypto;
#[cfg(not(feature = "aws-lc"))]
use rustcrypto as backend;

mod refused;

use crate::header::{IV_LEN, TAG_LEN};
pub(crate) use refused::Refused;

/// The cipher of one message, keyed with the message's own key.
pub(crate) struct Cipher(backend::Cipher);

impl Cipher {
    /// A key of 16, 24 or 32 bytes.
    #[inline]
    pub(crate) fn new(key: &[u8]) -> Result<Self, Refused> {
        backend::Cipher::new(key).map(Self)
    }

    /// Writes the ciphertext of `plaintext`, which is as long, and its tag.
    #[inline]
    pub(crate) fn seal(
        &self,
        iv: &[u8; IV_LEN],
        aad: &[u8],
        plaintext: &[u8],
        ciphertext: &mut [u8],
        tag: &mut [u8; TAG_LEN],
    ) -> Result<(), Refused> {
        self.0.seal(iv, aad, plaintext, ciphertext, tag)
    }

    /// Writes the plaintext of `ciphertext`, which is as long. What is there after a refusal is not to be used.
    #[inline]
    pub(crate) fn open(
        &self,
        iv: &[u8; IV_LEN],
        aad: &[u8],
        ciphertext: &[u8],
        tag: &[u8; TAG_LEN],
        plaintext: &mut [u8],
    ) -> Result<(), Refused> {
        self.0.open(iv, aad, ciphertext, tag, plaintext)
    }
}
