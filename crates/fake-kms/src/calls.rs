//! Calls as a client makes them: through quota, faults and latency, into the ledger.
use std::{sync::Arc, time::Duration};

use crate::{
    CallError, Ciphertext, DataKeyPair, Decrypted, FakeKms, Fault, KeyMetadata, KmsContext, KmsError,
    KmsErrorCode, KmsOperation, Outcome, Plaintext, ReEncrypted, engine::Engine,
};

/// What is known of a call before it is worked on.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) operation: KmsOperation,
    pub(crate) key: Option<Arc<str>>,
    pub(crate) context: KmsContext,
    pub(crate) dry_run: bool,
}

impl Call {
    pub(crate) fn new(operation: KmsOperation) -> Self {
        Self {
            operation,
            key: None,
            context: KmsContext::default(),
            dry_run: false,
        }
    }

    pub(crate) fn with_context(mut self, context: &KmsContext) -> Self {
        self.context = context.clone();
        self
    }
}

impl FakeKms {
    /// Decides, records, and only then waits: a caller that gives up leaves nothing undone and holds no lock.
    pub(crate) async fn run<T>(
        &self,
        call: Call,
        work: impl FnOnce(&Engine) -> Result<T, KmsError>,
    ) -> Result<T, CallError> {
        let (result, wait) = self.decide(call, work);
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        result
    }

    fn decide<T>(
        &self,
        call: Call,
        work: impl FnOnce(&Engine) -> Result<T, KmsError>,
    ) -> (Result<T, CallError>, Duration) {
        let now = self.engine().clock().since_start();
        let mut wait = self.latency().sample();
        let admitted = !call.operation.is_cryptographic() || self.limiter().admit(now);
        let fault = if admitted {
            self.faults().pick(call.operation, call.key.as_deref())
        } else {
            Some(KmsErrorCode::Throttling.into())
        };
        let result = match fault {
            None => match work(self.engine()) {
                Ok(_) if call.dry_run => Err(KmsError::new(KmsErrorCode::DryRun).into()),
                Ok(answer) => Ok(answer),
                Err(error) => Err(error.into()),
            },
            Some(Fault::Error(error)) => Err(error.into()),
            Some(Fault::Hang(time)) => {
                wait = time;
                Err(CallError::TimedOut)
            }
            Some(Fault::DropConnection) => Err(CallError::ConnectionLost),
            Some(Fault::Garbage) => Err(CallError::Garbage),
        };
        self.ledger()
            .record(now, call.operation, call.key, call.context, Outcome::of(&result));
        (result, wait)
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
        self.run(call, |engine| engine.generate_data_key(key_id, context, len))
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
            engine.generate_data_key_without_plaintext(key_id, context, len)
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
        self.run(call, |engine| engine.encrypt(key_id, context, plaintext))
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
        self.run(call, |engine| engine.decrypt(key_id, context, ciphertext))
            .await
    }

    /// `ReEncrypt`: from a key (pinned, when given) and context to another key and context.
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
        self.run(call, |engine| engine.re_encrypt(ciphertext, source, destination))
            .await
    }

    /// `GenerateRandom`: 1 to 1,024 random bytes.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn generate_random(&self, len: usize) -> Result<Plaintext, CallError> {
        self.run(Call::new(KmsOperation::GenerateRandom), |engine| {
            engine.generate_random(len)
        })
        .await
    }

    /// `DescribeKey`.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn describe_key(&self, key_id: &str) -> Result<KeyMetadata, CallError> {
        let call = self.call_on(KmsOperation::DescribeKey, key_id);
        self.run(call, |engine| engine.describe_key(key_id)).await
    }
}
