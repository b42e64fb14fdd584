//! Which way to seal fits a quota, and what it takes: by arithmetic, in microseconds, where [`run`](crate::run) plays it.
mod bounds;
mod choose;
mod predict;
mod renewals;
mod settings;
mod shares;
mod snippet;
mod start;
mod workload;

pub use self::{
    bounds::{Bounds, CUSTOM_KEY_STORE_QUOTA},
    choose::{Candidate, Plan, Way, plan},
    predict::{Prediction, predict},
    start::Start,
    workload::Workload,
};
