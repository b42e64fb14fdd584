//! Which bytes of a stored message to fetch for a part of it: planned from the header and the length of the whole,
//! without a key, in checked arithmetic over lengths that nobody vouches for.
use core::ops::Range;

use crate::{
    FormatError, Header, Kind, MAX_RECORDS, OpenError, Rule,
    geometry::{self, RECORDS_END_LEN},
};

/// What a record takes in front of the end: its length and its tag.
const RECORD_FRAME: u64 = 20;
/// What the table holds for a record.
const TABLE_ENTRY: u64 = 4;

/// Where in a sealed byte stream the frames stand that hold a range of its plaintext.
///
/// The last frame of the message is opened too, unless told otherwise: it authenticates the length of the whole. Make
/// a plan, fetch the bytes that it names (two range requests to an object store), and hand them to
/// [`OpeningKey::open_range`](crate::OpeningKey::open_range).
///
/// ```
/// # #[cfg(all(feature = "getrandom", any(feature = "rustcrypto", feature = "aws-lc")))] {
/// # use datakey_envelope::{Aad, Header, OpeningKey, Params, RangePlan, SealingKey};
/// # use datakey_provider::{DataKey, DataKeyLength, EncryptionContext, WrappedKey};
/// # let data_key = DataKey::init(DataKeyLength::Bytes32, |bytes| bytes.fill(7));
/// # let wrapped = WrappedKey::new("local:dev", b"opaque".to_vec()).unwrap().into();
/// # let context = EncryptionContext::empty();
/// # let sealing = SealingKey::new(&data_key, &wrapped, &context, &Params::new()).unwrap();
/// # let plaintext: Vec<u8> = (0..200_000_u32).map(|at| at as u8).collect();
/// # let mut object = Vec::new();
/// # sealing.seal(&plaintext, Aad::EMPTY, &mut object).unwrap();
/// # let fetch = |range: std::ops::Range<u64>| object[range.start as usize..range.end as usize].to_vec();
/// let opening = OpeningKey::new(&data_key, &context)?;
/// let header = Header::decode(&object)?; // its first kilobyte is enough
/// let plan = RangePlan::new(&header, object.len() as u64, 70_000..70_100)?;
///
/// let frames = fetch(plan.frames());
/// let last = fetch(plan.last_frame());
/// let mut out = Vec::new();
/// opening.open_range(&plan, Aad::EMPTY, &frames, &last, &mut out)?;
/// assert_eq!(out, &plaintext[70_000..70_100]);
/// # }
/// # Ok::<(), datakey_envelope::OpenError>(())
/// ```
///
/// # What is fetched
///
/// Whole frames: for a hundred bytes in a message of the default frame length, 64 KiB, and the last frame of the message besides. Choose a
/// shorter frame length for what is read in small pieces. Nothing is known of the bytes that were not fetched, except that the whole is as
/// long as it claims.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RangePlan<'a> {
    header: Header<'a>,
    plain: Range<u64>,
    /// The numbers of the frames that hold the range.
    numbers: Range<u64>,
    /// The number of frames of the message.
    count: u64,
    body_len: u64,
    whole: bool,
}

impl<'a> RangePlan<'a> {
    /// Plans for the bytes `plain` of the plaintext of a message of `message_len` bytes.
    ///
    /// # Errors
    /// [`OpenError::Format`] when no byte stream has that length, [`OpenError::OtherKind`] for records, and
    /// [`OpenError::OutOfRange`] when the range does not lie within the plaintext.
    pub fn new(header: &Header<'a>, message_len: u64, plain: Range<u64>) -> Result<Self, OpenError> {
        let plain_len = header.plain_len(message_len)?.ok_or(OpenError::OtherKind {
            expected: Kind::Bytes,
            found: header.kind(),
        })?;
        if plain.start > plain.end || plain.end > plain_len {
            return Err(OpenError::OutOfRange {
                end: plain.end.max(plain.start),
                len: plain_len,
            });
        }
        let frame_len = geometry::frame_len(header.frame_len());
        let numbers = if plain.is_empty() {
            0..0
        } else {
            plain.start.div_euclid(frame_len)..plain.end.div_ceil(frame_len)
        };
        Ok(Self {
            header: *header,
            plain,
            numbers,
            count: plain_len.div_ceil(frame_len).max(1),
            body_len: message_len.saturating_sub(header_len(header)),
            whole: true,
        })
    }

