//! What a table may have that is no branch key, and what was changed in it.
use std::error::Error as _;

use datakey_branch_keys::{
    BranchKeyFault, BranchKeyId, BranchKeyIdError, BranchKeyVersion, BranchKeys, Item, ItemError, ItemKind,
    MemoryStore,
};
use datakey_provider::{DataKeyLength, ErrorClass, OpeningProvider as _, SealingProvider as _};

use crate::stack::{Stack, context};

type Texts = Vec<(Box<str>, Box<str>)>;

fn texts(item: &Item) -> Texts {
    item.texts()
        .map(|(name, text)| (name.into(), text.into()))
        .collect()
}

fn with(item: &Item, name: &str, text: Option<&str>) -> Texts {
    let mut texts = texts(item);
    texts.retain(|(own, _)| &**own != name);
    texts.extend(text.map(|text| (name.into(), text.into())));
    texts
}

async fn active(stack: &Stack) -> Item {
    let items = stack.table.memory.dump();
    items
        .into_iter()
        .find(|item| item.kind() == ItemKind::Active)
        .unwrap()
}

#[tokio::test]
async fn an_item_has_what_the_specification_says_and_nothing_else() {
    let stack = Stack::new().await;
    let item = active(&stack).await;
    let names: Vec<_> = item.texts().map(|(name, _)| name.to_owned()).collect();
    assert_eq!(
        names,
        [
            "aws-crypto-ec:tenant",
            "branch-key-id",
            "create-time",
            "hierarchy-version",
            "kms-arn",
            "type",
            "version"
        ]
    );
    assert_eq!(item.create_time().len(), "2026-11-27T06:21:08.000042Z".len());
    let bound = item.context("branch-keys").unwrap();
    assert_eq!(bound.get("tablename"), Some("branch-keys"));
    assert_eq!(bound.get("type"), Some("branch:ACTIVE"));
    assert_eq!(bound.len(), 8);
    let enc = item.enc().to_vec();
    let refused =
        |name: &str, text: Option<&str>| Item::new(with(&item, name, text), enc.clone()).unwrap_err();
    for name in [
        "branch-key-id",
        "type",
        "kms-arn",
        "create-time",
        "hierarchy-version",
    ] {
        assert!(
            matches!(refused(name, None), ItemError::Missing(own) if own == name),
            "{name}"
        );
        assert!(
            matches!(refused(name, Some("")), ItemError::Missing(own) if own == name),
            "{name}"
        );
    }
    assert!(matches!(refused("version", None), ItemError::Missing("version")));
    assert!(matches!(
        refused("version", Some("1")),
        ItemError::Missing("version")
    ));
    assert!(matches!(
        refused("hierarchy-version", Some("2")),
        ItemError::HierarchyVersion(_)
    ));
    assert!(matches!(
        refused("type", Some("branch:OTHER")),
        ItemError::Kind(_)
    ));
    assert!(matches!(refused("ttl", Some("1")), ItemError::Unknown(_)));
    assert!(matches!(
        Item::new(texts(&item), vec![]),
        Err(ItemError::Missing("enc"))
    ));
    assert_eq!(Item::new(texts(&item), enc).unwrap(), item);
}

#[tokio::test]
async fn each_attribute_that_is_changed_is_noticed() {
    for name in ["create-time", "version", "aws-crypto-ec:tenant", "kms-arn"] {
        let stack = Stack::new().await;
        let item = active(&stack).await;
        let other = match name {
            "version" => "branch:version:00000000-0000-4000-8000-000000000000".to_owned(),
            "kms-arn" => stack.fake.create_key().unwrap().to_string(),
            _ => "2020".to_owned(),
        };
        let forged = Item::new(with(&item, name, Some(&other)), item.enc()).unwrap();
        stack.table.memory.restore(forged);
        let error = stack
            .keys()
            .generate_data_key(&context("acme"), DataKeyLength::Bytes32)
            .await
            .unwrap_err();
        let expected = if name == "kms-arn" {
            ErrorClass::InvalidRequest
        } else {
            ErrorClass::NotAuthentic
        };
        assert_eq!(error.class(), expected, "{name}: {error}");
    }
}

#[tokio::test]
async fn the_item_of_another_branch_key_is_not_taken_for_ones_own() {
    let stack = Stack::new().await;
    let item = active(&stack).await;
    let moved = Item::new(with(&item, "branch-key-id", Some("tenant-victim")), item.enc()).unwrap();
    stack.table.memory.restore(moved);
    let keys = BranchKeys::builder(stack.table.clone(), stack.kms.clone())
        .branch_key("tenant-victim".parse().unwrap())
        .build()
        .unwrap();
    assert_eq!(
        keys.generate_data_key(&context("acme"), DataKeyLength::Bytes32)
            .await
            .unwrap_err()
            .class(),
        ErrorClass::NotAuthentic
    );
}

#[tokio::test]
async fn a_table_that_was_renamed_opens_by_its_logical_name_only() {
    let stack = Stack::new().await;
    let keys = stack.keys();
    let made = keys
        .generate_data_key(&context("acme"), DataKeyLength::Bytes32)
        .await
        .unwrap();
    for (name, opens) in [("branch-keys", true), ("branch-keys-restored", false)] {
        let restored = MemoryStore::new(name);
        stack
            .table
            .memory
            .dump()
            .into_iter()
            .for_each(|item| restored.restore(item));
        let keys = BranchKeys::builder(restored, stack.kms.clone())
            .branch_key(stack.id.clone())
            .build_opening()
            .unwrap();
        let opened = keys.decrypt(&context("acme"), made.wrapped_keys().first()).await;
        assert_eq!(opened.is_ok(), opens, "{name}");
    }
}

#[tokio::test]
async fn a_missing_branch_key_is_said_with_the_table_and_the_item() {
    let stack = Stack::new().await;
    assert!(stack.table.memory.remove(&stack.id, ItemKind::Active));
    let error = stack
        .keys()
        .generate_data_key(&context("acme"), DataKeyLength::Bytes32)
        .await
        .unwrap_err();
    assert_eq!(error.class(), ErrorClass::UnavailableKey);
    let fault = error.source().unwrap().downcast_ref::<BranchKeyFault>().unwrap();
    assert_eq!(
        fault.to_string(),
        "the table \"branch-keys\" has no item branch:ACTIVE of this branch key; create it, or correct id and table"
    );
}

#[test]
fn ids_and_versions_have_one_spelling() {
    for (id, error) in [
        (String::new(), BranchKeyIdError::Empty),
        ("a\nb".to_owned(), BranchKeyIdError::Character),
        ("x".repeat(2049), BranchKeyIdError::TooLong(2049)),
    ] {
        assert_eq!(id.parse::<BranchKeyId>(), Err(error));
    }
    assert!("x".repeat(2048).parse::<BranchKeyId>().is_ok());
    let version = "0b4d5a6e-8f0e-4a54-9d8e-0b1f2c3d4e5f";
    assert!(version.parse::<BranchKeyVersion>().is_ok());
    for other in [
        version.to_uppercase(),
        version.replace('-', ""),
        format!("{{{version}}}"),
    ] {
        assert!(other.parse::<BranchKeyVersion>().is_err(), "{other}");
    }
}
