//! `datakey cat`: plaintext on standard output, all of it or a range of its bytes.
use std::{
    fs::File,
    io::{self, Write},
    ops::Range,
    path::{Path, PathBuf},
};

use datakey::{
    Kind, MessageHeader, OpenError, OpeningKey, SealedHeader,
    envelope::{self, RangePlan},
};
use zeroize::Zeroizing;

use crate::{
    args::CatArgs,
    failure::Failure,
    input::{Front, Input},
    keys::Chosen,
    open::{Opening, Place},
    output::{How, Output},
    print,
    progress::Progress,
    pump::read_exact_at,
    role::Role,
    session::Session,
    span::Span,
};

/// How many bytes of plaintext are opened at a time.
const PORTION: u64 = 1 << 20;

const STDOUT: &str = "-";

/// Writes each message's plaintext to standard output, one after the other.
pub(crate) fn run(args: &CatArgs, session: &Session) -> Result<(), Failure> {
    let chosen = Chosen::of(&args.key, &session.settings)?;
    session
        .kept(&chosen.keys, &args.expected.binding)
        .with(Role::Input, args.inputs.iter().map(PathBuf::as_path))
        .check(Path::new(STDOUT))?;
    let opening = Opening::new(&args.key, &args.expected, &args.reader, session)?;
    let threads = session.threads(&args.threads);
    let place = Path::new(STDOUT);
    let (mut failed, mut first) = (0_u64, None);
    for input in &args.inputs {
        // A bar would be in the way of what is shown.
        let progress = Progress::new(Some(0), 1, true);
        let start = || Output::start(place, How::plain(false));
        let done = match args.bytes {
            None => {
                let ends = Place { input, output: place };
                opening.file(&ends, threads, &progress, start).map(|_opened| ())
            }
            Some(span) => {
                let part = Part {
                    opening: &opening,
                    input,
                    span,
                };
                part.write(&progress, start)
            }
        };
        match done.map_err(|failure| failure.of(input)) {
            Ok(()) => {}
            Err(failure) if args.inputs.len() == 1 || is_the_end(&failure) => return Err(failure),
            Err(failure) => {
                print::failure(&failure, session.json);
                failed = failed.saturating_add(1);
                first.get_or_insert(failure.exit_code());
            }
        }
    }
    match first {
        None => Ok(()),
        Some(code) => Err(Failure::Some {
            failed,
            count: args.inputs.len() as u64,
            code,
        }),
    }
}

/// Whether nothing more can be shown: the others would fail in the same way, or there is nowhere to write to.
fn is_the_end(failure: &Failure) -> bool {
    failure.is_of_all(false) || matches!(failure, Failure::Write { .. } | Failure::Closed)
}

/// A range of a message's plaintext.
struct Part<'p> {
    opening: &'p Opening,
    input: &'p Path,
    span: Span,
}

impl Part<'_> {
    fn write(
        &self,
        progress: &Progress,
        start: impl FnOnce() -> Result<Output, Failure>,
    ) -> Result<(), Failure> {
        let mut input = Input::open(self.input, Front::Message, progress)?;
        let header = self.opening.header(&mut input, self.input)?;
        match (header.header(), input.file()) {
            (MessageHeader::Datakey(own), _) if own.kind() != Kind::Bytes => {
                let refused =
                    "the message holds records; read them by number, with `datakey records open --index`";
                Err(Failure::Usage(refused.to_owned()))
            }
            (MessageHeader::Datakey(own), Some((file, len))) => {
                let mut output = start()?;
                let key = self.opening.key(&header.header())?;
                self.at_its_place(&own, &key, file, len, &mut output)
            }
            _ => self.in_passing(&header, input, start),
        }
    }

    /// Reads the frames that hold the range, and the last frame, which proves how long the whole is, before anything is written.
    fn at_its_place(
        &self,
        header: &envelope::Header<'_>,
        key: &OpeningKey,
        file: &File,
        len: u64,
        output: &mut Output,
    ) -> Result<(), Failure> {
        let failed = |error: envelope::OpenError| Failure::Open(error.into());
        let plain_len = header.plain_len(len).map_err(|error| failed(error.into()))?;
        let range = self.range(plain_len.unwrap_or_default())?;
        let key = key.datakey()?;
        let mut is_proven = false;
        let mut start = range.start;
        loop {
            let end = start.saturating_add(PORTION).min(range.end);
            let mut plan = RangePlan::new(header, len, start..end).map_err(failed)?;
            if is_proven {
                plan = plan.danger_any_total_length();
            }
            let mut out = Zeroizing::new(Vec::new());
            let (frames, last) = (
                self.read(file, plan.frames())?,
                self.read(file, plan.last_frame())?,
            );
            key.open_range(&plan, self.opening.aad(), &frames, &last, &mut out)
                .map_err(failed)?;
            is_proven = true;
            self.pass_on(output, &out)?;
            if end >= range.end {
                return Ok(());
            }
            start = end;
        }
    }

    fn range(&self, len: u64) -> Result<Range<u64>, Failure> {
        let start = self.span.start;
        self.span.within(len).ok_or_else(|| {
            if start > len {
                return Failure::BeyondEnd { start, len };
            }
            Failure::Open(OpenError::OutOfRange {
                end: self.span.least_end(),
                len,
            })
        })
    }

    fn read(&self, file: &File, range: Range<u64>) -> Result<Vec<u8>, Failure> {
        let len = range.end.saturating_sub(range.start);
        let mut bytes = vec![0; usize::try_from(len).unwrap_or(usize::MAX)];
        read_exact_at(file, &mut bytes, range.start).map_err(|source| Failure::read(self.input, source))?;
        Ok(bytes)
    }

    fn pass_on(&self, output: &mut Output, bytes: &[u8]) -> Result<(), Failure> {
        let written = output.write_all(bytes);
        written.map_err(|error| Failure::write(Path::new(STDOUT), error))
    }

    /// A stream, armored text, or a message of the AWS Encryption SDK is opened from its front to its end.
    fn in_passing(
        &self,
        header: &SealedHeader,
        mut input: Input,
        start: impl FnOnce() -> Result<Output, Failure>,
    ) -> Result<(), Failure> {
        let mut output = start()?;
        self.opening.check(&header.header(), &output)?;
        let key = self.opening.key(&header.header())?;
        let mut window = Window {
            span: self.span,
            at: 0,
            to: &mut output,
        };
        let copied = self
            .opening
            .copy(&key, header, &mut input, self.input, &mut window);
        let len = window.at;
        copied?;
        self.range(len).map(|_within| ())
    }
}

/// Lets through what is in a range.
struct Window<'w> {
    span: Span,
    /// How much has come.
    at: u64,
    to: &'w mut Output,
}

impl Write for Window<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let len = bytes.len() as u64;
        let clip = |edge: u64| usize::try_from(edge.saturating_sub(self.at).min(len)).unwrap_or(bytes.len());
        let (from, to) = (clip(self.span.start), self.span.end.map_or(bytes.len(), clip));
        self.to.write_all(bytes.get(from..to).unwrap_or_default())?;
        self.at = self.at.saturating_add(len);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
