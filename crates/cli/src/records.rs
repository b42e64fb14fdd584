//! Batches of records: `datakey records seal` and `open`.
mod pick;
mod split;

use std::{
    io::{Read as _, Write as _},
    path::Path,
};

use datakey::{
    SealingKey,
    envelope::{self, RecordSealer},
    keyring::Usage,
};

use self::split::{Line, Splitter, Unfit};
use crate::{
    args::{
        BindingArgs, ExpectedArgs, FormatArg, KeyArgs, OpenArgs, ReaderArgs, RecordsOpenArgs,
        RecordsSealArgs, RecordsShape, SealArgs, SuiteArg,
    },
    failure::Failure,
    input::{self, Front, Input},
    keys::Chosen,
    open::{self, Opening, Place},
    output::{How, Output, Secrecy},
    progress::Progress,
    role::Role,
    seal::{self, SealChoice, Sealing},
    session::Session,
    span::Span,
};

/// How much is read and written at a time, in bytes.
const PORTION: usize = 1 << 20;

/// What is sealed as a batch, and how.
struct RecordsSealing<'a> {
    input: &'a Path,
    output: Option<&'a Path>,
    force: bool,
    shape: RecordsShape,
    suite: Option<SuiteArg>,
    armor: bool,
    key: &'a KeyArgs,
    binding: &'a BindingArgs,
}

/// Which records of a batch are written, and where.
struct RecordsOpening<'a> {
    input: &'a Path,
    output: Option<&'a Path>,
    force: bool,
    /// All, if there are none.
    index: &'a [Span],
    /// Whether a record is written without a line feed after it.
    is_bare: bool,
    key: &'a KeyArgs,
    expected: &'a ExpectedArgs,
}

/// `--lines`, of one input.
pub(crate) fn seal_lines(args: &SealArgs, session: &Session) -> Result<(), Failure> {
    if args.format == FormatArg::Esdk {
        let refused = "--format esdk has no records: seal without --lines, or use --format datakey";
        return Err(Failure::Usage(refused.to_owned()));
    }
    let [input] = args.inputs.as_slice() else {
        let refused = "--lines takes one input: seal them one by one with `datakey records seal`";
        return Err(Failure::Usage(refused.to_owned()));
    };
    let sealing = RecordsSealing {
        input,
        output: args.output.output.as_deref(),
        force: args.output.force,
        shape: RecordsShape::Lines,
        suite: args.suite,
        armor: args.armor,
        key: &args.key,
        binding: &args.binding,
    };
    seal(&sealing, session)
}

/// `datakey records seal`.
pub(crate) fn seal_records(args: &RecordsSealArgs, session: &Session) -> Result<(), Failure> {
    let by_name = || match args.input.extension().and_then(|extension| extension.to_str()) {
        Some("csv") => RecordsShape::Csv,
        Some("ndjson" | "jsonl") => RecordsShape::Ndjson,
        _ => RecordsShape::Lines,
    };
    let sealing = RecordsSealing {
        input: &args.input,
        output: args.output.as_deref(),
        force: args.force,
        shape: args.shape.unwrap_or_else(by_name),
        suite: args.suite,
        armor: args.armor,
        key: &args.key,
        binding: &args.binding,
    };
    seal(&sealing, session)
}

/// `--record`, of one input.
pub(crate) fn open_one(args: &OpenArgs, record: u64, session: &Session) -> Result<(), Failure> {
    let [input] = args.inputs.as_slice() else {
        return Err(Failure::Usage("--record is of one message".to_owned()));
    };
    let end = record.checked_add(1);
    let opening = RecordsOpening {
        input,
        output: args.output.output.as_deref(),
        force: args.output.force,
        index: &[Span { start: record, end }],
        // As it is, without a line feed.
        is_bare: true,
        key: &args.key,
        expected: &args.expected,
    };
    open(&opening, session)
}

/// `datakey records open`.
pub(crate) fn open_records(args: &RecordsOpenArgs, session: &Session) -> Result<(), Failure> {
    let opening = RecordsOpening {
        input: &args.input,
        output: args.output.as_deref(),
        force: args.force,
        index: &args.index,
        is_bare: false,
        key: &args.key,
        expected: &args.expected,
    };
    open(&opening, session)
}

/// Seals the input as one batch, whole or not at all.
fn seal(args: &RecordsSealing<'_>, session: &Session) -> Result<(), Failure> {
    let choice = SealChoice {
        format: FormatArg::Datakey,
        suite: args.suite,
        key: args.key,
        binding: args.binding,
    };
    let format = seal::format(&choice, &session.settings)?;
    let place = seal::place_of(args.input, args.output)?;
    stays(args.input, &place, args.key, args.binding, session)?;
    let how = How {
        replace: args.force,
        secrecy: Secrecy::Sealed,
        armor: args.armor,
    };
    let progress = progress(args.input, session.json);
    let mut input = Input::open(args.input, Front::Bytes, &progress)?;
    let mut output = Output::start(&place, how)?;
    let sealing = Sealing::new(&choice, format, how, session)?;
    let key = sealing.key(input.len.map_or_else(Usage::unknown_length, Usage::message))?;
    let SealingKey::Datakey(key) = &*key else {
        return Err(Failure::Usage("the format has no records".to_owned()));
    };
    let mut out = Vec::new();
    let sealer = key.record_sealer(sealing.aad(), &mut out).map_err(failed)?;
    let mut batch = Batch {
        args,
        sealer,
        out,
        bytes: 0,
        place: &place,
        output: &mut output,
    };
    batch.fill(&mut input)?;
    let (bytes, records) = batch.finish()?;
    drop(input);
    output.commit(&place)?;
    progress.finish();
    seal::report(&place, bytes, Some(records), session.json)
}

