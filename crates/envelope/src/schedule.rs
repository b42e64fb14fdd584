//! From a data key to a message's key and commitment: HKDF-SHA-256 in three steps that are each done as seldom as
//! they can be.
//!
//! The data key is uniformly random and is the pseudorandom key of HKDF itself (RFC 5869 section 3.3). The `info` of
//! each expansion is `P || M || purpose`. `P` and `M` are one block of SHA-256 each, so that the state after `P` is
//! kept for all messages of a data key, and the state after `M` for the two expansions of a message.
use alloc::boxed::Box;
use core::{mem, ops::Range, slice};

use datakey_provider::DataKey;
use hmac::{
    KeyInit as _,
    block_api::HmacCore,
    digest::block_api::{Buffer, FixedOutputCore as _, UpdateCore as _},
};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::{Aad, FrameLen, Kind, SALT_LEN, Suite};

pub(crate) const KEY_LEN: usize = 32;
const LABEL: [u8; 29] = *b"datakey envelope format v1\0\0\0";
const BLOCK_LEN: usize = 64;
// The one output block of each expansion ends its input with the counter 1 (RFC 5869 section 2.3).
const AEAD_KEY: &[u8] = b"aead key\x01";
const COMMITMENT: &[u8] = b"commitment\x01";

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

/// HMAC keyed with a data key. Boxed once; the hash states are wiped when dropped.
///
/// These are states between two blocks, without the buffer for a part of one that `Hmac` carries along: `P` and `M` are
/// one block each, and copying the buffers was a tenth of what a small message costs.
pub(crate) struct Keyed(Box<HmacCore<Sha256>>);

impl Keyed {
    pub(crate) fn new(data_key: &DataKey) -> Self {
        #[expect(
            clippy::expect_used,
            reason = "HMAC takes keys of every length (RFC 2104 section 2)"
        )]
        let mac =
            HmacCore::new_from_slice(data_key.expose_secret()).expect("HMAC takes keys of every length");
        Self(Box::new(mac))
    }

    pub(crate) fn memory(&self) -> Range<*const u8> {
        memory(&self.0)
    }

    pub(crate) fn prepare(&self, profile: &Profile<'_>) -> Prepared {
        let mut mac = self.0.clone();
        mac.update_blocks(&[profile.block().into()]);
        Prepared(mac)
    }
}

/// Where a hash state lies on the heap.
fn memory(state: &HmacCore<Sha256>) -> Range<*const u8> {
    let range = slice::from_ref(state).as_ptr_range();
    range.start.cast()..range.end.cast()
}

/// The state after `P`.
pub(crate) struct Prepared(Box<HmacCore<Sha256>>);

impl Prepared {
    pub(crate) fn memory(&self) -> Range<*const u8> {
        memory(&self.0)
    }

    #[inline]
    pub(crate) fn message(&self, salt: &[u8; SALT_LEN], aad: Aad<'_>) -> MessageSecret {
        let mut mac = (*self.0).clone();
        mac.update_blocks(&[block([salt, &aad.digest(), &[]]).into()]);
        MessageSecret(mac)
    }
}

/// The state after `M`: a message's own secret.
pub(crate) struct MessageSecret(HmacCore<Sha256>);

impl MessageSecret {
    #[inline]
    pub(crate) fn commitment(&self) -> [u8; 32] {
        let mut commitment = [0; 32];
        let (mut mac, mut rest) = (self.0.clone(), Buffer::<HmacCore<Sha256>>::new(COMMITMENT));
        mac.finalize_fixed_core(&mut rest, (&mut commitment).into());
        commitment
    }

    #[inline]
    pub(crate) fn into_key(mut self) -> Zeroizing<[u8; KEY_LEN]> {
        let mut key = Zeroizing::new([0; KEY_LEN]);
        let mut rest = Buffer::<HmacCore<Sha256>>::new(AEAD_KEY);
        self.0.finalize_fixed_core(&mut rest, (&mut *key).into());
        key
    }
}
