//! Pages to read, without items: what happens to a call, and what to set where.
//!
//! | page | answers |
//! |---|---|
//! | [`calls`] | what becomes of a call from its start to its end, and in which order |
//! | [`errors`] | how errors of one's own say what they are, and what is tried again |
//! | [`quotas`] | what happens at a quota: turns, rates, fairness, several quotas |
//! | [`outages`] | what happens while a service is down: budgets, breakers, another way to go |
//! | [`settings`] | which number to set for which need |
//! | [`services`] | calls that are none of a provider's: functions, HTTP clients, `tower` |
//! | [`watching`] | observers, metrics, traces, and what they say |
//! | [`stories`] | four bad days: a start, an outage, credentials, a neighbour |
//! | [`testing`] | paused clocks, seeds, and what is worth a test |
pub mod calls;
pub mod errors;
pub mod outages;
pub mod quotas;
pub mod services;
pub mod settings;
pub mod stories;
pub mod testing;
pub mod watching;
