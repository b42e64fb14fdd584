//! A batch of records opened one by one, in order.
use alloc::{boxed::Box, vec::Vec};
use core::fmt;

use crate::{
    FormatError, Header, MAX_RECORDS, OpenError, Rule,
    cipher::TAG_LEN,
    frame::{FrameOpener, Position},
    geometry::lengthened,
    read::{self, Gather},
    whole::all_or_nothing,
};

/// A length, the marker, or the count.
const HEAD_LEN: usize = 4;
const HEAD_LEN_U64: u64 = 4;

/// Opens the records of one message in order, from input in any portions.
///
/// Each record that comes out is authentic, and in its place. That the batch is *whole* is known when
/// [`finish`](Self::finish) succeeds and not before. Keeps four bytes for each record until the end.
///
/// ```
/// # #[cfg(feature = "getrandom")] {
/// # use datakey_envelope::{Aad, Header, OpeningKey, Params, SealingKey};
/// # use datakey_provider::{DataKey, DataKeyLength, EncryptionContext, WrappedKey};
/// # let data_key = DataKey::init(DataKeyLength::Bytes32, |bytes| bytes.fill(7));
/// # let wrapped = WrappedKey::new("local:dev", b"opaque".to_vec()).unwrap().into();
/// # let context = EncryptionContext::empty();
/// # let mut sealed = Vec::new();
/// # let key = SealingKey::new(&data_key, &wrapped, &context, &Params::new()).unwrap();
/// # key.seal_records(["a", "bc"], Aad::EMPTY, &mut sealed).unwrap();
/// let opening = OpeningKey::new(&data_key, &context)?;
/// let header = Header::decode(&sealed)?;
/// let mut opener = opening.record_opener(&header, Aad::EMPTY)?;
/// let mut record = Vec::new();
/// for mut portion in sealed[header.len()..].chunks(10) {
///     while let Some(index) = opener.next_record(&mut portion, &mut record)? {
///         println!("record {index} has {} bytes", record.len());
///         record.clear();
///     }
/// }
/// assert_eq!(opener.finish()?, 2);
/// # }
/// # Ok::<(), datakey_envelope::OpenError>(())
/// ```
///
/// For queues and files that are read from front to back. To read one record of a stored batch, and nothing else of it, there is
/// [`RecordIndex`](crate::RecordIndex).
#[must_use = "a batch is known to be whole only when it is finished"]
pub struct RecordOpener {
    /// Boxed, so that moving this does not copy its key.
    frames: Box<FrameOpener>,
    gather: Gather,
    limit: usize,
    state: State,
    /// How many bytes of the current piece have not arrived.
    missing: u64,
    table: Vec<u8>,
    count: u32,
    total: u64,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// A length or the marker comes next.
    Head,
    /// A record of this length, and its tag.
    Record {
        len: usize,
    },
    /// Table, tag and count.
    End,
    /// Nothing.
    Ended,
    Failed(OpenError),
}

enum Step {
    More,
    Record(u32),
    NeedInput,
}

impl RecordOpener {
    pub(super) fn new(frames: FrameOpener, header: &Header<'_>) -> Self {
        Self {
            frames: Box::new(frames),
            gather: Gather::default(),
            limit: header.frame_len().bytes(),
            state: State::Head,
            missing: HEAD_LEN_U64,
            table: Vec::new(),
            count: 0,
            total: 0,
        }
    }

    /// Reads from the front of `input` to the end of the next record, appends its plaintext to `out` and returns its
    /// index, from 0; or takes all of `input` and returns `None`, when the record goes on in the next portion or
    /// there is no further record.
    ///
    /// # Errors
    /// [`OpenError`]; `out` then has its former length, what was written behind it is wiped, and every further call
    /// fails in the same way.
    pub fn next_record(&mut self, input: &mut &[u8], out: &mut Vec<u8>) -> Result<Option<u32>, OpenError> {
        loop {
            match self.step(input, out) {
                Ok(Step::More) => {}
                Ok(Step::Record(index)) => return Ok(Some(index)),
                Ok(Step::NeedInput) => return Ok(None),
                Err(error) => {
                    self.state = State::Failed(error);
                    return Err(error);
                }
            }
        }
    }

    /// Confirms that the batch is whole, and returns the number of its records.
    ///
    /// # Errors
    /// [`OpenError`], also when the message was cut short.
    pub fn finish(self) -> Result<u32, OpenError> {
        match self.state {
            State::Ended => Ok(self.count),
            State::Failed(error) => Err(error),
            State::Head | State::Record { .. } | State::End => Err(FormatError::Truncated {
                missing: self.missing,
            }
            .into()),
        }
    }

    fn step(&mut self, input: &mut &[u8], out: &mut Vec<u8>) -> Result<Step, OpenError> {
        let len = match self.state {
            State::Head => HEAD_LEN,
            State::Record { len } => len.saturating_add(TAG_LEN),
            State::End => self.table.len().saturating_add(TAG_LEN).saturating_add(HEAD_LEN),
            State::Ended if input.is_empty() => return Ok(Step::NeedInput),
            State::Ended => return Err(broken(Rule::NothingAfter)),
            State::Failed(error) => return Err(error),
        };
        let piece = match self.gather.next(input, len) {
            Ok(piece) => piece,
            Err(missing) => {
                self.missing = missing;
                return Ok(Step::NeedInput);
            }
        };
        match self.state {
            State::Head => {
                let head = read::record_head(piece);
                self.state = self.after_head(head)?;
                Ok(Step::More)
            }
            State::Record { .. } => {
                let frames = &mut self.frames;
                all_or_nothing(out, |out| frames.write(piece, Position::Inner, out))?;
                let index = self.count;
                self.count = index.saturating_add(1);
                (self.state, self.missing) = (State::Head, HEAD_LEN_U64);
                Ok(Step::Record(index))
            }
            _ => {
                check_end(piece, &self.table, self.count, &mut self.frames)?;
                self.state = State::Ended;
                Ok(Step::More)
            }
        }
    }

    fn after_head(&mut self, head: Option<u32>) -> Result<State, OpenError> {
        let Some(record_len) = head else {
            return Ok(State::End);
        };
        let len = match usize::try_from(record_len) {
            Ok(len) if len <= self.limit => len,
            _ => return Err(broken(Rule::RecordLength)),
        };
        if self.count >= MAX_RECORDS {
            return Err(broken(Rule::RecordCount));
        }
        let total = lengthened(self.total, record_len.into());
        self.total = total.ok_or_else(|| broken(Rule::MessageLength))?;
        self.table.extend_from_slice(&record_len.to_be_bytes());
        Ok(State::Record { len })
    }
}

fn broken(rule: Rule) -> OpenError {
    FormatError::Malformed { rule }.into()
}

fn check_end(end: &[u8], seen: &[u8], count: u32, frames: &mut FrameOpener) -> Result<(), OpenError> {
    let (table, tag, total) = read::records_end(end)?;
    if table != seen {
        return Err(broken(Rule::RecordTable));
    }
    if total != count {
        return Err(broken(Rule::RecordTotal));
    }
    frames.check_last_tag(table, tag)
}

impl fmt::Debug for RecordOpener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordOpener")
            .field("count", &self.count)
            .field("total", &self.total)
            .finish_non_exhaustive()
    }
}
