//! Sealed messages under a wrapped data key: bytes in, bytes out.
//!
//! A key service (AWS KMS, or any `KeyProvider`) hands out a **data key** in plain and in wrapped form. This crate seals
//! any number of messages under the plain form and puts the wrapped form into each message's header, so that whoever may
//! unwrap it can open them. It knows no key service, clock, socket or runtime; calling the service, caching its answers
//! and retrying are other crates' work.
//!
//! What a message has, beyond being encrypted:
//!
//! - **A key of its own.** The data key is a seed and never touches a cipher: each message derives its key from it with
//!   24 fresh random bytes. That is what makes one data key good for 2^48 messages.
//! - **A commitment** to data key, header, encryption context and associated data: no message opens in two ways.
//! - **Frames**, so that files larger than memory are sealed and opened in the memory of one frame, and nothing can be
//!   cut off, swapped, repeated or added.
//! - **Records**: a batch of thousands of orders under one header, 24 bytes for each, readable one by one.
//! - **Several wrapped keys**, replaceable without touching the frames.
//!
//! The format is specified in `docs/format.md`, rule by numbered rule; errors name the [`Rule`] that is broken.
//!
//! # Thirty lines that work
//!
//! ```
//! # #[cfg(all(feature = "getrandom", any(feature = "rustcrypto", feature = "aws-lc")))] {
//! use datakey_envelope::{Aad, Message, OpenError, OpeningKey, Params, SealingKey};
//! use datakey_provider::{DataKey, DataKeyLength, EncryptionContext, WrappedKey};
//!
//! // What a provider's `generate_data_key(&context)` answers: a data key, plain and wrapped.
//! let context = EncryptionContext::new([("tenant", "acme"), ("purpose", "orders")])?;
//! let data_key = DataKey::init(DataKeyLength::Bytes32, |bytes| bytes.fill(7)); // a provider draws random bytes
//! let wrapped = WrappedKey::new("arn:aws:kms:...", b"opaque to us".to_vec())?.into();
//!
//! // Prepare once per data key, then seal from any number of threads.
//! let sealing = SealingKey::new(&data_key, &wrapped, &context, &Params::new())?;
//! let mut sealed = Vec::new();
//! sealing.seal(b"2 CDs, 24.98 USD", Aad::from("order 17"), &mut sealed)?;
//!
//! // The other side reads the header, checks what it claims, and has the wrapped key unwrapped.
//! let message = Message::decode(&sealed)?;
//! let claimed = message.header().context()?;
//! claimed.check_expected(&EncryptionContext::new([("tenant", "acme")])?)?;
//! assert_eq!(message.header().wrapped_keys()?, wrapped);
//! let unwrapped = DataKey::init(DataKeyLength::Bytes32, |bytes| bytes.fill(7)); // a provider's `decrypt(&claimed, &wrapped_key)`
//!
//! let opening = OpeningKey::new(&unwrapped, &claimed)?;
//! let mut opened = Vec::new();
//! opening.open(&message, Aad::from("order 17"), &mut opened)?;
//! assert_eq!(opened, b"2 CDs, 24.98 USD");
//!
//! // Another order's number, and it does not open.
//! let refused = opening.open(&message, Aad::from("order 18"), &mut opened);
//! assert_eq!(refused, Err(OpenError::NotAuthentic));
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Which call
//!
//! | you have | seal | open |
//! |---|---|---|
//! | bytes in memory | `SealingKey::seal` | `OpeningKey::open` |
//! | much in memory, and several threads | `SealingKey::seal_on_threads` | `OpeningKey::open_on_threads` |
//! | a stream, or more than fits into memory | `SealingKey::stream_sealer` | `OpeningKey::stream_opener` |
//! | a large file, and several threads | `SealingKey::piece_sealer` | `OpeningKey::piece_opener` |
//! | a file, or whatever is `Read` and `Write` | `SealingKey::writer` | `read_header`, then `OpeningKey::reader` |
//! | many small records | `SealingKey::seal_records` | `OpeningKey::open_records` |
//! | records as they come | `SealingKey::record_sealer` | `OpeningKey::record_opener` |
//! | a part of a stored byte stream | | [`RangePlan`], then `OpeningKey::open_range` |
//! | a message, and other wrapped keys for it | [`Message::rewrapped`], [`Header::rewrapped`] | |
//! | one record of a stored batch | | [`EndPlan`], then `OpeningKey::open_index` |
//!
//! All of them append to a vector of the caller's, and leave it as it was when they fail. `SealingKey::seal_into`,
//! `OpeningKey::open_into` and the `push_into` of streams fill a slice instead, which is faster for large data.
//!
//! # Defaults
//!
//! | what | default | change it with |
//! |---|---|---|
//! | suite | ChaCha20-Poly1305 + HKDF-SHA-256 | [`Params::with_suite`] |
//! | frame length of byte streams | 64 KiB | [`Params::with_frame_len`] |
//! | longest record | 16 MiB | [`Params::with_record_limit`] |
//! | associated data | none | the `aad` of each call |
//!
//! # Features
//!
//! | feature | default | what it does |
//! |---|---|---|
//! | `std` | on | readers and writers of `std::io`, threads, `std` in the dependencies; without it the crate needs `alloc` only |
//! | `getrandom` | on | salts from the operating system; without it the `_with_salt` calls remain |
//! | `rustcrypto` | on | the ciphers in pure Rust |
//! | `aws-lc` | off | the ciphers of AWS-LC, which are used when both are on; the same bytes |
//!
//! The ciphers in pure Rust are a hundred times slower without optimisation: in a debug build they seal about 4 MiB a second. Either turn
//! `aws-lc` on, which is compiled C, or have cargo optimise the ciphers and this crate, in which they are compiled, in the
//! `Cargo.toml` of your workspace:
//!
//! ```toml
//! [profile.dev.package]
//! aes.opt-level = 3
//! aes-gcm.opt-level = 3
//! chacha20.opt-level = 3
//! chacha20poly1305.opt-level = 3
//! datakey-envelope.opt-level = 3
//! ghash.opt-level = 3
//! poly1305.opt-level = 3
//! polyval.opt-level = 3
//! sha2.opt-level = 3
//! ```
//!
//! Without a cipher the crate still decodes headers, for tools that inspect or route messages.
//!
//! # What this crate does not do
//!
//! It does not make, unwrap or cache data keys (`datakey-provider` says who does), hides neither the length of the
//! plaintext nor the encryption context, does not compress, and does not sign: whoever holds the data key can seal.
//!
//! # Three things are bound, in three ways
//!
//! | what | where it stands | who checks it |
//! |---|---|---|
//! | the encryption context | in the header, in the clear | the key service when it unwraps, the reader against what it [expects](datakey_provider::EncryptionContext::check_expected), the message's commitment |
//! | the associated data ([`Aad`]) | nowhere | the message's commitment, against what the reader gives |
//! | the plaintext's length, order and end | in frames and their counters | each frame's tag, and the last frame's flag |
//!
//! # Errors
//!
//! Opening answers one error for all that is not authentic, as none of the causes can be told from the others; what is wrong with the
//! *structure* is named by its rule. Every call either does all of what it says or leaves the caller's buffer as it was; what was written
//! in between is wiped. Streams are the exception by their nature: what came out of them is authentic, and whether it is whole is known at
//! the end.
//!
//! # Memory
//!
//! A message is sealed and opened in the buffers of its caller and the memory of one frame. Nothing is allocated for a length that a
//! message claims. Keys and hash states are on the heap, once, and wiped when dropped; [`SealingKey`](SealingKey::secret_memory) and
//! [`OpeningKey`](OpeningKey::secret_memory) name that memory to whoever locks pages.
//!
//! # Threads
//!
//! Keys are shared behind an `Arc` and seal and open from any number of threads; none of them takes a lock. Messages of the size of many
//! frames can be worked on by several threads at once.
//!
//! # Randomness
//!
//! Each message takes 24 random bytes of the operating system, asked for anew each time. Nothing is kept that a fork or a snapshot could
//! repeat; a virtual machine that is cloned needs a kernel that knows of it (`docs/processes.md`).
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

