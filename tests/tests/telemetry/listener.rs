//! The process's subscriber and recorder. One test at a time has all that they hear, on whatever thread it happens.
use std::{
    cell::RefCell,
    collections::BTreeMap,
    fmt::Debug,
    sync::{
        Arc, Mutex, MutexGuard, Once, PoisonError,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
};

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Recorder, SharedString, Unit};
use tokio::sync;
use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};
use tracing_core::span::Current;

/// An event.
#[derive(Debug)]
pub struct Line {
    /// Its name.
    pub name: &'static str,
    /// Its level.
    pub level: Level,
    /// Its fields but for the message, each as `name=value` and a space.
    pub fields: String,
    /// The span that it happened in.
    pub span: Option<&'static str>,
}

/// The cells of published metrics, by name and labels.
type Cells = BTreeMap<String, Arc<AtomicU64>>;

static TURN: sync::Mutex<()> = sync::Mutex::const_new(());
static LINES: Mutex<Vec<Line>> = Mutex::new(Vec::new());
static CELLS: Mutex<Cells> = Mutex::new(BTreeMap::new());
/// Every span of the process; its id is its place and one.
static SPANS: Mutex<Vec<&'static Metadata<'static>>> = Mutex::new(Vec::new());

thread_local! {
    /// The spans that this thread is in.
    static WITHIN: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
}

fn within() -> Option<(u64, &'static Metadata<'static>)> {
    let id = WITHIN.with_borrow(|ids| ids.last().copied())?;
    let place = usize::try_from(id - 1).unwrap();
    Some((id, locked(&SPANS)[place]))
}

/// A test that failed while it held the lock spoils no other one.
fn locked<T>(mutex: &'static Mutex<T>) -> MutexGuard<'static, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The turn of one test. Every test of this binary has one, also if it listens to one of both only.
pub struct Listening {
    _turn: sync::MutexGuard<'static, ()>,
}

impl Listening {
    /// Waits for the tests before, and hears what happens from here on.
    pub async fn begin() -> Self {
        static INSTALLED: Once = Once::new();
        let turn = TURN.lock().await;
        INSTALLED.call_once(|| {
            tracing::subscriber::set_global_default(Ear).unwrap();
            metrics::set_global_recorder(Board).unwrap();
        });
        locked(&LINES).clear();
        locked(&CELLS).clear();
        Self { _turn: turn }
    }

    /// The events since the last call.
    pub fn lines(&self) -> Vec<Line> {
        std::mem::take(&mut *locked(&LINES))
    }

    /// What a metric has, by name and labels.
    pub fn metric(&self, name: &str) -> Option<u64> {
        locked(&CELLS).get(name).map(|cell| cell.load(SeqCst))
    }

    /// The names of all metrics that were published, each once.
    pub fn metrics(&self) -> Vec<String> {
        let name = |full: &String| full.split('{').next().unwrap().to_owned();
        let mut names: Vec<String> = locked(&CELLS).keys().map(name).collect();
        names.sort();
        names.dedup();
        names
    }
}

struct Ear;

struct Fields(String);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() != "message" {
            self.0 += &format!("{}={value:?} ", field.name());
        }
    }
}

impl Subscriber for Ear {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("datakey")
    }

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields(String::new());
        event.record(&mut fields);
        locked(&LINES).push(Line {
            name: event.metadata().name(),
            level: *event.metadata().level(),
            fields: fields.0,
            span: within().map(|(_, span)| span.name()),
        });
    }

    fn new_span(&self, attributes: &span::Attributes<'_>) -> span::Id {
        let mut spans = locked(&SPANS);
        spans.push(attributes.metadata());
        span::Id::from_u64(u64::try_from(spans.len()).unwrap())
    }

    fn current_span(&self) -> Current {
        within().map_or_else(Current::none, |(id, span)| {
            Current::new(span::Id::from_u64(id), span)
        })
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn enter(&self, span: &span::Id) {
        WITHIN.with_borrow_mut(|ids| ids.push(span.into_u64()));
    }

    fn exit(&self, span: &span::Id) {
        let left = WITHIN.with_borrow_mut(Vec::pop);
        assert_eq!(
            left,
            Some(span.into_u64()),
            "spans are left in the order of entering"
        );
    }
}

struct Board;

fn cell(key: &Key) -> Arc<AtomicU64> {
    let labels: Vec<_> = key
        .labels()
        .map(|label| format!("{}={}", label.key(), label.value()))
        .collect();
    let name = format!("{}{{{}}}", key.name(), labels.join(","));
    Arc::clone(locked(&CELLS).entry(name).or_default())
}

impl Recorder for Board {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &metrics::Metadata<'_>) -> Counter {
        Counter::from_arc(cell(key))
    }

    fn register_gauge(&self, key: &Key, _: &metrics::Metadata<'_>) -> Gauge {
        Gauge::from_arc(cell(key))
    }

    fn register_histogram(&self, _: &Key, _: &metrics::Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}
