//! The process's subscriber and recorder. One test at a time has all that they hear, on whatever thread it happens.
use std::{
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

/// An event.
#[derive(Debug)]
pub struct Line {
    /// Its name.
    pub name: &'static str,
    /// Its level.
    pub level: Level,
    /// Its fields but for the message, each as `name=value` and a space.
    pub fields: String,
}

/// The cells of published metrics, by name and labels.
type Cells = BTreeMap<String, Arc<AtomicU64>>;

static TURN: sync::Mutex<()> = sync::Mutex::const_new(());
static LINES: Mutex<Vec<Line>> = Mutex::new(Vec::new());
static CELLS: Mutex<Cells> = Mutex::new(BTreeMap::new());

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
        });
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
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
