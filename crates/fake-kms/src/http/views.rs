//! The answers of the operations on keys, as JSON has them.
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::answer::SYMMETRIC;
use crate::{
    KeyMetadata, KeyState, KmsContext,
    arn::Place,
    engine::{Alias, Grant, Page, RotationEntry, Schedule},
};

/// Seconds since 1970, to the millisecond as KMS tells them.
pub(super) fn date(at: Duration) -> f64 {
    let millis = u64::try_from(at.as_millis()).unwrap_or(u64::MAX);
    Duration::from_millis(millis).as_secs_f64()
}

/// An object with a member more, when it has a value.
fn with(mut object: Value, member: &str, value: Option<Value>) -> Value {
    if let (Some(members), Some(value)) = (object.as_object_mut(), value) {
        members.insert(member.to_owned(), value);
    }
    object
}

pub(super) fn metadata(key: &KeyMetadata, place: &Place) -> Value {
    let multi_region = key.multi_region.as_ref().map(|regions| {
        let there = |region: &str| {
            let elsewhere = Place {
                region: region.into(),
                ..place.clone()
            };
            json!({ "Arn": elsewhere.arn_of_key(&key.key_id), "Region": region })
        };
        json!({
            "MultiRegionKeyType": if regions.is_primary { "PRIMARY" } else { "REPLICA" },
            "PrimaryKey": there(&regions.primary),
            "ReplicaKeys": regions.replicas.iter().map(|region| there(region)).collect::<Vec<_>>(),
        })
    });
    let metadata = json!({
        "AWSAccountId": *place.account,
        "KeyId": key.key_id,
        "Arn": *key.arn,
        "CreationDate": date(key.created),
        "Enabled": key.state == KeyState::Enabled,
        "Description": key.description,
        "KeyUsage": "ENCRYPT_DECRYPT",
        "KeyState": key.state.as_str(),
        "Origin": "AWS_KMS",
        "KeyManager": if key.is_aws_managed { "AWS" } else { "CUSTOMER" },
        "CustomerMasterKeySpec": SYMMETRIC,
        "KeySpec": SYMMETRIC,
        "EncryptionAlgorithms": [SYMMETRIC],
        "MultiRegion": multi_region.is_some(),
        "CurrentKeyMaterialId": *key.key_material_id,
    });
    let metadata = with(metadata, "DeletionDate", key.deletion.map(|at| json!(date(at))));
    let metadata = with(
        metadata,
        "PendingDeletionWindowInDays",
        key.deletion_window.map(Value::from),
    );
    with(metadata, "MultiRegionConfiguration", multi_region)
}

pub(super) fn deletion(key: &KeyMetadata, days: i64) -> Value {
    let answer = json!({ "KeyId": *key.arn, "KeyState": key.state.as_str(), "PendingWindowInDays": days });
    with(answer, "DeletionDate", key.deletion.map(|at| json!(date(at))))
}

/// A page under the name of its entries.
pub(super) fn page<T>(name: &str, page: Page<T>, view: impl Fn(T) -> Value) -> Value {
    let answer = json!({
        "Truncated": page.next.is_some(),
        name: page.entries.into_iter().map(view).collect::<Vec<_>>(),
    });
    with(answer, "NextMarker", page.next.map(Value::from))
}

pub(super) fn tags(tags: &[(String, String)]) -> Value {
    tags.iter()
        .map(|(key, value)| json!({ "TagKey": key, "TagValue": value }))
        .collect()
}

pub(super) fn alias(name: &str, alias: &Alias, place: &Place) -> Value {
    json!({
        "AliasName": name,
        "AliasArn": place.alias_arn(name),
        "TargetKeyId": alias.target.to_string(),
        "CreationDate": date(alias.created),
        "LastUpdatedDate": date(alias.updated),
    })
}

pub(super) fn rotation_status(arn: &str, schedule: Option<Schedule>) -> Value {
    let answer = json!({ "KeyId": arn, "KeyRotationEnabled": schedule.is_some() });
    let answer = with(
        answer,
        "RotationPeriodInDays",
        schedule.map(|schedule| schedule.period_days.into()),
    );
    with(
        answer,
        "NextRotationDate",
        schedule.map(|schedule| json!(date(schedule.next))),
    )
}

pub(super) fn rotation(arn: &str, entry: &RotationEntry, with_state: bool) -> Value {
    let answer = json!({ "KeyId": arn, "KeyMaterialId": *entry.key_material_id });
    let state = if entry.is_current {
        "CURRENT"
    } else {
        "NON_CURRENT"
    };
    let answer = with(answer, "KeyMaterialState", with_state.then(|| state.into()));
    let answer = with(
        answer,
        "RotationDate",
        entry.rotated.map(|(at, _)| json!(date(at))),
    );
    let kind = |automatic: bool| if automatic { "AUTOMATIC" } else { "ON_DEMAND" };
    with(
        answer,
        "RotationType",
        entry.rotated.map(|(_, automatic)| kind(automatic).into()),
    )
}

pub(super) fn grant(key_arn: &str, grant: &Grant) -> Value {
    let terms = &grant.terms;
    let pairs = |context: &KmsContext| -> Value {
        let pairs = context
            .iter()
            .map(|(key, value)| (key.to_owned(), Value::from(value)));
        pairs.collect::<Map<_, _>>().into()
    };
    let mut constraints = json!({});
    constraints = with(
        constraints,
        "EncryptionContextSubset",
        terms.subset.as_ref().map(pairs),
    );
    constraints = with(
        constraints,
        "EncryptionContextEquals",
        terms.equals.as_ref().map(pairs),
    );
    let has_constraints = terms.subset.is_some() || terms.equals.is_some();
    let answer = json!({
        "KeyId": key_arn,
        "GrantId": grant.id,
        "Name": terms.name.as_deref().unwrap_or_default(),
        "CreationDate": date(grant.created),
        "GranteePrincipal": terms.grantee,
        "IssuingAccount": grant.issuer,
        "Operations": terms.operations.iter().map(|action| action.as_str()).collect::<Vec<_>>(),
    });
    let answer = with(
        answer,
        "RetiringPrincipal",
        terms.retiring.as_deref().map(Value::from),
    );
    with(answer, "Constraints", has_constraints.then_some(constraints))
}
