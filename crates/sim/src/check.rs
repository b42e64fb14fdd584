//! Which values a scenario may have.
use std::ops::RangeInclusive;

use crate::{
    Arrivals, BranchKeys, Cache, Error, Fault, Kms, Latency, Neighbour, Part, Readers, Retry, Scenario,
    Strategy, span::Span,
};

/// Messages that a scenario may expect in all, for each of its strategies.
const MOST_MESSAGES: f64 = 1e10;

/// Posts that may wait in front of readers because they are opened late.
const MOST_LATE: f64 = 2e7;

/// Steps of a time series.
pub(crate) const MOST_STEPS: f64 = 100_000.0;

const DAY: Span = Span::from_secs(86_400);
const MILLI: Span = Span::from_millis(1);
const MONTH: Span = Span::from_secs(31 * 86_400);

type Checked = Result<(), Error>;

pub(crate) fn scenario(scenario: &Scenario) -> Checked {
    text("name", &scenario.name)?;
    span("duration", scenario.duration, Span::from_secs(1)..=MONTH)?;
    span("step", scenario.step, Span::from_millis(10)..=MONTH)?;
    let steps = scenario.duration.seconds() / scenario.step.seconds();
    if steps > MOST_STEPS {
        let allowed = format!(
            "long enough for {MOST_STEPS} steps in {} at the most",
            scenario.duration
        );
        return Err(Error::value("step", scenario.step, allowed));
    }
    let fleet = &scenario.fleet;
    count("fleet.hosts", fleet.hosts.into(), 1..=100_000)?;
    span("fleet.start_within", fleet.start_within, Span::ZERO..=MONTH)?;
    count("fleet.callers", fleet.callers.into(), 1..=10_000)?;
    count("fleet.backlog", fleet.backlog.into(), 0..=10_000_000)?;
    count("messages.bytes", scenario.messages.bytes, 0..=1 << 40)?;
    count("contexts.count", scenario.contexts.count.into(), 1..=1_000_000)?;
    number("contexts.skew", scenario.contexts.skew, 0.0..=5.0)?;
    arrivals(scenario)?;
    scenario
        .readers
        .as_ref()
        .map_or(Ok(()), |own| readers(own, scenario))?;
    kms(&scenario.kms)?;
    number(
        "price.usd_per_10_000_calls",
        scenario.price.usd_per_10_000_calls,
        0.0..=1e6,
    )?;
    number(
        "price.usd_per_key_month",
        scenario.price.usd_per_key_month,
        0.0..=1e6,
    )?;
    each(&scenario.neighbours, 16, "neighbours", neighbour)?;
    each(&scenario.faults, 64, "faults", fault)?;
    each(&scenario.restarts, 64, "restarts", |restart, field| {
        span(&format!("{field}.at"), restart.at, Span::ZERO..=MONTH)?;
        span(&format!("{field}.over"), restart.over, Span::ZERO..=MONTH)
    })?;
    strategies(&scenario.strategies)
}

fn arrivals(scenario: &Scenario) -> Checked {
    let arrivals = &scenario.arrivals;
    count(
        "arrivals.messages_per_post",
        arrivals.messages_per_post().into(),
        1..=1_000_000,
    )?;
    let rate = |field: &str, rate: f64| number(field, rate, f64::MIN_POSITIVE..=1e5);
    match arrivals {
        Arrivals::Steady { posts_per_second, .. } | Arrivals::Poisson { posts_per_second, .. } => {
            rate("arrivals.posts_per_second", *posts_per_second)?;
        }
        Arrivals::Bursts {
            posts_per_second,
            every,
            lasting,
            times,
            ..
        } => {
            number("arrivals.posts_per_second", *posts_per_second, 0.0..=1e5)?;
            span("arrivals.every", *every, MILLI..=MONTH)?;
            span("arrivals.lasting", *lasting, MILLI..=*every)?;
            number("arrivals.times", *times, 0.0..=1e6)?;
        }
        Arrivals::Diurnal {
            least_per_second,
            most_per_second,
            period,
            ..
        } => {
            rate("arrivals.most_per_second", *most_per_second)?;
            number(
                "arrivals.least_per_second",
                *least_per_second,
                0.0..=*most_per_second,
            )?;
            span("arrivals.period", *period, Span::from_secs(2)..=MONTH)?;
        }
        Arrivals::Trace { posts, step, .. } => {
            span("arrivals.step", *step, Span::from_millis(10)..=DAY)?;
            count("the number of arrivals.posts", posts.len() as u64, 1..=10_000_000)?;
            for (place, posts) in posts.iter().enumerate() {
                number(&format!("arrivals.posts[{place}]"), *posts, 0.0..=1e9)?;
            }
        }
    }
    let messages = messages_expected(scenario);
    number(
        "the number of messages to expect",
        messages.round(),
        0.0..=MOST_MESSAGES,
    )
}

