//! AWS KMS as a provider of data keys: pinned keys, one request for each call, every error classified.
//!
//! *Envelope encryption* seals data under a data key, and lets KMS wrap the data key. This crate makes those requests
//! (`GenerateDataKey`, `Encrypt`, `Decrypt`, `ReEncrypt`) on the AWS SDK and speaks the traits of `datakey-provider`
//! upwards. It makes sure of what is easily left out: that the encryption context really is sent, that `Decrypt` names
//! the key it expects and looks at the one that answered, and that an error says whether waiting helps.
//!
//! # Thirty lines that work
//!
//! ```no_run
//! use datakey_kms::KmsProvider;
//! use datakey_provider::{DataKeyLength, EncryptionContext, ErrorClass, OpeningProvider, SealingProvider};
//!
//! const ORDERS: &str = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
//!
//! async fn run(config: &aws_types::SdkConfig) -> Result<(), Box<dyn std::error::Error>> {
//!     // `aws_config::load_from_env().await` makes such a configuration; the feature `aws-config` has
//!     // `KmsProvider::from_env()`. A client made elsewhere goes into `KmsProvider::from_client`.
//!     let kms = KmsProvider::from_sdk_config(config).key(ORDERS).build()?;
//!     let context = EncryptionContext::new([("tenant", "acme"), ("purpose", "orders")])?;
//!     kms.warm_up(&context).await?;
//!
//!     let made = kms.generate_data_key(&context, DataKeyLength::Bytes32).await?;
//!     let opened = kms.decrypt(&context, made.wrapped_keys().first()).await?;
//!     assert!(opened.ct_eq(made.data_key()));
//!
//!     let other = EncryptionContext::new([("tenant", "acme"), ("purpose", "refunds")])?;
//!     match kms.decrypt(&other, made.wrapped_keys().first()).await {
//!         Err(error) => assert_eq!(error.class(), ErrorClass::NotAuthentic),
//!         Ok(_) => unreachable!("KMS binds the context"),
//!     }
//!     Ok(())
//! }
//! ```
//!
//! # Defaults
//!
//! | what | default | change it with |
//! |---|---|---|
//! | attempts for each call | 1: the SDK's retries are off, whatever the given client says | [`danger_keep_sdk_retries`](KmsProviderBuilder::danger_keep_sdk_retries) |
//! | time for one call | that of the layer above, see below, or what the given client says | [`attempt_timeout`](KmsProviderBuilder::attempt_timeout) |
//! | time for a call of `re_encrypt` and `warm_up` | [`UNRETRIED_TIMEOUT`], 5 s, or what the given client says | [`attempt_timeout`](KmsProviderBuilder::attempt_timeout) |
//! | time for loading credentials | [`CREDENTIALS_TIMEOUT`], 30 s, beside the time of any call | not |
//! | time for connecting | [`DEFAULT_CONNECT_TIMEOUT`], 3.1 s, or what the given client says | [`connect_timeout`](KmsProviderBuilder::connect_timeout) |
//! | keys to open with | those named | [`opening_key`](KmsProviderBuilder::opening_key), [`danger_discovery`](KmsProviderBuilder::danger_discovery) |
//! | replicas of multi-Region keys | not opened with | [`allow_multi_region_replicas`](KmsProviderBuilder::allow_multi_region_replicas) |
//! | region, credentials, endpoint, FIPS, dual-stack, proxy | those of the given client or configuration | there |
//! | data key | 32 bytes (`KeySpec: AES_256`) | not |
//!
//! # Time limits
//!
//! How long an attempt may take is for the layer that makes attempts to say: the retry policy of `datakey-retry` ends one after 5 s. Two
//! limits on one attempt would leave open which of them ended it. **Without such a layer set
//! [`attempt_timeout`](KmsProviderBuilder::attempt_timeout)**: a KMS that accepts a connection and keeps silent is waited for otherwise,
//! until the SDK's protection against stalled streams takes note, if it is on. Name lookup, connecting and TLS have their own limit, and so
//! have the calls that no layer makes, `re_encrypt` and `warm_up`.
//!
//! # Features
//!
//! | feature | default | what it adds |
//! |---|---|---|
//! | `default-https-client` | yes | the SDK's HTTP client; without it the given client or configuration brings one |
//! | `rt-tokio` | yes | timers on tokio, and credentials that go on loading when a call is over; without it the given client or configuration brings a `sleep_impl` |
//! | `aws-config` | no | `KmsProvider::from_env` |
//!
//! # Errors
//!
//! [`class_of_code`] and [`class_of_status`] are the table. The [`ProviderError`](datakey_provider::ProviderError)
//! carries the code, the key id, the delay that the service asks for (`x-amz-retry-after`, `Retry-After`), and as its
//! source one of [`KmsFailure`] (KMS or the way to it failed), [`MalformedAnswer`] (a success that is none) and
//! [`Refusal`] (no call was made). No error holds any part of a body but KMS's own message.
//!
//! | what happens | class |
//! |---|---|
//! | no answer within the attempt timeout, while connecting or in mid-answer | timeout |
//! | no connection, a reset one, one whose runtime has ended, name lookup or TLS failed | transient |
//! | credentials that are missing or cannot be loaded, for whatever reason; nothing is sent | unauthenticated |
//! | KMS does not accept who asks: expired credentials, a wrong signature, a wrong clock | unauthenticated |
//! | a proxy that does not connect to KMS | unauthenticated |
//! | an answer that breaks off or cannot be read, HTTP 200 | transient |
//! | a success with a missing field, a data key of another length, another key id | transient, see [`MalformedAnswer`] |
//! | a wrapped key that is no data key, or whose message names the wrong key | not authentic |
//! | a page of a proxy | by its status, and never final |
//! | what the SDK refuses before it sends: an endpoint that cannot be used, no credentials provider | invalid request |
//!
//! Only an error code of KMS, about this key or this message, is a [verdict](datakey_provider::ProviderError::verdict) on it;
//! everything else says nothing of either. `docs/kms.md` has the whole table.
//!
//! A certificate that does not verify is transient though waiting does not help, since the SDK does not tell it from other
//! failures to connect. Its source says what it is.
//!
//! # Credentials
//!
//! The provider keeps the credentials of the given client or configuration itself: they are loaded once for all calls, within
//! [`CREDENTIALS_TIMEOUT`], go on loading when an attempt is over (with `rt-tokio`), and are asked for anew when KMS refuses them.
//!
//! # Several regions
//!
//! One provider calls one region; [`Several`](datakey_provider::Several) makes one of many. The order in which they are
//! tried is the order of their ranks: [`rank`](KmsProviderBuilder::rank) says how near each is. Which of them is unwell is judged
//! by the circuit breaker of `datakey-retry`: put each region's provider into its `Guarded`, and one that times out, cannot be
//! reached or fails ranks last until a call finds it answering.
//!
//! # Roles
//!
//! A sealer needs one permission, an opener another, and neither needs both. In the identity policy of the sealer's
//! role (add `kms:Encrypt` where it also wraps keys that were generated elsewhere, as `Several` does):
//!
//! ```json
//! {
//!   "Version": "2012-10-17",
//!   "Statement": [{
//!     "Effect": "Allow",
//!     "Action": "kms:GenerateDataKey",
//!     "Resource": "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
//!     "Condition": { "StringEquals": { "kms:EncryptionContext:purpose": "orders" } }
//!   }]
//! }
//! ```
//!
//! In that of the opener's role:
//!
//! ```json
//! {
//!   "Version": "2012-10-17",
//!   "Statement": [{
//!     "Effect": "Allow",
//!     "Action": "kms:Decrypt",
//!     "Resource": "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
//!     "Condition": { "StringEquals": { "kms:EncryptionContext:purpose": "orders" } }
//!   }]
//! }
//! ```
//!
//! `ReEncrypt` takes `kms:ReEncryptFrom` on the source key and `kms:ReEncryptTo` on the destination key. A policy names
//! key ARNs; permissions on an alias are none. The key policy must allow the account or the roles too.
//!
//! # What is wiped and what is not
//!
//! The plaintext of an answer is moved into a [`DataKey`](datakey_provider::DataKey) and its buffer is overwritten, and so is
//! the copy that a request of `Encrypt` takes. Out of reach, and freed without being overwritten: the SDK's HTTP buffers, TLS
//! buffers, and the JSON text of answers to `GenerateDataKey` and `Decrypt` and of requests of `Encrypt`, which hold the key in Base64. The
//! SDK's tracing is the other leak: at level `trace` it logs whole requests, those of `Encrypt` with the data key in them, and whole
//! answers too if `LOG_SENSITIVE_BODIES` is set. Keep the target `aws_smithy_runtime` at `debug` or above.
//!
//! # Pages to read
//!
//! The module `guide` has them: which key to name how, what a role needs, what failures say, Regions, connections, and how it is tested.
//!
//! # What this crate does not do
//!
//! It does not retry (`datakey-retry`), cache (`datakey-keyring`), or define a message format (`datakey-envelope`). It
//! makes no asymmetric or HMAC requests, and manages no keys.
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod answer;
mod attempt;
mod build_error;
mod builder;
mod cause;
mod classify;
mod client;
#[cfg(feature = "default-https-client")]
mod connections;
mod credentials;
mod endpoint;
mod failure;
#[cfg(any(doc, doctest))]
pub mod guide;
mod kept;
mod key_id;
mod limits;
mod names;
mod provider;
mod proxy;
mod quotas;
mod re_encrypt;
mod recognise;
mod told;
mod warm_up;

pub use answer::MalformedAnswer;
pub use build_error::{BuildError, MAX_GRANT_TOKEN_LEN, MAX_GRANT_TOKENS};
pub use builder::KmsProviderBuilder;
pub use classify::{class_of_code, class_of_status};
pub use client::{DEFAULT_CONNECT_TIMEOUT, DEFAULT_IDLE_TIMEOUT, UNRETRIED_TIMEOUT};
pub use credentials::CREDENTIALS_TIMEOUT;
pub use failure::KmsFailure;
pub use key_id::{KeyIdForm, KmsKeyId, KmsKeyIdError, MAX_KEY_ID_TEXT_LEN};
pub use limits::{MAX_KMS_CIPHERTEXT_LEN, MAX_KMS_CONTEXT_LEN};
pub use provider::{KmsProvider, Refusal};
pub use recognise::{DiscoveryFilter, DiscoveryFilterError};
