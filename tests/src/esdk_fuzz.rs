//! What the fuzz targets of the AWS Encryption SDK's format do with their input, as functions that panic when the crate does what it
//! must not.
//!
//! They run under cargo-fuzz (`tests/fuzz`) and, over the vectors and seeded mutations of them, as an ordinary test. The first
//! byte of an input says what of the rest is mended before it is opened, see `esdk_mend`.
use std::{
    pin::pin,
    sync::OnceLock,
    task::{Context, Poll, Waker},
};

use datakey_esdk::{
    CommitmentPolicy, EncryptedDataKey, FormatError, Header, MAX_HEADER_LEN, Message, OpenError, OpenParams,
    OpeningKey, RawAesKey, RawRsaPrivateKey, RsaPadding, is_esdk_message,
};
use datakey_provider::{DataKey, EncryptionContext, ErrorClass, OpeningProvider, ProviderError, WrappedKey};

use crate::esdk_mend::{self, Mended};

/// The namespace and the name of the raw keys.
pub const NAMES: (&str, &str) = ("shop", "rsa");

/// A target: takes any bytes.
pub type Target = fn(&[u8]);

/// The targets that take messages, by their names, and the bytes that a message needs in front to be a seed of it.
pub const MESSAGES: &[(&str, &[u8], Target)] = &[
    ("esdk_header_decode", &[], header_decode),
    ("esdk_message_open", &[esdk_mend::ALL, 9], message_open),
    ("esdk_incremental_open", &[esdk_mend::ALL, 7], incremental_open),
];

/// The target that takes the blobs of wrapped keys.
pub const RAW_UNWRAP: (&str, Target) = ("esdk_raw_unwrap", raw_unwrap);

/// Opens whatever the suite is, in streams too.
const fn any() -> OpenParams {
    OpenParams::new()
        .with_commitment_policy(CommitmentPolicy::RequireEncryptAllowDecrypt)
        .danger_release_before_signature()
}

/// A header that decodes is what it was decoded from; one that does not says truthfully what is missing.
pub fn header_decode(data: &[u8]) {
    let header = match Header::decode(data) {
        Ok(header) => header,
        Err(FormatError::Truncated { missing }) => {
            assert!(missing > 0 && data.len() as u64 + missing <= MAX_HEADER_LEN);
            return;
        }
        Err(malformed) => {
            let longer = [data, &[0; 64]].concat();
            assert_eq!(
                Header::decode(&longer).err(),
                Some(malformed),
                "more bytes mended it"
            );
            return;
        }
    };
    assert!(is_esdk_message(data));
    let bytes = header.as_bytes();
    assert_eq!(bytes, &data[..header.len()]);
    let context = header.context().unwrap();
    assert_eq!(header.context_pairs().count(), context.len());
    // Pairs that are not sorted are read, and no context is written so.
    assert!(header.has_context(&context) || !header.context_pairs().is_sorted());
    assert!(header.context_expecting(&context).unwrap() == context);
    let keys = header.encrypted_data_keys().count();
    assert!(keys > 0);
    for key in header.encrypted_data_keys() {
        let Some(wrapped) = key.to_wrapped_key() else {
            continue;
        };
        assert!(EncryptedDataKey::of(&wrapped).unwrap() == key);
    }
    assert!(
        header
            .wrapped_keys()
            .is_none_or(|wrapped| wrapped.as_slice().len() <= keys)
    );
    let fewer = Header::decode_within(data, keys - 1).err();
    assert_eq!(
        fewer,
        Some(FormatError::TooManyDataKeys {
            found: keys,
            limit: keys - 1
        })
    );
    for cut in [0, 1, 3, 20, 37, bytes.len() / 2, bytes.len() - 1] {
        match Header::decode(&bytes[..cut.min(bytes.len() - 1)]) {
            Err(FormatError::Truncated { missing }) => assert!(cut as u64 + missing <= bytes.len() as u64),
            other => panic!("a prefix of a header gave {other:?}"),
        }
    }
    let _any = (
        header.check(&OpenParams::new()),
        header.check_stream(&OpenParams::new()),
    );
    assert!(!format!("{header:?}").is_empty());
}

