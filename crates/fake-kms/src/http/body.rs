//! Bodies of answers: whole, slow, or broken off.
use std::{
    future::Future as _,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use hyper::body::{Body, Bytes, Frame, SizeHint};
use thiserror::Error;
use tokio::time::{Sleep, sleep};

/// Into how many pieces a slow body is cut.
const PIECES: usize = 16;

/// Tells hyper to close the connection without an answer, or in the middle of one.
#[derive(Debug, Error)]
#[error("the connection is dropped")]
pub(super) struct Broken;

#[derive(Debug, Clone, Copy)]
enum Half {
    Unsent,
    /// Handed over, and to be written out before the connection ends.
    Flushing,
    Sent,
}

/// The body of an answer.
pub(super) struct AnswerBody {
    /// What is not sent yet, of all that the length in the head says.
    rest: Bytes,
    manner: Manner,
}

enum Manner {
    Whole,
    /// The first part is sent, and nothing after it.
    Cut(Half),
    Slow {
        piece: usize,
        pause: Duration,
        sleep: Pin<Box<Sleep>>,
    },
}

impl AnswerBody {
    pub(super) fn whole(bytes: Bytes) -> Self {
        Self {
            rest: bytes,
            manner: Manner::Whole,
        }
    }

    pub(super) fn cut(self) -> Self {
        Self {
            manner: Manner::Cut(Half::Unsent),
            ..self
        }
    }

    pub(super) fn slow(self, time: Duration) -> Self {
        let piece = self.rest.len().div_ceil(PIECES).max(1);
        let pieces = u32::try_from(self.rest.len().div_ceil(piece)).unwrap_or(1).max(1);
        let pause = time.checked_div(pieces).unwrap_or(time);
        let sleep = Box::pin(sleep(pause));
        Self {
            manner: Manner::Slow { piece, pause, sleep },
            ..self
        }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let this = &mut *self;
        if this.rest.is_empty() {
            return Poll::Ready(None);
        }
        let len = match &mut this.manner {
            Manner::Whole => this.rest.len(),
            Manner::Cut(half) => match half {
                Half::Unsent => {
                    *half = Half::Flushing;
                    let part = this.rest.slice(..this.rest.len().div_ceil(2));
                    return Poll::Ready(Some(Ok(Frame::data(part))));
                }
                Half::Flushing => {
                    *half = Half::Sent;
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Half::Sent => return Poll::Ready(Some(Err(Broken))),
            },
            Manner::Slow {
                piece,
                pause,
                sleep: sleeping,
            } => {
                ready!(sleeping.as_mut().poll(cx));
                *sleeping = Box::pin(sleep(*pause));
                (*piece).min(this.rest.len())
            }
        };
        Poll::Ready(Some(Ok(Frame::data(this.rest.split_to(len)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.rest.len() as u64)
    }
}
