//! The suite that every provider, and every wrapper around one, must pass.
//!
//! Call [`check`] from a test on any executor. Each binding has its negative twin: what was wrapped with one
//! encryption context must not open with another, an altered blob must not open, two data keys are not the same, and each
//! has the length that was asked for.
//!
//! ```
//! # use datakey_provider::{KeyProvider, conformance};
//! async fn my_provider_conforms(provider: impl KeyProvider) {
//!     conformance::check(&provider).await.expect("conforms");
//! }
//! ```
use alloc::{boxed::Box, format, string::String, vec, vec::Vec};

use crate::{
    DataKey, DataKeyLength, EncryptionContext, ErrorClass, GeneratedDataKey, KeyProvider, ProviderError,
    WrappedKey, WrappedKeys,
};

/// Which rule of the contract a provider breaks, and how.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{rule}: {detail}")]
#[non_exhaustive]
pub struct Violation {
    /// The rule, in a few words.
    pub rule: &'static str,
    /// What was seen instead.
    pub detail: String,
}

type Check<T = ()> = Result<T, Violation>;

/// Runs the whole suite against a provider that has both halves and works at the moment.
///
/// Makes about 80 calls. The provider must not be set up to throttle or fail.
///
/// # Errors
/// The first [`Violation`] found.
pub async fn check<P: KeyProvider + ?Sized>(provider: &P) -> Check {
    for context in contexts()? {
        round_trip(provider, &context).await?;
        fresh_keys(provider, &context).await?;
        wraps_given_key(provider, &context).await?;
        binds_context(provider, &context).await?;
    }
    let context = pairs(&[("tenant", "acme"), ("purpose", "orders")])?;
    for length in DataKeyLength::ALL {
        answers_the_length_asked(provider, &context, length).await?;
        wraps_each_length(provider, &context, length).await?;
    }
    refuses_altered_blobs(provider, &context).await?;
    refuses_foreign_ids(provider, &context).await?;
    survives_cancellation(provider, &context).await
}

fn contexts() -> Check<Vec<EncryptionContext>> {
    // Every service and every format takes this much.
    let long = "v".repeat(1024);
    Ok(vec![
        EncryptionContext::empty(),
        pairs(&[("tenant", "acme"), ("purpose", "orders")])?,
        pairs(&[
            ("empty value", ""),
            ("snowman", "\u{2603}"),
            ("quote\"and\\", "\u{1F511}\n"),
        ])?,
        pairs(&[("long", &long)])?,
    ])
}

fn pairs(pairs: &[(&str, &str)]) -> Check<EncryptionContext> {
    EncryptionContext::new(pairs.iter().copied())
        .map_err(|error| violation("the suite's own contexts are valid", format!("{error}")))
}

const fn violation(rule: &'static str, detail: String) -> Violation {
    Violation { rule, detail }
}

fn succeeds<T>(rule: &'static str, result: Result<T, ProviderError>) -> Check<T> {
    result.map_err(|error| violation(rule, format!("{error}: {error:?}")))
}

/// A new data key of 32 bytes, as long as it should be and wrapped as often as the provider says.
async fn generated<P: KeyProvider + ?Sized>(
    provider: &P,
    context: &EncryptionContext,
) -> Check<GeneratedDataKey> {
    let length = DataKeyLength::Bytes32;
    let made = provider.generate_data_key(context, length).await;
    let made = succeeds("generate_data_key succeeds", made)?;
    has_length(&made, length)?;
    wrapped_as_said(provider, made.wrapped_keys())?;
    Ok(made)
}

fn has_length(made: &GeneratedDataKey, length: DataKeyLength) -> Check {
    let found = made.data_key().length();
    if found == length {
        return Ok(());
    }
    Err(violation(
        "a data key has the length that was asked for",
        format!("{found} instead of {length}"),
    ))
}

fn wrapped_as_said<P: KeyProvider + ?Sized>(provider: &P, wrapped: &WrappedKeys) -> Check {
    let (said, found) = (provider.wrapped_keys_each(), wrapped.as_slice().len());
    if said == found {
        return Ok(());
    }
    Err(violation(
        "each call answers as many wrapped keys as wrapped_keys_each says",
        format!("{found} instead of {said}"),
    ))
}

