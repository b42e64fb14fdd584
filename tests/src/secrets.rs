//! A data key and a plaintext that can be recognised in whatever form they are shown.
use std::{error::Error, fmt};

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};
use datakey_provider::{
    DataKey, DataKeyLength, EncryptionContext, GeneratedDataKey, OpeningProvider, ProviderError, Rank,
    SealingProvider, WrappedKey, WrappedKeys, async_trait,
};

/// The secret bytes: no two of them are equal, and no text has them.
#[must_use]
pub fn secret() -> [u8; 32] {
    std::array::from_fn(|at| 0xC1_u8.wrapping_add((at * 37).to_le_bytes()[0]))
}

/// The secret text.
pub const PLAINTEXT: &[u8] = b"zq7-Kx0vw2-Jj9mqv-8wzxk4-PpYt3h";

/// Every way in which a part of some bytes may stand in a text, each with its name.
fn forms(bytes: &[u8]) -> Vec<(&'static str, String)> {
    let mut forms = Vec::new();
    for part in bytes.windows(6) {
        let list =
            |show: fn(&u8) -> String, between: &str| part.iter().map(show).collect::<Vec<_>>().join(between);
        forms.push(("hex", list(|byte| format!("{byte:02x}"), "")));
        forms.push(("bare hex list", list(|byte| format!("{byte:02x}"), ",")));
        forms.push(("dense hex list", list(|byte| format!("0x{byte:02x}"), ",")));
        forms.push(("escapes", list(|byte| format!("\\x{byte:02x}"), "")));
        forms.push(("decimal list", list(ToString::to_string, ",")));
        forms.push(("escaped text", part.escape_ascii().to_string()));
        forms.push(("text", String::from_utf8_lossy(part).into_owned()));
    }
    // Three bytes are four characters, whatever stands before: each alignment is one of these.
    for part in bytes.windows(9) {
        forms.push(("base64", STANDARD_NO_PAD.encode(part)));
        forms.push(("base64 for URLs", URL_SAFE_NO_PAD.encode(part)));
    }
    forms.retain(|(_, form)| !form.chars().all(|char| char == char::REPLACEMENT_CHARACTER));
    forms
}

/// In which form a text shows one of the secrets.
#[must_use]
pub fn shown_in(text: &str) -> Option<String> {
    let lower = text.to_lowercase();
    // Lists are compared without the spaces and line ends between their members.
    let dense: String = lower.chars().filter(|char| !char.is_whitespace()).collect();
    for (what, bytes) in [("data key", &secret()[..]), ("plaintext", PLAINTEXT)] {
        for (name, form) in forms(bytes) {
            let found = if name.starts_with("base64") {
                text.contains(&form)
            } else if name.contains("list") {
                dense.contains(&form)
            } else {
                lower.contains(&form.to_lowercase())
            };
            if found {
                return Some(format!("the {what} as {name}: {form}"));
            }
        }
    }
    None
}

/// Asserts that a value shows none of the secrets.
///
/// # Panics
/// When it does.
#[track_caller]
pub fn hides(value: &dyn fmt::Debug) {
    let text = format!("{value:?} {value:#?}");
    assert!(!text.is_empty());
    assert_eq!(shown_in(&text), None, "{text}");
}

/// Asserts that an error and what caused it show none of the secrets.
///
/// # Panics
/// When they do.
#[track_caller]
pub fn error_hides(error: &(dyn Error + 'static)) {
    let mut next = Some(error);
    while let Some(error) = next {
        let text = format!("{error} {error:#} {error:?} {error:#?}");
        assert_eq!(shown_in(&text), None, "{text}");
        next = error.source();
    }
}

/// A provider whose every data key is the secret.
#[derive(Debug, Clone, Copy)]
pub struct Planted;

fn wrapped() -> WrappedKeys {
    WrappedKey::new("planted:a", b"opaque".to_vec())
        .expect("well-formed")
        .into()
}

#[async_trait]
impl SealingProvider for Planted {
    async fn generate_data_key(
        &self,
        _: &EncryptionContext,
        _: DataKeyLength,
    ) -> Result<GeneratedDataKey, ProviderError> {
        let key = DataKey::init(DataKeyLength::Bytes32, |bytes| bytes.copy_from_slice(&secret()));
        Ok(GeneratedDataKey::new(key, wrapped()))
    }

    async fn encrypt(&self, _: &EncryptionContext, _: &DataKey) -> Result<WrappedKeys, ProviderError> {
        Ok(wrapped())
    }
}

#[async_trait]
impl OpeningProvider for Planted {
    fn rank(&self, _: &WrappedKey) -> Option<Rank> {
        Some(Rank::LOCAL)
    }

    async fn decrypt(&self, _: &EncryptionContext, _: &WrappedKey) -> Result<DataKey, ProviderError> {
        Ok(DataKey::init(DataKeyLength::Bytes32, |bytes| {
            bytes.copy_from_slice(&secret())
        }))
    }
}
