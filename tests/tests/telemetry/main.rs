//! Events of `tracing` and metrics, under the names that the documentation gives them. In a binary of its own, with one
//! subscriber and one recorder for the whole process: whether anybody listens to an event is remembered for the process,
//! so that listeners of single threads miss what other tests met first.

mod calls;
mod keyring;
mod listener;
mod retry;
