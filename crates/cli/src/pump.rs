//! Bytes from an input through a cipher to an output, on several threads and in constant memory.
//!
//! The bytes are cut into pieces. Each thread takes the next piece, reads it, works on it and writes it. Where the input is a file the
//! pieces are read at their places, without waiting for each other; where it is a stream, one after the other. Likewise for the output.
use std::{
    fs::File,
    io::{self, Read, Write},
    path::Path,
    sync::{
        Condvar, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use zeroize::Zeroizing;

use crate::{failure::Failure, input::Input, output::Output, progress::Progress};

/// Cuts a stream into pieces.
pub(crate) trait Cut: Send {
    type Piece: Piece;

    /// The next piece, of so many bytes of the input.
    fn next(&mut self, len: usize, is_last: bool) -> Result<Self::Piece, Failure>;
}

/// What is done to a piece.
pub(crate) trait Piece: Send {
    /// Where its result stands in the output.
    fn place(&self) -> u64;

    /// Does it, and answers the length of the result.
    fn run(self, from: &[u8], to: &mut [u8]) -> Result<usize, Failure>;
}

/// From where to where.
pub(crate) struct Ends<'e> {
    pub(crate) input: &'e mut Input,
    /// The input's name.
    pub(crate) from: &'e Path,
    pub(crate) output: &'e mut Output,
    /// The output's name.
    pub(crate) to: &'e Path,
}

/// The lengths of pieces.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sizes {
    /// How many bytes of the input a piece has, but for the last.
    pub(crate) input: usize,
    /// How many bytes of the output it becomes at the most.
    pub(crate) output: usize,
    /// Where in the input the first piece stands.
    pub(crate) start: u64,
}

/// What went through.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moved {
    pub(crate) read: u64,
    pub(crate) written: u64,
}

/// Moves all of the input through `cut`.
///
/// # Errors
/// The first failure. What was written by then is no whole output.
pub(crate) fn pump<C: Cut>(
    ends: &mut Ends<'_>,
    sizes: Sizes,
    threads: usize,
    cut: C,
) -> Result<Moved, Failure> {
    let progress = ends.input.progress().clone();
    let whole = ends.input.file().map(|(_, len)| len);
    let rest = whole.map(|len| len.saturating_sub(sizes.start));
    let pieces = rest.map_or(u64::MAX, |rest| rest.div_ceil((sizes.input as u64).max(1)).max(1));
    let threads = threads.min(usize::try_from(pieces).unwrap_or(usize::MAX)).max(1);

    let out_file = ends.output.draft().map(File::try_clone).transpose();
    let out_file = out_file.map_err(|source| Failure::write(ends.to, source))?;
    let in_file = ends.input.file().map(|(file, _)| file.try_clone()).transpose();
    let in_file = in_file.map_err(|source| Failure::read(ends.from, source))?;
    let is_nowhere = ends.output.is_nowhere();
    let pump = Pump {
        is_nowhere,
        sizes,
        from: ends.from,
        to: ends.to,
        progress,
        source: Mutex::new(Source {
            cut,
            stream: &mut *ends.input,
            carried: None,
            left: rest,
            offset: sizes.start,
            ticket: 0,
            has_ended: false,
        }),
        in_file: in_file.as_ref(),
        out_file: out_file.as_ref(),
        sink: Mutex::new(Sink {
            turn: 0,
            written: 0,
            stream: &mut *ends.output,
        }),
        turned: Condvar::new(),
        stopped: AtomicBool::new(false),
    };
    pump.run(threads)?;
    let written = pump
        .sink
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner)
        .written;
    let end = pump
        .source
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner)
        .offset;
    unchanged(in_file.as_ref(), whole, ends.from)?;
    Ok(Moved {
        read: end.saturating_sub(sizes.start),
        written,
    })
}

/// A file that became longer or shorter while it was read was not read as it was at any moment.
fn unchanged(file: Option<&File>, whole: Option<u64>, path: &Path) -> Result<(), Failure> {
    if let (Some(file), Some(len)) = (file, whole) {
        let now = file
            .metadata()
            .map_err(|source| Failure::read(path, source))?
            .len();
        if now != len {
            return Err(Failure::Changed {
                path: path.to_owned(),
            });
        }
    }
    Ok(())
}

struct Pump<'p, C> {
    sizes: Sizes,
    from: &'p Path,
    to: &'p Path,
    progress: Progress,
    source: Mutex<Source<'p, C>>,
    /// Where pieces are read at their places.
    in_file: Option<&'p File>,
    /// Where they are written at their places.
    out_file: Option<&'p File>,
    /// Whether nothing is written.
    is_nowhere: bool,
    sink: Mutex<Sink<'p>>,
    turned: Condvar,
    stopped: AtomicBool,
}

struct Source<'p, C> {
    cut: C,
    stream: &'p mut Input,
    /// A byte that was read to see whether there is more.
    carried: Option<u8>,
    /// How much of a file is left.
    left: Option<u64>,
    offset: u64,
    ticket: u64,
    has_ended: bool,
}

struct Sink<'p> {
    /// The ticket of the piece that is written next.
    turn: u64,
    written: u64,
    stream: &'p mut Output,
}

/// A piece that was taken.
struct Taken<P> {
    piece: P,
    ticket: u64,
    offset: u64,
    len: usize,
}

/// Tells the others to stop if a thread ends without having said that all is well.
struct StopOthers<'p>(&'p AtomicBool, &'p Condvar, bool);

impl Drop for StopOthers<'_> {
    fn drop(&mut self) {
        if !self.2 {
            self.0.store(true, Ordering::Release);
            self.1.notify_all();
        }
    }
}

