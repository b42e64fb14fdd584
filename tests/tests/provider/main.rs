//! The vocabulary and the traits of providers, one idea a module.

mod conformance;
mod context;
mod several;
mod verdict;
