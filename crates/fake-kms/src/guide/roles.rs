//! Who is let do what: policies as they will stand in production, tried before they do.
//!
//! A policy that allows too little is found on the day of its rollout, and one that allows too much is not found at all. Both are
//! questions for a test: write the key policy and the policies of the roles down, add a [`Principal`](crate::Principal) for each role, and
//! let each try what it must and what it must not do.
//!
//! # A sealer that cannot open
//!
//! ```
//! use datakey_fake_kms::{FakeKms, KmsContext, KmsErrorCode, Principal};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let fake = FakeKms::new();
//! let key = fake.create_key()?;
//! for (access_key, role, action) in [("AKIASHOP", "shop", "kms:GenerateDataKey"), ("AKIABILLING", "billing", "kms:Decrypt")] {
//!     let arn = format!("arn:aws:iam::111122223333:role/{role}");
//!     let policy = format!(r#"{{"Statement": {{"Effect": "Allow", "Action": "{action}", "Resource": "{key}"}}}}"#);
//!     fake.add_principal(Principal::new(access_key, "a secret", &arn)?.with_policy(&policy)?);
//! }
//! let (shop, billing) = (fake.acting_as("AKIASHOP")?, fake.acting_as("AKIABILLING")?);
//! let context = KmsContext::default();
//! let made = shop.generate_data_key(&key, &context, 32).await?;
//! assert!(billing.decrypt(None, &context, &made.ciphertext).await.is_ok());
//!
//! // And not the other way round.
//! let refused = [
//!     shop.decrypt(None, &context, &made.ciphertext).await.map(drop),
//!     billing.generate_data_key(&key, &context, 32).await.map(drop),
//! ];
//! assert!(refused.iter().all(|call| call.as_ref().is_err_and(|error| error.code() == Some(KmsErrorCode::AccessDenied))));
//! # Ok(()) }
//! ```
//!
//! # Who decides
//!
//! As in KMS: a `Deny` anywhere; otherwise the key policy, where it names the principal; otherwise the principal's own policy, where the
//! key policy leaves it to the account; and grants. A key that was given no policy has the one that KMS gives: it leaves all to the
//! account. A principal without a policy has that of an administrator, so a test that forgot one passes too easily: give each role its own.
//!
//! ```
//! use datakey_fake_kms::{FakeKms, KmsContext, NewKey, Principal};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let fake = FakeKms::new();
//! // A key policy that names one role, and does not leave the rest to the account.
//! let key = fake.create_key()?;
//! fake.put_key_policy(&key, r#"{"Version": "2012-10-17", "Statement": {
//!     "Effect": "Allow",
//!     "Principal": {"AWS": "arn:aws:iam::111122223333:role/shop"},
//!     "Action": "kms:*",
//!     "Resource": "*"
//! }}"#)?;
//! fake.add_principal(Principal::new("AKIASHOP", "secret", "arn:aws:iam::111122223333:role/shop")?);
//! fake.add_principal(Principal::new("AKIAADMIN", "secret", "arn:aws:iam::111122223333:role/admin")?); // may do all, elsewhere
//! assert!(fake.acting_as("AKIASHOP")?.encrypt(&key, &KmsContext::default(), b"x").await.is_ok());
//! assert!(fake.acting_as("AKIAADMIN")?.encrypt(&key, &KmsContext::default(), b"x").await.is_err());
//! # let _ = NewKey::new();
//! # Ok(()) }
//! ```
//!
//! # Conditions on the encryption context
//!
//! The reason to have one: a role that serves a tenant opens what is that tenant's. The test tries the neighbour's, and no context at all:
//!
//! ```
//! use datakey_fake_kms::{FakeKms, KmsContext, Principal};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let fake = FakeKms::new();
//! let key = fake.create_key()?;
//! let role = Principal::new("AKIAACME", "secret", "arn:aws:iam::111122223333:role/acme")?.with_policy(
//!     r#"{"Statement": {
//!         "Effect": "Allow",
//!         "Action": ["kms:GenerateDataKey", "kms:Decrypt"],
//!         "Resource": "*",
//!         "Condition": {"StringEquals": {"kms:EncryptionContext:tenant": "acme"}}
//!     }}"#,
//! )?;
//! fake.add_principal(role);
//! let role = fake.acting_as("AKIAACME")?;
//! assert!(role.generate_data_key(&key, &KmsContext::new([("tenant", "acme")])?, 32).await.is_ok());
//! assert!(role.generate_data_key(&key, &KmsContext::new([("tenant", "umbrella")])?, 32).await.is_err());
//! assert!(role.generate_data_key(&key, &KmsContext::default(), 32).await.is_err());
//! # Ok(()) }
//! ```
//!
//! # What it cannot judge it refuses
//!
//! A condition that is skipped lets through what it must not, and an action that does not exist allows nothing. So a policy with either is
//! refused when it is given, with what is the matter, and not in silence when it matters:
//!
//! ```
//! use datakey_fake_kms::{FakeKms, KmsErrorCode, Principal};
//!
//! let role = || Principal::new("AKIAX", "secret", "arn:aws:iam::111122223333:role/x");
//! let no_such_action = r#"{"Statement": {"Effect": "Allow", "Action": "kms:Unwrap", "Resource": "*"}}"#;
//! assert!(role()?.with_policy(no_such_action).is_err());
//! let no_such_condition = r#"{"Statement": {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": "*",
//!     "Condition": {"MoonPhase": {"kms:EncryptionContext:tenant": "acme"}}}}"#;
//! let refused = role()?.with_policy(no_such_condition).unwrap_err();
//! assert!(refused.to_string().contains("MoonPhase"));
//!
//! let fake = FakeKms::new();
//! let refused = fake.put_key_policy(&fake.create_key()?, "{").unwrap_err();
//! assert_eq!(refused.code(), KmsErrorCode::MalformedPolicy);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # A right that is taken away
//!
//! While a service runs, a policy is changed. What it has in its cache goes on, and its next call is denied: for good, so nothing should
//! try again.
//!
//! ```
//! use datakey_fake_kms::{FakeKms, KmsContext, Principal};
//! use datakey_provider::{DataKeyLength, EncryptionContext, ErrorClass, SealingProvider as _};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let fake = FakeKms::new();
//! let key = fake.create_key()?;
//! fake.add_principal(Principal::new("AKIASHOP", "secret", "arn:aws:iam::111122223333:role/shop")?);
//! let service = fake.acting_as("AKIASHOP")?.provider(&key);
//! let context = EncryptionContext::empty();
//! service.generate_data_key(&context, DataKeyLength::Bytes32).await?;
//! fake.put_key_policy(&key, r#"{"Statement": [
//!     {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:root"}, "Action": "kms:*", "Resource": "*"},
//!     {"Effect": "Deny", "Principal": {"AWS": "arn:aws:iam::111122223333:role/shop"}, "Action": "kms:*", "Resource": "*"}
//! ]}"#)?;
//! let denied = service.generate_data_key(&context, DataKeyLength::Bytes32).await.unwrap_err();
//! assert_eq!((denied.class(), denied.is_retryable()), (ErrorClass::Denied, false));
//! # Ok(()) }
//! ```
//!
//! # Who was it
//!
//! The ledger names the caller of each call by its ARN; the owner of the fake, whose handle acts as nobody, has none.
//!
//! ```
//! use datakey_fake_kms::{FakeKms, Principal};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let fake = FakeKms::new();
//! fake.add_principal(Principal::new("AKIASHOP", "secret", "arn:aws:iam::111122223333:role/shop")?);
//! fake.generate_random(8).await?;
//! fake.acting_as("AKIASHOP")?.generate_random(8).await?;
//! let callers: Vec<_> = fake.ledger().entries().into_iter().map(|call| call.caller).collect();
//! assert_eq!(callers, [None, Some("arn:aws:iam::111122223333:role/shop".into())]);
//! # Ok(()) }
//! ```
