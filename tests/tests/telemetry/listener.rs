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

use metrics::{Counter, Gauge, Histogram, HistogramFn, Key, KeyName, Recorder, SharedString, Unit};
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

/// A span.
#[derive(Debug, Clone)]
pub struct Span {
    /// Its name.
    pub name: &'static str,
    /// Its fields, those that were recorded later too, each as `name=value` and a space.
    pub fields: String,
    /// The name of the span that it stands in.
    pub parent: Option<&'static str>,
    metadata: &'static Metadata<'static>,
}

/// Unit and meaning of metrics.
type Described = BTreeMap<String, (Option<Unit>, String)>;

/// The cells of published metrics, by name and labels.
type Cells = BTreeMap<String, Arc<AtomicU64>>;

static TURN: sync::Mutex<()> = sync::Mutex::const_new(());
static LINES: Mutex<Vec<Line>> = Mutex::new(Vec::new());
static CELLS: Mutex<Cells> = Mutex::new(BTreeMap::new());
/// What histograms were told, by name and labels.
static RECORDED: Mutex<BTreeMap<String, Vec<f64>>> = Mutex::new(BTreeMap::new());
static DESCRIBED: Mutex<Described> = Mutex::new(BTreeMap::new());
/// Every span of the process; its id is its place and one.
static SPANS: Mutex<Vec<Span>> = Mutex::new(Vec::new());

thread_local! {
    /// The spans that this thread is in.
    static WITHIN: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
}

fn within() -> Option<(u64, &'static Metadata<'static>)> {
    let id = WITHIN.with_borrow(|ids| ids.last().copied())?;
    Some((id, locked(&SPANS)[place(id)].metadata))
}

fn place(id: u64) -> usize {
    usize::try_from(id - 1).unwrap()
}

/// A test that failed while it held the lock spoils no other one.
fn locked<T>(mutex: &'static Mutex<T>) -> MutexGuard<'static, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The turn of one test. Every test of this binary has one, also if it listens to one of both only.
pub struct Listening {
    _turn: sync::MutexGuard<'static, ()>,
    /// How many spans there were before.
    before: usize,
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
        locked(&RECORDED).clear();
        locked(&DESCRIBED).clear();
        let before = locked(&SPANS).len();
        Self { _turn: turn, before }
    }

    /// The events since the last call.
    pub fn lines(&self) -> Vec<Line> {
        std::mem::take(&mut *locked(&LINES))
    }

    /// What a metric has, by name and labels.
    pub fn metric(&self, name: &str) -> Option<u64> {
        locked(&CELLS).get(name).map(|cell| cell.load(SeqCst))
    }

    /// The spans since the turn began.
    pub fn spans(&self) -> Vec<Span> {
        locked(&SPANS)[self.before..].to_vec()
    }

    /// What histograms were told.
    pub fn recorded(&self) -> BTreeMap<String, Vec<f64>> {
        locked(&RECORDED).clone()
    }

    /// Everything that has a value, by name and labels.
    pub fn series(&self) -> Vec<String> {
        let cells = locked(&CELLS).keys().cloned().collect::<Vec<_>>();
        cells
            .into_iter()
            .chain(locked(&RECORDED).keys().cloned())
            .collect()
    }

    /// Units and meanings.
    pub fn described(&self) -> Described {
        locked(&DESCRIBED).clone()
    }

    /// The names of all metrics that were published, each once.
    pub fn metrics(&self) -> Vec<String> {
        let name = |full: &String| full.split('{').next().unwrap().to_owned();
        let mut names: Vec<String> = self.series().iter().map(name).collect();
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
        let within = within().map(|(_, span)| span.name());
        let mut fields = Fields(String::new());
        attributes.record(&mut fields);
        let mut spans = locked(&SPANS);
        spans.push(Span {
            name: attributes.metadata().name(),
            fields: fields.0,
            parent: within,
            metadata: attributes.metadata(),
        });
        span::Id::from_u64(u64::try_from(spans.len()).unwrap())
    }

    fn current_span(&self) -> Current {
        within().map_or_else(Current::none, |(id, span)| {
            Current::new(span::Id::from_u64(id), span)
        })
    }

    fn record(&self, span: &span::Id, values: &span::Record<'_>) {
        let mut fields = Fields(String::new());
        values.record(&mut fields);
        locked(&SPANS)[place(span.into_u64())].fields += &fields.0;
    }

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

fn name(key: &Key) -> String {
    let labels: Vec<_> = key
        .labels()
        .map(|label| format!("{}={}", label.key(), label.value()))
        .collect();
    format!("{}{{{}}}", key.name(), labels.join(","))
}

fn cell(key: &Key) -> Arc<AtomicU64> {
    Arc::clone(locked(&CELLS).entry(name(key)).or_default())
}

struct Recorded(String);

impl HistogramFn for Recorded {
    fn record(&self, value: f64) {
        let mut recorded = locked(&RECORDED);
        recorded.entry(self.0.clone()).or_default().push(value);
    }
}

fn describe(name: KeyName, unit: Option<Unit>, says: SharedString) {
    let twice = locked(&DESCRIBED).insert(name.as_str().into(), (unit, says.into_owned()));
    assert!(twice.is_none(), "{} is described once", name.as_str());
}

impl Recorder for Board {
    fn describe_counter(&self, name: KeyName, unit: Option<Unit>, says: SharedString) {
        describe(name, unit, says);
    }

    fn describe_gauge(&self, name: KeyName, unit: Option<Unit>, says: SharedString) {
        describe(name, unit, says);
    }

    fn describe_histogram(&self, name: KeyName, unit: Option<Unit>, says: SharedString) {
        describe(name, unit, says);
    }

    fn register_counter(&self, key: &Key, _: &metrics::Metadata<'_>) -> Counter {
        Counter::from_arc(cell(key))
    }

    fn register_gauge(&self, key: &Key, _: &metrics::Metadata<'_>) -> Gauge {
        Gauge::from_arc(cell(key))
    }

    fn register_histogram(&self, key: &Key, _: &metrics::Metadata<'_>) -> Histogram {
        Histogram::from_arc(Arc::new(Recorded(name(key))))
    }
}
