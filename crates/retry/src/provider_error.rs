//! How retrying takes a provider's error, and which one it answers when it gives up.
use std::error::Error as _;

use datakey_provider::{ErrorClass, Operation, ProviderError, SeveralError};

use crate::{CircuitOpen, Classify, Failure, GaveUp, LastFailure, Part, Reason};

/// What stands behind a provider's error that a layer of this crate below made.
enum Below<'a> {
    GaveUp(&'a GaveUp<ProviderError>),
    Refused,
    Several(&'a [ProviderError]),
    Nothing,
}

fn below(error: &ProviderError) -> Below<'_> {
    let Some(source) = error.source() else {
        return Below::Nothing;
    };
    if let Some(gave_up) = source.downcast_ref() {
        Below::GaveUp(gave_up)
    } else if source.is::<CircuitOpen>() {
        Below::Refused
    } else if let Some(several) = source.downcast_ref::<SeveralError>() {
        Below::Several(several.failures())
    } else {
        Below::Nothing
    }
}

impl Classify for ProviderError {
    fn class(&self) -> ErrorClass {
        self.class()
    }

    fn delay(&self) -> Option<std::time::Duration> {
        self.delay()
    }

    fn is_final(&self) -> bool {
        !self.class().is_retryable()
            || match below(self) {
                Below::GaveUp(gave_up) => gave_up.is_final(),
                Below::Refused => true,
                Below::Several(failures) => failures.iter().all(Classify::is_final),
                Below::Nothing => false,
            }
    }

    fn was_sent(&self) -> bool {
        match below(self) {
            Below::GaveUp(gave_up) => gave_up.was_sent(),
            Below::Refused => false,
            Below::Several(failures) => failures.iter().any(Classify::was_sent),
            Below::Nothing => Self::was_sent(self),
        }
    }

    fn quota(&self) -> Option<&str> {
        self.quota()
    }

    fn each_part(&self, tell: &mut dyn FnMut(Part<'_>)) {
        match below(self) {
            Below::Several(failures) => failures.iter().for_each(|failure| failure.each_part(tell)),
            _ => tell(Part::of(self)),
        }
    }

    fn kept(&self) -> LastFailure {
        LastFailure::with_error(self.class(), self.clone())
    }
}

impl CircuitOpen {
    /// The provider error of a call that was refused: of the class of the last failure, with this as its source.
    #[must_use]
    pub fn into_provider_error(self, operation: Operation, key_id: Option<&str>) -> ProviderError {
        refused(&self, operation, key_id).unsent().with_source(self)
    }
}

fn refused(open: &CircuitOpen, operation: Operation, key_id: Option<&str>) -> ProviderError {
    with_key_id(ProviderError::new(open.class(), operation), key_id).with_delay(open.probe_in())
}

fn with_key_id(error: ProviderError, key_id: Option<&str>) -> ProviderError {
    match key_id {
        Some(key_id) => error.with_key_id(key_id),
        None => error,
    }
}

impl GaveUp<ProviderError> {
    /// The provider error to report: the last one as it is if it was final and the only one, otherwise one of the same class,
    /// operation, key id, code, delay and verdict with this as its source.
    ///
    /// The source says how hard it was tried, which a log wants and a caller that decides by class does not:
    ///
    /// ```
    /// use std::error::Error as _;
    /// use datakey_fake_kms::{FakeKms, FaultRule, KmsErrorCode};
    /// use datakey_provider::{DataKeyLength, EncryptionContext, ErrorClass, ProviderError, SealingProvider as _};
    /// use datakey_retry::{GaveUp, Policy, Retry};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let fake = FakeKms::new();
    /// let kms = Retry::new(fake.provider(&fake.create_key()?), Policy::default().with_max_attempts(3));
    /// fake.inject(FaultRule::new(KmsErrorCode::Internal));
    /// let error = kms.generate_data_key(&EncryptionContext::empty(), DataKeyLength::Bytes32).await.unwrap_err();
    /// assert_eq!((error.class(), error.code()), (ErrorClass::Transient, Some("KMSInternalException")));
    /// let gave_up = error.source().and_then(|source| source.downcast_ref::<GaveUp<ProviderError>>());
    /// assert_eq!(gave_up.map(GaveUp::attempts), Some(3));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn into_provider_error(mut self, operation: Operation, key_id: Option<&str>) -> ProviderError {
        let error = match self.failure {
            Failure::Returned(last)
                if self.attempts == 1 && matches!(self.reason, Reason::Permanent | Reason::GivenUpBelow) =>
            {
                return last;
            }
            Failure::Returned(ref last) => {
                let own = last.key_id().is_none();
                with_key_id(last.clone(), key_id.filter(|_| own))
            }
            Failure::CircuitOpen(ref open) => refused(open, operation, key_id),
            Failure::TimedOut(_) | Failure::NeverSent => {
                with_key_id(ProviderError::new(self.class(), operation), key_id)
            }
        };
        let sent = self.sent;
        self.is_told = true;
        let error = error.with_source(self);
        if sent { error } else { error.unsent() }
    }
}
