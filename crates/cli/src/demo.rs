//! `datakey demo`: a shop posts real orders to an accounting service, both through one KMS with a quota.
//!
//! Everything is what a service would have: the AWS SDK's client over HTTP to a KMS, here the emulator on loopback, and an
//! accounting service that takes batches over HTTP. Each strategy gets a KMS, a shop and an accounting service of its
//! own.

mod accounting;
mod books;
mod orders;
#[cfg(feature = "report")]
mod picture;
mod report;
mod seconds;
mod shop;
mod strategy;
mod wire;

use std::{io::IsTerminal as _, sync::Arc, time::Duration};

use datakey::{
    EncryptionContext,
    fake_kms::{FakeKms, FakeKmsServer, KmsOperation, Latency, Outcome as Answer, Quota},
};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use tokio::time::Instant;

pub(crate) use self::report::group;
use self::{
    accounting::Accounting,
    orders::Order,
    report::{KmsCalls, Outcome, Report},
    seconds::Second,
    shop::{Shop, Takings},
    strategy::{Kms, Strategy},
};
use crate::{args::DemoArgs, failure::Failure, print};

/// Batches in the works at a time.
const WORKERS: usize = 32;

/// Orders posted at a time.
const BATCH: usize = 50;

/// How long the emulated KMS takes for an answer: a good connection within a region.
const KMS_LATENCY: Duration = Duration::from_millis(3);

/// Runs the strategies, prints the table or the JSON, and fails if one broke its promise.
pub(crate) async fn run(args: &DemoArgs, json: bool) -> Result<(), Failure> {
    let strategies = chosen(&args.only)?;
    #[cfg(feature = "report")]
    args.report.check([])?;
    let orders = orders::all().map_err(|error| Failure::other("the order data", error))?;
    if !json {
        print::note(false, &serde_json::Value::Null, &opening_line(args, &orders));
    }
    let begun = Instant::now();
    let bars = MultiProgress::new();
    let all = |beside: bool| {
        let strategies = strategies
            .iter()
            .filter(move |strategy| strategy.beside == beside);
        in_turn(strategies, &orders, args, (!json).then_some(&bars))
    };
    let (beside, in_turn) = tokio::join!(all(true), all(false));
    let mut outcomes = [beside?, in_turn?].concat();
    outcomes.sort_by_key(|outcome| strategies.iter().position(|own| own.name == outcome.strategy));
    let advice = Report::conclude(&outcomes);
    let report = Report {
        orders: orders.len() as u64,
        total_usd: orders::sum(&orders).to_string(),
        kms_quota_per_second: args.quota.into(),
        every: args.every,
        kms_latency_ms: KMS_LATENCY.as_secs_f64() * 1e3,
        workers: WORKERS,
        orders_per_batch: BATCH,
        strategies: outcomes,
        seconds: begun.elapsed().as_secs_f64(),
        advice,
    };
    let value = serde_json::to_value(&report).map_err(|error| Failure::other("the report", error))?;
    print::result(json, &value, &text(&report))?;
    #[cfg(feature = "report")]
    args.report.write(json, || picture::of(&report))?;
    match report
        .strategies
        .iter()
        .filter(|outcome| outcome.broke_its_claim())
        .count()
    {
        0 => Ok(()),
        count => Err(Failure::Demo { count }),
    }
}

fn chosen(only: &[String]) -> Result<Vec<Strategy>, Failure> {
    if let Some(unknown) = only
        .iter()
        .find(|name| strategy::ALL.iter().all(|known| known.name != **name))
    {
        let names: Vec<&str> = strategy::ALL.iter().map(|known| known.name).collect();
        return Err(Failure::Usage(format!(
            "no strategy is called {unknown:?}; there are {}",
            names.join(", ")
        )));
    }
    let wanted = |strategy: &&Strategy| only.is_empty() || only.iter().any(|name| name == strategy.name);
    Ok(strategy::ALL.iter().filter(wanted).copied().collect())
}

fn opening_line(args: &DemoArgs, orders: &[Order]) -> String {
    format!(
        "{} orders, {}. KMS: {} requests a second for both services, {} ms each. \
         {WORKERS} batches of {BATCH} orders at a time. Each way has a KMS of its own; the SDK's adaptive retry, which waits \
         most of its time, runs beside the others.",
        group(orders.len() as u64),
        report::group_usd(orders::sum(orders)),
        group(args.quota.into()),
        KMS_LATENCY.as_millis(),
    )
}

fn text(report: &Report) -> String {
    let mut lines = vec![report.table().to_string()];
    if let Some(share) = report
        .strategies
        .iter()
        .find(|outcome| outcome.orders < report.orders)
    {
        lines.push(format!(
            "* one order in {}, {} of them: too slow for all. KMS calls are sealing + opening; the latency of an order \
             is from when the shop takes it up until accounting has answered for its batch.",
            report.every,
            group(share.orders),
        ));
    }
    for outcome in &report.strategies {
        for (kind, count) in &outcome.errors {
            lines.push(format!("{}: {} x {kind}", outcome.strategy, group(*count)));
        }
    }
    if report
        .strategies
        .iter()
        .any(|outcome| outcome.orders == report.orders && outcome.is_whole())
    {
        lines.push(format!(
            "Accounting's books of all orders add up to {} USD, to the cent.",
            report.total_usd
        ));
    }
    lines.push(format!("{} ({:.0} s)", report.advice, report.seconds));
    lines.join("\n")
}

