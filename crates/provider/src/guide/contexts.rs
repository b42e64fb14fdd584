//! What goes into an encryption context, what does not, and how it is checked.
//!
//! An [`EncryptionContext`](crate::EncryptionContext) says what a data key is *for*. The key service binds it into the wrapped key: whoever
//! has the key unwrapped must present an equal one, all pairs of it. It is what keeps one tenant's messages from opening as another's where
//! both are under one wrapping key, and what policies and audit logs can see.
//!
//! # Three places for what belongs to a message
//!
//! | | encryption context | associated data of the message | the plaintext |
//! |---|---|---|---|
//! | who sees it | the key service, its audit log, whoever has the message | nobody: it is not stored | whoever opens |
//! | who checks it | the key service, and the reader | the reader | nobody |
//! | values | few: tenant, purpose, kind of data | one for each message: order id, file name, offset | anything |
//! | a wrong one | the key does not unwrap | the message does not open | |
//!
//! # Few values
//!
//! Data keys are cached by context. A context with an order's number in it is used once, and so is its data key: the cache does nothing,
//! and each message is a call. It is the most frequent reason for a cache that "does not work". As a measure, contexts times processes
//! divided by the age of keys is calls a second: a thousand tenants on forty hosts with keys of five minutes are 133.
//!
//! ```
//! use datakey_provider::{ContextError, EncryptionContext};
//!
//! /// One context for each tenant, whatever the order.
//! fn of_orders(tenant: &str) -> Result<EncryptionContext, ContextError> {
//!     EncryptionContext::new([("tenant", tenant), ("purpose", "orders")])
//! }
//! let (one, two) = (of_orders("acme")?, of_orders("acme")?);
//! assert_eq!(one.digest(), two.digest()); // what caches go by: one data key for both
//! # Ok::<(), ContextError>(())
//! ```
//!
//! Make it once and keep it. A context is checked, sorted, encoded and hashed when it is made, and cloning it counts a reference; a service
//! with a known set of tenants has them in a map.
//!
//! # No secrets
//!
//! It is in the clear in every request, in the audit log of the key service, and in the header of every message. No passwords, no tokens,
//! and no personal data that may not be in a log: a customer's number does where an e-mail address would not.
//!
//! # Names
//!
//! Keys and values are compared by their bytes. `Tenant` is not `tenant`, and `café` with one code point for its last letter is not the
//! same with two: where texts come from people, bring them into one form before. Order is nobody's business, as pairs are sorted. A pair
//! with an empty value is another context than one without that pair. Prefixes that belong to formats and services (`aws:`, `aws-crypto-`)
//! are theirs.
//!
//! ```
//! use datakey_provider::EncryptionContext;
//!
//! let composed = EncryptionContext::new([("shop", "caf\u{e9}")])?;
//! let decomposed = EncryptionContext::new([("shop", "cafe\u{301}")])?;
//! assert_ne!(composed, decomposed); // they look alike on any screen
//! # Ok::<(), datakey_provider::ContextError>(())
//! ```
//!
//! # Stating what is expected
//!
//! A message says which context it was sealed with, and the key service confirms it. Neither says that it is the context that *this reader*
//! should accept: a message of another tenant is authentic as well. So a reader states what it expects, and every format of this workspace
//! asks for it:
//!
//! ```
//! use datakey_provider::{ContextMismatch, EncryptionContext};
//!
//! let of_the_message = EncryptionContext::new([("tenant", "acme"), ("purpose", "orders"), ("region", "eu")])?;
//! // A part is enough: what this reader knows and cares for.
//! let expected = EncryptionContext::new([("tenant", "acme"), ("purpose", "orders")])?;
//! assert_eq!(of_the_message.check_expected(&expected), Ok(()));
//! // Expecting nothing is met by nothing, so that it is not what one forgets to say.
//! let nothing = of_the_message.check_expected(&EncryptionContext::empty());
//! assert_eq!(nothing, Err(ContextMismatch::NothingExpected { pairs: 3 }));
//! # Ok::<(), datakey_provider::ContextError>(())
//! ```
//!
//! The values come from where the request comes from (who is logged in, which queue this is), not from the message.
//!
//! # Policies
//!
//! With AWS KMS the pairs are conditions of key policies (`kms:EncryptionContext:purpose`) and stand in CloudTrail. So a role can be let to
//! open orders and nothing else under the same key. What a policy is to tell apart has to be a pair of its own.
//!
//! # Changing it
//!
//! A context belongs to its messages for good. To add a pair, add it to what is sealed from now on; readers that expect a part open old and
//! new. To take one away or rename one, let readers accept both for as long as there are old messages. A wrapped key is moved to another
//! context by the key service ([`ControlProvider::rewrap`](crate::ControlProvider::rewrap)), and its message has to be written anew, as
//! formats commit to the context.
//!
//! # The encoding
//!
//! For providers that bind bytes, and for readers in other languages. Pairs in the order of the bytes of their keys; each text with its
//! length in front of it:
//!
//! ```text
//! encoded = ( length of key : u16 big-endian | key : UTF-8 | length of value : u16 big-endian | value : UTF-8 ) for each pair
//! digest  = SHA-256( "datakey encryption context v1" 00 | encoded )
//! ```
//!
//! The empty context encodes to nothing. Equal contexts have equal encodings, and different ones different encodings, so that either can
//! stand for the context; the digest is for keys of maps and is no secret.
//!
//! ```
//! use datakey_provider::EncryptionContext;
//!
//! let context = EncryptionContext::new([("tenant", "acme")])?;
//! assert_eq!(context.encoded(), b"\x00\x06tenant\x00\x04acme");
//! assert_eq!(EncryptionContext::empty().encoded(), b"");
//! assert_ne!(EncryptionContext::empty().digest(), context.digest());
//! # Ok::<(), datakey_provider::ContextError>(())
//! ```
//!
//! # Limits
//!
//! | whose | limit |
//! |---|---|
//! | this crate | [`MAX_CONTEXT_TEXT_LEN`](crate::MAX_CONTEXT_TEXT_LEN) bytes for each key and value: the encoding has two bytes for a length |
//! | the format of `datakey-envelope` | 32 pairs, 1,024 bytes for each text, 4,096 for all |
//! | the format of the AWS Encryption SDK | 65,535 bytes for all |
//! | AWS KMS | 8,192 bytes of keys and values together |
//!
//! Each is found by whoever has it, before a call is made.
