//! Tables that lie, lose items or hold many, ids and contexts of every length, and KMS keys that are taken away beneath data keys.
use std::time::Duration;

use datakey::{Aad, Opener, Sealer, esdk, keyring::SealingKeyring};
use datakey_branch_keys::{BranchKeyId, BranchKeyLimits, BranchKeys, Item, ItemKind, NewBranchKey};
use datakey_provider::{
    DataKey, DataKeyLength, EncryptionContext, ErrorClass, OpeningProvider as _, SealingProvider as _,
    Verdict,
};
use tokio::time::advance;

use crate::{
    outside::{LENGTH, Tenants, create, told_once},
    stack::{Stack, context},
};

#[tokio::test(start_paused = true)]
async fn ids_of_any_script_and_of_the_greatest_length_seal_and_open_in_both_formats() {
    let stack = Stack::new().await;
    let ids = [
        "ключ-🔑-鍵",
        &"é".repeat(122),
        &"é".repeat(1024),
        "branch-key:",
        " ",
    ];
    for id in ids {
        let id: BranchKeyId = id.parse().unwrap();
        stack
            .admin()
            .create(&NewBranchKey::with_id(id.clone()).context([("k", "ü")]))
            .await
            .unwrap();
        let keys = BranchKeys::builder(stack.table.clone(), stack.kms.clone())
            .branch_key(id.clone())
            .build()
            .unwrap();
        let opener = Opener::builder(keys.clone()).without_retry().build().unwrap();
        for format in [None, Some(esdk::Params::new())] {
            let is_native = format.is_none();
            let sealer = Sealer::builder(keys.clone()).without_retry();
            let sealer = match format {
                Some(params) => sealer.format(params),
                None => sealer,
            };
            let sealer = sealer.build().unwrap();
            let sealed = sealer.seal(&context("acme"), b"order", Aad::EMPTY).await;
            if is_native && id.as_str().len() > 244 {
                let refused = sealed.unwrap_err();
                assert_eq!(refused.class(), Some(ErrorClass::InvalidRequest));
                told_once(&refused);
                continue;
            }
            let message = sealed.unwrap();
            assert_eq!(
                opener.open(&context("acme"), &message, Aad::EMPTY).await.unwrap(),
                b"order"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn data_keys_of_each_length_under_contexts_from_none_to_the_most_pairs() {
    let stack = Stack::new().await;
    let keys = stack.keys();
    let pairs = |count: u32| EncryptionContext::new((0..count).map(|pair| (format!("k{pair}"), ""))).unwrap();
    for length in [
        DataKeyLength::Bytes16,
        DataKeyLength::Bytes24,
        DataKeyLength::Bytes32,
    ] {
        for count in [0, 1, 65_535] {
            let context = pairs(count);
            let made = keys.generate_data_key(&context, length).await.unwrap();
            let wrapped = made.wrapped_keys().first();
            assert_eq!(wrapped.blob().len(), length.bytes() + 60);
            assert!(
                keys.decrypt(&context, wrapped)
                    .await
                    .unwrap()
                    .ct_eq(made.data_key())
            );
            let again = keys.encrypt(&context, made.data_key()).await.unwrap();
            assert!(
                keys.decrypt(&context, again.first())
                    .await
                    .unwrap()
                    .ct_eq(made.data_key())
            );
            let other = keys.decrypt(&pairs(count + 1), wrapped).await.unwrap_err();
            assert!(!other.was_sent());
            told_once(&other);
        }
    }
    let over = keys.generate_data_key(&pairs(65_536), LENGTH).await.unwrap_err();
    assert_eq!(
        (over.class(), over.was_sent()),
        (ErrorClass::InvalidRequest, false)
    );
    assert_eq!(keys.sealing().stats().calls_made, 1);
    assert_eq!(
        (keys.opening().stats().calls_made, keys.opening().stats().primed),
        (0, 1)
    );
}

async fn restored(stack: &Stack, items: &[Item]) {
    items
        .iter()
        .cloned()
        .for_each(|item| stack.table.memory.restore(item));
}

fn find(stack: &Stack, id: &BranchKeyId, kind: ItemKind) -> Item {
    let all = stack.table.memory.dump();
    all.into_iter()
        .find(|item| item.id() == id && item.kind() == kind)
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn rotating_loses_no_key_that_is_in_the_active_item_alone() {
    let stack = Stack::new().await;
    let made = stack
        .keys()
        .generate_data_key(&context("acme"), LENGTH)
        .await
        .unwrap();
    let version = ItemKind::Version(stack.first.version);
    assert!(stack.table.memory.remove(&stack.id, version));
    let rotated = stack.admin().rotate(&stack.id).await;
    println!("{rotated:?}");
    // Whatever it answers: what the active item had is somewhere still, so that what was sealed can be opened.
    let there = stack.table.memory.dump();
    let kept = there
        .iter()
        .any(|item| item.version() == Some(stack.first.version));
    assert!(kept, "the only copy of the key was overwritten");
    if rotated.is_ok() {
        let opened = stack
            .keys()
            .decrypt(&context("acme"), made.wrapped_keys().first())
            .await
            .unwrap();
        assert!(opened.ct_eq(made.data_key()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_table_that_answers_another_item_or_an_older_one_opens_nothing_else() {
    let stack = Stack::new().await;
    create(&stack, "other").await;
    let other: BranchKeyId = "tenant-other".parse().unwrap();
    let old_active = find(&stack, &stack.id, ItemKind::Active);
    let made = stack
        .keys()
        .generate_data_key(&context("acme"), LENGTH)
        .await
        .unwrap();
    stack.admin().rotate(&stack.id).await.unwrap();
    // A rollback: the old version is one that there is, and what it seals opens.
    restored(&stack, &[old_active]).await;
    let rolled = stack
        .keys()
        .generate_data_key(&context("acme"), LENGTH)
        .await
        .unwrap();
    let opened = stack
        .keys()
        .decrypt(&context("acme"), rolled.wrapped_keys().first())
        .await
        .unwrap();
    assert!(opened.ct_eq(rolled.data_key()));
    // The key of another branch key, under the own names.
    for kind in [ItemKind::Active, ItemKind::Version(stack.first.version)] {
        let own = find(&stack, &stack.id, kind);
        let foreign = find(&stack, &other, ItemKind::Active);
        let swapped = Item::new(
            own.texts().map(|(n, t)| (n.into(), t.into())).collect::<Vec<_>>(),
            foreign.enc(),
        )
        .unwrap();
        restored(&stack, &[swapped]).await;
        let keys = stack.keys();
        let error = match kind {
            ItemKind::Active => keys.generate_data_key(&context("acme"), LENGTH).await.map(drop),
            _ => keys
                .decrypt(&context("acme"), made.wrapped_keys().first())
                .await
                .map(drop),
        };
        let error = error.unwrap_err();
        assert_eq!(
            (error.class(), error.verdict()),
            (ErrorClass::NotAuthentic, Some(Verdict::Message)),
            "{error:?}"
        );
        told_once(&error);
        restored(&stack, &[own]).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_disabled_kms_key_drops_the_data_keys_that_are_cached_above() {
    let stack = Stack::new().await;
    let limits = BranchKeyLimits::default().with_ages(Duration::from_secs(60), Duration::from_secs(600));
    let keys = stack.builder().limits(limits).build().unwrap();
    let above = SealingKeyring::new(keys.clone());
    let held = above
        .key(&context("acme"), datakey_keyring::Usage::message(1))
        .await
        .unwrap();
    drop(held);
    assert_eq!(above.stats().live, 1);
    assert_eq!(
        above.invalidate_key(stack.kms.key_arn()),
        Ok(1),
        "by the KMS key beneath"
    );
    above
        .key(&context("acme"), datakey_keyring::Usage::message(1))
        .await
        .unwrap();
    let other = EncryptionContext::new([("tenant", "acme"), ("purpose", "invoices")]).unwrap();
    above
        .key(&other, datakey_keyring::Usage::message(1))
        .await
        .unwrap();
    assert_eq!(above.stats().live, 2);
    stack.fake.disable_key(stack.kms.key_arn()).unwrap();
    advance(Duration::from_secs(601)).await;
    let third = EncryptionContext::new([("purpose", "third")]).unwrap();
    let refused = above
        .key(&third, datakey_keyring::Usage::message(1))
        .await
        .unwrap_err();
    assert_eq!(refused.class(), Some(ErrorClass::UnavailableKey));
    told_once(&refused);
    assert_eq!(above.stats().live, 0, "every data key under it is gone");
}

#[tokio::test(start_paused = true)]
async fn tenants_beyond_the_number_that_is_kept_cost_one_load_each_and_are_counted() {
    let stack = Stack::new().await;
    for tenant in 0..60 {
        create(&stack, &tenant.to_string()).await;
    }
    let tenants = Tenants::over(&stack);
    let keys = tenants
        .builder(&stack)
        .limits(BranchKeyLimits::default().with_max_keys(20))
        .build()
        .unwrap();
    let (calls, mut made) = (stack.calls(), Vec::new());
    for round in 0..5_u32 {
        for tenant in 0..60_u32 {
            let of = context(&((tenant * 7 + round) % 60).to_string());
            made.push((of.clone(), keys.generate_data_key(&of, LENGTH).await.unwrap()));
        }
    }
    for (of, made) in &made {
        assert!(
            keys.decrypt(of, made.wrapped_keys().first())
                .await
                .unwrap()
                .ct_eq(made.data_key())
        );
    }
    let (sealing, opening) = (keys.sealing().stats(), keys.opening().stats());
    println!(
        "{} calls, {} reads; {sealing:?}; {opening:?}",
        stack.calls() - calls,
        tenants.reads()
    );
    assert_eq!(sealing.calls_made + opening.calls_made, stack.calls() - calls);
    assert_eq!(tenants.reads(), stack.calls() - calls);
    assert!(sealing.live <= 20 && opening.live <= 20);
    assert!(stack.calls() - calls <= 600);
}

#[tokio::test(start_paused = true)]
async fn a_kms_key_is_known_by_its_name_however_many_branch_keys_were_loaded_since() {
    let stack = Stack::new().await;
    let item = find(&stack, &stack.id, ItemKind::Active);
    let keys = BranchKeys::builder(stack.table.clone(), stack.kms.clone())
        .choose(|context| format!("tenant-{}", context.get("tenant")?).parse().ok())
        .limits(BranchKeyLimits::default().with_max_keys(40_000))
        .build()
        .unwrap();
    let _made = keys.generate_data_key(&context("acme"), LENGTH).await.unwrap();
    // Others, whose loads come to nothing, and which are found under the KMS key all the same.
    for number in 0..20_000 {
        let texts = item.texts().map(|(name, text)| {
            let text = if name == "branch-key-id" {
                format!("tenant-{number}")
            } else {
                text.to_owned()
            };
            (name.into(), text.into())
        });
        stack
            .table
            .memory
            .restore(Item::new(texts.collect::<Vec<_>>(), item.enc()).unwrap());
        let _refused = keys
            .generate_data_key(&context(&number.to_string()), LENGTH)
            .await;
    }
    assert_eq!(keys.sealing().stats().live, 1);
    assert_eq!(keys.sealing().invalidate_key(stack.kms.key_arn()), Ok(1));
}

#[tokio::test(start_paused = true)]
async fn no_secret_stands_in_what_is_printed() {
    let stack = Stack::new().await;
    let keys = stack.keys();
    let made = keys.generate_data_key(&context("acme"), LENGTH).await.unwrap();
    let printed = format!(
        "{keys:?} {:?} {:?} {made:?}",
        stack.builder(),
        stack.table.memory.dump()
    );
    let secret: &DataKey = made.data_key();
    let hex: String = secret
        .expose_secret()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert!(!printed.contains(&hex) && !printed.contains(&format!("{:?}", secret.expose_secret())));
}
