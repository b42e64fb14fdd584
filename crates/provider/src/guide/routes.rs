//! Several Regions, accounts or services: which of them wraps, which is asked to open, and what a failure of one is to the others.
//!
//! # One wrapped key, or several
//!
//! A message carries one wrapped key or more, each of which opens to the same data key. More than one is for readers that do not have the
//! same service: another Region in which to open while the first is dark, another account that messages are handed over to, a break-glass
//! key in a drawer.
//!
//! | want | do |
//! |---|---|
//! | open in another Region while one is down | seal under a key that is *replicated* (with AWS KMS, a multi-Region key): one wrapped key, which each Region opens |
//! | the same without replicated keys | [`Several`](crate::Several) seals under a key of each Region; sealing then needs all of them |
//! | hand messages over to another owner | seal under both owners' keys, or have the wrapped key re-encrypted |
//! | read what an old key sealed, write under the new one | a provider that seals with the new and opens with both; most have a setting for that |
//! | refuse some of the keys that a provider opens with | [`OnlyUnder`](crate::OnlyUnder) |
//!
//! # Sealing under several
//!
//! The first makes the data key, the others wrap it, one after the other, and all must succeed. A message that lacks a Region would be
//! found out on the day when that Region is needed. The price is that sealing is as available as the least available of them, which a cache
//! of data keys makes up for as long as its keys last.
//!
//! ```
//! use std::sync::Arc;
//! use datakey_provider::{Several, SealingProvider};
//!
//! /// How many wrapped keys each message will have: to be compared with what its format holds.
//! fn wrapped_keys(near: Arc<dyn SealingProvider>, far: Arc<dyn SealingProvider>) -> usize {
//!     Several::new([near, far]).map_or(0, |both| both.wrapped_keys_each())
//! }
//! # let _ = wrapped_keys;
//! assert!(Several::<Arc<dyn SealingProvider>>::new([]).is_err()); // of none there is nothing to be made
//! ```
//!
//! # Opening: ranks
//!
//! Each provider says by a [`Rank`](crate::Rank), from the key id alone, whether a wrapped key is its own and how near it is. The lowest is
//! asked first.
//!
//! | rank | meaning |
//! |---|---|
//! | [`LOCAL`](crate::Rank::LOCAL), 0 | this process, host or Region |
//! | [`REMOTE`](crate::Rank::REMOTE), 64 | another Region or account: slower, or at a price |
//! | from [`BUSY`](crate::Rank::BUSY), 0x4000 | a quota that throttles at the moment |
//! | from [`UNHEALTHY`](crate::Rank::UNHEALTHY), 0x8000 | has failed and not answered since |
//!
//! The two tiers keep the order of before within themselves, so that of two Regions which are both down the nearer one is tried first. A
//! provider gives ranks of the first tier alone; that something is busy or down is known to layers above, which add to it:
//!
//! ```
//! use datakey_provider::Rank;
//!
//! let mut ways = [("near, down", Rank::LOCAL.unhealthy()), ("far", Rank::REMOTE), ("far, throttled", Rank::REMOTE.busy())];
//! ways.sort_by_key(|(_, rank)| *rank);
//! assert_eq!(ways.map(|(name, _)| name), ["far", "far, throttled", "near, down"]);
//! ```
//!
//! What is busy or down is asked last and not left out: if nothing better opens the message, it is tried.
//!
//! # The first that opens
//!
//! [`Several`](crate::Several) asks one after the other and answers the first success. It has no clock, so it does not ask the next one
//! because the first is slow; a keyring does that with the wrapped keys of a message (`hedge_delay`), and the attempt timeout of a retry
//! layer ends a call that hangs.
//!
//! Where a message has several wrapped keys, that one *opens* does not say that it is the message's: whoever stores messages can put
//! another message's wrapped key there. A format with a commitment tells, and the next one is tried; `OpeningKeyring::open_with` of
//! `datakey-keyring` does so.
//!
//! # Quotas and outages of one are not those of another
//!
//! Every call has a [`Scope`](crate::Scope): the quota that it counts against, and the key that it is made under. Layers above keep rates
//! and budgets by quota, and breakers by key. So a throttle in one Region slows calls to that one, and an external key store that is down
//! fails the calls under its keys. A provider that names no quota shares one without a name with all others that do not.
//!
//! ```
//! use datakey_provider::Scope;
//!
//! let in_ireland = Scope { quota: "eu-west-1", key: "arn:aws:kms:eu-west-1:111122223333:key/a" };
//! let in_virginia = Scope { quota: "us-east-1", key: "arn:aws:kms:us-east-1:111122223333:key/b" };
//! assert_ne!(in_ireland.quota, in_virginia.quota); // two rates
//! assert_eq!(Scope::of_key("local:dev").quota, Scope::default().quota); // one, without a name
//! ```
//!
//! Of several ways to open one wrapped key, the one whose quota is busy is asked last. Who knows that is the layer that paces calls, and
//! who knows the ways is the provider beneath: the former passes a [`Traffic`](crate::Traffic) down with the call, and the latter tells it
//! of each way that failed before another one answered. A throttle that was made good by another Region is thus not forgotten.
//!
//! # Trusting some keys less
//!
//! That a message opened under some wrapping key proves that whoever made it could use that key, and no more. A reader with two keys, one
//! of which is shared with a partner, should not take a message under the shared key for one of its own:
//!
//! ```
//! use datakey_provider::{OnlyUnder, OpeningProvider};
//!
//! const OWN: &str = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
//!
//! fn of_our_own(kms: impl OpeningProvider) -> impl OpeningProvider {
//!     OnlyUnder::new(kms, [OWN]) // what the partner's key wrapped has no rank here
//! }
//! # use datakey_provider::*;
//! # struct Any;
//! # #[async_trait]
//! # impl OpeningProvider for Any {
//! #     fn rank(&self, _: &WrappedKey) -> Option<Rank> { Some(Rank::LOCAL) }
//! #     async fn decrypt(&self, _: &EncryptionContext, _: &WrappedKey) -> Result<DataKey, ProviderError> {
//! #         Err(ProviderError::new(ErrorClass::Transient, Operation::Decrypt))
//! #     }
//! # }
//! let partners = WrappedKey::new("arn:aws:kms:eu-central-1:444455556666:key/1234abcd-12ab-34cd-56ef-1234567890ab", *b"x")?;
//! assert_eq!(of_our_own(Any).rank(&partners), None);
//! assert_eq!(of_our_own(Any).rank(&WrappedKey::new(OWN, *b"x")?), Some(Rank::LOCAL));
//! # Ok::<(), WrappedKeyError>(())
//! ```
//!
//! # Moving messages to another key
//!
//! A wrapped key is replaced without touching what it protects: the service re-encrypts it
//! ([`ControlProvider::rewrap`](crate::ControlProvider::rewrap)), and the format puts the new one in the old one's place. The order in
//! which a fleet moves:
//!
//! 1. Readers open under both keys.
//! 2. Writers seal under the new one.
//! 3. What is stored is re-wrapped, at whatever pace the quota allows.
//! 4. Readers open under the new one alone, and the old one is disabled for some weeks before it is deleted.
