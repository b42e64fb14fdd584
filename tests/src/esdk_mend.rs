//! Mends messages of the AWS Encryption SDK's format: what stands in them is sealed anew where their structure puts it.
//!
//! Random bytes never get past a commitment, a tag or a signature. So a fuzzer's input says which of them are made right, by the
//! plainest means, before the message is opened.
use aes_gcm::{
    AeadCore, Aes128Gcm, Aes256Gcm, AesGcm, KeyInit,
    aead::{Aead, Payload, consts::U12},
    aes::Aes192,
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use datakey_esdk::{Content, Header, OpeningKey, PUBLIC_KEY, Suite};
use datakey_provider::{DataKey, EncryptionContext};
use hkdf::Hkdf;
use p256::ecdsa::signature::Signer as _;
use sha2::{Sha256, Sha384, Sha512};

/// Each byte of the data key that mended messages are sealed under.
pub const DATA_KEY: u8 = 0x42;

/// The commitment is that of the data key.
pub const COMMITMENT: u8 = 1;
/// The header's tag is that of the header.
pub const HEADER: u8 = 2;
/// What stands in frames, or in content that is not framed, is taken for plaintext and sealed.
pub const BODY: u8 = 4;
/// The signature is one of the [public key](public_key), where the encryption context has that.
pub const SIGNATURE: u8 = 8;
/// A pair is authenticated that is not stored.
pub const WITHHELD: u8 = 16;
/// Keys and tag are those of version 4.0.0 for .NET.
pub const NET_4_0_0: u8 = 32;

/// All that makes a message one of its suite.
pub const ALL: u8 = COMMITMENT | HEADER | BODY | SIGNATURE;

const TAG: usize = 16;
const IV: usize = 12;
const END: [u8; 4] = [0xFF; 4];
const PAIR: (&str, &str) = ("withheld", "pair");

/// A message that was mended.
pub struct Mended {
    /// The message.
    pub message: Vec<u8>,
    /// The encryption context that its data key is unwrapped with.
    pub context: EncryptionContext,
    /// Opens it.
    pub opening: OpeningKey,
}

/// The message that the bytes describe; `None` if their header does not decode.
///
/// # Panics
/// When a header that decodes has no encryption context.
#[must_use]
pub fn mended(flags: u8, bytes: &[u8]) -> Option<Mended> {
    let header = Header::decode(bytes).ok()?;
    let (suite, stored) = (header.suite(), header.context().unwrap());
    let data_key = DataKey::init(suite.data_key_length(), |bytes| bytes.fill(DATA_KEY));
    let withheld = flags & WITHHELD != 0 && stored.get(PAIR.0).is_none();
    let context = if withheld {
        EncryptionContext::new(stored.iter().chain([PAIR])).ok()?
    } else {
        stored
    };
    let secrets = Secrets::new(suite, header.message_id(), flags);
    let mut message = header.as_bytes().to_vec();
    let iv_len = if suite.is_committing() { 0 } else { IV };
    let body_len = message.len() - TAG - iv_len;
    if flags & COMMITMENT != 0 && suite.is_committing() {
        message[body_len - 32..body_len].copy_from_slice(&secrets.commitment);
    }
    if flags & HEADER != 0 {
        let mut aad = message[..body_len].to_vec();
        if withheld {
            aad.extend([0, 1, 0, 8]);
            aad.extend(PAIR.0.bytes());
            aad.extend([0, 4]);
            aad.extend(PAIR.1.bytes());
        } else if flags & NET_4_0_0 != 0 {
            aad.extend([0, 0]);
        }
        let mut iv = [0; IV];
        iv[..iv_len].copy_from_slice(&message[body_len..body_len + iv_len]);
        let tag = secrets.seal(&iv, &aad, &[]);
        message[body_len + iv_len..].copy_from_slice(&tag);
    }
    let body = Body {
        flags,
        id: header.message_id(),
        secrets: &secrets,
    };
    let mut rest = &bytes[header.len()..];
    let whole = match header.content() {
        Content::Framed { frame_len } => body.frames(frame_len, &mut rest, &mut message),
        Content::NonFramed => body.content(&mut rest, &mut message),
    };
    if whole == Some(()) && suite.is_signed() && flags & SIGNATURE != 0 {
        sign(suite, &context, &mut rest, &mut message);
    }
    message.extend(rest);
    let opening = OpeningKey::new(&data_key, &context);
    Some(Mended {
        message,
        context,
        opening,
    })
}

struct Secrets {
    key: Vec<u8>,
    commitment: [u8; 32],
}

impl Secrets {
    fn new(suite: Suite, id: &[u8], flags: u8) -> Self {
        let data_key = vec![DATA_KEY; suite.data_key_length().bytes()];
        let mut key = data_key.clone();
        let mut commitment = [0; 32];
        let mut info = suite.id().to_be_bytes().to_vec();
        if flags & NET_4_0_0 == 0 {
            info.extend(id);
        }
        match suite.id() {
            0x0014 | 0x0046 | 0x0078 => {}
            0x0114 | 0x0146 | 0x0178 | 0x0214 => {
                let hkdf = Hkdf::<Sha256>::new(None, &data_key);
                hkdf.expand(&info, &mut key).unwrap();
            }
            0x0346 | 0x0378 => {
                let hkdf = Hkdf::<Sha384>::new(None, &data_key);
                hkdf.expand(&info, &mut key).unwrap();
            }
            _ => {
                let hkdf = Hkdf::<Sha512>::new(Some(id), &data_key);
                let info = [&suite.id().to_be_bytes()[..], b"DERIVEKEY"].concat();
                hkdf.expand(&info, &mut key).unwrap();
                hkdf.expand(b"COMMITKEY", &mut commitment).unwrap();
            }
        }
        Self { key, commitment }
    }

    /// Ciphertext and tag.
    fn seal(&self, iv: &[u8; IV], aad: &[u8], plaintext: &[u8]) -> Vec<u8> {
        seal(&self.key, iv, aad, plaintext)
    }
}

/// AES-GCM with a key of 16, 24 or 32 bytes: ciphertext and tag.
///
/// # Panics
/// With a key of another length.
#[must_use]
pub fn seal(key: &[u8], iv: &[u8; IV], aad: &[u8], msg: &[u8]) -> Vec<u8> {
    fn with<C: KeyInit + Aead + AeadCore<NonceSize = U12>>(
        key: &[u8],
        iv: &[u8; IV],
        payload: Payload<'_, '_>,
    ) -> Vec<u8> {
        let cipher = C::new_from_slice(key).unwrap();
        cipher.encrypt(&(*iv).into(), payload).unwrap()
    }
    let payload = Payload { msg, aad };
    match key.len() {
        16 => with::<Aes128Gcm>(key, iv, payload),
        24 => with::<AesGcm<Aes192, U12>>(key, iv, payload),
        _ => with::<Aes256Gcm>(key, iv, payload),
    }
}

struct Body<'a> {
    flags: u8,
    id: &'a [u8],
    secrets: &'a Secrets,
}

