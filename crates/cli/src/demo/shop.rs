//! The shop: seals every order and posts batches of them to the accounting service.
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use datakey::{Aad, EncryptionContext, FormatName, Sealer};
use http_body_util::Full;
use hyper::{Request, body::Bytes};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use indicatif::ProgressBar;
use tokio::{task::JoinSet, time::Instant};

use super::{orders::Order, wire};

/// How a shop works through its orders.
pub(crate) struct Shop {
    pub(crate) sealer: Sealer,
    pub(crate) context: EncryptionContext,
    pub(crate) accounting: SocketAddr,
    /// One records message for each batch instead of one message for each order.
    pub(crate) records: bool,
    /// How many batches are in the works at a time.
    pub(crate) workers: usize,
    /// How many orders are posted at a time.
    pub(crate) batch: usize,
    pub(crate) progress: ProgressBar,
}

/// What the shop saw.
#[derive(Debug, Default)]
pub(crate) struct Takings {
    pub(crate) sealed: u64,
    pub(crate) posted: u64,
    /// Errors that reached the shop, by kind.
    pub(crate) errors: BTreeMap<String, u64>,
    /// For each posted order, the time from when it was taken up until accounting answered for it.
    pub(crate) latencies: Vec<Duration>,
}

struct Batch {
    path: &'static str,
    body: Vec<u8>,
    taken_up: Vec<Instant>,
}

impl Shop {
    /// Seals and posts all orders; returns when each is posted or given up.
    pub(crate) async fn run(self, orders: Arc<[Order]>) -> Takings {
        let shop = Arc::new(self);
        let next = Arc::new(AtomicUsize::new(0));
        let mut tasks = JoinSet::new();
        for _ in 0..shop.workers.max(1) {
            tasks.spawn(work(Arc::clone(&shop), Arc::clone(&orders), Arc::clone(&next)));
        }
        let mut takings = Takings::default();
        while let Some(done) = tasks.join_next().await {
            match done {
                Ok(part) => takings.add(part),
                Err(_) => takings.note("a worker of the shop ended early", 1),
            }
        }
        takings
    }

    async fn seal_each(&self, orders: &[Order], takings: &mut Takings) -> Batch {
        let mut batch = Batch {
            path: "/orders",
            body: Vec::new(),
            taken_up: Vec::new(),
        };
        let is_bound = self.sealer.format().name() == FormatName::Datakey;
        for order in orders {
            let taken_up = Instant::now();
            let number = order.number.to_be_bytes();
            let aad = if is_bound { Aad::new(&number) } else { Aad::EMPTY };
            match self.sealer.seal(&self.context, &order.transaction(), aad).await {
                Ok(message) => {
                    wire::push(&mut batch.body, order.number, &message);
                    batch.taken_up.push(taken_up);
                }
                Err(error) => takings.note(&kind(&error), 1),
            }
        }
        batch
    }

    async fn seal_records(&self, orders: &[Order], takings: &mut Takings) -> Batch {
        let taken_up = vec![Instant::now(); orders.len()];
        let numbers: Vec<u32> = orders.iter().map(|order| order.number).collect();
        let aad: Vec<u8> = numbers.iter().flat_map(|number| number.to_be_bytes()).collect();
        let records: Vec<Vec<u8>> = orders.iter().map(Order::transaction).collect();
        match self
            .sealer
            .seal_records(&self.context, &records, Aad::new(&aad))
            .await
        {
            Ok(message) => {
                let mut body = wire::records(&numbers);
                body.extend_from_slice(&message);
                Batch {
                    path: "/records",
                    body,
                    taken_up,
                }
            }
            Err(error) => {
                takings.note(&kind(&error), orders.len() as u64);
                Batch {
                    path: "/records",
                    body: Vec::new(),
                    taken_up: Vec::new(),
                }
            }
        }
    }
}

async fn work(shop: Arc<Shop>, orders: Arc<[Order]>, next: Arc<AtomicUsize>) -> Takings {
    let http: Client<HttpConnector, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let mut takings = Takings::default();
    loop {
        let index = next.fetch_add(1, Ordering::Relaxed);
        let Some(orders) = orders.chunks(shop.batch.max(1)).nth(index) else {
            return takings;
        };
        let batch = if shop.records {
            shop.seal_records(orders, &mut takings).await
        } else {
            shop.seal_each(orders, &mut takings).await
        };
        takings.sealed = takings.sealed.saturating_add(batch.taken_up.len() as u64);
        if !batch.taken_up.is_empty() {
            post(&http, shop.accounting, batch, &mut takings).await;
        }
        shop.progress.inc(orders.len() as u64);
    }
}

async fn post(
    http: &Client<HttpConnector, Full<Bytes>>,
    accounting: SocketAddr,
    batch: Batch,
    takings: &mut Takings,
) {
    let request = Request::post(format!("http://{accounting}{}", batch.path)).body(Full::from(batch.body));
    let count = batch.taken_up.len() as u64;
    let Ok(request) = request else {
        return takings.note("the batch could not be posted", count);
    };
    match http.request(request).await {
        Ok(response) if response.status().is_success() => {
            takings.posted = takings.posted.saturating_add(count);
            takings
                .latencies
                .extend(batch.taken_up.iter().map(Instant::elapsed));
        }
        Ok(response) => takings.note(&format!("accounting answered {}", response.status()), count),
        Err(error) => takings.note(&format!("the batch could not be posted: {error}"), count),
    }
}

fn kind(error: &datakey::SealError) -> String {
    error
        .class()
        .map_or_else(|| error.to_string(), |class| class.as_str().to_owned())
}

impl Takings {
    fn note(&mut self, kind: &str, count: u64) {
        let noted = self.errors.entry(kind.to_owned()).or_default();
        *noted = noted.saturating_add(count);
    }

    fn add(&mut self, part: Self) {
        self.sealed = self.sealed.saturating_add(part.sealed);
        self.posted = self.posted.saturating_add(part.posted);
        self.latencies.extend(part.latencies);
        for (kind, count) in part.errors {
            self.note(&kind, count);
        }
    }
}
