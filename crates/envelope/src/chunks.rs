//! Input in any portions, cut into frames of one length.
use alloc::vec::Vec;

use zeroize::Zeroize as _;

/// Hands on frame after frame, and holds back what may be the last.
pub(crate) struct Chunks {
    len: usize,
    pending: Pending,
}

impl Chunks {
    pub(crate) fn new(len: usize) -> Self {
        Self {
            len,
            pending: Pending(Vec::new()),
        }
    }

    /// Hands each frame that is known not to be the last to `inner`, and keeps the rest.
    pub(crate) fn push<E>(
        &mut self,
        mut input: &[u8],
        mut inner: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        if !self.pending.0.is_empty() {
            let missing = self.len.saturating_sub(self.pending.0.len());
            match input.split_at_checked(missing) {
                Some((fill, rest)) if !rest.is_empty() => {
                    self.pending.extend(fill, self.len);
                    inner(&self.pending.0)?;
                    self.pending.0.clear();
                    input = rest;
                }
                _ => {
                    self.pending.extend(input, self.len);
                    return Ok(());
                }
            }
        }
        while let Some((frame, rest)) = input.split_at_checked(self.len)
            && !rest.is_empty()
        {
            inner(frame)?;
            input = rest;
        }
        self.pending.extend(input, self.len);
        Ok(())
    }

    /// The length of each frame.
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// How many frames a portion of this length completes.
    pub(crate) fn completes(&self, input_len: usize) -> usize {
        let held = self.pending.0.len().saturating_add(input_len);
        held.saturating_sub(1).checked_div(self.len).unwrap_or_default()
    }

    /// What is held back: the last frame, once there is no more input.
    pub(crate) fn last(&self) -> &[u8] {
        &self.pending.0
    }
}

/// Input that is held back. It may be plaintext: it is wiped when it moves to more memory and when it is dropped.
struct Pending(Vec<u8>);

impl Pending {
    /// Takes no more memory than twice what has arrived, and never more than a frame.
    fn extend(&mut self, input: &[u8], frame_len: usize) {
        let needed = self.0.len().saturating_add(input.len());
        if needed > self.0.capacity() {
            let doubled = self.0.capacity().saturating_mul(2).min(frame_len);
            let mut more = Vec::with_capacity(needed.max(doubled));
            more.extend_from_slice(&self.0);
            self.wipe();
            self.0 = more;
        }
        self.0.extend_from_slice(input);
    }

    /// Both parts as slices: those are wiped in bulk, which a vector is not.
    fn wipe(&mut self) {
        self.0.spare_capacity_mut().zeroize();
        self.0.as_mut_slice().zeroize();
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.wipe();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_back_moves_only_when_there_is_no_room_and_takes_no_more_than_a_frame() {
        let mut pending = Pending(Vec::new());
        let mut capacities = Vec::new();
        for _ in 0..5 {
            pending.extend(b"a", 5);
            capacities.push(pending.0.capacity());
        }
        assert_eq!(capacities, [1, 2, 4, 4, 5]);
    }

    #[test]
    fn chunks_hold_the_last_frame_back() {
        let mut chunks = Chunks::new(4);
        let mut seen: Vec<Vec<u8>> = Vec::new();
        for part in [&b"ab"[..], b"", b"cd", b"efghij", b"kl"] {
            let expected = seen.len() + chunks.completes(part.len());
            let pushed: Result<(), ()> = chunks.push(part, |frame| {
                seen.push(frame.to_vec());
                Ok(())
            });
            assert!(pushed.is_ok());
            assert_eq!(seen.len(), expected);
        }
        assert_eq!(seen, [b"abcd".to_vec(), b"efgh".to_vec()]);
        assert_eq!(chunks.last(), b"ijkl");
    }

    #[test]
    fn what_is_held_back_takes_no_more_than_a_frame() {
        let mut pending = Pending(Vec::new());
        for byte in 0..100 {
            pending.extend(&[byte], 100);
            assert!(pending.0.capacity() <= 100);
        }
        assert!(pending.0.iter().copied().eq(0..100));
        pending.wipe();
        assert!(pending.0.iter().all(|byte| *byte == 0));
    }
}
