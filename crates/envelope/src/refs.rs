//! The parts of a header that come one by one, where they stand in its bytes.
use core::fmt;

use crate::{cursor::Cursor, read};

/// The pairs of a header's encryption context, in the order of the bytes of their keys.
///
/// Its pairs are in the order in which an [`EncryptionContext`](datakey_provider::EncryptionContext) has them, as the format has one
/// encoding for each.
#[derive(Clone)]
pub struct ContextPairs<'a>(pub(crate) Cursor<'a>);

impl<'a> Iterator for ContextPairs<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        Some((read::text(&mut self.0).ok()?, read::text(&mut self.0).ok()?))
    }
}

impl fmt::Debug for ContextPairs<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.clone()).finish()
    }
}

/// The wrapped keys of a header, in order.
#[derive(Clone)]
pub struct WrappedKeyRefs<'a>(pub(crate) Cursor<'a>);

impl<'a> Iterator for WrappedKeyRefs<'a> {
    type Item = WrappedKeyRef<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let (key_id, blob) = read::wrapped_key(&mut self.0).ok()?;
        let key_id = str::from_utf8(key_id).ok()?;
        Some(WrappedKeyRef { key_id, blob })
    }
}

impl fmt::Debug for WrappedKeyRefs<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

/// A wrapped key where it stands in a header.
///
/// It borrows the message. An object for a provider is made by [`Header::wrapped_keys`](crate::Header::wrapped_keys).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct WrappedKeyRef<'a> {
    pub(crate) key_id: &'a str,
    pub(crate) blob: &'a [u8],
}

impl<'a> WrappedKeyRef<'a> {
    /// The id of the wrapping key. A hint for routing, not an authority.
    #[must_use]
    pub const fn key_id(&self) -> &'a str {
        self.key_id
    }

    /// What the provider made.
    #[must_use]
    pub const fn blob(&self) -> &'a [u8] {
        self.blob
    }
}

impl fmt::Debug for WrappedKeyRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WrappedKeyRef")
            .field("key_id", &self.key_id)
            .field("blob_len", &self.blob.len())
            .finish()
    }
}