extern crate alloc;
#[cfg(any(feature = "std", test))]
extern crate std;

mod aad;
mod cursor;
mod error;
mod fips;
mod fixed;
mod geometry;
mod header;
mod limits;
mod plan;
mod read;
mod refs;
mod rewrap;
mod room;
mod rule;
mod suite;

#[cfg(any(feature = "rustcrypto", feature = "aws-lc"))]
mod chunks;
#[cfg(any(feature = "rustcrypto", feature = "aws-lc"))]
mod cipher;
#[cfg(any(feature = "rustcrypto", feature = "aws-lc"))]
mod frame;
#[cfg(all(feature = "std", any(feature = "rustcrypto", feature = "aws-lc")))]
mod io;
#[cfg(any(feature = "rustcrypto", feature = "aws-lc"))]
mod open;
#[cfg(any(feature = "rustcrypto", feature = "aws-lc"))]
mod pieces;
#[cfg(any(feature = "rustcrypto", feature = "aws-lc"))]
mod salt;
#[cfg(any(feature = "rustcrypto", feature = "aws-lc"))]
mod schedule;
#[cfg(any(feature = "rustcrypto", feature = "aws-lc"))]
mod seal;
#[cfg(any(feature = "rustcrypto", feature = "aws-lc"))]
mod sha256;
#[cfg(all(feature = "std", any(feature = "rustcrypto", feature = "aws-lc")))]
mod threads;
#[cfg(any(feature = "rustcrypto", feature = "aws-lc"))]
mod whole;

