//! Permissions, conditions, grants, and moving messages to another key.
//!
//! # What each call needs
//!
//! | call | permission | on |
//! |---|---|---|
//! | [`generate_data_key`](datakey_provider::SealingProvider::generate_data_key) | `kms:GenerateDataKey` | the wrapping key |
//! | [`encrypt`](datakey_provider::SealingProvider::encrypt), which `Several` makes with all but its first provider | `kms:Encrypt` | the wrapping key |
//! | [`decrypt`](datakey_provider::OpeningProvider::decrypt) | `kms:Decrypt` | the opening keys |
//! | [`re_encrypt`](crate::KmsProvider::re_encrypt), [`rewrap`](datakey_provider::ControlProvider::rewrap) | `kms:ReEncryptFrom` and `kms:ReEncryptTo` | source and destination |
//! | [`generate_data_key_without_plaintext`](datakey_provider::ControlProvider::generate_data_key_without_plaintext) | `kms:GenerateDataKeyWithoutPlaintext` | the wrapping key |
//! | [`warm_up`](crate::KmsProvider::warm_up) | what the provider has anyway: it asks by dry runs of the same operations | |
//!
//! No `kms:DescribeKey`, and no `kms:*`. A sealing service whose role has no `kms:Decrypt` cannot read what it has sealed, once its data
//! keys are gone.
//!
//! # Conditions
//!
//! A policy can ask for pairs of the encryption context. So one key may serve several purposes, and a role one of them:
//!
//! ```json
//! {
//!   "Effect": "Allow",
//!   "Action": "kms:Decrypt",
//!   "Resource": "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
//!   "Condition": {
//!     "StringEquals": { "kms:EncryptionContext:purpose": "orders" },
//!     "ForAllValues:StringEquals": { "kms:EncryptionContextKeys": ["tenant", "purpose"] }
//!   }
//! }
//! ```
//!
//! The second condition refuses contexts with other pairs beside these. Permissions on an alias are none: a policy names key ARNs, and the
//! key policy has to leave the decision to the account, or name the roles itself.
//!
//! # Grants
//!
//! A grant works in place of a policy. Until it has spread, which takes up to five minutes, its token makes it count: hand it to
//! [`grant_tokens`](crate::KmsProviderBuilder::grant_tokens). A token that is wrong is an [invalid
//! request](datakey_provider::ErrorClass::InvalidRequest) that says nothing of the key.
//!
//! # Finding out on the day of the deployment
//!
//! [`warm_up`](crate::KmsProvider::warm_up) asks KMS whether this role may use these keys with this context, makes no data key, and costs
//! two calls. A denial there is the deployment's; without it, the first order is who finds out.
//!
//! ```no_run
//! use datakey_kms::KmsProvider;
//! use datakey_provider::{EncryptionContext, ErrorClass};
//!
//! async fn start(kms: &KmsProvider) -> Result<(), Box<dyn std::error::Error>> {
//!     let context = EncryptionContext::new([("tenant", "acme"), ("purpose", "orders")])?;
//!     match kms.warm_up(&context).await {
//!         Ok(()) => Ok(()),
//!         // A policy, a key: nobody should take traffic with that.
//!         Err(error) if !error.is_retryable() => Err(error.into()),
//!         // KMS is away for the moment: start, and let the layers above deal with it.
//!         Err(error) if error.class() != ErrorClass::Unauthenticated => Ok(()),
//!         Err(error) => Err(error.into()),
//!     }
//! }
//! ```
//!
//! # Moving messages without reading them
//!
//! A role with the two `ReEncrypt` permissions wraps data keys anew without ever having one. It cannot tell which of a message's wrapped
//! keys holds its data key, so it wraps each of them; a reader can tell, by the message's commitment.
//!
//! # Testing roles
//!
//! `datakey-fake-kms` decides by key policies, policies of principals and grants as KMS does, conditions included, and refuses documents
//! that it would decide wrongly. Put the policies of production into its principals, and let each role try what the others may do.
