//! How to use it, by task: from a question about a service to a scenario, from its numbers to a decision, and from there to a test that
//! holds.
//!
//! | page | for the question |
//! |---|---|
//! | [`describing`] | how do I write my service down as a scenario? |
//! | [`traffic`] | when does work come, and how do I take that from production? |
//! | [`ways`] | which ways to seal can be compared, and in which order? |
//! | [`bad_days`] | what happens in an outage, a rollout, beside a noisy neighbour? |
//! | [`reading`] | what do the numbers say, and which one decides? |
//! | [`planning`] | which way fits, without playing anything? |
//! | [`testing`] | how do I keep a decision from being undone by accident? |
//! | [`trusting`] | what is real in it, what is left out, and how long does it take? |

pub mod bad_days;
pub mod describing;
pub mod planning;
pub mod reading;
pub mod testing;
pub mod traffic;
pub mod trusting;
pub mod ways;
