//! Creating, rotating, describing.
use datakey_branch_keys::{
    AdminError, BranchKeyAdmin, BranchKeyId, Created, ItemKind, NewBranchKey, Rotated,
};
use datakey_fake_kms::{FakeKms, KmsOperation};
use datakey_provider::{DataKeyLength, ErrorClass, OpeningProvider as _, SealingProvider as _};

use crate::stack::{Fault, Stack, Table, context};

#[tokio::test]
async fn creating_again_finds_what_is_there_and_changes_nothing() {
    let stack = Stack::new().await;
    let before = stack.table.memory.dump();
    assert_eq!(before.len(), 3);
    let same = NewBranchKey::with_id(stack.id.clone()).context([("tenant", "acme")]);
    let again = stack.admin().create(&same).await.unwrap();
    assert_eq!(again, Created::Already(stack.first.clone()));
    let other = NewBranchKey::with_id(stack.id.clone()).context([("tenant", "other")]);
    let refused = stack.admin().create(&other).await.unwrap_err();
    assert!(matches!(refused, AdminError::Exists { .. }));
    assert_eq!(stack.table.memory.dump(), before);
}

#[tokio::test]
async fn an_id_of_ones_own_needs_a_context_and_a_random_one_does_not() {
    let stack = Stack::new().await;
    let alone = NewBranchKey::with_id("alone".parse().unwrap());
    let refused = stack.admin().create(&alone).await.unwrap_err();
    assert!(matches!(refused, AdminError::IdNeedsContext));
    let empty = NewBranchKey::new().context([("tenant", "")]);
    let refused = stack.admin().create(&empty).await.unwrap_err();
    assert!(matches!(refused, AdminError::EmptyValue(_)));
    let twice = NewBranchKey::new().context([("a", "1"), ("a", "2")]);
    let refused = stack.admin().create(&twice).await.unwrap_err();
    assert!(matches!(refused, AdminError::Context(_)));
    let made = stack.admin().create(&NewBranchKey::new()).await.unwrap();
    let id = made.description().id.as_str();
    assert_eq!((id.len(), id.matches('-').count()), (36, 4));
}

#[tokio::test]
async fn a_rotated_version_seals_and_the_earlier_ones_open() {
    let stack = Stack::new().await;
    let keys = stack.keys();
    let old = keys
        .generate_data_key(&context("acme"), DataKeyLength::Bytes32)
        .await
        .unwrap();
    let Rotated::Made(next) = stack.admin().rotate(&stack.id).await.unwrap() else {
        panic!("nobody else rotates");
    };
    assert_ne!(next.version, stack.first.version);
    // The kept version seals until it is looked for anew.
    let same = keys
        .generate_data_key(&context("acme"), DataKeyLength::Bytes32)
        .await
        .unwrap();
    let version =
        |made: &datakey_provider::GeneratedDataKey| made.wrapped_keys().first().blob()[28..44].to_vec();
    assert_eq!(version(&same), version(&old));
    assert!(keys.sealing().invalidate(&stack.id));
    let new = keys
        .generate_data_key(&context("acme"), DataKeyLength::Bytes32)
        .await
        .unwrap();
    assert_ne!(version(&new), version(&old));
    for made in [&old, &same, &new] {
        let elsewhere = stack.builder().build_opening().unwrap();
        assert!(
            elsewhere
                .decrypt(&context("acme"), made.wrapped_keys().first())
                .await
                .unwrap()
                .ct_eq(made.data_key())
        );
    }
    let versions = stack.admin().versions(&stack.id).await.unwrap();
    assert_eq!(versions.len(), 2);
    assert_eq!(stack.admin().active(&stack.id).await.unwrap(), next);
}

