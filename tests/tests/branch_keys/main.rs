//! Branch keys: wrapping, the control plane, caching, outages.
mod control;
mod facade;
mod fleet;
mod model;
mod outages;
mod outside;
mod outside_regions;
mod outside_tables;
mod protocol;
mod roles;
mod schedules;
mod stack;
mod table;
mod told;
mod wrapping;