/// Whether the output takes the place of nothing that is read.
fn stays(
    input: &Path,
    place: &Path,
    key: &KeyArgs,
    binding: &BindingArgs,
    session: &Session,
) -> Result<(), Failure> {
    let kept = session.kept(&Chosen::of(key, &session.settings)?.keys, binding);
    kept.with(Role::Input, [input]).check(place)
}

fn progress(input: &Path, json: bool) -> Progress {
    let metadata = std::fs::metadata(input).ok().filter(std::fs::Metadata::is_file);
    Progress::new(metadata.map(|metadata| metadata.len()), 1, json)
}

fn failed(error: envelope::SealError) -> Failure {
    Failure::Seal(error.into())
}

/// A batch that is being sealed.
struct Batch<'b> {
    args: &'b RecordsSealing<'b>,
    sealer: RecordSealer,
    /// What is not written yet.
    out: Vec<u8>,
    /// Of plaintext.
    bytes: u64,
    place: &'b Path,
    output: &'b mut Output,
}

impl Batch<'_> {
    fn fill(&mut self, input: &mut Input) -> Result<(), Failure> {
        let mut splitter = Splitter::new(self.args.shape);
        let mut buffer = Vec::new();
        loop {
            let before = buffer.len();
            let read = input.by_ref().take(PORTION as u64).read_to_end(&mut buffer);
            let read = read.map_err(|error| Failure::read(self.args.input, error))?;
            let is_end = read == 0;
            let mut used = 0;
            while let Some(Line { len, ends_at }) = {
                let rest = buffer.get(used..).unwrap_or_default();
                let seen = before.saturating_sub(used);
                splitter
                    .next(rest, seen, is_end)
                    .map_err(|unfit| self.unfit(&unfit))?
            } {
                let record = buffer.get(used..used.saturating_add(len)).unwrap_or_default();
                if splitter.is_record(record).map_err(|unfit| self.unfit(&unfit))? {
                    self.push(record, &splitter)?;
                }
                used = used.saturating_add(ends_at);
            }
            buffer.drain(..used);
            if is_end {
                return Ok(());
            }
        }
    }

    fn push(&mut self, record: &[u8], splitter: &Splitter) -> Result<(), Failure> {
        self.sealer
            .push_record(record, &mut self.out)
            .map_err(|error| match error {
                envelope::SealError::TooManyRecords => Failure::Unfit(format!(
                    "{} has more than {} records (from line {}), which is as many as a batch has; cut it, and seal the parts",
                    self.name(),
                    envelope::MAX_RECORDS,
                    splitter.line(),
                )),
                envelope::SealError::RecordTooLong { limit, .. } => self.unfit(&Unfit::TooLong {
                    line: splitter.line(),
                    limit: limit as u64,
                }),
                error => failed(error),
            })?;
        self.bytes = self.bytes.saturating_add(record.len() as u64);
        if self.out.len() >= PORTION {
            self.write()?;
        }
        Ok(())
    }

    fn write(&mut self) -> Result<(), Failure> {
        let written = self.output.write_all(&self.out);
        written.map_err(|error| Failure::write(self.place, error))?;
        self.out.clear();
        Ok(())
    }

    fn finish(mut self) -> Result<(u64, u64), Failure> {
        let records = self.sealer.count().into();
        let mut end = std::mem::take(&mut self.out);
        self.sealer.finish(&mut end).map_err(failed)?;
        let written = self.output.write_all(&end);
        written.map_err(|error| Failure::write(self.place, error))?;
        Ok((self.bytes, records))
    }

    fn name(&self) -> String {
        if self.args.input == Path::new("-") {
            "standard input".to_owned()
        } else {
            format!("{:?}", self.args.input)
        }
    }

    fn unfit(&self, unfit: &Unfit) -> Failure {
        Failure::Unfit(format!("{}, {unfit}", self.name()))
    }
}

/// Writes records of a batch.
fn open(args: &RecordsOpening<'_>, session: &Session) -> Result<(), Failure> {
    let place = place_of(args)?;
    stays(args.input, &place, args.key, &args.expected.binding, session)?;
    let reader = ReaderArgs::default();
    let opening = Opening::new(args.key, args.expected, &reader, session)?;
    let progress = progress(args.input, session.json);
    let how = How::plain(args.force);
    let named = |failure: Failure| failure.of(args.input);
    let opened = if args.index.is_empty() {
        let ends = Place {
            input: args.input,
            output: &place,
        };
        let opened = opening.file(&ends, 1, &progress, || Output::start(&place, how));
        opened.map_err(named)?
    } else {
        let picking = pick::Picking {
            opening: &opening,
            spans: args.index,
            is_bare: args.is_bare,
            input: args.input,
            place: &place,
        };
        picking.run(&progress, how).map_err(named)?
    };
    progress.finish();
    if opened.records.is_none() {
        let told = "the message holds bytes and no records; this is what was opened";
        session.note(told);
    }
    open::tell(&place, &opened, session.json)
}

fn place_of(args: &RecordsOpening<'_>) -> Result<std::path::PathBuf, Failure> {
    match args.output {
        Some(output) if input::is_folder(output) => Err(Failure::OutputIsFolder {
            path: output.to_owned(),
        }),
        Some(output) => Ok(output.to_owned()),
        // What was picked is no whole file. As before, it has the name that all would have if asked for as `open --record`.
        None if args.input == Path::new("-") || (!args.index.is_empty() && !args.is_bare) => Ok("-".into()),
        None => input::opened_name(args.input),
    }
}
