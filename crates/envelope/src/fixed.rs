//! The fixed part of a header, which every message starts with.
use crate::{FormatError, FrameLen, Kind, Rule, Suite, cursor::Cursor, read::broken, room::Room};

/// The first four bytes of every message. `DA` starts no text in UTF-8, and no message of the AWS Encryption SDK.
pub const MAGIC: [u8; 4] = [0xDA, b'K', b'E', b'Y'];

/// The version of the format.
pub const VERSION: u8 = 1;

/// The length of a salt, in bytes.
///
/// Random salts of this length may be drawn 2^48 times under one data key, with odds of 2^-97 that any two are alike.
pub const SALT_LEN: usize = 24;

/// Magic, version, suite, kind, exponent, salt, commitment.
pub(crate) const FIXED_LEN: usize = 64;

/// The fields of the first 64 bytes.
pub(crate) struct Fixed<'a> {
    pub(crate) suite: Suite,
    pub(crate) kind: Kind,
    pub(crate) frame_len: FrameLen,
    pub(crate) salt: &'a [u8; SALT_LEN],
    pub(crate) commitment: &'a [u8; 32],
}

impl<'a> Fixed<'a> {
    /// Reads them from the front of what is left to read.
    pub(crate) fn decode(cursor: &mut Cursor<'a>) -> Result<Self, FormatError> {
        let bytes = cursor.0;
        let magic = match bytes.first_chunk() {
            Some(magic) => *magic == MAGIC,
            None => MAGIC.starts_with(bytes),
        };
        if !magic {
            return Err(broken(Rule::Magic));
        }
        let fixed = cursor
            .take(FIXED_LEN)
            .or_else(|early| fields(bytes).and(Err(early)))?;
        let (suite, kind, frame_len) = fields(fixed)?.ok_or_else(|| broken(Rule::Magic))?;
        let mut tail = Cursor(fixed.get(8..).unwrap_or_default());
        let (salt, commitment) = (tail.array()?, tail.array()?);
        Ok(Self {
            suite,
            kind,
            frame_len,
            salt,
            commitment,
        })
    }

    pub(crate) fn encode(&self, out: &mut impl Room) -> Option<()> {
        let [a, b, c, d] = MAGIC;
        let exponent = self.frame_len.exponent();
        out.put(&[a, b, c, d, VERSION, self.suite.id(), self.kind.id(), exponent])?;
        out.put(self.salt)?;
        out.put(self.commitment)
    }
}

/// The fields of one byte each, as far as they are there: what is known to be wrong is said before more is asked for.
fn fields(bytes: &[u8]) -> Result<Option<(Suite, Kind, FrameLen)>, FormatError> {
    let mut fields = bytes.iter().skip(MAGIC.len()).copied();
    let Some(version) = fields.next() else {
        return Ok(None);
    };
    if version != VERSION {
        return Err(broken(Rule::Version));
    }
    let Some(suite) = fields.next() else {
        return Ok(None);
    };
    let suite = Suite::from_id(suite).ok_or_else(|| broken(Rule::Suite))?;
    let Some(kind) = fields.next() else {
        return Ok(None);
    };
    let kind = Kind::from_id(kind).ok_or_else(|| broken(Rule::Kind))?;
    let Some(exponent) = fields.next() else {
        return Ok(None);
    };
    let frame_len = FrameLen::from_exponent(exponent).map_err(|_out_of_range| broken(Rule::FrameExponent))?;
    Ok(Some((suite, kind, frame_len)))
}
