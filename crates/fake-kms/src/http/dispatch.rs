//! From a parsed request to the work, and what is known of a call before it.
use super::{
    answer::Reply,
    cryptographic, manage,
    parameters::{has_dry_run, subject},
    request::{Request, Side},
    validate,
};
use crate::{
    CallError, FakeKms, KmsOperation,
    access::{Asker, Source},
    asked::Call,
    calls::Delivery,
    operation::Group,
};

/// Makes the call.
pub(super) async fn call(
    fake: &FakeKms,
    source: Source,
    operation: KmsOperation,
    request: &Request<'_>,
) -> (Result<Reply, CallError>, Delivery) {
    let asker = Asker {
        principal: fake.caller(),
        grant_tokens: request.grant_tokens(),
        source,
    };
    fake.deliver(describe(fake, operation, request), |engine| {
        validate::check(operation, request)?;
        match operation.group() {
            Group::Cryptographic(operation) => cryptographic::work(engine, &asker, operation, request),
            Group::OnKeys(operation) => manage::keys(engine, &asker, operation, request),
            Group::OnAliases(operation) => manage::aliases(engine, &asker, operation, request),
            Group::OnRotation(operation) => manage::rotation(engine, &asker, operation, request),
            Group::OnRegions(operation) => manage::regions(fake, &asker, operation, request),
            Group::OnTags(operation) => manage::tags(engine, &asker, operation, request),
            Group::OnPolicies(operation) => manage::policies(engine, &asker, operation, request),
            Group::OnGrants(operation) => manage::grants(engine, &asker, operation, request),
        }
    })
    .await
}

fn describe(fake: &FakeKms, operation: KmsOperation, request: &Request<'_>) -> Call {
    let key_id = subject(operation, request);
    let mut call = match (operation, key_id) {
        (_, Some(key_id)) => fake.call_on(operation, key_id),
        (KmsOperation::Decrypt, None) => fake.call_with(operation, None, request.ciphertext()),
        (_, None) => Call::new(operation),
    };
    let side = if operation == KmsOperation::ReEncrypt {
        Side::Destination
    } else {
        Side::Only
    };
    // A context that is too long is refused later, by the work itself.
    call.context = request.context(side).unwrap_or_default();
    call.dry_run = request.is_dry_run() && has_dry_run(operation);
    call
}
