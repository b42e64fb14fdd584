//! The protocol of creating, rotating and reading, in every order of its steps: three writers and two readers, and any write may be made
//! and its answer lost. Whoever crashes or is late is one who makes no further step for a while, or ever, so that each state in which
//! others go on is one after a crash, too: nothing that is asked here is about what comes to pass in the end.
//!
//! What is wrapped is not in the model: a version stands for its key, and the active item's `enc` for the version that it holds.
use std::collections::BTreeSet;

use stateright::{Checker as _, Model, Property};

const WRITERS: usize = 3;
const READERS: usize = 2;

/// A version: who made it, and how many that one had made before.
type Version = (usize, u8);

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Writer {
    /// About to write a new branch key.
    Put {
        made: Version,
        lost: bool,
    },
    /// Its write met a conflict: about to look at what is there.
    LookAfterPut {
        made: Version,
    },
    /// About to read what is to be rotated.
    Read,
    /// About to write a new version over what it read.
    Swap {
        old: Version,
        made: Version,
        lost: bool,
    },
    /// Its write met a conflict: about to look whether its own version is there.
    LookForOwn {
        made: Version,
    },
    /// About to read what another one made active.
    LookAfterSwap,
    Done,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Reader {
    /// About to read the active item, so many times more.
    Active(u8),
    /// About to read the version under which a data key was wrapped.
    Version(Version, u8),
    /// It found no such version.
    Missed,
    Done,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct State {
    active: Option<Version>,
    versions: BTreeSet<Version>,
    writers: [Writer; WRITERS],
    readers: [Reader; READERS],
    /// Versions that were reported made, and who said that it created the branch key.
    reported: BTreeSet<Version>,
    creators: BTreeSet<usize>,
    /// Versions under which something was sealed.
    sealed: BTreeSet<Version>,
    /// What came about, so that it can be asked whether it ever does.
    found_own: bool,
    by_another: bool,
    already: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Step {
    Writes(usize),
    /// The write is made, and the writer is told of a failure and makes it again.
    LosesAnswer(usize),
    Reads(usize),
}

/// What the writers race for: all create the same branch key, or one is there and all rotate it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Race {
    Creating,
    Rotating,
}

/// `unlocked` is a writer that replaces the active item whatever it holds, as releases of other libraries do.
struct Protocol {
    race: Race,
    unlocked: Option<usize>,
}

/// The version that is there before a race to rotate.
const FIRST: Version = (WRITERS, 0);

impl Protocol {
    fn holds(&self, writer: usize, state: &State, old: Version) -> bool {
        state.active == Some(old) || (self.unlocked == Some(writer) && state.active.is_some())
    }

    fn writes(&self, state: &mut State, writer: usize, lost: bool) -> bool {
        let next = match state.writers[writer].clone() {
            Writer::Put { made, lost: before } => {
                if lost && before {
                    return false;
                }
                if state.active.is_some() || state.versions.contains(&made) {
                    Writer::LookAfterPut { made }
                } else {
                    state.active = Some(made);
                    state.versions.insert(made);
                    if lost {
                        Writer::Put { made, lost }
                    } else {
                        created(state, writer, made)
                    }
                }
            }
            Writer::Swap {
                old,
                made,
                lost: before,
            } => {
                if lost && before {
                    return false;
                }
                if self.holds(writer, state, old) && !state.versions.contains(&made) {
                    state.active = Some(made);
                    state.versions.insert(made);
                    if lost {
                        Writer::Swap { old, made, lost }
                    } else {
                        state.reported.insert(made);
                        Writer::Done
                    }
                } else {
                    Writer::LookForOwn { made }
                }
            }
            _ if lost => return false,
            Writer::LookAfterPut { made } => match state.active {
                Some(active) if active == made => {
                    state.found_own = true;
                    created(state, writer, made)
                }
                Some(_) => {
                    state.already = true;
                    Writer::Done
                }
                None => return false,
            },
            Writer::Read => match state.active {
                Some(old) => Writer::Swap {
                    old,
                    made: (writer, 1),
                    lost: false,
                },
                None => return false,
            },
            Writer::LookForOwn { made } => {
                if state.versions.contains(&made) {
                    state.found_own = true;
                    state.reported.insert(made);
                    Writer::Done
                } else {
                    Writer::LookAfterSwap
                }
            }
            Writer::LookAfterSwap => {
                state.by_another = true;
                Writer::Done
            }
            Writer::Done => return false,
        };
        state.writers[writer] = next;
        true
    }
}

fn created(state: &mut State, writer: usize, made: Version) -> Writer {
    state.reported.insert(made);
    state.creators.insert(writer);
    Writer::Done
}

fn reads(state: &mut State, reader: usize) -> bool {
    let next = match state.readers[reader].clone() {
        Reader::Active(left) => match state.active {
            Some(active) => {
                state.sealed.insert(active);
                Reader::Version(active, left)
            }
            None => return false,
        },
        Reader::Version(version, _) if !state.versions.contains(&version) => Reader::Missed,
        Reader::Version(_, 0) => Reader::Done,
        Reader::Version(_, left) => Reader::Active(left - 1),
        Reader::Missed | Reader::Done => return false,
    };
    state.readers[reader] = next;
    true
}

impl Model for Protocol {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        let writers = [0, 1, 2].map(|writer| match self.race {
            Race::Creating => Writer::Put {
                made: (writer, 0),
                lost: false,
            },
            Race::Rotating => Writer::Read,
        });
        let active = (self.race == Race::Rotating).then_some(FIRST);
        vec![State {
            active,
            versions: active.into_iter().collect(),
            writers,
            readers: [const { Reader::Active(0) }; READERS],
            reported: BTreeSet::new(),
            creators: BTreeSet::new(),
            sealed: BTreeSet::new(),
            found_own: false,
            by_another: false,
            already: false,
        }]
    }

    fn actions(&self, _: &State, actions: &mut Vec<Step>) {
        for writer in 0..WRITERS {
            actions.extend([Step::Writes(writer), Step::LosesAnswer(writer)]);
        }
        for reader in 0..READERS {
            actions.push(Step::Reads(reader));
        }
    }

    fn next_state(&self, last: &State, step: Step) -> Option<State> {
        let mut next = last.clone();
        let moved = match step {
            Step::Writes(writer) => self.writes(&mut next, writer, false),
            Step::LosesAnswer(writer) => self.writes(&mut next, writer, true),
            Step::Reads(reader) => reads(&mut next, reader),
        };
        (moved && next != *last).then_some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = vec![
            Property::always("a version that was reported made is there", |_, state: &State| {
                state.reported.is_subset(&state.versions)
            }),
            Property::always(
                "a version under which something was sealed is there",
                |_, state: &State| state.sealed.is_subset(&state.versions),
            ),
            Property::always("the active version is one of the versions", |_, state: &State| {
                state.active.is_none_or(|active| state.versions.contains(&active))
            }),
            Property::always(
                "no reader misses the version that it read as active",
                |_, state: &State| !state.readers.contains(&Reader::Missed),
            ),
            Property::always("one caller at most created the branch key", |_, state: &State| {
                state.creators.len() <= 1
            }),
            Property::sometimes("a write whose answer was lost is found", |_, state: &State| {
                state.found_own
            }),
        ];
        properties.extend(match self.race {
            Race::Creating => vec![Property::sometimes("it is there already", |_, state: &State| {
                state.already
            })],
            Race::Rotating => vec![
                Property::sometimes("a rotation is by another", |_, state: &State| state.by_another),
                Property::sometimes("all three rotate", |_, state: &State| {
                    state.reported.len() == WRITERS
                }),
            ],
        });
        properties
    }
}

#[test]
fn every_order_of_steps_and_lost_answers_keeps_what_is_documented() {
    for (race, unlocked) in [
        (Race::Creating, None),
        (Race::Rotating, None),
        (Race::Rotating, Some(0)),
    ] {
        let checker = Protocol { race, unlocked }.checker().spawn_bfs().join();
        println!(
            "{race:?}, unlocked {unlocked:?}: {} states",
            checker.unique_state_count()
        );
        checker.assert_properties();
        assert!(checker.unique_state_count() > 500);
    }
}

/// The lock is not for the versions, which stay whoever overwrites the active item, but for rotations: without it, one that was made on
/// an older view replaces a newer one.
#[test]
fn with_the_lock_each_version_is_made_over_the_one_before() {
    struct Locked(Protocol);
    impl Model for Locked {
        type State = (State, Vec<Version>);
        type Action = Step;
        fn init_states(&self) -> Vec<Self::State> {
            self.0
                .init_states()
                .into_iter()
                .map(|state| (state, Vec::new()))
                .collect()
        }
        fn actions(&self, state: &Self::State, actions: &mut Vec<Step>) {
            self.0.actions(&state.0, actions);
        }
        fn next_state(&self, last: &Self::State, step: Step) -> Option<Self::State> {
            let next = self.0.next_state(&last.0, step)?;
            let mut made = last.1.clone();
            if next.active != last.0.active {
                // What the writer had read.
                let (Step::Writes(writer) | Step::LosesAnswer(writer)) = step else {
                    return None;
                };
                if let Writer::Swap { old, .. } = last.0.writers[writer]
                    && last.0.active != Some(old)
                {
                    made.push(old);
                }
            }
            Some((next, made))
        }
        fn properties(&self) -> Vec<Property<Self>> {
            vec![Property::always(
                "no rotation is over another than it read",
                |_, state: &(State, Vec<Version>)| state.1.is_empty(),
            )]
        }
    }
    let locked = Locked(Protocol {
        race: Race::Rotating,
        unlocked: None,
    });
    locked.checker().spawn_bfs().join().assert_properties();
    let unlocked = Locked(Protocol {
        race: Race::Rotating,
        unlocked: Some(0),
    });
    let found = unlocked.checker().spawn_bfs().join();
    assert!(
        found
            .discovery("no rotation is over another than it read")
            .is_some()
    );
}
