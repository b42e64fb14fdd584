//! Text of unknown origin, for terminals and for JSON.
use std::{borrow::Cow, fmt::Write as _, path::Path};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value};

/// Whether a character does something to a terminal or to the order of what is read, and shows nothing: controls, and Unicode's
/// format characters (general category Cf) and separators of lines.
fn acts(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{ad}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{180e}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e007f}')
}

/// The text with such characters as escapes, `\u{202e}`.
pub(crate) fn tame(text: &str) -> Cow<'_, str> {
    if !text.chars().any(acts) {
        return Cow::Borrowed(text);
    }
    let mut tamed = String::with_capacity(text.len().saturating_mul(2));
    for letter in text.chars() {
        if acts(letter) {
            tamed.extend(letter.escape_debug());
        } else {
            tamed.push(letter);
        }
    }
    Cow::Owned(tamed)
}

/// JSON on one line, in which such characters are escapes too: the same value for who reads it, and harmless where it is shown.
pub(crate) fn json(value: &Value) -> String {
    let text = value.to_string();
    if !text.chars().any(acts) {
        return text;
    }
    let mut escaped = String::with_capacity(text.len().saturating_mul(2));
    for letter in text.chars() {
        if acts(letter) {
            for unit in letter.encode_utf16(&mut [0; 2]) {
                let _strings_take_all = write!(escaped, "\\u{unit:04x}");
            }
        } else {
            escaped.push(letter);
        }
    }
    escaped
}

/// A path as text for people.
pub(crate) fn path(path: &Path) -> String {
    tame(&path.display().to_string()).into_owned()
}

/// A path in an object of JSON: `name`, and if it is no text, where that has replacement characters, `name_base64` with its bytes.
pub(crate) fn path_in(values: &mut Map<String, Value>, name: &str, path: &Path) {
    if path.to_str().is_none() {
        let bytes = STANDARD.encode(path.as_os_str().as_encoded_bytes());
        values.insert(format!("{name}_base64"), bytes.into());
    }
    values.insert(name.to_owned(), path.display().to_string().into());
}

/// `1 record`, `2 records`.
pub(crate) fn counted(count: u64, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_on_a_terminal_is_shown_as_an_escape() {
        for (text, tamed) in [
            ("alias/orders", "alias/orders"),
            ("M\u{fc}ller \u{4ed6}", "M\u{fc}ller \u{4ed6}"),
            ("a\u{1b}[2Jb", "a\\u{1b}[2Jb"),
            ("a\u{202e}b\r\n", "a\\u{202e}b\\r\\n"),
            ("\u{2066}\u{9b}", "\\u{2066}\\u{9b}"),
        ] {
            assert_eq!(tame(text), tamed);
        }
    }

    #[test]
    fn json_stays_the_same_value() {
        let value = Value::from("a\u{202e}\u{e0041}\u{1b}b");
        let text = json(&value);
        assert_eq!(text, "\"a\\u202e\\udb40\\udc41\\u001bb\"");
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
    }
}