    /// Leaves the last frame out, so that a plan takes one fetch.
    ///
    /// The plaintext of the range stays authentic, and in its place. That the message goes on as long as the stored
    /// object claims does not: whoever stores it may have cut it off or made it longer.
    ///
    /// ```
    /// # #[cfg(all(feature = "getrandom", any(feature = "rustcrypto", feature = "aws-lc")))] {
    /// # use datakey_envelope::{Params, SealingKey};
    /// # use datakey_provider::{DataKey, DataKeyLength, EncryptionContext, WrappedKey, WrappedKeys};
    /// # let data_key = DataKey::init(DataKeyLength::Bytes32, |bytes| bytes.fill(7));
    /// # let wrapped = WrappedKeys::from(WrappedKey::new("local:dev", b"opaque".to_vec())?);
    /// # let context = EncryptionContext::new([("tenant", "acme")])?;
    /// # let sealing = SealingKey::new(&data_key, &wrapped, &context, &Params::new())?;
    /// # let opening = datakey_envelope::OpeningKey::new(&data_key, &context)?;
    /// use datakey_envelope::{Aad, Header, RangePlan};
    ///
    /// let mut object = Vec::new();
    /// sealing.seal(&[7; 200_000], Aad::EMPTY, &mut object)?;
    /// let header = Header::decode(&object)?;
    /// let plan = RangePlan::new(&header, object.len() as u64, 0..100)?.danger_any_total_length();
    /// assert!(plan.last_frame().is_empty()); // one request to the store, and not two
    /// let frames = &object[plan.frames().start as usize..plan.frames().end as usize];
    /// let mut first = Vec::new();
    /// opening.open_range(&plan, Aad::EMPTY, frames, &[], &mut first)?;
    /// assert_eq!(first, [7; 100]);
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn danger_any_total_length(mut self) -> Self {
        self.whole = false;
        self
    }

    /// The bytes of the message to fetch for the range itself. Empty for an empty range.
    #[must_use]
    pub fn frames(&self) -> Range<u64> {
        if self.numbers.is_empty() {
            let start = header_len(&self.header);
            start..start
        } else {
            self.frame(self.numbers.start).start..self.frame(self.numbers.end.saturating_sub(1)).end
        }
    }

    /// The bytes of the last frame of the message. Empty when [`frames`](Self::frames) has it, or when it was left
    /// out.
    #[must_use]
    pub fn last_frame(&self) -> Range<u64> {
        let last = self.count.saturating_sub(1);
        if self.whole && !self.numbers.contains(&last) {
            self.frame(last)
        } else {
            let start = header_len(&self.header);
            start..start
        }
    }

    /// The range of the plaintext.
    #[must_use]
    pub fn plain(&self) -> Range<u64> {
        self.plain.clone()
    }

    /// The header of the message.
    #[must_use]
    pub const fn header(&self) -> &Header<'a> {
        &self.header
    }

    /// Where a frame stands in the message. The last one ends with it.
    fn frame(&self, number: u64) -> Range<u64> {
        let sealed_len = geometry::frame_len(self.header.frame_len()).saturating_add(geometry::TAG);
        let start = number.saturating_mul(sealed_len);
        let end = start.saturating_add(sealed_len).min(self.body_len);
        let header_len = header_len(&self.header);
        header_len.saturating_add(start)..header_len.saturating_add(end)
    }

    #[cfg(any(feature = "rustcrypto", feature = "aws-lc"))]
    pub(crate) fn numbers(&self) -> Range<u64> {
        self.numbers.clone()
    }

    #[cfg(any(feature = "rustcrypto", feature = "aws-lc"))]
    pub(crate) const fn last_number(&self) -> u64 {
        self.count.saturating_sub(1)
    }

    /// How many bytes of the first frame stand before the range.
    #[cfg(any(feature = "rustcrypto", feature = "aws-lc"))]
    pub(crate) fn skipped(&self) -> usize {
        let frame_len = geometry::frame_len(self.header.frame_len());
        usize::try_from(self.plain.start.rem_euclid(frame_len)).unwrap_or(usize::MAX)
    }
}

