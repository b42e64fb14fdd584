//! Frames under one message key: the STREAM construction with a counter and a last-frame flag in the nonce.
use alloc::vec::Vec;

use subtle::ConstantTimeEq as _;
use zeroize::Zeroize as _;

use crate::{
    Aad, OpenError, SALT_LEN, SealError,
    cipher::{Cipher, Nonce},
    read,
    schedule::{MessageSecret, Prepared},
};

/// Whether a frame is the last of its message: one bit of the nonce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Position {
    Inner,
    Last,
}

fn nonce(counter: u64, position: Position) -> Nonce {
    let [a, b, c, d, e, f, g, h] = counter.to_be_bytes();
    [
        0,
        0,
        0,
        a,
        b,
        c,
        d,
        e,
        f,
        g,
        h,
        u8::from(position == Position::Last),
    ]
}

/// A cipher and the number of the next frame. Not `Clone`: two of them would use a nonce twice.
struct Frames {
    cipher: Cipher,
    counter: u64,
}

impl Frames {
    /// The nonce of the next frame; `None` once the counter is spent.
    fn next_nonce(&mut self, position: Position) -> Option<Nonce> {
        let nonce = nonce(self.counter, position);
        self.counter = self.counter.checked_add(1)?;
        Some(nonce)
    }
}

/// Seals the frames of one message.
pub(crate) struct FrameSealer(Frames);

impl FrameSealer {
    pub(crate) fn new(suite: crate::Suite, secret: MessageSecret) -> Result<Self, SealError> {
        let cipher = Cipher::new(suite, &secret.into_key()).map_err(|_refused| SealError::Cipher)?;
        Ok(Self(Frames { cipher, counter: 0 }))
    }

    /// Appends the next frame: ciphertext and tag.
    pub(crate) fn append(
        &mut self,
        plaintext: &[u8],
        position: Position,
        out: &mut Vec<u8>,
    ) -> Result<(), SealError> {
        let start = out.len();
        out.extend_from_slice(plaintext);
        let data = out.get_mut(start..).unwrap_or_default();
        let nonce = self.0.next_nonce(position).ok_or(SealError::Cipher)?;
        let tag = self
            .0
            .cipher
            .seal(&nonce, &[], data)
            .map_err(|_refused| SealError::Cipher)?;
        out.extend_from_slice(&tag);
        Ok(())
    }

    /// The tag of an empty last frame over associated data.
    pub(crate) fn last_tag(&mut self, ad: &[u8]) -> Result<[u8; 16], SealError> {
        let nonce = self.0.next_nonce(Position::Last).ok_or(SealError::Cipher)?;
        self.0
            .cipher
            .seal(&nonce, ad, &mut [])
            .map_err(|_refused| SealError::Cipher)
    }
}

/// Opens the frames of one message whose commitment was found to be right.
pub(crate) struct FrameOpener(Frames);

impl FrameOpener {
    /// Derives the message's secrets and compares the commitment before there is any cipher to open with.
    pub(crate) fn new(
        suite: crate::Suite,
        prepared: &Prepared,
        salt: &[u8; SALT_LEN],
        aad: Aad<'_>,
        commitment: &[u8; 32],
    ) -> Result<Self, OpenError> {
        let secret = prepared.message(salt, aad);
        if !bool::from(secret.commitment().ct_eq(commitment)) {
            return Err(OpenError::NotAuthentic);
        }
        let cipher = Cipher::new(suite, &secret.into_key()).map_err(|_refused| OpenError::NotAuthentic)?;
        Ok(Self(Frames { cipher, counter: 0 }))
    }

    /// Opens the next frame and appends its plaintext; what it appends after a failure is for the caller to wipe.
    pub(crate) fn append(
        &mut self,
        sealed: &[u8],
        position: Position,
        out: &mut Vec<u8>,
    ) -> Result<(), OpenError> {
        let (ciphertext, tag) = read::frame(sealed)?;
        let start = out.len();
        out.extend_from_slice(ciphertext);
        let data = out.get_mut(start..).unwrap_or_default();
        let nonce = self.0.next_nonce(position).ok_or(OpenError::NotAuthentic)?;
        let opened = self.0.cipher.open(&nonce, &[], data, tag);
        opened.map_err(|_refused| OpenError::NotAuthentic)
    }

