//! `datakey open`.
use std::{
    io::{self, Read, Write as _},
    path::Path,
};

use datakey::{
    Aad, EncryptionContext, Formats, Kind, MessageHeader, OpenError, OpenReader, Opener, OpeningKey,
    RecordReader, SealedHeader, StreamError,
    esdk::{CommitmentPolicy, OpenParams, own_context},
};
use serde_json::json;

use crate::{
    args::{OpenArgs, PolicyArg},
    binding,
    failure::Failure,
    input::{self, Input},
    keys,
    output::{self, Output},
    print,
};

/// What was opened.
#[derive(Default)]
struct Opened {
    bytes: u64,
    records: Option<u64>,
}

/// Opens the input to the output, whole or not at all.
pub(crate) async fn run(args: &OpenArgs, json: bool) -> Result<(), Failure> {
    let expected = binding::context(&args.binding)?;
    let aad = binding::associated_data(&args.binding)?;
    let place = input::output_for_open(&args.input, args.output.output.as_deref())?;
    let mut output = Output::start(&place, args.output.force)?;
    let mut source = Input::open(&args.input, json)?;
    let params = params(args);
    let header = SealedHeader::read_within(&mut source, params.max_encrypted_data_keys())
        .map_err(|error| Failure::from_read(&args.input, error))?;
    let to_stdout = matches!(output, Output::Stdout(_));
    let has_records = check(args, &header.header(), &aad, to_stdout)?;
    let opener = opener(args, params).await?;
    let key = if args.danger_any_context {
        opener
            .danger_key_of_any_context(header.header(), Aad::new(&aad))
            .await?
    } else {
        opener.key_of(&expected, header.header(), Aad::new(&aad)).await?
    };

    let job = Job {
        args,
        header: &header,
        key: &key,
        aad: Aad::new(&aad),
        params: &params,
        place: &place,
    };
    let opened = if has_records {
        job.records(&mut source, &mut output)?
    } else {
        job.bytes(&mut source, &mut output)?
    };
    drop(source);
    output.commit()?;
    report(&place, &own_context(key.context()), &opened, to_stdout, json)
}

/// How messages of the AWS Encryption SDK are opened. A signed one is let through as it comes, since the file appears only when
/// its signature is verified.
fn params(args: &OpenArgs) -> OpenParams {
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

/// Whether the message has records; and whether it has a place for what the arguments say. All that is known from the header,
/// before any key service is asked.
fn check(args: &OpenArgs, header: &MessageHeader<'_>, aad: &[u8], to_stdout: bool) -> Result<bool, Failure> {
    let refused = |why: &str| Err(Failure::Usage(why.to_owned()));
    let has_records = header
        .datakey()
        .is_some_and(|header| header.kind() != Kind::Bytes);
    if args.record.is_some() && !has_records {
        return refused(
            "the message was not sealed with --lines and has no records; open it without --record",
        );
    }
    if let MessageHeader::Esdk(header) = header {
        if !aad.is_empty() {
            return refused(
                "the message is of the AWS Encryption SDK and has no associated data; open it without",
            );
        }
        if to_stdout && header.suite().is_signed() {
            return refused(
                "the message is signed, and what goes to standard output would be out before its signature is verified; \
                 name a file with --output",
            );
        }
    }
    Ok(has_records)
}

async fn opener(args: &OpenArgs, params: OpenParams) -> Result<Opener, Failure> {
    Opener::builder(keys::provider(&args.key).await?)
        .formats(Formats::both(params))
        .retry(keys::policy(args.key.timeout))
        .build()
        .map_err(|error| Failure::other("the opener cannot be built", error))
}

fn report(
    place: &Path,
    context: &EncryptionContext,
    opened: &Opened,
    to_stdout: bool,
    json: bool,
) -> Result<(), Failure> {
    let pairs: serde_json::Map<_, _> = context
        .iter()
        .map(|(key, value)| (key.to_owned(), value.into()))
        .collect();
    let value = json!({
        "output": output::shown(place),
        "plaintext_bytes": opened.bytes,
        "records": opened.records,
        "encryption_context": pairs,
    });
    let records = opened
        .records
        .map(|count| format!(" in {}", print::counted(count, "record")))
        .unwrap_or_default();
    let bytes = print::counted(opened.bytes, "byte");
    let text = format!("opened {bytes}{records} to {}", output::named(place));
    if to_stdout {
        print::note(json, &value, &text);
        return Ok(());
    }
    print::result(json, &value, &text)
}

struct Job<'a> {
    args: &'a OpenArgs,
    header: &'a SealedHeader,
    key: &'a OpeningKey,
    aad: Aad<'a>,
    params: &'a OpenParams,
    place: &'a Path,
}

impl Job<'_> {
    fn bytes(&self, source: &mut Input, output: &mut Output) -> Result<Opened, Failure> {
        let reader = OpenReader::with_esdk_params(self.key, self.header, self.aad, self.params, source);
        let mut reader = reader.map_err(|error| self.read_error(error))?;
        let mut opened = Opened::default();
        let mut buffer = vec![0; 1 << 20];
        loop {
            let read = match reader.read(&mut buffer) {
                Ok(0) => return Ok(opened),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(self.read_error(error)),
            };
            let portion = buffer.get(..read).unwrap_or_default();
            output
                .write_all(portion)
                .map_err(|error| Failure::write(self.place, error))?;
            opened.bytes = opened.bytes.saturating_add(read as u64);
        }
    }

    /// Each record becomes a line, or the one that was asked for becomes the output. The whole message is read in
    /// either case, since only its end proves that the record's place in it is right.
    fn records(&self, source: &mut Input, output: &mut Output) -> Result<Opened, Failure> {
        let mut reader = RecordReader::new(self.key, self.header, self.aad, source)
            .map_err(|error| self.read_error(error))?;
        let (mut record, mut index) = (Vec::new(), 0_u64);
        let mut opened = Opened {
            records: Some(0),
            ..Opened::default()
        };
        while reader
            .next_record(&mut record)
            .map_err(|error| self.read_error(error))?
        {
            let wanted = self.args.record.is_none_or(|wanted| wanted == index);
            if wanted {
                if self.args.record.is_none() {
                    record.push(b'\n');
                }
                output
                    .write_all(&record)
                    .map_err(|error| Failure::write(self.place, error))?;
                opened.bytes = opened.bytes.saturating_add(record.len() as u64);
                opened.records = opened.records.map(|count| count.saturating_add(1));
            }
            index = index.saturating_add(1);
        }
        match self.args.record {
            Some(wanted) if wanted >= index => Err(Failure::Open(OpenError::NoSuchRecord {
                index: wanted,
                count: index,
            })),
            _ => Ok(opened),
        }
    }

    fn read_error(&self, error: impl Into<StreamError>) -> Failure {
        Failure::from_read(&self.args.input, error)
    }
}
