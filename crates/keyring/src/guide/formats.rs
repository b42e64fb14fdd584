//! Keeping what a message format prepares, instead of data keys.
//!
//! A format that derives keys, expands key schedules or encodes headers does so once for each data key, and not once for each message. What
//! it prepares is the *material*: the keyring keeps it, hands it out behind a [`Held`](crate::Held), and never keeps the data key beside
//! it.
//!
//! # Sealing
//!
//! [`SealingMaterial::prepare`](crate::SealingMaterial::prepare) is given the data key with its wrapped forms, once, and answers whatever
//! seals. It runs inside of the load. Beside it, a material says what its format can hold, so that a keyring refuses what could not be
//! sealed before it makes a call:
//!
//! | method | asked | default |
//! |---|---|---|
//! | `data_key_length` | for each load | 32 bytes |
//! | `max_wrapped_keys` | when a keyring is built, and before a load | no limit |
//! | `max_messages`, `max_bytes` | when a keyring is built: its limits are no higher | no limit |
//! | `check_settings` | when a keyring is built | fine |
//! | `check_context` | before each load | any context |
//! | `draft` | before each load | nothing |
//!
//! ```
//! use datakey_fake_kms::FakeKms;
//! use datakey_keyring::{SealingKeyring, SealingMaterial, Usage};
//! use datakey_provider::{EncryptionContext, ErrorClass, GeneratedDataKey, Operation, ProviderError};
//!
//! /// A format whose headers have one byte for the number of pairs.
//! struct Small;
//!
//! struct Prepared { header: Vec<u8>, secret: [u8; 32] }
//!
//! impl Drop for Prepared {
//!     fn drop(&mut self) {
//!         self.secret.fill(0); // a real one does so in a way that is not optimised out: see `zeroize`
//!     }
//! }
//!
//! impl SealingMaterial for Small {
//!     type Key = Prepared;
//!
//!     fn check_context(&self, context: &EncryptionContext) -> Result<(), ProviderError> {
//!         match u8::try_from(context.len()) {
//!             Ok(_fits) => Ok(()),
//!             Err(_) => Err(ProviderError::new(ErrorClass::InvalidRequest, Operation::GenerateDataKey).unsent()),
//!         }
//!     }
//!
//!     fn prepare(&self, made: GeneratedDataKey, context: &EncryptionContext) -> Result<Prepared, ProviderError> {
//!         let (key, wrapped) = made.into_parts();
//!         let mut header = vec![u8::try_from(context.len()).unwrap_or(u8::MAX)];
//!         header.extend_from_slice(wrapped.first().blob());
//!         let mut secret = [0; 32];
//!         secret.copy_from_slice(key.expose_secret());
//!         Ok(Prepared { header, secret }) // the data key itself is wiped here
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let fake = FakeKms::new();
//! let keyring = SealingKeyring::with_material(Small, fake.provider(&fake.create_key()?));
//! let context = EncryptionContext::new([("tenant", "acme")])?;
//! let one = keyring.key(&context, Usage::message(300)).await?;
//! let other = keyring.key(&context, Usage::message(300)).await?;
//! assert!(one.same(&other)); // prepared once
//! assert_eq!(one.header[0], 1);
//!
//! let pairs = (0..300).map(|number| (number.to_string(), ""));
//! let too_many = EncryptionContext::new(pairs)?;
//! assert!(keyring.key(&too_many, Usage::message(300)).await.is_err());
//! assert_eq!(fake.ledger().calls(), 1); // none for what could not be sealed
//! # Ok(()) }
//! ```
//!
//! # Before there is a data key
//!
//! Some formats put something of their own into the encryption context that the key is made with, such as the public half of a signing key.
//! A [`Draft`](crate::Draft) is made before the provider is asked, has the context that it is to be asked with, and prepares the key
//! afterwards. The keyring goes on finding the key by the caller's own context.
//!
//! # Opening
//!
//! [`OpeningMaterial::prepare`](crate::OpeningMaterial::prepare) is given the unwrapped data key. What it answers is kept by wrapped key
//! and context. Which *format* the message has is not known then where a process reads several: prepare what all of them need.
//!
//! # The key must be the message's
//!
//! A wrapped key that opens need not be the message's. A format with a commitment, or a header tag, can tell: give
//! [`open_with`](crate::OpeningKeyring::open_with) a function that answers `None` to a key which is not, and the next wrapped key is tried.
//! A format that cannot tell should not have several wrapped keys.
//!
//! # Secrets
//!
//! Whatever a material makes of a data key is as secret as that. It wipes it when it is dropped, shows nothing of it by `Debug`, and names
//! memory outside of itself to [`memory`](crate::SealingMaterial::memory), so that the feature `locked-memory` can lock it.
//!
//! # Panics and errors
//!
//! A material that panics fails that load ([`LoadPanicked`](crate::KeyringError::LoadPanicked)), for all who wait for it, and nothing else.
//! One that answers an error fails it with that; the key is not kept, and the call was made. So what can be checked beforehand is checked
//! in `check_context` and `check_settings`.
