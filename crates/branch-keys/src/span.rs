//! The span of one load, as `tracing` has it.
use datakey_provider::ProviderError;
use tracing::{Instrument as _, Span, debug_span, field::Empty};

use crate::{BranchKeyId, ItemKind};

/// The span, to which the outcome is added at its end: `ok`, the class of the failure, or `dropped` where nobody waited for it to end.
struct Load {
    span: Span,
    outcome: &'static str,
}

impl Drop for Load {
    fn drop(&mut self) {
        self.span.record("outcome", self.outcome);
    }
}

/// Loads in a span. It names the branch key where `told` does: an id may say whose it is.
pub(crate) async fn of_load<T>(
    kind: ItemKind,
    told: Option<&BranchKeyId>,
    load: impl Future<Output = Result<T, ProviderError>>,
) -> Result<T, ProviderError> {
    let item = if kind == ItemKind::Active {
        "active"
    } else {
        "version"
    };
    let span = debug_span!(
        "datakey.branch_key.load",
        item,
        branch_key = Empty,
        outcome = Empty
    );
    if let Some(id) = told {
        span.record("branch_key", id.as_str());
    }
    let mut within = Load {
        span,
        outcome: "dropped",
    };
    let loaded = load.instrument(within.span.clone()).await;
    within.outcome = loaded
        .as_ref()
        .map_or_else(|error| error.class().as_str(), |_| "ok");
    loaded
}
