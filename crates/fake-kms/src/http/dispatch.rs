//! From a parsed request to the engine and back: the cryptographic operations.
use super::{
    answer::{Answer, Reply},
    manage,
    request::{Request, Side},
    validate,
};
use crate::{
    CallError, FakeKms, KmsError, KmsErrorCode, KmsOperation,
    access::Asker,
    calls::{Call, Delivery},
    engine::Engine,
};

/// Makes the call.
pub(super) async fn call(
    fake: &FakeKms,
    operation: KmsOperation,
    request: &Request<'_>,
) -> (Result<Reply, CallError>, Delivery) {
    let asker = Asker {
        principal: fake.caller(),
        grant_tokens: request.grant_tokens(),
    };
    fake.deliver(describe(fake, operation, request), |engine| {
        validate::check(operation, request)?;
        if operation.is_cryptographic() {
            let answer = cryptographic(engine, &asker, operation, request)?;
            Ok(Reply::Cryptographic(Box::new(answer)))
        } else {
            manage::work(fake, &asker, operation, request)
        }
    })
    .await
}

fn describe(fake: &FakeKms, operation: KmsOperation, request: &Request<'_>) -> Call {
    let (key_id, side) = match operation {
        KmsOperation::ReEncrypt => (&request.destination_key_id, Side::Destination),
        KmsOperation::CreateAlias | KmsOperation::UpdateAlias => (&request.target_key_id, Side::Only),
        KmsOperation::DeleteAlias => (&request.alias_name, Side::Only),
        _ => (&request.key_id, Side::Only),
    };
    let mut call = match (operation, key_id.as_deref()) {
        (_, Some(key_id)) => fake.call_on(operation, key_id),
        (KmsOperation::Decrypt, None) => fake.call_with(operation, None, request.ciphertext()),
        (_, None) => Call::new(operation),
    };
    // A context that is too long is refused later, by the work itself.
    call.context = request.context(side).unwrap_or_default();
    call.dry_run = request.is_dry_run() && has_dry_run(operation);
    call
}

fn has_dry_run(operation: KmsOperation) -> bool {
    use KmsOperation as Op;
    let of_grants = matches!(operation, Op::CreateGrant | Op::RetireGrant | Op::RevokeGrant);
    (operation.is_cryptographic() && operation != Op::GenerateRandom) || of_grants
}

fn cryptographic(
    engine: &Engine,
    asker: &Asker<'_>,
    operation: KmsOperation,
    request: &Request<'_>,
) -> Result<Answer, KmsError> {
    let key_id = request.key_id.as_deref();
    let named = key_id.unwrap_or_default();
    let context = request.context(Side::Only)?;
    Ok(match operation {
        KmsOperation::GenerateDataKey => {
            let len = validate::data_key_len(request)?;
            Answer::data_key(engine.generate_data_key(asker, named, &context, len)?)
        }
        KmsOperation::GenerateDataKeyWithoutPlaintext => {
            let len = validate::data_key_len(request)?;
            let made = engine.generate_data_key_without_plaintext(asker, named, &context, len)?;
            Answer::wrapped_data_key(made)
        }
        KmsOperation::Encrypt => {
            Answer::encrypted(engine.encrypt(asker, named, &context, request.plaintext())?)
        }
        KmsOperation::Decrypt if request.ignores_ciphertext() => {
            engine.may_decrypt(asker, named, &context)?;
            return Err(KmsErrorCode::DryRun.into());
        }
        KmsOperation::Decrypt => {
            Answer::decrypted(engine.decrypt(asker, key_id, &context, request.ciphertext())?)
        }
        KmsOperation::ReEncrypt => {
            let source = request.context(Side::Source)?;
            let destination = request.context(Side::Destination)?;
            let to = request.destination_key_id.as_deref().unwrap_or_default();
            let from = request.source_key_id.as_deref();
            let ciphertext = request.ciphertext();
            Answer::re_encrypted(engine.re_encrypt(asker, ciphertext, (from, &source), (to, &destination))?)
        }
        _ => Answer::random(engine.generate_random(asker, validate::random_len(request)?)?),
    })
}
