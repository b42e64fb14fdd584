//! What becomes of a call from its start to its end, and in which order.
//!
//! ```text
//! start -> breaker open? -> turn at the rate -> attempt, within its timeout -> success: end
//!             |                 |                        |
//!             |                 |                        v failed
//!             |                 |        final? attempts? deadline? budget?  -> given up, with the reason
//!             |                 |                        |
//!             |                 +<------- throttled -----+----- else: wait, then again
//!             v
//!          given up at once
//! ```
//!
//! 1. **The breaker** of the call's scope is asked. While it is open the call is given up in microseconds, with the last failure, but for
//!    one that tries.
//! 2. **The rate** of each quota that the attempt counts against gives it a turn, if that quota has throttled lately; otherwise nobody
//!    waits.
//! 3. **The attempt** has its own timeout, or what is left of the deadline if that is less.
//! 4. **A failure** is judged by the class that its error says: see [`Rules::decide`](crate::Rules::decide), a pure function.
//! 5. **The budget** of the quota pays for the retry, or the call is given up.
//! 6. **The wait**: for a turn after a throttle, a random one that grows after everything else. None of them passes the deadline.
//!
//! # What a call is charged for
//!
//! | | deadline | attempt timeout | budget |
//! |---|---|---|---|
//! | waiting for a turn | yes | no | no |
//! | waiting for a `tower` service to be ready | yes | no | no |
//! | the attempt | yes | yes | the first no, each further one yes |
//! | backoff | yes | no | no |
//!
//! # Why it ended
//!
//! [`GaveUp::reason`](crate::GaveUp::reason) says it, and [`last`](crate::GaveUp::last) what the last attempt said. Both matter: "denied"
//! and "the deadline came while it was throttled" want different people.
//!
//! | reason | most often |
//! |---|---|
//! | [`Permanent`](crate::Reason::Permanent) | a policy, a key, a message: somebody must act |
//! | [`Deadline`](crate::Reason::Deadline) | a quota too small for the load, or an outage |
//! | [`Attempts`](crate::Reason::Attempts) | failures that come fast |
//! | [`Budget`](crate::Reason::Budget) | too many calls fail at once |
//! | [`CircuitOpen`](crate::Reason::CircuitOpen) | the service is down |
//! | [`GivenUpBelow`](crate::Reason::GivenUpBelow) | there is another retry layer beneath |
//!
//! ```
//! use std::time::Duration;
//! use datakey_provider::{ErrorClass, Operation, ProviderError};
//! use datakey_retry::{GaveUp, Policy, Reason, retry};
//!
//! /// What an HTTP service of one's own answers its caller.
//! fn status(gave_up: &GaveUp<ProviderError>) -> u16 {
//!     match (gave_up.reason(), gave_up.failure().class()) {
//!         (_, ErrorClass::Throttled) | (Reason::CircuitOpen, _) => 503,
//!         (Reason::Deadline, _) => 504,
//!         (Reason::Permanent, ErrorClass::NotAuthentic) => 422,
//!         _ => 500,
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! let policy = Policy::default().with_deadline(Duration::from_secs(2));
//! let throttled = async || Err::<(), _>(ProviderError::new(ErrorClass::Throttled, Operation::Decrypt));
//! assert_eq!(status(&retry(&policy, throttled).await.unwrap_err()), 503);
//! let forged = async || Err::<(), _>(ProviderError::new(ErrorClass::NotAuthentic, Operation::Decrypt));
//! assert_eq!(status(&retry(&policy, forged).await.unwrap_err()), 422);
//! # }
//! ```
//!
//! # Dropping a call
//!
//! At any point. The place in the queue goes to the next; tokens for a retry that was not sent are given back; a try that a breaker waits
//! for is handed on. An attempt that was under way for a quarter of a second says by being dropped that the service is slow, and nothing
//! else.
//!
//! # A call that nobody polls
//!
//! Nobody waits for it. A future that is not polled (its runtime is not driven, its worker computes) loses its place after 300 ms to one
//! that is awake, and takes it up again when it is. What an attempt answered meanwhile is left out of account if its time was up.
//!
//! # Retries above retries
//!
//! An error that this crate has given up on is final for another of its layers above: [`Classify::is_final`](crate::Classify::is_final)
//! says so. Switch the retries of clients beneath off; a policy that is for one layer of several is [`Policy::never`](crate::Policy::never)
//! in all but one of them.
