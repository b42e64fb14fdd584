//! Opens messages of the native format with the opening keyring of an opener.
use datakey_envelope::{self as envelope, Aad, Header};
use datakey_keyring::{Held, OpeningKeyring};
use datakey_provider::{EncryptionContext, WrappedKey};

use crate::{Envelope, OpenError, OpeningKey};

/// What `open` makes of the message's key, which the commitment tells from those of others (rule K6). Nothing expected means that
/// any encryption context will do.
pub(crate) async fn open_with<T>(
    keyring: &OpeningKeyring<Envelope>,
    header: &Header<'_>,
    expected: Option<&EncryptionContext>,
    aad: Aad<'_>,
    mut open: impl FnMut(&WrappedKey, &Held<OpeningKey>, &envelope::OpeningKey) -> Result<T, envelope::OpenError>,
) -> Result<T, OpenError> {
    let decoded;
    let context = match expected {
        // The usual case, in which nothing has to be decoded and digested.
        Some(expected) if header.has_context(expected) => expected,
        Some(expected) => {
            decoded = header.context()?;
            decoded.check_expected(expected)?;
            &decoded
        }
        None => {
            decoded = header.context()?;
            &decoded
        }
    };
    let unless_foreign = |wrapped: &WrappedKey, held: &Held<OpeningKey>| {
        let key = held.datakey().ok()?;
        match open(wrapped, held, key) {
            // Where the commitment holds, it is the frames that are not authentic, and no other key opens them.
            Err(envelope::OpenError::NotAuthentic) if key.check_header(header, aad).is_err() => None,
            opened => Some(opened),
        }
    };
    let wrapped = header.wrapped_keys()?;
    let opened = keyring.open_with(context, &wrapped, unless_foreign).await?;
    Ok(opened?)
}
