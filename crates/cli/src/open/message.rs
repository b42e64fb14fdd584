//! One message, opened from a file or a stream: by `open`, `verify` and `cat`.
use std::{
    io::{self, Read as _, Write as _},
    path::Path,
};

use datakey::{
    Aad, EncryptionContext, Formats, Kind, MessageHeader, OpenError, OpenReader, Opener, OpeningKey,
    RecordReader, SealedHeader, StreamError,
    envelope::{self, PieceOpener, SealedPiece},
    esdk::{CommitmentPolicy, OpenParams, own_context},
    keyring::Held,
};
use tokio::runtime::Handle;
use zeroize::Zeroizing;

use crate::{
    args::{ExpectedArgs, KeyArgs, PolicyArg, ReaderArgs},
    binding,
    failure::Failure,
    input::{Front, Input},
    keys::Chosen,
    output::Output,
    progress::Progress,
    pump::{Cut, Ends, Piece, Sizes, pump},
    session::Session,
};

/// Up to this length, in bytes, a file is opened in memory.
const SMALL: u64 = 1 << 20;

/// How many bytes of plaintext a thread takes at a time.
const PIECE: usize = 256 << 10;

/// How many bytes of records are written at a time.
const PORTION: usize = 256 << 10;

/// What was opened.
pub(crate) struct Opened {
    pub(crate) bytes: u64,
    pub(crate) records: Option<u64>,
    pub(crate) context: EncryptionContext,
}

/// Opens messages with cached data keys.
pub(crate) struct Opening {
    pub(crate) opener: Opener,
    /// `None` is any.
    pub(crate) expected: Option<EncryptionContext>,
    aad: Vec<u8>,
    params: OpenParams,
    pub(crate) runtime: Handle,
}

/// From where to where one message is opened.
pub(crate) struct Place<'p> {
    pub(crate) input: &'p Path,
    pub(crate) output: &'p Path,
}

impl Opening {
    /// What is needed for opening.
    ///
    /// # Errors
    /// When a key cannot be used, or the context or the associated data not be had.
    pub(crate) fn new(
        key: &KeyArgs,
        expected: &ExpectedArgs,
        reader: &ReaderArgs,
        session: &Session,
    ) -> Result<Self, Failure> {
        let context = if expected.danger_any_context {
            None
        } else {
            Some(binding::expected_context(&expected.binding, &session.settings)?)
        };
        let aad = binding::associated_data(&expected.binding)?;
        let chosen = Chosen::of(key, &session.settings)?;
        let params = params(reader);
        let provider = session.runtime.block_on(chosen.provider())?;
        let opener = Opener::builder(provider)
            .formats(Formats::both(params))
            .retry(chosen.policy())
            .build()
            .map_err(|error| Failure::other("the opener cannot be built", error))?;
        Ok(Self {
            opener,
            expected: context,
            aad,
            params,
            runtime: session.runtime.clone(),
        })
    }

