//! Orders that are sealed where they are stored, and know nothing of HTTP.
use std::collections::HashMap;

use datakey::{
    Aad, ContextError, EncryptionContext, OpenError, Opener, SealError, Sealer, both, provider::KeyProvider,
};
use tokio::sync::RwLock;

/// Made once in a process: its sealer and opener have the cache of data keys.
pub(crate) struct Orders {
    sealer: Sealer,
    opener: Opener,
    context: EncryptionContext,
    /// Stands for a table.
    stored: RwLock<HashMap<u64, Vec<u8>>>,
}

impl Orders {
    pub(crate) fn new(kms: impl KeyProvider + 'static) -> Result<Self, ContextError> {
        let (sealer, opener) = both(kms);
        Ok(Self {
            sealer,
            opener,
            context: EncryptionContext::new([("tenant", "acme"), ("purpose", "orders")])?,
            stored: RwLock::default(),
        })
    }

    pub(crate) async fn store(&self, number: u64, order: &[u8]) -> Result<(), SealError> {
        // The number is bound to the message: put in another order's place, it does not open.
        let bound = number.to_be_bytes();
        let sealed = self.sealer.seal(&self.context, order, Aad::new(&bound)).await?;
        self.stored.write().await.insert(number, sealed);
        Ok(())
    }

    pub(crate) async fn load(&self, number: u64) -> Result<Option<Vec<u8>>, OpenError> {
        let Some(sealed) = self.stored.read().await.get(&number).cloned() else {
            return Ok(None);
        };
        let bound = number.to_be_bytes();
        let opened = self.opener.open(&self.context, &sealed, Aad::new(&bound)).await?;
        Ok(Some(opened))
    }

    /// What somebody with access to the table could do.
    #[cfg(test)]
    pub(crate) async fn swap(&self, one: u64, other: u64) {
        let mut stored = self.stored.write().await;
        let (first, second) = (stored.remove(&one), stored.remove(&other));
        stored.extend(first.map(|sealed| (other, sealed)));
        stored.extend(second.map(|sealed| (one, sealed)));
    }
}
