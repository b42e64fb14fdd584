//! Several quotas under one opener, under virtual time: what is throttled or down on one keeps nobody from another.
use std::{sync::Arc, time::Duration};

use datakey_keyring::OpeningKeyring;
use datakey_provider::{EncryptionContext, OpeningProvider as _, Rank, Several};
use datakey_retry::Retry;
use datakey_tests::{
    retry::{Counting, Service, seeded},
    retry_quotas::{Key, Metered},
};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};

use crate::contender::Failure;

const LATENCY: Duration = Duration::from_millis(5);
const UNLIMITED: f64 = 1e9;
const MESSAGES: u64 = 200;

/// The longest that 200 messages may take of which each can be opened in another Region: with its first attempts, half a second of
/// backoff and the second that a breaker or the keyring's other way takes to be sure.
const ELSEWHERE: f64 = 1.5;

/// How much slower a key may be beside another one that throttles.
const BESIDE: f64 = 1.1;

fn context(number: u64) -> Result<EncryptionContext, Failure> {
    Ok(EncryptionContext::new([("message", number.to_string())])?)
}

fn key(id: &'static str, quota: &'static str, rank: Rank, service: &Service) -> Key {
    Key {
        id,
        quota,
        rank,
        service: service.clone(),
    }
}

fn bucket(per_second: f64) -> Service {
    Service::new(
        per_second,
        Counting::Bucket((per_second / 10.0).max(1.0)),
        LATENCY,
    )
    .with_jitter(1)
}

/// Prints the tables; false if a bar was missed.
pub fn told() -> Result<bool, Failure> {
    println!(
        "{MESSAGES} messages at once, each with a wrapped key of a near and of a far Region, one opener:\n\n\
         | near Region | far Region | seconds | calls near | refused near | calls far | refused far |\n\
         |---|---|---|---|---|---|---|"
    );
    let mut cleared = true;
    for (near, far) in [
        (Near::Throttles, UNLIMITED),
        (Near::IsDown, UNLIMITED),
        (Near::Quota(10.0), UNLIMITED),
        (Near::Throttles, 100.0),
        (Near::Quota(50.0), 50.0),
    ] {
        cleared &= paused(two_regions(near, far))?;
    }
    println!(
        "\n100 messages one after the other under a key that is well, beside callers without end of another key in a store of 20 calls a second:\n\n\
         | callers of the slow key | store named | seconds | alone | times alone | the slow key, calls a second |\n\
         |---|---|---|---|---|---|"
    );
    let alone = paused(beside(None))?.0;
    for callers in [4, 16, 64] {
        for named in [true, false] {
            let (took, served) = paused(beside(Some((callers, named))))?;
            let times = took / alone;
            let verdict = if times > BESIDE { " **missed**" } else { "" };
            println!(
                "| {callers} | {} | {took:.2} | {alone:.2} | {times:.2}{verdict} | {served:.1} |",
                if named { "yes" } else { "no" }
            );
            cleared &= times <= BESIDE;
        }
    }
    println!("| *bar* |  |  |  | at most {BESIDE} |  |\n");
    Ok(cleared)
}

fn paused<T>(run: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()?;
    runtime.block_on(run)
}

#[derive(Debug, Clone, Copy)]
enum Near {
    Throttles,
    IsDown,
    Quota(f64),
}

/// A row; false if it took too long where the far Region has room for all.
async fn two_regions(state: Near, far_quota: f64) -> Result<bool, Failure> {
    let near = bucket(match state {
        Near::Throttles => 0.0,
        Near::IsDown => UNLIMITED,
        Near::Quota(quota) => quota,
    });
    if let Near::Throttles = state {
        near.set_quota(0.0);
    }
    near.set_down(matches!(state, Near::IsDown));
    let far = bucket(far_quota);
    let keys = [
        key("near", "eu-west-1", Rank::LOCAL, &near),
        key("far", "eu-central-1", Rank::REMOTE, &far),
    ];
    let made = Metered::new(keys.clone());
    let several = Several::new(keys.map(|key| Metered::new([key])))?;
    let opening = OpeningKeyring::builder()
        .load_timeout(Duration::from_secs(600))
        .build(Retry::new(
            Arc::new(several),
            seeded(1).with_deadline(Duration::from_secs(599)),
        ))?;
    let began = Instant::now();
    let mut messages = JoinSet::new();
    for number in 0..MESSAGES {
        let (opening, context) = (opening.clone(), context(number)?);
        let keys = made.wrapped(&context);
        messages.spawn(async move { opening.key(&context, &keys).await.map(drop) });
    }
    while let Some(opened) = messages.join_next().await {
        opened??;
    }
    let took = began.elapsed().as_secs_f64();
    let has_bar = far_quota >= UNLIMITED;
    let in_time = !has_bar || took <= ELSEWHERE;
    let limit = |quota: f64| {
        if quota >= UNLIMITED {
            "well".to_owned()
        } else {
            format!("{quota} a second")
        }
    };
    let state = match state {
        Near::Throttles => "throttles all".to_owned(),
        Near::IsDown => "fails all".to_owned(),
        Near::Quota(quota) => limit(quota),
    };
    let bar = match (has_bar, in_time) {
        (false, _) => String::new(),
        (true, true) => format!(", bar {ELSEWHERE}"),
        (true, false) => format!(", bar {ELSEWHERE} **missed**"),
    };
    println!(
        "| {state} | {} | {took:.2}{bar} | {} | {} | {} | {} |",
        limit(far_quota),
        near.served() + near.refused() + near.failed(),
        near.refused(),
        far.served() + far.refused(),
        far.refused(),
    );
    Ok(in_time)
}

/// Seconds for a hundred messages under the quick key, and calls a second of the slow one.
async fn beside(crowd: Option<(u64, bool)>) -> Result<(f64, f64), Failure> {
    let (slow, quick) = (bucket(20.0), bucket(UNLIMITED));
    let named = crowd.is_some_and(|(_, named)| named);
    let provider = Metered::new([
        key(
            "slow",
            if named { "eu-west-1/hsm" } else { "eu-west-1" },
            Rank::LOCAL,
            &slow,
        ),
        key("quick", "eu-west-1", Rank::LOCAL, &quick),
    ]);
    let opening = Arc::new(Retry::new(provider.clone(), seeded(1)));
    let own = context(0)?;
    let wrapped = provider.wrapped(&own);
    let mut callers = JoinSet::new();
    for _ in 0..crowd.map_or(0, |(callers, _)| callers) {
        let (opening, wrapped, own) = (Arc::clone(&opening), wrapped.clone(), own.clone());
        callers.spawn(async move {
            loop {
                let _either = opening.decrypt(&own, &wrapped.as_slice()[0]).await;
            }
        });
    }
    let start = Instant::now();
    sleep(Duration::from_secs(3)).await;
    let began = Instant::now();
    for _ in 0..100 {
        opening.decrypt(&own, &wrapped.as_slice()[1]).await?;
    }
    let took = began.elapsed().as_secs_f64();
    callers.shutdown().await;
    Ok((took, slow.served() as f64 / start.elapsed().as_secs_f64()))
}