pub use aad::Aad;
#[cfg(feature = "getrandom")]
pub use error::RandomError;
pub use error::{FormatError, OpenError, SealError};
pub use fips::is_fips;
pub use fixed::{MAGIC, SALT_LEN, VERSION};
pub use geometry::{MAX_MESSAGE_LEN, MAX_RECORDS, RECORD_OVERHEAD};
pub use header::{Header, MAX_HEADER_LEN, Message, is_datakey_message};
#[cfg(all(feature = "std", any(feature = "rustcrypto", feature = "aws-lc")))]
pub use io::{OpenReader, SealWriter, read_header};
pub use limits::{
    DATA_KEY_LENGTH, LimitError, MAX_BLOB_LEN, MAX_CONTEXT_LEN, MAX_CONTEXT_PAIRS, MAX_CONTEXT_TEXT_LEN,
    MAX_DATA_KEY_BYTES, MAX_DATA_KEY_MESSAGES, MAX_KEY_ID_LEN, MAX_WRAPPED_KEYS, check_context,
    check_wrapped_keys,
};
#[cfg(any(feature = "rustcrypto", feature = "aws-lc"))]
pub use open::{OpeningKey, RecordIndex, RecordOpener, StreamOpener};
#[cfg(any(feature = "rustcrypto", feature = "aws-lc"))]
pub use pieces::{PieceOpener, PieceSealer, SealedPiece, UnsealedPiece};
pub use plan::{EndPlan, RangePlan};
pub use refs::{ContextPairs, WrappedKeyRef, WrappedKeyRefs};
pub use rewrap::RewrapError;
pub use rule::Rule;
#[cfg(any(feature = "rustcrypto", feature = "aws-lc"))]
pub use salt::Salt;
#[cfg(any(feature = "rustcrypto", feature = "aws-lc"))]
pub use seal::{RecordSealer, SealingKey, StreamSealer};
pub use suite::{FrameLen, FrameLenError, Kind, Params, Suite};

#[cfg(all(
    doctest,
    feature = "getrandom",
    any(feature = "rustcrypto", feature = "aws-lc")
))]
#[doc = include_str!("../README.md")]
struct Readme;
