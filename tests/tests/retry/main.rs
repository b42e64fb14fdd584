//! Retries, budgets, rates and breakers, one idea a module.

mod backoff;
mod breaker;
mod cancel;
mod deadline;
mod decision;
mod errors;
mod fleet;
mod guarded;
mod jitter;
mod observer;
mod pinned;
mod provider;
mod quota;
mod rate;
mod regions;
mod run;
mod scopes;
mod sleepers;
mod told;
mod tower;
mod unnamed;
mod unsent;
mod watched;
mod ways;
mod windows;
