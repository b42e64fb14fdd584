//! Messages of the AWS Encryption SDKs for Python, JavaScript and Rust, in every suite that they write.
use std::collections::BTreeSet;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use datakey_esdk::{
    Content, Fault, FormatError, Header, Message, OpenError, OpeningKey, PublicKeyProblem, RawAesKey, Suite,
};
use datakey_provider::{DataKey, ErrorClass, OpeningProvider as _};
use datakey_tests::esdk::any_suite;
use serde_json::Value;

/// The messages of one SDK, and what is left of them where one rule is broken in each.
struct Sdk {
    messages: &'static str,
    refusals: &'static str,
    count: usize,
}

const PYTHON: Sdk = Sdk {
    messages: include_str!("../../vectors/esdk/python.json"),
    refusals: include_str!("../../vectors/esdk/refusals.json"),
    count: 77,
};
const JAVASCRIPT: Sdk = Sdk {
    messages: include_str!("../../vectors/esdk/javascript.json"),
    refusals: include_str!("../../vectors/esdk/refusals-javascript.json"),
    count: 44,
};
const RUST: Sdk = Sdk {
    messages: include_str!("../../vectors/esdk/rust.json"),
    refusals: include_str!("../../vectors/esdk/refusals-rust.json"),
    count: 44,
};
const ALL: [Sdk; 3] = [PYTHON, JAVASCRIPT, RUST];

struct Vector {
    suite: Suite,
    frame_len: u64,
    plaintext: Vec<u8>,
    context: Vec<(String, String)>,
    data_key: DataKey,
    message: Vec<u8>,
}

/// As `tests/interop/esdk/vectors.py` makes it.
fn plaintext(len: u64) -> Vec<u8> {
    (0..len).map(|at| ((7 * at + len) % 256) as u8).collect()
}

fn bytes(text: &Value) -> Vec<u8> {
    BASE64_STANDARD.decode(text.as_str().unwrap()).unwrap()
}

impl Vector {
    fn of(test: &Value) -> Self {
        Self {
            suite: Suite::from_id(test["suite"].as_u64().unwrap() as u16).unwrap(),
            frame_len: test["frame-length"].as_u64().unwrap(),
            plaintext: plaintext(test["plaintext-length"].as_u64().unwrap()),
            context: test["context"]
                .as_object()
                .unwrap()
                .iter()
                .map(|(key, value)| (key.clone(), value.as_str().unwrap().to_owned()))
                .collect(),
            data_key: DataKey::from_slice(&bytes(&test["data-key"])).unwrap(),
            message: bytes(&test["message"]),
        }
    }
}

impl Sdk {
    fn tests(&self, list: &str) -> Vec<Value> {
        let file: Value = serde_json::from_str(self.messages).unwrap();
        file[list].as_array().unwrap().clone()
    }

    fn vectors(&self) -> Vec<Vector> {
        let vectors: Vec<Vector> = self.tests("tests").iter().map(Vector::of).collect();
        assert_eq!(vectors.len(), self.count);
        for suite in Suite::ALL {
            assert!(vectors.iter().any(|vector| vector.suite == suite), "{suite}");
        }
        vectors
    }
}

fn vectors() -> impl Iterator<Item = Vector> {
    ALL.iter().flat_map(Sdk::vectors)
}

#[test]
fn every_message_of_an_sdk_opens_whole_and_as_a_stream() {
    for vector in vectors() {
        let message = Message::decode(&vector.message).unwrap();
        let header = message.header();
        assert_eq!(header.suite(), vector.suite);
        let expected = match u32::try_from(vector.frame_len).unwrap() {
            0 => Content::NonFramed,
            frame_len => Content::Framed { frame_len },
        };
        assert_eq!(header.content(), expected);
        let context = header.context().unwrap();
        for (key, value) in &vector.context {
            assert_eq!(context.get(key), Some(&**value));
        }
        assert_eq!(
            context.len(),
            vector.context.len() + usize::from(vector.suite.is_signed())
        );
        let opening = OpeningKey::new(&vector.data_key, &context);
        let mut out = Vec::new();
        opening.open(&message, &any_suite(), &mut out).unwrap();
        assert_eq!(out, vector.plaintext, "{}", vector.suite);

        let allow = any_suite().danger_release_before_signature();
        let mut opener = opening.stream_opener(header, &allow).unwrap();
        out.clear();
        for portion in message.body().chunks(50) {
            opener.push(portion, &mut out).unwrap();
        }
        opener.finish().unwrap();
        assert_eq!(out, vector.plaintext, "{}", vector.suite);
    }
}

#[test]
fn no_altered_or_cut_message_of_an_sdk_opens() {
    for vector in vectors() {
        let context = Header::decode(&vector.message).unwrap().context().unwrap();
        let opening = OpeningKey::new(&vector.data_key, &context);
        let open = |bytes: &[u8]| {
            let mut out = Vec::new();
            let message = Message::decode(bytes)?;
            opening.open(&message, &any_suite(), &mut out).map(|()| out)
        };
        // Signatures take their time.
        let step = if vector.suite.is_signed() { 7 } else { 1 };
        for at in (0..vector.message.len()).step_by(step) {
            let mut altered = vector.message.clone();
            altered[at] ^= 1 << (at % 8);
            assert!(open(&altered).is_err(), "{} at {at}", vector.suite);
            assert!(
                open(&vector.message[..at]).is_err(),
                "{} cut at {at}",
                vector.suite
            );
        }
        let other = OpeningKey::new(
            &DataKey::init(vector.suite.data_key_length(), |bytes| bytes.fill(1)),
            &context,
        );
        let message = Message::decode(&vector.message).unwrap();
        let refused = other.open(&message, &any_suite(), &mut Vec::new()).unwrap_err();
        assert!(matches!(refused, OpenError::Commitment | OpenError::NotAuthentic));
    }
}