impl Body<'_> {
    fn frames(&self, frame_len: u32, rest: &mut &[u8], out: &mut Vec<u8>) -> Option<()> {
        loop {
            let number = taken::<4>(rest, out)?;
            if number == END {
                let number = taken::<4>(rest, out)?;
                let iv = taken::<IV>(rest, out)?;
                let len = u32::from_be_bytes(taken::<4>(rest, out)?);
                return self.part("Final Frame", number, &iv, u64::from(len), rest, out);
            }
            let iv = taken::<IV>(rest, out)?;
            self.part("Frame", number, &iv, u64::from(frame_len), rest, out)?;
        }
    }

    fn content(&self, rest: &mut &[u8], out: &mut Vec<u8>) -> Option<()> {
        let iv = taken::<IV>(rest, out)?;
        let len = u64::from_be_bytes(taken::<8>(rest, out)?);
        self.part("Single Block", [0, 0, 0, 1], &iv, len, rest, out)
    }

    fn part(
        &self,
        kind: &str,
        number: [u8; 4],
        iv: &[u8; IV],
        len: u64,
        rest: &mut &[u8],
        out: &mut Vec<u8>,
    ) -> Option<()> {
        let sealed = usize::try_from(len).ok()?.checked_add(TAG)?;
        let (sealed, after) = rest.split_at_checked(sealed)?;
        *rest = after;
        if self.flags & BODY == 0 {
            out.extend(sealed);
            return Some(());
        }
        let kind = format!("AWSKMSEncryptionClient {kind}");
        let aad = [self.id, kind.as_bytes(), &number, &len.to_be_bytes()].concat();
        let plaintext = &sealed[..sealed.len() - TAG];
        out.extend(self.secrets.seal(iv, &aad, plaintext));
        Some(())
    }
}

fn taken<const N: usize>(rest: &mut &[u8], out: &mut Vec<u8>) -> Option<[u8; N]> {
    let (front, after) = rest.split_first_chunk::<N>()?;
    *rest = after;
    out.extend(front);
    Some(*front)
}

fn p384_key() -> p384::ecdsa::SigningKey {
    p384::ecdsa::SigningKey::from_slice(&[DATA_KEY; 48]).expect("it is below the order")
}

fn p256_key() -> p256::ecdsa::SigningKey {
    p256::ecdsa::SigningKey::from_slice(&[DATA_KEY; 32]).expect("it is below the order")
}

/// The public key that mended messages of a suite are signed for, as it stands in their encryption context.
#[must_use]
pub fn public_key(suite: Suite) -> String {
    let point = match suite.id() {
        0x0214 => p256_key().verifying_key().to_sec1_point(true).as_bytes().to_vec(),
        _ => p384_key().verifying_key().to_sec1_point(true).as_bytes().to_vec(),
    };
    BASE64_STANDARD.encode(point)
}

/// Writes a signature in the place of the one that follows.
fn sign(suite: Suite, context: &EncryptionContext, rest: &mut &[u8], out: &mut Vec<u8>) {
    let Some((len, after)) = rest.split_first_chunk::<2>() else {
        return;
    };
    let old = usize::from(u16::from_be_bytes(*len));
    if context.get(PUBLIC_KEY) != Some(&public_key(suite)) || after.len() < old {
        return;
    }
    let signature = if suite.id() == 0x0214 {
        let signature: p256::ecdsa::Signature = p256_key().sign(out);
        signature.to_der().as_bytes().to_vec()
    } else {
        let signature: p384::ecdsa::Signature = p384_key().sign(out);
        signature.to_der().as_bytes().to_vec()
    };
    out.extend((signature.len() as u16).to_be_bytes());
    out.extend(signature);
    *rest = &after[old..];
}

/// A seed with the public key that mended messages are signed for in the place of its own.
#[must_use]
pub fn with_public_key(message: &[u8]) -> Vec<u8> {
    let mut message = message.to_vec();
    let (found, suite) = match Header::decode(&message) {
        Ok(header) => {
            let mut pairs = header.context_pairs();
            let found = pairs.find(|(key, _)| *key == PUBLIC_KEY);
            (found.map(|(_, value)| value.as_bytes().to_vec()), header.suite())
        }
        Err(_) => return message,
    };
    let new = public_key(suite);
    if let Some(old) = found.filter(|old| old.len() == new.len())
        && let Some(at) = message.windows(old.len()).position(|window| *window == old)
    {
        message[at..at + new.len()].copy_from_slice(new.as_bytes());
    }
    message
}