fn messages_expected(scenario: &Scenario) -> f64 {
    let posts = scenario
        .arrivals
        .expected(scenario.duration.seconds(), scenario.fleet.hosts);
    posts * f64::from(scenario.arrivals.messages_per_post())
}

fn readers(readers: &Readers, scenario: &Scenario) -> Checked {
    count("readers.hosts", readers.hosts.into(), 1..=100_000)?;
    count("readers.callers", readers.callers.into(), 1..=10_000)?;
    count("readers.backlog", readers.backlog.into(), 0..=10_000_000)?;
    span("readers.delay_from", readers.delay_from, Span::ZERO..=MONTH)?;
    let (from, to) = (readers.delay_from, readers.latest());
    span("readers.delay_to", to, from..=MONTH)?;
    let share = (to.seconds() / scenario.duration.seconds()).min(1.0);
    let late = (messages_expected(scenario) * share).round();
    number(
        "the number of messages that wait to be opened late",
        late,
        0.0..=MOST_LATE,
    )
}

fn kms(kms: &Kms) -> Checked {
    if datakey_fake_kms::FakeKms::builder()
        .region(&kms.region)
        .build()
        .is_err()
    {
        let allowed = "the name of a Region, such as eu-west-1";
        return Err(Error::value("kms.region", format!("{:?}", kms.region), allowed));
    }
    if let Some(quota) = kms.quota_per_second {
        count("kms.quota_per_second", quota, 1..=1_000_000)?;
    }
    let hour = Span::from_secs(3_600);
    span("kms.table_latency", kms.table_latency, Span::ZERO..=hour)?;
    match kms.latency {
        Latency::Fixed { time } => span("kms.latency.time", time, Span::ZERO..=hour),
        Latency::Exponential { mean } => span("kms.latency.mean", mean, Span::ZERO..=hour),
        Latency::Uniform { from, to } => {
            span("kms.latency.from", from, Span::ZERO..=hour)?;
            span("kms.latency.to", to, from..=hour)
        }
        Latency::LogNormal { median, p99 } => {
            span("kms.latency.median", median, Span::ZERO..=hour)?;
            span("kms.latency.p99", p99, median..=hour)
        }
    }
}

fn neighbour(neighbour: &Neighbour, field: &str) -> Checked {
    let rate = format!("{field}.calls_per_second");
    number(&rate, neighbour.calls_per_second, f64::MIN_POSITIVE..=2e5)?;
    span(&format!("{field}.from"), neighbour.from, Span::ZERO..=MONTH)?;
    let until = neighbour.until.unwrap_or(MONTH);
    span(&format!("{field}.until"), until, neighbour.from..=MONTH)
}

fn fault(fault: &Fault, field: &str) -> Checked {
    span(&format!("{field}.from"), fault.from, Span::ZERO..=MONTH)?;
    span(&format!("{field}.until"), fault.until, fault.from..=MONTH)?;
    number(&format!("{field}.share"), fault.share, f64::MIN_POSITIVE..=1.0)?;
    span(
        &format!("{field}.by"),
        fault.by,
        Span::ZERO..=Span::from_secs(3_600),
    )
}

fn strategies(strategies: &[Strategy]) -> Checked {
    count("the number of strategies", strategies.len() as u64, 1..=32)?;
    for (place, strategy) in strategies.iter().enumerate() {
        let field = format!("strategies[{place}]");
        text(&format!("{field}.name"), &strategy.name)?;
        if strategies
            .iter()
            .take(place)
            .any(|other| other.name == strategy.name)
        {
            let got = format!("{:?}", strategy.name);
            return Err(Error::value(
                format!("{field}.name"),
                got,
                "another than those before",
            ));
        }
        count(
            &format!("the number of {field}.parts"),
            strategy.parts.len() as u64,
            1..=16,
        )?;
        for (place, own) in strategy.parts.iter().enumerate() {
            part(own, &format!("{field}.parts[{place}]"))?;
        }
        let shares: f64 = strategy.parts.iter().map(|part| part.share).sum();
        if (shares - 1.0).abs() > 1e-6 {
            return Err(Error::value(
                format!("the sum of {field}.parts[].share"),
                shares,
                "1",
            ));
        }
    }
    Ok(())
}

