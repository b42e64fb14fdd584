//! The two ciphers behind one small interface, whichever library they come from.
//!
//! Everything goes from one slice to another of the same length, so that data is read once and written once; a tag
//! stands apart from its data.
use crate::{Suite, schedule::KEY_LEN};

#[cfg(feature = "aws-lc")]
mod aws_lc;
#[cfg(feature = "aws-lc")]
use aws_lc as backend;
#[cfg(not(feature = "aws-lc"))]
mod rustcrypto;
#[cfg(not(feature = "aws-lc"))]
use rustcrypto as backend;
mod sealed;

use sealed::Refused;
pub(crate) use sealed::{Nonce, TAG_LEN, Tag};

/// The cipher of one message, keyed with the message's own key.
pub(crate) struct Cipher(backend::Cipher);

impl Cipher {
    #[inline]
    pub(crate) fn new(suite: Suite, key: &[u8; KEY_LEN]) -> Result<Self, Refused> {
        backend::Cipher::new(suite, key).map(Self)
    }

    /// Writes the ciphertext of `plaintext`, which is as long, and its tag.
    #[inline]
    pub(crate) fn seal(
        &self,
        nonce: &Nonce,
        ad: &[u8],
        plaintext: &[u8],
        ciphertext: &mut [u8],
        tag: &mut Tag,
    ) -> Result<(), Refused> {
        self.0.seal(nonce, ad, plaintext, ciphertext, tag)
    }

    /// Writes the plaintext of `ciphertext`, which is as long. What is there after a refusal is not to be used.
    #[inline]
    pub(crate) fn open(
        &self,
        nonce: &Nonce,
        ad: &[u8],
        ciphertext: &[u8],
        tag: &Tag,
        plaintext: &mut [u8],
    ) -> Result<(), Refused> {
        self.0.open(nonce, ad, ciphertext, tag, plaintext)
    }
}
