//! `datakey seal`.
use std::io::{self, BufRead as _, BufReader, Read, Write};

use datakey::{Aad, EncryptionContext, Format, Params, Sealer, StreamError, Suite, esdk};
use serde_json::json;

use crate::{
    args::{FormatArg, SealArgs, SuiteArg},
    binding,
    failure::Failure,
    input::{self, Input},
    keys::{self, Provider},
    output::{self, Output},
    print,
};

/// The longest line, in bytes: a record has at most as many. No more of a line is held in memory.
const MAX_LINE: u64 = 1 << 24;

/// What was sealed.
struct Sealed {
    bytes: u64,
    records: Option<u32>,
}

/// Seals the input to the output, whole or not at all.
pub(crate) async fn run(args: &SealArgs, json: bool) -> Result<(), Failure> {
    let format = format(args)?;
    let context = binding::context(&args.binding)?;
    let aad = binding::associated_data(&args.binding)?;
    let place = input::output_for_seal(&args.input, args.output.output.as_deref(), args.format);
    let output = Output::start(&place, args.output.force)?;
    let mut source = Input::open(&args.input, json)?;
    let sealer = sealer(keys::provider(&args.key).await?, format, args)?;
    let to_stdout = matches!(output, Output::Stdout(_));

    let job = Job {
        args,
        sealer,
        context: &context,
        aad: Aad::new(&aad),
        place: &place,
    };
    let (sealed, output) = if args.lines {
        job.lines(&mut source, output).await?
    } else {
        job.bytes(&mut source, output).await?
    };
    drop(source);
    output.commit()?;

    let shown = output::shown(&place);
    let value = json!({ "output": shown, "plaintext_bytes": sealed.bytes, "records": sealed.records });
    let records = sealed
        .records
        .map(|count| format!(" in {}", print::counted(count.into(), "record")))
        .unwrap_or_default();
    let bytes = print::counted(sealed.bytes, "byte");
    let text = format!("sealed {bytes}{records} to {}", output::named(&place));
    if to_stdout {
        print::note(json, &value, &text);
        return Ok(());
    }
    print::result(json, &value, &text)
}

/// The format that the arguments choose, all of which it has a place for.
fn format(args: &SealArgs) -> Result<Format, Failure> {
    use SuiteArg::{Aes256Gcm, ChaCha20Poly1305, CommitKey, CommitKeyEcdsaP384};
    let refused = |why: &str| Err(Failure::Usage(why.to_owned()));
    if args.format == FormatArg::Esdk {
        if args.key.choice.key_file.is_some() {
            return refused(
                "a message of --format esdk is sealed under keys of AWS KMS: name them with --kms-key",
            );
        }
        if args.binding.aad.is_some() || args.binding.aad_file.is_some() {
            return refused(
                "--format esdk has no associated data: bind what has few values with --context, and put the rest into \
                 what is sealed; or use --format datakey",
            );
        }
        if args.lines {
            return refused("--format esdk has no records: seal without --lines, or use --format datakey");
        }
    }
    let datakey = |suite| Format::Datakey(Params::new().with_suite(suite));
    let esdk = |suite| Format::Esdk(esdk::Params::new().with_suite(suite));
    match (args.format, args.suite) {
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

fn sealer(provider: Provider, format: Format, args: &SealArgs) -> Result<Sealer, Failure> {
    Sealer::builder(provider)
        .format(format)
        .retry(keys::policy(args.key.timeout))
        .build()
        .map_err(|error| Failure::other("the sealer cannot be built", error))
}

struct Job<'a> {
    args: &'a SealArgs,
    sealer: Sealer,
    context: &'a EncryptionContext,
    aad: Aad<'a>,
    place: &'a std::path::Path,
}

impl Job<'_> {
    async fn bytes(&self, source: &mut Input, output: Output) -> Result<(Sealed, Output), Failure> {
        let writer = self.sealer.writer(self.context, self.aad, None, output).await;
        let mut writer = writer.map_err(|error| self.write_error(error))?;
        let bytes = copy(source, &mut writer, self.args, self.place)?;
        let output = writer.finish().map_err(|error| self.write_error(error))?;
        Ok((Sealed { bytes, records: None }, output))
    }

    /// Each line is a record, without the line feed that ends it.
    async fn lines(&self, source: &mut Input, output: Output) -> Result<(Sealed, Output), Failure> {
        let writer = self
            .sealer
            .record_writer(self.context, self.aad, None, output)
            .await;
        let mut writer = writer.map_err(|error| self.write_error(error))?;
        let mut lines = BufReader::with_capacity(1 << 20, source);
        let (mut line, mut bytes) = (Vec::new(), 0_u64);
        loop {
            line.clear();
            let read = (&mut lines)
                .take(MAX_LINE + 2)
                .read_until(b'\n', &mut line)
                .map_err(|error| Failure::read(&self.args.input, error))?;
            if read == 0 {
                break;
            }
            let record = line.strip_suffix(b"\n").unwrap_or(&line);
            if record.len() as u64 > MAX_LINE {
                return Err(Failure::Usage(format!(
                    "line {number} of the input is longer than {MAX_LINE} bytes, the limit of a record; seal it \
                     without --lines",
                    number = u64::from(writer.count()).saturating_add(1)
                )));
            }
            bytes = bytes.saturating_add(record.len() as u64);
            writer.push(record).map_err(|error| self.write_error(error))?;
        }
        let records = Some(writer.count());
        let output = writer.finish().map_err(|error| self.write_error(error))?;
        Ok((Sealed { bytes, records }, output))
    }

    fn write_error(&self, error: StreamError) -> Failure {
        Failure::from_write(self.place, error)
    }
}

/// Copies, telling errors of the two sides apart.
fn copy(
    from: &mut impl Read,
    to: &mut impl Write,
    args: &SealArgs,
    place: &std::path::Path,
) -> Result<u64, Failure> {
    let mut buffer = vec![0; 1 << 20];
    let mut total = 0_u64;
    loop {
        let read = match from.read(&mut buffer) {
            Ok(0) => return Ok(total),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Failure::read(&args.input, error)),
        };
        let portion = buffer.get(..read).unwrap_or_default();
        to.write_all(portion)
            .map_err(|error| Failure::from_write(place, error))?;
        total = total.saturating_add(read as u64);
    }
}
