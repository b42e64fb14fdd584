//! Connections are kept: counted by a relay that stands between the client and the emulator.
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use datakey_fake_kms::{Fault, FaultRule, KmsErrorCode};
use datakey_kms::KmsProvider;
use datakey_provider::{DataKeyLength, OpeningProvider as _, SealingProvider as _};
use datakey_tests::{
    kms::{client, context},
    pipeline::Loopback,
};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
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