/// Each length, or a refusal of one that the service does not make. All make 32 bytes.
async fn answers_the_length_asked<P: KeyProvider + ?Sized>(
    provider: &P,
    context: &EncryptionContext,
    length: DataKeyLength,
) -> Check {
    let made = match provider.generate_data_key(context, length).await {
        Err(error) if length != DataKeyLength::Bytes32 && error.class() == ErrorClass::InvalidRequest => {
            return Ok(());
        }
        made => succeeds("generate_data_key succeeds for each length", made)?,
    };
    has_length(&made, length)?;
    opens_to(provider, context, made.wrapped_keys(), made.data_key()).await
}

/// A given data key is wrapped whatever its length, and opens to as many bytes.
async fn wraps_each_length<P: KeyProvider + ?Sized>(
    provider: &P,
    context: &EncryptionContext,
    length: DataKeyLength,
) -> Check {
    let data_key = DataKey::init(length, |bytes| bytes.fill(0x96));
    let wrapped = succeeds(
        "encrypt succeeds for each length",
        provider.encrypt(context, &data_key).await,
    )?;
    opens_to(provider, context, &wrapped, &data_key).await
}

fn refuses(rule: &'static str, result: Result<DataKey, ProviderError>, classes: &[ErrorClass]) -> Check {
    match result {
        Ok(_) => Err(violation(rule, "it opened".into())),
        Err(error) if classes.contains(&error.class()) => Ok(()),
        Err(error) => Err(violation(
            rule,
            format!("expected one of {classes:?}, got {error:?}"),
        )),
    }
}

async fn opens_to<P: KeyProvider + ?Sized>(
    provider: &P,
    context: &EncryptionContext,
    wrapped: &WrappedKeys,
    data_key: &DataKey,
) -> Check {
    for key in wrapped {
        if provider.rank(key).is_none() {
            return Err(violation(
                "rank recognises what the provider wrapped",
                format!("{key:?}"),
            ));
        }
        let opened = succeeds("what was wrapped opens", provider.decrypt(context, key).await)?;
        if !opened.ct_eq(data_key) {
            return Err(violation(
                "what opens is the same data key",
                format!("another one from {key:?}"),
            ));
        }
    }
    Ok(())
}

async fn round_trip<P: KeyProvider + ?Sized>(provider: &P, context: &EncryptionContext) -> Check {
    let made = generated(provider, context).await?;
    opens_to(provider, context, made.wrapped_keys(), made.data_key()).await
}

async fn fresh_keys<P: KeyProvider + ?Sized>(provider: &P, context: &EncryptionContext) -> Check {
    let one = generated(provider, context).await?;
    let two = generated(provider, context).await?;
    if one.data_key().ct_eq(two.data_key()) {
        return Err(violation("each data key is new", "the same one twice".into()));
    }
    if [&one, &two]
        .iter()
        .any(|made| made.data_key().expose_secret().iter().all(|byte| *byte == 0))
    {
        return Err(violation("a data key is random", "all zero".into()));
    }
    Ok(())
}

async fn wraps_given_key<P: KeyProvider + ?Sized>(provider: &P, context: &EncryptionContext) -> Check {
    let data_key = DataKey::init(DataKeyLength::Bytes32, |bytes| bytes.fill(0xA5));
    let wrapped = succeeds("encrypt succeeds", provider.encrypt(context, &data_key).await)?;
    wrapped_as_said(provider, &wrapped)?;
    opens_to(provider, context, &wrapped, &data_key).await?;
    for key in &wrapped {
        if key
            .blob()
            .windows(data_key.length().bytes())
            .any(|part| part == data_key.expose_secret())
        {
            return Err(violation(
                "a wrapped key hides the data key",
                "it stands in the blob".into(),
            ));
        }
    }
    Ok(())
}

