//! Checks of what KMS answered, before anybody relies on it.
use aws_sdk_kms::primitives::Blob;
use datakey_provider::{
    DataKey, DataKeyLength, ErrorClass, Operation, ProviderError, WrappedKey, WrappedKeyError,
};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::{KeyIdForm, KmsKeyId, key_id::Arn, limits::MAX_KMS_CIPHERTEXT_LEN, recognise::Expected};

/// How a success differs from what KMS sends: the source of the [`ProviderError`].
///
/// The class is transient for what only a broken way to KMS can cause: a proxy, a cut answer, crossed answers. The
/// same request may well succeed. It is not authentic for [`OpenedLength`](Self::OpenedLength) and
/// [`NotTheNamedKey`](Self::NotTheNamedKey), which a forged message causes each time it is opened.
///
/// ```
/// use datakey_kms::MalformedAnswer;
/// use datakey_provider::ErrorClass;
///
/// // A proxy that answers an empty page with status 200: tried again.
/// assert_eq!(MalformedAnswer::NoPlaintext.class(), ErrorClass::Transient);
/// // Something was wrapped that is no data key, and will be each time.
/// assert_eq!(MalformedAnswer::OpenedLength(7).class(), ErrorClass::NotAuthentic);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MalformedAnswer {
    /// The plaintext is missing or empty.
    #[error("the answer has no plaintext")]
    NoPlaintext,
    /// A generated data key of another length than was asked for.
    #[error("a data key of {asked} was asked for, the answer has {answered} bytes")]
    PlaintextLength {
        /// The length that was asked for.
        asked: DataKeyLength,
        /// How many bytes the answer has.
        answered: usize,
    },
    /// What the blob wraps has neither 16, 24 nor 32 bytes: something, but not a data key.
    #[error("the wrapped key opens to {0} bytes, a data key has 16, 24 or 32")]
    OpenedLength(usize),
    /// The ciphertext is missing, empty, or longer than KMS makes them.
    #[error("the answer has no usable ciphertext")]
    Blob(#[source] WrappedKeyError),
    /// The ciphertext is longer than [`MAX_KMS_CIPHERTEXT_LEN`](crate::MAX_KMS_CIPHERTEXT_LEN), so that KMS would not take it
    /// back.
    #[error("the answer's ciphertext has {0} bytes, which is more than KMS takes back")]
    BlobLength(usize),
    /// The key id is missing, or is not the ARN of a key.
    #[error("the answer does not say which key it used")]
    NoKeyArn,
    /// The answer names another key than was asked for.
    #[error("the answer is for another key: {answered}")]
    OtherKey {
        /// The key ARN in the answer.
        answered: Box<str>,
    },
    /// The wrapped key opened under another key than the message names.
    #[error("the message names another key than {answered}, which opened it")]
    NotTheNamedKey {
        /// The key ARN in the answer.
        answered: Box<str>,
    },
}

impl MalformedAnswer {
    /// The class that the [`ProviderError`] has.
    #[must_use]
    pub const fn class(&self) -> ErrorClass {
        match self {
            Self::OpenedLength(_) | Self::NotTheNamedKey { .. } => ErrorClass::NotAuthentic,
            _ => ErrorClass::Transient,
        }
    }

    /// Whether the same call may succeed later without anybody changing anything.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        self.class().is_retryable()
    }

    pub(crate) fn into_error(self, operation: Operation, key_id: &str) -> ProviderError {
        ProviderError::new(self.class(), operation)
            .with_key_id(key_id)
            .with_source(self)
    }
}

type Checked<T> = Result<T, MalformedAnswer>;

/// Takes the plaintext of a generated data key apart.
pub(crate) fn generated(plaintext: Option<Blob>, asked: DataKeyLength) -> Checked<DataKey> {
    let other_length = |answered| MalformedAnswer::PlaintextLength { asked, answered };
    let data_key = data_key(plaintext, other_length)?;
    if data_key.length() == asked {
        Ok(data_key)
    } else {
        Err(other_length(data_key.length().bytes()))
    }
}

