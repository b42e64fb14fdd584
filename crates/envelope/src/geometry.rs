//! How long things are: plaintext to body and back, in checked arithmetic.
use crate::{FormatError, FrameLen, Rule};

/// The most plaintext bytes in one message: 2^43, which is 8 TiB.
///
/// AES-256-GCM stays within an advantage of 2^-50 over a whole message of this length, cut into the smallest frames.
/// A limit of the format, checked by writers and readers alike.
///
/// With frames of 64 KiB that is 2^27 of them.
pub const MAX_MESSAGE_LEN: u64 = 1 << 43;

/// The most records in one message: 2^24. The lengths of so many take 64 MiB, which a writer and a sequential reader
/// hold until the end.
///
/// A batch that would have more is continued in another message.
pub const MAX_RECORDS: u32 = 1 << 24;

/// What a record takes besides its plaintext: its length before it, its tag after it, its length again in the table.
///
/// ```
/// # #[cfg(all(feature = "getrandom", any(feature = "rustcrypto", feature = "aws-lc")))] {
/// # use datakey_envelope::{Params, SealingKey};
/// # use datakey_provider::{DataKey, DataKeyLength, EncryptionContext, WrappedKey, WrappedKeys};
/// # let data_key = DataKey::init(DataKeyLength::Bytes32, |bytes| bytes.fill(7));
/// # let wrapped = WrappedKeys::from(WrappedKey::new("local:dev", b"opaque".to_vec())?);
/// # let context = EncryptionContext::new([("tenant", "acme")])?;
/// # let sealing = SealingKey::new(&data_key, &wrapped, &context, &Params::new())?;
/// # let opening = datakey_envelope::OpeningKey::new(&data_key, &context)?;
/// use datakey_envelope::{Aad, RECORD_OVERHEAD};
///
/// let mut batch = Vec::new();
/// sealing.seal_records(["order 1", "order 2", "order 3"], Aad::EMPTY, &mut batch)?;
/// let empty = sealing.sealed_records_len(0, 0).expect("no records are not too many");
/// assert_eq!(batch.len(), empty + 3 * (RECORD_OVERHEAD + 7)); // a header once, and 24 bytes for each
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub const RECORD_OVERHEAD: usize = 24;

/// What a records message takes besides its header and its records: the marker, the tag, the count.
pub(crate) const RECORDS_END_LEN: u64 = 24;

/// The length of a tag.
pub(crate) const TAG: u64 = 16;

/// The length of the plaintext of a full frame.
pub(crate) const fn frame_len(frame_len: FrameLen) -> u64 {
    1 << frame_len.exponent()
}

/// What so much plaintext and more of it come to; `None` beyond the limit of the format.
#[cfg(any(feature = "rustcrypto", feature = "aws-lc"))]
pub(crate) fn lengthened(plain_len: u64, more: u64) -> Option<u64> {
    let total = plain_len.checked_add(more)?;
    (total <= MAX_MESSAGE_LEN).then_some(total)
}

/// The length of the body of a byte stream; `None` beyond the limit of the format.
#[cfg(any(feature = "rustcrypto", feature = "aws-lc"))]
pub(crate) fn body_len(plain_len: u64, frame_len: FrameLen) -> Option<u64> {
    if plain_len > MAX_MESSAGE_LEN {
        return None;
    }
    // An empty message is one empty frame.
    let frames = plain_len.div_ceil(1 << frame_len.exponent()).max(1);
    frames.checked_mul(TAG)?.checked_add(plain_len)
}

/// The length of the plaintext of a byte stream with a body of this length.
pub(crate) fn plain_len(body_len: u64, frame_len: FrameLen) -> Result<u64, FormatError> {
    let sealed_frame = (1_u64 << frame_len.exponent()).saturating_add(TAG);
    let (full, last) = (
        body_len.div_euclid(sealed_frame),
        body_len.rem_euclid(sealed_frame),
    );
    let tags = match last {
        0 if full > 0 => full.saturating_mul(TAG),
        TAG if full > 0 => {
            return Err(FormatError::Malformed {
                rule: Rule::EmptyLastFrame,
            });
        }
        TAG.. => full.saturating_add(1).saturating_mul(TAG),
        _ => {
            return Err(FormatError::Truncated {
                missing: TAG.saturating_sub(last),
            });
        }
    };
    match body_len.checked_sub(tags) {
        Some(plain_len) if plain_len <= MAX_MESSAGE_LEN => Ok(plain_len),
        _ => Err(FormatError::Malformed {
            rule: Rule::MessageLength,
        }),
    }
}

#[cfg(all(test, any(feature = "rustcrypto", feature = "aws-lc")))]
mod tests {
    use super::*;

    #[test]
    fn a_message_grows_up_to_its_limit_and_not_by_a_byte_more() {
        assert_eq!(lengthened(MAX_MESSAGE_LEN - 2, 1), Some(MAX_MESSAGE_LEN - 1));
        assert_eq!(lengthened(MAX_MESSAGE_LEN - 2, 2), Some(MAX_MESSAGE_LEN));
        assert_eq!(lengthened(MAX_MESSAGE_LEN - 2, 3), None);
        assert_eq!(lengthened(0, u64::MAX), None);
        assert_eq!(lengthened(1, u64::MAX), None);
    }

    #[test]
    fn body_and_plaintext_lengths_are_inverse() {
        for exponent in [6, 7, 16, 24] {
            let frame_len = FrameLen::from_exponent(exponent).unwrap();
            let frame = 1_u64 << exponent;
            for plain in [0, 1, frame - 1, frame, frame + 1, 3 * frame, MAX_MESSAGE_LEN] {
                let body = body_len(plain, frame_len).unwrap();
                assert_eq!(plain_len(body, frame_len), Ok(plain), "{plain} at 2^{exponent}");
            }
        }
    }

    #[test]
    fn lengths_that_no_plaintext_has_are_refused() {
        let frame_len = FrameLen::MIN;
        assert_eq!(
            plain_len(0, frame_len),
            Err(FormatError::Truncated { missing: 16 })
        );
        assert_eq!(
            plain_len(15, frame_len),
            Err(FormatError::Truncated { missing: 1 })
        );
        assert_eq!(
            plain_len(80 + 1, frame_len),
            Err(FormatError::Truncated { missing: 15 })
        );
        let empty = FormatError::Malformed {
            rule: Rule::EmptyLastFrame,
        };
        assert_eq!(plain_len(80 + 16, frame_len), Err(empty));
        let long = FormatError::Malformed {
            rule: Rule::MessageLength,
        };
        let longest = body_len(MAX_MESSAGE_LEN, frame_len).unwrap();
        assert_eq!(plain_len(longest + 17, frame_len), Err(long));
        assert_eq!(plain_len(u64::MAX - 15, frame_len), Err(long));
        assert_eq!(body_len(MAX_MESSAGE_LEN + 1, frame_len), None);
    }
}
