//! Plays all strategies of a scenario.
use std::{
    panic::resume_unwind,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
};

use crate::{Error, Outcome, Scenario, Simulation, play::play};

/// Plays all strategies of a scenario, as many at once as there are processors, each on a paused clock of its own.
///
/// The same scenario with the same seed gives the same simulation, to the last number.
///
/// ```
/// use datakey_sim::{Scenario, run};
///
/// let scenario = Scenario::from_toml(r#"
///     name = "a-minute"
///     duration = "1m"
///     fleet = { hosts = 3 }
///     arrivals = { kind = "poisson", posts_per_second = 2.0, messages_per_post = 5 }
///     strategies = [
///         { name = "retry alone", parts = [{}] },
///         { name = "caching", parts = [{ cache = {} }] },
///     ]
/// "#)?;
/// let played = run(&scenario)?;
/// let [alone, caching] = &played.outcomes[..] else { panic!("two strategies, two outcomes") };
/// assert_eq!(alone.kms.answered, alone.sealing.done); // a call for each message
/// assert_eq!(caching.kms.answered, 3); // a data key for each host
/// assert_eq!(alone.sealing.offered, caching.sealing.offered); // of the same messages
/// # Ok::<(), datakey_sim::Error>(())
/// ```
///
/// # Errors
/// [`Error::Value`] for a scenario that is out of its limits, [`Error::Build`] and [`Error::Unplayed`] where a strategy cannot be
/// played.
pub fn run(scenario: &Scenario) -> Result<Simulation, Error> {
    run_watched(scenario, &|_, _| {})
}

/// As [`run`], and tells after each step of a strategy, by its name, how much of it is played, from 0 to 1. Strategies are played on
/// several threads.
///
/// # Errors
/// As [`run`].
pub fn run_watched(scenario: &Scenario, watch: &(dyn Fn(&str, f64) + Sync)) -> Result<Simulation, Error> {
    scenario.check()?;
    let strategies = &scenario.strategies;
    let next = AtomicUsize::new(0);
    let played: Mutex<Vec<(usize, Result<Outcome, Error>)>> = Mutex::default();
    let works = || {
        loop {
            let place = next.fetch_add(1, Relaxed);
            let Some(strategy) = strategies.get(place) else {
                return;
            };
            // A thread of its own: keyrings remember something for each thread.
            let outcome = thread::scope(|scope| {
                let playing = scope.spawn(|| play(scenario, strategy, watch));
                playing.join().unwrap_or_else(|panic| resume_unwind(panic))
            });
            let mut played = played.lock().unwrap_or_else(PoisonError::into_inner);
            played.push((place, outcome));
        }
    };
    let workers = thread::available_parallelism()
        .map_or(1, usize::from)
        .min(strategies.len());
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(works);
        }
    });
    let mut played = played.into_inner().unwrap_or_else(PoisonError::into_inner);
    played.sort_by_key(|(place, _)| *place);
    Ok(Simulation {
        scenario: scenario.clone(),
        quota_per_second: scenario.kms.quota(),
        outcomes: played
            .into_iter()
            .map(|(_, outcome)| outcome)
            .collect::<Result<_, _>>()?,
    })
}