    pub(crate) fn aad(&self) -> Aad<'_> {
        Aad::new(&self.aad)
    }

    /// Reads the header off an input.
    pub(crate) fn header(&self, input: &mut Input, path: &Path) -> Result<SealedHeader, Failure> {
        SealedHeader::read_within(input, self.params.max_encrypted_data_keys())
            .map_err(|error| Failure::from_read(path, error))
    }

    /// The key of a message.
    pub(crate) fn key(&self, header: &MessageHeader<'_>) -> Result<Held<OpeningKey>, Failure> {
        let key = match &self.expected {
            Some(expected) => self
                .runtime
                .block_on(self.opener.key_of(expected, header, self.aad())),
            None => self
                .runtime
                .block_on(self.opener.danger_key_of_any_context(header, self.aad())),
        };
        Ok(key?)
    }

    /// Opens a message: the output is started when all is known that the header says, and before any key service is asked.
    pub(crate) fn file(
        &self,
        place: &Place<'_>,
        threads: usize,
        progress: &Progress,
        start: impl FnOnce() -> Result<Output, Failure>,
    ) -> Result<Opened, Failure> {
        let mut input = Input::open(place.input, Front::Message, progress)?;
        let header = self.header(&mut input, place.input)?;
        let mut output = start()?;
        self.check(&header.header(), &output)?;
        let key = self.key(&header.header())?;
        let mut ends = Ends {
            input: &mut input,
            from: place.input,
            output: &mut output,
            to: place.output,
        };
        let (bytes, records) = match header.header() {
            MessageHeader::Datakey(own) if own.kind() == Kind::Bytes => {
                let bytes = match ends.input.file() {
                    Some((_, len)) if len <= SMALL => self.small(key.datakey()?, &own, &mut ends)?,
                    _ => self.large(key.datakey()?, &own, &mut ends, threads)?,
                };
                (bytes, None)
            }
            MessageHeader::Datakey(_) => {
                let (bytes, records) = self.records(&key, &header, &mut ends)?;
                (bytes, Some(records))
            }
            _ => {
                let mut to = Named {
                    output: ends.output,
                    failed: None,
                };
                let copied = self.copy(&key, &header, ends.input, place.input, &mut to);
                if let Some(error) = to.failed {
                    return Err(Failure::write(place.output, error));
                }
                (copied?, None)
            }
        };
        output.commit(place.output)?;
        Ok(Opened {
            bytes,
            records,
            context: own_context(key.context()),
        })
    }

    /// Whether the message has a place for what the arguments say.
    pub(crate) fn check(&self, header: &MessageHeader<'_>, output: &Output) -> Result<(), Failure> {
        let refused = |why: &str| Err(Failure::Usage(why.to_owned()));
        if let MessageHeader::Esdk(header) = header {
            if !self.aad.is_empty() {
                return refused(
                    "the message is of the AWS Encryption SDK and has no associated data; open it without",
                );
            }
            if output.is_released_at_once() && header.suite().is_signed() {
                return refused(
                    "the message is signed, and what goes to standard output would be out before its signature is verified; \
                     have `datakey open` write a file, with --output",
                );
            }
        }
        Ok(())
    }

    fn small(
        &self,
        key: &envelope::OpeningKey,
        header: &envelope::Header<'_>,
        ends: &mut Ends<'_>,
    ) -> Result<u64, Failure> {
        let mut body = Vec::new();
        let at_most = SMALL.saturating_add(1);
        ends.input
            .take(at_most)
            .read_to_end(&mut body)
            .map_err(|error| Failure::read(ends.from, error))?;
        let mut plain = Zeroizing::new(Vec::new());
        plain.reserve(body.len());
        key.stream_opener(header, self.aad())
            .and_then(|mut opener| {
                opener.push(&body, &mut plain)?;
                opener.finish(&mut plain)
            })
            .map_err(|error| Failure::Open(error.into()))?;
        let written = ends.output.write_all(&plain);
        written.map_err(|error| Failure::write(ends.to, error))?;
        Ok(plain.len() as u64)
    }

    fn large(
        &self,
        key: &envelope::OpeningKey,
        header: &envelope::Header<'_>,
        ends: &mut Ends<'_>,
        threads: usize,
    ) -> Result<u64, Failure> {
        let opener = key.piece_opener(header, self.aad());
        let opener = opener.map_err(|error| Failure::Open(error.into()))?;
        let frame = opener.sealed_frame_len();
        let frames = PIECE.div_euclid(frame).max(1);
        let sizes = Sizes {
            input: frame.saturating_mul(frames),
            output: header.frame_len().bytes().saturating_mul(frames),
            start: header.len() as u64,
        };
        Ok(pump(ends, sizes, threads, Cutting(Some(opener)))?.written)
    }

    /// Each record becomes a line. The whole message is read, since only its end proves that a record's place in it is right.
    fn records(
        &self,
        key: &OpeningKey,
        header: &SealedHeader,
        ends: &mut Ends<'_>,
    ) -> Result<(u64, u64), Failure> {
        let failed = |error: StreamError| Failure::from_read(ends.from, error);
        let mut reader = RecordReader::new(key, header, self.aad(), &mut *ends.input).map_err(failed)?;
        let (mut record, mut out) = (Zeroizing::new(Vec::new()), Zeroizing::new(Vec::new()));
        let (mut bytes, mut records) = (0_u64, 0_u64);
        out.reserve(PORTION);
        while reader.next_record(&mut record).map_err(failed)? {
            if out.len().saturating_add(record.len()) >= PORTION {
                let written = ends.output.write_all(&out);
                written.map_err(|error| Failure::write(ends.to, error))?;
                out.clear();
            }
            out.extend_from_slice(&record);
            out.push(b'\n');
            bytes = bytes.saturating_add(record.len() as u64).saturating_add(1);
            records = records.saturating_add(1);
        }
        let written = ends.output.write_all(&out);
        written.map_err(|error| Failure::write(ends.to, error))?;
        Ok((bytes, records))
    }

    /// On one thread, of either format: all of a byte stream, from its front to its end.
    ///
    /// # Errors
    /// Of the message; and of `to`, as of standard output.
    pub(crate) fn copy(
        &self,
        key: &OpeningKey,
        header: &SealedHeader,
        input: &mut Input,
        from: &Path,
        to: &mut impl io::Write,
    ) -> Result<u64, Failure> {
        let failed = |error: StreamError| Failure::from_read(from, error);
        let reader = OpenReader::with_esdk_params(key, header, self.aad(), &self.params, input);
        let mut reader = reader.map_err(failed)?;
        let mut buffer = Zeroizing::new(vec![0; PORTION]);
        let mut total = 0_u64;
        loop {
            let read = match reader.read(&mut buffer) {
                Ok(0) => return Ok(total),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(Failure::from_read(from, error)),
            };
            to.write_all(buffer.get(..read).unwrap_or_default())
                .map_err(|error| Failure::write(Path::new("-"), error))?;
            total = total.saturating_add(read as u64);
        }
    }
}

