//! What is recorded: counts that many threads add to, and what no caller is told, told through `tracing`: an error that
//! somebody is handed is not logged too.
//!
//! | event | level | when |
//! |---|---|---|
//! | `datakey.keyring.refresh_failed` | warn | a load in the background failed; the live key goes on serving |
//! | `datakey.keyring.revoked` | warn | live keys were dropped because of what the provider said of key or context |
//! | `datakey.keyring.contexts_look_per_record` | warn | most new contexts were used once |
//! | `datakey.keyring.swept` | debug | idle keys were wiped |
//!
//! And each load has a span, `datakey.keyring.load` (debug), with the half, the context in the same words, and the outcome: `ok`, the class
//! of the failure, or `dropped` where its time was over or nobody wanted it any more.
//!
//! The first two events and the spans name the context by the keys of its pairs, and by the start of its digest, which tells two with the same keys apart.
//! Its values are told where the builder was told so: they are no secrets, and may be nobody else's business.
#![cfg_attr(
    not(feature = "tracing"),
    expect(dead_code, unused_variables, reason = "told to nobody")
)]

#[cfg(feature = "tracing")]
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};

use datakey_loads::Because;
use datakey_provider::{EncryptionContext, ErrorClass, ProviderError};

use super::miss::{MissReason, Misses, StaleServes};
use crate::{
    error::KeyringError,
    kept::handle::{STRIPES, stripe},
};

/// A count that slow paths add to. Guards no other memory.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, amount: u64) {
        self.0.fetch_add(amount, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A cache line of its own, on processors that fetch lines in pairs too.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Line(AtomicU64);

/// A count that the hot path adds to: threads add to different cache lines.
#[derive(Debug, Default)]
pub(crate) struct Striped([Line; STRIPES]);

impl Striped {
    pub(crate) fn add(&self, amount: u64) {
        if let Some(line) = self.0.get(stripe()) {
            line.0.fetch_add(amount, Ordering::Relaxed);
        }
    }

    pub(crate) fn get(&self) -> u64 {
        self.0
            .iter()
            .map(|line| line.0.load(Ordering::Relaxed))
            .fold(0, u64::wrapping_add)
    }
}

/// Misses by reason.
#[derive(Debug, Default)]
pub(crate) struct MissCounters([Counter; MissReason::ALL.len()]);

impl MissCounters {
    pub(crate) fn add(&self, reason: MissReason) {
        if let Some(counter) = self.0.get(reason.index()) {
            counter.add(1);
        }
    }

    pub(crate) fn snapshot(&self) -> Misses {
        Misses(std::array::from_fn(|index| {
            self.0.get(index).map_or(0, Counter::get)
        }))
    }
}

/// What one half of the keyring counts.
#[derive(Debug, Default)]
pub(crate) struct HalfCounters {
    pub(crate) hits: Striped,
    pub(crate) misses: MissCounters,
    pub(crate) loads: Counter,
    pub(crate) shared_waits: Counter,
    pub(crate) failures: Counter,
    pub(crate) superseded: Counter,
}

/// The class under which a key that serves past its soft age does so.
pub(crate) const fn class(because: Because<ErrorClass>) -> ErrorClass {
    match because {
        Because::Fails(class) => class,
        Because::Slow => ErrorClass::Timeout,
    }
}

/// Keys served past their soft age, by what the provider last answered.
#[derive(Debug, Default)]
pub(crate) struct StaleCounters {
    throttled: Counter,
    transient: Counter,
    timeout: Counter,
    unauthenticated: Counter,
    other: Counter,
}

impl StaleCounters {
    pub(crate) fn add(&self, because: Because<ErrorClass>) {
        match class(because) {
            ErrorClass::Throttled => self.throttled.add(1),
            ErrorClass::Timeout => self.timeout.add(1),
            ErrorClass::Transient => self.transient.add(1),
            ErrorClass::Unauthenticated => self.unauthenticated.add(1),
            _ => self.other.add(1),
        }
    }

    pub(crate) fn snapshot(&self) -> StaleServes {
        StaleServes {
            throttled: self.throttled.get(),
            transient: self.transient.get(),
            timeout: self.timeout.get(),
            unauthenticated: self.unauthenticated.get(),
            other: self.other.get(),
        }
    }
}

/// Watches for contexts that look as if there were one for each record.
///
/// Contexts that were not seen before are counted in windows. A window in which there were fewer hits than new contexts
/// says that most keys were used once.
#[derive(Debug, Default)]
pub(crate) struct Cardinality {
    new_contexts: Counter,
    hits_at_window: Counter,
    looks_per_record: std::sync::atomic::AtomicBool,
}

/// New contexts per window.
const WINDOW: u64 = 256;

impl Cardinality {
    pub(crate) fn saw_new_context(&self, hits: impl FnOnce() -> u64) {
        let seen = self
            .new_contexts
            .0
            .fetch_add(1, Ordering::Relaxed)
            .wrapping_add(1);
        if seen.is_multiple_of(WINDOW) {
            let hits = hits();
            let before = self.hits_at_window.0.swap(hits, Ordering::Relaxed);
            let looks = hits.wrapping_sub(before) < WINDOW;
            if !self.looks_per_record.swap(looks, Ordering::Relaxed) && looks {
                contexts_look_per_record();
            }
        }
    }

    pub(crate) fn looks_per_record(&self) -> bool {
        self.looks_per_record.load(Ordering::Relaxed)
    }
}

/// Requests beyond the calls made.
pub(crate) fn avoided(hits: u64, misses: &Misses, calls_made: u64) -> u64 {
    hits.wrapping_add(misses.total()).saturating_sub(calls_made)
}

/// How a keyring speaks of its keys.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Voice {
    /// Which half it is.
    pub(crate) half: &'static str,
    /// Whether contexts are told with their values.
    pub(crate) values: bool,
}

