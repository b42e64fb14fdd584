//! A batch of records sealed one by one.
use alloc::{boxed::Box, vec::Vec};
use core::fmt;

use crate::{
    FrameLen, MAX_RECORDS, SealError,
    frame::{FrameSealer, Position},
    geometry::lengthened,
    whole::all_or_nothing,
};

/// Seals records into one message as they come. It keeps four bytes for each record until the end.
///
/// ```
/// # #[cfg(feature = "getrandom")] {
/// # use datakey_envelope::{Aad, Params, SealingKey};
/// # use datakey_provider::{DataKey, DataKeyLength, EncryptionContext, WrappedKey};
/// # let data_key = DataKey::init(DataKeyLength::Bytes32, |bytes| bytes.fill(7));
/// # let wrapped = WrappedKey::new("local:dev", b"opaque".to_vec()).unwrap().into();
/// # let key = SealingKey::new(&data_key, &wrapped, &EncryptionContext::empty(), &Params::new()).unwrap();
/// let mut out = Vec::new();
/// let mut sealer = key.record_sealer(Aad::EMPTY, &mut out)?;
/// sealer.push_record(b"first", &mut out)?;
/// sealer.push_record(b"", &mut out)?;
/// sealer.finish(&mut out)?;
/// # assert_eq!(out.len(), key.sealed_records_len(2, 5).unwrap());
/// # }
/// # Ok::<(), datakey_envelope::SealError>(())
/// ```
///
/// Dropped before [`finish`](Self::finish), it leaves what no reader takes for a whole batch; the records that were written can be read one
/// by one, each of them authentic.
#[must_use = "a message without its end does not open"]
pub struct RecordSealer {
    /// Boxed, so that moving this does not copy its key.
    frames: Box<FrameSealer>,
    limit: usize,
    table: Vec<u8>,
    count: u32,
    total: u64,
    abandoned: bool,
}

impl RecordSealer {
    pub(super) fn new(frames: FrameSealer, limit: FrameLen) -> Self {
        Self {
            frames: Box::new(frames),
            limit: limit.bytes(),
            table: Vec::new(),
            count: 0,
            total: 0,
            abandoned: false,
        }
    }

    /// How many records there are so far: the index of the next.
    #[must_use]
    pub const fn count(&self) -> u32 {
        self.count
    }

    /// Appends a sealed record to `out`.
    ///
    /// # Errors
    /// [`SealError`]; `out` is then as before. After [`SealError::RecordTooLong`], [`SealError::TooManyRecords`] and
    /// [`SealError::MessageTooLong`] the message may still be continued or finished without that record.
    pub fn push_record(&mut self, record: &[u8], out: &mut Vec<u8>) -> Result<(), SealError> {
        if self.abandoned {
            return Err(SealError::Abandoned);
        }
        let too_long = SealError::RecordTooLong {
            len: record.len(),
            limit: self.limit,
        };
        let len = match u32::try_from(record.len()) {
            Ok(len) if record.len() <= self.limit => len,
            _ => return Err(too_long),
        };
        let total = lengthened(self.total, len.into()).ok_or(SealError::MessageTooLong)?;
        let count = self.count.saturating_add(1);
        if count > MAX_RECORDS {
            return Err(SealError::TooManyRecords);
        }
        let pushed = all_or_nothing(out, |out| {
            out.extend_from_slice(&len.to_be_bytes());
            self.frames.write(record, Position::Inner, out)
        });
        self.table.extend_from_slice(&len.to_be_bytes());
        (self.total, self.count, self.abandoned) = (total, count, pushed.is_err());
        pushed
    }

    /// Appends the end: marker, table of lengths, tag, count.
    ///
    /// # Errors
    /// [`SealError`]; `out` is then as before.
    pub fn finish(mut self, out: &mut Vec<u8>) -> Result<(), SealError> {
        if self.abandoned {
            return Err(SealError::Abandoned);
        }
        let tag = self.frames.last_tag(&self.table)?;
        out.extend_from_slice(&u32::MAX.to_be_bytes());
        out.extend_from_slice(&self.table);
        out.extend_from_slice(&tag);
        out.extend_from_slice(&self.count.to_be_bytes());
        Ok(())
    }
}

impl fmt::Debug for RecordSealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordSealer")
            .field("count", &self.count)
            .field("total", &self.total)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Suite, schedule};

    #[test]
    fn after_a_failure_no_nonce_is_used_again() {
        let key = datakey_provider::DataKey::init(crate::DATA_KEY_LENGTH, |bytes| bytes.fill(1));
        let profile = schedule::Profile {
            suite: Suite::Aes256Gcm,
            kind: crate::Kind::Records,
            frame_len: FrameLen::MIN,
            context_digest: &[0; 32],
        };
        let mut secrets = schedule::MessageSecrets::empty();
        schedule::Keyed::new(&key).unwrap().prepare(&profile).derive(
            &[0; 24],
            crate::Aad::EMPTY,
            &mut secrets,
        );
        let frames = FrameSealer::new(Suite::Aes256Gcm, &secrets).unwrap();
        let mut sealer = RecordSealer::new(frames, FrameLen::MIN);
        // The ciphers do not fail on what the format allows, so the state after a failure is set by hand.
        sealer.abandoned = true;
        let mut out = Vec::new();
        assert_eq!(sealer.push_record(b"record", &mut out), Err(SealError::Abandoned));
        assert_eq!(sealer.count(), 0);
        assert_eq!(sealer.finish(&mut out), Err(SealError::Abandoned));
        assert!(out.is_empty());
    }
}
