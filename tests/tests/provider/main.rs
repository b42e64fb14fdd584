//! The vocabulary and the traits of providers, one idea a module.

mod conformance;
mod conformance_probes;
mod context;
mod local_key_file;
mod local_keys;
mod only_under;
mod scopes;
mod several;
mod traffic;
mod verdict;
