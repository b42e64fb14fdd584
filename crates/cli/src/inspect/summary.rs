//! Many messages, told together: what must be wrapped anew before a wrapping key may go.
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use datakey::{MessageHeader, esdk};
use serde_json::{Map, Value, json};

use super::said::unknown;
use crate::{failure::Failure, text};

/// How many encryption contexts people are shown.
const CONTEXTS: usize = 20;

/// Messages that have something in common.
#[derive(Debug, Default, Clone, Copy)]
struct Count {
    messages: u64,
    bytes: u64,
    /// Those under no other wrapping key.
    only: u64,
}

impl Count {
    fn add(&mut self, bytes: u64) {
        self.messages = self.messages.saturating_add(1);
        self.bytes = self.bytes.saturating_add(bytes);
    }

    fn told(self) -> String {
        let messages = text::counted(self.messages, "message");
        format!("{messages}, {}", text::counted(self.bytes, "byte"))
    }
}

/// What many messages say.
pub(super) struct Summary<'u> {
    all: Count,
    keys: BTreeMap<String, Count>,
    contexts: BTreeMap<Vec<(String, String)>, Count>,
    formats: BTreeMap<(&'static str, &'static str, &'static str), Count>,
    wanted: &'u [String],
    under: Vec<PathBuf>,
}

impl<'u> Summary<'u> {
    /// Of which those under the wanted wrapping keys are listed.
    pub(super) const fn new(wanted: &'u [String]) -> Self {
        Self {
            all: Count {
                messages: 0,
                bytes: 0,
                only: 0,
            },
            keys: BTreeMap::new(),
            contexts: BTreeMap::new(),
            formats: BTreeMap::new(),
            wanted,
            under: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, path: &Path, header: &MessageHeader<'_>, bytes: u64) -> Result<(), Failure> {
        let owned = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
        let (keys, context, format): (BTreeSet<String>, Vec<_>, _) = match header {
            MessageHeader::Datakey(header) => (
                header
                    .wrapped_key_refs()
                    .map(|key| key.key_id().to_owned())
                    .collect(),
                header.context_pairs().map(owned).collect(),
                ("datakey", header.suite().as_str(), header.kind().as_str()),
            ),
            MessageHeader::Esdk(header) => (
                header
                    .encrypted_data_keys()
                    .map(|key| String::from_utf8_lossy(key.provider_info()).into_owned())
                    .collect(),
                // The public key is of each message its own.
                header
                    .context_pairs()
                    .filter(|(key, _)| *key != esdk::PUBLIC_KEY)
                    .map(owned)
                    .collect(),
                ("esdk", header.suite().as_str(), "bytes"),
            ),
            _ => return Err(unknown()),
        };
        self.all.add(bytes);
        if keys.iter().any(|key| self.wanted.contains(key)) {
            self.under.push(path.to_owned());
        }
        let is_only = u64::from(keys.len() == 1);
        for key in keys {
            let count = self.keys.entry(key).or_default();
            count.add(bytes);
            count.only = count.only.saturating_add(is_only);
        }
        self.contexts.entry(context).or_default().add(bytes);
        self.formats.entry(format).or_default().add(bytes);
        Ok(())
    }

    /// All of it, for programs and for people.
    pub(super) fn tell(&self, failed: u64, passed_over: u64) -> (Value, String) {
        (self.value(failed, passed_over), self.text(failed, passed_over))
    }

    fn value(&self, failed: u64, passed_over: u64) -> Value {
        let keys: Vec<Value> = self
            .keys
            .iter()
            .map(|(key, count)| {
                json!({ "key_id": key, "messages": count.messages, "only_key_of": count.only, "bytes": count.bytes })
            })
            .collect();
        let contexts: Vec<Value> = self
            .contexts
            .iter()
            .map(|(pairs, count)| {
                let pairs: Map<String, Value> = pairs
                    .iter()
                    .map(|(key, value)| (key.clone(), value.clone().into()))
                    .collect();
                json!({ "encryption_context": pairs, "messages": count.messages, "bytes": count.bytes })
            })
            .collect();
        let formats: Vec<Value> = self
            .formats
            .iter()
            .map(|((format, suite, kind), count)| {
                json!({
                    "format": format, "suite": suite, "kind": kind, "messages": count.messages, "bytes": count.bytes,
                })
            })
            .collect();
        let mut value = json!({
            "authenticated": false, "messages": self.all.messages, "bytes": self.all.bytes, "failed": failed,
            "passed_over": passed_over, "wrapping_keys": keys, "encryption_contexts": contexts, "formats": formats,
        });
        if let (false, Some(values)) = (self.wanted.is_empty(), value.as_object_mut()) {
            let paths = self.under.iter().map(|path| {
                let mut values = Map::new();
                text::path_in(&mut values, "path", path);
                Value::from(values)
            });
            values.insert("under".to_owned(), paths.collect());
        }
        value
    }

    fn text(&self, failed: u64, passed_over: u64) -> String {
        if !self.wanted.is_empty() {
            // One path a line, for xargs.
            return self
                .under
                .iter()
                .map(|path| format!("{}\n", text::path(path)))
                .collect();
        }
        let mut lines = vec![format!(
            "{} say of themselves; only opening them proves it.",
            self.all.told()
        )];
        if failed > 0 {
            lines.push(format!("{} could not be read.", text::counted(failed, "file")));
        }
        if passed_over > 0 {
            lines.push(format!(
                "Passed over {}.",
                text::counted(passed_over, "other file")
            ));
        }
        lines.push("under wrapping keys".to_owned());
        for (key, count) in &self.keys {
            let only = match count.only {
                only if only == count.messages => "under no other",
                0 => "each under another too",
                _ => "some under another too",
            };
            lines.push(format!("  {}: {}, {only}", text::tame(key), count.told()));
        }
        lines.push("with encryption contexts".to_owned());
        for (pairs, count) in self.contexts.iter().take(CONTEXTS) {
            let pairs: Vec<String> = pairs
                .iter()
                .map(|(key, value)| format!("{key:?} = {value:?}"))
                .collect();
            let pairs = if pairs.is_empty() {
                "(none)".to_owned()
            } else {
                pairs.join(", ")
            };
            lines.push(format!("  {pairs}: {}", count.told()));
        }
        if self.contexts.len() > CONTEXTS {
            let more = self.contexts.len().saturating_sub(CONTEXTS);
            lines.push(format!("  and {more} more; --json has all of them"));
        }
        lines.push("in formats".to_owned());
        for ((format, suite, kind), count) in &self.formats {
            lines.push(format!("  {format}, {suite}, {kind}: {}", count.told()));
        }
        lines.join("\n")
    }
}
