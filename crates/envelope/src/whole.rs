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

/// The end of a vector that is to grow up to a known length. Its new bytes are zeroed some way ahead: in one go where a
/// message is small, and in steps that stay in the processor's cache where it is large.
struct Ahead<'a> {
    out: &'a mut Vec<u8>,
    used: usize,
    end: usize,
}

const STEP: usize = 1 << 20;

impl Room for Ahead<'_> {
    #[inline]
    fn room(&mut self, len: usize) -> Option<&mut [u8]> {
        let start = self.used;
        self.used = start.checked_add(len)?;
        if self.used > self.out.len() {
            let ahead = start.saturating_add(STEP).min(self.end);
            self.out.resize(ahead.max(self.used), 0);
        }
        self.out.get_mut(start..self.used)
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
            let used = out.len();
            let end = used.saturating_add(len);
            let mut ahead = Ahead { out, used, end };
            let written = what.write(&mut ahead);
            let used = ahead.used;
            out.truncate(used);
            written
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
    fn a_vector_is_as_long_as_what_was_written() {
        let mut out = b"kept".to_vec();
        let mut ahead = Ahead {
            out: &mut out,
            used: 4,
            end: 3 * STEP,
        };
        assert_eq!(ahead.room(2).map(|room| room.len()), Some(2));
        assert_eq!(ahead.out.len(), 4 + STEP);
        assert_eq!(ahead.room(2 * STEP).map(|room| room.len()), Some(2 * STEP));
        // Beyond what was announced it grows as it must.
        assert_eq!(ahead.room(2 * STEP).map(|room| room.len()), Some(2 * STEP));
        assert_eq!((ahead.used, ahead.out.len()), (4 * STEP + 6, 4 * STEP + 6));
        assert!(ahead.out.starts_with(b"kept"));
        let written = append(&mut Vec::with_capacity(9), 9, Three);
        assert_eq!(written, Ok(()));
        append(&mut out, 9, Three).unwrap();
        assert_eq!(out.len(), 4 * STEP + 9);
    }

    struct Three;
    impl Write<()> for Three {
        fn write(self, out: &mut impl Room) -> Result<(), ()> {
            out.put(&[1, 2, 3]).ok_or(())
        }
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
