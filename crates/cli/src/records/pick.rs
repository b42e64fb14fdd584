//! Some records of a batch, by number.
use std::{fs::File, io::Write as _, path::Path};

use datakey::{
    Kind, MessageHeader, OpenError, RecordReader, SealedHeader,
    envelope::{self, EndPlan, RecordIndex},
    esdk::own_context,
};
use zeroize::Zeroizing;

use crate::{
    failure::Failure,
    input::{Front, Input},
    open::{Opened, Opening},
    output::{How, Output},
    progress::Progress,
    pump::read_exact_at,
    span::Span,
};

/// How many bytes of records are read and written at a time, where there are several.
const PORTION: u64 = 1 << 20;

/// Which records go where.
pub(super) struct Picking<'p> {
    pub(super) opening: &'p Opening,
    pub(super) spans: &'p [Span],
    pub(super) is_bare: bool,
    pub(super) input: &'p Path,
    pub(super) place: &'p Path,
}

impl Picking<'_> {
    pub(super) fn run(&self, progress: &Progress, how: How) -> Result<Opened, Failure> {
        let mut input = Input::open(self.input, Front::Message, progress)?;
        let header = self.opening.header(&mut input, self.input)?;
        let own = match header.header() {
            MessageHeader::Datakey(own) if own.kind() != Kind::Bytes => own,
            _ => {
                let refused = "the message was not sealed with `datakey records seal` and has no records; open it without --index or --record";
                return Err(Failure::Usage(refused.to_owned()));
            }
        };
        let mut output = Output::start(self.place, how)?;
        let key = self.opening.key(&header.header())?;
        let (bytes, records) = match input.file() {
            Some((file, len)) => {
                let plan = EndPlan::new(&own, len).map_err(failed)?;
                let file = Stored {
                    file,
                    path: self.input,
                };
                let end = file.read(plan.count_bytes())?;
                let count = end.first_chunk().copied().unwrap_or_default();
                let end = file.read(plan.end_bytes(count).map_err(|error| failed(error.into()))?)?;
                let index = key
                    .datakey()?
                    .open_index(&plan, self.opening.aad(), &end)
                    .map_err(failed)?;
                self.out_of_file(&file, &index, &mut output)?
            }
            None => self.out_of_stream(&key, &header, &mut input, &mut output)?,
        };
        output.commit(self.place)?;
        Ok(Opened {
            bytes,
            records: Some(records),
            context: own_context(key.context()),
        })
    }

    /// Whether each range lies within the batch.
    fn check(&self, count: u64) -> Result<(), Failure> {
        let missing = self.spans.iter().find(|span| span.within(count).is_none());
        match missing {
            Some(span) => {
                let index = span.least_end().saturating_sub(1).max(span.start);
                Err(Failure::Open(OpenError::NoSuchRecord { index, count }))
            }
            None => Ok(()),
        }
    }

    fn out_of_file(
        &self,
        file: &Stored<'_>,
        index: &RecordIndex,
        output: &mut Output,
    ) -> Result<(u64, u64), Failure> {
        let count = u64::from(index.len());
        self.check(count)?;
        let (mut out, mut bytes, mut records) = (Zeroizing::new(Vec::new()), 0_u64, 0_u64);
        for range in self.spans.iter().filter_map(|span| span.within(count)) {
            let mut numbers = range.filter_map(|number| u32::try_from(number).ok()).peekable();
            while let Some(first) = numbers.next() {
                // Records follow each other, so that one read gets several.
                let mut ranges = vec![(first, index.record_bytes(first).unwrap_or_default())];
                let start = ranges.first().map_or(0, |(_, range)| range.start);
                let mut end = ranges.first().map_or(0, |(_, range)| range.end);
                while let Some(next) = numbers.next_if(|next| {
                    index
                        .record_bytes(*next)
                        .is_some_and(|range| range.end.saturating_sub(start) <= PORTION)
                }) {
                    let range = index.record_bytes(next).unwrap_or_default();
                    end = range.end;
                    ranges.push((next, range));
                }
                let sealed = file.read(start..end)?;
                for (number, range) in ranges {
                    let from = usize::try_from(range.start.saturating_sub(start)).unwrap_or(usize::MAX);
                    let to = usize::try_from(range.end.saturating_sub(start)).unwrap_or(usize::MAX);
                    let sealed = sealed.get(from..to).unwrap_or_default();
                    index.open_record(number, sealed, &mut out).map_err(failed)?;
                    self.end_record(&mut out);
                    records = records.saturating_add(1);
                }
                bytes = bytes.saturating_add(out.len() as u64);
                self.write(output, &out)?;
                out.clear();
            }
        }
        Ok((bytes, records))
    }

    /// From a stream they come in their own order, and all of it is read: only its end proves that a record's place is right.
    fn out_of_stream(
        &self,
        key: &datakey::OpeningKey,
        header: &SealedHeader,
        input: &mut Input,
        output: &mut Output,
    ) -> Result<(u64, u64), Failure> {
        if self.spans.len() > 1 {
            let refused = "several ranges are picked from a file, and not from a stream or from armored text; name one range";
            return Err(Failure::Usage(refused.to_owned()));
        }
        let broken = |error: datakey::StreamError| Failure::from_read(self.input, error);
        let mut reader = RecordReader::new(key, header, self.opening.aad(), input).map_err(broken)?;
        let (mut record, mut out) = (Zeroizing::new(Vec::new()), Zeroizing::new(Vec::new()));
        let (mut number, mut bytes, mut records) = (0_u64, 0_u64, 0_u64);
        while reader.next_record(&mut record).map_err(broken)? {
            if self.spans.iter().any(|span| span.contains(number)) {
                out.extend_from_slice(&record);
                self.end_record(&mut out);
                records = records.saturating_add(1);
            }
            if out.len() as u64 >= PORTION {
                bytes = bytes.saturating_add(out.len() as u64);
                self.write(output, &out)?;
                out.clear();
            }
            number = number.saturating_add(1);
        }
        self.check(number)?;
        bytes = bytes.saturating_add(out.len() as u64);
        self.write(output, &out)?;
        Ok((bytes, records))
    }

    fn end_record(&self, out: &mut Vec<u8>) {
        if !self.is_bare {
            out.push(b'\n');
        }
    }

    fn write(&self, output: &mut Output, bytes: &[u8]) -> Result<(), Failure> {
        let written = output.write_all(bytes);
        written.map_err(|error| Failure::write(self.place, error))
    }
}

fn failed(error: envelope::OpenError) -> Failure {
    Failure::Open(error.into())
}

/// A message in a file.
struct Stored<'s> {
    file: &'s File,
    path: &'s Path,
}

impl Stored<'_> {
    fn read(&self, range: std::ops::Range<u64>) -> Result<Vec<u8>, Failure> {
        let len = range.end.saturating_sub(range.start);
        let mut bytes = vec![0; usize::try_from(len).unwrap_or(usize::MAX)];
        read_exact_at(self.file, &mut bytes, range.start)
            .map_err(|source| Failure::read(self.path, source))?;
        Ok(bytes)
    }
}
