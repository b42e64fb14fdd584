//! From a parsed request to the engine and back: the operations on keys themselves.
use std::sync::Arc;

use serde_json::json;

use super::{answer::Reply, request::Request, views};
use crate::{
    FakeKms, KmsError, KmsErrorCode, KmsOperation,
    access::Asker,
    arn::is_region,
    engine::{GrantChoice, GrantFilter, POLICY_NAME},
    error::constraint,
};

const DEFAULT_WAITING_DAYS: i64 = 30;

type Answered = Result<Reply, KmsError>;

/// Does the work of an operation that is not cryptographic.
pub(super) fn work(
    fake: &FakeKms,
    asker: &Asker<'_>,
    operation: KmsOperation,
    request: &Request<'_>,
) -> Answered {
    use KmsOperation as Op;
    match operation {
        Op::CreateAlias | Op::UpdateAlias | Op::DeleteAlias | Op::ListAliases => {
            on_aliases(fake, asker, operation, request)
        }
        Op::RotateKeyOnDemand
        | Op::EnableKeyRotation
        | Op::DisableKeyRotation
        | Op::GetKeyRotationStatus
        | Op::ListKeyRotations => on_rotation(fake, asker, operation, request),
        Op::TagResource | Op::UntagResource | Op::ListResourceTags => {
            on_tags(fake, asker, operation, request)
        }
        Op::GetKeyPolicy | Op::PutKeyPolicy | Op::ListKeyPolicies => {
            on_policies(fake, asker, operation, request)
        }
        Op::CreateGrant | Op::ListGrants | Op::ListRetirableGrants | Op::RetireGrant | Op::RevokeGrant => {
            on_grants(fake, asker, operation, request)
        }
        Op::ReplicateKey => replicate(fake, asker, request),
        _ => on_keys(fake, asker, operation, request),
    }
}

fn on_keys(fake: &FakeKms, asker: &Asker<'_>, operation: KmsOperation, request: &Request<'_>) -> Answered {
    use KmsOperation as Op;
    let engine = fake.engine();
    let key_id = request.key_id.as_deref().unwrap_or_default();
    match operation {
        Op::CreateKey | Op::DescribeKey => {
            let key = if operation == Op::CreateKey {
                engine.create_key(asker, &request.new_key())?
            } else {
                engine.describe_key(asker, key_id)?
            };
            Ok(Reply::Other(
                json!({ "KeyMetadata": views::metadata(&key, engine.place()) }),
            ))
        }
        Op::ListKeys => {
            let page = engine.list_keys(asker, &request.paging())?;
            let view = |(id, arn): (String, Arc<str>)| json!({ "KeyId": id, "KeyArn": *arn });
            Ok(Reply::Other(views::page("Keys", page, view)))
        }
        Op::EnableKey | Op::DisableKey => {
            engine.set_enabled(asker, key_id, operation == Op::EnableKey)?;
            Ok(Reply::Empty)
        }
        Op::ScheduleKeyDeletion => {
            let days = request.pending_window_in_days.unwrap_or(DEFAULT_WAITING_DAYS);
            let key = engine.schedule_key_deletion(asker, key_id, days)?;
            Ok(Reply::Other(views::deletion(&key, days)))
        }
        Op::CancelKeyDeletion => {
            let arn = engine.cancel_key_deletion(asker, key_id)?;
            Ok(Reply::Other(json!({ "KeyId": *arn })))
        }
        Op::UpdateKeyDescription => {
            let description = request.description.as_deref().unwrap_or_default();
            engine.update_key_description(asker, key_id, description)?;
            Ok(Reply::Empty)
        }
        Op::UpdatePrimaryRegion => {
            let region = region_of(request.primary_region.as_deref(), "primaryRegion")?;
            if let Ok(there) = fake.in_region(region) {
                count_there(&there, operation)?;
            }
            engine.update_primary_region(asker, key_id, region)?;
            Ok(Reply::Empty)
        }
        _ => Err(KmsErrorCode::UnknownOperation.into()),
    }
}

