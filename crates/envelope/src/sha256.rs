//! SHA-256 block by block. All that is hashed for a message is whole blocks and a short end, so that there is nothing to
//! buffer: copying the buffers of a streaming hash is a tenth of what a small message costs.
use sha2::block_api::compress256;
use zeroize::Zeroize as _;

pub(crate) const BLOCK_LEN: usize = 64;
pub(crate) const DIGEST_LEN: usize = 32;
/// The longest end that is padded within one block.
pub(crate) const MAX_END: usize = 55;

/// The state between two blocks. Wiped when dropped, and no `Clone`: what is made of one has a reason.
pub(crate) struct State([u32; 8]);

impl State {
    /// Before the first block (FIPS 180-4, section 5.3.3).
    #[inline]
    pub(crate) const fn initial() -> Self {
        Self([
            0x6a09_e667,
            0xbb67_ae85,
            0x3c6e_f372,
            0xa54f_f53a,
            0x510e_527f,
            0x9b05_688c,
            0x1f83_d9ab,
            0x5be0_cd19,
        ])
    }

    /// The state after one more block.
    #[inline]
    pub(crate) fn after(&self, block: &[u8; BLOCK_LEN]) -> Self {
        let mut next = self.again();
        compress256(&mut next.0, core::slice::from_ref(block));
        next
    }

    /// The same state once more, for what goes on from it in two ways.
    #[inline]
    pub(crate) const fn again(&self) -> Self {
        Self(self.0)
    }

    /// The digest, after the last block.
    #[inline]
    pub(crate) fn digest(&self) -> [u8; DIGEST_LEN] {
        let mut digest = [0; DIGEST_LEN];
        self.write(&mut digest);
        digest
    }

    /// As [`digest`](Self::digest), into a place that its owner wipes.
    #[inline]
    pub(crate) fn write(&self, digest: &mut [u8; DIGEST_LEN]) {
        for (to, word) in digest.as_chunks_mut().0.iter_mut().zip(&self.0) {
            *to = word.to_be_bytes();
        }
    }
}

impl Drop for State {
    #[inline]
    fn drop(&mut self) {
        // As a slice it is wiped in one go, as an array word by word.
        self.0.as_mut_slice().zeroize();
    }
}

/// The last block of `len` bytes: their end, which has at most [`MAX_END`] bytes, padded (FIPS 180-4, section 5.1.1).
#[inline]
pub(crate) const fn padded(end: &[u8], len: u16) -> [u8; BLOCK_LEN] {
    let mut block = [0; BLOCK_LEN];
    if let Some((to, [first, .., high, low])) = block.split_at_mut_checked(end.len()) {
        to.copy_from_slice(end);
        *first = 0x80;
        [*high, *low] = len.saturating_mul(8).to_be_bytes();
    }
    block
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::{Digest as _, Sha256};

    #[test]
    fn one_block_and_more_hash_as_they_should() {
        let bytes: [u8; BLOCK_LEN + MAX_END] = core::array::from_fn(|at| u8::try_from(at).unwrap());
        let (whole, ends) = bytes.split_first_chunk::<BLOCK_LEN>().unwrap();
        for len in 0..=MAX_END {
            let short = padded(&ends[..len], u16::try_from(len).unwrap());
            let one = State::initial().after(&short).digest();
            assert_eq!(one, <[u8; 32]>::from(Sha256::digest(&ends[..len])), "{len}");
            let long = padded(&ends[..len], u16::try_from(BLOCK_LEN + len).unwrap());
            let two = State::initial().after(whole).after(&long).digest();
            assert_eq!(
                two,
                <[u8; 32]>::from(Sha256::digest(&bytes[..BLOCK_LEN + len])),
                "{len}"
            );
        }
    }
}
