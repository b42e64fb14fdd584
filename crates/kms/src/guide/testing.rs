//! An emulator in place of KMS, over HTTP.
//!
//! # In the process, without this crate
//!
//! Most tests need no HTTP: `FakeKms::provider` of `datakey-fake-kms` is a provider as this is, and a service that takes `impl KeyProvider`
//! or an `Arc<dyn KeyProvider>` is given that. Time can then be paused.
//!
//! # Through this crate
//!
//! Tests of the configuration, of roles, and of what goes over the wire use this provider against the emulator's server, whose URL is an
//! endpoint URL like any other:
//!
//! ```no_run
//! use aws_sdk_kms::config::{BehaviorVersion, Credentials, Region};
//! use datakey_kms::{BuildError, KmsProvider};
//!
//! /// `endpoint` and `key` as the emulator says when it has started.
//! fn emulated(endpoint: &str, key: &str) -> Result<KmsProvider, BuildError> {
//!     let config = aws_sdk_kms::Config::builder()
//!         .behavior_version(BehaviorVersion::latest())
//!         .region(Region::new("us-east-1"))
//!         .credentials_provider(Credentials::new("AKIDEXAMPLE", "not-a-secret", None, None, "test"))
//!         .endpoint_url(endpoint)
//!         .build();
//!     KmsProvider::from_client(&aws_sdk_kms::Client::from_conf(config)).key(key).build()
//! }
//! ```
//!
//! From the environment it is `AWS_ENDPOINT_URL_KMS`, with credentials of any kind and `NO_PROXY=127.0.0.1` where there is a proxy; the
//! command `datakey fake-kms` prints all of them when it is ready.
//!
//! # What is worth a test
//!
//! | what | how |
//! |---|---|
//! | the context is sent | seal with one, open with another: refused. A round trip alone shows nothing |
//! | the key is pinned | a message under another key of the same account: refused, without a call |
//! | a throttle reaches the retry layer as one | the emulator's quota, and the error's class |
//! | a timeout is a timeout | a fault that hangs, with a real clock |
//! | the role may no more than it should | the emulator's principals, with production's policies |
//!
//! # A paused clock and a socket
//!
//! tokio's paused clock jumps to the next timer whenever no task is ready, also while an answer is on its way through a socket: attempts
//! then time out in no time. With a server in the way, use a real clock, or move a paused one by hand while a blocking task keeps it from
//! jumping.
//!
//! # Other emulators
//!
//! They speak the protocol, and some of what they leave out matters: keys that work in every state, encryption contexts that are joined
//! without lengths, replicas that do not open. `docs/kms.md` has the list for moto. A test against one of them is a test of what it does,
//! and not of KMS.
//!
//! # Against KMS itself
//!
//! A conformance run (`datakey_provider::conformance`, feature `test-util`) makes some 220 calls, which cost less than a tenth of a cent.
//! Give it a key of its own, so that the quota it takes and the entries in CloudTrail are nobody else's.
