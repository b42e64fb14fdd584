//! One message, sealed from a file or a stream.
use std::{
    io::{self, Read, Write},
    path::Path,
};

use datakey::{
    Aad, EncryptionContext, Format, Params, SealWriter, Sealer, SealingKey, Suite,
    envelope::{self, PieceSealer, UnsealedPiece},
    esdk,
    keyring::{Held, Usage},
};
use tokio::runtime::Handle;

use crate::{
    args::{BindingArgs, FormatArg, KeyArgs, SuiteArg},
    binding,
    each::is_done,
    failure::Failure,
    input::{Front, Input},
    key_uri::KeyUri,
    keys::Chosen,
    output::{How, Output},
    plan::Item,
    progress::Progress,
    pump::{Cut, Ends, Piece, Sizes, pump},
    session::Session,
    settings::Settings,
};

/// Up to this length, in bytes, a file is sealed in memory.
const SMALL: u64 = 1 << 20;

/// How many bytes of plaintext a thread takes at a time.
pub(crate) const PIECE: usize = 256 << 10;

/// What was chosen for sealing.
pub(crate) struct SealChoice<'a> {
    pub(crate) format: FormatArg,
    pub(crate) suite: Option<SuiteArg>,
    pub(crate) key: &'a KeyArgs,
    pub(crate) binding: &'a BindingArgs,
}

/// The format that the arguments choose, all of which it has a place for.
pub(crate) fn format(choice: &SealChoice<'_>, settings: &Settings) -> Result<Format, Failure> {
    use SuiteArg::{Aes256Gcm, ChaCha20Poly1305, CommitKey, CommitKeyEcdsaP384};
    let refused = |why: &str| Err(Failure::Usage(why.to_owned()));
    if choice.format == FormatArg::Esdk {
        let chosen = Chosen::of(choice.key, settings)?;
        if chosen.keys.iter().any(|key| matches!(key, KeyUri::Local(_))) {
            return refused(
                "a message of --format esdk is sealed under keys of AWS KMS: name them with --key aws-kms:KEY",
            );
        }
        if choice.binding.aad.is_some() || choice.binding.aad_file.is_some() {
            return refused(
                "--format esdk has no associated data: bind what has few values with --context, and put the rest into \
                 what is sealed; or use --format datakey",
            );
        }
    }
    let datakey = |suite| Format::Datakey(Params::new().with_suite(suite));
    let esdk = |suite| Format::Esdk(esdk::Params::new().with_suite(suite));
    // A suite of the settings is for messages of its format.
    let of_format = |suite: &SuiteArg| {
        matches!(suite, CommitKey | CommitKeyEcdsaP384) == (choice.format == FormatArg::Esdk)
    };
    match (choice.format, choice.suite.or(settings.suite.filter(of_format))) {
        (FormatArg::Datakey, None | Some(ChaCha20Poly1305)) => Ok(datakey(Suite::ChaCha20Poly1305)),
        (FormatArg::Datakey, Some(Aes256Gcm)) => Ok(datakey(Suite::Aes256Gcm)),
        (FormatArg::Esdk, None | Some(CommitKeyEcdsaP384)) => {
            Ok(esdk(esdk::Suite::Aes256GcmHkdfSha512CommitKeyEcdsaP384))
        }
        (FormatArg::Esdk, Some(CommitKey)) => Ok(esdk(esdk::Suite::Aes256GcmHkdfSha512CommitKey)),
        (FormatArg::Datakey, Some(_)) => refused(
            "the suites of --format datakey are chacha20-poly1305 and aes-256-gcm; commit-key and \
             commit-key-ecdsa-p384 are for --format esdk",
        ),
        (FormatArg::Esdk, Some(_)) => refused(
            "the suites of --format esdk are commit-key-ecdsa-p384 and commit-key; chacha20-poly1305 and aes-256-gcm are \
             for --format datakey",
        ),
    }
}

/// Whether the only input can be read and its output be written: found before a key service is asked.
pub(crate) fn check_ends(item: &Item, how: How, resume: bool) -> Result<(), Failure> {
    if item.input != Path::new("-") {
        drop(Input::open(
            &item.input,
            Front::Bytes,
            &Progress::new(Some(0), 1, true),
        )?);
    }
    if resume && is_done(&item.input, &item.output)? {
        return Ok(());
    }
    Output::check(&item.output, how)
}

/// Seals messages under cached data keys.
pub(crate) struct Sealing {
    sealer: Sealer,
    pub(crate) context: EncryptionContext,
    aad: Vec<u8>,
    how: How,
    runtime: Handle,
}

impl Sealing {
    /// What is needed for sealing.
    ///
    /// # Errors
    /// When a key cannot be used, or the context or the associated data not be had.
    pub(crate) fn new(
        choice: &SealChoice<'_>,
        format: Format,
        how: How,
        session: &Session,
    ) -> Result<Self, Failure> {
        let context = binding::context_for(&format, choice.binding, &session.settings)?;
        let aad = binding::associated_data(choice.binding)?;
        let chosen = Chosen::of(choice.key, &session.settings)?;
        if chosen.keys.len() > envelope::MAX_WRAPPED_KEYS && choice.format == FormatArg::Datakey {
            let (keys, most) = (chosen.keys.len(), envelope::MAX_WRAPPED_KEYS);
            return Err(Failure::Usage(format!(
                "{keys} keys are named, and a message has at most {most}"
            )));
        }
        let provider = session.runtime.block_on(chosen.provider())?;
        let sealer = Sealer::builder(provider)
            .format(format)
            .retry(chosen.policy())
            .build()
            .map_err(|error| Failure::other("the sealer cannot be built", error))?;
        Ok(Self {
            sealer,
            context,
            aad,
            how,
            runtime: session.runtime.clone(),
        })
    }

