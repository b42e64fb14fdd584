//! Listing versions, page by page.
use std::sync::atomic::{AtomicUsize, Ordering};

use datakey::{
    ErrorClass,
    branch_keys::{ItemKind, Store as _},
};
use datakey_dynamodb_tests::*;
use serde_json::{Value, json};
use wiremock::{Request, Respond, ResponseTemplate};

/// Pages in their order.
struct Pages(Vec<ResponseTemplate>, AtomicUsize);

impl Pages {
    fn of(pages: Vec<ResponseTemplate>) -> Self {
        Self(pages, AtomicUsize::new(0))
    }
}

impl Respond for Pages {
    fn respond(&self, _: &Request) -> ResponseTemplate {
        let next = self.1.fetch_add(1, Ordering::SeqCst);
        self.0[next.min(self.0.len() - 1)].clone()
    }
}

fn key(uuid: &str) -> Value {
    json!({"branch-key-id": {"S": "tenant-acme"}, "type": {"S": format!("branch:version:{uuid}")}})
}

fn page(uuids: &[&str], last: Option<&Value>) -> ResponseTemplate {
    let items: Vec<_> = uuids
        .iter()
        .map(|uuid| wire(&version_item(uuid, b"wrapped")))
        .collect();
    let mut body = json!({"Items": items, "Count": items.len(), "ScannedCount": items.len()});
    if let Some(last) = last {
        body["LastEvaluatedKey"] = last.clone();
    }
    success(&body)
}

#[tokio::test]
async fn versions_are_asked_for_until_the_last_page_empty_ones_between_too() {
    let pages = vec![
        page(&[VERSION], Some(&key(VERSION))),
        page(&[], Some(&key("5ad0a0b4-2a2b-4f1c-8c53-0a4a6d0a2b11"))),
        page(&[NEXT], None),
    ];
    let server = server(Pages::of(pages)).await;
    let found = store(&server.uri()).versions(&id()).await.unwrap();
    let expected = [VERSION, NEXT].map(|uuid| version_item(uuid, b"wrapped"));
    assert_eq!(found, expected);
    let asked = seen(&server).await;
    let from: Vec<_> = asked
        .iter()
        .map(|(_, body)| body.get("ExclusiveStartKey"))
        .collect();
    let second = key("5ad0a0b4-2a2b-4f1c-8c53-0a4a6d0a2b11");
    assert_eq!(from, [None, Some(&key(VERSION)), Some(&second)]);
    for (operation, body) in &asked {
        assert_eq!(operation, "Query");
        assert_eq!(body["ConsistentRead"], true);
        assert_eq!(
            body["KeyConditionExpression"],
            "#id = :id AND begins_with(#type, :version)"
        );
        let values = json!({":id": {"S": "tenant-acme"}, ":version": {"S": "branch:version:"}});
        assert_eq!(body["ExpressionAttributeValues"], values);
        let names = json!({"#id": "branch-key-id", "#type": "type"});
        assert_eq!(body["ExpressionAttributeNames"], names);
    }
}

#[tokio::test]
async fn no_version_is_an_empty_list() {
    let server = server(page(&[], None)).await;
    assert_eq!(store(&server.uri()).versions(&id()).await.unwrap(), []);
}

#[tokio::test]
async fn an_empty_key_of_the_next_page_is_the_end() {
    let server = server(page(&[VERSION], Some(&json!({})))).await;
    assert_eq!(store(&server.uri()).versions(&id()).await.unwrap().len(), 1);
    assert_eq!(seen(&server).await.len(), 1);
}

#[tokio::test]
async fn a_page_that_is_followed_by_itself_ends_in_an_error() {
    let server = server(page(&[VERSION], Some(&key(VERSION)))).await;
    let error = store(&server.uri()).versions(&id()).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Transient);
    assert_eq!(seen(&server).await.len(), 2);
}

#[tokio::test]
async fn a_failure_on_a_later_page_is_that_of_the_whole() {
    let pages = vec![
        page(&[VERSION], Some(&key(VERSION))),
        error(400, "ProvisionedThroughputExceededException", "slower"),
    ];
    let server = server(Pages::of(pages)).await;
    let error = store(&server.uri()).versions(&id()).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Throttled);
}

#[tokio::test]
async fn what_is_no_version_among_them_is_refused_by_name() {
    let mut odd = wire(&version_item(NEXT, b"wrapped"));
    odd["hierarchy-version"] = json!({"N": "2"});
    let server = server(success(
        &json!({"Items": [wire(&version_item(VERSION, b"w")), odd]}),
    ))
    .await;
    let error = store(&server.uri()).versions(&id()).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::InvalidRequest);
    let told = format!("{:?}", std::error::Error::source(&error));
    assert!(told.contains("HierarchyVersion"), "{told}");
    assert_eq!(error.key_id(), Some("branch-key:tenant-acme"));
    assert_eq!(ItemKind::Active.to_string(), "branch:ACTIVE");
}
