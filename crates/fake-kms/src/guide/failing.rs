//! Failures: errors that KMS answers, silence, and answers that are none.
//!
//! A [`FaultRule`](crate::FaultRule) says what happens, and to which calls. Rules are asked in the order in which they were added, and the
//! first that fires decides, so exceptions come before the rule:
//!
//! ```
//! use datakey_fake_kms::{FakeKms, FaultRule, KmsErrorCode, KmsOperation};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let fake = FakeKms::new();
//! fake.inject(FaultRule::new(KmsErrorCode::Internal).on(KmsOperation::GenerateRandom).times(1));
//! fake.inject(FaultRule::new(KmsErrorCode::KeyUnavailable));
//! let codes = [fake.generate_random(8).await, fake.generate_random(8).await].map(|call| call.unwrap_err().code());
//! assert_eq!(codes, [Some(KmsErrorCode::Internal), Some(KmsErrorCode::KeyUnavailable)]);
//! fake.clear_faults();
//! assert!(fake.generate_random(8).await.is_ok());
//! # Ok(()) }
//! ```
//!
//! # Which failure for which question
//!
//! | the question | a rule |
//! |---|---|
//! | does it try again? | an error, [`times`](crate::FaultRule::times) 2 |
//! | does it stop trying? | an error, without an end |
//! | does it give up at once where trying again is of no use? | [`AccessDenied`](crate::KmsErrorCode::AccessDenied) |
//! | has it a timeout? | [`Hang`](crate::Fault::Hang) of [`Duration::MAX`](std::time::Duration::MAX) |
//! | does it take a proxy's page for an answer? | [`Fault::proxy_page`](crate::Fault::proxy_page), [`Garbage`](crate::Fault::Garbage) |
//! | does it bear that a call was made and its answer lost? | [`CutBody`](crate::Fault::CutBody) |
//! | does a slow key hold up another? | [`Delay`](crate::Fault::Delay), [`for_key`](crate::FaultRule::for_key) |
//! | does it come back when the service does? | [`between`](crate::FaultRule::between) |
//! | does it hold in the long run? | [`with_probability`](crate::FaultRule::with_probability), a seed |
//!
//! Silence is the one to begin with: services that are down rarely say so, and code that handles every error code still stands still for
//! ever where nothing comes.
//!
//! # Nobody answers
//!
//! ```
//! use std::time::Duration;
//! use datakey_fake_kms::{FakeKms, Fault, FaultRule, Outcome};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let fake = FakeKms::new();
//! fake.inject(FaultRule::new(Fault::Hang(Duration::MAX)));
//! // What the code under test should have: a bound on how long it waits.
//! let bounded = tokio::time::timeout(Duration::from_millis(10), fake.generate_random(8)).await;
//! assert!(bounded.is_err());
//! assert_eq!(fake.ledger().ended(Outcome::TimedOut), 1);
//! # Ok(()) }
//! ```
//!
//! # Done, and the answer lost
//!
//! With [`CutBody`](crate::Fault::CutBody) KMS has carried the call out. For calls that make data keys that is harmless, and trying again
//! makes another. A call that changes something has changed it, and a second one may find it so:
//!
//! ```
//! use datakey_fake_kms::{CallError, FakeKms, Fault, FaultRule, KmsContext, KmsOperation};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let fake = FakeKms::new();
//! let key = fake.create_key()?;
//! fake.inject(FaultRule::new(Fault::CutBody).on(KmsOperation::GenerateDataKey).times(1));
//! let lost = fake.generate_data_key(&key, &KmsContext::default(), 32).await;
//! assert!(matches!(lost, Err(CallError::CutOff)));
//! assert!(fake.generate_data_key(&key, &KmsContext::default(), 32).await.is_ok());
//! assert_eq!(fake.ledger().calls_of(KmsOperation::GenerateDataKey), 2); // both are paid for
//! # Ok(()) }
//! ```
//!
//! # One key and not the others
//!
//! A custom key store that is down fails the keys in it, and the account is well. Code that judges "KMS" as a whole, as a breaker without
//! scopes does, stops what would have worked:
//!
//! ```
//! use datakey_fake_kms::{FakeKms, FaultRule, KmsErrorCode};
//! use datakey_provider::{DataKeyLength, EncryptionContext, SealingProvider as _};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let fake = FakeKms::new();
//! let (in_store, ordinary) = (fake.create_key()?, fake.create_key()?);
//! fake.create_alias("alias/store", &in_store)?;
//! fake.inject(FaultRule::new(KmsErrorCode::InvalidState).for_key("alias/store"));
//! let context = EncryptionContext::empty();
//! // By its ARN as by its alias: a rule means the key, not the name.
//! assert!(fake.provider(&in_store).generate_data_key(&context, DataKeyLength::Bytes32).await.is_err());
//! assert!(fake.provider(&ordinary).generate_data_key(&context, DataKeyLength::Bytes32).await.is_ok());
//! # Ok(()) }
//! ```
//!
//! # By chance, and again
//!
//! Chances are drawn from the [seed](crate::FakeKmsBuilder::seed) of the fake in the order of the calls, so a run with one caller at a
//! time repeats itself. With several tasks the order of calls is the runtime's: print the seed anyhow, and expect the same rate rather
//! than the same calls.
//!
//! # Rules as text
//!
//! For a test matrix, a command line or a file. What cannot be read is refused by the part that is wrong, so a rule that never fires is
//! not a typo:
//!
//! ```
//! use datakey_fake_kms::{FakeKms, FaultRule};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! for rule in ["error=KMSInternalException,times=1", "drop,times=1", "page=503,times=1", "cut,times=1", "garbage,times=1"] {
//!     let fake = FakeKms::new();
//!     fake.inject(rule.parse()?);
//!     assert!(fake.generate_random(8).await.is_err(), "{rule}");
//!     assert!(fake.generate_random(8).await.is_ok(), "{rule}: the second is well");
//! }
//! assert!("hang,probability=1.5".parse::<FaultRule>().is_err());
//! assert!("on=Decrypt".parse::<FaultRule>().is_err()); // nothing happens in it
//! # Ok(()) }
//! ```
//!
//! # Every error that KMS declares
//!
//! [`KmsErrorCode::ALL`](crate::KmsErrorCode::ALL) goes through all of them, for code that has to make something of each. A loop over it
//! finds the one that was forgotten:
//!
//! ```
//! use datakey_fake_kms::{FakeKms, FaultRule, KmsErrorCode};
//! use datakey_provider::{DataKeyLength, EncryptionContext, SealingProvider as _};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let fake = FakeKms::new();
//! let provider = fake.provider(&fake.create_key()?);
//! for code in KmsErrorCode::ALL {
//!     fake.inject(FaultRule::new(*code).times(1));
//!     let error = provider.generate_data_key(&EncryptionContext::empty(), DataKeyLength::Bytes32).await.unwrap_err();
//!     assert_eq!(error.code(), Some(code.as_str()));
//! }
//! # Ok(()) }
//! ```
