//! One call under way: whether it was sent, and what becomes of its failure.
use std::{
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_kms::{
    config::{ConfigBag, Intercept, RuntimeComponents, interceptors::BeforeTransmitInterceptorContextRef},
    error::{BoxError, ProvideErrorMetadata, SdkError},
};
use aws_smithy_types::retry::ErrorKind;
use datakey_provider::{ErrorClass, Operation, ProviderError};

use crate::{
    classify::Stage,
    credentials::{Credentials, Refusals, Unloaded},
    failure::provider_error,
    proxy,
    told::find,
};

/// One call under way.
pub(crate) struct Attempt<'a> {
    operation: Operation,
    key_id: &'a str,
    credentials: &'a Credentials,
    /// How often credentials had been refused when it began.
    before: Refusals,
    sent: Sent,
}

/// Notes whether a call got as far as the HTTP client.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sent(Arc<AtomicBool>);

impl Intercept for Sent {
    fn name(&self) -> &'static str {
        "DatakeySent"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.store(true, Ordering::Relaxed);
        Ok(())
    }
}

impl<'a> Attempt<'a> {
    pub(crate) fn new(operation: Operation, key_id: &'a str, credentials: &'a Credentials) -> Self {
        Self {
            operation,
            key_id,
            credentials,
            before: credentials.refusals(),
            sent: Sent::default(),
        }
    }

    /// To be given to the call.
    pub(crate) fn sent(&self) -> Sent {
        self.sent.clone()
    }

    /// Classifies the failure, and has the credentials asked for anew if it says that they are no longer good.
    pub(crate) fn failed<E>(&self, error: SdkError<E>) -> ProviderError
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        let was_sent = self.sent.0.load(Ordering::Relaxed);
        let stage = stage(&error, was_sent);
        let failed = provider_error(self.operation, self.key_id, stage, error);
        let of_caller = failed.class() == ErrorClass::Unauthenticated && failed.code().is_some();
        if of_caller && stage == Stage::Answered {
            self.credentials.refused(self.before);
        }
        if was_sent { failed } else { failed.unsent() }
    }
}

/// How far a call came. What fails before it is sent, and is not for want of credentials or time, is a matter of configuration:
/// the SDK finds that out anew with each call.
fn stage<E: Error + 'static>(error: &SdkError<E>, was_sent: bool) -> Stage {
    match error {
        SdkError::ConstructionFailure(_) => Stage::Construction,
        SdkError::TimeoutError(_) => Stage::Timeout,
        SdkError::ResponseError(_) => Stage::BrokenAnswer,
        SdkError::ServiceError(_) => Stage::Answered,
        SdkError::DispatchFailure(failure) if failure.is_timeout() => Stage::Timeout,
        SdkError::DispatchFailure(_) if proxy::refused(error) => Stage::Proxy,
        SdkError::DispatchFailure(_) if lost_its_runtime(error) => Stage::Connection,
        SdkError::DispatchFailure(failure) if failure.is_user() => Stage::Refused,
        SdkError::DispatchFailure(failure) if failure.as_other() == Some(ErrorKind::ClientError) => {
            Stage::Refused
        }
        other if find::<Unloaded>(other).is_some() || find::<CredentialsError>(other).is_some() => {
            Stage::Credentials
        }
        _ if was_sent => Stage::Connection,
        _ => Stage::Construction,
    }
}

/// What the HTTP client says of a connection whose runtime has ended: its own kind of this error is that of a wrong request,
/// which it is not. The next attempt has another connection.
const RUNTIME_ENDED: &str = "dispatch task";

fn lost_its_runtime(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.to_string().contains(RUNTIME_ENDED) {
            return true;
        }
        next = error.source();
    }
    false
}

/// Makes a call that no retry layer makes once more, if the caller was not accepted: the answer has taught the right time, and
/// the credentials are asked for anew.
pub(crate) async fn once_more<T, F>(mut call: impl FnMut() -> F) -> Result<T, ProviderError>
where
    F: Future<Output = Result<T, ProviderError>>,
{
    match call().await {
        Err(error) if error.class() == ErrorClass::Unauthenticated && error.was_sent() => call().await,
        result => result,
    }
}
