//! Scripted failures.
use std::time::Duration;

use rand::{RngExt as _, SeedableRng as _, rngs::Xoshiro256PlusPlus};

use crate::{KmsError, KmsErrorCode, KmsOperation};

/// What happens to a call instead of its answer, or with it.
///
/// Where nothing else is said, the call is not carried out. In process, where there is no connection, each comes as the
/// [`CallError`](crate::CallError) that is closest to it.
///
/// | fault | is the call carried out | what a client makes of it |
/// |---|---|---|
/// | [`Error`](Self::Error) | no | the class of the code |
/// | [`Hang`](Self::Hang) | no | its attempt timeout |
/// | [`DropConnection`](Self::DropConnection), [`ResetConnection`](Self::ResetConnection) | no | a failure that may pass |
/// | [`Garbage`](Self::Garbage), [`Answer`](Self::Answer) | no | an answer that cannot be read, by its status |
/// | [`CutBody`](Self::CutBody) | yes | a failure that may pass, for a call that was made |
/// | [`SlowBody`](Self::SlowBody), [`Delay`](Self::Delay) | yes | an answer, later |
///
/// All of them stand in the ledger with how they ended, and count against the quota.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The service answers with this error.
    Error(KmsError),
    /// No answer: the call hangs for this long, then its connection closes. [`Duration::MAX`] is for good.
    Hang(Duration),
    /// The connection closes without an answer.
    DropConnection,
    /// The connection is reset without an answer.
    ResetConnection,
    /// The answer is not JSON: a page of HTML with status 200, as from a proxy.
    Garbage,
    /// Something else answers: any status and body.
    Answer {
        /// The HTTP status, from 100 to 999.
        status: u16,
        /// The content type.
        content_type: Box<str>,
        /// The body.
        body: Box<str>,
    },
    /// The call is carried out, but its answer breaks off in the middle of the body, and the connection closes.
    CutBody,
    /// The call is carried out, but its answer's body takes this long to arrive, a few bytes at a time.
    SlowBody(Duration),
    /// The call is carried out, and answered this much later.
    Delay(Duration),
}

impl Fault {
    /// A proxy's page of HTML with some status: `502`, `503`, `504`.
    #[must_use]
    pub fn proxy_page(status: u16) -> Self {
        Self::Answer {
            status,
            content_type: "text/html".into(),
            body: format!("<html><body><h1>{status}</h1><p>The proxy has no answer.</p></body></html>")
                .into(),
        }
    }
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
/// use std::time::Duration;
/// use datakey_fake_kms::{FakeKms, Fault, FaultRule, KmsErrorCode, KmsOperation};
///
/// let fake = FakeKms::new();
/// // The third and fourth Decrypt fail; then all is well.
/// fake.inject(FaultRule::new(KmsErrorCode::Internal).on(KmsOperation::Decrypt).after(2).times(2));
/// // One call in ten is cut off, of whatever kind, until further notice.
/// let rule = fake.inject(FaultRule::new(Fault::DropConnection).with_probability(0.1));
/// assert!(fake.remove_fault(rule));
/// // An outage, from the tenth second of the fake on, for five seconds.
/// let (from, until) = (Duration::from_secs(10), Duration::from_secs(15));
/// fake.inject(FaultRule::new(Fault::proxy_page(503)).between(from, until));
/// // The same, as text.
/// fake.inject("page=503,from=10s,until=15s".parse()?);
/// # Ok::<(), datakey_fake_kms::ParseError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct FaultRule {
    fault: Fault,
    operation: Option<KmsOperation>,
    key: Option<Box<str>>,
    after: u64,
    times: Option<u64>,
    probability: f64,
    from: Duration,
    until: Duration,
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
            from: Duration::ZERO,
            until: Duration::MAX,
        }
    }

    /// Only calls of an operation.
    pub fn on(mut self, operation: KmsOperation) -> Self {
        self.operation = Some(operation);
        self
    }

    /// Only calls that name a key, by whatever id or alias; a `Decrypt` that names none, by its ciphertext.
    ///
    /// ```
    /// use datakey_fake_kms::{FakeKms, FaultRule, KmsContext, KmsErrorCode};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let fake = FakeKms::new();
    /// let (mine, theirs) = (fake.create_key()?, fake.create_key()?);
    /// // One key store is down, and the account is well.
    /// fake.inject(FaultRule::new(KmsErrorCode::InvalidState).for_key(&*theirs));
    /// assert!(fake.encrypt(&theirs, &KmsContext::default(), b"x").await.is_err());
    /// assert!(fake.encrypt(&mine, &KmsContext::default(), b"x").await.is_ok());
    /// # Ok(()) }
    /// ```
    pub fn for_key(mut self, key_id: impl Into<Box<str>>) -> Self {
        self.key = Some(key_id.into());
        self
    }

    /// Not the first `calls` calls that fit.
    ///
    /// Those it lets pass go on to the rules after it.
    pub fn after(mut self, calls: u64) -> Self {
        self.after = calls;
        self
    }

    /// No more than `calls` calls; the rule is gone afterwards.
    ///
    /// With zero it is never added.
    ///
    /// ```
    /// use datakey_fake_kms::{FakeKms, FaultRule, KmsErrorCode};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let fake = FakeKms::new();
    /// let rule = fake.inject(FaultRule::new(KmsErrorCode::Internal).after(1).times(2));
    /// let mut failed = Vec::new();
    /// for _ in 0..5 {
    ///     failed.push(fake.generate_random(8).await.is_err());
    /// }
    /// assert_eq!(failed, [false, true, true, false, false]);
    /// assert!(!fake.remove_fault(rule)); // it is used up, and gone
    /// # Ok(()) }
    /// ```
    pub fn times(mut self, calls: u64) -> Self {
        self.times = Some(calls);
        self
    }

    /// Only calls that arrive within a window of time since the start of the fake: its end is not in it.
    ///
    /// Outside of it the rule is not asked, and neither [`after`](Self::after) nor [`times`](Self::times) counts.
    pub fn between(mut self, from: Duration, until: Duration) -> Self {
        self.from = from;
        self.until = until;
        self
    }

    /// Each call that fits with this chance, from 0.0 to 1.0, drawn from the fake's seeded random numbers.
    ///
    /// The chance is drawn after [`after`](Self::after) has let its calls pass, and a call that it spares does not count for
    /// [`times`](Self::times).
    pub fn with_probability(mut self, probability: f64) -> Self {
        self.probability = probability;
        self
    }

    /// The key that it is for, as it was named.
    pub(crate) fn key(&self) -> Option<&str> {
        self.key.as_deref()
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
        rule.key = rule.key().map(name_of);
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

    #[cfg(feature = "http")]
    pub(crate) fn len(&self) -> usize {
        self.rules.len()
    }

    /// The fault for a call at `now`, the time since the start of the fake, if a rule fires.
    pub(crate) fn pick(
        &mut self,
        now: Duration,
        operation: KmsOperation,
        key: Option<&str>,
    ) -> Option<Fault> {
        let mut fired = None;
        for (index, (_, rule)) in self.rules.iter_mut().enumerate() {
            let fits = rule.operation.is_none_or(|own| own == operation)
                && rule.key.as_deref().is_none_or(|own| Some(own) == key)
                && (rule.from..rule.until).contains(&now);
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
