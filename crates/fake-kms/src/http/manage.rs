//! From a parsed request to the engine and back: the operations on keys themselves.
use std::sync::Arc;

use serde_json::json;

use super::{answer::Reply, request::Request, views};
use crate::{
    FakeKms, KeyMetadata, KmsError, KmsErrorCode, KmsOperation,
    access::Asker,
    arn::is_region,
    engine::{Engine, Grant, GrantChoice, GrantFilter, POLICY_NAME, Page},
    error::constraint,
    operation::{OnAliases, OnGrants, OnKeys, OnPolicies, OnRegions, OnRotation, OnTags},
};

const DEFAULT_WAITING_DAYS: i64 = 30;

type Answered = Result<Reply, KmsError>;

pub(super) fn keys(engine: &Engine, asker: &Asker<'_>, operation: OnKeys, request: &Request<'_>) -> Answered {
    let key_id = request.key_id.as_deref().unwrap_or_default();
    match operation {
        OnKeys::CreateKey => Ok(metadata(engine, &engine.create_key(asker, &request.new_key())?)),
        OnKeys::DescribeKey => Ok(metadata(engine, &engine.describe_key(asker, key_id)?)),
        OnKeys::ListKeys => {
            let page = engine.list_keys(asker, &request.paging())?;
            let view = |(id, arn): (String, Arc<str>)| json!({ "KeyId": id, "KeyArn": *arn });
            Ok(Reply::Other(views::page("Keys", page, view)))
        }
        OnKeys::EnableKey => engine.set_enabled(asker, key_id, true).map(empty),
        OnKeys::DisableKey => engine.set_enabled(asker, key_id, false).map(empty),
        OnKeys::ScheduleKeyDeletion => {
            let days = request.pending_window_in_days.unwrap_or(DEFAULT_WAITING_DAYS);
            let key = engine.schedule_key_deletion(asker, key_id, days)?;
            Ok(Reply::Other(views::deletion(&key, days)))
        }
        OnKeys::CancelKeyDeletion => {
            let arn = engine.cancel_key_deletion(asker, key_id)?;
            Ok(Reply::Other(json!({ "KeyId": *arn })))
        }
        OnKeys::UpdateKeyDescription => {
            let description = request.description.as_deref().unwrap_or_default();
            engine
                .update_key_description(asker, key_id, description)
                .map(empty)
        }
    }
}

fn metadata(engine: &Engine, key: &KeyMetadata) -> Reply {
    Reply::Other(json!({ "KeyMetadata": views::metadata(key, engine.place()) }))
}

fn empty((): ()) -> Reply {
    Reply::Empty
}

pub(super) fn regions(
    fake: &FakeKms,
    asker: &Asker<'_>,
    operation: OnRegions,
    request: &Request<'_>,
) -> Answered {
    match operation {
        OnRegions::ReplicateKey => replicate(fake, asker, request),
        OnRegions::UpdatePrimaryRegion => update_primary(fake, asker, request),
    }
}

fn update_primary(fake: &FakeKms, asker: &Asker<'_>, request: &Request<'_>) -> Answered {
    let key_id = request.key_id.as_deref().unwrap_or_default();
    let region = region_of(request.primary_region.as_deref(), "primaryRegion")?;
    let there = there(fake, region)?;
    count_there(&there, KmsOperation::UpdatePrimaryRegion)?;
    fake.engine()
        .update_primary_region(asker, key_id, there.engine())
        .map(empty)
}

/// As KMS does, this answers before the new key can be used, and says so; here it can, with the next request.
fn replicate(fake: &FakeKms, asker: &Asker<'_>, request: &Request<'_>) -> Answered {
    let key_id = request.key_id.as_deref().unwrap_or_default();
    let region = region_of(request.replica_region.as_deref(), "replicaRegion")?;
    let there = there(fake, region)?;
    // It counts as two calls of `CreateKey` there, one of which is a dry run.
    count_there(&there, KmsOperation::CreateKey)?;
    count_there(&there, KmsOperation::CreateKey)?;
    let new = request.new_key();
    let (key, policy, tags) = fake.engine().replicate_key(asker, key_id, there.engine(), &new)?;
    let mut metadata = views::metadata(&key, there.engine().place());
    if let Some(members) = metadata.as_object_mut() {
        members.insert("KeyState".to_owned(), "Creating".into());
        members.insert("Enabled".to_owned(), false.into());
    }
    Ok(Reply::Other(json!({
        "ReplicaKeyMetadata": metadata,
        "ReplicaPolicy": policy,
        "ReplicaTags": views::tags(&tags),
    })))
}

