//! Key ids, ARNs, aliases, replicas: which to name, and what each risks.
//!
//! # To wrap under
//!
//! [`wrapping_key`](crate::KmsProviderBuilder::wrapping_key) takes any of the four forms. An alias is the usual one: an operator can have
//! it name another key without a deployment. Whatever it is called, KMS answers the ARN of the key that it used, and that stands in the
//! wrapped key.
//!
//! # To open with
//!
//! | form | opens | risk |
//! |---|---|---|
//! | key ARN | what that key wrapped | none; the one to use |
//! | key id | what that key of the *caller's* account wrapped | another account's role means another key |
//! | alias, alias ARN | what the key that it names *now* wrapped | yesterday's messages do not open once the alias is moved; each wrapped key of the account and Region is worth a call |
//! | [`allow_multi_region_replicas`](crate::KmsProviderBuilder::allow_multi_region_replicas) | what any replica of a named multi-Region key wrapped | whoever may replicate the key makes more of them |
//! | [`danger_discovery`](crate::KmsProviderBuilder::danger_discovery) | what any key of the listed accounts wrapped | the message chooses the key |
//!
//! Several ARNs may be named. Of aliases there is one at the most, as KMS alone knows which key an alias means.
//!
//! ```
//! # #[cfg(all(feature = "default-https-client", feature = "rt-tokio"))] {
//! # use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
//! # let credentials = SharedCredentialsProvider::new(Credentials::new("AKIAEXAMPLE", "secret", None, None, "example"));
//! # let region = aws_types::region::Region::new("eu-central-1");
//! # let config = aws_types::SdkConfig::builder().region(region).credentials_provider(credentials).build();
//! use datakey_kms::KmsProvider;
//! use datakey_provider::{OpeningProvider as _, WrappedKey};
//!
//! const OLD: &str = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
//! const NEW: &str = "arn:aws:kms:eu-central-1:111122223333:key/0987dcba-09fe-87dc-65ba-ab0987654321";
//!
//! // Between two keys: seals under the new one, opens what either wrapped.
//! let kms = KmsProvider::from_sdk_config(&config).wrapping_key("alias/orders").opening_key(OLD).opening_key(NEW).build().unwrap();
//! for key in [OLD, NEW] {
//!     assert!(kms.rank(&WrappedKey::new(key, *b"opaque").unwrap()).is_some());
//! }
//! // The key id alone, as somebody might write it into a message, is no key ARN and not recognised.
//! assert!(kms.rank(&WrappedKey::new("0987dcba-09fe-87dc-65ba-ab0987654321", *b"opaque").unwrap()).is_none());
//! # }
//! ```
//!
//! # What is checked
//!
//! `Decrypt` is always told which key is expected, and the key ARN in the answer is compared. So three things must agree: what was
//! configured, what the message names, and what KMS used. A message that names one key and was wrapped under another is [not
//! authentic](crate::MalformedAnswer::NotTheNamedKey).
//!
//! # Rotation
//!
//! KMS's own rotation, by the calendar or on demand, changes the material and not the key: nothing has to be done here, and old messages
//! open. Changing to *another key* is a hand-over: readers name both, writers change, what is stored is re-encrypted, and the old key is
//! disabled for some weeks before it is deleted.
//!
//! # Revoking by name
//!
//! Caches above drop keys by whatever an operator calls the key: its ARN, its id, a replica's ARN, or the alias that the provider was built
//! with ([`sealing_key_is`](datakey_provider::SealingProvider::sealing_key_is)). Another alias of the same key is not known here, as only
//! KMS could tell.
//!
//! # Names are checked when a provider is built
//!
//! ```
//! use datakey_kms::{KeyIdForm, KmsKeyId};
//!
//! let forms = [
//!     ("1234abcd-12ab-34cd-56ef-1234567890ab", KeyIdForm::KeyId),
//!     ("mrk-1234abcd12ab34cd56ef1234567890ab", KeyIdForm::KeyId),
//!     ("arn:aws-us-gov:kms:us-gov-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab", KeyIdForm::KeyArn),
//!     ("alias/orders", KeyIdForm::AliasName),
//!     ("arn:aws:kms:eu-central-1:111122223333:alias/orders", KeyIdForm::AliasArn),
//! ];
//! for (text, form) in forms {
//!     assert_eq!(text.parse::<KmsKeyId>()?.form(), form);
//! }
//! for slip in ["orders", "Alias/orders", "arn:aws:kms:eu-central-1:1111:key/x", "1234ABCD-12AB-34CD-56EF-1234567890AB"] {
//!     assert!(slip.parse::<KmsKeyId>().is_err(), "{slip}");
//! }
//! # Ok::<(), datakey_kms::KmsKeyIdError>(())
//! ```
