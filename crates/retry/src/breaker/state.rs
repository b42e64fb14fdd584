//! How a breaker stands.

/// What a [`Breaker`](crate::Breaker) does with calls.
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