fn there(fake: &FakeKms, region: &str) -> Result<FakeKms, KmsError> {
    fake.in_region(region)
        .map_err(|no_such| KmsError::with_message(KmsErrorCode::UnsupportedOperation, no_such.to_string()))
}

/// Counts a call against the quota of another Region that it concerns.
fn count_there(there: &FakeKms, operation: KmsOperation) -> Result<(), KmsError> {
    let now = there.engine().clock().since_start();
    if there.admission().admit(operation, now) {
        Ok(())
    } else {
        Err(KmsErrorCode::Throttling.into())
    }
}

fn region_of<'a>(name: Option<&'a str>, member: &str) -> Result<&'a str, KmsError> {
    let name = name.unwrap_or_default();
    if is_region(name) {
        return Ok(name);
    }
    let shown: String = name.chars().take(64).collect();
    let rule = "Member must satisfy regular expression pattern: ^([a-z]+-){2,3}\\d+$";
    Err(constraint(member, &shown, rule))
}

pub(super) fn aliases(
    engine: &Engine,
    asker: &Asker<'_>,
    operation: OnAliases,
    request: &Request<'_>,
) -> Answered {
    let name = request.alias_name.as_deref().unwrap_or_default();
    let target = request.target_key_id.as_deref().unwrap_or_default();
    match operation {
        OnAliases::CreateAlias => engine.create_alias(asker, name, target)?,
        OnAliases::UpdateAlias => engine.update_alias(asker, name, target)?,
        OnAliases::DeleteAlias => engine.delete_alias(asker, name)?,
        OnAliases::ListAliases => {
            let page = engine.list_aliases(asker, request.key_id.as_deref(), &request.paging())?;
            let view = |(name, alias): (String, _)| views::alias(&name, &alias, engine.place());
            return Ok(Reply::Other(views::page("Aliases", page, view)));
        }
    }
    Ok(Reply::Empty)
}

pub(super) fn rotation(
    engine: &Engine,
    asker: &Asker<'_>,
    operation: OnRotation,
    request: &Request<'_>,
) -> Answered {
    let key_id = request.key_id.as_deref().unwrap_or_default();
    match operation {
        OnRotation::RotateKeyOnDemand => {
            let arn = engine.rotate_key(asker, key_id)?;
            Ok(Reply::Other(json!({ "KeyId": *arn })))
        }
        OnRotation::EnableKeyRotation => {
            engine.enable_key_rotation(asker, key_id, request.rotation_period_in_days)?;
            Ok(Reply::Empty)
        }
        OnRotation::DisableKeyRotation => {
            engine.disable_key_rotation(asker, key_id)?;
            Ok(Reply::Empty)
        }
        OnRotation::GetKeyRotationStatus => {
            let (arn, schedule) = engine.key_rotation_status(asker, key_id)?;
            Ok(Reply::Other(views::rotation_status(&arn, schedule)))
        }
        OnRotation::ListKeyRotations => {
            let all = match request.include_key_material.as_deref() {
                None | Some("ROTATIONS_ONLY") => false,
                Some("ALL_KEY_MATERIAL") => true,
                Some(other) => {
                    let rule = "Member must satisfy enum value set: [ALL_KEY_MATERIAL, ROTATIONS_ONLY]";
                    let shown: String = other.chars().take(64).collect();
                    return Err(constraint("includeKeyMaterial", &shown, rule));
                }
            };
            let (arn, page) = engine.list_key_rotations(asker, key_id, all, &request.paging())?;
            let answer = views::page("Rotations", page, |entry| views::rotation(&arn, &entry, all));
            Ok(Reply::Other(answer))
        }
    }
}