/// One strategy after the other.
async fn in_turn(
    strategies: impl Iterator<Item = &Strategy>,
    orders: &[Order],
    args: &DemoArgs,
    bars: Option<&MultiProgress>,
) -> Result<Vec<Outcome>, Failure> {
    let mut outcomes = Vec::new();
    for strategy in strategies {
        outcomes.push(one(strategy, orders, args, bars).await?);
    }
    Ok(outcomes)
}

async fn one(
    strategy: &Strategy,
    orders: &[Order],
    args: &DemoArgs,
    bars: Option<&MultiProgress>,
) -> Result<Outcome, Failure> {
    let every = if strategy.all_orders {
        1
    } else {
        usize::try_from(args.every).unwrap_or(usize::MAX)
    };
    let orders: Arc<[Order]> = orders::share(orders, every).into();
    let unforeseen =
        |error: Box<dyn std::error::Error + Send + Sync>| Failure::other("the KMS emulator", error);
    let fake = FakeKms::builder()
        .quota(Quota::per_second(args.quota.into()))
        .latency(Latency::fixed(KMS_LATENCY))
        .ledger_capacity(seconds::MOST_CALLS)
        .build()
        .map_err(|error| unforeseen(error.into()))?;
    let key = fake.create_key().map_err(|error| unforeseen(error.into()))?;
    let server = FakeKmsServer::start(fake.clone())
        .await
        .map_err(|error| unforeseen(error.into()))?;
    let kms = Kms {
        url: server.url(),
        region: fake.region().to_owned(),
        key: key.to_string(),
    };

    let context = EncryptionContext::new([("tenant", "acme"), ("purpose", "orders")])?;
    let stack = |error: strategy::StackError| Failure::other("a strategy's stack", error);
    let opener = strategy.opener(&kms).map_err(stack)?;
    let accounting = Accounting::start(opener, context.clone())
        .await
        .map_err(|error| Failure::other("the accounting service cannot be started", error))?;
    let shop = Shop {
        sealer: strategy.sealer(&kms).map_err(stack)?,
        context,
        accounting: accounting.address(),
        records: strategy.records,
        workers: WORKERS,
        batch: BATCH,
        progress: progress(strategy, orders.len(), bars),
    };

    let (begun, bar) = (Instant::now(), shop.progress.clone());
    let takings = shop.run(Arc::clone(&orders)).await;
    let seconds = begun.elapsed().as_secs_f64();
    bar.finish_and_clear();
    let outcome = settle(strategy, &orders, takings, &accounting, &fake, seconds);
    drop(accounting);
    server.shutdown().await;
    Ok(outcome)
}

fn settle(
    strategy: &Strategy,
    orders: &[Order],
    takings: Takings,
    accounting: &Accounting,
    fake: &FakeKms,
    seconds: f64,
) -> Outcome {
    let audit = accounting.books().audit(orders);
    let mut errors = takings.errors;
    for (kind, count) in accounting.books().errors() {
        let noted = errors.entry(kind).or_default();
        *noted = noted.saturating_add(count);
    }
    let ledger = fake.ledger();
    Outcome {
        strategy: strategy.name,
        what: strategy.what,
        claims_delivery: strategy.claims_delivery,
        orders: orders.len() as u64,
        sealed: takings.sealed,
        posted: takings.posted,
        verified: audit.verified,
        lost: audit.lost,
        doubled: audit.doubled,
        altered: audit.altered,
        total_usd: audit.sum.to_string(),
        expected_total_usd: orders::sum(orders).to_string(),
        kms_calls: KmsCalls {
            sealing: ledger.calls_of(KmsOperation::GenerateDataKey),
            opening: ledger.calls_of(KmsOperation::Decrypt),
            throttled: ledger.throttled(),
        },
        data_keys: ledger.count(KmsOperation::GenerateDataKey, Answer::Success),
        calls_by_second: Second::all_of(ledger),
        errors,
        seconds,
        orders_per_second: audit.verified as f64 / seconds.max(f64::EPSILON),
        latency_ms: report::Latency::of(takings.latencies),
    }
}

fn progress(strategy: &Strategy, orders: usize, bars: Option<&MultiProgress>) -> ProgressBar {
    let Some(bars) = bars.filter(|_| std::io::stderr().is_terminal()) else {
        return ProgressBar::hidden();
    };
    let bar = bars.add(ProgressBar::new(orders as u64).with_message(strategy.what));
    match ProgressStyle::with_template("{msg:38} {bar:30} {pos}/{len} {elapsed}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
