//! The published experiment on jitter, remade with our iterators.
use datakey_tests::retry_contention::{BENCHES, mean};

/// Calls and completion time of every strategy, within ten percent of the published model's.
#[test]
fn the_published_figures_of_each_strategy_come_out() {
    for bench in &BENCHES {
        for strategy in bench.strategies {
            let (name, spread, published) = (strategy.name, bench.spread, strategy.published);
            let work = mean(bench, strategy.backoff);
            println!("{name} at {spread}: {work:?}, published {published:?}");
            let (calls, seconds) = (work.calls / published.calls, work.seconds / published.seconds);
            assert!(
                (calls - 1.0).abs() <= 0.1,
                "{name} at {spread}: {calls} of the calls"
            );
            assert!(
                (seconds - 1.0).abs() <= 0.1,
                "{name} at {spread}: {seconds} of the time"
            );
        }
    }
}

/// What jitter is for: full jitter needs half the calls and a tenth of the time.
#[test]
fn without_jitter_all_is_far_worse() {
    for bench in &BENCHES {
        let [_, stepped, _, full, _] = bench.strategies else {
            panic!("there are five strategies");
        };
        let (stepped, full) = (mean(bench, stepped.backoff), mean(bench, full.backoff));
        assert!(
            stepped.calls > 1.7 * full.calls && stepped.seconds > 8.0 * full.seconds,
            "{stepped:?}"
        );
    }
}
