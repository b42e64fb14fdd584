//! Every provider and every wrapper around one, alone and nested, against the one suite.
use std::sync::Arc;

use datakey_local::LocalKeys;
use datakey_provider::{
    DataKeyLength, KeyProvider, OpeningProvider as _, SealingProvider as _, Several, conformance,
};
use datakey_retry::{Policy, Retry};
use datakey_tests::pipeline::{Loopback, in_process, orders};

type Any = Arc<dyn KeyProvider>;

async fn conforms(name: &str, provider: &(impl KeyProvider + ?Sized)) {
    conformance::check(provider)
        .await
        .unwrap_or_else(|violation| panic!("{name}: {violation}"));
}

/// A provider in all the ways of holding one.
async fn conforms_however_held<P: KeyProvider + Clone + 'static>(name: &str, provider: P) {
    conforms(name, &provider).await;
    conforms(&format!("&{name}"), &&provider).await;
    conforms(&format!("Box<{name}>"), &Box::new(provider.clone())).await;
    conforms(&format!("Arc<{name}>"), &Arc::new(provider.clone())).await;
    let boxed: Box<dyn KeyProvider> = Box::new(provider.clone());
    conforms(&format!("Box<dyn {name}>"), &boxed).await;
    let shared: Any = Arc::new(provider.clone());
    conforms(&format!("Arc<dyn {name}>"), &shared).await;
    conforms(
        &format!("Retry<{name}>"),
        &Retry::new(provider.clone(), Policy::default()),
    )
    .await;
    conforms(
        &format!("Retry<{name}>, never"),
        &Retry::new(provider.clone(), Policy::never()),
    )
    .await;
    conforms(
        &format!("Several<{name}>"),
        &Several::new([provider.clone()]).unwrap(),
    )
    .await;
    conforms(
        &format!("Arc<Retry<Several<Arc<dyn {name}>>>>"),
        &Arc::new(Retry::new(Several::new([shared]).unwrap(), Policy::default())),
    )
    .await;
}

#[tokio::test]
async fn local_keys_conform() {
    let keys = LocalKeys::generate("one").unwrap();
    conforms_however_held("LocalKeys", keys.clone()).await;
    conforms_however_held("rotated LocalKeys", keys.with_generated("two").unwrap()).await;
}

#[tokio::test]
async fn the_emulator_in_the_process_conforms() {
    conforms_however_held("FakeKmsProvider", in_process()).await;
}

#[tokio::test]
async fn kms_conforms() {
    let loopback = Loopback::start().await;
    conforms("KmsProvider", &loopback.provider()).await;
    // The other ways to hold one are the same for every provider.
    let shared: Any = Arc::new(loopback.provider());
    let held = Arc::new(Retry::new(Several::new([shared]).unwrap(), Policy::default()));
    conforms("Arc<Retry<Several<Arc<dyn KmsProvider>>>>", &held).await;
    let by_alias = loopback.fake.create_alias("alias/orders", &loopback.arn);
    by_alias.unwrap();
    let client = datakey_tests::kms::client(&loopback.server.url());
    let aliased = datakey_kms::KmsProvider::from_client(&client)
        .key("alias/orders")
        .build();
    conforms("KmsProvider by alias", &aliased.unwrap()).await;
}

#[tokio::test]
async fn several_of_all_kinds_conform() {
    let loopback = Loopback::start().await;
    let local: Any = Arc::new(LocalKeys::generate("dev").unwrap());
    let near: Any = Arc::new(in_process());
    let far: Any = Arc::new(Retry::new(loopback.provider(), Policy::default()));
    for (order, retried) in [([&local, &near, &far], false), ([&far, &local, &near], true)] {
        let several = Several::new(order.map(Arc::clone)).unwrap();
        let made = several
            .generate_data_key(&orders(), DataKeyLength::Bytes32)
            .await
            .unwrap();
        assert_eq!(made.wrapped_keys().as_slice().len(), 3, "one from each");
        if retried {
            conforms("Retry<Several>", &Retry::new(&several, Policy::default())).await;
        } else {
            conforms("Several", &several).await;
        }
    }
    let nested: Any = Arc::new(Several::new([local.clone(), near.clone()]).unwrap());
    conforms(
        "Several of Several",
        &Several::new([nested, far.clone()]).unwrap(),
    )
    .await;
}

/// What one kind wraps is nothing to the others: they do not recognise it, whichever wraps.
#[tokio::test]
async fn each_kind_recognises_its_own_only() {
    let loopback = Loopback::start().await;
    let kinds: [Any; 3] = [
        Arc::new(LocalKeys::generate("dev").unwrap()),
        Arc::new(in_process()),
        Arc::new(loopback.provider()),
    ];
    for (at, one) in kinds.iter().enumerate() {
        let made = one
            .generate_data_key(&orders(), DataKeyLength::Bytes32)
            .await
            .unwrap();
        for (other_at, other) in kinds.iter().enumerate() {
            let recognised = other.rank(made.wrapped_keys().first()).is_some();
            assert_eq!(recognised, at == other_at, "{at} and {other_at}");
        }
    }
}