impl Voice {
    /// A load in the background failed.
    pub(crate) fn refresh_failed(self, context: &EncryptionContext, error: &KeyringError) {
        #[cfg(feature = "tracing")]
        tracing::warn!(
            name: "datakey.keyring.refresh_failed",
            half = self.half,
            context = %Named(self, context),
            digest = %Start(context.digest()),
            error = %error,
            "a key was not replaced in the background and goes on serving"
        );
    }

    pub(crate) fn revoked(self, context: &EncryptionContext, error: &KeyringError) {
        #[cfg(feature = "tracing")]
        tracing::warn!(
            name: "datakey.keyring.revoked",
            half = self.half,
            context = %Named(self, context),
            digest = %Start(context.digest()),
            error = %error,
            "a live key was dropped"
        );
    }

    /// What loads a key, in a span of its own.
    pub(crate) async fn loads<T>(
        self,
        context: &EncryptionContext,
        load: impl Future<Output = Result<T, ProviderError>>,
    ) -> Result<T, ProviderError> {
        #[cfg(feature = "tracing")]
        {
            use tracing::Instrument as _;
            let span = tracing::debug_span!(
                "datakey.keyring.load",
                half = self.half,
                context = %Named(self, context),
                digest = %Start(context.digest()),
                outcome = tracing::field::Empty,
            );
            let outcome = "dropped";
            let mut within = LoadSpan { span, outcome };
            let loaded = load.instrument(within.span.clone()).await;
            within.outcome = loaded
                .as_ref()
                .map_or_else(|error| error.class().as_str(), |_| "ok");
            loaded
        }
        #[cfg(not(feature = "tracing"))]
        load.await
    }

    pub(crate) fn swept(self, keys: usize) {
        #[cfg(feature = "tracing")]
        if keys > 0 {
            tracing::debug!(name: "datakey.keyring.swept", half = self.half, keys, "idle keys were wiped");
        }
    }
}

/// The span of one load, to which the outcome is added at its end, whichever that is.
#[cfg(feature = "tracing")]
struct LoadSpan {
    span: tracing::Span,
    outcome: &'static str,
}

#[cfg(feature = "tracing")]
impl Drop for LoadSpan {
    fn drop(&mut self) {
        self.span.record("outcome", self.outcome);
    }
}

/// What a load does stands in the span of whoever began it and waits, whichever task drives it.
#[cfg(feature = "tracing")]
pub(crate) fn in_the_callers_span<T>(
    attempt: Pin<Box<dyn Future<Output = T> + Send>>,
) -> Pin<Box<dyn Future<Output = T> + Send>>
where
    T: 'static,
{
    use tracing::Instrument as _;
    let span = tracing::Span::current();
    if span.is_disabled() {
        attempt
    } else {
        Box::pin(attempt.instrument(span))
    }
}

/// A context by the keys of its pairs, and by their values where those are to be told: `purpose, tenant`, or
/// `purpose=orders, tenant=acme`.
#[cfg(feature = "tracing")]
struct Named<'a>(Voice, &'a EncryptionContext);

#[cfg(feature = "tracing")]
impl std::fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self(voice, context) = self;
        for (index, (key, value)) in context.iter().enumerate() {
            let between = if index > 0 { ", " } else { "" };
            write!(f, "{between}{}", key.escape_debug())?;
            if voice.values {
                write!(f, "={}", value.escape_debug())?;
            }
        }
        Ok(())
    }
}

pub(crate) fn contexts_look_per_record() {
    #[cfg(feature = "tracing")]
    tracing::warn!(
        name: "datakey.keyring.contexts_look_per_record",
        "most new encryption contexts were used once: what differs from record to record belongs in the associated data"
    );
}

#[cfg(feature = "tracing")]
struct Start<'a>(&'a [u8; 32]);

#[cfg(feature = "tracing")]
impl std::fmt::Display for Start<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().take(4).try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
