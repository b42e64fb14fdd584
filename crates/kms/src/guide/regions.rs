//! One provider for each Region, in which order they are tried, and the quotas that they count against.
//!
//! # Two ways to have more than one
//!
//! | | a multi-Region key | a key in each Region, with `Several` |
//! |---|---|---|
//! | a message carries | one wrapped key | one for each Region |
//! | sealing calls | `GenerateDataKey` in one Region | that, and `Encrypt` in each other |
//! | sealing while one is down | goes on wherever there is a replica | waits for it; a data key at hand goes on |
//! | opening | [`allow_multi_region_replicas`](crate::KmsProviderBuilder::allow_multi_region_replicas): the replica in the client's own Region | any of them |
//! | key material | the same everywhere | apart |
//!
//! ```
//! # #[cfg(all(feature = "default-https-client", feature = "rt-tokio"))] {
//! # use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
//! # let config = |region| {
//! #     let credentials = SharedCredentialsProvider::new(Credentials::new("AKIAEXAMPLE", "secret", None, None, "example"));
//! #     let region = aws_types::region::Region::new(region);
//! #     aws_types::SdkConfig::builder().region(region).credentials_provider(credentials).build()
//! # };
//! use datakey_kms::KmsProvider;
//! use datakey_provider::{OpeningProvider as _, Rank, Several, WrappedKey};
//!
//! const NEAR: &str = "arn:aws:kms:eu-central-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab";
//! const FAR: &str = "arn:aws:kms:eu-west-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab";
//!
//! let near = KmsProvider::from_sdk_config(&config("eu-central-1")).opening_key(NEAR).allow_multi_region_replicas();
//! let far = KmsProvider::from_sdk_config(&config("eu-west-1")).opening_key(FAR).allow_multi_region_replicas();
//! let both = Several::new([near.build().unwrap(), far.rank(Rank::REMOTE).build().unwrap()]).unwrap();
//! // Wherever it was sealed, the near replica is asked first, and the far one if that fails.
//! let sealed_there = WrappedKey::new(FAR, *b"opaque").unwrap();
//! assert_eq!(both.rank(&sealed_there), Some(Rank::LOCAL));
//! assert_eq!(both.providers()[1].rank(&sealed_there), Some(Rank::REMOTE));
//! # }
//! ```
//!
//! # The order
//!
//! A provider says how near it is ([`rank`](crate::KmsProviderBuilder::rank)); an alias or discovery ranks one behind, as only KMS knows
//! whether the key is the right one. That a Region throttles or does not answer is for layers above to know: the `Guarded` of
//! `datakey-retry` around each provider ranks one that failed behind the others, for 5 seconds at first and up to a minute, and the retry
//! layer's rate one whose quota is busy. So an outage of a Region costs the first messages that meet it, and one message a minute.
//!
//! # Quotas
//!
//! KMS counts all symmetric cryptographic calls of the *caller's* account in a Region together, whoever owns the keys, and other services'
//! calls on the account's behalf with them; and the calls of each custom key store besides. Each call here names what it counts against:
//!
//! | configured | quota |
//! |---|---|
//! | nothing | the Region: `eu-central-1` |
//! | [`calling_account`](crate::KmsProviderBuilder::calling_account)`("payments")` | `eu-central-1/payments` |
//! | [`custom_key_store`](crate::KmsProviderBuilder::custom_key_store)`(key, "hsm")`, for calls under that key | `eu-central-1/hsm` |
//!
//! Rates and budgets above are kept by these names. Two providers of one Region share theirs; two accounts in one process are told apart
//! where they are named.
//!
//! | Region | calls a second, by default |
//! |---|---|
//! | `us-east-1`, `us-west-2`, `eu-west-1` | 100,000 |
//! | `us-east-2`, `ap-southeast-1`, `ap-southeast-2`, `ap-northeast-1`, `eu-central-1`, `eu-west-2` | 20,000 |
//! | all others | 10,000 |
//! | each custom key store | 1,800 |
//!
//! An account's own figures are in Service Quotas. Source: "Request quotas" in the AWS KMS Developer Guide.