/// Whatever opens, opens into a buffer of the claimed length too, and not with any of its bits another.
pub fn message_open(data: &[u8]) {
    let [flags, place, rest @ ..] = data else {
        return;
    };
    let Some(Mended { message, opening, .. }) = esdk_mend::mended(*flags, rest) else {
        return;
    };
    let Ok(opened) = open(&opening, &message) else {
        return;
    };
    let decoded = Message::decode(&message).unwrap();
    assert_eq!(decoded.plain_len(), Ok(opened.len()));
    let mut exact = vec![0; opened.len()];
    assert_eq!(opening.open_into(&decoded, &any(), &mut exact), Ok(opened.len()));
    assert!(exact == opened);
    assert_eq!(opening.check_header(decoded.header(), &any()), Ok(()));
    let mut altered = message.clone();
    let bit = usize::from(*place).wrapping_mul(0x9E37) % (8 * message.len());
    altered[bit / 8] ^= 1 << (bit % 8);
    assert!(open(&opening, &altered).is_err(), "bit {bit} makes no difference");
    altered.copy_from_slice(&message);
    altered.push(*place);
    assert!(
        open(&opening, &altered).is_err(),
        "a byte behind it makes no difference"
    );
}

fn open(opening: &OpeningKey, message: &[u8]) -> Result<Vec<u8>, OpenError> {
    let message = Message::decode(message)?;
    let mut out = b"before".to_vec();
    let opened = opening.open(&message, &any(), &mut out);
    assert!(out.starts_with(b"before") && (opened.is_ok() || out.len() == 6));
    opened.map(|()| out.split_off(6))
}

/// Whether the message that the input of `esdk_message_open` describes opens.
#[must_use]
pub fn opens_when_mended(data: &[u8]) -> bool {
    let mended = esdk_mend::mended(data[0], &data[2..]);
    mended.is_some_and(|mended| open(&mended.opening, &mended.message).is_ok())
}

/// Opening in any portions gives what opening at once gives, and refuses what it refuses.
pub fn incremental_open(data: &[u8]) {
    let [flags, seed, rest @ ..] = data else {
        return;
    };
    let Some(Mended { message, opening, .. }) = esdk_mend::mended(*flags, rest) else {
        return;
    };
    let header = header_in_portions(&message, *seed);
    let whole = open(&opening, &message);
    let body = &message[header.len()..];
    let portions = in_portions(&opening, &header, body, portions_of(*seed));
    let single = in_portions(&opening, &header, body, portions_of(0));
    assert!(portions == single, "the portions make a difference");
    match (whole, portions) {
        (Ok(whole), Ok(portions)) => assert!(whole == portions),
        (Err(_), Err(_)) => {}
        (whole, portions) => panic!("at once {:?}, in portions {:?}", whole.is_ok(), portions.is_ok()),
    }
    if header.suite().is_signed() {
        let unsigned_only =
            OpenParams::new().with_commitment_policy(CommitmentPolicy::RequireEncryptAllowDecrypt);
        assert!(opening.stream_opener(&header, &unsigned_only).is_err());
    }
}

/// Lengths of portions, without end: all at once for 0.
fn portions_of(seed: u8) -> impl FnMut() -> usize {
    let mut state = u64::from(seed);
    move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        match seed {
            0 => usize::MAX,
            _ => (state >> 33) as usize % (2 << (seed % 9)),
        }
    }
}

/// Reads the header as one does who has only part of it, asking for what is missing.
fn header_in_portions(message: &[u8], seed: u8) -> Header<'_> {
    let mut portions = portions_of(seed | 1);
    let mut have = 0;
    loop {
        match Header::decode(&message[..have]) {
            Ok(header) => return header,
            Err(FormatError::Truncated { missing }) => {
                let more = (missing as usize).saturating_add(portions());
                have = have.saturating_add(more).min(message.len());
            }
            Err(malformed) => panic!("a prefix of a sound header is {malformed}"),
        }
    }
}

fn in_portions(
    opening: &OpeningKey,
    header: &Header<'_>,
    mut body: &[u8],
    mut portions: impl FnMut() -> usize,
) -> Result<Vec<u8>, OpenError> {
    let mut opener = opening.stream_opener(header, &any())?;
    let mut out = Vec::new();
    while !body.is_empty() {
        let (portion, rest) = body.split_at(portions().min(body.len()));
        body = rest;
        let before = out.len();
        if let Err(error) = opener.push(portion, &mut out) {
            assert_eq!(out.len(), before, "a refusal released something");
            return Err(error);
        }
    }
    opener.finish()?;
    Ok(out)
}