pub(super) fn tags(engine: &Engine, asker: &Asker<'_>, operation: OnTags, request: &Request<'_>) -> Answered {
    let key_id = request.key_id.as_deref().unwrap_or_default();
    match operation {
        OnTags::TagResource => engine.tag_resource(asker, key_id, &request.tags())?,
        OnTags::UntagResource => {
            engine.untag_resource(asker, key_id, request.tag_keys.as_deref().unwrap_or_default())?;
        }
        OnTags::ListResourceTags => {
            let page = engine.list_resource_tags(asker, key_id, &request.paging())?;
            let view = |(key, value): (String, String)| json!({ "TagKey": key, "TagValue": value });
            return Ok(Reply::Other(views::page("Tags", page, view)));
        }
    }
    Ok(Reply::Empty)
}

pub(super) fn policies(
    engine: &Engine,
    asker: &Asker<'_>,
    operation: OnPolicies,
    request: &Request<'_>,
) -> Answered {
    let key_id = request.key_id.as_deref().unwrap_or_default();
    match operation {
        OnPolicies::GetKeyPolicy => {
            let policy = engine.key_policy(asker, key_id)?;
            Ok(Reply::Other(
                json!({ "Policy": policy, "PolicyName": POLICY_NAME }),
            ))
        }
        OnPolicies::PutKeyPolicy => {
            let policy = request.policy.as_deref().unwrap_or_default();
            let lockout_is_fine = request.bypass_policy_lockout_safety_check;
            engine.put_key_policy(asker, key_id, policy, lockout_is_fine)?;
            Ok(Reply::Empty)
        }
        OnPolicies::ListKeyPolicies => {
            let page = engine.list_key_policies(asker, key_id, &request.paging())?;
            Ok(Reply::Other(views::page(
                "PolicyNames",
                page,
                serde_json::Value::from,
            )))
        }
    }
}

pub(super) fn grants(
    engine: &Engine,
    asker: &Asker<'_>,
    operation: OnGrants,
    request: &Request<'_>,
) -> Answered {
    let key_id = request.key_id.as_deref();
    let (named, dry_run) = (key_id.unwrap_or_default(), request.is_dry_run());
    let grant_id = request.grant_id.as_deref();
    match operation {
        OnGrants::CreateGrant => {
            let (token, id) = engine.create_grant(asker, named, request.grant()?, dry_run)?;
            Ok(Reply::Other(json!({ "GrantToken": token, "GrantId": id })))
        }
        OnGrants::RetireGrant => {
            let choice = match (request.grant_token.as_deref(), key_id, grant_id) {
                (Some(token), None, None) => GrantChoice::Token(token),
                (None, Some(key_id), Some(grant_id)) => GrantChoice::Id { key_id, grant_id },
                _ => {
                    let message = "Either a grant token, or a key id and a grant id, must be given.";
                    return Err(KmsError::with_message(KmsErrorCode::Validation, message));
                }
            };
            engine.retire_grant(asker, choice, dry_run)?;
            Ok(Reply::Empty)
        }
        OnGrants::RevokeGrant => {
            engine.revoke_grant(asker, named, grant_id.unwrap_or_default(), dry_run)?;
            Ok(Reply::Empty)
        }
        OnGrants::ListGrants => {
            let filter = GrantFilter {
                id: grant_id,
                grantee: request.grantee_principal.as_deref(),
            };
            Ok(listed(engine.list_grants(
                asker,
                named,
                filter,
                &request.paging(),
            )?))
        }
        OnGrants::ListRetirableGrants => {
            let retiring = request.retiring_principal.as_deref().unwrap_or_default();
            let page = engine.list_retirable_grants(asker, retiring, &request.paging())?;
            Ok(listed(page))
        }
    }
}

fn listed(page: Page<(Arc<str>, Arc<Grant>)>) -> Reply {
    Reply::Other(views::page("Grants", page, |(arn, grant)| {
        views::grant(&arn, &grant)
    }))
}
