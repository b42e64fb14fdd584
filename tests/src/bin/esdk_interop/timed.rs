//! Orders under cached data keys, beside the SDK for Python: how long each takes.
use std::{fs, path::Path};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use datakey::{Aad, CachingLimits, Opener, Sealer};
use serde_json::Value;
use tokio::time::Instant;

use crate::over_kms::{AGE, Anything, Service, Tools, context, params};

const ORDERS: &str = "20000";
const ROUNDS: usize = 3;
/// How many times as fast as the SDK for Python, each way.
const BAR: f64 = 25.0;

/// Seconds to seal and to open all orders.
type Times = [f64; 2];

/// Both sides in turns over one KMS; each opens what the other sealed. Fails where ours is not so many times as fast.
pub async fn run(tools: &Tools<'_>) -> Anything {
    let file = tools.orders(ORDERS).await?;
    let text = fs::read_to_string(&file)?;
    let orders: Vec<&[u8]> = text.lines().map(str::as_bytes).collect();
    let service = Service::start().await?;
    let (mut theirs, mut ours) = ([f64::INFINITY; 2], [f64::INFINITY; 2]);
    for _ in 0..ROUNDS {
        tools.call("time", &file, &service, &[tools.folder]).await?;
        assert_eq!(service.counted(), [1, 1], "calls of the SDK for Python");
        keep(&mut theirs, of_python(tools)?);
        let (times, sealed) = of_datakey(&service, &orders).await?;
        assert_eq!(service.counted(), [1, 1], "calls of datakey");
        keep(&mut ours, times);
        exchange(tools, &service, &file, &orders, &sealed).await?;
    }
    report(&theirs, &ours)
}

fn keep(fastest: &mut Times, times: Times) {
    for (fastest, time) in fastest.iter_mut().zip(times) {
        *fastest = fastest.min(time);
    }
}

fn of_python(tools: &Tools<'_>) -> Anything<Times> {
    let text = fs::read_to_string(Path::new(tools.folder).join("python.json"))?;
    let times: Value = serde_json::from_str(&text)?;
    let of = |name: &str| times[name].as_f64().ok_or("no time");
    Ok([of("seal")?, of("open")?])
}

async fn of_datakey(service: &Service, orders: &[&[u8]]) -> Anything<(Times, Vec<Vec<u8>>)> {
    let limits = CachingLimits::new(AGE);
    let sealer = Sealer::builder(service.provider()?)
        .format(params())
        .limits(limits)
        .build()?;
    let opener = Opener::builder(service.provider()?).limits(limits).build()?;
    let context = context();
    let began = Instant::now();
    let mut sealed = Vec::new();
    for order in orders {
        sealed.push(sealer.seal(&context, order, Aad::EMPTY).await?);
    }
    let seal = began.elapsed().as_secs_f64();
    let began = Instant::now();
    let mut opened = Vec::new();
    for message in &sealed {
        opened.push(opener.open(&context, message, Aad::EMPTY).await?);
    }
    let open = began.elapsed().as_secs_f64();
    assert_eq!(opened, orders);
    Ok(([seal, open], sealed))
}

/// Each opens what the other sealed.
async fn exchange(
    tools: &Tools<'_>,
    service: &Service,
    file: &Path,
    orders: &[&[u8]],
    sealed: &[Vec<u8>],
) -> Anything {
    tools.opens(file, service, sealed).await?;
    let opener = Opener::builder(service.provider()?).build()?;
    let theirs = fs::read_to_string(Path::new(tools.folder).join("python.txt"))?;
    let mut opened = 0;
    for (line, order) in theirs.lines().zip(orders) {
        let message = BASE64_STANDARD.decode(line)?;
        assert_eq!(opener.open(&context(), &message, Aad::EMPTY).await?, *order);
        opened += 1;
    }
    assert_eq!(opened, orders.len());
    assert_eq!(service.counted(), [0, 1]);
    Ok(())
}

fn report(theirs: &Times, ours: &Times) -> Anything {
    let ratios = [theirs[0] / ours[0], theirs[1] / ours[1]];
    println!("| {ORDERS} orders, 0x0478, fastest of {ROUNDS} | seal | open | KMS calls |\n|---|---|---|---|");
    println!(
        "| AWS Encryption SDK for Python, caching | {:.2} s | {:.2} s | 1 + 1 |",
        theirs[0], theirs[1]
    );
    println!("| datakey | {:.4} s | {:.4} s | 1 + 1 |", ours[0], ours[1]);
    println!("| times as fast | {:.1} | {:.1} | |", ratios[0], ratios[1]);
    match ratios.iter().all(|ratio| *ratio >= BAR) {
        true => Ok(()),
        false => Err(format!("less than {BAR} times as fast").into()),
    }
}