fn part(part: &Part, field: &str) -> Checked {
    number(&format!("{field}.share"), part.share, f64::MIN_POSITIVE..=1.0)?;
    if let Retry::Datakey {
        deadline,
        attempts,
        budget,
        budget_per_second,
        ..
    } = part.retry
    {
        span(&format!("{field}.retry.deadline"), deadline, MILLI..=DAY)?;
        count(&format!("{field}.retry.attempts"), attempts.into(), 1..=10_000)?;
        count(&format!("{field}.retry.budget"), budget.into(), 1..=1_000_000_000)?;
        let refill = budget_per_second.into();
        count(
            &format!("{field}.retry.budget_per_second"),
            refill,
            0..=1_000_000_000,
        )?;
    }
    part.cache
        .as_ref()
        .map_or(Ok(()), |own| cache(own, &format!("{field}.cache")))?;
    let kept = |own| branch_keys(own, &format!("{field}.branch_keys"));
    part.branch_keys.as_ref().map_or(Ok(()), kept)
}

fn cache(cache: &Cache, field: &str) -> Checked {
    span(&format!("{field}.soft_age"), cache.soft_age, MILLI..=MONTH)?;
    span(
        &format!("{field}.hard_age"),
        cache.hard_age,
        cache.soft_age..=MONTH,
    )?;
    count(&format!("{field}.messages"), cache.messages, 1..=u64::MAX)?;
    count(&format!("{field}.bytes"), cache.bytes, 1..=u64::MAX)?;
    count(&format!("{field}.contexts"), cache.contexts, 1..=10_000_000)?;
    span(&format!("{field}.opening_age"), cache.opening_age, MILLI..=MONTH)?;
    count(
        &format!("{field}.opening_keys"),
        cache.opening_keys,
        1..=10_000_000,
    )
}

fn branch_keys(keys: &BranchKeys, field: &str) -> Checked {
    count(&format!("{field}.count"), keys.count.into(), 1..=10_000)?;
    span(&format!("{field}.soft_age"), keys.soft_age, MILLI..=MONTH)?;
    span(&format!("{field}.hard_age"), keys.hard_age, keys.soft_age..=MONTH)?;
    count(&format!("{field}.keys"), keys.keys, 1..=1_000_000)
}

fn each<T>(all: &[T], most: u64, name: &str, check: impl Fn(&T, &str) -> Checked) -> Checked {
    count(&format!("the number of {name}"), all.len() as u64, 0..=most)?;
    all.iter()
        .enumerate()
        .try_for_each(|(place, one)| check(one, &format!("{name}[{place}]")))
}

fn text(field: &str, text: &str) -> Checked {
    if (1..=60).contains(&text.chars().count()) && !text.chars().any(char::is_control) {
        return Ok(());
    }
    let got = format!("{text:?}");
    Err(Error::value(
        field,
        got,
        "1 to 60 characters, none of them for control",
    ))
}

fn count(field: &str, got: u64, allowed: RangeInclusive<u64>) -> Checked {
    if allowed.contains(&got) {
        return Ok(());
    }
    let allowed = format!("from {} to {}", allowed.start(), allowed.end());
    Err(Error::value(field, got, allowed))
}

fn number(field: &str, got: f64, allowed: RangeInclusive<f64>) -> Checked {
    if allowed.contains(&got) {
        return Ok(());
    }
    let least = if *allowed.start() == f64::MIN_POSITIVE {
        "above 0".to_owned()
    } else {
        format!("from {}", allowed.start())
    };
    Err(Error::value(field, got, format!("{least} to {}", allowed.end())))
}

fn span(field: &str, got: Span, allowed: RangeInclusive<Span>) -> Checked {
    if allowed.contains(&got) {
        return Ok(());
    }
    let allowed = format!("from {} to {}", allowed.start(), allowed.end());
    Err(Error::value(field, got, allowed))
}
