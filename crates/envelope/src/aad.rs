//! Associated data: bound into a message, never stored in it.
#[cfg(any(feature = "rustcrypto", feature = "aws-lc"))]
use crate::sha256::{MAX_END, State, padded};
#[cfg(any(feature = "rustcrypto", feature = "aws-lc"))]
use sha2::{Digest as _, Sha256};

/// SHA-256 of nothing.
#[cfg(any(feature = "rustcrypto", feature = "aws-lc"))]
const EMPTY_DIGEST: [u8; 32] = [
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27,
    0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
];

/// Associated data of one message: any bytes, such as an order id or a destination.
///
/// It is bound into the message's key and commitment, is not stored in the message and never leaves the process;
/// whoever opens must give the same bytes again. A type of its own, so that it cannot be mistaken for the plaintext
/// or the encryption context.
///
/// ```
/// # use datakey_envelope::Aad;
/// assert_eq!(Aad::new(b""), Aad::EMPTY);
/// assert_eq!(Aad::from("order 17").as_bytes(), b"order 17");
/// ```
///
/// # What belongs here
///
/// What tells one message from another and is known to whoever opens it: an order's number, the name of the file, the queue it came from. A
/// message that was put in another's place is then refused, though both are authentic. It costs nothing, whatever its length, and no
/// message grows by it.
///
/// What is the same for many messages (the tenant, the purpose) belongs into the encryption context, which the key service sees and can
/// decide by. An order's number there would make a data key for each order.
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
/// use datakey_envelope::{Aad, Message, OpenError};
///
/// // Two orders of one customer, in two rows of a table.
/// let seal = |row: &str, order: &[u8]| {
///     let mut sealed = Vec::new();
///     sealing.seal(order, Aad::from(row), &mut sealed).map(|()| sealed)
/// };
/// let (cheap, dear) = (seal("row 1", b"1 USD")?, seal("row 2", b"999 USD")?);
/// // Whoever may write to the table swaps them.
/// let mut out = Vec::new();
/// let swapped = opening.open(&Message::decode(&dear)?, Aad::from("row 1"), &mut out);
/// assert_eq!(swapped, Err(OpenError::NotAuthentic));
/// # let _ = cheap;
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Aad<'a>(&'a [u8]);

impl<'a> Aad<'a> {
    /// No associated data.
    pub const EMPTY: Aad<'static> = Aad(&[]);

    /// Associated data of any length.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    #[cfg(any(feature = "rustcrypto", feature = "aws-lc"))]
    pub(crate) fn digest(self) -> [u8; 32] {
        #[cfg(feature = "fips")]
        if crate::is_fips() {
            return crate::fips::sha256(&[self.0]);
        }
        match u16::try_from(self.0.len()) {
            Ok(0) => EMPTY_DIGEST,
            Ok(len) if self.0.len() <= MAX_END => State::initial().after(&padded(self.0, len)).digest(),
            _ => Sha256::digest(self.0).into(),
        }
    }
}

impl<'a> From<&'a str> for Aad<'a> {
    fn from(text: &'a str) -> Self {
        Self(text.as_bytes())
    }
}

#[cfg(all(test, any(feature = "rustcrypto", feature = "aws-lc")))]
mod tests {
    use super::*;

    #[test]
    fn the_digest_of_nothing_is_the_constant() {
        assert_eq!(EMPTY_DIGEST, <[u8; 32]>::from(Sha256::digest([])));
        assert_ne!(Aad::new(b"x").digest(), EMPTY_DIGEST);
    }

    #[test]
    fn every_length_has_the_digest_of_the_library() {
        let bytes = [0xA5; 2 * MAX_END];
        for len in 0..bytes.len() {
            let expected: [u8; 32] = Sha256::digest(&bytes[..len]).into();
            assert_eq!(Aad::new(&bytes[..len]).digest(), expected, "{len}");
        }
    }
}