/// As KMS does, this answers before the new key can be used, and says so; here it can, with the next request.
fn replicate(fake: &FakeKms, asker: &Asker<'_>, request: &Request<'_>) -> Answered {
    let key_id = request.key_id.as_deref().unwrap_or_default();
    let region = region_of(request.replica_region.as_deref(), "replicaRegion")?;
    let there = fake
        .in_region(region)
        .map_err(|no_such| KmsError::with_message(KmsErrorCode::UnsupportedOperation, no_such.to_string()))?;
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

fn on_aliases(fake: &FakeKms, asker: &Asker<'_>, operation: KmsOperation, request: &Request<'_>) -> Answered {
    let engine = fake.engine();
    let name = request.alias_name.as_deref().unwrap_or_default();
    let target = request.target_key_id.as_deref().unwrap_or_default();
    match operation {
        KmsOperation::CreateAlias => engine.create_alias(asker, name, target)?,
        KmsOperation::UpdateAlias => engine.update_alias(asker, name, target)?,
        KmsOperation::DeleteAlias => engine.delete_alias(asker, name)?,
        _ => {
            let page = engine.list_aliases(asker, request.key_id.as_deref(), &request.paging())?;
            let view = |(name, alias): (String, _)| views::alias(&name, &alias, engine.place());
            return Ok(Reply::Other(views::page("Aliases", page, view)));
        }
    }
    Ok(Reply::Empty)
}

fn on_rotation(
    fake: &FakeKms,
    asker: &Asker<'_>,
    operation: KmsOperation,
    request: &Request<'_>,
) -> Answered {
    let engine = fake.engine();
    let key_id = request.key_id.as_deref().unwrap_or_default();
    match operation {
        KmsOperation::RotateKeyOnDemand => {
            let arn = engine.rotate_key(asker, key_id)?;
            Ok(Reply::Other(json!({ "KeyId": *arn })))
        }
        KmsOperation::EnableKeyRotation => {
            engine.enable_key_rotation(asker, key_id, request.rotation_period_in_days)?;
            Ok(Reply::Empty)
        }
        KmsOperation::DisableKeyRotation => {
            engine.disable_key_rotation(asker, key_id)?;
            Ok(Reply::Empty)
        }
        KmsOperation::GetKeyRotationStatus => {
            let (arn, schedule) = engine.key_rotation_status(asker, key_id)?;
            Ok(Reply::Other(views::rotation_status(&arn, schedule)))
        }
        _ => {
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

fn on_tags(fake: &FakeKms, asker: &Asker<'_>, operation: KmsOperation, request: &Request<'_>) -> Answered {
    let engine = fake.engine();
    let key_id = request.key_id.as_deref().unwrap_or_default();
    match operation {
        KmsOperation::TagResource => engine.tag_resource(asker, key_id, &request.tags())?,
        KmsOperation::UntagResource => {
            engine.untag_resource(asker, key_id, request.tag_keys.as_deref().unwrap_or_default())?;
        }
        _ => {
            let page = engine.list_resource_tags(asker, key_id, &request.paging())?;
            let view = |(key, value): (String, String)| json!({ "TagKey": key, "TagValue": value });
            return Ok(Reply::Other(views::page("Tags", page, view)));
        }
    }
    Ok(Reply::Empty)
}

fn on_policies(
    fake: &FakeKms,
    asker: &Asker<'_>,
    operation: KmsOperation,
    request: &Request<'_>,
) -> Answered {
    let engine = fake.engine();
    let key_id = request.key_id.as_deref().unwrap_or_default();
    match operation {
        KmsOperation::GetKeyPolicy => {
            let policy = engine.key_policy(asker, key_id)?;
            Ok(Reply::Other(
                json!({ "Policy": policy, "PolicyName": POLICY_NAME }),
            ))
        }
        KmsOperation::PutKeyPolicy => {
            let policy = request.policy.as_deref().unwrap_or_default();
            let lockout_is_fine = request.bypass_policy_lockout_safety_check == Some(true);
            engine.put_key_policy(asker, key_id, policy, lockout_is_fine)?;
            Ok(Reply::Empty)
        }
        _ => {
            let page = engine.list_key_policies(asker, key_id, &request.paging())?;
            Ok(Reply::Other(views::page(
                "PolicyNames",
                page,
                serde_json::Value::from,
            )))
        }
    }
}

fn on_grants(fake: &FakeKms, asker: &Asker<'_>, operation: KmsOperation, request: &Request<'_>) -> Answered {
    let engine = fake.engine();
    let key_id = request.key_id.as_deref();
    let (named, dry_run) = (key_id.unwrap_or_default(), request.is_dry_run());
    let grant_id = request.grant_id.as_deref();
    match operation {
        KmsOperation::CreateGrant => {
            let (token, id) = engine.create_grant(asker, named, request.grant()?, dry_run)?;
            Ok(Reply::Other(json!({ "GrantToken": token, "GrantId": id })))
        }
        KmsOperation::RetireGrant => {
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
        KmsOperation::RevokeGrant => {
            engine.revoke_grant(asker, named, grant_id.unwrap_or_default(), dry_run)?;
            Ok(Reply::Empty)
        }
        _ => {
            let paging = request.paging();
            let page = if operation == KmsOperation::ListGrants {
                let filter = GrantFilter {
                    id: grant_id,
                    grantee: request.grantee_principal.as_deref(),
                };
                engine.list_grants(asker, named, filter, &paging)?
            } else {
                let retiring = request.retiring_principal.as_deref().unwrap_or_default();
                engine.list_retirable_grants(asker, retiring, &paging)?
            };
            Ok(Reply::Other(views::page("Grants", page, |(arn, grant)| {
                views::grant(&arn, &grant)
            })))
        }
    }
}
