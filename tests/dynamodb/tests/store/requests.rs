//! What the store sends.
use datakey::branch_keys::{ItemKind, ReadingStore as _, Store as _, Written};
use datakey_dynamodb_tests::*;
use serde_json::{Value, json};

const ALL_KINDS: [(ItemKind, &str); 2] = [
    (ItemKind::Active, "branch:ACTIVE"),
    (ItemKind::Beacon, "beacon:ACTIVE"),
];

#[tokio::test]
async fn a_read_is_one_strongly_consistent_get_of_the_whole_key() {
    let item = version_item(VERSION, b"wrapped");
    let server = server(success(&json!({"Item": wire(&item)}))).await;
    let store = store(&server.uri());
    let got = store.get(&id(), item.kind()).await.unwrap();
    assert_eq!(got, Some(item));
    for (kind, _) in ALL_KINDS {
        let _other = store.get(&id(), kind).await;
    }
    let kinds = [format!("branch:version:{VERSION}")]
        .into_iter()
        .chain(ALL_KINDS.map(|(_, name)| name.to_owned()));
    let expected: Vec<_> = kinds
        .map(|kind| {
            let body = json!({
                "TableName": TABLE,
                "Key": {"branch-key-id": {"S": "tenant-acme"}, "type": {"S": kind}},
                "ConsistentRead": true,
            });
            ("GetItem".to_owned(), body)
        })
        .collect();
    assert_eq!(seen(&server).await, expected);
}

#[tokio::test]
async fn an_item_goes_through_dynamodb_unchanged_whatever_kind_it_is() {
    for item in [
        item(ItemKind::Active, Some(VERSION), b"\x00\xff wrapped"),
        version_item(VERSION, &[7; 512]),
        item(ItemKind::Beacon, None, b"w"),
    ] {
        let server = server(success(&json!({"Item": wire(&item)}))).await;
        let got = store(&server.uri()).get(&id(), item.kind()).await.unwrap();
        assert_eq!(got, Some(item));
    }
}

/// The only two writes there are: all items if none is there, and a new version if the active one is the one that was read.
#[tokio::test]
async fn creating_writes_all_items_if_none_is_there() {
    let items = [
        version_item(VERSION, b"first"),
        item(ItemKind::Active, Some(VERSION), b"second"),
        item(ItemKind::Beacon, None, b"third"),
    ];
    let server = server(success(&json!({}))).await;
    let written = store(&server.uri()).put_if_absent(&items).await.unwrap();
    assert_eq!(written, Written::Done);
    let [(operation, body)] = &seen(&server).await[..] else {
        panic!("one attempt is one request");
    };
    assert_eq!(operation, "TransactWriteItems");
    let puts: Vec<_> = items
        .iter()
        .map(|item| {
            json!({"Put": {
                "TableName": TABLE,
                "Item": wire(item),
                "ConditionExpression": "attribute_not_exists(#id)",
                "ExpressionAttributeNames": {"#id": "branch-key-id"},
            }})
        })
        .collect();
    assert_eq!(body["TransactItems"], Value::from(puts));
    is_token(&body["ClientRequestToken"]);
}

#[tokio::test]
async fn rotating_writes_over_what_was_read_and_nothing_else() {
    let (version, active) = (
        version_item(NEXT, b"first"),
        item(ItemKind::Active, Some(NEXT), b"second"),
    );
    let server = server(success(&json!({}))).await;
    let written = store(&server.uri())
        .swap(&version, &active, b"\x00old")
        .await
        .unwrap();
    assert_eq!(written, Written::Done);
    let [(operation, body)] = &seen(&server).await[..] else {
        panic!("one attempt is one request");
    };
    assert_eq!(operation, "TransactWriteItems");
    let expected = json!([
        {"Put": {
            "TableName": TABLE,
            "Item": wire(&version),
            "ConditionExpression": "attribute_not_exists(#id)",
            "ExpressionAttributeNames": {"#id": "branch-key-id"},
        }},
        {"Put": {
            "TableName": TABLE,
            "Item": wire(&active),
            "ConditionExpression": "attribute_exists(#id) AND #enc = :old",
            "ExpressionAttributeNames": {"#id": "branch-key-id", "#enc": "enc"},
            "ExpressionAttributeValues": {":old": {"B": "AG9sZA=="}},
        }},
    ]);
    assert_eq!(body["TransactItems"], expected);
    is_token(&body["ClientRequestToken"]);
}

fn is_token(token: &Value) {
    let token = token.as_str().expect("a token");
    assert!((1..=36).contains(&token.len()), "{token}");
    assert!(token.bytes().all(|byte| byte.is_ascii_hexdigit()), "{token}");
}

#[tokio::test]
async fn the_same_write_has_the_same_token_and_another_write_another_one() {
    let server = server(success(&json!({}))).await;
    let store = store(&server.uri());
    let active = item(ItemKind::Active, Some(NEXT), b"second");
    for enc in [b"one", b"one", b"two"] {
        let version = version_item(NEXT, enc);
        let done = store.swap(&version, &active, b"old").await.unwrap();
        assert_eq!(done, Written::Done);
    }
    let asked = seen(&server).await;
    let tokens: Vec<_> = asked
        .iter()
        .map(|(_, body)| &body["ClientRequestToken"])
        .collect();
    assert_eq!(tokens[0], tokens[1]);
    assert_ne!(tokens[0], tokens[2]);
}

#[tokio::test]
async fn nothing_to_create_is_no_request() {
    let server = server(success(&json!({}))).await;
    let written = store(&server.uri()).put_if_absent(&[]).await.unwrap();
    assert_eq!(written, Written::Done);
    assert_eq!(seen(&server).await, []);
}

#[tokio::test]
async fn one_attempt_is_one_request_whatever_the_client_s_own_retries_are() {
    for code in [
        "ThrottlingException",
        "InternalServerError",
        "TransactionConflictException",
    ] {
        let server = server(error(400, code, "not now")).await;
        let store = store(&server.uri());
        store.get(&id(), ItemKind::Active).await.unwrap_err();
        store.versions(&id()).await.unwrap_err();
        let items = [version_item(VERSION, b"first")];
        store.put_if_absent(&items).await.unwrap_err();
        store.swap(&items[0], &items[0], b"old").await.unwrap_err();
        assert_eq!(seen(&server).await.len(), 4, "{code}");
    }
}

#[test]
fn the_table_s_quota_is_one_for_its_region_and_name_whatever_its_logical_name() {
    let store = store("http://127.0.0.1:9");
    assert_eq!(store.quota(), format!("dynamodb:{REGION}:{TABLE}"));
    assert_eq!((store.table(), store.logical_name()), (TABLE, LOGICAL_NAME));
    let shown = format!("{store:?}");
    assert!(
        shown.contains(TABLE) && !shown.contains("not-a-secret"),
        "{shown}"
    );
}
