//! How KMS behaves: latency, faults, and who else calls it.
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::span::Span;

/// How long KMS takes for an answer.
///
/// Where a request of a host is throttled, the refusal takes as long as an answer.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Latency {
    /// Always the same time.
    Fixed {
        /// The time.
        time: Span,
    },
    /// A time drawn evenly.
    Uniform {
        /// The shortest.
        from: Span,
        /// The longest.
        to: Span,
    },
    /// What networks look like: most answers around the median, a few far later.
    LogNormal {
        /// Half of the answers take less.
        median: Span,
        /// One in a hundred takes more.
        p99: Span,
    },
    /// Many short times and some long ones.
    Exponential {
        /// The mean.
        mean: Span,
    },
}

impl Default for Latency {
    /// A median of 8 ms and a 99th percentile of 40 ms: a good connection within a Region.
    fn default() -> Self {
        Self::LogNormal {
            median: Span::from_millis(8),
            p99: Span::from_millis(40),
        }
    }
}

impl Latency {
    pub(crate) fn of_fake(self) -> datakey_fake_kms::Latency {
        use datakey_fake_kms::Latency as Fake;
        match self {
            Self::Fixed { time } => Fake::fixed(time.duration()),
            Self::Uniform { from, to } => Fake::uniform(from.duration(), to.duration()),
            Self::LogNormal { median, p99 } => Fake::log_normal(median.duration(), p99.duration()),
            Self::Exponential { mean } => Fake::exponential(mean.duration()),
        }
    }
}

/// Somebody else who calls KMS in the same account and Region, evenly, without ever trying again.
///
/// It stands for another team, a batch job, a backup. It pays no heed to refusals, so it never makes room.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Neighbour {
    /// Calls a second, above 0 and up to 200,000.
    pub calls_per_second: f64,
    /// From when on. Default: the start.
    #[serde(default)]
    pub from: Span,
    /// Until when. Default: the end.
    #[serde(default)]
    pub until: Option<Span>,
}

/// Something that goes wrong at KMS for a time.
///
/// Times are after the start of the scenario, and end with it where they are longer. A share is drawn for each call by itself, so a call
/// that is tried again may get through.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// What.
    pub kind: FaultKind,
    /// From when on.
    pub from: Span,
    /// Until when.
    pub until: Span,
    /// The share of calls that it happens to, above 0 and up to 1. Default: 1.
    #[serde(default = "all")]
    pub share: f64,
    /// How much later answers come, for `slow`. Default: 2 seconds.
    #[serde(default = "two_seconds")]
    pub by: Span,
}

const fn all() -> f64 {
    1.0
}

const fn two_seconds() -> Span {
    Span::from_secs(2)
}

/// What goes wrong.
///
/// Which of them a service notices, and how, is in [`guide::bad_days`](crate::guide::bad_days).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum FaultKind {
    /// The Region is dark: calls are never answered.
    Dark,
    /// Connections are closed without an answer.
    Unreachable,
    /// KMS answers `KMSInternalException`.
    Errors,
    /// KMS answers `ThrottlingException`, whatever the quota says.
    Throttling,
    /// Answers come later.
    Slow,
    /// KMS answers `AccessDeniedException`: somebody took the right to use the key away.
    Denied,
}

impl FaultKind {
    /// What it is, in a few words.
    ///
    /// ```
    /// assert_eq!(datakey_sim::FaultKind::Dark.as_str(), "no answer");
    /// ```
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dark => "no answer",
            Self::Unreachable => "connections closed",
            Self::Errors => "KMSInternalException",
            Self::Throttling => "ThrottlingException",
            Self::Slow => "slow answers",
            Self::Denied => "AccessDeniedException",
        }
    }
}

impl Fault {
    /// The rule of the emulator, whose clock began with the simulation.
    pub(crate) fn rule(&self) -> datakey_fake_kms::FaultRule {
        use datakey_fake_kms::{Fault as Fake, FaultRule, KmsErrorCode};
        let fault = match self.kind {
            FaultKind::Dark => Fake::Hang(Duration::MAX),
            FaultKind::Unreachable => Fake::DropConnection,
            FaultKind::Errors => KmsErrorCode::Internal.into(),
            FaultKind::Throttling => KmsErrorCode::Throttling.into(),
            FaultKind::Slow => Fake::Delay(self.by.duration()),
            FaultKind::Denied => KmsErrorCode::AccessDenied.into(),
        };
        FaultRule::new(fault)
            .between(self.from.duration(), self.until.duration())
            .with_probability(self.share)
    }
}
