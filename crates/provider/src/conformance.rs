//! The suite that every provider, and every wrapper around one, must pass.
//!
//! Call [`check`] from a test, on any executor. Each binding has its negative twin: what was wrapped with one
//! encryption context must not open with another, an altered blob must not open, nor one under another key's id.
//!
//! ```
//! # use datakey_provider::{KeyProvider, conformance};
//! async fn my_provider_conforms(provider: impl KeyProvider) {
//!     conformance::check(&provider).await.expect("conforms");
//! }
//! ```
//!
//! | rule | which flawed providers it finds, beside those that fail |
//! |---|---|
//! | each data key is new, random, and as long as was asked for | one key for all, a few in turn, counters, constants, text |
//! | a given data key is wrapped, and hidden | it stands in the blob |
//! | a wrapped key opens only with its own encryption context | which binds no pair, or not each; joins pairs without saying where they end; ignores letter case, spaces, or how a letter is spelt |
//! | an altered wrapped key does not open | which authenticates a part of the blob; takes a piece of it, or more than it |
//! | a wrapped key opens only under the id of its own wrapping key | which looks at the beginning of the id, or not at all |
//! | [`rank`](crate::OpeningProvider::rank) is for what may be opened | which ranks what it refuses, or refuses what it ranks |
//! | calls at once answer as calls one by one, and cancelled ones change nothing | which keeps something of a call in a place that calls share |
//!
//! No test finds a provider whose keys only look random, or one that binds to a digest which collides. What is left to its author is
//! where random bytes come from (the operating system, or the service), and which cipher wraps.
//!
//! # When it finds something
//!
//! | the rule that is broken | where to look |
//! |---|---|
//! | a wrapped key opens only with its own encryption context | is the context in the request at all, and whole? If it is one text: with lengths, or with marks that a text can contain? Compared by bytes, or by a database that ignores case? |
//! | an altered wrapped key does not open | does the cipher authenticate every byte, and is the blob as long as it must be? What comes after the end? |
//! | a wrapped key opens only under the id of its own wrapping key | is the key that is configured named in the request, and the one that answered compared? |
//! | rank recognises only what decrypt does not refuse as foreign | the two ask different lists |
//! | each data key is new, or random | a cache beneath the provider, a test's seed, a counter |
//! | calls made at once answer as calls made one by one | a buffer, a connection or a "current key" that calls share; an answer that is matched to the wrong request |
//! | each call answers as many wrapped keys as `wrapped_keys_each` says | a layer that does not pass it on |
//! | a key is named by its own id | a layer that does not pass `sealing_key_is` or `opening_key_is` on |
//!
//! # What it needs
//!
//! A provider with both halves that works at the moment, and no more than that: no particular executor, clock or network. A provider of
//! which a service has one half only is tried in the tests of its crate, with both.
//!
//! It is deterministic, but for what the provider draws at random. Against a real service it costs its calls, and takes as long as they do;
//! those that are made at once are some twenty. Run it once for each way in which a provider is configured: with an alias, with several
//! keys, in discovery, around each layer.
mod alike;
mod at_once;
mod binding;
mod blobs;
mod contexts;
mod ids;
mod lengths;
mod random;
mod tried;
mod violation;

use tried::Tried;
pub use violation::Violation;

use crate::KeyProvider;

/// Runs the whole suite against a provider that has both halves and works at the moment.
///
/// Makes about 220 calls of a provider that answers one wrapped key each time, some of them at once. The provider must not be set
/// up to throttle or fail.
///
/// # Errors
/// The first [`Violation`] found.
pub async fn check<P: KeyProvider + ?Sized>(provider: &P) -> Result<(), Violation> {
    let mut tried = Tried::new(provider);
    for context in contexts::plain()? {
        binding::wraps_and_binds(&mut tried, &context).await?;
    }
    let context = contexts::orders()?;
    binding::tells_look_alikes_apart(&mut tried).await?;
    lengths::each_length(provider, &context).await?;
    blobs::refuses_altered(&mut tried, &context).await?;
    ids::keeps_to_its_ids(&mut tried, &context).await?;
    at_once::answers_calls_at_once(&mut tried).await?;
    at_once::survives_cancellation(&mut tried, &context).await?;
    random::are_random(tried.made())
}
