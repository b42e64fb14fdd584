//! What the shop posts: a batch of sealed orders, each with its number, which is its associated data too where the format has a
//! place for it.
//!
//! A batch is a sequence of `number (u32) | length (u32) | sealed message`. A records batch is the number of orders
//! (u32), their numbers (u32 each), then one sealed records message. Integers are big-endian.

/// A posted body that is not a batch.
#[derive(Debug, thiserror::Error)]
#[error("the posted body is not a batch of orders")]
pub(crate) struct BadBatch;

/// Adds one sealed order to a batch.
pub(crate) fn push(batch: &mut Vec<u8>, number: u32, message: &[u8]) {
    batch.extend_from_slice(&number.to_be_bytes());
    batch.extend_from_slice(&u32::try_from(message.len()).unwrap_or(u32::MAX).to_be_bytes());
    batch.extend_from_slice(message);
}

/// Takes the next sealed order off a batch.
///
/// # Errors
/// [`BadBatch`] when it is cut short.
pub(crate) fn next<'a>(batch: &mut &'a [u8]) -> Result<Option<(u32, &'a [u8])>, BadBatch> {
    if batch.is_empty() {
        return Ok(None);
    }
    let (number, len) = (number(batch)?, number(batch)?);
    let len = usize::try_from(len).map_err(|_too_long| BadBatch)?;
    let (message, rest) = batch.split_at_checked(len).ok_or(BadBatch)?;
    *batch = rest;
    Ok(Some((number, message)))
}

/// Starts a records batch: the numbers, after which the message follows.
pub(crate) fn records(numbers: &[u32]) -> Vec<u8> {
    let mut batch = u32::try_from(numbers.len())
        .unwrap_or(u32::MAX)
        .to_be_bytes()
        .to_vec();
    batch.extend(numbers.iter().flat_map(|number| number.to_be_bytes()));
    batch
}

/// Takes a records batch apart: the numbers and the message.
///
/// # Errors
/// [`BadBatch`] when it is cut short.
pub(crate) fn split_records(mut batch: &[u8]) -> Result<(Vec<u32>, &[u8]), BadBatch> {
    let count = number(&mut batch)?;
    let mut numbers = Vec::new();
    for _ in 0..count {
        numbers.push(number(&mut batch)?);
    }
    Ok((numbers, batch))
}

fn number(batch: &mut &[u8]) -> Result<u32, BadBatch> {
    let (bytes, rest) = batch.split_first_chunk::<4>().ok_or(BadBatch)?;
    *batch = rest;
    Ok(u32::from_be_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_read_back() {
        let mut batch = Vec::new();
        push(&mut batch, 7, b"seven");
        push(&mut batch, 8, b"");
        let mut rest = batch.as_slice();
        assert_eq!(next(&mut rest).unwrap(), Some((7, b"seven".as_slice())));
        assert_eq!(next(&mut rest).unwrap(), Some((8, b"".as_slice())));
        assert_eq!(next(&mut rest).unwrap(), None);

        let mut batch = records(&[1, 2]);
        batch.extend_from_slice(b"message");
        assert_eq!(
            split_records(&batch).unwrap(),
            (vec![1, 2], b"message".as_slice())
        );
    }

    #[test]
    fn short_batches_are_refused() {
        let mut batch = Vec::new();
        push(&mut batch, 7, b"seven");
        for len in 1..batch.len() {
            assert!(next(&mut &batch[..len]).is_err(), "{len}");
        }
        assert!(split_records(&records(&[1, 2])[..7]).is_err());
    }
}
