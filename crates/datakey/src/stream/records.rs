//! Records messages, record by record.
use std::{
    fmt,
    io::{self, Read, Write},
};

use datakey_envelope::{Aad, RecordOpener, RecordSealer};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::{header::SealedHeader, pending::Pending, read::PORTION, write::take};
use crate::{OpenError, OpeningKey, SealingKey, StreamError, Unsupported};

/// Writes one records message, record by record, with the methods of its side: `push` and `finish` on a `Write`,
/// `push_async` and `finish_async` on an `AsyncWrite`.
///
/// ```
/// use datakey::{Aad, EncryptionContext, Sealer};
///
/// async fn post(sealer: &Sealer) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
///     let context = EncryptionContext::new([("purpose", "orders")])?;
///     let mut batch = sealer.record_writer(&context, Aad::from("batch 9"), Some(1 << 20), Vec::new()).await?;
///     for order in ["order 1", "order 2"] {
///         batch.push(order.as_bytes())?;
///     }
///     Ok(batch.finish()?)
/// }
/// ```
///
/// It keeps four bytes for each record until the end, for the table from which single records are found. A batch has 2^24 of them at the
/// most.
pub struct RecordWriter<W> {
    inner: W,
    sealer: RecordSealer,
    pending: Pending,
    left: Option<u64>,
}

impl<W> RecordWriter<W> {
    /// Seals to `inner` under a key; `at_most` bounds the plaintext of all records in bytes, as it was reserved.
    ///
    /// # Errors
    /// When the message cannot be begun, for want of random bytes, or as its format has no records.
    pub fn new(key: &SealingKey, aad: Aad<'_>, at_most: Option<u64>, inner: W) -> Result<Self, StreamError> {
        let key = key.with_records()?;
        let mut pending = Pending::default();
        let sealer = pending.fill(|out| key.record_sealer(aad, out))?;
        Ok(Self {
            inner,
            sealer,
            pending,
            left: at_most,
        })
    }

    /// How many records there are so far.
    #[must_use]
    pub const fn count(&self) -> u32 {
        self.sealer.count()
    }

    fn seal(&mut self, record: &[u8]) -> Result<(), StreamError> {
        let left = take(self.left, record.len())?;
        let sealer = &mut self.sealer;
        self.pending.fill(|out| sealer.push_record(record, out))?;
        self.left = left;
        Ok(())
    }
}

fn seal_end(sealer: RecordSealer, pending: &mut Pending) -> Result<(), StreamError> {
    Ok(pending.fill(|out| sealer.finish(out))?)
}

impl<W: Write> RecordWriter<W> {
    /// Seals and writes one record.
    ///
    /// # Errors
    /// A record over the limit, or over what was reserved: it is not in the message, which goes on without it. Errors
    /// of the inner writer: the record is in the message and is written with what follows, so do not push it again.
    pub fn push(&mut self, record: &[u8]) -> Result<(), StreamError> {
        self.seal(record)?;
        Ok(self.pending.write_to(&mut self.inner)?)
    }

    /// Writes the end of the message, flushes, and gives the inner writer back.
    ///
    /// # Errors
    /// Errors of the inner writer.
    pub fn finish(mut self) -> Result<W, StreamError> {
        seal_end(self.sealer, &mut self.pending)?;
        self.pending.write_to(&mut self.inner)?;
        self.inner.flush()?;
        Ok(self.inner)
    }
}

impl<W: AsyncWrite + Unpin> RecordWriter<W> {
    /// Seals and writes one record. If the future is dropped, what was not written is written with the next record.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub async fn push_async(&mut self, record: &[u8]) -> Result<(), StreamError> {
        self.seal(record)?;
        Ok(self.drain().await?)
    }

    /// Writes the end of the message, shuts the inner writer down and gives it back.
    ///
    /// # Errors
    /// Errors of the inner writer.
    pub async fn finish_async(mut self) -> Result<W, StreamError> {
        self.drain().await?;
        let Self {
            mut inner,
            sealer,
            mut pending,
            ..
        } = self;
        seal_end(sealer, &mut pending)?;
        std::future::poll_fn(|cx| pending.poll_write_to(std::pin::Pin::new(&mut inner), cx)).await?;
        inner.shutdown().await?;
        Ok(inner)
    }

    async fn drain(&mut self) -> io::Result<()> {
        let Self { inner, pending, .. } = self;
        std::future::poll_fn(|cx| pending.poll_write_to(std::pin::Pin::new(&mut *inner), cx)).await
    }
}

impl<W> fmt::Debug for RecordWriter<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordWriter")
            .field("count", &self.count())
            .finish_non_exhaustive()
    }
}

