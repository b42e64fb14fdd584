//! Scripted failures.
use std::time::Duration;

use rand::{RngExt as _, SeedableRng as _, rngs::Xoshiro256PlusPlus};

use crate::{KmsError, KmsErrorCode, KmsOperation};

/// What happens to a call instead of its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The service answers with this error.
    Error(KmsError),
    /// No answer: the call hangs for this long, then its connection closes. [`Duration::MAX`] is for good.
    Hang(Duration),
    /// The connection closes without an answer.
    DropConnection,
    /// The answer is not JSON: a page of HTML with status 200, as from a proxy.
    Garbage,
}

impl From<KmsErrorCode> for Fault {
    fn from(code: KmsErrorCode) -> Self {
        Self::Error(code.into())
    }
}

/// Which calls a [`Fault`] happens to: all of them, unless narrowed.
///
/// Rules are asked in the order in which they were added; the first one that fires decides. A call over the quota is
/// throttled before any rule is asked, and uses up none.
///
/// ```
/// use datakey_fake_kms::{FakeKms, Fault, FaultRule, KmsErrorCode, KmsOperation};
///
/// let fake = FakeKms::new();
/// // The third and fourth Decrypt fail; then all is well.
/// fake.inject(FaultRule::new(KmsErrorCode::Internal).on(KmsOperation::Decrypt).after(2).times(2));
/// // One call in ten is cut off, of whatever kind, until further notice.
/// let rule = fake.inject(FaultRule::new(Fault::DropConnection).with_probability(0.1));
/// assert!(fake.remove_fault(rule));
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct FaultRule {
    fault: Fault,
    operation: Option<KmsOperation>,
    key: Option<Box<str>>,
    after: u64,
    times: Option<u64>,
    probability: f64,
}

impl FaultRule {
    /// A rule for every call.
    pub fn new(fault: impl Into<Fault>) -> Self {
        Self {
            fault: fault.into(),
            operation: None,
            key: None,
            after: 0,
            times: None,
            probability: 1.0,
        }
    }

    /// Only calls of an operation.
    pub fn on(mut self, operation: KmsOperation) -> Self {
        self.operation = Some(operation);
        self
    }

    /// Only calls that name a key, by whatever id or alias; a `Decrypt` that names none, by its ciphertext.
    pub fn for_key(mut self, key_id: impl Into<Box<str>>) -> Self {
        self.key = Some(key_id.into());
        self
    }

    /// Not the first `calls` calls that fit.
    pub fn after(mut self, calls: u64) -> Self {
        self.after = calls;
        self
    }

    /// No more than `calls` calls; the rule is gone afterwards.
    pub fn times(mut self, calls: u64) -> Self {
        self.times = Some(calls);
        self
    }

    /// Each call that fits with this chance, from 0.0 to 1.0, drawn from the fake's seeded random numbers.
    pub fn with_probability(mut self, probability: f64) -> Self {
        self.probability = probability;
        self
    }
}

/// Names a rule that was added, for [`FakeKms::remove_fault`](crate::FakeKms::remove_fault).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FaultId(u64);

/// The rules in force.
#[derive(Debug)]
pub(crate) struct Faults {
    rules: Vec<(FaultId, FaultRule)>,
    next_id: u64,
    random: Xoshiro256PlusPlus,
}

impl Faults {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            rules: Vec::new(),
            next_id: 0,
            random: Xoshiro256PlusPlus::seed_from_u64(seed),
        }
    }

    /// Adds a rule. `name_of` turns the key that it names into an ARN.
    pub(crate) fn add(&mut self, mut rule: FaultRule, name_of: impl FnOnce(&str) -> Box<str>) -> FaultId {
        let id = FaultId(self.next_id);
        self.next_id = self.next_id.saturating_add(1);
        rule.key = rule.key.map(|key| name_of(&key));
        if rule.times != Some(0) {
            self.rules.push((id, rule));
        }
        id
    }

    pub(crate) fn remove(&mut self, id: FaultId) -> bool {
        let before = self.rules.len();
        self.rules.retain(|(own, _)| *own != id);
        self.rules.len() < before
    }

    pub(crate) fn clear(&mut self) {
        self.rules.clear();
    }

    /// The fault for a call, if a rule fires.
    pub(crate) fn pick(&mut self, operation: KmsOperation, key: Option<&str>) -> Option<Fault> {
        let mut fired = None;
        for (index, (_, rule)) in self.rules.iter_mut().enumerate() {
            let fits = rule.operation.is_none_or(|own| own == operation)
                && rule.key.as_deref().is_none_or(|own| Some(own) == key);
            if !fits {
                continue;
            }
            if let Some(left) = rule.after.checked_sub(1) {
                rule.after = left;
                continue;
            }
            if rule.probability >= 1.0 || self.random.random::<f64>() < rule.probability {
                rule.times = rule.times.map(|left| left.saturating_sub(1));
                fired = Some((index, rule.fault.clone(), rule.times == Some(0)));
                break;
            }
        }
        let (index, fault, used_up) = fired?;
        if used_up {
            drop(self.rules.remove(index));
        }
        Some(fault)
    }
}
