//! Calls as a client makes them: through quota, faults and latency, into the ledger.
use std::time::Duration;

use tokio::time::Instant;

use crate::{
    CallError, Ciphertext, DataKeyPair, Decrypted, FakeKms, Fault, KeyMetadata, KmsContext, KmsError,
    KmsErrorCode, KmsOperation, Outcome, Plaintext, Principal, ReEncrypted, asked::Call, engine::Engine,
};

/// How an answer reaches its client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Delivery {
    Whole,
    /// The body breaks off.
    Cut,
    /// The body takes this long.
    Slow(Duration),
    /// No answer: the connection closes.
    Closed,
    /// No answer: the connection is reset.
    Reset,
    /// This instead.
    Instead {
        status: u16,
        content_type: Box<str>,
        body: Box<str>,
    },
}

/// What was decided about a call.
struct Decision<T> {
    result: Result<T, CallError>,
    wait: Duration,
    delivery: Delivery,
}

/// A page that a proxy might answer.
const PAGE: &str = "<html><body><h1>502 Bad Gateway</h1></body></html>";

impl FakeKms {
    /// Makes a call in process: what would happen to its connection happens to its result.
    pub(crate) async fn run<T>(
        &self,
        call: Call,
        work: impl FnOnce(&Engine) -> Result<T, KmsError>,
    ) -> Result<T, CallError> {
        let (result, delivery) = self.deliver(call, work).await;
        match delivery {
            Delivery::Slow(time) => {
                tokio::time::sleep(time).await;
                result
            }
            Delivery::Cut => result.and(Err(CallError::CutOff)),
            _ => result,
        }
    }

    /// Decides, records, and only then waits: a caller that gives up leaves nothing undone and holds no lock.
    pub(crate) async fn deliver<T>(
        &self,
        call: Call,
        work: impl FnOnce(&Engine) -> Result<T, KmsError>,
    ) -> (Result<T, CallError>, Delivery) {
        let (begun, operation) = (Instant::now(), call.operation);
        let Decision {
            result,
            wait,
            delivery,
        } = self.decide(call, work);
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        self.ledger().took(operation, begun.elapsed());
        (result, delivery)
    }

    fn decide<T>(&self, call: Call, work: impl FnOnce(&Engine) -> Result<T, KmsError>) -> Decision<T> {
        let now = self.engine().clock().since_start();
        let wait = self.latency().sample();
        let fault = if self.admission().admit(call.operation, now) {
            self.faults().pick(now, call.operation, call.key.as_deref())
        } else {
            Some(KmsErrorCode::Throttling.into())
        };
        let decision = apply(fault, wait, || match work(self.engine()) {
            Ok(_) if call.dry_run => Err(KmsError::new(KmsErrorCode::DryRun).into()),
            Ok(answer) => Ok(answer),
            Err(error) => Err(error.into()),
        });
        let outcome = match &decision.delivery {
            Delivery::Cut => Outcome::CutOff,
            _ => Outcome::of(&decision.result),
        };
        let caller = self.caller().map(Principal::shared_arn);
        self.ledger().record(now, call, caller, outcome);
        decision
    }

    /// A call about a key, named as the request names it.
    pub(crate) fn call_on(&self, operation: KmsOperation, key_id: &str) -> Call {
        Call {
            key: Some(self.engine().name_of(key_id)),
            ..Call::new(operation)
        }
    }

    /// A call about a ciphertext, which names its key when the request does not.
    pub(crate) fn call_with(&self, operation: KmsOperation, key_id: Option<&str>, ciphertext: &[u8]) -> Call {
        Call {
            key: match key_id {
                Some(key_id) => Some(self.engine().name_of(key_id)),
                None => self.engine().name_in(ciphertext),
            },
            ..Call::new(operation)
        }
    }

    /// `GenerateDataKey`: `len` random bytes, in plaintext and wrapped under a key.
    ///
    /// ```
    /// use datakey_fake_kms::{FakeKms, KmsContext, KmsErrorCode};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let fake = FakeKms::new();
    /// let key = fake.create_key()?;
    /// fake.create_alias("alias/orders", &key)?;
    /// let made = fake.generate_data_key("alias/orders", &KmsContext::default(), 32).await?;
    /// assert_eq!(made.key_arn, key); // an answer names the key, however it was asked for
    /// assert_eq!(made.plaintext.expose_secret().len(), 32);
    /// let long = fake.generate_data_key(&key, &KmsContext::default(), 1025).await.unwrap_err();
    /// assert_eq!(long.code(), Some(KmsErrorCode::Validation));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`CallError`]; `ValidationException` unless `len` is 1 to 1,024.
    pub async fn generate_data_key(
        &self,
        key_id: &str,
        context: &KmsContext,
        len: usize,
    ) -> Result<DataKeyPair, CallError> {
        let call = self
            .call_on(KmsOperation::GenerateDataKey, key_id)
            .with_context(context);
        self.run(call, |engine| {
            engine.generate_data_key(&self.asker(), key_id, context, len)
        })
        .await
    }

    /// `GenerateDataKeyWithoutPlaintext`: the same, wrapped only.
    ///
    /// # Errors
    /// As [`generate_data_key`](Self::generate_data_key).
    pub async fn generate_data_key_without_plaintext(
        &self,
        key_id: &str,
        context: &KmsContext,
        len: usize,
    ) -> Result<Ciphertext, CallError> {
        let operation = KmsOperation::GenerateDataKeyWithoutPlaintext;
        let call = self.call_on(operation, key_id).with_context(context);
        self.run(call, |engine| {
            engine.generate_data_key_without_plaintext(&self.asker(), key_id, context, len)
        })
        .await
    }