impl<C: Cut> Pump<'_, C> {
    /// Works on this thread and on others.
    fn run(&self, threads: usize) -> Result<(), Failure> {
        thread::scope(|scope| {
            let spawn = || thread::Builder::new().spawn_scoped(scope, || self.work()).ok();
            let helpers: Vec<_> = (1..threads).map_while(|_| spawn()).collect();
            let own = self.work();
            helpers.into_iter().fold(own, |done, helper| {
                let helped = helper
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                done.and(helped)
            })
        })
    }

    fn work(&self) -> Result<(), Failure> {
        let mut guard = StopOthers(&self.stopped, &self.turned, false);
        let mut from = Zeroizing::new(vec![0; self.sizes.input]);
        let mut to = Zeroizing::new(vec![0; self.sizes.output]);
        while let Some(taken) = self.take(&mut from)? {
            let from = from.get_mut(..taken.len).unwrap_or_default();
            if let Some(file) = self.in_file {
                self.read_at(file, from, taken.offset)?;
            }
            let place = taken.piece.place();
            let len = taken.piece.run(from, &mut to)?;
            self.progress
                .add(if self.in_file.is_some() { from.len() } else { 0 });
            self.put(taken.ticket, place, to.get(..len).unwrap_or_default())?;
        }
        guard.2 = true;
        Ok(())
    }

    fn take(&self, buffer: &mut [u8]) -> Result<Option<Taken<C::Piece>>, Failure> {
        let mut source = self.source.lock().unwrap_or_else(PoisonError::into_inner);
        if source.has_ended || self.stopped.load(Ordering::Acquire) {
            return Ok(None);
        }
        let (len, is_last) = match source.left {
            Some(left) => {
                let len = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
                (len, len as u64 == left)
            }
            None => source
                .read(buffer)
                .map_err(|error| Failure::from_read(self.from, error))?,
        };
        let piece = source.cut.next(len, is_last)?;
        let taken = Taken {
            piece,
            ticket: source.ticket,
            offset: source.offset,
            len,
        };
        source.left = source.left.map(|left| left.saturating_sub(len as u64));
        source.offset = source.offset.saturating_add(len as u64);
        source.ticket = source.ticket.saturating_add(1);
        source.has_ended = is_last;
        Ok(Some(taken))
    }

    fn read_at(&self, file: &File, buffer: &mut [u8], offset: u64) -> Result<(), Failure> {
        read_exact_at(file, buffer, offset).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => Failure::Changed {
                path: self.from.to_owned(),
            },
            _ => Failure::read(self.from, error),
        })
    }

    fn put(&self, ticket: u64, place: u64, bytes: &[u8]) -> Result<(), Failure> {
        let failed = |source| Failure::from_write(self.to, source);
        if self.out_file.is_some() || self.is_nowhere {
            if let Some(file) = self.out_file {
                write_all_at(file, bytes, place).map_err(failed)?;
            }
            let mut sink = self.sink.lock().unwrap_or_else(PoisonError::into_inner);
            sink.written = sink.written.saturating_add(bytes.len() as u64);
            return Ok(());
        }
        let mut sink = self.sink.lock().unwrap_or_else(PoisonError::into_inner);
        while sink.turn != ticket {
            if self.stopped.load(Ordering::Acquire) {
                return Ok(());
            }
            sink = self.turned.wait(sink).unwrap_or_else(PoisonError::into_inner);
        }
        sink.stream.write_all(bytes).map_err(failed)?;
        sink.written = sink.written.saturating_add(bytes.len() as u64);
        sink.turn = sink.turn.saturating_add(1);
        drop(sink);
        self.turned.notify_all();
        Ok(())
    }
}

impl<C> Source<'_, C> {
    /// Fills the buffer from a stream, and answers how much there is and whether it is the last.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<(usize, bool)> {
        let mut filled = 0;
        if let (Some(byte), Some(first)) = (self.carried.take(), buffer.first_mut()) {
            *first = byte;
            filled = 1;
        }
        loop {
            let rest = buffer.get_mut(filled..).unwrap_or_default();
            let mut one = [0];
            let is_full = rest.is_empty();
            let into = if is_full { &mut one[..] } else { rest };
            match self.stream.read(into) {
                Ok(0) => return Ok((filled, true)),
                Ok(_) if is_full => {
                    self.carried = one.first().copied();
                    return Ok((filled, false));
                }
                Ok(read) => filled = filled.saturating_add(read),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

#[cfg(unix)]
pub(crate) fn read_exact_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buffer, offset)
}

#[cfg(unix)]
fn write_all_at(file: &File, buffer: &[u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, buffer, offset)
}

#[cfg(windows)]
pub(crate) fn read_exact_at(file: &File, mut buffer: &mut [u8], mut offset: u64) -> io::Result<()> {
    use std::os::windows::fs::FileExt as _;
    while !buffer.is_empty() {
        let read = file.seek_read(buffer, offset)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        buffer = buffer.get_mut(read..).unwrap_or_default();
        offset = offset.saturating_add(read as u64);
    }
    Ok(())
}

#[cfg(windows)]
fn write_all_at(file: &File, mut buffer: &[u8], mut offset: u64) -> io::Result<()> {
    use std::os::windows::fs::FileExt as _;
    while !buffer.is_empty() {
        let written = file.seek_write(buffer, offset)?;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        buffer = buffer.get(written..).unwrap_or_default();
        offset = offset.saturating_add(written as u64);
    }
    Ok(())
}
