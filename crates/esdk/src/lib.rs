//! The message format of the AWS Encryption SDK: bytes in, bytes out.
//!
//! What this crate seals, the AWS Encryption SDK for Java, Python, JavaScript, C, .NET, Go and Rust opens, and the other way round.
//! It knows no key service, clock, socket or runtime, and nothing of AWS: calling the service, caching its answers and
//! retrying are other crates' work.
//!
//! - **All eleven suites are read**, header versions 1 and 2, framed and non-framed content, signed and unsigned; those that derive a
//!   key for each message are written.
//! - **Commitment policies** under the names of the AWS Encryption SDK; the default reads and writes what commits, and nothing
//!   else.
//! - **Nothing unauthenticated is released.** A whole message is released once everything is verified, the signature included. A
//!   stream releases frame by frame, and refuses signed messages unless it is told otherwise.
//! - **Nothing trusts a length.** Buffers grow with what arrives, and a limit of encrypted data keys is looked at before any of
//!   them is.
//!
//! # Thirty lines that work
//!
//! ```
//! # #[cfg(all(feature = "getrandom", any(feature = "rustcrypto", feature = "aws-lc")))] {
//! use datakey_esdk::{
//!     Message, OpenParams, OpeningKey, Params, SealingKey, SigningKey, context_with_public_key,
//! };
//! use datakey_provider::{DataKey, EncryptionContext, WrappedKey};
//!
//! // The default suite signs, so the public key is part of the context that the data key is made under.
//! let params = Params::new();
//! let own = EncryptionContext::new([("tenant", "acme"), ("purpose", "orders")])?;
//! let signing = SigningKey::generate(params.suite())?;
//! let context = context_with_public_key(&own, signing.as_ref())?;
//!
//! // What a provider's `generate_data_key(&context, params.suite().data_key_length())` answers.
//! let data_key = DataKey::init(params.suite().data_key_length(), |bytes| bytes.fill(7));
//! let wrapped = WrappedKey::new("arn:aws:kms:eu-central-1:111122223333:key/1", b"opaque to us".to_vec())?.into();
//!
//! // Prepare once per data key, then seal from any number of threads.
//! let sealing = SealingKey::new(&data_key, &wrapped, &context, signing, &params)?;
//! let mut sealed = Vec::new();
//! sealing.seal(b"2 CDs, 24.98 USD", &mut sealed)?;
//!
//! // The other side reads the header, checks what it claims, and has an encrypted data key unwrapped.
//! let message = Message::decode(&sealed)?;
//! let claimed = message.header().context()?;
//! claimed.check_expected(&own)?;
//! assert_eq!(message.header().wrapped_keys(), Some(wrapped));
//! let unwrapped = DataKey::init(params.suite().data_key_length(), |bytes| bytes.fill(7));
//!
//! let opening = OpeningKey::new(&unwrapped, &claimed);
//! let mut opened = Vec::new();
//! opening.open(&message, &OpenParams::new(), &mut opened)?;
//! assert_eq!(opened, b"2 CDs, 24.98 USD");
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What differs from `datakey-envelope`
//!
//! | | this format | `datakey-envelope` |
//! |---|---|---|
//! | read by | every AWS Encryption SDK | this project |
//! | associated data of each message | none: what is to be bound must be in the encryption context | any bytes |
//! | many records in one message, read one by one | no | yes |
//! | signatures | by the suites that have them | no |
//! | bytes of a frame beside its plaintext | 32, 40 for the last | 16 |
//!
//! The page `guide` has both ways in whole, with a provider, and what other implementations do otherwise.
//!
//! # Features
//!
//! | feature | default | what it does |
//! |---|---|---|
//! | `std` | on | `std` in the dependencies; without it the crate needs `alloc` only |
//! | `getrandom` | on | message ids and signing keys from the operating system; without it the `_with_id` calls remain, for suites that do not sign |
//! | `rustcrypto` | on | ciphers and signatures in pure Rust |
//! | `aws-lc` | off | those of AWS-LC, which are used when both are on; the same bytes |
//! | `raw-rsa` | off | the raw RSA keyring, with the RSA of AWS-LC; whichever ciphers are on |
//!
//! Without a cipher the crate still decodes headers, for tools that inspect or route messages.
//!
//! # The order of things
//!
//! For sealing: choose [`Params`]; for a suite that signs, make a [`SigningKey`] and put its public half into the encryption context
//! ([`context_with_public_key`]); have a provider make a data key *under that context*; prepare it as a [`SealingKey`]; seal any number of
//! messages. A signing key lives as long as its data key, so that with a cache one signature key serves the messages of five minutes.
//!
//! For opening: decode the [`Header`]; [check](Header::check) what can be checked without a key, so that a message which would be refused
//! anyway costs no call; state what is expected of the context ([`Header::context_expecting`]) and unwrap one of the [wrapped
//! keys](Header::wrapped_keys) with what that answers; prepare it as an [`OpeningKey`]; open.
//!
//! Where a message has several encrypted data keys, the one that a provider unwraps first need not be the message's own: somebody who may
//! write to where messages are kept can put another there. Suites that commit answer [`OpenError::Commitment`] then, and the next one is to
//! be tried.
//!
//! # Which suite
//!
//! | for | suite |
//! |---|---|
//! | many messages a second that only your services read | `Aes256GcmHkdfSha512CommitKey`: commits, and does not sign |
//! | readers that must not be able to make messages | `Aes256GcmHkdfSha512CommitKeyEcdsaP384`, the default. A signature takes longer than all the rest of a small message |
//! | readers that know no commitment | `Aes256GcmHkdfSha256`, with [`CommitmentPolicy::ForbidEncryptAllowDecrypt`] |
//!
//! # Memory
//!
//! Data keys and what is derived from them are on the heap, once, and wiped when dropped. Buffers of plaintext that this crate makes
//! itself, which are those of streams, are wiped too; what is appended to a caller's buffer is the caller's.
//!
//! # Moving from an AWS Encryption SDK
//!
//! | there | here |
//! |---|---|
//! | keyrings, master key providers | providers (`datakey-kms`, `datakey-branch-keys`, [`RawAesKey`], `RawRsaPublicKey` and its private half) |
//! | caching cryptographic materials manager | a keyring of `datakey-keyring` in front of the provider; `CachingLimits` of `datakey` has its limits by their names |
//! | commitment policy | [`CommitmentPolicy`], by the same names and with the same default |
//! | maximum encrypted data keys | [`Params::with_max_encrypted_data_keys`], [`OpenParams::with_max_encrypted_data_keys`] |
//! | required encryption context | [`Params::with_required_context_keys`], [`Header::context_expecting`] |
//! | streaming decryption of signed messages | refused, unless [`danger_release_before_signature`](OpenParams::danger_release_before_signature) says otherwise |
//! | the encryption context of a message, to be checked by the caller | [`Header::context_expecting`]: what is expected is stated |
//!
//! # What each writer should state
//!
//! A commitment policy, if readers are older than the default knows; a suite; a limit of encrypted data keys on the readers' side. The rest
//! of the defaults are those of the AWS Encryption SDK, so that messages look alike.
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(
    not(all(feature = "getrandom", any(feature = "rustcrypto", feature = "aws-lc"))),
    expect(
        dead_code,
        reason = "without a cipher, headers are decoded and nothing else; without random bytes, nothing is signed"
    )
)]