    pub(crate) fn aad(&self) -> Aad<'_> {
        Aad::new(&self.aad)
    }

    /// A data key for so much.
    pub(crate) fn key(&self, usage: Usage) -> Result<Held<SealingKey>, Failure> {
        let keyring = self.sealer.keyring();
        if let Some(key) = keyring.try_key(&self.context, usage) {
            return Ok(key);
        }
        let key = self.runtime.block_on(keyring.key(&self.context, usage));
        key.map_err(|error| Failure::Seal(error.into()))
    }

    /// Seals a file, and answers how many bytes of plaintext it had.
    pub(crate) fn file(&self, item: &Item, threads: usize, progress: &Progress) -> Result<u64, Failure> {
        let mut input = Input::open(&item.input, Front::Bytes, progress)?;
        let mut output = Output::start_in_folders(&item.output, self.how)?;
        let usage = input.len.map_or_else(Usage::unknown_length, Usage::message);
        let key = self.key(usage)?;
        let mut ends = Ends {
            input: &mut input,
            from: &item.input,
            output: &mut output,
            to: &item.output,
        };
        let (bytes, output) = match &*key {
            SealingKey::Datakey(key) => {
                let bytes = match ends.input.file() {
                    Some((_, len)) if len <= SMALL => self.small(key, &mut ends, len)?,
                    _ => self.large(key, &mut ends, threads)?,
                };
                (bytes, output)
            }
            other => self.stream(other, input, item, output)?,
        };
        output.commit(&item.output)?;
        Ok(bytes)
    }

    fn small(&self, key: &envelope::SealingKey, ends: &mut Ends<'_>, len: u64) -> Result<u64, Failure> {
        let mut plain = Vec::with_capacity(usize::try_from(len).unwrap_or_default().saturating_add(1));
        let at_most = len.saturating_add(1);
        ends.input
            .take(at_most)
            .read_to_end(&mut plain)
            .map_err(|error| Failure::read(ends.from, error))?;
        if plain.len() as u64 != len {
            return Err(Failure::Changed {
                path: ends.from.to_owned(),
            });
        }
        let mut sealed = Vec::new();
        key.seal(&plain, self.aad(), &mut sealed)
            .map_err(|error| Failure::Seal(error.into()))?;
        let written = ends.output.write_all(&sealed);
        written.map_err(|error| Failure::write(ends.to, error))?;
        Ok(len)
    }

    fn large(&self, key: &envelope::SealingKey, ends: &mut Ends<'_>, threads: usize) -> Result<u64, Failure> {
        let mut header = Vec::new();
        let sealer = key.piece_sealer(self.aad(), &mut header);
        let sealer = sealer.map_err(|error| Failure::Seal(error.into()))?;
        let written = ends.output.write_all(&header);
        written.map_err(|error| Failure::write(ends.to, error))?;
        let frame = key.params().frame_len().bytes();
        let frames = PIECE.div_euclid(frame).max(1);
        let sizes = Sizes {
            input: frame.saturating_mul(frames),
            output: frame.saturating_add(16).saturating_mul(frames),
            start: 0,
        };
        Ok(pump(ends, sizes, threads, Cutting(Some(sealer)))?.read)
    }

    /// In the other format, on one thread.
    fn stream(
        &self,
        key: &SealingKey,
        mut input: Input,
        item: &Item,
        output: Output,
    ) -> Result<(u64, Output), Failure> {
        let failed = |error| Failure::from_write(&item.output, error);
        let at_most = input.len;
        let mut writer = SealWriter::new(key, self.aad(), at_most, output).map_err(failed)?;
        let mut buffer = vec![0; PIECE];
        let mut total = 0_u64;
        loop {
            let read = match input.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(Failure::read(&item.input, error)),
            };
            let portion = buffer.get(..read).unwrap_or_default();
            writer
                .write_all(portion)
                .map_err(|error| Failure::from_write(&item.output, error))?;
            total = total.saturating_add(read as u64);
        }
        if at_most.is_some_and(|len| len != total) {
            return Err(Failure::Changed {
                path: item.input.clone(),
            });
        }
        let output = writer.finish().map_err(failed)?;
        Ok((total, output))
    }
}

/// Until the last piece.
struct Cutting(Option<PieceSealer>);

impl Cut for Cutting {
    type Piece = UnsealedPiece;

    fn next(&mut self, len: usize, is_last: bool) -> Result<UnsealedPiece, Failure> {
        let piece = match (&mut self.0, is_last) {
            (Some(sealer), false) => sealer.inner(len),
            (sealer, _) => match sealer.take() {
                Some(sealer) => sealer.last(len),
                None => Err(envelope::SealError::Abandoned),
            },
        };
        piece.map_err(|error| Failure::Seal(error.into()))
    }
}

impl Piece for UnsealedPiece {
    fn place(&self) -> u64 {
        self.sealed().start
    }

    fn run(self, from: &[u8], to: &mut [u8]) -> Result<usize, Failure> {
        self.seal_into(from, to)
            .map_err(|error| Failure::Seal(error.into()))
    }
}
