//! A second name for a key.
use std::time::Duration;

use crate::arn::KeyId;

/// What is known of an alias.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Alias {
    pub(crate) target: KeyId,
    pub(crate) created: Duration,
    pub(crate) updated: Duration,
}
