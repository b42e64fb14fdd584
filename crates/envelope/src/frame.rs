//! Frames under one message key: the STREAM construction with a counter and a last-frame flag in the nonce.

use subtle::ConstantTimeEq as _;

use crate::{
    Aad, OpenError, SALT_LEN, SealError,
    cipher::{Cipher, Nonce, TAG_LEN, Tag},
    read,
    room::Room,
    schedule::{MessageSecrets, Prepared},
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

/// The number of the next frame. Not `Clone`: two of them under one key would use a nonce twice.
struct Counter(u64);

impl Counter {
    /// The nonce of the next frame; `None` once the counter is spent.
    fn next_nonce(&mut self, position: Position) -> Option<Nonce> {
        let nonce = nonce(self.0, position);
        self.0 = self.0.checked_add(1)?;
        Some(nonce)
    }
}

/// Seals the frames of one message.
pub(crate) struct FrameSealer {
    cipher: Cipher,
    counter: Counter,
}

impl FrameSealer {
    #[inline]
    pub(crate) fn new(suite: crate::Suite, secrets: &MessageSecrets) -> Result<Self, SealError> {
        let cipher = Cipher::new(suite, secrets.key()).map_err(|_refused| SealError::Cipher)?;
        Ok(Self {
            cipher,
            counter: Counter(0),
        })
    }

    /// Writes the next frame: ciphertext and tag.
    pub(crate) fn write(
        &mut self,
        plaintext: &[u8],
        position: Position,
        out: &mut impl Room,
    ) -> Result<(), SealError> {
        let nonce = self.counter.next_nonce(position).ok_or(SealError::Cipher)?;
        let sealed = out.room(plaintext.len().saturating_add(TAG_LEN));
        seal(&self.cipher, &nonce, plaintext, sealed.unwrap_or_default())
    }

    /// Writes the frame of this number, which must be written only once, into as many bytes as it takes.
    pub(crate) fn seal_at(
        &self,
        number: u64,
        position: Position,
        plaintext: &[u8],
        sealed: &mut [u8],
    ) -> Result<(), SealError> {
        seal(&self.cipher, &nonce(number, position), plaintext, sealed)
    }

    /// The tag of an empty last frame over associated data.
    pub(crate) fn last_tag(&mut self, ad: &[u8]) -> Result<Tag, SealError> {
        let nonce = self.counter.next_nonce(Position::Last).ok_or(SealError::Cipher)?;
        let mut tag = [0; TAG_LEN];
        let sealed = self.cipher.seal(&nonce, ad, &[], &mut [], &mut tag);
        sealed.map(|()| tag).map_err(|_refused| SealError::Cipher)
    }
}

fn seal(cipher: &Cipher, nonce: &Nonce, plaintext: &[u8], sealed: &mut [u8]) -> Result<(), SealError> {
    let (ciphertext, tag) = sealed.split_last_chunk_mut().ok_or(SealError::Cipher)?;
    cipher
        .seal(nonce, &[], plaintext, ciphertext, tag)
        .map_err(|_refused| SealError::Cipher)
}

/// Compares in constant time, eight bytes at a step.
fn equal(one: &[u8; 32], other: &[u8; 32]) -> bool {
    let (one, other) = (one.as_chunks().0.iter(), other.as_chunks().0.iter());
    let differs = one.zip(other).fold(0, |bits, (a, b)| {
        bits | (u64::from_ne_bytes(*a) ^ u64::from_ne_bytes(*b))
    });
    differs.ct_eq(&0).into()
}

/// Opens the frames of one message whose commitment was found to be right.
pub(crate) struct FrameOpener {
    cipher: Cipher,
    counter: Counter,
}

impl FrameOpener {
    /// Derives the message's secrets and compares the commitment before there is any cipher to open with.
    #[inline]
    pub(crate) fn new(
        suite: crate::Suite,
        prepared: &Prepared,
        salt: &[u8; SALT_LEN],
        aad: Aad<'_>,
        commitment: &[u8; 32],
    ) -> Result<Self, OpenError> {
        let mut secrets = MessageSecrets::empty();
        prepared.derive(salt, aad, &mut secrets);
        if !equal(secrets.commitment(), commitment) {
            return Err(OpenError::NotAuthentic);
        }
        let cipher = Cipher::new(suite, secrets.key()).map_err(|_refused| OpenError::NotAuthentic)?;
        Ok(Self {
            cipher,
            counter: Counter(0),
        })
    }

    /// Opens the next frame and writes its plaintext; what is written after a failure is for the caller to wipe.
    pub(crate) fn write(
        &mut self,
        sealed: &[u8],
        position: Position,
        out: &mut impl Room,
    ) -> Result<(), OpenError> {
        let (ciphertext, tag) = read::frame(sealed)?;
        let nonce = self.counter.next_nonce(position).ok_or(OpenError::NotAuthentic)?;
        let plaintext = out.room(ciphertext.len()).unwrap_or_default();
        open(&self.cipher, &nonce, ciphertext, tag, plaintext)
    }

    /// As [`write`](Self::write), for the frame of this number.
    pub(crate) fn write_at(
        &self,
        number: u64,
        position: Position,
        sealed: &[u8],
        out: &mut impl Room,
    ) -> Result<(), OpenError> {
        let (ciphertext, tag) = read::frame(sealed)?;
        let plaintext = out.room(ciphertext.len()).unwrap_or_default();
        open(&self.cipher, &nonce(number, position), ciphertext, tag, plaintext)
    }

    /// As [`check_last_tag`](Self::check_last_tag), for a last frame of this number.
    pub(crate) fn check_tag_at(&self, number: u64, ad: &[u8], tag: &Tag) -> Result<(), OpenError> {
        let opened = self
            .cipher
            .open(&nonce(number, Position::Last), ad, &[], tag, &mut []);
        opened.map_err(|_refused| OpenError::NotAuthentic)
    }

    /// Checks the tag of an empty last frame over associated data.
    pub(crate) fn check_last_tag(&mut self, ad: &[u8], tag: &Tag) -> Result<(), OpenError> {
        let nonce = self
            .counter
            .next_nonce(Position::Last)
            .ok_or(OpenError::NotAuthentic)?;
        let opened = self.cipher.open(&nonce, ad, &[], tag, &mut []);
        opened.map_err(|_refused| OpenError::NotAuthentic)
    }
}

fn open(
    cipher: &Cipher,
    nonce: &Nonce,
    ciphertext: &[u8],
    tag: &Tag,
    plaintext: &mut [u8],
) -> Result<(), OpenError> {
    cipher
        .open(nonce, &[], ciphertext, tag, plaintext)
        .map_err(|_refused| OpenError::NotAuthentic)
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
    fn commitments_are_equal_in_all_bytes_or_not_at_all() {
        let one = core::array::from_fn(|at| u8::try_from(at).unwrap_or_default());
        assert!(equal(&one, &one));
        for bit in 0..256 {
            let mut other = one;
            other[bit / 8] ^= 1 << (bit % 8);
            assert!(!equal(&one, &other), "bit {bit}");
            // Differences of two words do not cancel each other.
            other[(bit / 8 + 8) % 32] ^= 1 << (bit % 8);
            assert!(!equal(&one, &other), "bit {bit}, twice");
        }
    }

    #[test]
    fn a_spent_counter_is_refused() {
        assert!(Counter(u64::MAX).next_nonce(Position::Inner).is_none());
    }
}
