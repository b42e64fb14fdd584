//! How many loads run at once, and for how long.
use std::time::Duration;

use datakey_provider::ProviderError;
use tokio::{sync::Semaphore, time::timeout};

use crate::{KeyringError, counters::Counter};

/// Bounds loads in number and in time. A load that waits for its turn holds nothing that another one needs.
#[derive(Debug)]
pub(crate) struct Gate {
    permits: Semaphore,
    loads: usize,
    deadline: Duration,
    /// Calls made to the provider.
    pub(crate) calls: Counter,
}

impl Gate {
    pub(crate) fn new(loads: usize, deadline: Duration) -> Self {
        Self {
            permits: Semaphore::new(loads.min(Semaphore::MAX_PERMITS)),
            loads,
            deadline,
            calls: Counter::default(),
        }
    }

    /// Runs one provider call when there is room, under the deadline.
    pub(crate) async fn run<T>(
        &self,
        call: impl Future<Output = Result<T, ProviderError>>,
    ) -> Result<T, KeyringError> {
        let after = self.deadline;
        let permit = match timeout(after, self.permits.acquire()).await {
            Ok(Ok(permit)) => permit,
            Ok(Err(_closed)) => return Err(KeyringError::ShutDown),
            Err(_elapsed) => {
                return Err(KeyringError::Overloaded {
                    loads: self.loads,
                    after,
                });
            }
        };
        self.calls.add(1);
        let answered = timeout(after, call).await;
        drop(permit);
        match answered {
            Ok(result) => Ok(result?),
            Err(_elapsed) => Err(KeyringError::LoadTimeout { after }),
        }
    }

    pub(crate) fn close(&self) {
        self.permits.close();
    }
}