extern crate alloc;
#[cfg(any(feature = "std", test))]
extern crate std;

mod context;
mod cursor;
mod data_key;
mod error;
mod fips;
#[cfg(any(doc, doctest))]
pub mod guide;
mod header;
mod message_id;
mod params;
mod suite;

#[cfg(any(feature = "rustcrypto", feature = "aws-lc"))]
mod body;
#[cfg(any(feature = "rustcrypto", feature = "aws-lc"))]
mod cipher;
#[cfg(any(feature = "rustcrypto", feature = "aws-lc"))]
mod der;
#[cfg(any(feature = "rustcrypto", feature = "aws-lc"))]
mod open;
#[cfg(all(feature = "getrandom", any(feature = "rustcrypto", feature = "aws-lc")))]
mod raw_aes;
#[cfg(all(
    feature = "getrandom",
    any(feature = "rustcrypto", feature = "aws-lc", feature = "raw-rsa")
))]
mod raw_names;
#[cfg(feature = "raw-rsa")]
mod raw_rsa;
#[cfg(any(feature = "rustcrypto", feature = "aws-lc"))]
mod schedule;
#[cfg(any(feature = "rustcrypto", feature = "aws-lc"))]
mod seal;
#[cfg(any(feature = "rustcrypto", feature = "aws-lc"))]
mod sha512;
#[cfg(any(feature = "rustcrypto", feature = "aws-lc"))]
mod sign;

pub use context::{ContextPairs, PUBLIC_KEY, check_context, own_context};
pub use data_key::{AWS_KMS, EncryptedDataKey, EncryptedDataKeys};
#[cfg(feature = "getrandom")]
pub use error::RandomError;
pub use error::{Fault, FormatError, LimitError, OpenError, PublicKeyProblem, SealError};
pub use fips::is_fips;
pub use header::{Content, Header, MAX_HEADER_LEN, is_esdk_message};
pub use message_id::MessageId;
#[cfg(any(feature = "rustcrypto", feature = "aws-lc"))]
pub use open::{Message, OpeningKey, StreamOpener};
pub use params::{DEFAULT_FRAME_LEN, OpenParams, Params};
#[cfg(all(feature = "getrandom", any(feature = "rustcrypto", feature = "aws-lc")))]
pub use raw_aes::RawAesKey;
#[cfg(all(
    feature = "getrandom",
    any(feature = "rustcrypto", feature = "aws-lc", feature = "raw-rsa")
))]
pub use raw_names::RawKeyError;
#[cfg(feature = "raw-rsa")]
pub use raw_rsa::{RawRsaKeyError, RawRsaPrivateKey, RawRsaPublicKey, RsaPadding};
#[cfg(any(feature = "rustcrypto", feature = "aws-lc"))]
pub use seal::{SealingKey, StreamSealer, context_with_public_key};
#[cfg(any(feature = "rustcrypto", feature = "aws-lc"))]
pub use sign::SigningKey;
pub use suite::{CommitmentPolicy, Suite};

#[cfg(all(
    doctest,
    feature = "getrandom",
    any(feature = "rustcrypto", feature = "aws-lc")
))]
#[doc = include_str!("../README.md")]
struct Readme;
