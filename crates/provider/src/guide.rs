//! Pages to read, without items: how providers are written, wrapped, combined and used.
//!
//! | page | for whom |
//! |---|---|
//! | [`implementing`] | whoever connects another key service |
//! | [`wrapping`] | whoever puts a layer around providers: a log, a count, a rule of one's own |
//! | [`failures`] | whoever decides what to do about an error, and whoever makes them |
//! | [`contexts`] | whoever chooses what goes into an encryption context, and whoever checks one |
//! | [`secrets`] | whoever asks where a data key is, and for how long |
//! | [`routes`] | whoever has several Regions, accounts or services |
pub mod contexts;
pub mod failures;
pub mod implementing;
pub mod routes;
pub mod secrets;
pub mod wrapping;
