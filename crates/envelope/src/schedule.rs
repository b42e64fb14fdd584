//! From a data key to a message's key and commitment: HKDF-SHA-256 in three steps that are each done as seldom as
//! they can be.
//!
//! The data key is uniformly random and is the pseudorandom key of HKDF itself (RFC 5869 section 3.3). The `info` of
//! each expansion is `P || M || purpose`. `P` and `M` are one block of SHA-256 each, so that the state after `P` is
//! kept for all messages of a data key, and the state after `M` for the two expansions of a message.
use alloc::boxed::Box;
use core::{mem, ops::Range, slice};

use datakey_provider::DataKey;
use zeroize::{Zeroize as _, Zeroizing};

use crate::{
    Aad, FrameLen, Kind, LimitError, SALT_LEN, Suite,
    sha256::{BLOCK_LEN, State, padded},
};

pub(crate) const KEY_LEN: usize = 32;
const LABEL: [u8; 29] = *b"datakey envelope format v1\0\0\0";
// The one output block of each expansion ends its input with the counter 1 (RFC 5869 section 2.3).
// In front of it stand the key's block, `P` and `M`.
const AEAD_KEY: End = End::new(b"aead key\x01", 3 * 64 + 9);
const COMMITMENT: End = End::new(b"commitment\x01", 3 * 64 + 11);

/// What all messages of one data key, suite, kind and frame length have in common.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Profile<'a> {
    pub(crate) suite: Suite,
    pub(crate) kind: Kind,
    pub(crate) frame_len: FrameLen,
    pub(crate) context_digest: &'a [u8; 32],
}

impl Profile<'_> {
    fn block(&self) -> [u8; BLOCK_LEN] {
        let ids = [self.suite.id(), self.kind.id(), self.frame_len.exponent()];
        block([&LABEL, &ids, self.context_digest])
    }
}

/// Parts of a block one after the other; the rest is zero.
fn block(parts: [&[u8]; 3]) -> [u8; BLOCK_LEN] {
    let mut block = [0; BLOCK_LEN];
    let mut rest = block.as_mut_slice();
    for part in parts {
        if let Some((to, more)) = mem::take(&mut rest).split_at_mut_checked(part.len()) {
            to.copy_from_slice(part);
            rest = more;
        }
    }
    block
}

/// The end of a text, as it is and padded.
struct End {
    #[cfg(feature = "fips")]
    text: &'static [u8],
    block: [u8; BLOCK_LEN],
}

impl End {
    const fn new(text: &'static [u8], len: u16) -> Self {
        Self {
            #[cfg(feature = "fips")]
            text,
            block: padded(text, len),
        }
    }
}

/// HMAC-SHA-256 (RFC 2104) between two blocks, by whichever computes it.
enum Mac {
    Own(OwnMac),
    /// Boxed, as it is many times as large.
    #[cfg(feature = "fips")]
    Module(Box<aws_lc_rs::hmac::Context>),
}

impl Mac {
    fn new(key: &[u8; 32]) -> Self {
        #[cfg(feature = "fips")]
        if crate::is_fips() {
            use aws_lc_rs::hmac::{Context, HMAC_SHA256, Key};
            return Self::Module(Box::new(Context::with_key(&Key::new(HMAC_SHA256, key))));
        }
        Self::Own(OwnMac::new(key))
    }

    #[inline]
    fn after(&self, block: &[u8; BLOCK_LEN]) -> Self {
        match self {
            Self::Own(own) => Self::Own(own.after(block)),
            #[cfg(feature = "fips")]
            Self::Module(code) => {
                let mut code = code.clone();
                code.update(block);
                Self::Module(code)
            }
        }
    }

    #[inline]
    fn finish(&self, ends: [&End; 2], out: [&mut [u8; 32]; 2]) {
        match self {
            Self::Own(own) => own.finish(ends.map(|end| &end.block), out),
            #[cfg(feature = "fips")]
            Self::Module(code) => {
                for (end, out) in ends.into_iter().zip(out) {
                    let mut code = code.as_ref().clone();
                    code.update(end.text);
                    let made = code.sign();
                    out.iter_mut()
                        .zip(made.as_ref())
                        .for_each(|(to, byte)| *to = *byte);
                }
            }
        }
    }
}

/// HMAC-SHA-256 (RFC 2104) between two blocks: what stands in front of the text and behind it.
///
/// All texts here are whole blocks and a constant end, so that there is nothing to buffer and nothing to pad.
struct OwnMac {
    inner: State,
    outer: State,
}

impl OwnMac {
    fn new(key: &[u8; 32]) -> Self {
        let start = |pad: u8| {
            let mut block = Zeroizing::new([pad; BLOCK_LEN]);
            block.iter_mut().zip(key).for_each(|(to, byte)| *to ^= byte);
            State::initial().after(&block)
        };
        Self {
            inner: start(0x36),
            outer: start(0x5c),
        }
    }

    #[inline]
    fn after(&self, block: &[u8; BLOCK_LEN]) -> Self {
        Self {
            inner: self.inner.after(block),
            outer: self.outer.again(),
        }
    }

