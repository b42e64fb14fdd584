//! What is loaded, and what becomes of it.
use std::{hash::Hash, pin::Pin};

use crate::{
    outcome::{Landed, LoadError, Outcome},
    pulse::Pulse,
    rt::Instant,
    sync::Arc,
};

/// What an attempt of a source answers.
pub(crate) type Loaded<S> = Result<<S as Source>::Loaded, LoadError<<S as Source>::Error>>;

/// One attempt of a source, its wait for a turn included.
pub type Attempt<S> =
    Pin<Box<dyn Future<Output = Result<<S as Source>::Loaded, LoadError<<S as Source>::Error>>> + Send>>;

/// How a load of a source ended.
pub(crate) type SourceOutcome<S> = Outcome<<S as Source>::Value, <S as Source>::Error>;

/// Where values come from: what one attempt to load does, and what becomes of its result.
///
/// ```
/// use std::{collections::HashMap, sync::{Arc, Mutex}};
/// use datakey_loads::{Joined, Landed, LoadError, Loads, Outcome, Source};
///
/// /// Knows the length of names, after asking somebody slow.
/// #[derive(Default)]
/// struct Lengths(Mutex<HashMap<String, usize>>);
///
/// impl Source for Lengths {
///     type Key = String;
///     type Loaded = usize;
///     type Value = usize;
///     type Error = &'static str;
///
///     fn load(&self, name: &String) -> impl Future<Output = Result<usize, &'static str>> + Send {
///         let length = name.len();
///         async move { if length == 0 { Err("nobody has no name") } else { Ok(length) } }
///     }
///
///     fn land(&self, name: &String, result: Result<usize, LoadError<&'static str>>) -> Landed<usize, &'static str> {
///         Landed::new(match result {
///             Ok(length) => {
///                 self.0.lock().unwrap().insert(name.clone(), length);
///                 Outcome::Loaded(length)
///             }
///             Err(error) => Outcome::Failed(error),
///         })
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let (lengths, loads) = (Arc::new(Lengths::default()), Loads::default());
/// let name = "acme".to_owned();
/// let look = || lengths.0.lock().unwrap().get(&name).copied();
/// match loads.join(&lengths, &name, None, look, |_| ()) {
///     Ok(Joined::Waits(wait) | Joined::Leads(wait)) => assert!(matches!(wait.await, Outcome::Loaded(4))),
///     found => panic!("nothing was there: {found:?}"),
/// }
/// assert!(matches!(loads.join(&lengths, &name, None, look, |_| ()), Ok(Joined::Found(4))));
/// # }
/// ```
///
/// # Contract
///
/// - [`load`](Self::load) is one attempt, and may be dropped at any await point: by an invalidation, by a runtime that ends, by a deadline.
///   It may then be asked again for the same key, so that it must be harmless to do the work twice.
/// - Its future holds no borrow of the source; what it needs, it clones. It is polled by whoever waits, on whichever thread, and by one at
///   a time.
/// - [`land`](Self::land) and [`is_wanted`](Self::is_wanted) run under the lock of all loads of a [`Loads`](crate::Loads). They put a value
///   in its place and answer; what takes longer is [left for after the lock](crate::Landed::announcing). Asking for loads there locks up.
/// - A panic in any of them is an error for those who wait, and the source is asked again by the next request.
///
/// # Errors of its own
///
/// `Error` is cloned for all who wait; a source whose error is costly to clone keeps it behind an `Arc`.
pub trait Source: Send + Sync + 'static {
    /// What a value is loaded for.
    type Key: Clone + Eq + Hash + Send + Sync + 'static;
    /// What an attempt yields.
    type Loaded: Send + 'static;
    /// What those who wait are given.
    type Value: Clone + Send + Sync + 'static;
    /// Why an attempt fails.
    type Error: Clone + Send + Sync + 'static;

    /// In which lane the load takes its place: loads of one lane leave room for those of others. All are of one lane by
    /// default.
    ///
    /// What may hang by itself is a lane: a Region, a host, a wrapping key.
    fn lane(&self, _key: &Self::Key) -> Arc<str> {
        "".into()
    }

    /// One attempt, asked for when its turn has come. Its future may be dropped at any point, and another one begun elsewhere; it is polled
    /// by one task or another, and never again after a panic.
    fn load(&self, key: &Self::Key) -> impl Future<Output = Result<Self::Loaded, Self::Error>> + Send;

    /// Takes in the result, unless an invalidation came first. Runs under the lock of all loads of a [`Loads`](crate::Loads),
    /// so that whoever comes finds either the load or what became of it: keep it short, and do not ask for loads here.
    fn land(
        &self,
        key: &Self::Key,
        result: Result<Self::Loaded, LoadError<Self::Error>>,
    ) -> Landed<Self::Value, Self::Error>;

    /// Whether a load that waits for its turn goes on waiting when nobody waits for it any more: most often, whether it
    /// replaces something that is in use. Runs under the lock as well.
    ///
    /// A cache answers whether it keeps a value for the key: what replaces something that is in use is worth its turn though nobody waits.
    fn is_wanted(&self, _key: &Self::Key) -> bool {
        false
    }

    /// What goes around an attempt that somebody begins who waits for it, asked in the course of that call: for what goes by whose
    /// call it is, as spans of `tracing` do. It may be polled by others.
    fn around(&self, attempt: Attempt<Self>) -> Attempt<Self>
    where
        Self: Sized,
    {
        attempt
    }

    /// An attempt that slept was begun anew elsewhere, by somebody who waits.
    ///
    /// A cache notes it on the value's [life](crate::Life::note_load), whose beats are those of the new attempt from here on.
    fn taken_over(&self, _key: &Self::Key, _now: Instant, _pulse: &Arc<Pulse>) {}
}
