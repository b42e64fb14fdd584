//! From a data key to a message's key and commitment: HKDF-SHA-256 in three steps that are each done as seldom as
//! they can be.
//!
//! The data key is uniformly random and is the pseudorandom key of HKDF itself (RFC 5869 section 3.3). The `info` of
//! each expansion is `P || M || purpose`. `P` and `M` are one block of SHA-256 each, so that the state after `P` is
//! kept for all messages of a data key, and the state after `M` for the two expansions of a message.
use alloc::boxed::Box;

use datakey_provider::DataKey;
use hmac::{Hmac, KeyInit as _, Mac as _, digest::FixedOutput as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::{Aad, FrameLen, Kind, SALT_LEN, Suite};

pub(crate) const KEY_LEN: usize = 32;
const LABEL: [u8; 29] = *b"datakey envelope format v1\0\0\0";
const FILL: [u8; 8] = [0; 8];
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
    fn block(&self) -> [u8; 64] {
        let mut block = [0; 64];
        let parts = LABEL
            .iter()
            .copied()
            .chain([self.suite.id(), self.kind.id(), self.frame_len.exponent()])
            .chain(self.context_digest.iter().copied());
        for (to, from) in block.iter_mut().zip(parts) {
            *to = from;
        }
        block
    }
}

/// HMAC keyed with a data key. Boxed once; the hash states are wiped when dropped.
pub(crate) struct Keyed(Box<Hmac<Sha256>>);

impl Keyed {
    pub(crate) fn new(data_key: &DataKey) -> Self {
        #[expect(
            clippy::expect_used,
            reason = "HMAC takes keys of every length (RFC 2104 section 2)"
        )]
        let mac = Hmac::new_from_slice(data_key.expose_secret()).expect("HMAC takes keys of every length");
        Self(Box::new(mac))
    }

    pub(crate) fn prepare(&self, profile: &Profile<'_>) -> Prepared {
        let mut mac = self.0.clone();
        mac.update(&profile.block());
        Prepared(mac)
    }
}

/// The state after `P`.
pub(crate) struct Prepared(Box<Hmac<Sha256>>);

impl Prepared {
    pub(crate) fn message(&self, salt: &[u8; SALT_LEN], aad: Aad<'_>) -> MessageSecret {
        let mut block = [0; 64];
        let parts = salt.iter().copied().chain(aad.digest()).chain(FILL);
        for (to, from) in block.iter_mut().zip(parts) {
            *to = from;
        }
        let mut mac = (*self.0).clone();
        mac.update(&block);
        MessageSecret(mac)
    }
}

/// The state after `M`: a message's own secret.
pub(crate) struct MessageSecret(Hmac<Sha256>);

impl MessageSecret {
    pub(crate) fn commitment(&self) -> [u8; 32] {
        let mut mac = self.0.clone();
        mac.update(COMMITMENT);
        mac.finalize_fixed().into()
    }

    pub(crate) fn into_key(self) -> Zeroizing<[u8; KEY_LEN]> {
        let mut mac = self.0;
        mac.update(AEAD_KEY);
        let mut key = Zeroizing::new([0; KEY_LEN]);
        mac.finalize_into((&mut *key).into());
        key
    }
}
