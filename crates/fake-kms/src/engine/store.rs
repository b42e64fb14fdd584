//! Finding keys by what requests call them.
use std::sync::Arc;

use super::{Engine, blob, key::Key};
use crate::{
    KmsError, KmsErrorCode,
    arn::{ArnMismatch, KeyId},
    error::constraint,
    locks::{read, write},
};

const MAX_KEY_ID_TEXT: usize = 2048;

/// What may name a key in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Names {
    /// Key id, key ARN, alias name, alias ARN.
    All,
    /// Key id, key ARN.
    NoAlias,
}

impl Engine {
    /// The key that a request means. Whether the caller may know of it is asked separately.
    pub(super) fn find(&self, text: &str, names: Names) -> Result<Arc<Key>, KmsError> {
        if text.is_empty() || text.len() > MAX_KEY_ID_TEXT {
            let bound = if text.is_empty() {
                "greater than or equal to 1".to_owned()
            } else {
                format!("less than or equal to {MAX_KEY_ID_TEXT}")
            };
            let shown: String = text.chars().take(64).collect();
            return Err(constraint(
                "keyId",
                &shown,
                &format!("Member must have length {bound}"),
            ));
        }
        let resource = if text.starts_with("arn:") {
            self.place
                .resource_of(text)
                .map_err(|mismatch| wrong_arn(text, &mismatch))?
        } else {
            text
        };
        let named_by_arn = resource.len() < text.len();
        match (resource.strip_prefix("key/"), resource.starts_with("alias/")) {
            (Some(id), _) if named_by_arn => self.find_id(KeyId::parse(id).ok_or_else(|| invalid_id(text))?),
            (None, true) if names == Names::All => self.find_alias(resource),
            (None, false) if !named_by_arn => {
                self.find_id(KeyId::parse(text).ok_or_else(|| invalid_id(text))?)
            }
            _ => Err(invalid_id(text)),
        }
    }

    pub(super) fn find_id(&self, id: KeyId) -> Result<Arc<Key>, KmsError> {
        let found = read(&self.keys).get(&id).cloned();
        match found {
            Some(key) if !key.is_deleted(self.clock.unix()) => Ok(key),
            Some(_) => {
                self.forget(id);
                Err(self.no_such_key(id))
            }
            None => Err(self.no_such_key(id)),
        }
    }

    /// A deleted key goes with its aliases, and its key material is wiped with the last call that holds it.
    fn forget(&self, id: KeyId) {
        write(&self.keys).remove(&id);
        write(&self.aliases).retain(|_, alias| alias.target != id);
    }

    pub(super) fn find_alias(&self, name: &str) -> Result<Arc<Key>, KmsError> {
        let target = read(&self.aliases).get(name).map(|alias| alias.target);
        let missing = || {
            KmsError::with_message(
                KmsErrorCode::NotFound,
                format!("Alias {} is not found.", self.place.alias_arn(name)),
            )
        };
        self.find_id(target.ok_or_else(missing)?)
            .map_err(|_deleted| missing())
    }

    fn no_such_key(&self, id: KeyId) -> KmsError {
        let arn = self.place.key_arn(id);
        KmsError::with_message(KmsErrorCode::NotFound, format!("Key '{arn}' does not exist"))
    }

    /// The ARN of the key that a request means, for the ledger and for fault rules; the text itself when it means none,
    /// but no more of it than an id can have: the ledger keeps it.
    pub(crate) fn name_of(&self, text: &str) -> Arc<str> {
        let kept = || {
            let mut ends = (0..=text.len().min(MAX_KEY_ID_TEXT)).rev();
            ends.find_map(|end| text.get(..end)).unwrap_or_default().into()
        };
        self.find(text, Names::All)
            .map_or_else(|_| kept(), |key| Arc::clone(&key.arn))
    }

    /// The ARN of the key that a ciphertext was made under, when it says so and the key is there.
    pub(crate) fn name_in(&self, ciphertext: &[u8]) -> Option<Arc<str>> {
        let parsed = blob::parse(ciphertext)?;
        self.find_id(parsed.key).ok().map(|key| Arc::clone(&key.arn))
    }
}

fn wrong_arn(text: &str, mismatch: &ArnMismatch<'_>) -> KmsError {
    match mismatch {
        ArnMismatch::Malformed => {
            KmsError::with_message(KmsErrorCode::NotFound, format!("Invalid arn {text}"))
        }
        ArnMismatch::OtherPartition(other) | ArnMismatch::OtherRegion(other) => {
            KmsError::with_message(KmsErrorCode::NotFound, format!("Invalid arn {other}"))
        }
        ArnMismatch::OtherAccount => KmsError::with_message(
            KmsErrorCode::AccessDenied,
            format!("The caller is not authorized to use {text}, or it does not exist."),
        ),
    }
}

fn invalid_id(text: &str) -> KmsError {
    KmsError::with_message(KmsErrorCode::NotFound, format!("Invalid keyId '{text}'"))
}