/// Takes the plaintext of an opened data key apart, of whichever length.
pub(crate) fn opened(plaintext: Option<Blob>) -> Checked<DataKey> {
    data_key(plaintext, MalformedAnswer::OpenedLength)
}

/// Its bytes go into a [`DataKey`], the buffer they came in is wiped.
fn data_key(plaintext: Option<Blob>, no_key: impl FnOnce(usize) -> MalformedAnswer) -> Checked<DataKey> {
    let bytes = Zeroizing::new(plaintext.map(Blob::into_inner).unwrap_or_default());
    if bytes.is_empty() {
        return Err(MalformedAnswer::NoPlaintext);
    }
    DataKey::from_slice(&bytes).ok_or_else(|| no_key(bytes.len()))
}

/// Pairs a ciphertext with the key ARN that the answer names.
pub(crate) fn wrapped_key(ciphertext: Option<Blob>, key_arn: String) -> Checked<WrappedKey> {
    let blob = ciphertext.map(Blob::into_inner).unwrap_or_default();
    if blob.len() > MAX_KMS_CIPHERTEXT_LEN {
        return Err(MalformedAnswer::BlobLength(blob.len()));
    }
    WrappedKey::new(key_arn, blob).map_err(MalformedAnswer::Blob)
}

/// The answer's key ARN, when it is the key that was asked to wrap.
pub(crate) fn wrapped_by(answered: Option<String>, asked: &KmsKeyId, region: &str) -> Checked<String> {
    let answered = answered.ok_or(MalformedAnswer::NoKeyArn)?;
    let (arn, id) = Arn::parse_key(&answered).ok_or(MalformedAnswer::NoKeyArn)?;
    let consistent = match asked.form() {
        KeyIdForm::KeyArn => asked.as_str() == answered,
        KeyIdForm::KeyId => asked.as_str() == id && arn.region == region,
        KeyIdForm::AliasName => arn.region == region,
        KeyIdForm::AliasArn => asked.arn().is_some_and(|alias| {
            alias.partition == arn.partition && alias.region == arn.region && alias.account == arn.account
        }),
    };
    if consistent {
        Ok(answered)
    } else {
        Err(MalformedAnswer::OtherKey {
            answered: answered.into(),
        })
    }
}

/// Checks the key ARN of an answer to opening.
pub(crate) fn opened_by(answered: Option<String>, expected: &Expected<'_>) -> Checked<()> {
    let answered = answered.ok_or(MalformedAnswer::NoKeyArn)?;
    if Arn::parse_key(&answered).is_none() {
        return Err(MalformedAnswer::NoKeyArn);
    }
    let (accepted, answered) = (expected.accepts(&answered), answered.into());
    match expected {
        _ if accepted => Ok(()),
        Expected::Asked(_) => Err(MalformedAnswer::OtherKey { answered }),
        Expected::Named { .. } => Err(MalformedAnswer::NotTheNamedKey { answered }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

    fn checks(asked: &str, answered: &str) -> bool {
        wrapped_by(Some(answered.into()), &asked.parse().unwrap(), "eu-central-1").is_ok()
    }

    #[test]
    fn a_wrapping_answer_names_the_key_that_was_asked() {
        for asked in [
            ARN,
            "1234abcd-12ab-34cd-56ef-1234567890ab",
            "alias/orders",
            "arn:aws:kms:eu-central-1:111122223333:alias/orders",
        ] {
            assert!(checks(asked, ARN), "{asked}");
            assert!(
                !checks(asked, &ARN.replace("eu-central-1", "us-east-1")),
                "{asked}"
            );
            assert!(!checks(asked, "alias/orders"), "{asked}");
            assert!(!checks(asked, ""), "{asked}");
        }
        assert!(!checks(ARN, &ARN.replace("1234abcd", "1234abce")));
        assert!(!checks(
            "1234abcd-12ab-34cd-56ef-1234567890ab",
            &ARN.replace("1234abcd", "001234abcd")
        ));
        let alias = "arn:aws:kms:eu-central-1:444455556666:alias/orders";
        assert!(!checks(alias, ARN));
    }
}
