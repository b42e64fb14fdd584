//! The published experiment on jitter, remade with our iterators.
use datakey_tests::retry_contention::{STRATEGIES, Work, mean};

fn of(name: &str) -> (Work, Work) {
    let strategy = STRATEGIES.iter().find(|strategy| strategy.name == name).unwrap();
    (mean(strategy.backoff), strategy.published)
}

fn close(name: &str, within: f64) {
    let (work, published) = of(name);
    println!("{name}: {work:?}, published {published:?}");
    let calls = work.calls / published.calls;
    let seconds = work.seconds / published.seconds;
    assert!((calls - 1.0).abs() <= within, "{name}: {calls} of the calls");
    assert!((seconds - 1.0).abs() <= within, "{name}: {seconds} of the time");
}

#[test]
fn the_published_figures_of_each_jitter_come_out() {
    for name in ["equal", "full", "decorrelated"] {
        close(name, 0.1);
    }
}

/// Without jitter the figures hang on how soon the network puts clients out of step, which the model states loosely.
#[test]
fn without_jitter_all_is_far_worse() {
    close("no backoff", 0.12);
    let (stepped, _) = of("without jitter");
    let (full, _) = of("full");
    assert!(
        stepped.calls > 1.7 * full.calls && stepped.seconds > 8.0 * full.seconds,
        "{stepped:?}"
    );
}
