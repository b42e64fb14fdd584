//! HKDF-SHA-512 as the committing suites use it, block by block: all that is hashed for a message is whole blocks and a
//! short end, so that there is nothing to buffer.
use sha2::block_api::compress512;
use zeroize::Zeroize as _;

use crate::cipher::Refused;

const BLOCK_LEN: usize = 128;
const DIGEST_LEN: usize = 64;

/// The state between two blocks. Wiped when dropped.
struct State([u64; 8]);

impl State {
    /// Before the first block (FIPS 180-4, section 5.3.5), and after it.
    #[inline]
    fn first(block: &[u8; BLOCK_LEN]) -> Self {
        Self([
            0x6a09_e667_f3bc_c908,
            0xbb67_ae85_84ca_a73b,
            0x3c6e_f372_fe94_f82b,
            0xa54f_f53a_5f1d_36f1,
            0x510e_527f_ade6_82d1,
            0x9b05_688c_2b3e_6c1f,
            0x1f83_d9ab_fb41_bd6b,
            0x5be0_cd19_137e_2179,
        ])
        .after(block)
    }

    #[inline]
    fn after(&self, block: &[u8; BLOCK_LEN]) -> Self {
        let mut next = Self(self.0);
        compress512(&mut next.0, core::slice::from_ref(block));
        next
    }

    #[inline]
    fn write(&self, digest: &mut [u8]) {
        let words = digest.as_chunks_mut::<8>().0.iter_mut();
        words.zip(&self.0).for_each(|(to, word)| *to = word.to_be_bytes());
    }
}

impl Drop for State {
    #[inline]
    fn drop(&mut self) {
        self.0.as_mut_slice().zeroize();
    }
}

/// A block that is wiped when dropped.
struct Block([u8; BLOCK_LEN]);

impl Block {
    /// The last block of a text: its end, behind one block of key.
    #[inline]
    fn last(parts: [&[u8]; 3]) -> Self {
        let mut block = Self([0; BLOCK_LEN]);
        let mut len = 0_usize;
        for part in parts {
            let end = len.saturating_add(part.len());
            if let Some(to) = block.0.get_mut(len..end) {
                to.copy_from_slice(part);
            }
            len = end;
        }
        if let Some(end) = block.0.get_mut(len) {
            *end = 0x80;
        }
        let bits = u16::try_from(len.saturating_add(BLOCK_LEN).saturating_mul(8)).unwrap_or(u16::MAX);
        if let Some(to) = block.0.last_chunk_mut() {
            *to = bits.to_be_bytes();
        }
        block
    }
}

impl Drop for Block {
    #[inline]
    fn drop(&mut self) {
        self.0.as_mut_slice().zeroize();
    }
}

/// HMAC-SHA-512 (RFC 2104) with a key of at most one block.
struct Mac {
    inner: State,
    outer: State,
}

impl Mac {
    #[inline]
    fn new(key: &[u8]) -> Self {
        let start = |pad: u8| {
            let mut block = Block([pad; BLOCK_LEN]);
            block.0.iter_mut().zip(key).for_each(|(to, byte)| *to ^= byte);
            State::first(&block.0)
        };
        Self {
            inner: start(0x36),
            outer: start(0x5c),
        }
    }

    /// The code of a text of less than 112 bytes; the front of it, where `out` is shorter.
    #[inline]
    fn code(&self, text: [&[u8]; 3], out: &mut [u8]) {
        let mut digest = Block([0; BLOCK_LEN]);
        self.inner.after(&Block::last(text).0).write(&mut digest.0);
        let (digest, _) = digest.0.split_at(DIGEST_LEN);
        self.outer.after(&Block::last([digest, &[], &[]]).0).write(out);
    }
}

/// What HKDF (RFC 5869) expands, after its extraction, by whichever computes it.
pub(crate) enum Extracted {
    Own(OwnExtracted),
    #[cfg(feature = "fips")]
    Module(aws_lc_rs::hkdf::Prk),
}

impl Extracted {
    /// Extracts from a data key with the message id as its salt.
    #[inline]
    pub(crate) fn new(salt: &[u8], data_key: &[u8]) -> Self {
        #[cfg(feature = "fips")]
        if crate::is_fips() {
            use aws_lc_rs::hkdf::{HKDF_SHA512, Salt};
            return Self::Module(Salt::new(HKDF_SHA512, salt).extract(data_key));
        }
        Self::Own(OwnExtracted::new(salt, data_key))
    }

    /// Expands to 32 bytes. `info` stands in two parts.
    #[inline]
    pub(crate) fn expand(&self, info: [&[u8]; 2], out: &mut [u8; 32]) -> Result<(), Refused> {
        match self {
            Self::Own(own) => own.expand(info, out),
            #[cfg(feature = "fips")]
            Self::Module(key) => key
                .expand(&info, aws_lc_rs::hkdf::HKDF_SHA256)
                .and_then(|made| made.fill(out))
                .map_err(|_opaque| Refused)?,
        }
        Ok(())
    }
}

/// The same, block by block.
pub(crate) struct OwnExtracted(Mac);

impl OwnExtracted {
    #[inline]
    fn new(salt: &[u8], data_key: &[u8]) -> Self {
        let mut pseudorandom = Block([0; BLOCK_LEN]);
        let (key, _) = pseudorandom.0.split_at_mut(DIGEST_LEN);
        Mac::new(salt).code([data_key, &[], &[]], key);
        Self(Mac::new(key))
    }

    /// The 32 bytes are the front of the one block of output that it takes.
    #[inline]
    fn expand(&self, info: [&[u8]; 2], out: &mut [u8; 32]) {
        let [front, back] = info;
        self.0.code([front, back, &[1]], out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hkdf::Hkdf;
    use sha2::Sha512;

    #[test]
    fn expansions_are_those_of_hkdf() {
        for byte in [0_u8, 1, 0xA5, 0xFF] {
            let (salt, key) = ([byte; 32], [byte.wrapping_add(1); 32]);
            let own = Extracted::new(&salt, &key);
            let hkdf = Hkdf::<Sha512>::new(Some(&salt), &key);
            for info in [[&b"\x04\x78"[..], b"DERIVEKEY"], [b"COMMITKEY", b""], [b"", b""]] {
                let (mut found, mut expected) = ([0; 32], [0; 32]);
                own.expand(info, &mut found).unwrap();
                hkdf.expand_multi_info(&info, &mut expected).unwrap();
                assert_eq!(found, expected);
            }
        }
    }
}
