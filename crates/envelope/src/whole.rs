//! Output that is written as a whole or not at all.
use alloc::{vec, vec::Vec};
use core::mem;

use zeroize::Zeroize as _;

use crate::room::Room;

/// From this length on, allocators ask the system for memory. Below it, they take longer to find memory that is to be zeroed
/// than to find any.
const FROM_THE_SYSTEM: usize = 1 << 17;

/// What is left of a slice.
pub(crate) struct Slice<'a>(pub(crate) &'a mut [u8]);

impl Room for Slice<'_> {
    fn room(&mut self, len: usize) -> Option<&mut [u8]> {
        let (room, rest) = mem::take(&mut self.0).split_at_mut_checked(len)?;
        self.0 = rest;
        Some(room)
    }
}

/// Something that is written to either kind of room, in the same way.
pub(crate) trait Write<E> {
    fn write(self, out: &mut impl Room) -> Result<(), E>;
}

/// Appends what is `len` bytes long; when that fails, wipes what it appended and gives `out` its former length.
pub(crate) fn append<E>(out: &mut Vec<u8>, len: usize, what: impl Write<E>) -> Result<(), E> {
    all_or_nothing(out, |out| {
        if out.capacity() == 0 && len >= FROM_THE_SYSTEM {
            // Fresh memory comes zeroed from the system, and is then touched only once.
            *out = vec![0; len];
            what.write(&mut Slice(out))
        } else {
            out.reserve(len);
            what.write(out)
        }
    })
}

/// Fills `out`; wipes it when that fails.
pub(crate) fn fill<E>(out: &mut [u8], what: impl Write<E>) -> Result<(), E> {
    let written = what.write(&mut Slice(&mut *out));
    if written.is_err() {
        out.zeroize();
    }
    written
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

#[cfg(test)]
mod tests {
    use super::*;

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
    fn a_slice_has_the_room_that_it_has() {
        let mut bytes = [0; 5];
        let mut slice = Slice(&mut bytes);
        assert_eq!(slice.room(3).map(|room| room.len()), Some(3));
        assert_eq!(slice.room(3), None);
    }

    struct Half;
    impl Write<()> for Half {
        fn write(self, out: &mut impl Room) -> Result<(), ()> {
            out.room(2).ok_or(())?.fill(7);
            Err(())
        }
    }

    #[test]
    fn a_failure_leaves_nothing_of_either_kind_of_room() {
        let mut bytes = [0; 4];
        assert_eq!(fill(&mut bytes, Half), Err(()));
        assert_eq!(bytes, [0; 4]);
        for mut out in [Vec::new(), b"kept".to_vec()] {
            let before = out.clone();
            for len in [4, FROM_THE_SYSTEM] {
                assert_eq!(append(&mut out, len, Half), Err(()));
                assert_eq!(out, before);
            }
        }
    }
}
