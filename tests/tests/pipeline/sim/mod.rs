//! The simulation of fleets: what each built-in scenario teaches, that it repeats itself, and what it refuses.

mod inputs;
mod known;
mod lessons;
mod plan;
mod repeats;
