//! `datakey open`.
use std::{
    io::{self, Read, Write as _},
    path::Path,
};

use datakey::{
    Aad, EncryptionContext, Kind, OpenError, OpenReader, Opener, RecordReader, SealedHeader, StreamError,
    envelope::OpeningKey,
};
use serde_json::json;

use crate::{
    args::OpenArgs,
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
    let header = SealedHeader::read(&mut source).map_err(|error| Failure::from_read(&args.input, error))?;
    check_kind(args, header.header().kind())?;
    let opener = opener(args).await?;
    let key = if args.danger_any_context {
        opener
            .danger_key_of_any_context(&header.header(), Aad::new(&aad))
            .await?
    } else {
        opener.key_of(&expected, &header.header(), Aad::new(&aad)).await?
    };

    let job = Job {
        args,
        header: &header,
        key: &key,
        aad: Aad::new(&aad),
        place: &place,
    };
    let opened = match header.header().kind() {
        Kind::Bytes => job.bytes(&mut source, &mut output)?,
        _ => job.records(&mut source, &mut output)?,
    };
    drop(source);
    let to_stdout = matches!(output, Output::Stdout(_));
    output.commit()?;
    report(&place, key.context(), &opened, to_stdout, json)
}

/// A message has records if it was sealed so; known from the header, before any key service is asked.
fn check_kind(args: &OpenArgs, kind: Kind) -> Result<(), Failure> {
    match (args.record, kind) {
        (Some(_), Kind::Bytes) => Err(Failure::Usage(
            "the message was not sealed with --lines and has no records; open it without --record".to_owned(),
        )),
        _ => Ok(()),
    }
}

async fn opener(args: &OpenArgs) -> Result<Opener, Failure> {
    Opener::builder(keys::provider(&args.key).await?)
        .retry(keys::policy(&args.key))
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
    place: &'a Path,
}

impl Job<'_> {
    fn bytes(&self, source: &mut Input, output: &mut Output) -> Result<Opened, Failure> {
        let mut reader = OpenReader::new(self.key, self.header, self.aad, source)
            .map_err(|error| self.read_error(error))?;
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
