//! How many `GenerateDataKey` a second one fake answers: in process, and over HTTP.
//!
//! Client and server share two threads, so that what is told over HTTP is what both do together.
#![forbid(unsafe_code)]
#![expect(
    clippy::print_stdout,
    clippy::expect_used,
    reason = "it reports, and a benchmark that cannot be set up has to stop"
)]
use std::{
    error::Error,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use datakey_fake_kms::{FakeKms, FakeKmsServer, KmsContext};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
    time::Instant,
};

const THREADS: usize = 2;
const CLIENTS: usize = 32;
const TIME: Duration = Duration::from_secs(5);

fn main() -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(THREADS)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        println!("in process: {} calls/s", in_process().await?);
        println!("over HTTP: {} calls/s", over_http().await?);
        Ok(())
    })
}

async fn in_process() -> Result<u64, Box<dyn Error>> {
    let fake = FakeKms::new();
    let key = fake.create_key()?;
    let context = KmsContext::new([("tenant", "acme"), ("purpose", "orders")])?;
    let done = Arc::new(AtomicU64::new(0));
    let mut tasks = JoinSet::new();
    let begun = Instant::now();
    for _ in 0..THREADS {
        let (fake, key, context, done) = (fake.clone(), Arc::clone(&key), context.clone(), Arc::clone(&done));
        tasks.spawn(async move {
            while begun.elapsed() < TIME {
                let made = fake.generate_data_key(&key, &context, 32).await;
                made.expect("nothing is told to fail");
                done.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    tasks.join_all().await;
    Ok(rate(&done, begun))
}

async fn over_http() -> Result<u64, Box<dyn Error>> {
    let fake = FakeKms::new();
    let key = fake.create_key()?;
    let server = FakeKmsServer::start(fake.clone()).await?;
    let body = format!(
        r#"{{"KeyId":"{key}","KeySpec":"AES_256","EncryptionContext":{{"tenant":"acme","purpose":"orders"}}}}"#
    );
    let request = format!(
        "POST / HTTP/1.1\r\nhost: kms\r\ncontent-type: application/x-amz-json-1.1\r\n\
         x-amz-target: TrentService.GenerateDataKey\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let done = Arc::new(AtomicU64::new(0));
    let mut tasks = JoinSet::new();
    let begun = Instant::now();
    for _ in 0..CLIENTS {
        tasks.spawn(client(server.addr(), request.clone(), begun, Arc::clone(&done)));
    }
    tasks.join_all().await;
    let rate = rate(&done, begun);
    server.shutdown().await;
    assert_eq!(
        fake.ledger().successes(),
        done.load(Ordering::Relaxed),
        "every answer was a data key"
    );
    Ok(rate)
}

/// Asks again and again on one connection. Every answer has the same length.
async fn client(address: SocketAddr, request: String, begun: Instant, done: Arc<AtomicU64>) {
    let mut stream = TcpStream::connect(address).await.expect("the server listens");
    stream.set_nodelay(true).expect("an option of every connection");
    let mut buffer = vec![0; 4096];
    while begun.elapsed() < TIME {
        stream
            .write_all(request.as_bytes())
            .await
            .expect("the server reads");
        let mut read = 0;
        while !buffer.get(..read).is_some_and(|answer| answer.ends_with(b"}")) {
            let rest = buffer
                .get_mut(read..)
                .expect("an answer is shorter than the buffer");
            read = read.saturating_add(stream.read(rest).await.expect("the server answers"));
        }
        done.fetch_add(1, Ordering::Relaxed);
    }
}

fn rate(done: &AtomicU64, begun: Instant) -> u64 {
    let millis = u64::try_from(begun.elapsed().as_millis())
        .unwrap_or(u64::MAX)
        .max(1);
    done.load(Ordering::Relaxed)
        .saturating_mul(1000)
        .checked_div(millis)
        .unwrap_or(0)
}
