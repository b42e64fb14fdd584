//! Connections are kept, and let go together when one of them is dead: counted by a relay that stands between the client and
//! the emulator.
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use aws_sdk_kms::Client;
use aws_smithy_async::time::{SystemTimeSource, TimeSource};
use datakey_fake_kms::{Fault, FaultRule, KmsErrorCode, Latency};
use datakey_kms::KmsProvider;
use datakey_provider::{
    DataKeyLength, ErrorClass, OpeningProvider as _, ProviderError, SealingProvider as _,
};
use datakey_retry::{Policy, Retry};
use datakey_tests::{
    kms::{client, config, context},
    pipeline::Loopback,
};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
    time::{Instant, timeout},
};

/// An emulator, the address of a relay before it, and how many connections went through that.
async fn relayed() -> (Loopback, String, Arc<AtomicUsize>) {
    let loopback = Loopback::start().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (target, count) = (loopback.server.addr(), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&count);
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(async move {
                let mut far = TcpStream::connect(target).await.unwrap();
                let _either_side_closed = copy_bidirectional(&mut near, &mut far).await;
            });
        }
    });
    (loopback, address, count)
}

fn provider(loopback: &Loopback, address: &str) -> KmsProvider {
    KmsProvider::from_client(&client(address))
        .key(&*loopback.arn)
        .build()
        .unwrap()
}