/// Where the end of a records message stands: what a [`RecordIndex`](crate::RecordIndex) is read from.
///
/// Fetch the last four bytes, and with them know how long the end is. Both ranges are of the whole message, header
/// included.
///
/// The end grows with the number of records, four bytes for each, and not with what they hold: of a batch of ten thousand orders it is 40
/// kB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndPlan<'a> {
    header: Header<'a>,
    message_len: u64,
}

impl<'a> EndPlan<'a> {
    /// Plans for a records message of `message_len` bytes.
    ///
    /// # Errors
    /// [`OpenError::OtherKind`] for a byte stream, [`OpenError::Format`] when the message is too short to have an end.
    pub fn new(header: &Header<'a>, message_len: u64) -> Result<Self, OpenError> {
        if header.kind() != Kind::Records {
            return Err(OpenError::OtherKind {
                expected: Kind::Records,
                found: header.kind(),
            });
        }
        let least = header_len(header).saturating_add(RECORDS_END_LEN);
        match least.checked_sub(message_len) {
            None | Some(0) => Ok(Self {
                header: *header,
                message_len,
            }),
            Some(missing) => Err(FormatError::Truncated { missing }.into()),
        }
    }

    /// The bytes of the message that hold the number of records: the last four.
    #[must_use]
    pub const fn count_bytes(&self) -> Range<u64> {
        self.message_len.saturating_sub(TABLE_ENTRY)..self.message_len
    }

    /// The bytes of the message that hold its end, told from the four of [`count_bytes`](Self::count_bytes).
    ///
    /// # Errors
    /// [`FormatError::Malformed`] when a message of this length cannot have so many records.
    pub fn end_bytes(&self, count: [u8; 4]) -> Result<Range<u64>, FormatError> {
        let count = u32::from_be_bytes(count);
        if count > MAX_RECORDS {
            return Err(FormatError::Malformed {
                rule: Rule::RecordCount,
            });
        }
        let count = u64::from(count);
        let end_len = count.saturating_mul(TABLE_ENTRY).saturating_add(RECORDS_END_LEN);
        let frames = count.saturating_mul(RECORD_FRAME);
        let least = header_len(&self.header)
            .saturating_add(frames)
            .saturating_add(end_len);
        if least > self.message_len {
            return Err(FormatError::Malformed {
                rule: Rule::RecordTotal,
            });
        }
        Ok(self.message_len.saturating_sub(end_len)..self.message_len)
    }

    /// The header of the message.
    #[must_use]
    pub const fn header(&self) -> &Header<'a> {
        &self.header
    }
}

/// Where each record stands, told from the table: the offset in the message of each, and of the marker after them.
#[cfg(any(feature = "rustcrypto", feature = "aws-lc"))]
pub(crate) fn record_offsets(
    plan: &EndPlan<'_>,
    lens: impl ExactSizeIterator<Item = u32>,
) -> Result<alloc::vec::Vec<u64>, FormatError> {
    let broken = |rule| FormatError::Malformed { rule };
    let longest = geometry::frame_len(plan.header.frame_len());
    let mut offsets = alloc::vec::Vec::with_capacity(lens.len().saturating_add(1));
    let (mut at, mut total, mut end_len) = (header_len(&plan.header), 0_u64, RECORDS_END_LEN);
    offsets.push(at);
    for len in lens.map(u64::from) {
        if len > longest {
            return Err(broken(Rule::RecordLength));
        }
        total = total.saturating_add(len);
        at = at.saturating_add(len).saturating_add(RECORD_FRAME);
        end_len = end_len.saturating_add(TABLE_ENTRY);
        offsets.push(at);
    }
    if total > geometry::MAX_MESSAGE_LEN {
        return Err(broken(Rule::MessageLength));
    }
    if at.checked_add(end_len) != Some(plan.message_len) {
        return Err(broken(Rule::RecordTotal));
    }
    Ok(offsets)
}

fn header_len(header: &Header<'_>) -> u64 {
    u64::try_from(header.len()).unwrap_or(u64::MAX)
}
