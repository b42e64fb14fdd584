//! Readers and writers that behave as badly as theirs may, and messages for them.
use std::{
    io::{self, Read, Write},
    pin::Pin,
    task::{Context, Poll},
};

use datakey::{
    Aad, OpenError, OpenReader, Params, SealWriter, SealedHeader, StreamError,
    envelope::{FrameLen, Message, OpeningKey, SealingKey},
    provider::{DataKey, DataKeyLength, WrappedKey},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::pipeline::orders;
use Mood::{Pause, Take};

/// The associated data of the messages here.
pub const AAD: &str = "orders.csv";
/// The length of their frames, in bytes.
pub const FRAME: usize = 4096;

fn key() -> DataKey {
    DataKey::init(DataKeyLength::Bytes32, |bytes| bytes.fill(0x5E))
}

/// A key to seal with.
///
/// # Panics
/// When it is not what the test expects.
#[must_use]
pub fn sealing() -> SealingKey {
    let wrapped = WrappedKey::new("local:dev", b"opaque".to_vec()).unwrap().into();
    let params = Params::new().with_frame_len(FrameLen::from_exponent(12).unwrap());
    SealingKey::new(&key(), &wrapped, &orders(), &params).unwrap()
}

/// The key to open with.
#[must_use]
pub fn opening() -> OpeningKey {
    OpeningKey::new(&key(), &orders()).unwrap()
}

/// Seals a message as a whole.
///
/// # Panics
/// When it is not what the test expects.
#[must_use]
pub fn sealed(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    sealing().seal(text, Aad::from(AAD), &mut out).unwrap();
    out
}

/// Opens a message as a whole.
///
/// # Panics
/// When it is not what the test expects.
#[must_use]
pub fn opened(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let message = Message::decode(message).unwrap();
    opening().open(&message, Aad::from(AAD), &mut out).unwrap();
    out
}

/// A writer under the key.
///
/// # Panics
/// When it is not what the test expects.
pub fn writer<W>(at_most: Option<u64>, inner: W) -> SealWriter<W> {
    SealWriter::new(&sealing().into(), Aad::from(AAD), at_most, inner).unwrap()
}

/// A reader that reads the header first.
///
/// # Errors
/// As the reader.
pub fn reader<R: io::Read>(mut inner: R) -> io::Result<OpenReader<R>> {
    let header = SealedHeader::read(&mut inner)?;
    Ok(OpenReader::new(
        &opening().into(),
        &header,
        Aad::from(AAD),
        inner,
    )?)
}

/// An error that may hold an error of opening.
pub trait Holds {
    /// The error of opening.
    ///
    /// # Panics
    /// When it is not what the test expects.
    fn open_error(&self) -> &OpenError;
}

impl Holds for io::Error {
    fn open_error(&self) -> &OpenError {
        assert_eq!(self.kind(), io::ErrorKind::InvalidData, "{self:?}");
        self.get_ref().unwrap().downcast_ref().expect("an OpenError")
    }
}

impl Holds for StreamError {
    fn open_error(&self) -> &OpenError {
        match self {
            Self::Open(error) => error,
            other => panic!("expected an OpenError, not {other:?}"),
        }
    }
}

/// Which error of opening an error holds.
///
/// # Panics
/// When it is not what the test expects.
#[must_use]
pub fn inside(error: &impl Holds) -> &OpenError {
    error.open_error()
}

/// Ways to behave that lose nothing.
pub const MOODS: [&[Mood]; 5] = [
    &[Take(usize::MAX)],
    &[Take(1)],
    &[Pause, Take(7)],
    &[Take(FRAME), Pause, Pause, Take(1), Take(FRAME + 16)],
    &[Take(70_000)],
];

/// Lengths at the edges of frames.
#[must_use]
pub fn lengths() -> [usize; 7] {
    [0, 1, FRAME - 1, FRAME, FRAME + 1, 3 * FRAME, 20_000]
}

/// What a [`Moody`] does at a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// Moves at most so many bytes.
    Take(usize),
    /// Is interrupted; on the async side, pending once.
    Pause,
    /// Fails.
    Fail,
}

/// A reader or writer around bytes that does at each call what the next of its moods says, over and over again.
#[derive(Debug, Clone)]
pub struct Moody {
    /// What is to be read, or was written.
    pub bytes: Vec<u8>,
    /// How many bytes have been read.
    pub read: usize,
    /// How often it was flushed or shut down.
    pub flushed: usize,
    moods: Vec<Mood>,
    turn: usize,
}

impl Moody {
    /// Around these bytes.
    #[must_use]
    pub fn new(bytes: impl Into<Vec<u8>>, moods: &[Mood]) -> Self {
        Self {
            bytes: bytes.into(),
            read: 0,
            flushed: 0,
            moods: moods.to_vec(),
            turn: 0,
        }
    }

    fn mood(&mut self) -> Mood {
        let mood = self.moods[self.turn % self.moods.len()];
        self.turn += 1;
        mood
    }

    fn portion(&mut self, len: usize) -> &[u8] {
        let end = self.bytes.len().min(self.read + len);
        let portion = &self.bytes[self.read..end];
        self.read = end;
        portion
    }
}

/// The failure of [`Mood::Fail`].
fn failure() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionReset, "the moody one fails")
}

impl Read for Moody {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.mood() {
            Mood::Take(most) => {
                let portion = self.portion(most.min(buffer.len()));
                buffer[..portion.len()].copy_from_slice(portion);
                Ok(portion.len())
            }
            Mood::Pause => Err(io::ErrorKind::Interrupted.into()),
            Mood::Fail => Err(failure()),
        }
    }
}

impl Write for Moody {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.mood() {
            Mood::Take(most) => {
                let portion = &bytes[..most.min(bytes.len())];
                self.bytes.extend_from_slice(portion);
                Ok(portion.len())
            }
            Mood::Pause => Err(io::ErrorKind::Interrupted.into()),
            Mood::Fail => Err(failure()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.flushed += 1;
        Ok(())
    }
}

/// Pending, and woken at once.
fn pause<T>(cx: &Context<'_>) -> Poll<T> {
    cx.waker().wake_by_ref();
    Poll::Pending
}

impl AsyncRead for Moody {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.mood() {
            Mood::Take(most) => {
                let most = most.min(buffer.remaining());
                buffer.put_slice(self.portion(most));
                Poll::Ready(Ok(()))
            }
            Mood::Pause => pause(cx),
            Mood::Fail => Poll::Ready(Err(failure())),
        }
    }
}

impl AsyncWrite for Moody {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.mood() {
            Mood::Pause => pause(cx),
            _ => {
                self.turn -= 1;
                Poll::Ready(self.write(bytes))
            }
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.flushed += 1;
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}
