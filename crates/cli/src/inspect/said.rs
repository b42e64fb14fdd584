//! One message, told.
use datakey::{Kind, envelope, esdk};
use serde_json::{Value, json};

use crate::{failure::Failure, text};

/// What a message says about itself, for programs and for people.
#[derive(Default)]
pub(super) struct Said {
    pub(super) values: serde_json::Map<String, Value>,
    pub(super) lines: Vec<String>,
    /// What may be long and stands last.
    pub(super) pairs: Vec<String>,
}

impl Said {
    pub(super) fn tell(&mut self, name: &str, value: Value) {
        self.values.insert(name.to_owned(), value);
    }

    fn begin(&mut self, format: &str, version: u8, suite: &str) {
        self.tell("authenticated", false.into());
        self.tell("format", format.into());
        self.tell("format_version", version.into());
        self.tell("suite", suite.into());
        self.lines
            .push("What the message says about itself; only opening it proves it.".to_owned());
    }

    fn context<'p>(&mut self, pairs: impl Iterator<Item = (&'p str, &'p str)>) {
        let mut values = serde_json::Map::new();
        for (key, value) in pairs {
            values.insert(key.to_owned(), value.into());
            self.pairs.push(format!("context   {key:?} = {value:?}"));
        }
        self.tell("encryption_context", values.into());
    }

    pub(super) fn datakey(&mut self, header: &envelope::Header<'_>) {
        self.begin("datakey", 1, header.suite().as_str());
        self.tell("kind", header.kind().as_str().into());
        self.tell("frame_bytes", header.frame_len().bytes().into());
        self.context(header.context_pairs());
        let mut keys = Vec::new();
        for key in header.wrapped_key_refs() {
            let len = key.blob().len();
            keys.push(json!({ "key_id": key.key_id(), "blob_bytes": len }));
            let id = text::tame(key.key_id());
            self.pairs
                .push(format!("key       {id} ({})", text::counted(len as u64, "byte")));
        }
        self.tell("wrapped_keys", keys.into());
        let frames = match header.kind() {
            Kind::Bytes => format!("frames of {} bytes", header.frame_len().bytes()),
            _ => format!("records of at most {} bytes", header.frame_len().bytes()),
        };
        self.lines.extend([
            "format    datakey, version 1".to_owned(),
            format!("suite     {}", header.suite()),
            format!("kind      {}, {frames}", header.kind()),
        ]);
    }

    pub(super) fn esdk(&mut self, header: &esdk::Header<'_>) {
        let suite = header.suite();
        self.begin("esdk", header.version(), suite.as_str());
        self.tell("suite_id", format!("0x{:04X}", suite.id()).into());
        self.tell("commits", suite.is_committing().into());
        self.tell("signed", suite.is_signed().into());
        self.tell("message_id", hex(header.message_id()).into());
        let (frame_len, content) = match header.content() {
            esdk::Content::Framed { frame_len } => (Some(frame_len), format!("frames of {frame_len} bytes")),
            esdk::Content::NonFramed => (None, "not framed".to_owned()),
        };
        self.tell("frame_bytes", frame_len.into());
        self.context(header.context_pairs());
        let mut keys = Vec::new();
        for key in header.encrypted_data_keys() {
            let (id, len) = (key.provider_id(), key.ciphertext().len());
            // The key ARN of AWS KMS is text; what other keyrings put there need not be.
            let info = match str::from_utf8(key.provider_info()) {
                Ok(text) if !text.chars().any(char::is_control) => text.to_owned(),
                _ => format!("hex {}", hex(key.provider_info())),
            };
            let (shown, len_shown) = (text::tame(&info), text::counted(len as u64, "byte"));
            self.pairs
                .push(format!("key       {}: {shown} ({len_shown})", text::tame(id)));
            keys.push(json!({ "provider_id": id, "provider_info": info, "ciphertext_bytes": len }));
        }
        self.tell("encrypted_data_keys", keys.into());
        let is = |is: bool, what: &'static str| if is { what } else { "no" };
        self.lines.extend([
            format!(
                "format    AWS Encryption SDK, header version {}",
                header.version()
            ),
            format!("suite     {suite} (0x{:04X})", suite.id()),
            format!(
                "kind      {content}, commits to its data key: {}, signed: {}",
                is(suite.is_committing(), "yes"),
                is(suite.is_signed(), "yes"),
            ),
            format!("id        {}", hex(header.message_id())),
        ]);
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A message of a format that a later library knows.
pub(super) fn unknown() -> Failure {
    Failure::Usage("the message is of a format that this command does not know".to_owned())
}
