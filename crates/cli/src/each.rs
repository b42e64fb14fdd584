//! The same for each of several files, on several threads.
use std::{
    collections::HashSet,
    fs,
    path::Path,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

use crate::{
    failure::Failure,
    plan::{Item, Plan},
    print,
    progress::Progress,
};

/// From this length on, in bytes, a file has all threads for itself.
const LARGE: u64 = 64 << 20;

/// How the files of a plan are worked on.
pub(crate) struct Each<'e> {
    pub(crate) plan: &'e Plan,
    /// For a large file.
    pub(crate) threads: usize,
    /// How many small ones are worked on at once.
    pub(crate) files_at_once: usize,
    /// Whether a key that cannot be used concerns all of them.
    pub(crate) is_sealing: bool,
    pub(crate) json: bool,
    pub(crate) progress: Progress,
}

/// What became of the files, in the order of the plan.
pub(crate) struct Outcome<T> {
    pub(crate) done: Vec<(usize, T)>,
    /// What there is to tell after what was done.
    pub(crate) failure: Option<Failure>,
    pub(crate) failed: u64,
}

impl<T> Outcome<T> {
    /// Nothing, or why not all was done.
    pub(crate) fn into_result(self) -> Result<(), Failure> {
        self.failure.map_or(Ok(()), Err)
    }
}

struct State<T> {
    done: Vec<(usize, T)>,
    failed: u64,
    /// The place of the first failure in the plan, and its code.
    first: Option<(usize, u8)>,
    /// The failure of the only file.
    own: Option<Failure>,
    /// What to do next, as far as it was said.
    nexts: HashSet<&'static str>,
    /// Whether a failure of all files was told.
    is_over: bool,
}

impl Each<'_> {
    /// Runs `work` for each file, with so many threads. A failure is told, and the others go on, unless it is one of all of them.
    pub(crate) fn run<T: Send>(
        &self,
        work: impl Fn(&Item, usize) -> Result<T, Failure> + Sync,
    ) -> Outcome<T> {
        let state = Mutex::new(State {
            done: Vec::new(),
            failed: 0,
            first: None,
            own: None,
            nexts: HashSet::new(),
            is_over: false,
        });
        self.unread(&state);
        let stopped = AtomicBool::new(false);
        let one = |index: usize, item: &Item, threads| {
            let outcome = work(item, threads);
            let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
            match outcome {
                Ok(done) => state.done.push((index, done)),
                Err(failure) => {
                    let failure = failure.of(&item.input);
                    if failure.is_of_all(self.is_sealing) {
                        stopped.store(true, Ordering::Release);
                    }
                    self.failed(&mut state, index, failure);
                }
            }
        };
        let items = &self.plan.items;
        let is_large = |item: &Item| items.len() == 1 || item.bytes >= LARGE;
        for (index, item) in items.iter().enumerate().filter(|(_, item)| is_large(item)) {
            if !stopped.load(Ordering::Acquire) {
                one(index, item, self.threads);
            }
        }
        let next = AtomicUsize::new(0);
        let small = || {
            while !stopped.load(Ordering::Acquire) {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(item) = items.get(index) else { return };
                if !is_large(item) {
                    one(index, item, 1);
                }
            }
        };
        thread::scope(|scope| {
            let helpers = self.files_at_once.min(items.len()).saturating_sub(1);
            for _ in 0..helpers {
                let _fewer_do_it_too = thread::Builder::new().spawn_scoped(scope, small);
            }
            small();
        });
        self.conclude(state.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    /// Tells which folders could not be read.
    fn unread<T>(&self, state: &Mutex<State<T>>) {
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        for failure in &self.plan.unread {
            state.failed = state.failed.saturating_add(1);
            let first = (usize::MAX, failure.exit_code());
            state.first.get_or_insert(first);
            self.tell(&mut state, failure);
        }
    }

    fn tell<T>(&self, state: &mut State<T>, failure: &Failure) {
        let with_next = failure.next().is_some_and(|next| state.nexts.insert(next));
        self.progress
            .aside(|| print::one_of_several(failure, self.json, with_next));
    }

    fn failed<T>(&self, state: &mut State<T>, index: usize, failure: Failure) {
        let is_of_all = failure.is_of_all(self.is_sealing);
        if is_of_all && state.is_over {
            return; // It was told of one, and this one is left as those that were not begun.
        }
        state.is_over |= is_of_all;
        state.failed = state.failed.saturating_add(1);
        if state.first.is_none_or(|(first, _)| index < first) {
            state.first = Some((index, failure.exit_code()));
        }
        if self.plan.is_many {
            self.tell(state, &failure);
        } else {
            state.own = Some(failure);
        }
    }

    fn conclude<T>(&self, mut state: State<T>) -> Outcome<T> {
        self.progress.finish();
        state.done.sort_by_key(|(index, _)| *index);
        let count = (self.plan.items.len() as u64).saturating_add(self.plan.unread.len() as u64);
        let left = count
            .saturating_sub(state.done.len() as u64)
            .saturating_sub(state.failed);
        let failure = match (state.own, state.first) {
            (Some(own), _) => Some(own),
            (None, Some((_, code))) if left > 0 => Some(Failure::Stopped { left, count, code }),
            (None, Some((_, code))) => Some(Failure::Some {
                failed: state.failed,
                count,
                code,
            }),
            (None, None) => None,
        };
        Outcome {
            done: state.done,
            failure,
            failed: state.failed,
        }
    }
}

/// Whether an output is there already and not older than its input, so that a run that goes on passes over it.
///
/// # Errors
/// When it is older.
pub(crate) fn is_done(input: &Path, output: &Path) -> Result<bool, Failure> {
    let (Ok(from), Ok(to)) = (fs::metadata(input), fs::metadata(output)) else {
        return Ok(false);
    };
    if !to.is_file() {
        return Ok(false);
    }
    match (from.modified(), to.modified()) {
        (Ok(from), Ok(to)) if from > to => Err(Failure::OutputIsOld {
            path: output.to_owned(),
        }),
        _ => Ok(true),
    }
}
