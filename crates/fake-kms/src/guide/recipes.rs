//! Whole tests: a failover, a hand-over of keys, an incident, an hour of chance, a tool that is not one's own.
//!
//! Each is a test as it might stand in a service's suite, with the service made small. What they have in common: the fake is set up with
//! what the test is about, the code under test knows nothing of it, and the ledger says whether what came out came out for the right
//! reason.
//!
//! # A failover that is one
//!
//! "It still opens when the Region is down" is half of the claim. The other half is that the far Region was not asked while the near one
//! was well, since that costs time and money every day:
//!
//! ```
//! use datakey_fake_kms::{FakeKms, FakeKmsProvider, FaultRule, KmsErrorCode, NewKey};
//! use datakey_provider::{DataKey, DataKeyLength, EncryptionContext, OpeningProvider as _, ProviderError, SealingProvider as _, WrappedKey};
//!
//! /// The code under test: near first, then far.
//! async fn open(near: &FakeKmsProvider, far: &FakeKmsProvider, wrapped: &WrappedKey) -> Result<DataKey, ProviderError> {
//!     let context = EncryptionContext::empty();
//!     match near.decrypt(&context, wrapped).await {
//!         Err(error) if error.is_retryable() => far.decrypt(&context, wrapped).await,
//!         answered => answered,
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let here = FakeKms::builder().region("eu-central-1").build()?;
//! let there = here.in_region("eu-west-1")?;
//! let key = here.create_key_with(&NewKey::new().multi_region())?;
//! let replica = here.replicate_key(&key, "eu-west-1")?;
//! let near = here.provider(&key);
//! let made = near.generate_data_key(&EncryptionContext::empty(), DataKeyLength::Bytes32).await?;
//! let wrapped = made.wrapped_keys().first();
//! // The far Region has the material under its own ARN, and takes only what names that.
//! let far_wrapped = WrappedKey::new(&*replica, wrapped.blob().to_vec())?;
//! let far = there.provider(&replica);
//!
//! assert!(open(&near, &far, wrapped).await.is_ok());
//! assert_eq!(there.ledger().calls(), 0); // not asked while all is well
//! here.inject(FaultRule::new(KmsErrorCode::Internal));
//! assert!(open(&near, &far, wrapped).await.is_err()); // found by this test: the far one refuses the near one's ARN
//! assert!(far.decrypt(&EncryptionContext::empty(), &far_wrapped).await.is_ok());
//! # Ok(()) }
//! ```
//!
//! The last but one line is why such tests are written. `allow_multi_region_replicas` of `datakey-kms`, beneath a `Several`, does that part.
//!
//! # From one key to the next
//!
//! New messages under the new key from today on, old ones until they are gone, and then the old key is disabled. The test plays all three
//! days, and the last of them shows who still holds something old:
//!
//! ```
//! use datakey_fake_kms::FakeKms;
//! use datakey_provider::{DataKeyLength, EncryptionContext, OpeningProvider as _, SealingProvider as _};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let fake = FakeKms::new();
//! let (old, new) = (fake.create_key()?, fake.create_key()?);
//! let context = EncryptionContext::empty();
//! let before = fake.provider(&old).generate_data_key(&context, DataKeyLength::Bytes32).await?;
//!
//! let service = fake.provider(&new).with_opening_key(&old);
//! let after = service.generate_data_key(&context, DataKeyLength::Bytes32).await?;
//! assert_eq!(after.wrapped_keys().first().key_id(), &*new);
//! assert!(service.decrypt(&context, before.wrapped_keys().first()).await.is_ok());
//!
//! fake.disable_key(&old)?;
//! assert!(service.decrypt(&context, after.wrapped_keys().first()).await.is_ok());
//! assert!(service.decrypt(&context, before.wrapped_keys().first()).await.is_err());
//! # Ok(()) }
//! ```
//!
//! # An incident, minute by minute
//!
//! Rules with windows are a script: slow, then failing, then down, then back. Played on a paused clock it takes milliseconds. As text it is
//! a file that an operator writes after an incident, so that the next version is tried on it:
//!
//! ```
//! use datakey_fake_kms::{FakeKms, FaultRule};
//!
//! let incident = "
//!     delay=800ms,from=60s,until=120s
//!     error=KMSInternalException,from=120s,until=180s,probability=0.5
//!     hang,from=180s,until=420s
//!     error=ThrottlingException,from=420s,until=450s
//! ";
//! let fake = FakeKms::new();
//! let rules: Vec<FaultRule> = incident.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::parse).collect::<Result<_, _>>()?;
//! assert_eq!(rules.len(), 4);
//! for rule in rules {
//!     fake.inject(rule);
//! }
//! # Ok::<(), datakey_fake_kms::ParseError>(())
//! ```
//!
//! # By chance, with what must hold
//!
//! A run with failures of every kind by chance has no expected result but invariants: what was answered opens, what is refused is refused
//! with a class, and no answer is for another context. Print the seed, so that a failure is played again:
//!
//! ```
//! use datakey_fake_kms::{FakeKms, FaultRule};
//! use datakey_provider::{DataKeyLength, EncryptionContext, OpeningProvider as _, SealingProvider as _};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let seed = 7; // of the environment, or drawn and printed
//! let fake = FakeKms::builder().seed(seed).build()?;
//! for fault in ["drop", "garbage", "cut", "page=502", "error=KMSInternalException", "error=ThrottlingException"] {
//!     fake.inject(format!("{fault},probability=0.05").parse::<FaultRule>()?);
//! }
//! let provider = fake.provider(&fake.create_key()?);
//! let (mut made, mut failed) = (Vec::new(), 0);
//! for number in 0..200_u32 {
//!     let context = EncryptionContext::new([("number", number.to_string())])?;
//!     match provider.generate_data_key(&context, DataKeyLength::Bytes32).await {
//!         Ok(data_key) => made.push((context, data_key)),
//!         Err(error) => failed += u32::from(error.is_retryable()),
//!     }
//! }
//! assert_eq!(made.len() + failed as usize, 200, "seed {seed}: each failure can be tried again");
//! fake.clear_faults();
//! for (context, data_key) in &made {
//!     let opened = provider.decrypt(context, data_key.wrapped_keys().first()).await?;
//!     assert!(opened.ct_eq(data_key.data_key()), "seed {seed}");
//! }
//! # Ok(()) }
//! ```
//!
//! # A tool that is not one's own
//!
//! What does it call, with which context, and which rights does it need? Run it against the server and read the ledger: the operations that
//! it asked for are the actions of its policy, and no others.
//!
//! ```
//! use std::collections::BTreeSet;
//! use datakey_fake_kms::{FakeKms, KmsContext};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let tool = async |fake: &FakeKms, key: &str| {
//! #     fake.describe_key(key).await?;
//! #     let made = fake.encrypt(key, &KmsContext::default(), b"x").await?;
//! #     fake.decrypt(None, &KmsContext::default(), &made.ciphertext).await.map(drop)
//! # };
//! let fake = FakeKms::new();
//! let key = fake.create_key()?;
//! tool(&fake, &key).await?;
//! let entries = fake.ledger().entries();
//! let needs: BTreeSet<String> = entries.iter().map(|call| format!("kms:{}", call.operation)).collect();
//! assert_eq!(needs.into_iter().collect::<Vec<_>>(), ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt"]);
//! // It sends no context: a policy that asks for one would stop it.
//! assert!(entries.iter().all(|call| call.context.is_empty()));
//! # Ok(()) }
//! ```
