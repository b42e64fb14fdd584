//! How a breaker stands.

/// What a [`Breaker`](crate::Breaker) does with calls.
///
/// For a gauge: 0, 1 and 2, or its [text](Self::as_str) as a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BreakerPhase {
    /// Calls pass.
    Closed,
    /// Calls fail at once.
    Open,
    /// One call tries whether the service is back; the others fail at once.
    HalfOpen,
}

impl BreakerPhase {
    /// The phase in lower snake case, for logs, metrics and JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        }
    }

    pub(super) const fn severity(self) -> u8 {
        match self {
            Self::Closed => 0,
            Self::HalfOpen => 1,
            Self::Open => 2,
        }
    }
}

/// How a [`Breaker`](crate::Breaker) stands, over all scopes.
///
/// ```
/// use std::time::Duration;
/// use datakey_provider::{ErrorClass, Operation, ProviderError};
/// use datakey_retry::{Breaker, BreakerPhase, Policy, retry};
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let breaker = Breaker::builder().with_failures(3).with_after(Duration::ZERO).build();
/// let near = Policy::never().with_breaker(breaker.clone()).with_scope("eu-west-1");
/// for _ in 0..3 {
///     let _down = retry(&near, async || Err::<(), _>(ProviderError::new(ErrorClass::Transient, Operation::Decrypt))).await;
/// }
/// assert_eq!(breaker.state().phase, BreakerPhase::Open);
/// assert_eq!(breaker.down().len(), 1); // for a dashboard: what is down at the moment
/// assert_eq!(breaker.phase_of("eu-central-1"), BreakerPhase::Closed); // an outage of its own
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct BreakerState {
    /// What it does with calls of the scope that fares worst; closed if that holds for all.
    pub phase: BreakerPhase,
    /// The most failures in a row of any scope that is closed.
    pub failures: u32,
    /// How often a scope has opened, after a failed try too.
    pub opened: u64,
    /// Calls failed at once.
    pub refused: u64,
}
