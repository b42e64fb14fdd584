//! Codes, cipher and random bytes: in pure Rust, or of the FIPS module of AWS-LC where that is what computes.
use aes_gcm::{
    Aes256Gcm, KeyInit as _,
    aead::{AeadInOut as _, inout::InOutBuf},
};
#[cfg(feature = "fips")]
use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    hmac::{Context, HMAC_SHA256, Key},
};
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use zeroize::{Zeroize as _, Zeroizing};

/// The length of an IV of AES-GCM, in bytes.
pub(crate) const IV_LEN: usize = 12;
/// The length of a tag, in bytes.
pub(crate) const TAG_LEN: usize = 16;

/// Whether cipher, codes and random numbers of this crate are those of the FIPS module of AWS-LC, in its approved mode.
///
/// It takes the feature `fips` here, and the feature `fips` of `aws-lc-rs` in the program, which links the module. Wrapped keys are the same
/// either way, so that a fleet can move to such builds one process at a time.
///
/// # What is refused
///
/// Nothing of this crate: data keys are wrapped with HMAC-SHA-256 in counter mode (SP 800-108) and AES-256-GCM (SP 800-38D), and both are
/// approved. The IV is drawn at random in the module, and handed back to it; whether that counts as one of the module's own is for an
/// auditor to say.
///
/// # What is not the module's
///
/// The digest by which the DynamoDB store tells one stored branch key from another, which keeps no secret, and TLS to AWS, which
/// is for the HTTP client.
///
/// # Without the module
///
/// A program with the feature and without the module computes in pure Rust, and this function says so. The facade, `datakey`, refuses to
/// build there instead.
///
/// ```
/// println!("branch keys: {}", if datakey_branch_keys::is_fips() { "the FIPS module" } else { "pure Rust" });
/// ```
#[must_use]
pub fn is_fips() -> bool {
    #[cfg(feature = "fips")]
    let is = aws_lc_rs::try_fips_mode().is_ok();
    #[cfg(not(feature = "fips"))]
    let is = false;
    is
}

/// Random bytes.
pub(crate) fn fill(bytes: &mut [u8]) -> Result<(), getrandom::Error> {
    #[cfg(feature = "fips")]
    if is_fips() {
        return aws_lc_rs::rand::fill(bytes).map_err(|_opaque| getrandom::Error::UNEXPECTED);
    }
    getrandom::fill(bytes)
}

/// HMAC-SHA-256 with a key. Wiped when dropped.
pub(crate) enum Keyed {
    Rust(Hmac<Sha256>),
    /// Boxed, as it is many times as large.
    #[cfg(feature = "fips")]
    Module(Box<Context>),
}

impl Keyed {
    pub(crate) fn new(key: &[u8]) -> Option<Self> {
        #[cfg(feature = "fips")]
        if is_fips() {
            return Some(Self::Module(Box::new(Context::with_key(&Key::new(
                HMAC_SHA256,
                key,
            )))));
        }
        let keyed = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(key);
        keyed.ok().map(Self::Rust)
    }

    /// The code of a text in parts.
    pub(crate) fn code<'a>(&self, text: impl IntoIterator<Item = &'a [u8]>) -> Zeroizing<[u8; 32]> {
        let mut code = Zeroizing::new([0; 32]);
        match self {
            Self::Rust(keyed) => {
                let mut mac = keyed.clone();
                text.into_iter().for_each(|part| mac.update(part));
                let mut made = mac.finalize().into_bytes();
                code.copy_from_slice(&made);
                made.as_mut_slice().zeroize();
            }
            #[cfg(feature = "fips")]
            Self::Module(keyed) => {
                let mut mac = keyed.as_ref().clone();
                text.into_iter().for_each(|part| mac.update(part));
                code.iter_mut()
                    .zip(mac.sign().as_ref())
                    .for_each(|(to, byte)| *to = *byte);
            }
        }
        code
    }
}

/// AES-256-GCM with a key.
pub(crate) enum Cipher {
    Rust(Box<Aes256Gcm>),
    #[cfg(feature = "fips")]
    Module(Box<LessSafeKey>),
}

impl Cipher {
    pub(crate) fn new(key: &[u8; 32]) -> Option<Self> {
        #[cfg(feature = "fips")]
        if is_fips() {
            let key = UnboundKey::new(&AES_256_GCM, key).ok()?;
            return Some(Self::Module(Box::new(LessSafeKey::new(key))));
        }
        let cipher = Aes256Gcm::new_from_slice(key).ok()?;
        Some(Self::Rust(Box::new(cipher)))
    }

    /// Writes the ciphertext of `plaintext`, which is as long, and its tag.
    pub(crate) fn seal(
        &self,
        iv: &[u8; IV_LEN],
        aad: &[u8],
        plaintext: &[u8],
        ciphertext: &mut [u8],
        tag: &mut [u8; TAG_LEN],
    ) -> Option<()> {
        match self {
            Self::Rust(cipher) => {
                let data = InOutBuf::new(plaintext, ciphertext).ok()?;
                let made = cipher.encrypt_inout_detached(&(*iv).into(), aad, data).ok()?;
                *tag = made.into();
                Some(())
            }
            #[cfg(feature = "fips")]
            Self::Module(cipher) => {
                let nonce = Nonce::assume_unique_for_key(*iv);
                cipher
                    .seal_out_of_place_scatter(nonce, Aad::from(aad), plaintext, ciphertext, &[], tag)
                    .ok()
            }
        }
    }

    /// Writes the plaintext of `ciphertext`, which is as long.
    pub(crate) fn open(
        &self,
        iv: &[u8; IV_LEN],
        aad: &[u8],
        ciphertext: &[u8],
        tag: &[u8; TAG_LEN],
        plaintext: &mut [u8],
    ) -> Option<()> {
        match self {
            Self::Rust(cipher) => {
                let place = InOutBuf::new(ciphertext, plaintext).ok()?;
                cipher
                    .decrypt_inout_detached(&(*iv).into(), aad, place, &(*tag).into())
                    .ok()
            }
            #[cfg(feature = "fips")]
            Self::Module(cipher) => {
                let nonce = Nonce::assume_unique_for_key(*iv);
                cipher
                    .open_separate_gather(nonce, Aad::from(aad), ciphertext, tag, plaintext)
                    .ok()
            }
        }
    }
}
