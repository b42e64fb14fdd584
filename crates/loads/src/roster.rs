//! Tasks for a runtime that perhaps nobody drives: few of them, and the others when one of these is polled.
//!
//! A task that was spawned stays with its runtime until that polls it, whatever became of what it was for. On a runtime that is
//! entered and never driven, one for each load would pile up without end.
use std::collections::HashMap;

use crate::{
    rt::Home,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// So many tasks that were never polled a runtime is given: a runtime that is driven polls one of them soon, and gets the others.
const MOST_UNPOLLED: usize = 64;

/// What each runtime was given, and what is kept for it.
#[derive(Debug)]
pub(crate) struct Roster<T>(Mutex<HashMap<Home, Crew<T>>>);

#[derive(Debug)]
struct Crew<T> {
    unpolled: usize,
    kept: Vec<T>,
    too_many: usize,
}

impl<T> Default for Roster<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> Default for Crew<T> {
    fn default() -> Self {
        Self {
            unpolled: 0,
            kept: Vec::new(),
            too_many: MOST_UNPOLLED,
        }
    }
}

impl<T> Roster<T> {
    fn crews(&self) -> MutexGuard<'_, HashMap<Home, Crew<T>>> {
        // Nothing that runs under the lock leaves a crew half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers a task that is to be spawned on its runtime; one that is kept until another one is [polled](Self::polled) is
    /// not. Those that are over are let go when many are kept.
    pub(crate) fn muster(&self, home: Home, task: T, is_over: impl Fn(&T) -> bool) -> Option<T> {
        let mut crews = self.crews();
        let crew = crews.entry(home).or_default();
        if crew.unpolled < MOST_UNPOLLED {
            crew.unpolled = crew.unpolled.saturating_add(1);
            return Some(task);
        }
        let mut over = Vec::new();
        if crew.kept.len() >= crew.too_many {
            over.extend(crew.kept.extract_if(.., |task| is_over(task)));
            crew.too_many = crew.kept.len().saturating_mul(2).max(MOST_UNPOLLED);
        }
        crew.kept.push(task);
        drop(crews);
        drop(over);
        None
    }

    /// A task that was spawned is polled for the first time, or dropped before that: answers those that were kept for its
    /// runtime.
    pub(crate) fn polled(&self, home: Home) -> Vec<T> {
        let mut crews = self.crews();
        let Some(crew) = crews.get_mut(&home) else {
            return Vec::new();
        };
        crew.unpolled = crew.unpolled.saturating_sub(1);
        let kept = std::mem::take(&mut crew.kept);
        if crew.unpolled == 0 {
            crews.remove(&home);
        }
        kept
    }
}
