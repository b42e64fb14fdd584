//! Answers that are none of DynamoDB's, and items that are none of a branch key.
use std::error::Error as _;

use datakey::{
    ErrorClass::{self, InvalidRequest, Throttled, Transient, Unauthenticated},
    branch_keys::{DynamoDbFailure, ItemKind, ReadingStore as _, Store as _, Written},
    provider::ProviderError,
};
use datakey_dynamodb_tests::*;
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

const PAGE: &str =
    "<!DOCTYPE html><html><body><h1>It works!</h1><p>Sign in to go on: hunter2</p></body></html>";

/// What all operations make of one answer.
async fn all(answer: ResponseTemplate) -> [Result<(), ProviderError>; 4] {
    let server = server(answer).await;
    let store = store(&server.uri());
    let items = [
        version_item(VERSION, b"first"),
        item(ItemKind::Active, Some(VERSION), b"second"),
    ];
    [
        store.get(&id(), ItemKind::Active).await.map(drop),
        store.versions(&id()).await.map(drop),
        store.put_if_absent(&items).await.map(|_| ()),
        store.swap(&items[0], &items[1], b"old").await.map(|_| ()),
    ]
}

fn is(results: [Result<(), ProviderError>; 4], class: ErrorClass, what: &str) {
    for result in results {
        let error = result.expect_err(what);
        assert_eq!(
            (error.class(), error.verdict()),
            (class, None),
            "{what}: {error:?}"
        );
        let failure = error.source().unwrap().downcast_ref::<DynamoDbFailure>().unwrap();
        assert_eq!(failure.is_retryable(), class.is_retryable());
        let told = format!("{error} {error:?} {failure} {failure:?}");
        assert!(!told.contains("hunter2"), "no body is repeated: {told}");
    }
}

#[tokio::test]
async fn the_page_of_a_proxy_says_nothing_of_any_branch_key_under_any_status() {
    for (status, class) in [
        (200, Transient),
        (302, Transient),
        (400, Transient),
        (401, Unauthenticated),
        (403, Unauthenticated),
        (404, Transient),
        (407, Unauthenticated),
        (429, Throttled),
        (500, Transient),
        (502, Transient),
        (503, Transient),
    ] {
        let page = ResponseTemplate::new(status).set_body_raw(PAGE, "text/html");
        is(all(page).await, class, &format!("a page with {status}"));
    }
}

/// A success without content would otherwise read as: there is no such item, and: it is written.
#[tokio::test]
async fn an_empty_success_of_whoever_stands_on_the_way_is_not_believed() {
    for status in [200, 204] {
        for body in ["", "{}", "{\"status\":\"ok\"}"] {
            let empty = ResponseTemplate::new(status).set_body_raw(body, "application/json");
            is(all(empty).await, Transient, &format!("{status} with {body:?}"));
        }
    }
}

/// The negative twin: DynamoDB says so.
#[tokio::test]
async fn an_empty_success_of_dynamodb_is_believed() {
    let server = server(success(&json!({}))).await;
    let store = store(&server.uri());
    assert_eq!(store.get(&id(), ItemKind::Active).await.unwrap(), None);
    assert_eq!(store.versions(&id()).await.unwrap(), []);
    let items = [version_item(VERSION, b"first")];
    assert_eq!(store.put_if_absent(&items).await.unwrap(), Written::Done);
}

#[tokio::test]
async fn garbage_is_transient_and_not_repeated() {
    for body in [
        "hunter2",
        "[\"hunter2\"]",
        "{\"Item\": \"hunter2\"",
        "{\"Item\": {\"enc\": {\"B\": \"hunter2 is no base 64 !\"}}, \"Items\": 7, \"ConsumedCapacity\": \"hunter2\"}",
        "\u{0}\u{1}hunter2",
    ] {
        for status in [200, 500] {
            is(all(answer(status, body)).await, Transient, body);
        }
    }
}

