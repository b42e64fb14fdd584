//! The code that sets up what is recommended.
use super::choose::{Candidate, Way};
use crate::{BranchKeys, Cache, Span};

impl Candidate {
    /// Functions that make the sealer and the opener, in Rust, for the crate `datakey`.
    ///
    /// ```
    /// use datakey_sim::plan::{Bounds, Workload, plan};
    ///
    /// let plan = plan(&Workload::default(), &Bounds::default())?;
    /// assert!(plan.candidates[1].snippet().contains("with_soft_age(Duration::from_secs(300))"));
    /// # Ok::<(), datakey_sim::Error>(())
    /// ```
    #[must_use]
    pub fn snippet(&self) -> String {
        match (self.way, &self.part.branch_keys) {
            (Way::BranchKeys | Way::BranchKeysAndCaching, Some(keys)) => {
                under_branch_keys(keys, self.part.cache.as_ref())
            }
            (Way::Records, _) => format!(
                "{}\n// seal each batch with `seal_records`, which takes one data key\n",
                direct(None)
            ),
            _ => direct(self.part.cache.as_ref()),
        }
    }
}

fn seconds(span: Span) -> String {
    let duration = span.duration();
    if duration.subsec_nanos() == 0 {
        format!("Duration::from_secs({})", duration.as_secs())
    } else {
        format!("Duration::from_millis({})", duration.as_millis())
    }
}

/// Limits of both sides, as calls of their builders.
fn limits(cache: &Cache) -> (String, String) {
    let sealing = format!(
        "        .limits(\n            SealingLimits::default()\n                .with_soft_age({})\n                .with_hard_age({})\n                \
         .with_max_messages({})\n                .with_max_bytes({})\n                .with_max_contexts({}),\n        )\n",
        seconds(cache.soft_age),
        seconds(cache.hard_age),
        cache.messages,
        cache.bytes,
        cache.contexts
    );
    let opening = format!(
        "        .limits(OpeningLimits::default().with_ttl({}).with_max_keys({}))\n",
        seconds(cache.opening_age),
        cache.opening_keys
    );
    (sealing, opening)
}

/// Straight on KMS, with a cache or without.
fn direct(cache: Option<&Cache>) -> String {
    let (imports, sealing, opening) = settings(cache);
    let (open, close) = ("{", "}");
    format!(
        "use std::time::Duration;\nuse datakey::{open}ConfigError, Opener, Sealer, {imports}provider::{open}OpeningProvider, SealingProvider{close}, \
         retry::Policy{close};\n\n\
         /// `kms` is a `KmsProvider`. Both sides share the policy, and with it its budget and rate.\n\
         fn service(\n    kms: impl SealingProvider + OpeningProvider + Clone + 'static,\n) -> Result<(Sealer, Opener), ConfigError> {open}\n    \
         let policy = Policy::default().with_deadline(Duration::from_secs(60));\n    \
         let sealer = Sealer::builder(kms.clone())\n        .retry(policy.clone())\n{sealing}        .build()?;\n    \
         let opener = Opener::builder(kms)\n        .retry(policy)\n{opening}        .build()?;\n    \
         Ok((sealer, opener))\n{close}\n"
    )
}

/// Imports, and what is set on the sealer and on the opener.
fn settings(cache: Option<&Cache>) -> (&'static str, String, String) {
    match cache {
        Some(cache) => {
            let (sealing, opening) = limits(cache);
            ("keyring::{OpeningLimits, SealingLimits}, ", sealing, opening)
        }
        None => {
            let none = "        .without_cache()\n".to_owned();
            ("", none.clone(), none)
        }
    }
}

/// Under a branch key, with a cache of data keys or without.
fn under_branch_keys(keys: &BranchKeys, cache: Option<&Cache>) -> String {
    let (imports, sealing, opening) = settings(cache);
    let (open, close) = ("{", "}");
    let choose = if keys.count == 1 {
        "|_context| \"orders\".parse().ok()"
    } else {
        "|context| context.get(\"tenant\")?.parse().ok()"
    };
    let room = if keys.keys == BranchKeys::default().keys {
        String::new()
    } else {
        format!(".with_max_keys({})", keys.keys)
    };
    format!(
        "use std::time::Duration;\nuse datakey::{open}\n    Opener, Sealer, branch_keys::{open}BranchKeyLimits, BranchKeys, ReadingStore{close}, \
         {imports}provider::OpeningProvider,\n{close};\n\n\
         /// The store is a `DynamoDbStore`, and `kms` a `KmsProvider` with `opening_key`.\n\
         fn service(\n    store: impl ReadingStore + 'static,\n    kms: impl OpeningProvider + 'static,\n\
         ) -> Result<(Sealer, Opener), Box<dyn std::error::Error>> {open}\n    \
         let keys = BranchKeys::builder(store, kms)\n        .choose({choose})\n        \
         .limits(BranchKeyLimits::default().with_ages({}, {}){room})\n        .build()?;\n    \
         // Retries are beneath, around the table and KMS each.\n    \
         let sealer = Sealer::builder(keys.clone())\n        .without_retry()\n{sealing}        .build()?;\n    \
         let opener = Opener::builder(keys)\n        .without_retry()\n{opening}        .build()?;\n    \
         Ok((sealer, opener))\n{close}\n",
        seconds(keys.soft_age),
        seconds(keys.hard_age),
    )
}