async fn binds_context<P: KeyProvider + ?Sized>(provider: &P, context: &EncryptionContext) -> Check {
    const RULE: &str = "a wrapped key opens only with its own encryption context";
    let made = generated(provider, context).await?;
    let given = DataKey::init(DataKeyLength::Bytes32, |bytes| bytes.fill(0x3C));
    let given = succeeds("encrypt succeeds", provider.encrypt(context, &given).await)?;
    for key in made.wrapped_keys().iter().chain(&given) {
        for other in neighbours(context)? {
            refuses(
                RULE,
                provider.decrypt(&other, key).await,
                &[ErrorClass::NotAuthentic],
            )?;
        }
    }
    Ok(())
}

/// Contexts that differ from the given one by as little as possible.
fn neighbours(context: &EncryptionContext) -> Check<Vec<EncryptionContext>> {
    let own: Vec<(&str, &str)> = context.iter().collect();
    let mut all = Vec::new();
    let mut more = own.clone();
    more.push(("zz-added", ""));
    all.push(pairs(&more)?);
    if let Some(((key, value), rest)) = own.split_first() {
        all.push(pairs(rest)?);
        let changed = if value.is_empty() { "x" } else { "" };
        all.push(pairs(&[&[(*key, changed)], rest].concat())?);
        let renamed = format!("{key}x");
        all.push(pairs(&[&[(renamed.as_str(), *value)], rest].concat())?);
    }
    Ok(all)
}

async fn refuses_altered_blobs<P: KeyProvider + ?Sized>(provider: &P, context: &EncryptionContext) -> Check {
    const RULE: &str = "an altered wrapped key does not open";
    let made = generated(provider, context).await?;
    for key in made.wrapped_keys() {
        let (first, last) = (0, key.blob().len().saturating_sub(1));
        for position in [first, last / 2, last] {
            let mut blob = key.blob().to_vec();
            if let Some(byte) = blob.get_mut(position) {
                *byte ^= 1;
            }
            refuses_blob(provider, context, key, blob, RULE).await?;
        }
        let cut = key.blob().get(..last).unwrap_or_default().to_vec();
        refuses_blob(provider, context, key, cut, RULE).await?;
        refuses_blob(provider, context, key, [key.blob(), &[0]].concat(), RULE).await?;
    }
    Ok(())
}

async fn refuses_blob<P: KeyProvider + ?Sized>(
    provider: &P,
    context: &EncryptionContext,
    key: &WrappedKey,
    blob: Vec<u8>,
    rule: &'static str,
) -> Check {
    let Ok(altered) = WrappedKey::new(key.key_id(), blob) else {
        return Ok(());
    };
    refuses(
        rule,
        provider.decrypt(context, &altered).await,
        &[ErrorClass::NotAuthentic],
    )
}

async fn refuses_foreign_ids<P: KeyProvider + ?Sized>(provider: &P, context: &EncryptionContext) -> Check {
    let made = generated(provider, context).await?;
    let foreign = WrappedKey::new("nobody:nothing", made.wrapped_keys().first().blob())
        .map_err(|error| violation("the suite's own key ids are valid", format!("{error}")))?;
    if provider.rank(&foreign).is_some() {
        return Err(violation(
            "rank does not recognise a foreign key id",
            "it did".into(),
        ));
    }
    refuses(
        "a foreign key id is refused",
        provider.decrypt(context, &foreign).await,
        &[ErrorClass::InvalidRequest],
    )
}

/// Polls each call once and drops it, then expects the provider to work as before.
async fn survives_cancellation<P: KeyProvider + ?Sized>(provider: &P, context: &EncryptionContext) -> Check {
    let data_key = DataKey::init(DataKeyLength::Bytes32, |bytes| bytes.fill(0x77));
    let made = generated(provider, context).await?;
    poll_once_and_drop(provider.generate_data_key(context, DataKeyLength::Bytes32)).await;
    poll_once_and_drop(provider.encrypt(context, &data_key)).await;
    poll_once_and_drop(provider.decrypt(context, made.wrapped_keys().first())).await;
    round_trip(provider, context).await
}

async fn poll_once_and_drop<T>(mut call: core::pin::Pin<Box<dyn Future<Output = T> + Send + '_>>) {
    core::future::poll_fn(|cx| {
        let _dropped_either_way = call.as_mut().poll(cx);
        core::task::Poll::Ready(())
    })
    .await;
}
