//! Where output goes: the end of a vector, or a slice of the caller's that is known to be long enough.
use alloc::vec::Vec;

/// Hands out the next bytes to write to. A frame is sealed or opened from the input straight into them.
pub(crate) trait Room {
    /// The next `len` bytes; `None` where there are not so many.
    fn room(&mut self, len: usize) -> Option<&mut [u8]>;

    /// Writes these bytes next; `None` where there is no room for them.
    fn put(&mut self, bytes: &[u8]) -> Option<()> {
        self.room(bytes.len())?.copy_from_slice(bytes);
        Some(())
    }
}

impl Room for Vec<u8> {
    fn room(&mut self, len: usize) -> Option<&mut [u8]> {
        let start = self.len();
        self.resize(start.checked_add(len)?, 0);
        self.get_mut(start..)
    }

    fn put(&mut self, bytes: &[u8]) -> Option<()> {
        self.extend_from_slice(bytes);
        Some(())
    }
}
