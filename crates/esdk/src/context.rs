//! The encryption context as it stands in messages, and as it is authenticated.
use alloc::vec::Vec;
use core::{cmp::Ordering, fmt};

use datakey_provider::EncryptionContext;

use crate::{
    Fault, FormatError, LimitError,
    cursor::{Cursor, malformed},
    suite::Curve,
};

/// The key under which a signed message has its public key.
///
/// Callers' own keys must not begin with `aws-crypto-`, which the format keeps to itself.
pub const PUBLIC_KEY: &str = "aws-crypto-public-key";

/// What keys that belong to the format begin with.
const RESERVED: &str = "aws-crypto-";

/// Whether a caller's encryption context has a place in a message, whatever its suite: to be asked before a data key is made for it.
/// [`Params::check_context`](crate::Params::check_context) asks it of one suite.
///
/// ```
/// use datakey_esdk::{LimitError, check_context};
/// use datakey_provider::EncryptionContext;
///
/// let reserved = EncryptionContext::new([("aws-crypto-purpose", "orders")])?;
/// assert_eq!(check_context(&reserved), Err(LimitError::ReservedKey));
/// let longer = "x".repeat(65_535);
/// assert!(matches!(check_context(&EncryptionContext::new([("note", &longer)])?), Err(LimitError::ContextLength(_))));
/// # Ok::<(), datakey_provider::ContextError>(())
/// ```
///
/// # Errors
/// [`LimitError`] for a key that belongs to the format, or more than the format has room for.
pub fn check_context(context: &EncryptionContext) -> Result<(), LimitError> {
    check_context_for(context, Some(Curve::P384))
}

/// Whether it has a place beside the public key of a suite that signs on this curve.
pub(crate) fn check_context_for(
    context: &EncryptionContext,
    signed: Option<Curve>,
) -> Result<(), LimitError> {
    if context.iter().any(|(key, _)| is_reserved(key)) {
        return Err(LimitError::ReservedKey);
    }
    // The name of the public key, its point in Base64, and the length of each.
    let room = match signed {
        None => 0,
        Some(Curve::P256) => 2 + 21 + 2 + 44,
        Some(Curve::P384) => 2 + 21 + 2 + 68,
    };
    encoded_len(context, room).map(|_len| ())
}

/// The caller's own pairs of the encryption context of a message: all but those that belong to the format.
///
/// ```
/// use datakey_esdk::{PUBLIC_KEY, own_context};
/// use datakey_provider::EncryptionContext;
///
/// let whole = EncryptionContext::new([("tenant", "acme"), (PUBLIC_KEY, "A1b2...")])?;
/// assert_eq!(own_context(&whole), EncryptionContext::new([("tenant", "acme")])?);
/// # Ok::<(), datakey_provider::ContextError>(())
/// ```
///
/// What an application looks at: the pairs that it stated when it sealed.
#[must_use]
pub fn own_context(whole: &EncryptionContext) -> EncryptionContext {
    if whole.iter().all(|(key, _)| !is_reserved(key)) {
        return whole.clone();
    }
    let own = whole.iter().filter(|(key, _)| !is_reserved(key));
    // Pairs of a context are pairs of a context.
    EncryptionContext::new(own).unwrap_or_default()
}

/// Whether a key belongs to the format.
pub(crate) fn is_reserved(key: &str) -> bool {
    key.starts_with(RESERVED)
}

/// The length of the encoding with its count; `more` bytes are to have a place behind it.
fn encoded_len(context: &EncryptionContext, more: usize) -> Result<u16, LimitError> {
    let len = match context.len() {
        0 => 0,
        _ => context.encoded().len().saturating_add(2),
    };
    let all = len.saturating_add(more);
    if u16::try_from(context.len()).is_err() || u16::try_from(all).is_err() {
        return Err(LimitError::ContextLength(all));
    }
    Ok(u16::try_from(len).unwrap_or(u16::MAX))
}

/// The bytes that keyrings and header tags authenticate: the count of pairs and the pairs, sorted by the bytes of their
/// keys; nothing at all for the empty context.
pub(crate) fn serialise(context: &EncryptionContext, out: &mut Vec<u8>) -> Result<(), LimitError> {
    encoded_len(context, 0)?;
    if let Ok(count @ 1..) = u16::try_from(context.len()) {
        out.extend_from_slice(&count.to_be_bytes());
        out.extend_from_slice(context.encoded());
    }
    Ok(())
}

/// The section of a header: the length of the serialised context in two bytes, and it.
pub(crate) fn encode(context: &EncryptionContext, out: &mut Vec<u8>) -> Result<(), LimitError> {
    out.extend_from_slice(&encoded_len(context, 0)?.to_be_bytes());
    serialise(context, out)
}

/// The pairs of a header's section, its rules checked. They need not be sorted: some writers did not.
pub(crate) fn decode<'a>(cursor: &mut Cursor<'a>) -> Result<ContextPairs<'a>, FormatError> {
    let section = cursor.field()?;
    if section.is_empty() {
        return Ok(ContextPairs(Cursor(&[])));
    }
    let wrong = |_ends: FormatError| malformed(Fault::ContextLength);
    let mut rest = Cursor(section);
    let count = rest.u16().map_err(wrong)?;
    if count == 0 {
        return Err(malformed(Fault::ContextLength));
    }
    let pairs = rest;
    let (mut previous, mut sorted) = (None, true);
    for _ in 0..count {
        let key = rest.field().map_err(wrong)?;
        let value = rest.field().map_err(wrong)?;
        if str::from_utf8(key).is_err() || str::from_utf8(value).is_err() {
            return Err(malformed(Fault::Utf8));
        }
        if key.is_empty() {
            return Err(malformed(Fault::ContextKey));
        }
        match previous.map(|previous: &[u8]| previous.cmp(key)) {
            None | Some(Ordering::Less) => {}
            Some(Ordering::Equal) => return Err(malformed(Fault::ContextDuplicate)),
            Some(Ordering::Greater) => sorted = false,
        }
        previous = Some(key);
    }
    if !rest.0.is_empty() {
        return Err(malformed(Fault::ContextLength));
    }
    let pairs = ContextPairs(pairs);
    if !sorted {
        let mut keys: Vec<&str> = pairs.clone().map(|(key, _)| key).collect();
        keys.sort_unstable();
        if keys
            .windows(2)
            .any(|two| matches!(two, [one, other] if one == other))
        {
            return Err(malformed(Fault::ContextDuplicate));
        }
    }
    Ok(pairs)
}

/// The pairs of a header's encryption context, in the order in which they stand there.
///
/// They are claims until the message opens, and then what its writer said.
#[derive(Clone)]
pub struct ContextPairs<'a>(Cursor<'a>);

impl ContextPairs<'_> {
    pub(crate) fn is_encoding_of(&self, context: &EncryptionContext) -> bool {
        // As in the native format: no comparison of two slices that are empty.
        (self.0.0.is_empty() && context.is_empty()) || self.0.0 == context.encoded()
    }
}

impl<'a> Iterator for ContextPairs<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let mut text = || str::from_utf8(self.0.field().ok()?).ok();
        Some((text()?, text()?))
    }
}

impl fmt::Debug for ContextPairs<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.clone()).finish()
    }
}