#[tokio::test]
async fn a_hundred_calls_take_one_connection_whatever_is_answered() {
    let (loopback, address, connections) = relayed().await;
    let kms = provider(&loopback, &address);
    for round in 0..25 {
        let clone = kms.clone();
        let made = clone
            .generate_data_key(&context(), DataKeyLength::Bytes32)
            .await
            .unwrap();
        kms.decrypt(&context(), made.wrapped_keys().first())
            .await
            .unwrap();
        // The SDK gives a connection up after answers that it takes for signs of a sick host; KMS sends these often.
        let refusal = [
            KmsErrorCode::Throttling,
            KmsErrorCode::AccessDenied,
            KmsErrorCode::LimitExceeded,
        ][round % 3];
        loopback.fake.inject(FaultRule::new(refusal).times(1));
        kms.generate_data_key(&context(), DataKeyLength::Bytes32)
            .await
            .unwrap_err();
    }
    assert_eq!(connections.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn warming_up_opens_the_connection_that_the_first_call_takes() {
    let (loopback, address, connections) = relayed().await;
    let sealer = KmsProvider::from_client(&client(&address)).wrapping_key(&*loopback.arn);
    let sealer = sealer.build().unwrap();
    assert_eq!(connections.load(Ordering::Relaxed), 0, "building makes no call");
    sealer.warm_up(&context()).await.unwrap();
    assert_eq!(connections.load(Ordering::Relaxed), 1);
    drop(
        sealer
            .generate_data_key(&context(), DataKeyLength::Bytes32)
            .await
            .unwrap(),
    );
    assert_eq!(connections.load(Ordering::Relaxed), 1);
}

async fn call(kms: &KmsProvider) {
    let made = kms.generate_data_key(&context(), DataKeyLength::Bytes32).await;
    drop(made.unwrap());
}

/// A wall clock that jumps.
#[derive(Debug, Clone, Default)]
struct Jumps(Arc<AtomicUsize>);

impl TimeSource for Jumps {
    fn now(&self) -> SystemTime {
        let jumped = Duration::from_secs(self.0.load(Ordering::Relaxed) as u64);
        SystemTimeSource::new().now() + jumped
    }
}

#[tokio::test]
async fn connections_from_before_a_long_sleep_are_not_used_again() {
    let (loopback, address, connections) = relayed().await;
    let wall = Jumps::default();
    let client = Client::from_conf(config(&address).time_source(wall.clone()).build());
    let builder = KmsProvider::from_client(&client).key(&*loopback.arn);
    let kms = builder.idle_timeout(Duration::from_secs(40)).build().unwrap();
    let mut calls = 0;
    for (sleeps, made) in [(0, 1), (39, 1), (3600, 2), (0, 2), (40, 3), (1, 3)] {
        wall.0.fetch_add(sleeps, Ordering::Relaxed);
        for _ in 0..2 {
            call(&kms).await;
            calls += 1;
        }
        assert_eq!(
            connections.load(Ordering::Relaxed),
            made,
            "after {sleeps} s, call {calls}"
        );
    }
    // Put back, it changes nothing.
    wall.0.store(0, Ordering::Relaxed);
    call(&kms).await;
    assert_eq!(connections.load(Ordering::Relaxed), 3);
}

/// The negative twin of the rest: the relay counts.
#[tokio::test]
async fn providers_that_share_no_http_client_share_no_connection() {
    let (loopback, address, connections) = relayed().await;
    for built in 1..4 {
        drop(
            provider(&loopback, &address)
                .generate_data_key(&context(), DataKeyLength::Bytes32)
                .await
                .unwrap(),
        );
        assert_eq!(connections.load(Ordering::Relaxed), built);
    }
}

#[tokio::test]
async fn a_broken_connection_is_replaced() {
    let (loopback, address, connections) = relayed().await;
    let kms = provider(&loopback, &address);
    for broken in 1..4 {
        drop(
            kms.generate_data_key(&context(), DataKeyLength::Bytes32)
                .await
                .unwrap(),
        );
        assert_eq!(connections.load(Ordering::Relaxed), broken);
        loopback
            .fake
            .inject(FaultRule::new(Fault::DropConnection).times(1));
        kms.generate_data_key(&context(), DataKeyLength::Bytes32)
            .await
            .unwrap_err();
    }
    drop(
        kms.generate_data_key(&context(), DataKeyLength::Bytes32)
            .await
            .unwrap(),
    );
}

/// How connections die.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Dies {
    /// Without a word: what is sent goes nowhere.
    Silently,
    /// With a reset as soon as something is sent.
    Reset,
}

/// An emulator behind a relay whose connections of the moment can be made to die, and how many connections there were.
struct Mortal {
    loopback: Loopback,
    address: String,
    connections: Arc<AtomicUsize>,
    /// How many of them are dead: those that came first.
    dead: watch::Sender<usize>,
}

impl Mortal {
    async fn start(dies: Dies) -> Self {
        let loopback = Loopback::start().await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let (target, connections) = (loopback.server.addr(), Arc::new(AtomicUsize::new(0)));
        let (dead, of_all) = watch::channel(0);
        let counted = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let number = counted.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(relay(near, target, dies, of_all.clone(), number));
            }
        });
        Self {
            loopback,
            address,
            connections,
            dead,
        }
    }

    /// A provider with so many idle connections.
    async fn warm(&self, idle: usize, kms: &KmsProvider) {
        self.loopback
            .fake
            .set_latency(Latency::fixed(Duration::from_millis(200)));
        let mut calls = JoinSet::new();
        for _ in 0..idle {
            let kms = kms.clone();
            calls.spawn(async move { generate(&kms).await });
        }
        for made in calls.join_all().await {
            made.unwrap();
        }
        self.loopback.fake.set_latency(Latency::fixed(Duration::ZERO));
        assert_eq!(self.count(), idle);
    }

    fn provider(&self) -> KmsProvider {
        provider(&self.loopback, &self.address)
    }

    fn all_die(&self) {
        self.dead.send_replace(self.count());
    }

    fn count(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

async fn relay(
    mut near: TcpStream,
    target: std::net::SocketAddr,
    dies: Dies,
    mut dead: watch::Receiver<usize>,
    number: usize,
) {
    let mut far = TcpStream::connect(target).await.unwrap();
    tokio::select! {
        _either_side_closed = copy_bidirectional(&mut near, &mut far) => return,
        died = dead.wait_for(|dead| number < *dead) => drop(died),
    }
    drop(far);
    if dies == Dies::Reset {
        near.readable().await.unwrap();
        near.set_zero_linger().unwrap();
        return;
    }
    // Takes what comes, and says nothing, not even that it is gone.
    let _gone = tokio::io::copy(&mut near, &mut tokio::io::sink()).await;
    std::future::pending::<()>().await;
}

async fn generate(kms: &KmsProvider) -> Result<(), ProviderError> {
    kms.generate_data_key(&context(), DataKeyLength::Bytes32)
        .await
        .map(drop)
}

const SHORT: Duration = Duration::from_secs(1);

#[tokio::test]
async fn dead_connections_cost_one_time_out_however_many_they_are() {
    for dead in [1, 6, 20] {
        let mortal = Mortal::start(Dies::Silently).await;
        let kms = KmsProvider::from_client(&client(&mortal.address))
            .key(&*mortal.loopback.arn)
            .attempt_timeout(SHORT)
            .build()
            .unwrap();
        mortal.warm(dead, &kms).await;
        mortal.all_die();
        let timed_out = generate(&kms).await.unwrap_err();
        assert_eq!(timed_out.class(), ErrorClass::Timeout);
        for _ in 0..10 {
            generate(&kms).await.unwrap();
        }
        assert_eq!(mortal.count(), dead + 1, "and that one is kept");
    }
}

#[tokio::test]
async fn who_gives_up_waiting_leaves_no_dead_connections_to_the_next() {
    let mortal = Mortal::start(Dies::Silently).await;
    let kms = mortal.provider();
    mortal.warm(6, &kms).await;
    mortal.all_die();
    timeout(SHORT, generate(&kms)).await.unwrap_err();
    for _ in 0..6 {
        timeout(SHORT * 10, generate(&kms))
            .await
            .expect("it is alive")
            .unwrap();
    }
    assert_eq!(mortal.count(), 7);
}

#[tokio::test]
async fn a_reset_has_the_next_call_take_a_new_connection() {
    let mortal = Mortal::start(Dies::Reset).await;
    let kms = mortal.provider();
    mortal.warm(6, &kms).await;
    mortal.all_die();
    let mut failures = 0;
    for _ in 0..8 {
        failures += u32::from(generate(&kms).await.is_err());
    }
    assert!(failures <= 1, "{failures} of 8");
    assert_eq!(mortal.count(), 7);
}

#[tokio::test]
async fn the_retry_layer_is_through_after_one_attempt_that_timed_out() {
    let mortal = Mortal::start(Dies::Silently).await;
    let kms = mortal.provider();
    mortal.warm(6, &kms).await;
    mortal.all_die();
    let stack = Retry::new(kms, Policy::default().with_attempt_timeout(SHORT));
    let start = Instant::now();
    drop(
        stack
            .generate_data_key(&context(), DataKeyLength::Bytes32)
            .await
            .unwrap(),
    );
    assert!(start.elapsed() < 3 * SHORT, "{:?}", start.elapsed());
    assert_eq!(mortal.count(), 7);
}

#[tokio::test]
async fn no_connection_is_kept_where_none_may_lie_idle() {
    let (loopback, address, connections) = relayed().await;
    let kms = KmsProvider::from_client(&client(&address)).key(&*loopback.arn);
    let kms = kms.idle_timeout(Duration::ZERO).build().unwrap();
    for calls in 1..4 {
        generate(&kms).await.unwrap();
        assert_eq!(connections.load(Ordering::Relaxed), calls);
    }
}
