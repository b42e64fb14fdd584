//! How it went over time.
use std::sync::atomic::Ordering::Relaxed;

use datakey_fake_kms::{KmsErrorCode, KmsOperation, Ledger, Outcome as Answer};

use crate::{
    KmsCalls, OperationCalls, Step,
    tally::Tally,
    world::{NEIGHBOURS_CALL, World},
};

/// Takes the time series, a step at a time.
#[derive(Debug, Default)]
pub(crate) struct Series {
    /// What was counted when the last step ended.
    before: Step,
    pub(crate) steps: Vec<Step>,
}

const THROTTLED: Answer = Answer::Refused(KmsErrorCode::Throttling);

fn calls(ledger: &Ledger, operation: KmsOperation) -> OperationCalls {
    let answered = ledger.count(operation, Answer::Success);
    let throttled = ledger.count(operation, THROTTLED);
    let settled = answered.saturating_add(throttled);
    OperationCalls {
        answered,
        throttled,
        failed: ledger.calls_of(operation).saturating_sub(settled),
    }
}

/// The operations that a fleet calls.
const CALLED: [KmsOperation; 3] = [
    KmsOperation::GenerateDataKey,
    KmsOperation::Encrypt,
    KmsOperation::Decrypt,
];

/// What KMS was asked up to now.
pub(crate) fn kms_calls(ledger: &Ledger) -> KmsCalls {
    let neighbours = calls(ledger, NEIGHBOURS_CALL);
    let mut all = KmsCalls {
        neighbours_answered: neighbours.answered,
        neighbours_throttled: neighbours.throttled,
        ..KmsCalls::default()
    };
    for operation in CALLED {
        let own = calls(ledger, operation);
        all.answered = all.answered.saturating_add(own.answered);
        all.throttled = all.throttled.saturating_add(own.throttled);
        all.failed = all.failed.saturating_add(own.failed);
        if own != OperationCalls::default() {
            all.by_operation.insert(operation.as_str().to_owned(), own);
        }
    }
    all
}

impl Series {
    /// A step ends, so many seconds after the start.
    pub(crate) fn step(&mut self, world: &World, end_seconds: f64) {
        let now = counted(world, end_seconds);
        let before = &self.before;
        let since = |now: u64, before: u64| now.saturating_sub(before);
        self.steps.push(Step {
            at_seconds: before.at_seconds,
            seconds: end_seconds - before.at_seconds,
            kms_answered: since(now.kms_answered, before.kms_answered),
            kms_throttled: since(now.kms_throttled, before.kms_throttled),
            kms_failed: since(now.kms_failed, before.kms_failed),
            neighbours_answered: since(now.neighbours_answered, before.neighbours_answered),
            neighbours_throttled: since(now.neighbours_throttled, before.neighbours_throttled),
            offered: since(now.offered, before.offered),
            sealed: since(now.sealed, before.sealed),
            opened: since(now.opened, before.opened),
            failed: since(now.failed, before.failed),
            opening_failed: since(now.opening_failed, before.opening_failed),
            waiting: now.waiting,
            sealing_keys: now.sealing_keys,
            opening_keys: now.opening_keys,
        });
        self.before = now;
    }

    /// The most calls that were answered in a second, over a step.
    pub(crate) fn peak_per_second(&self) -> f64 {
        let rate = |step: &Step| {
            let answered = step.kms_answered.saturating_add(step.neighbours_answered);
            answered as f64 / step.seconds
        };
        self.steps.iter().map(rate).fold(0.0, f64::max)
    }
}

/// All that was counted since the start, as if it were a step that begins now.
fn counted(world: &World, at_seconds: f64) -> Step {
    let kms = kms_calls(world.fake().ledger());
    let Tally { sealing, opening, .. } = &*world.tally;
    Step {
        at_seconds,
        kms_answered: kms.answered,
        kms_throttled: kms.throttled,
        kms_failed: kms.failed,
        neighbours_answered: kms.neighbours_answered,
        neighbours_throttled: kms.neighbours_throttled,
        offered: sealing.offered(),
        sealed: sealing.done(),
        opened: opening.done(),
        failed: sealing.failed().saturating_add(opening.failed()),
        opening_failed: opening.failed(),
        waiting: sealing.waiting().saturating_add(opening.waiting()),
        sealing_keys: world.tally.sealing_keys.load(Relaxed),
        opening_keys: world.tally.opening_keys.load(Relaxed),
        ..Step::default()
    }
}
