//! From a parsed request to the engine and back.
use std::borrow::Cow;

use super::{
    answer::Answer,
    request::{Request, Side, required},
};
use crate::{
    CallError, FakeKms, KmsError, KmsErrorCode, KmsOperation,
    calls::Call,
    engine::{Engine, MAX_LISTED_KEYS},
};

const DEFAULT_LISTED_KEYS: i64 = 100;
const DEFAULT_WAITING_DAYS: i64 = 30;

/// Makes the call; `None` for operations that answer with an empty body.
pub(super) async fn call(
    fake: &FakeKms,
    operation: KmsOperation,
    request: &Request<'_>,
) -> Result<Option<Answer>, CallError> {
    fake.run(describe(fake, operation, request), |engine| {
        request.check()?;
        work(engine, operation, request)
    })
    .await
}

fn describe(fake: &FakeKms, operation: KmsOperation, request: &Request<'_>) -> Call {
    let (key_id, side) = match operation {
        KmsOperation::ReEncrypt => (&request.destination_key_id, Side::Destination),
        KmsOperation::CreateAlias => (&request.target_key_id, Side::Only),
        _ => (&request.key_id, Side::Only),
    };
    let mut call = match (operation, key_id.as_deref()) {
        (_, Some(key_id)) => fake.call_on(operation, key_id),
        (KmsOperation::Decrypt, None) => {
            fake.call_with(operation, None, request.ciphertext().unwrap_or_default())
        }
        (_, None) => Call::new(operation),
    };
    // A context that is too long is refused later, by the work itself.
    call.context = request.context(side).unwrap_or_default();
    call.dry_run = request.dry_run == Some(true) && operation.is_cryptographic();
    call
}

fn work(engine: &Engine, operation: KmsOperation, request: &Request<'_>) -> Result<Option<Answer>, KmsError> {
    match operation {
        KmsOperation::GenerateDataKey
        | KmsOperation::GenerateDataKeyWithoutPlaintext
        | KmsOperation::Encrypt
        | KmsOperation::Decrypt
        | KmsOperation::ReEncrypt
        | KmsOperation::GenerateRandom => cryptographic(engine, operation, request).map(Some),
        _ => on_keys(engine, operation, request),
    }
}

fn cryptographic(
    engine: &Engine,
    operation: KmsOperation,
    request: &Request<'_>,
) -> Result<Answer, KmsError> {
    let key_id = || required("keyId", request.key_id.as_deref());
    let context = request.context(Side::Only)?;
    Ok(match operation {
        KmsOperation::GenerateDataKey => {
            Answer::data_key(engine.generate_data_key(key_id()?, &context, request.data_key_len()?)?)
        }
        KmsOperation::GenerateDataKeyWithoutPlaintext => {
            let len = request.data_key_len()?;
            let made = engine.generate_data_key_without_plaintext(key_id()?, &context, len)?;
            Answer::wrapped_data_key(made)
        }
        KmsOperation::Encrypt => {
            Answer::encrypted(engine.encrypt(key_id()?, &context, request.plaintext()?)?)
        }
        KmsOperation::Decrypt => {
            Answer::decrypted(engine.decrypt(request.key_id.as_deref(), &context, request.ciphertext()?)?)
        }
        KmsOperation::ReEncrypt => {
            let source = request.context(Side::Source)?;
            let destination = request.context(Side::Destination)?;
            let to = required("destinationKeyId", request.destination_key_id.as_deref())?;
            let from = request.source_key_id.as_deref();
            let ciphertext = request.ciphertext()?;
            Answer::re_encrypted(engine.re_encrypt(ciphertext, (from, &source), (to, &destination))?)
        }
        _ => Answer::random(engine.generate_random(request.random_len()?)?),
    })
}

fn on_keys(
    engine: &Engine,
    operation: KmsOperation,
    request: &Request<'_>,
) -> Result<Option<Answer>, KmsError> {
    let key_id = || required("keyId", request.key_id.as_deref());
    let account = &engine.place().account;
    Ok(match operation {
        KmsOperation::DescribeKey => Some(Answer::described(engine.describe_key(key_id()?)?, account)),
        KmsOperation::CreateKey => {
            check_kind(request)?;
            let description = request.description.as_deref().unwrap_or_default();
            Some(Answer::described(engine.create_key(description)?, account))
        }
        KmsOperation::ListKeys => {
            let limit = request.limit.unwrap_or(DEFAULT_LISTED_KEYS);
            let limit = usize::try_from(limit).unwrap_or(MAX_LISTED_KEYS.saturating_add(1));
            Some(Answer::listed(
                engine.list_keys(limit, request.marker.as_deref())?,
            ))
        }
        KmsOperation::CreateAlias => {
            let name = required("aliasName", request.alias_name.as_deref())?;
            let target = required("targetKeyId", request.target_key_id.as_deref())?;
            engine.create_alias(name, target)?;
            None
        }
        KmsOperation::EnableKey | KmsOperation::DisableKey => {
            engine.set_enabled(key_id()?, operation == KmsOperation::EnableKey)?;
            None
        }
        KmsOperation::ScheduleKeyDeletion => {
            let days = request.pending_window_in_days.unwrap_or(DEFAULT_WAITING_DAYS);
            let days = u32::try_from(days).unwrap_or(0);
            Some(Answer::deletion_scheduled(
                engine.schedule_key_deletion(key_id()?, days)?,
                days,
            ))
        }
        KmsOperation::CancelKeyDeletion => Some(Answer::key(engine.cancel_key_deletion(key_id()?)?)),
        KmsOperation::RotateKeyOnDemand => Some(Answer::key(engine.rotate_key(key_id()?)?)),
        _ => return Err(KmsErrorCode::UnknownOperation.into()),
    })
}

/// The fake has symmetric keys with material of its own, of one Region.
fn check_kind(request: &Request<'_>) -> Result<(), KmsError> {
    let is = |value: &Option<Cow<'_, str>>, only: &str| value.as_deref().is_none_or(|value| value == only);
    let known = is(&request.key_usage, "ENCRYPT_DECRYPT")
        && is(&request.key_spec, "SYMMETRIC_DEFAULT")
        && is(&request.customer_master_key_spec, "SYMMETRIC_DEFAULT")
        && is(&request.origin, "AWS_KMS")
        && request.multi_region != Some(true);
    if known {
        return Ok(());
    }
    Err(KmsError::with_message(
        KmsErrorCode::UnsupportedOperation,
        "This emulator makes symmetric encryption keys of one Region only.",
    ))
}
