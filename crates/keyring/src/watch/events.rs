//! What no caller is told, told through `tracing`: an error that somebody is handed is not logged too.
//!
//! | event | level | when |
//! |---|---|---|
//! | `datakey.keyring.refresh_failed` | warn | a load in the background failed; the live key goes on serving |
//! | `datakey.keyring.revoked` | warn | a live key was dropped because of a denial |
//! | `datakey.keyring.contexts_look_per_record` | warn | most new contexts were used once |
//! | `datakey.keyring.swept` | debug | idle keys were wiped |
#![cfg_attr(not(feature = "tracing"), expect(unused_variables, reason = "told to nobody"))]

use crate::error::KeyringError;

/// A load in the background failed. The context is named by the start of its digest, as its values may be private.
pub(crate) fn refresh_failed(half: &'static str, digest: &[u8; 32], error: &KeyringError) {
    #[cfg(feature = "tracing")]
    tracing::warn!(
        name: "datakey.keyring.refresh_failed",
        half,
        context = %Start(digest),
        error = %error,
        "a key was not replaced in the background and goes on serving"
    );
}

pub(crate) fn revoked(half: &'static str, digest: &[u8; 32], error: &KeyringError) {
    #[cfg(feature = "tracing")]
    tracing::warn!(
        name: "datakey.keyring.revoked",
        half,
        context = %Start(digest),
        error = %error,
        "a live key was dropped"
    );
}

pub(crate) fn contexts_look_per_record() {
    #[cfg(feature = "tracing")]
    tracing::warn!(
        name: "datakey.keyring.contexts_look_per_record",
        "most new encryption contexts were used once: what differs from record to record belongs in the associated data"
    );
}

pub(crate) fn swept(half: &'static str, keys: usize) {
    #[cfg(feature = "tracing")]
    if keys > 0 {
        tracing::debug!(name: "datakey.keyring.swept", half, keys, "idle keys were wiped");
    }
}

#[cfg(feature = "tracing")]
struct Start<'a>(&'a [u8; 32]);

#[cfg(feature = "tracing")]
impl std::fmt::Display for Start<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().take(4).try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
