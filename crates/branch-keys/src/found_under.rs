//! Which KMS key each branch key was found under.
use std::{collections::HashMap, mem, sync::Arc};

use crate::BranchKeyId;

/// How many branch keys are remembered at the least, of those that were loaded last: a million, of 40 bytes each.
const REMEMBERED: usize = 1 << 20;

/// The KMS keys of branch keys, for as long as a data key under them may be kept somewhere above. Only what the table has comes in.
#[derive(Default)]
pub(crate) struct FoundUnder {
    /// Since when `before` was full.
    since: Round,
    before: Round,
}

/// KMS keys by the digests of branch keys. A process knows many branch keys, and a few KMS keys.
type Round = HashMap<[u8; 16], Arc<str>>;

impl FoundUnder {
    pub(crate) fn of(&self, id: &BranchKeyId) -> Option<Arc<str>> {
        let place = place(id);
        self.since
            .get(&place)
            .or_else(|| self.before.get(&place))
            .cloned()
    }

    pub(crate) fn remember(&mut self, id: &BranchKeyId, kms_key: &str) {
        let place = place(id);
        if self.since.get(&place).is_some_and(|own| **own == *kms_key) {
            return;
        }
        if self.since.len() >= REMEMBERED {
            self.before = mem::take(&mut self.since);
        }
        // Most often the one of whichever came last.
        let shared = self.since.values().next().or_else(|| self.before.values().next());
        let shared = shared.filter(|own| ***own == *kms_key).cloned();
        self.since.insert(place, shared.unwrap_or_else(|| kms_key.into()));
    }
}

/// Half of a digest tells a million from each other.
fn place(id: &BranchKeyId) -> [u8; 16] {
    id.context().digest().first_chunk().copied().unwrap_or_default()
}
