//! Plays one strategy from its start to its end.
use std::{collections::BTreeMap, sync::Arc, time::Duration};

use datakey_provider::EncryptionContext;
use tokio::{
    runtime::Builder,
    time::{sleep_until, timeout_at},
};

use crate::{
    Bound, Cost, Error, Flow, KmsCalls, Limit, Outcome, Price, Scenario, Strategy,
    host::Host,
    reader::Readers,
    series::{Series, kms_calls},
    stack::Refusal,
    tally::Tally,
    why,
    world::{World, context, neighbour},
};

/// Plays one strategy on a clock of its own; tells how far it is, from 0 to 1, after each step.
pub(crate) fn play(
    scenario: &Scenario,
    strategy: &Strategy,
    watch: &(dyn Fn(&str, f64) + Sync),
) -> Result<Outcome, Error> {
    let unplayed = |why: &str| Error::Unplayed {
        strategy: strategy.name.as_str().into(),
        why: why.into(),
    };
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .map_err(|error| unplayed(&error.to_string()))?;
    let tally = Arc::new(Tally::new().ok_or_else(|| unplayed("there is no room to count"))?);
    let (series, kms) = runtime.block_on(on_the_clock(scenario, strategy, &tally, watch))?;
    // Keys that are still in use say how much they sealed when they go.
    drop(runtime);
    Ok(outcome(scenario, strategy, &tally, series, kms))
}

async fn on_the_clock(
    scenario: &Scenario,
    strategy: &Strategy,
    tally: &Arc<Tally>,
    watch: &(dyn Fn(&str, f64) + Sync),
) -> Result<(Series, KmsCalls), Error> {
    let refused = |source: Refusal| Error::Build {
        strategy: strategy.name.as_str().into(),
        source,
    };
    let world = Arc::new(World::new(scenario, strategy, Arc::clone(tally)).await?);
    let readers = Arc::new(Readers::new(&world, &strategy.parts).map_err(refused)?);
    let hosts = hosts(&world, strategy, &readers).map_err(refused)?;
    readers.start();
    for own in &scenario.neighbours {
        drop(tokio::spawn(neighbour(Arc::clone(&world), own.clone())));
    }
    for host in &hosts {
        drop(tokio::spawn(Arc::clone(host).works()));
    }
    let restarting = restarts(&world, &hosts, &readers);
    let restarting = timeout_at(world.ends(), restarting);
    let stepping = steps(&world, |done| watch(&strategy.name, done));
    let (series, restarted) = futures_util::future::join(stepping, restarting).await;
    if let Ok(Err(refusal)) = restarted {
        return Err(refused(refusal));
    }
    for host in &hosts {
        host.tell();
    }
    readers.tell();
    tally.end();
    let mut kms = kms_calls(world.fake().ledger());
    kms.peak_per_second = series.peak_per_second();
    Ok((series, kms))
}

/// The hosts, each in its part of the fleet.
fn hosts(world: &Arc<World>, strategy: &Strategy, readers: &Arc<Readers>) -> Result<Vec<Arc<Host>>, Refusal> {
    let contexts: Arc<[EncryptionContext]> = (0..world.scenario.contexts.count)
        .map(|tenant| context(tenant, None))
        .collect();
    let count = world.scenario.fleet.hosts;
    let mut hosts = Vec::new();
    let mut until = 0.0;
    for own in strategy.parts.iter().enumerate() {
        until += own.1.share * f64::from(count);
        while hosts.len() as f64 + 0.5 < until {
            let number = u32::try_from(hosts.len())?;
            hosts.push(Host::new(world, own, number, &contexts, readers)?);
        }
    }
    Ok(hosts)
}

/// Ends one step after the other, to the end.
async fn steps(world: &World, watch: impl Fn(f64)) -> Series {
    let mut series = Series::default();
    let (whole, step) = (world.scenario.duration.duration(), world.scenario.step.duration());
    let mut at = Duration::ZERO;
    while at < whole {
        at = at.saturating_add(step).min(whole);
        sleep_until(world.at(at)).await;
        series.step(world, at.as_secs_f64());
        watch(at.as_secs_f64() / whole.as_secs_f64());
    }
    series
}

/// Restarts hosts and readers at their times.
async fn restarts(world: &World, hosts: &[Arc<Host>], readers: &Readers) -> Result<(), Refusal> {
    let mut due = Vec::new();
    let count = hosts.len().saturating_add(readers.len());
    for restart in &world.scenario.restarts {
        for place in 0..count {
            let share = place as f64 / count as f64;
            let after = restart.over.duration().mul_f64(share);
            due.push((restart.at.duration().saturating_add(after), place));
        }
    }
    due.sort_unstable();
    for (at, place) in due {
        sleep_until(world.at(at)).await;
        match hosts.get(place) {
            Some(host) => host.restart()?,
            None => readers.restart(place.saturating_sub(hosts.len()))?,
        }
    }
    Ok(())
}

fn outcome(
    scenario: &Scenario,
    strategy: &Strategy,
    tally: &Tally,
    series: Series,
    kms: KmsCalls,
) -> Outcome {
    tally.limits.add(Limit::Quota, kms.throttled);
    let limits = tally.limits.bounds();
    let played = scenario.duration.duration();
    let (sealing, opening) = (tally.sealing.flow(played), tally.opening.flow(played));
    Outcome {
        strategy: strategy.name.clone(),
        cost: cost(&scenario.price, kms.answered, scenario.duration.seconds()),
        decided: decided([&sealing, &opening], &limits, &kms),
        sealing,
        opening,
        kms,
        exposure: tally.exposure(),
        limits,
        series: series.steps,
    }
}

/// Hours that a month counts as: a twelfth of a year.
const HOURS_A_MONTH: f64 = 730.0;

fn cost(price: &Price, answered: u64, seconds: f64) -> Cost {
    let calls_per_month = answered as f64 / seconds * HOURS_A_MONTH * 3_600.0;
    let paid = (calls_per_month - price.free_calls as f64).max(0.0);
    let calls_usd_per_month = paid / 10_000.0 * price.usd_per_10_000_calls;
    let keys_usd_per_month = f64::from(price.keys) * price.usd_per_key_month;
    Cost {
        calls_per_month,
        calls_usd_per_month,
        keys_usd_per_month,
        usd_per_month: calls_usd_per_month + keys_usd_per_month,
    }
}

/// The limit that decided: see [`Outcome::decided`].
fn decided(flows: [&Flow; 2], limits: &[Bound], kms: &KmsCalls) -> Option<Limit> {
    let refused_much = kms.throttled.saturating_mul(1_000) > kms.answered;
    let mut lost: BTreeMap<Limit, u64> = BTreeMap::new();
    for (kind, messages) in flows.iter().flat_map(|flow| &flow.errors) {
        if let Some(limit) = why::lost_by(kind, refused_much) {
            let count = lost.entry(limit).or_default();
            *count = count.saturating_add(*messages);
        }
    }
    if let Some((limit, _)) = lost.into_iter().max_by_key(|(_, messages)| *messages) {
        return Some(limit);
    }
    if refused_much {
        return Some(Limit::Quota);
    }
    let others = limits.iter().map(|bound| bound.limit);
    others.into_iter().find(|limit| *limit != Limit::Quota)
}
