//! Parts of a message opened without the rest of it.
use alloc::{boxed::Box, vec::Vec};
use core::{fmt, ops::Range};

use zeroize::Zeroize as _;

use super::{OpeningKey, stream};
use crate::{
    Aad, EndPlan, FormatError, OpenError, RangePlan, Rule,
    frame::{FrameOpener, Position},
    plan, read,
    whole::all_or_nothing,
};

impl OpeningKey {
    /// Opens the range of a [`RangePlan`] from the bytes that it names, and appends its plaintext to `out`: all of it
    /// or nothing. `last` is empty where [`RangePlan::last_frame`] is.
    ///
    /// Where in the plaintext the range begins is part of the plan; the frames that hold it are opened whole, and what does not belong to
    /// the range is cut off and wiped.
    ///
    /// # Errors
    /// [`OpenError::NotAsPlanned`] when the bytes are not as many as planned; otherwise as
    /// [`open`](Self::open). `out` then has its former length, and what was written behind it is wiped.
    pub fn open_range(
        &self,
        plan: &RangePlan<'_>,
        aad: Aad<'_>,
        frames: &[u8],
        last: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), OpenError> {
        expect_len(frames, &plan.frames())?;
        expect_len(last, &plan.last_frame())?;
        let opener = self.begin(plan.header(), aad)?;
        let (last_number, sealed_len) = (plan.last_number(), stream::sealed_frame_len(plan.header()));
        let position = |number| {
            if number == last_number {
                Position::Last
            } else {
                Position::Inner
            }
        };
        all_or_nothing(out, |out| {
            // At once, as a vector that grows leaves plaintext behind.
            out.reserve(frames.len().max(last.len()));
            let start = out.len();
            if !last.is_empty() {
                opener.write_at(last_number, Position::Last, last, out)?;
                cut(out, start, start);
            }
            for (number, frame) in plan.numbers().zip(frames.chunks(sealed_len)) {
                opener.write_at(number, position(number), frame, out)?;
            }
            let plain = plan.plain();
            let len = usize::try_from(plain.end.saturating_sub(plain.start)).unwrap_or(usize::MAX);
            let from = start.saturating_add(plan.skipped().min(out.len().saturating_sub(start)));
            out.copy_within(from.., start);
            cut(out, start, start.saturating_add(len));
            Ok(())
        })
    }

    /// Opens the end of a records message, from which each record can then be opened by itself. `end` is what
    /// [`EndPlan::end_bytes`] names.
    ///
    /// # Errors
    /// [`OpenError`]: commitment, table and number of records are authentic, and add up to the length of the whole,
    /// or there is no index.
    pub fn open_index(&self, plan: &EndPlan<'_>, aad: Aad<'_>, end: &[u8]) -> Result<RecordIndex, OpenError> {
        let (table, tag, count) = read::records_end_with_marker(end)?;
        expect_len(end, &plan.end_bytes(count.to_be_bytes())?)?;
        let frames = self.begin(plan.header(), aad)?;
        frames.check_tag_at(u64::from(count), table, tag)?;
        let offsets = plan::record_offsets(plan, read::table(table))?;
        Ok(RecordIndex {
            frames: Box::new(frames),
            offsets,
        })
    }
}

/// Shortens `out`, and wipes what stood from `from` to its end but is not kept.
fn cut(out: &mut Vec<u8>, from: usize, len: usize) {
    out.get_mut(len.max(from)..).unwrap_or_default().zeroize();
    out.truncate(len);
}

fn expect_len(bytes: &[u8], planned: &Range<u64>) -> Result<(), OpenError> {
    let found = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let expected = planned.end.saturating_sub(planned.start);
    if found == expected {
        Ok(())
    } else {
        Err(OpenError::NotAsPlanned { expected, found })
    }
}

/// The authenticated table of a records message, and with it the place of each record. Each opens by itself.
///
/// Made by [`OpeningKey::open_index`]. Keeps eight bytes for each record.
///
/// ```
/// # #[cfg(feature = "getrandom")] {
/// # use datakey_envelope::{Aad, EndPlan, Header, OpeningKey, Params, SealingKey};
/// # use datakey_provider::{DataKey, DataKeyLength, EncryptionContext, WrappedKey};
/// # let data_key = DataKey::init(DataKeyLength::Bytes32, |bytes| bytes.fill(7));
/// # let wrapped = WrappedKey::new("local:dev", b"opaque".to_vec()).unwrap().into();
/// # let context = EncryptionContext::empty();
/// # let sealing = SealingKey::new(&data_key, &wrapped, &context, &Params::new()).unwrap();
/// # let mut object = Vec::new();
/// # sealing.seal_records(["order 1", "order 2", "order 3"], Aad::EMPTY, &mut object).unwrap();
/// # let fetch = |range: std::ops::Range<u64>| object[range.start as usize..range.end as usize].to_vec();
/// let opening = OpeningKey::new(&data_key, &context)?;
/// let header = Header::decode(&object)?;
/// let plan = EndPlan::new(&header, object.len() as u64)?;
/// let count = fetch(plan.count_bytes());
/// let end = fetch(plan.end_bytes(count.try_into().unwrap())?);
///
/// let index = opening.open_index(&plan, Aad::EMPTY, &end)?;
/// assert_eq!(index.len(), 3);
/// let sealed = fetch(index.record_bytes(1).unwrap());
/// let mut record = Vec::new();
/// index.open_record(1, &sealed, &mut record)?;
/// assert_eq!(record, b"order 2");
/// # }
/// # Ok::<(), datakey_envelope::OpenError>(())
/// ```
///
/// It may be kept for as long as the object is read from: it holds the message's key, and is wiped when dropped. If the object is replaced
/// meanwhile, records of the other one are refused.
pub struct RecordIndex {
    /// Boxed, so that moving this does not copy its key.
    frames: Box<FrameOpener>,
    /// The place of each record, and of the marker after the last.
    offsets: Vec<u64>,
}

impl RecordIndex {
    /// The number of records.
    #[must_use]
    pub fn len(&self) -> u32 {
        u32::try_from(self.offsets.len().saturating_sub(1)).unwrap_or(u32::MAX)
    }

    /// Whether there are no records.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes of the message that hold a record; `None` when there are not so many. Records follow each other, so
    /// that one fetch gets several.
    #[must_use]
    pub fn record_bytes(&self, index: u32) -> Option<Range<u64>> {
        let index = usize::try_from(index).ok()?;
        let end = self.offsets.get(index.checked_add(1)?)?;
        Some(*self.offsets.get(index)?..*end)
    }

    /// Opens a record from its bytes in the message, and appends its plaintext to `out`.
    ///
    /// # Errors
    /// [`OpenError::OutOfRange`] when there is no such record, [`OpenError::NotAsPlanned`] when the bytes are not as
    /// many as planned; otherwise what is wrong with the record. `out` then has its former length, and what was
    /// written behind it is wiped.
    pub fn open_record(&self, index: u32, sealed: &[u8], out: &mut Vec<u8>) -> Result<(), OpenError> {
        let planned = self.record_bytes(index).ok_or(OpenError::OutOfRange {
            end: u64::from(index).saturating_add(1),
            len: u64::from(self.len()),
        })?;
        expect_len(sealed, &planned)?;
        let frame = read::record(sealed).ok_or(OpenError::Format(FormatError::Malformed {
            rule: Rule::RecordTable,
        }))?;
        all_or_nothing(out, |out| {
            self.frames
                .write_at(u64::from(index), Position::Inner, frame, out)
        })
    }
}

impl fmt::Debug for RecordIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordIndex")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}
