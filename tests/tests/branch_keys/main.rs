//! Branch keys: wrapping, the control plane, caching, outages.
mod control;
mod facade;
mod outages;
mod stack;
mod table;
mod wrapping;
