//! A provider under test, and the data keys that it made.
use alloc::{format, vec::Vec};

use super::violation::{Check, broken, succeeds};
use crate::{
    DataKey, DataKeyLength, EncryptionContext, GeneratedDataKey, KeyProvider, NoTraffic, WrappedKeys,
};

/// A provider under test, and the data keys that it made.
pub(super) struct Tried<'a, P: ?Sized> {
    provider: &'a P,
    made: Vec<DataKey>,
}

impl<'a, P: KeyProvider + ?Sized> Tried<'a, P> {
    pub(super) const fn new(provider: &'a P) -> Self {
        Self {
            provider,
            made: Vec::new(),
        }
    }

    pub(super) const fn provider(&self) -> &'a P {
        self.provider
    }

    /// Every data key of 32 bytes that it made.
    pub(super) fn made(&self) -> &[DataKey] {
        &self.made
    }

    /// A new data key of 32 bytes, as long as it should be and wrapped as often as the provider says.
    pub(super) async fn generated(&mut self, context: &EncryptionContext) -> Check<GeneratedDataKey> {
        let made = self
            .provider
            .generate_data_key(context, DataKeyLength::Bytes32)
            .await;
        self.keep(succeeds("generate_data_key succeeds", made)?)
    }

    /// Judges what was generated, and remembers the data key.
    pub(super) fn keep(&mut self, made: GeneratedDataKey) -> Check<GeneratedDataKey> {
        has_length(&made, DataKeyLength::Bytes32)?;
        wrapped_as_said(self.provider, made.wrapped_keys())?;
        self.made
            .extend(DataKey::from_slice(made.data_key().expose_secret()));
        Ok(made)
    }
}

pub(super) fn has_length(made: &GeneratedDataKey, length: DataKeyLength) -> Check {
    let found = made.data_key().length();
    if found == length {
        return Ok(());
    }
    broken(
        "a data key has the length that was asked for",
        format!("{found} instead of {length}"),
    )
}

pub(super) fn wrapped_as_said<P: KeyProvider + ?Sized>(provider: &P, wrapped: &WrappedKeys) -> Check {
    let (said, found) = (provider.wrapped_keys_each(), wrapped.as_slice().len());
    if said == found {
        return Ok(());
    }
    broken(
        "each call answers as many wrapped keys as wrapped_keys_each says",
        format!("{found} instead of {said}"),
    )
}

/// That each wrapped key is recognised and opens to this data key, whichever way it is asked.
pub(super) async fn opens_to<P: KeyProvider + ?Sized>(
    provider: &P,
    context: &EncryptionContext,
    wrapped: &WrappedKeys,
    data_key: &DataKey,
) -> Check {
    for key in wrapped {
        if provider.rank(key).is_none() {
            return broken("rank recognises what the provider wrapped", format!("{key:?}"));
        }
        let opened = succeeds("what was wrapped opens", provider.decrypt(context, key).await)?;
        let amid = provider.decrypt_amid(context, key, &NoTraffic).await;
        let amid = succeeds("what was wrapped opens by decrypt_amid too", amid)?;
        if !opened.ct_eq(data_key) || !amid.ct_eq(data_key) {
            return broken(
                "what opens is the same data key",
                format!("another one from {key:?}"),
            );
        }
    }
    Ok(())
}