/// How messages of the AWS Encryption SDK are opened. A signed one is let through as it comes, since the file appears only when
/// its signature is verified.
fn params(args: &ReaderArgs) -> OpenParams {
    let policy = match args.commitment_policy {
        PolicyArg::Require => CommitmentPolicy::RequireEncryptRequireDecrypt,
        PolicyArg::Allow => CommitmentPolicy::RequireEncryptAllowDecrypt,
        PolicyArg::Forbid => CommitmentPolicy::ForbidEncryptAllowDecrypt,
    };
    let limit = args.max_encrypted_data_keys.unwrap_or(u16::MAX);
    OpenParams::new()
        .with_commitment_policy(policy)
        .with_max_encrypted_data_keys(limit.into())
        .danger_release_before_signature()
}

/// An output whose errors are told with its name.
struct Named<'n> {
    output: &'n mut Output,
    failed: Option<io::Error>,
}

impl io::Write for Named<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.output.write(bytes).map_err(|error| {
            let kind = error.kind();
            if kind != io::ErrorKind::Interrupted {
                self.failed = Some(error);
            }
            kind.into()
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Until the last piece.
struct Cutting(Option<PieceOpener>);

impl Cut for Cutting {
    type Piece = SealedPiece;

    fn next(&mut self, len: usize, is_last: bool) -> Result<SealedPiece, Failure> {
        let piece = match (&mut self.0, is_last) {
            (Some(opener), false) => opener.inner(len),
            (opener, _) => match opener.take() {
                Some(opener) => opener.last(len),
                None => Err(envelope::OpenError::NotAuthentic),
            },
        };
        piece.map_err(|error| Failure::Open(OpenError::from(error)))
    }
}

impl Piece for SealedPiece {
    fn place(&self) -> u64 {
        self.plain().start
    }

    fn run(self, from: &[u8], to: &mut [u8]) -> Result<usize, Failure> {
        self.open_into(from, to)
            .map_err(|error| Failure::Open(OpenError::from(error)))
    }
}