    /// Checks the tag of an empty last frame over associated data.
    pub(crate) fn check_last_tag(&mut self, ad: &[u8], tag: &[u8; 16]) -> Result<(), OpenError> {
        let nonce = self.0.next_nonce(Position::Last).ok_or(OpenError::NotAuthentic)?;
        let opened = self.0.cipher.open(&nonce, ad, &mut [], tag);
        opened.map_err(|_refused| OpenError::NotAuthentic)
    }
}

/// Lets `write` append to `out`; when it fails, wipes what it appended and gives `out` its former length.
pub(crate) fn all_or_nothing<T, E>(
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>) -> Result<T, E>,
) -> Result<T, E> {
    let start = out.len();
    let written = write(out);
    if written.is_err() {
        out.get_mut(start..).unwrap_or_default().zeroize();
        out.truncate(start);
    }
    written
}

/// Cuts input that arrives in any portions into frames of one length, holding back what may be the last.
pub(crate) struct Chunks {
    len: usize,
    pending: zeroize::Zeroizing<Vec<u8>>,
}

impl Chunks {
    pub(crate) fn new(len: usize) -> Self {
        Self {
            len,
            pending: Vec::new().into(),
        }
    }

    /// Hands each frame that is known not to be the last to `inner`, and keeps the rest.
    pub(crate) fn push<E>(
        &mut self,
        mut input: &[u8],
        mut inner: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        if !self.pending.is_empty() {
            let missing = self.len.saturating_sub(self.pending.len());
            match input.split_at_checked(missing) {
                Some((fill, rest)) if !rest.is_empty() => {
                    self.pending.extend_from_slice(fill);
                    inner(&self.pending)?;
                    self.pending.clear();
                    input = rest;
                }
                _ => {
                    self.pending.extend_from_slice(input);
                    return Ok(());
                }
            }
        }
        while let Some((frame, rest)) = input.split_at_checked(self.len)
            && !rest.is_empty()
        {
            inner(frame)?;
            input = rest;
        }
        self.pending.extend_from_slice(input);
        Ok(())
    }

    /// What is held back: the last frame, once there is no more input.
    pub(crate) fn last(&self) -> &[u8] {
        &self.pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_is_counter_and_flag() {
        assert_eq!(nonce(0, Position::Inner), [0; 12]);
        assert_eq!(
            nonce(0x0102_0304_0506_0708, Position::Last),
            [0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 1]
        );
    }

    #[test]
    fn a_spent_counter_is_refused() {
        let cipher = Cipher::new(crate::Suite::Aes256Gcm, &[7; 32]).unwrap_or_else(|_| panic!("a key"));
        let mut frames = Frames {
            cipher,
            counter: u64::MAX,
        };
        assert!(frames.next_nonce(Position::Inner).is_none());
    }

    #[test]
    fn a_failure_wipes_what_was_appended() {
        let mut out = b"kept".to_vec();
        let failed: Result<(), ()> = all_or_nothing(&mut out, |out| {
            out.extend_from_slice(b"secret");
            Err(())
        });
        assert!(failed.is_err());
        assert_eq!(out, b"kept");
    }

    #[test]
    fn chunks_hold_the_last_frame_back() {
        let mut chunks = Chunks::new(4);
        let mut seen: Vec<Vec<u8>> = Vec::new();
        for part in [&b"ab"[..], b"", b"cd", b"efghij", b"kl"] {
            let pushed: Result<(), ()> = chunks.push(part, |frame| {
                seen.push(frame.to_vec());
                Ok(())
            });
            assert!(pushed.is_ok());
        }
        assert_eq!(seen, [b"abcd".to_vec(), b"efgh".to_vec()]);
        assert_eq!(chunks.last(), b"ijkl");
    }
}
