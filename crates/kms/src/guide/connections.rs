//! Credentials, clocks, proxies, connections that died, runtimes and forks.
//!
//! # Credentials
//!
//! They are loaded once for all calls, by whatever the given client or configuration has, in [a time of their
//! own](crate::CREDENTIALS_TIMEOUT): 30 seconds, which an attempt does not have to wait out, as with `rt-tokio` a load goes on for the next
//! one. Those that end soon are loaded anew while they serve. Those that KMS refuses (`ExpiredTokenException` and its like) are asked for
//! anew, once for however many calls were refused together, and the retry layer's next attempt is signed with them. Credentials that cannot
//! be loaded are an outage: no cached key is dropped, as KMS has said nothing.
//!
//! # Clocks
//!
//! A request is signed with the time, and refused if that is off by more than five minutes. The SDK learns from the refusal how wrong the
//! clock is. So the first call with a wrong clock fails, the next is signed rightly, and the retry layer makes it.
//! [`re_encrypt`](crate::KmsProvider::re_encrypt) and [`warm_up`](crate::KmsProvider::warm_up) make it themselves.
//!
//! # Proxies
//!
//! Those of the environment (`HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY`) are the SDK's to find. One that does not connect is an outage of the
//! caller's, named in the error without its password. An emulator on the loopback interface wants `NO_PROXY=127.0.0.1`.
//!
//! # Connections
//!
//! They are kept, and an idle one is closed after [50 seconds](crate::DEFAULT_IDLE_TIMEOUT), before load balancers and firewalls forget it.
//! What they forget says nothing: a call on it waits for its timeout. So after a call that timed out, lost its connection, or was given up
//! after 100 ms without an answer, the next call gets a new connection, and all that lie idle are closed. However many died, they cost one
//! timeout.
//!
//! After a machine slept for longer than that, no connection from before is used: the wall clock is asked too.
//!
//! # Timeouts
//!
//! | what | who limits it | default |
//! |---|---|---|
//! | name lookup, connecting, TLS | this crate: [`connect_timeout`](crate::KmsProviderBuilder::connect_timeout) | 3.1 s |
//! | an attempt | the retry layer above, or [`attempt_timeout`](crate::KmsProviderBuilder::attempt_timeout) | 5 s there, none here |
//! | a call of `re_encrypt`, `warm_up` | this crate | [5 s](crate::UNRETRIED_TIMEOUT) |
//! | loading credentials | this crate | [30 s](crate::CREDENTIALS_TIMEOUT) |
//!
//! ```
//! # #[cfg(all(feature = "default-https-client", feature = "rt-tokio"))] {
//! # use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
//! # let credentials = SharedCredentialsProvider::new(Credentials::new("AKIAEXAMPLE", "secret", None, None, "example"));
//! # let region = aws_types::region::Region::new("eu-central-1");
//! # let config = aws_types::SdkConfig::builder().region(region).credentials_provider(credentials).build();
//! use std::time::Duration;
//! use datakey_kms::KmsProvider;
//! use datakey_provider::SealingProvider as _;
//!
//! let builder = || KmsProvider::from_sdk_config(&config).key("alias/orders");
//! assert_eq!(builder().build().unwrap().sealing_time_limit(), None); // for the layer above to say
//! let alone = builder().attempt_timeout(Duration::from_secs(5)).build().unwrap();
//! assert_eq!(alone.sealing_time_limit(), Some(Duration::from_secs(5)));
//! # }
//! ```
//!
//! # The SDK's own retries
//!
//! They are off, whatever the given client has. Three attempts of the SDK under five of a retry layer are fifteen; its token bucket runs
//! dry at a hundred calls throttled at once; and its waits are seen by no deadline. A client that is used elsewhere too stays as it is: the
//! provider makes its own from the same configuration.
//!
//! # Runtimes
//!
//! Connections belong to the runtime on which they were made. A provider that is used from several has some on each; where a runtime has
//! ended, a call on its connections fails as transient and is made anew. In a test suite with a runtime for each test, a provider in a
//! `static` works, at the price of a connection for each.
//!
//! # Forks
//!
//! A child must not write to its parent's sockets. Make the client, and so the provider, in the child.
//!
//! # Tracing
//!
//! At level `trace` the SDK logs requests, those of `Encrypt` with a data key in them, and answers too if `LOG_SENSITIVE_BODIES` is set.
//! Keep the target `aws_smithy_runtime` at `debug` or above.
