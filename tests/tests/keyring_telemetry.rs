//! Metrics and events, under the names that the documentation gives them.
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use datakey_keyring::{Keyring, SealingLimits, Usage};
use datakey_provider::ErrorClass;
use datakey_tests::keyring::{Does, Scripted, context};
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use tokio::time;
use tracing::{Event, Subscriber, span, subscriber::set_default};

const ONE: Usage = Usage::message(1);

/// What was published, by name and labels.
#[derive(Default)]
struct Board(Mutex<BTreeMap<String, Arc<AtomicU64>>>);

impl Board {
    fn cell(&self, key: &Key) -> Arc<AtomicU64> {
        let labels: Vec<_> = key
            .labels()
            .map(|label| format!("{}={}", label.key(), label.value()))
            .collect();
        let name = format!("{}{{{}}}", key.name(), labels.join(","));
        Arc::clone(self.0.lock().unwrap().entry(name).or_default())
    }

    fn of(&self, name: &str) -> Option<u64> {
        self.0.lock().unwrap().get(name).map(|cell| cell.load(SeqCst))
    }
}

impl Recorder for Board {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.cell(key))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.cell(key))
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_is_published_under_its_names() {
    let keyring = Keyring::new(Scripted::default());
    for _ in 0..5 {
        keyring.sealing_key(&context("a"), ONE).await.unwrap();
    }
    let board = Board::default();
    metrics::with_local_recorder(&board, || keyring.stats().publish());
    assert_eq!(board.of("datakey.keyring.hits{half=sealing}"), Some(4));
    assert_eq!(board.of("datakey.keyring.hits{half=opening}"), Some(0));
    assert_eq!(
        board.of("datakey.keyring.misses{half=sealing,reason=cold}"),
        Some(1)
    );
    assert_eq!(board.of("datakey.keyring.calls{}"), Some(1));
    let avoided = board.of("datakey.keyring.calls_avoided{}");
    assert_eq!(avoided.map(f64::from_bits), Some(4.0));
    metrics::with_local_recorder(&board, || keyring.stats().publish_as("shop"));
    assert_eq!(
        board.of("datakey.keyring.hits{keyring=shop,half=sealing}"),
        Some(4)
    );
    let keys = board.of("datakey.keyring.keys{half=sealing}");
    assert_eq!(keys.map(f64::from_bits), Some(1.0));
}

#[tokio::test(start_paused = true)]
async fn every_name_is_documented_and_every_documented_name_is_published() {
    let board = Board::default();
    let keyring = Keyring::new(Scripted::default());
    metrics::with_local_recorder(&board, || keyring.stats().publish());
    let name = |full: &String| full.split('{').next().unwrap().to_owned();
    let mut published: Vec<String> = board.0.lock().unwrap().keys().map(name).collect();
    published.sort();
    published.dedup();
    let source = include_str!("../../crates/keyring/src/publish.rs");
    let mut documented: Vec<String> = source
        .lines()
        .filter_map(|line| {
            Some(
                line.trim()
                    .strip_prefix("/// | `datakey.keyring.")?
                    .split_once('`')?
                    .0,
            )
        })
        .map(|name| format!("datakey.keyring.{name}"))
        .collect();
    documented.sort();
    assert_eq!(published, documented);
}

/// Keeps the names of events and what they say.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<(String, String)>>>);

impl Subscriber for Heard {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target().starts_with("datakey")
    }

    fn event(&self, event: &Event<'_>) {
        let heard = (event.metadata().name().to_owned(), format!("{event:?}"));
        self.0.lock().unwrap().push(heard);
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

#[tokio::test(start_paused = true)]
async fn what_no_caller_is_told_is_an_event_and_what_one_is_told_is_none() {
    let heard = Heard::default();
    let _until_the_end = set_default(heard.clone());
    let names = || {
        let mut heard = heard.0.lock().unwrap();
        heard.drain(..).map(|(name, _)| name).collect::<Vec<_>>()
    };
    let provider = Scripted::default();
    let limits = SealingLimits::default().with_ages(Duration::from_secs(100), Duration::from_secs(300));
    let keyring = Keyring::builder()
        .sealing(limits)
        .build(provider.clone())
        .unwrap();
    provider.does(Does::Fail(ErrorClass::Throttled));
    assert!(keyring.sealing_key(&context("a"), ONE).await.is_err());
    assert_eq!(names(), [""; 0], "its caller was told");

    provider.does(Does::Work);
    keyring.sealing_key(&context("a"), ONE).await.unwrap();
    time::sleep(Duration::from_secs(96)).await;
    provider.does(Does::Fail(ErrorClass::Throttled));
    keyring.sealing_key(&context("a"), ONE).await.unwrap();
    time::sleep(Duration::from_secs(2)).await;
    assert_eq!(names(), ["datakey.keyring.refresh_failed"]);

    provider.does(Does::Fail(ErrorClass::Denied));
    keyring.sealing_key(&context("a"), ONE).await.unwrap();
    time::sleep(Duration::from_secs(1)).await;
    assert_eq!(names(), ["datakey.keyring.revoked"]);

    provider.does(Does::Work);
    keyring.sealing_key(&context("b"), ONE).await.unwrap();
    time::sleep(Duration::from_secs(400)).await;
    assert_eq!(names(), ["datakey.keyring.swept"]);
}