    /// The codes of two texts that end differently. Each step of one stands beside that of the other, which a processor
    /// computes at the same time.
    #[inline]
    fn finish(&self, ends: [&[u8; BLOCK_LEN]; 2], out: [&mut [u8; 32]; 2]) {
        let [end, other_end] = ends;
        let inner = [self.inner.after(end), self.inner.after(other_end)];
        let mut blocks = [Wiped(OUTER_END), Wiped(OUTER_END)];
        for (block, state) in blocks.iter_mut().zip(&inner) {
            if let Some(digest) = block.0.first_chunk_mut() {
                state.write(digest);
            }
        }
        let [block, other_block] = &blocks;
        let outer = [self.outer.after(&block.0), self.outer.after(&other_block.0)];
        for (out, state) in out.into_iter().zip(&outer) {
            state.write(out);
        }
    }
}

/// Bytes that are wiped when dropped. All at once as a slice is, where [`Zeroizing`] wipes an array byte by byte.
struct Wiped<const N: usize>([u8; N]);

impl<const N: usize> Drop for Wiped<N> {
    #[inline]
    fn drop(&mut self) {
        self.0.as_mut_slice().zeroize();
    }
}

/// Behind the inner digest: one block of key, and the digest.
const OUTER_END: [u8; BLOCK_LEN] = padded(&[0; 32], 64 + 32);

/// HMAC keyed with a data key. Boxed once; wiped when dropped.
pub(crate) struct Keyed(Box<Mac>);

impl Keyed {
    pub(crate) fn new(data_key: &DataKey) -> Result<Self, LimitError> {
        let other_length = |_| LimitError::DataKeyLength(data_key.length());
        let secret = data_key.expose_secret().try_into().map_err(other_length)?;
        Ok(Self(Box::new(Mac::new(secret))))
    }

    pub(crate) fn memory(&self) -> Range<*const u8> {
        memory(&self.0)
    }

    pub(crate) fn prepare(&self, profile: &Profile<'_>) -> Prepared {
        Prepared(Box::new(self.0.after(&profile.block())))
    }
}

/// Where a hash state lies on the heap.
fn memory(state: &Mac) -> Range<*const u8> {
    fn place<T>(of: &T) -> Range<*const u8> {
        let range = slice::from_ref(of).as_ptr_range();
        range.start.cast()..range.end.cast()
    }
    match state {
        Mac::Own(own) => place(own),
        #[cfg(feature = "fips")]
        Mac::Module(code) => place(code.as_ref()),
    }
}

/// The state after `P`.
pub(crate) struct Prepared(Box<Mac>);

impl Prepared {
    pub(crate) fn memory(&self) -> Range<*const u8> {
        memory(&self.0)
    }

    /// Derives into the place that a message has for its secrets, as a copy that is moved is not wiped.
    #[inline]
    pub(crate) fn derive(&self, salt: &[u8; SALT_LEN], aad: Aad<'_>, secrets: &mut MessageSecrets) {
        let message = self.0.after(&block([salt, &aad.digest(), &[]]));
        message.finish(
            [&AEAD_KEY, &COMMITMENT],
            [&mut secrets.key.0, &mut secrets.commitment],
        );
    }
}

/// What is derived for one message: its key, which is wiped when dropped, and its commitment.
pub(crate) struct MessageSecrets {
    key: Wiped<KEY_LEN>,
    commitment: [u8; 32],
}

impl MessageSecrets {
    /// A place for secrets.
    #[inline]
    pub(crate) const fn empty() -> Self {
        Self {
            key: Wiped([0; KEY_LEN]),
            commitment: [0; 32],
        }
    }

    #[inline]
    pub(crate) const fn key(&self) -> &[u8; KEY_LEN] {
        &self.key.0
    }

    #[inline]
    pub(crate) const fn commitment(&self) -> &[u8; 32] {
        &self.commitment
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use datakey_provider::DataKeyLength;
    use hkdf::Hkdf;
    use sha2::Sha256;

    #[test]
    fn expansions_are_those_of_hkdf() {
        for byte in [0, 1, 0xA5] {
            let data_key = DataKey::init(DataKeyLength::Bytes32, |own| own.fill(byte));
            let profile = Profile {
                suite: Suite::Aes256Gcm,
                kind: Kind::Records,
                frame_len: FrameLen::MAX,
                context_digest: &[byte; 32],
            };
            let aad = [byte];
            let aad = Aad::new(&aad);
            let mut secrets = MessageSecrets::empty();
            Keyed::new(&data_key)
                .unwrap()
                .prepare(&profile)
                .derive(&[byte; 24], aad, &mut secrets);
            let expand = |purpose: &[u8]| {
                let mut out = [0; 32];
                let message = block([&[byte; 24], &aad.digest(), &[]]);
                let info = [&profile.block()[..], &message, purpose].concat();
                let hkdf = Hkdf::<Sha256>::from_prk(data_key.expose_secret()).unwrap();
                hkdf.expand(&info, &mut out).unwrap();
                out
            };
            assert_eq!(*secrets.commitment(), expand(b"commitment"));
            assert_eq!(*secrets.key(), expand(b"aead key"));
        }
    }
}
