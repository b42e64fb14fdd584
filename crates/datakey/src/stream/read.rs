//! Readers that open what they read.
use std::{
    fmt,
    io::{self, Read},
    pin::Pin,
    task::{Context, Poll, ready},
};

use datakey_envelope::Aad;
use pin_project_lite::pin_project;
use tokio::io::{AsyncRead, ReadBuf};

use super::{
    header::SealedHeader,
    opener::{Params, StreamOpener},
    pending::Pending,
};
use crate::{OpenError, OpeningKey, StreamError};

/// How many sealed bytes are read at a time.
pub(super) const PORTION: usize = 64 << 10;

pin_project! {
    /// Opens what it reads, in constant memory: [`Read`] around a `Read`, [`AsyncRead`] around an `AsyncRead`.
    ///
    /// Only authenticated plaintext comes out. That the message is whole, and its signature valid where it is signed, is known at
    /// the end of file: a message that is cut
    /// short ends in [`io::ErrorKind::InvalidData`] with an [`OpenError`] inside, never in a plain end of file. After such
    /// an error every further read fails in the same way; errors of the inner reader are passed on, and reading may be
    /// tried again.
    ///
    /// Made by [`Opener::reader`](crate::Opener::reader), or synchronously as [`SealedHeader`] shows.
    pub struct OpenReader<R> {
        #[pin]
        inner: R,
        state: State,
        sealed: Box<[u8]>,
    }
}

struct State {
    opener: Option<StreamOpener>,
    opened: Pending,
    failed: Option<OpenError>,
}

impl<R> OpenReader<R> {
    /// Opens the rest of `inner`, whose header was read off it. The commitment is checked here.
    ///
    /// A message of the AWS Encryption SDK is opened with the defaults of its parameters, which refuse those that are signed:
    /// `with_esdk_params` has others.
    ///
    /// # Errors
    /// [`StreamError::Open`].
    pub fn new(key: &OpeningKey, header: &SealedHeader, aad: Aad<'_>, inner: R) -> Result<Self, StreamError> {
        Self::begin(key, header, aad, &Params::default(), inner)
    }

    /// As [`new`](Self::new), with these parameters for a message of the AWS Encryption SDK: commitment policy, what is kept in
    /// memory, signed messages.
    ///
    /// # Errors
    /// [`StreamError::Open`].
    #[cfg(feature = "esdk")]
    pub fn with_esdk_params(
        key: &OpeningKey,
        header: &SealedHeader,
        aad: Aad<'_>,
        params: &datakey_esdk::OpenParams,
        inner: R,
    ) -> Result<Self, StreamError> {
        Self::begin(key, header, aad, params, inner)
    }

    fn begin(
        key: &OpeningKey,
        header: &SealedHeader,
        aad: Aad<'_>,
        params: &Params,
        inner: R,
    ) -> Result<Self, StreamError> {
        let opener = StreamOpener::begin(key, &header.header(), aad, params)?;
        let state = State {
            opener: Some(opener),
            opened: Pending::of_plaintext(),
            failed: None,
        };
        Ok(Self {
            inner,
            state,
            sealed: vec![0; PORTION].into(),
        })
    }

    /// The reader that the sealed bytes come from.
    pub const fn get_ref(&self) -> &R {
        &self.inner
    }
}

impl State {
    /// Whether there is something to hand out, or nothing ever will be.
    fn is_ready(&self) -> io::Result<bool> {
        match &self.failed {
            Some(error) if self.opened.is_empty() => Err(StreamError::Open(error.clone()).into()),
            _ => Ok(!self.opened.is_empty() || self.opener.is_none()),
        }
    }

    /// Opens a portion; an empty one is the end.
    fn take(&mut self, sealed: &[u8]) {
        let opener = &mut self.opener;
        let opened = self.opened.fill(|out| match opener {
            Some(_) if sealed.is_empty() => opener.take().map_or(Ok(()), |last| last.finish(out)),
            Some(opener) => opener.push(sealed, out),
            None => Ok(()),
        });
        if let Err(error) = opened {
            self.opener = None;
            self.failed = Some(error);
        }
    }
}

impl<R: Read> Read for OpenReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        while !self.state.is_ready()? {
            let read = self.inner.read(&mut self.sealed)?;
            self.state.take(self.sealed.get(..read).unwrap_or_default());
        }
        Ok(self.state.opened.read_into(buffer))
    }
}

impl<R: AsyncRead> AsyncRead for OpenReader<R> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut this = self.project();
        if buffer.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        while !this.state.is_ready()? {
            let mut sealed = ReadBuf::new(this.sealed);
            ready!(this.inner.as_mut().poll_read(cx, &mut sealed))?;
            this.state.take(sealed.filled());
        }
        this.state.opened.read_into_buf(buffer);
        Poll::Ready(Ok(()))
    }
}

impl<R> fmt::Debug for OpenReader<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenReader")
            .field("ended", &self.state.opener.is_none())
            .field("opened", &self.state.opened.len())
            .finish_non_exhaustive()
    }
}