    /// `Encrypt`: 1 to 4,096 bytes under a key.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn encrypt(
        &self,
        key_id: &str,
        context: &KmsContext,
        plaintext: &[u8],
    ) -> Result<Ciphertext, CallError> {
        let call = self.call_on(KmsOperation::Encrypt, key_id).with_context(context);
        self.run(call, |engine| {
            engine.encrypt(&self.asker(), key_id, context, plaintext)
        })
        .await
    }

    /// `Decrypt`, under the key that the ciphertext names, which must be the given one when there is one.
    ///
    /// ```
    /// # use datakey_fake_kms::{FakeKms, KmsContext, KmsErrorCode};
    /// # async fn run(fake: FakeKms) -> Result<(), Box<dyn std::error::Error>> {
    /// let (mine, theirs) = (fake.create_key()?, fake.create_key()?);
    /// let context = KmsContext::default();
    /// let made = fake.encrypt(&theirs, &context, b"hello").await?;
    /// assert_eq!(fake.decrypt(None, &context, &made.ciphertext).await?.key_arn, theirs);
    /// let pinned = fake.decrypt(Some(&mine), &context, &made.ciphertext).await.unwrap_err();
    /// assert_eq!(pinned.code(), Some(KmsErrorCode::IncorrectKey));
    /// # Ok(()) }
    /// # let mut task = std::pin::pin!(run(FakeKms::new()));
    /// # let waker = std::task::Waker::noop();
    /// # assert!(matches!(task.as_mut().poll(&mut std::task::Context::from_waker(waker)), std::task::Poll::Ready(Ok(()))));
    /// # use std::future::Future as _;
    /// ```
    ///
    /// # Errors
    /// [`CallError`]; `InvalidCiphertextException` when the ciphertext or the context is not that of an `Encrypt`.
    pub async fn decrypt(
        &self,
        key_id: Option<&str>,
        context: &KmsContext,
        ciphertext: &[u8],
    ) -> Result<Decrypted, CallError> {
        let call = self
            .call_with(KmsOperation::Decrypt, key_id, ciphertext)
            .with_context(context);
        self.run(call, |engine| {
            engine.decrypt(&self.asker(), key_id, context, ciphertext)
        })
        .await
    }

    /// `ReEncrypt`: from a key (pinned, when given) and context to another key and context.
    ///
    /// ```
    /// use datakey_fake_kms::{FakeKms, KmsContext};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let fake = FakeKms::new();
    /// let (old, new) = (fake.create_key()?, fake.create_key()?);
    /// let (from, to) = (KmsContext::new([("tenant", "acme")])?, KmsContext::new([("tenant", "umbrella")])?);
    /// let made = fake.encrypt(&old, &from, b"hello").await?;
    /// let moved = fake.re_encrypt(&made.ciphertext, (Some(&old), &from), (&new, &to)).await?;
    /// let opened = fake.decrypt(Some(&new), &to, &moved.made.ciphertext).await?;
    /// assert_eq!(opened.plaintext.expose_secret(), b"hello");
    /// assert!(fake.decrypt(Some(&new), &from, &moved.made.ciphertext).await.is_err()); // the old context is gone with the old key
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`decrypt`](Self::decrypt) and [`encrypt`](Self::encrypt).
    pub async fn re_encrypt(
        &self,
        ciphertext: &[u8],
        source: (Option<&str>, &KmsContext),
        destination: (&str, &KmsContext),
    ) -> Result<ReEncrypted, CallError> {
        let call = self
            .call_on(KmsOperation::ReEncrypt, destination.0)
            .with_context(destination.1);
        self.run(call, |engine| {
            engine.re_encrypt(&self.asker(), ciphertext, source, destination)
        })
        .await
    }

    /// `GenerateRandom`: 1 to 1,024 random bytes.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn generate_random(&self, len: usize) -> Result<Plaintext, CallError> {
        self.run(Call::new(KmsOperation::GenerateRandom), |engine| {
            engine.generate_random(&self.asker(), len)
        })
        .await
    }

    /// `DescribeKey`.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn describe_key(&self, key_id: &str) -> Result<KeyMetadata, CallError> {
        let call = self.call_on(KmsOperation::DescribeKey, key_id);
        self.run(call, |engine| engine.describe_key(&self.asker(), key_id))
            .await
    }
}

fn apply<T>(
    fault: Option<Fault>,
    wait: Duration,
    work: impl FnOnce() -> Result<T, CallError>,
) -> Decision<T> {
    let (result, wait, delivery) = match fault {
        None => (work(), wait, Delivery::Whole),
        Some(Fault::Delay(more)) => (work(), wait.saturating_add(more), Delivery::Whole),
        Some(Fault::CutBody) => (work(), wait, Delivery::Cut),
        Some(Fault::SlowBody(time)) => (work(), wait, Delivery::Slow(time)),
        Some(Fault::Error(error)) => (Err(error.into()), wait, Delivery::Whole),
        Some(Fault::Hang(time)) => (Err(CallError::TimedOut), time, Delivery::Closed),
        Some(Fault::DropConnection) => (Err(CallError::ConnectionLost), wait, Delivery::Closed),
        Some(Fault::ResetConnection) => (Err(CallError::ConnectionLost), wait, Delivery::Reset),
        Some(Fault::Garbage) => {
            let page = Delivery::Instead {
                status: 200,
                content_type: "application/x-amz-json-1.1".into(),
                body: PAGE.into(),
            };
            (Err(CallError::Garbage), wait, page)
        }
        Some(Fault::Answer {
            status,
            content_type,
            body,
        }) => {
            let answer = Delivery::Instead {
                status,
                content_type,
                body,
            };
            (Err(CallError::Garbage), wait, answer)
        }
    };
    Decision {
        result,
        wait,
        delivery,
    }
}