/// The rule that a refusal says is broken, by its name in `tests/interop/esdk/refusals.py`.
fn broken(refused: &OpenError) -> &'static str {
    match refused {
        OpenError::Format(FormatError::Truncated { .. }) => "truncated",
        OpenError::Format(FormatError::Malformed { fault }) => match fault {
            Fault::Version => "version",
            Fault::Type => "type",
            Fault::Suite => "suite",
            Fault::ContextLength => "context-length",
            Fault::Utf8 => "utf-8",
            Fault::ContextDuplicate => "context-duplicate",
            Fault::ContextKey => "context-key",
            Fault::DataKeyCount => "data-key-count",
            Fault::ContentType => "content-type",
            Fault::Reserved => "reserved",
            Fault::IvLength => "iv-length",
            Fault::FrameLength => "frame-length",
            Fault::SequenceNumber => "sequence-number",
            Fault::FinalFrameLength => "final-frame-length",
            Fault::ContentLength => "content-length",
            Fault::Trailing => "trailing",
            other => panic!("{other:?} has no name"),
        },
        OpenError::Commitment => "commitment",
        OpenError::NotAuthentic => "not-authentic",
        OpenError::Signature => "signature",
        OpenError::PublicKey { problem, .. } => match problem {
            PublicKeyProblem::Missing => "public-key-missing",
            PublicKeyProblem::Unexpected => "public-key-unexpected",
            PublicKeyProblem::Malformed => "public-key-malformed",
            other => panic!("{other:?} has no name"),
        },
        other => panic!("{other:?} has no name"),
    }
}

#[test]
fn a_message_that_breaks_one_rule_is_refused_for_that_rule() {
    let (mut valid, mut refusals) = (0, 0);
    for sdk in ALL {
        let file: Value = serde_json::from_str(sdk.refusals).unwrap();
        let vectors = sdk.vectors();
        let mut rules = BTreeSet::new();
        for test in file["tests"].as_array().unwrap() {
            let number = |name: &str| usize::try_from(test[name].as_u64().unwrap()).unwrap();
            let breaks = test["breaks"].as_str().unwrap();
            let vector = &vectors[number("of")];
            let insert = from_hex(test["insert"].as_str().unwrap());
            let mut message = vector.message.clone();
            message.splice(number("at")..number("at") + number("remove"), insert);
            is_refused(vector, &message, breaks);
            rules.insert(breaks);
            refusals += 1;
        }
        valid += vectors.len();
        // Neither the SDK for JavaScript nor that for Rust writes content that is not framed.
        assert_eq!(rules.len(), if sdk.count == PYTHON.count { 23 } else { 22 });
    }
    // With the messages that are wrapped with RSA, at least four in five are refusals.
    assert!(refusals >= 4 * (valid + 45), "{refusals}");
}

fn from_hex(digits: &str) -> Vec<u8> {
    let pairs = digits.as_bytes().chunks(2);
    let pairs = pairs.map(|pair| str::from_utf8(pair).unwrap());
    pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

fn is_refused(vector: &Vector, message: &[u8], breaks: &str) {
    let mut out = Vec::new();
    let opened = Message::decode(message)
        .map_err(OpenError::from)
        .and_then(|decoded| {
            let context = decoded.header().context().unwrap();
            OpeningKey::new(&vector.data_key, &context).open(&decoded, &any_suite(), &mut out)
        });
    let found = match broken(&opened.unwrap_err()) {
        // What is not authentic is not what was signed either.
        "signature" if vector.suite.is_signed() && breaks == "not-authentic" => breaks,
        found => found,
    };
    assert_eq!(found, breaks);
    assert!(out.is_empty(), "{breaks}");
}

/// The raw AES keyring of the SDK for JavaScript sorts an encryption context by locale unless it is told not to, and by
/// bytes everywhere else.
#[tokio::test]
async fn a_data_key_that_was_wrapped_with_a_context_sorted_by_locale_is_refused_though_its_message_is_sound()
{
    let tests = JAVASCRIPT.tests("sorted-by-locale");
    assert_eq!(tests.len(), 1);
    for vector in tests.iter().map(Vector::of) {
        let message = Message::decode(&vector.message).unwrap();
        let context = message.header().context().unwrap();
        let wrapped = message.header().wrapped_keys().unwrap();
        let key: Vec<u8> = (0..32).collect();
        let key = RawAesKey::new("shop", "first", &key).unwrap();
        let refused = key.decrypt(&context, wrapped.first()).await.unwrap_err();
        assert_eq!(refused.class(), ErrorClass::NotAuthentic);
        let mut out = Vec::new();
        OpeningKey::new(&vector.data_key, &context)
            .open(&message, &any_suite(), &mut out)
            .unwrap();
        assert_eq!(out, vector.plaintext);
    }
}
