//! What of DynamoDB each plane needs: the policies of `docs/branch-keys-policies.md` allow what is sent, and nothing else.
use std::collections::BTreeSet;

use datakey::branch_keys::{ItemKind, ReadingStore, Store};
use datakey_dynamodb_tests::*;
use serde_json::{Value, json};
use wiremock::MockServer;

/// What the policies of the page allow on the table, the data plane's first.
fn allowed() -> Vec<BTreeSet<String>> {
    let page = include_str!("../../../../docs/branch-keys-policies.md");
    let blocks = page.split("```json").skip(1);
    let policies = blocks.map(|after| after.split("```").next().unwrap());
    let dynamodb = policies.filter(|policy| policy.contains("dynamodb:"));
    dynamodb
        .map(|policy| actions(&serde_json::from_str(policy).unwrap()))
        .collect()
}

fn actions(policy: &Value) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for statement in policy["Statement"].as_array().unwrap() {
        match &statement["Action"] {
            Value::Array(several) => all.extend(several.iter().map(text)),
            one => drop(all.insert(text(one))),
        }
    }
    all
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// The permissions that what was sent takes. Those of a transaction are those of what it is made of.
async fn taken(server: &MockServer) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for (operation, body) in seen(server).await {
        match operation.as_str() {
            "TransactWriteItems" => {
                for write in body["TransactItems"].as_array().unwrap() {
                    all.extend(
                        write
                            .as_object()
                            .unwrap()
                            .keys()
                            .map(|kind| format!("dynamodb:{kind}Item")),
                    );
                }
            }
            _ => drop(all.insert(format!("dynamodb:{operation}"))),
        }
    }
    all
}

async fn reads(store: &impl ReadingStore) {
    for kind in [
        ItemKind::Active,
        ItemKind::Version(version(VERSION)),
        ItemKind::Beacon,
    ] {
        store.get(&id(), kind).await.unwrap();
    }
}

async fn controls(store: &impl Store) {
    reads(store).await;
    let items = [
        version_item(VERSION, b"first"),
        item(ItemKind::Active, Some(VERSION), b"second"),
    ];
    let _written = store.put_if_absent(&items).await.unwrap();
    let _written = store.swap(&items[0], &items[1], b"old").await.unwrap();
    store.versions(&id()).await.unwrap();
}

#[tokio::test]
async fn the_documented_policies_allow_what_each_plane_sends_and_nothing_else() {
    let policies = allowed();
    let [data_plane, control_plane] = &policies[..] else {
        panic!("{} policies", policies.len())
    };
    let server = server(success(&json!({}))).await;
    reads(&store(&server.uri())).await;
    assert_eq!(taken(&server).await, *data_plane);
    controls(&store(&server.uri())).await;
    assert_eq!(taken(&server).await, *control_plane);
}