/// The raw keys, and what may be asked of them: three AES keys, and an RSA key with each padding.
struct RawKeys {
    aes: [(Vec<u8>, RawAesKey); 3],
    rsa: Vec<RawRsaPrivateKey>,
}

fn raw_keys() -> &'static RawKeys {
    static KEYS: OnceLock<RawKeys> = OnceLock::new();
    KEYS.get_or_init(|| RawKeys {
        aes: [16, 24, 32].map(|len| {
            let key = vec![esdk_mend::DATA_KEY; len];
            let raw = RawAesKey::new(NAMES.0, NAMES.1, &key).unwrap();
            (key, raw)
        }),
        rsa: RsaPadding::ALL
            .into_iter()
            .map(|padding| {
                let pem = include_bytes!("../vectors/esdk/rsa/private-pkcs8.pem");
                RawRsaPrivateKey::from_pem(NAMES.0, NAMES.1, padding, pem).unwrap()
            })
            .collect(),
    })
}

/// The provider info of a raw AES key without its IV.
#[must_use]
pub fn aes_info() -> Vec<u8> {
    [NAMES.1.as_bytes(), &[0, 0, 0, 128, 0, 0, 0, 12]].concat()
}

/// The encryption context that raw AES keys authenticate.
///
/// # Panics
/// Never.
#[must_use]
pub fn raw_context() -> EncryptionContext {
    EncryptionContext::new([("tenant", "acme")]).unwrap()
}

/// A wrapped key of a raw keyring opens to a data key, or is refused as one that is not authentic. The first byte says which key is
/// asked, and whether an AES ciphertext is sealed first.
pub fn raw_unwrap(data: &[u8]) {
    let Some((choice, blob)) = data.split_first() else {
        return;
    };
    let keys = raw_keys();
    let context = raw_context();
    let mut blob = blob.to_vec();
    let at = usize::from(choice & 0x7F) % 8;
    let mut plaintext = None;
    let key: &dyn OpeningProvider = if let Some((secret, key)) = keys.aes.get(at) {
        if choice & 0x80 != 0 {
            plaintext = seal_in_place(secret, &mut blob);
        }
        key
    } else {
        &keys.rsa[at - 3]
    };
    let Ok(wrapped) = WrappedKey::new(format!("esdk:{}", NAMES.0), blob) else {
        return;
    };
    let opened = now(key, &context, &wrapped);
    match (&opened, plaintext) {
        (Ok(data_key), Some(plaintext)) => assert!(data_key.expose_secret() == plaintext),
        (Ok(_), None) => {}
        (Err(error), plaintext) => {
            assert_eq!(error.class(), ErrorClass::NotAuthentic);
            assert!(plaintext.is_none_or(|plain| ![16, 24, 32].contains(&plain.len())));
        }
    }
    // Another context never opens what AES sealed.
    if at < 3 && opened.is_ok() {
        let other = EncryptionContext::new([("tenant", "other")]).unwrap();
        assert!(now(key, &other, &wrapped).is_err());
    }
}

/// Takes what stands in the place of a ciphertext for a data key and seals it; answers it, where there was one.
fn seal_in_place(secret: &[u8], blob: &mut [u8]) -> Option<Vec<u8>> {
    let (len, rest) = blob.split_first_chunk::<2>()?;
    let (info, sealed) = rest.split_at_checked(usize::from(u16::from_be_bytes(*len)))?;
    let iv: [u8; 12] = info.strip_prefix(&aes_info()[..])?.try_into().ok()?;
    let plaintext = sealed[..sealed.len().checked_sub(16)?].to_vec();
    let mut aad = vec![0, 1];
    aad.extend(raw_context().encoded());
    let sealed = esdk_mend::seal(secret, &iv, &aad, &plaintext);
    let front = blob.len() - sealed.len();
    blob[front..].copy_from_slice(&sealed);
    Some(plaintext)
}

/// The keys in memory wait for nothing.
fn now(
    key: &dyn OpeningProvider,
    context: &EncryptionContext,
    wrapped: &WrappedKey,
) -> Result<DataKey, ProviderError> {
    let mut call = pin!(key.decrypt(context, wrapped));
    match call.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(opened) => opened,
        Poll::Pending => panic!("a key in memory waits"),
    }
}