#[tokio::test]
async fn a_code_that_is_no_code_is_not_repeated() {
    let long = "x".repeat(10_000);
    for code in ["hunter2 \r\nforged: line", &long, "\u{2603}"] {
        let body = json!({"__type": code, "message": "m"}).to_string();
        for result in all(answer(400, body)).await {
            let error = result.unwrap_err();
            assert_eq!(error.code(), None, "{error:?}");
            assert_eq!(error.verdict(), None);
        }
    }
}

#[tokio::test]
async fn a_code_in_the_header_alone_is_found() {
    let header = "ProvisionedThroughputExceededException:http://internal.amazon.com/coral/";
    let told = answer(400, "").insert_header("x-amzn-errortype", header);
    is(all(told).await, Throttled, "a code in the header");
}

#[tokio::test]
async fn messages_are_told_on_one_line_of_bounded_length() {
    let message = format!("first\r\nsecond {}", "x".repeat(100_000));
    let server = server(error(400, "ValidationException", &message)).await;
    let failed = store(&server.uri())
        .get(&id(), ItemKind::Active)
        .await
        .unwrap_err();
    let failure = failed
        .source()
        .unwrap()
        .downcast_ref::<DynamoDbFailure>()
        .unwrap();
    let told = failure.to_string();
    assert!(
        told.starts_with("HTTP 400 from DynamoDB: first  second"),
        "{told}"
    );
    assert!(told.ends_with(&format!("(request id {REQUEST_ID})")), "{told}");
    assert!(told.len() < 1_500 && !told.contains(char::is_control));
    assert_eq!(
        (failure.status(), failure.request_id()),
        (Some(400), Some(REQUEST_ID))
    );
}

/// An item with one attribute changed, or removed where the value is null.
fn changed(name: &str, value: Value) -> Value {
    let mut item = wire(&item(ItemKind::Active, Some(VERSION), b"wrapped"));
    if value.is_null() {
        item.as_object_mut().unwrap().remove(name);
    } else {
        item[name] = value;
    }
    item
}

#[tokio::test]
async fn what_is_no_item_of_a_branch_key_is_refused_by_name_and_only_it() {
    for (name, value, told) in [
        ("enc", json!(null), "Missing(\"enc\")"),
        ("enc", json!({"S": "d3JhcHBlZA=="}), "Missing(\"enc\")"),
        ("enc", json!({"B": ""}), "Missing(\"enc\")"),
        ("kms-arn", json!(null), "Missing(\"kms-arn\")"),
        ("kms-arn", json!({"S": ""}), "Missing(\"kms-arn\")"),
        ("create-time", json!({"N": "17"}), "Unknown(\"create-time\")"),
        ("version", json!(null), "Missing(\"version\")"),
        (
            "hierarchy-version",
            json!({"S": "1"}),
            "Unknown(\"hierarchy-version\")",
        ),
        ("hierarchy-version", json!({"N": "2"}), "HierarchyVersion(\"2\")"),
        (
            "hierarchy-version",
            json!({"N": "1.0"}),
            "HierarchyVersion(\"1.0\")",
        ),
        ("type", json!({"S": "branch:READ"}), "Kind(\"branch:READ\")"),
        ("note", json!({"S": "a note"}), "Unknown(\"note\")"),
        (
            "aws-crypto-ec:list",
            json!({"L": []}),
            "Unknown(\"aws-crypto-ec:list\")",
        ),
        (
            "aws-crypto-ec:flag",
            json!({"BOOL": true}),
            "Unknown(\"aws-crypto-ec:flag\")",
        ),
        (
            "aws-crypto-ec:none",
            json!({"NULL": true}),
            "Unknown(\"aws-crypto-ec:none\")",
        ),
    ] {
        let server = server(success(&json!({"Item": changed(name, value)}))).await;
        let failed = store(&server.uri())
            .get(&id(), ItemKind::Active)
            .await
            .unwrap_err();
        assert_eq!(failed.class(), InvalidRequest, "{name}");
        assert_eq!(
            failed.verdict(),
            Some(datakey::provider::Verdict::Message),
            "of this branch key, and of no other"
        );
        let source = format!("{:?}", failed.source().unwrap());
        assert_eq!(source, told, "{name}");
    }
}