#[tokio::test]
async fn a_job_that_runs_twice_rotates_once() {
    let stack = Stack::new().await;
    let admin = stack.admin();
    let first = stack.first.version;
    let made = admin.rotate_from(&stack.id, first).await.unwrap();
    assert!(matches!(made, Rotated::Made(_)));
    let again = admin.rotate_from(&stack.id, first).await.unwrap();
    assert_eq!(again, Rotated::ByAnother(made.into_description()));
    assert_eq!(admin.versions(&stack.id).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_write_whose_answer_was_lost_is_found_to_be_ones_own() {
    let fake = FakeKms::new();
    let kms = fake.provider(&fake.create_key().unwrap());
    let table = Table::new();
    let admin = BranchKeyAdmin::new(table.clone(), kms.clone(), kms.key_arn());
    table.set(Fault::LosesAnswers);
    let new = NewBranchKey::with_id("a".parse().unwrap()).context([("k", "v")]);
    let made = admin.create(&new).await.unwrap();
    assert!(matches!(made, Created::Made(_)), "{made:?}");
    table.set(Fault::LosesAnswers);
    let id = made.into_description().id;
    let rotated = admin.rotate(&id).await.unwrap();
    assert!(matches!(rotated, Rotated::Made(_)), "{rotated:?}");
    assert_eq!(admin.versions(&id).await.unwrap().len(), 2);
}

#[tokio::test]
async fn of_many_that_create_or_rotate_at_once_each_made_version_is_there() {
    let stack = Stack::new().await;
    let racers = (0..20).map(|_| {
        let (admin, id) = (stack.admin(), stack.id.clone());
        tokio::spawn(async move { admin.rotate(&id).await.unwrap() })
    });
    let mut made = vec![stack.first.version];
    for racer in racers.collect::<Vec<_>>() {
        if let Rotated::Made(description) = racer.await.unwrap() {
            made.push(description.version);
        }
    }
    let versions = stack.admin().versions(&stack.id).await.unwrap();
    let mut there: Vec<_> = versions.iter().map(|description| description.version).collect();
    made.sort();
    there.sort();
    assert_eq!(made, there);
    let active = stack.admin().active(&stack.id).await.unwrap();
    assert!(there.contains(&active.version));

    let creators = (0..10).map(|_| {
        let admin = stack.admin();
        let new = NewBranchKey::with_id("fresh".parse().unwrap()).context([("k", "v")]);
        tokio::spawn(async move { admin.create(&new).await.unwrap() })
    });
    let mut makers = 0;
    for creator in creators.collect::<Vec<_>>() {
        makers += usize::from(matches!(creator.await.unwrap(), Created::Made(_)));
    }
    assert_eq!(makers, 1);
}

#[tokio::test]
async fn creating_and_rotating_never_see_a_key_and_make_the_calls_that_are_documented() {
    let stack = Stack::new().await;
    let of = |operation| stack.fake.ledger().calls_of(operation);
    assert_eq!(of(KmsOperation::GenerateDataKeyWithoutPlaintext), 2);
    assert_eq!(of(KmsOperation::ReEncrypt), 1);
    stack.admin().rotate(&stack.id).await.unwrap();
    assert_eq!(of(KmsOperation::GenerateDataKeyWithoutPlaintext), 3);
    assert_eq!(of(KmsOperation::ReEncrypt), 3);
    assert_eq!(of(KmsOperation::Decrypt), 0);
    assert_eq!(of(KmsOperation::GenerateDataKey), 0);
}

#[tokio::test]
async fn what_is_not_there_or_under_another_kms_key_is_said() {
    let stack = Stack::new().await;
    let nobody: BranchKeyId = "nobody".parse().unwrap();
    assert!(matches!(
        stack.admin().rotate(&nobody).await,
        Err(AdminError::Missing { .. })
    ));
    assert!(matches!(
        stack.admin().active(&nobody).await,
        Err(AdminError::Missing { .. })
    ));
    assert!(matches!(
        stack.admin().versions(&nobody).await,
        Err(AdminError::Missing { .. })
    ));
    let other = stack.fake.provider(&stack.fake.create_key().unwrap());
    let admin = BranchKeyAdmin::new(stack.table.clone(), other.clone(), other.key_arn());
    assert!(matches!(
        admin.rotate(&stack.id).await,
        Err(AdminError::OtherKmsKey { .. })
    ));
    // A key that is named by what the provider does not answer.
    let admin = BranchKeyAdmin::new(stack.table.clone(), other, "alias/orders");
    assert!(matches!(
        admin.create(&NewBranchKey::new()).await,
        Err(AdminError::OtherKmsKey { .. })
    ));
}

#[tokio::test]
async fn a_table_that_was_tampered_with_is_not_rotated_and_not_verified() {
    let stack = Stack::new().await;
    stack.admin().verify(&stack.id, ItemKind::Active).await.unwrap();
    let active = stack.table.memory.dump().into_iter();
    let active = active
        .clone()
        .find(|item| item.kind() == ItemKind::Active)
        .unwrap();
    let texts = active.texts().map(|(name, text)| {
        let text = if name == "create-time" {
            "2020-01-01T00:00:00.000000Z"
        } else {
            text
        };
        (name.into(), text.into())
    });
    let forged = datakey_branch_keys::Item::new(texts.collect::<Vec<_>>(), active.enc()).unwrap();
    stack.table.memory.restore(forged);
    let refused = stack.admin().rotate(&stack.id).await.unwrap_err();
    assert_eq!(refused.class(), Some(ErrorClass::NotAuthentic));
    let refused = stack
        .admin()
        .verify(&stack.id, ItemKind::Active)
        .await
        .unwrap_err();
    assert_eq!(refused.class(), Some(ErrorClass::NotAuthentic));
}
