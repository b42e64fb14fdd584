//! A page to read, without items: sealing and opening with a provider, messages with several keys, streams, and other implementations.
//!
//! # With a provider
//!
//! This crate neither makes nor unwraps data keys. Around it stands a provider, which does, and most often a cache. Without a cache, a
//! message in both directions:
//!
//! ```
//! # #[cfg(all(feature = "getrandom", any(feature = "rustcrypto", feature = "aws-lc")))] {
//! use datakey_esdk::{Message, OpenParams, OpeningKey, Params, RawAesKey, SealingKey, SigningKey, context_with_public_key};
//! use datakey_provider::{EncryptionContext, OpeningProvider, SealingProvider};
//!
//! type Error = Box<dyn std::error::Error>;
//!
//! async fn seal(provider: &impl SealingProvider, own: &EncryptionContext, plaintext: &[u8]) -> Result<Vec<u8>, Error> {
//!     let params = Params::new();
//!     params.check_context(own)?; // before a call is made for what cannot be sealed
//!     let signing = SigningKey::generate(params.suite())?;
//!     let context = context_with_public_key(own, signing.as_ref())?;
//!     let made = provider.generate_data_key(&context, params.suite().data_key_length()).await?;
//!     let key = SealingKey::new(made.data_key(), made.wrapped_keys(), &context, signing, &params)?;
//!     let mut message = Vec::new();
//!     key.seal(plaintext, &mut message)?;
//!     Ok(message)
//! }
//!
//! async fn open(provider: &impl OpeningProvider, expected: &EncryptionContext, message: &[u8]) -> Result<Vec<u8>, Error> {
//!     let params = OpenParams::new().with_max_encrypted_data_keys(3);
//!     let message = Message::decode_within(message, params.max_encrypted_data_keys())?;
//!     message.header().check(&params)?; // what would be refused anyway costs no call
//!     let context = message.header().context_expecting(expected)?;
//!     let wrapped = message.header().wrapped_keys().ok_or("it has no key that anybody could unwrap")?;
//!     let mut refused: Error = "none of its keys is known here".into();
//!     for key in wrapped.iter().filter(|key| provider.rank(key).is_some()) {
//!         let data_key = match provider.decrypt(&context, key).await {
//!             Ok(data_key) => data_key,
//!             Err(error) => {
//!                 refused = error.into();
//!                 continue;
//!             }
//!         };
//!         let mut plaintext = Vec::new();
//!         match OpeningKey::new(&data_key, &context).open(&message, &params, &mut plaintext) {
//!             Ok(()) => return Ok(plaintext),
//!             Err(error) => refused = error.into(), // this one may be another message's: try the next
//!         }
//!     }
//!     Err(refused)
//! }
//!
//! # use std::{future::Future as _, pin::pin, task::{Context, Poll, Waker}};
//! # fn now<T>(call: impl Future<Output = T>) -> T {
//! #     let Poll::Ready(done) = pin!(call).poll(&mut Context::from_waker(Waker::noop())) else { panic!("nothing here waits") };
//! #     done
//! # }
//! let provider = RawAesKey::new("shop", "2026", &[7; 32])?;
//! let acme = EncryptionContext::new([("tenant", "acme"), ("purpose", "orders")])?;
//! let message = now(seal(&provider, &acme, b"one order"))?;
//! assert_eq!(now(open(&provider, &EncryptionContext::new([("tenant", "acme")])?, &message))?, b"one order");
//! assert!(now(open(&provider, &EncryptionContext::new([("tenant", "umbrella")])?, &message)).is_err());
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A cache keeps the [`SealingKey`](crate::SealingKey) with its signing key, and the [`OpeningKey`](crate::OpeningKey) by wrapped key and
//! context. Of the three suites that derive no keys it keeps nothing, as their data keys are for one message.
//!
//! # What is expected
//!
//! | an expected pair | what happens |
//! |---|---|
//! | stands in the message | it opens |
//! | stands there with another value | refused at once |
//! | does not stand there | it is *required*: the key is unwrapped with it, and it is authenticated with the header. A message that was sealed without it is not authentic |
//!
//! So a pair that is missing is found out with a call, where the native format finds it out without: by the meaning that the specification
//! gives to required encryption context.
//!
//! # Several encrypted data keys
//!
//! A message may have one for each Region, or a spare one under a key that lies in a drawer. A reader unwraps the first that its provider
//! knows. Those of `aws-kms` which name no key by its ARN have the KMS keyrings refuse the whole message, and other keyrings open it;
//! [`wrapped_keys`](crate::Header::wrapped_keys) leaves them out accordingly.
//!
//! The header authenticates its encrypted data keys, so that none can be added, replaced or taken away afterwards. To move a message to
//! another key, open it and seal it again; messages of `datakey-envelope` are re-wrapped.
//!
//! # Streams
//!
//! | | whole | stream |
//! |---|---|---|
//! | memory | the message and its plaintext | a frame |
//! | plaintext comes out | when everything is verified | frame by frame, each authentic |
//! | cut short | refused | found out at [`finish`](crate::StreamOpener::finish) |
//! | signed messages | opened | refused, or released before the signature is known |
//!
//! Whoever acts on a stream as it comes, acts on what a holder of the data key wrote, in order and unaltered, and does not know yet whether
//! there is more.
//!
//! # Other implementations
//!
//! - **Encryption contexts** are sorted by bytes in every library but the raw AES keyring of the SDK for JavaScript, which sorts by locale
//!   unless it is told `utf8Sorting: true`. The orders differ for keys in mixed case and outside of ASCII; neither side then opens what the
//!   other wrapped.
//! - **Version 4.0.0 for .NET** wrote messages whose header tag covers two bytes too many. They open, unless
//!   [`with_net_4_0_0_messages`](crate::OpenParams::with_net_4_0_0_messages) says otherwise.
//! - **Versions before 2.0** know no commitment. Write for them with
//!   [`ForbidEncryptAllowDecrypt`](crate::CommitmentPolicy::ForbidEncryptAllowDecrypt) and one of the suites of header version 1.
//! - **Early versions** wrote content that is not framed. It is read, and not written.
//! - **Policies on the KMS key** see the public key of signed messages as a pair of the encryption context: one that lists the keys it
//!   allows must list `aws-crypto-public-key`.
//!
//! # Without an operating system
//!
//! Without `std` and `getrandom` messages are read, and written by the `_with_id` calls with [ids](crate::MessageId) from a source of
//! randomness of one's own, in suites that do not sign. Without a cipher headers are decoded:
//!
//! ```
//! use datakey_esdk::{FormatError, Header, is_esdk_message};
//!
//! /// How much of a message must be read to know whose it is; nothing, if it is none.
//! fn missing(front: &[u8]) -> Option<u64> {
//!     match Header::decode(front) {
//!         Ok(_whole) => Some(0),
//!         Err(FormatError::Truncated { missing }) => Some(missing),
//!         Err(_) => None,
//!     }
//! }
//! assert!(is_esdk_message(&[2, 4, 0x78]) && missing(&[2, 4, 0x78]).is_some_and(|bytes| bytes > 0));
//! assert_eq!(missing(b"\xdaKEY"), None);
//! ```
