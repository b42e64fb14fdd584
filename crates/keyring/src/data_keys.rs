//! The material that prepares nothing.
use std::ops::Range;

use datakey_provider::{DataKey, EncryptionContext, GeneratedDataKey, ProviderError};

use crate::{opening::material::OpeningMaterial, sealing::material::SealingMaterial};

/// The material that prepares nothing: sealing yields the data key with its wrapped forms, opening the data key.
#[derive(Debug, Clone, Copy, Default)]
pub struct DataKeys;

impl SealingMaterial for DataKeys {
    type Key = GeneratedDataKey;

    fn prepare(
        &self,
        made: GeneratedDataKey,
        _context: &EncryptionContext,
    ) -> Result<GeneratedDataKey, ProviderError> {
        Ok(made)
    }

    fn memory(&self, key: &GeneratedDataKey, lock: &mut dyn FnMut(Range<*const u8>)) {
        lock(key.data_key().expose_secret().as_ptr_range());
    }
}

impl OpeningMaterial for DataKeys {
    type Key = DataKey;

    fn prepare(&self, data_key: DataKey, _context: &EncryptionContext) -> Result<DataKey, ProviderError> {
        Ok(data_key)
    }

    fn memory(&self, key: &DataKey, lock: &mut dyn FnMut(Range<*const u8>)) {
        lock(key.expose_secret().as_ptr_range());
    }
}
