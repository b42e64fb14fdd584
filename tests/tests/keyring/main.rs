//! Both keyrings through their public interface, one idea a module.

mod control;
mod crowds;
mod draft;
mod edges;
mod explain;
mod flight;
mod janitor;
mod model;
mod nearby;
mod opening;
mod opening_refresh;
mod opening_stale;
mod outside;
mod primed;
mod regions;
mod remembered;
mod room;
mod runtimes;
mod sealing;
mod slept;
mod slow;
mod soak;
mod stampede;
mod unruly;
mod verdicts;
