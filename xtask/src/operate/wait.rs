//! Waiting for another process.
use std::{
    sync::mpsc,
    time::{Duration, Instant},
};

use anyhow::Result;

/// How often one looks.
const PACE: Duration = Duration::from_millis(200);

/// Looks until there is something to see, so long at the most.
#[expect(
    clippy::disallowed_methods,
    reason = "another process has the clock of the machine"
)]
pub fn until<T>(patience: Duration, mut look: impl FnMut() -> Result<Option<T>>) -> Result<Option<T>> {
    let since = Instant::now();
    // Nobody sends anything: this only waits.
    let (_sender, receiver) = mpsc::channel::<()>();
    loop {
        let found = look()?;
        if found.is_some() || since.elapsed() > patience {
            return Ok(found);
        }
        let _nothing_came = receiver.recv_timeout(PACE);
    }
}
