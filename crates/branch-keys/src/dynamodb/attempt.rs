//! One call under way: whether it was sent, how far it came, and what becomes of its failure.
use std::{
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use aws_sdk_dynamodb::{
    config::{
        ConfigBag, Intercept, RuntimeComponents, http::HttpResponse,
        interceptors::BeforeTransmitInterceptorContextRef,
    },
    error::{BoxError, ProvideErrorMetadata, SdkError},
};
use aws_smithy_types::retry::ErrorKind;
use datakey_provider::{ErrorClass, Operation, ProviderError};

use super::{
    classify::Stage,
    credentials::{Credentials, Refusals, Unloaded},
    failure::provider_error,
};
use crate::BranchKeyId;

/// One call under way.
pub(super) struct Attempt<'a> {
    operation: Operation,
    id: &'a BranchKeyId,
    quota: &'a str,
    credentials: &'a Credentials,
    /// How often credentials had been refused when it began.
    before: Refusals,
    sent: Sent,
}

/// Notes whether a call got as far as the HTTP client.
#[derive(Debug, Clone, Default)]
pub(super) struct Sent(Arc<AtomicBool>);

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
    pub(super) fn new(
        operation: Operation,
        (id, quota): (&'a BranchKeyId, &'a str),
        credentials: &'a Credentials,
    ) -> Self {
        Self {
            operation,
            id,
            quota,
            credentials,
            before: credentials.refusals(),
            sent: Sent::default(),
        }
    }

    /// To be given to the call.
    pub(super) fn sent(&self) -> Sent {
        self.sent.clone()
    }

    /// Classifies the failure, and has the credentials asked for anew if it says that they are no longer good. `decided` is the class
    /// where the answer says it otherwise than by its code.
    pub(super) fn failed<E>(
        &self,
        error: SdkError<E, HttpResponse>,
        decided: Option<ErrorClass>,
    ) -> ProviderError
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        let was_sent = self.sent.0.load(Ordering::Relaxed);
        let stage = stage(&error, was_sent);
        let failed = provider_error(self.operation, (self.id, self.quota), stage, error, decided);
        let of_caller = failed.class() == ErrorClass::Unauthenticated && failed.code().is_some();
        if of_caller && stage == Stage::Answered {
            self.credentials.refused(self.before);
        }
        if was_sent { failed } else { failed.unsent() }
    }
}

/// How far a call came. What fails before it is sent, and is not for want of credentials or time, is a matter of configuration:
/// the SDK finds that out anew with each call.
fn stage<E: Error + 'static>(error: &SdkError<E, HttpResponse>, was_sent: bool) -> Stage {
    match error {
        SdkError::ConstructionFailure(_) => Stage::Construction,
        SdkError::TimeoutError(_) => Stage::Timeout,
        SdkError::ResponseError(_) => Stage::BrokenAnswer,
        SdkError::ServiceError(_) => Stage::Answered,
        SdkError::DispatchFailure(failure) if failure.is_timeout() => Stage::Timeout,
        SdkError::DispatchFailure(_) if says(error, &PROXY_REFUSED) => Stage::Proxy,
        SdkError::DispatchFailure(_) if says(error, &[RUNTIME_ENDED]) => Stage::Connection,
        SdkError::DispatchFailure(failure) if failure.is_user() => Stage::Construction,
        SdkError::DispatchFailure(failure) if failure.as_other() == Some(ErrorKind::ClientError) => {
            Stage::Construction
        }
        other if is_caused_by::<Unloaded>(other) => Stage::Credentials,
        _ if was_sent => Stage::Connection,
        _ => Stage::Construction,
    }
}

/// What the HTTP client says of a connection whose runtime has ended: its own kind of this error is that of a wrong request,
/// which it is not. The next attempt has another connection.
const RUNTIME_ENDED: &str = "dispatch task";

/// What the HTTP client says of a proxy that asks for a password (407), and of one that answers anything else than 200.
const PROXY_REFUSED: [&str; 2] = [
    "tunnel error: proxy authorization required",
    "tunnel error: unsuccessful",
];

fn links<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |link| {
        let link: &'a (dyn Error + 'static) = *link;
        link.source()
    })
}

fn says(error: &(dyn Error + 'static), texts: &[&str]) -> bool {
    links(error).any(|link| {
        let said = link.to_string();
        texts.iter().any(|text| said.contains(text))
    })
}

fn is_caused_by<T: Error + 'static>(error: &(dyn Error + 'static)) -> bool {
    links(error).any(|link| link.is::<T>())
}
