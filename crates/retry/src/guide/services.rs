//! Calls that are none of a provider's: functions, HTTP clients, `tower`.
//!
//! # A function
//!
//! Whatever is async, may be called again, and has an error that [classifies](crate::Classify) itself:
//!
//! ```
//! use std::sync::atomic::{AtomicU32, Ordering};
//! use datakey_retry::{Classify, ErrorClass, Policy, retry};
//!
//! #[derive(Debug)]
//! enum DatabaseError { Deadlock, Syntax }
//!
//! impl Classify for DatabaseError {
//!     fn class(&self) -> ErrorClass {
//!         match self {
//!             Self::Deadlock => ErrorClass::Transient,
//!             Self::Syntax => ErrorClass::InvalidRequest,
//!         }
//!     }
//! }
//!
//! async fn transaction(runs: &AtomicU32) -> Result<&'static str, DatabaseError> {
//!     match runs.fetch_add(1, Ordering::Relaxed) {
//!         0 => Err(DatabaseError::Deadlock),
//!         1 => Ok("committed"),
//!         _ => Err(DatabaseError::Syntax),
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! let runs = AtomicU32::new(0);
//! let policy = Policy::default().with_quota("orders-db").with_scope("orders-db");
//! assert_eq!(retry(&policy, || transaction(&runs)).await.unwrap(), "committed");
//! let refused = retry(&policy, || transaction(&runs)).await.unwrap_err();
//! assert!(matches!(refused.last(), Some(DatabaseError::Syntax)) && refused.attempts() == 1);
//! # }
//! ```
//!
//! # Names
//!
//! Without names all calls of a policy are on one quota and in one scope, `""`. Give each service [a quota](crate::Policy::with_quota),
//! which throttles are about, and [a scope](crate::Policy::with_scope), which outages are about; often one name does for both. Clones with
//! other names still share budgets by quota, and the breaker.
//!
//! # An HTTP client
//!
//! The response's status is no error for most clients. Make one of it before it is judged, and read the delay that the service asks for:
//!
//! ```
//! use std::time::Duration;
//! use datakey_retry::{Classify, ErrorClass};
//!
//! struct Response { status: u16, retry_after: Option<String> }
//!
//! #[derive(Debug)]
//! struct Refused(u16, Option<Duration>);
//!
//! impl Classify for Refused {
//!     fn class(&self) -> ErrorClass {
//!         match self.0 {
//!             429 => ErrorClass::Throttled,
//!             500..=599 => ErrorClass::Transient,
//!             _ => ErrorClass::InvalidRequest,
//!         }
//!     }
//!     fn delay(&self) -> Option<Duration> {
//!         self.1
//!     }
//! }
//!
//! fn judged(response: Response) -> Result<Response, Refused> {
//!     if response.status < 400 {
//!         return Ok(response);
//!     }
//!     // Seconds; the form with a date is rare, and without it there is no delay.
//!     let seconds = response.retry_after.and_then(|text| text.trim().parse().ok());
//!     Err(Refused(response.status, seconds.map(Duration::from_secs)))
//! }
//! let busy = judged(Response { status: 429, retry_after: Some("2".into()) }).map(|_| ()).unwrap_err();
//! assert_eq!((busy.class(), busy.delay()), (ErrorClass::Throttled, Some(Duration::from_secs(2))));
//! ```
//!
//! The program `examples/http_client` is such a client in whole.
//!
//! # `tower`
//!
//! With the feature `tower`, [`RetryLayer`](crate::tower::RetryLayer) puts a policy around a service. Where it stands among other layers:
//!
//! | layer | outside of it | inside |
//! |---|---|---|
//! | timeout | ends the call with all attempts; the policy's deadline does that and knows of it | ends one attempt; the policy's attempt timeout does that |
//! | concurrency limit, buffer | bounds calls, those that wait too | bounds attempts: a call that waits holds no permit |
//! | rate limit | slows calls that would not be refused | hides throttles that the adaptive rate would learn from |
//! | load shed | sheds calls before they begin | its refusals want a class: `Throttled` |
//! | tracing | one span for a call | one for each attempt |
//!
//! A service whose `poll_ready` waits is asked when the attempt's turn has come. The wait counts towards the deadline.
//!
//! # Blocking code
//!
//! Needs a runtime with its timer: `runtime.block_on(retry(&policy, ...))`. The pure half does without:
//! [`Rules::decide`](crate::Rules::decide) says what to do after a failure, and a loop of one's own sleeps.
//!
//! ```
//! use std::time::Duration;
//! use datakey_retry::{Decision, ErrorClass, Outcome, Progress, Rules};
//!
//! fn attempt(number: u32) -> Result<u32, ErrorClass> {
//!     if number < 3 { Err(ErrorClass::Transient) } else { Ok(number) }
//! }
//!
//! let (rules, mut progress, mut slept) = (Rules::default(), Progress::default(), Duration::ZERO);
//! let answer = loop {
//!     let failed = match attempt(progress.attempts + 1) {
//!         Ok(answer) => break Ok(answer),
//!         Err(class) => Outcome::of(class),
//!     };
//!     match rules.decide(&mut progress, failed, None, false, u64::MAX / 2) {
//!         Decision::Retry { after } => slept += after, // `std::thread::sleep(after)`
//!         Decision::GiveUp(reason) => break Err(reason),
//!     }
//! };
//! assert_eq!(answer, Ok(3));
//! assert!(slept < Duration::from_millis(150)); // half of 50 ms, and half of 100
//! ```