/// Reads the records of one records message, one by one: `next_record` on a `Read`, `next_record_async` on an
/// `AsyncRead`.
///
/// Each record that comes out is authentic and in its place. That the batch is whole is known when the end is reached:
/// a message that is cut short ends in an error, never in a plain `None`.
///
/// ```
/// use datakey::{Aad, EncryptionContext, Opener, StreamError};
///
/// async fn count(opener: &Opener, sealed: &[u8]) -> Result<u32, StreamError> {
///     let expected = EncryptionContext::empty();
///     let mut records = opener.record_reader(&expected, Aad::EMPTY, sealed).await?;
///     let (mut record, mut count) = (Vec::new(), 0);
///     while records.next_record_async(&mut record).await? {
///         count += 1;
///     }
///     Ok(count)
/// }
/// ```
///
/// A record is handed out before it is known that the batch is whole. Whoever acts on single records (books an order) may do so, as each is
/// authentic and in its place; whoever acts on the batch (closes the day) waits for the end.
pub struct RecordReader<R> {
    inner: R,
    opener: Option<RecordOpener>,
    failed: Option<OpenError>,
    sealed: Box<[u8]>,
    /// The part of `sealed` that has been read and not opened.
    start: usize,
    end: usize,
}

impl<R> RecordReader<R> {
    /// Opens the rest of `inner`, whose header was read off it. The commitment is checked here.
    ///
    /// # Errors
    /// [`StreamError::Open`].
    pub fn new(key: &OpeningKey, header: &SealedHeader, aad: Aad<'_>, inner: R) -> Result<Self, StreamError> {
        let header = header.header();
        let header = header
            .datakey()
            .ok_or(OpenError::Unsupported(Unsupported::Records))?;
        let opener = key.datakey()?.record_opener(header, aad)?;
        let sealed = vec![0; PORTION].into();
        Ok(Self {
            inner,
            opener: Some(opener),
            failed: None,
            sealed,
            start: 0,
            end: 0,
        })
    }

    /// Opens what has been read: `Some(true)` for a record, `None` when more must be read.
    fn step(&mut self, record: &mut Vec<u8>) -> Result<Option<bool>, StreamError> {
        if let Some(error) = &self.failed {
            return Err(error.clone().into());
        }
        let Some(opener) = &mut self.opener else {
            return Ok(Some(false));
        };
        let mut rest = self.sealed.get(self.start..self.end).unwrap_or_default();
        let next = opener.next_record(&mut rest, record);
        self.start = self.end.saturating_sub(rest.len());
        match next {
            Ok(Some(_)) => Ok(Some(true)),
            Ok(None) => Ok(None),
            Err(error) => Err(self.fail(error.into())),
        }
    }

    /// Takes note of how much was read; nothing is the end.
    fn read(&mut self, read: usize) -> Result<bool, StreamError> {
        (self.start, self.end) = (0, read);
        if read > 0 {
            return Ok(false);
        }
        match self.opener.take().map(RecordOpener::finish) {
            Some(Err(error)) => Err(self.fail(error.into())),
            _ => Ok(true),
        }
    }

    fn fail(&mut self, error: OpenError) -> StreamError {
        self.opener = None;
        self.failed.insert(error).clone().into()
    }
}

impl<R: Read> RecordReader<R> {
    /// Replaces what is in `record` by the next record; `false` at the end of a whole message.
    ///
    /// # Errors
    /// Errors of the inner reader, or [`StreamError::Open`].
    pub fn next_record(&mut self, record: &mut Vec<u8>) -> Result<bool, StreamError> {
        record.clear();
        loop {
            if let Some(found) = self.step(record)? {
                return Ok(found);
            }
            let read = match self.inner.read(&mut self.sealed) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                read => read?,
            };
            if self.read(read)? {
                return Ok(false);
            }
        }
    }
}

impl<R: AsyncRead + Unpin> RecordReader<R> {
    /// As [`next_record`](Self::next_record), without blocking. Dropping the future loses nothing.
    ///
    /// # Errors
    /// As [`next_record`](Self::next_record).
    pub async fn next_record_async(&mut self, record: &mut Vec<u8>) -> Result<bool, StreamError> {
        record.clear();
        loop {
            if let Some(found) = self.step(record)? {
                return Ok(found);
            }
            let read = self.inner.read(&mut self.sealed).await?;
            if self.read(read)? {
                return Ok(false);
            }
        }
    }
}

impl<R> fmt::Debug for RecordReader<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordReader")
            .field("ended", &self.opener.is_none())
            .finish_non_exhaustive()
    }
}
