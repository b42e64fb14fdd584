//! A provider that does as it is told, and counts.
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use datakey_provider::{
    DataKey, DataKeyLength, EncryptionContext, ErrorClass, GeneratedDataKey, OpeningProvider, Operation,
    ProviderError, Rank, SealingProvider, Verdict, WrappedKey, WrappedKeys, async_trait,
};
use tokio::time;

/// What a call does after its delay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Does {
    /// Answers.
    Work,
    /// Fails with a class.
    Fail(ErrorClass),
    /// Fails with a class and asks for a delay in seconds.
    FailFor(ErrorClass, u64),
    /// Fails with a class, and says this of key and message.
    Say(ErrorClass, Option<Verdict>),
    /// Panics.
    Panic,
    /// Never answers.
    Hang,
}

#[derive(Debug)]
struct Script {
    does: Does,
    delay: Duration,
    key_ids: Vec<String>,
    names: Option<String>,
    by_context: HashMap<EncryptionContext, Does>,
    by_key_id: HashMap<String, Does>,
}

/// A provider that does as it is told, and counts. Clones share the script and the counts.
#[derive(Debug, Clone)]
pub struct Scripted(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    script: Mutex<Script>,
    generated: AtomicU64,
    decrypted: AtomicU64,
    in_flight: AtomicU64,
    most_in_flight: AtomicU64,
}

impl Default for Scripted {
    fn default() -> Self {
        Self(Arc::new(Inner {
            script: Mutex::new(Script {
                does: Does::Work,
                delay: Duration::ZERO,
                key_ids: vec!["script:a".into()],
                names: None,
                by_context: HashMap::new(),
                by_key_id: HashMap::new(),
            }),
            generated: AtomicU64::new(0),
            decrypted: AtomicU64::new(0),
            in_flight: AtomicU64::new(0),
            most_in_flight: AtomicU64::new(0),
        }))
    }
}

struct Flying<'a>(&'a Inner);

impl Drop for Flying<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, SeqCst);
    }
}

impl Scripted {
    /// A provider whose calls take so many milliseconds.
    pub fn taking(millis: u64) -> Self {
        let own = Self::default();
        own.script(|script| script.delay = Duration::from_millis(millis));
        own
    }

    fn script<R>(&self, change: impl FnOnce(&mut Script) -> R) -> R {
        change(&mut self.0.script.lock().unwrap())
    }

    /// Sets what calls do.
    pub fn does(&self, does: Does) {
        self.script(|script| script.does = does);
    }

    /// Sets what calls for a context do.
    pub fn does_for(&self, context: &EncryptionContext, does: Does) {
        self.script(|script| script.by_context.insert(context.clone(), does));
    }

    /// Sets what calls for a key id do.
    pub fn does_under(&self, key_id: &str, does: Does) {
        self.script(|script| script.by_key_id.insert(key_id.into(), does));
    }

    /// Sets how long calls take.
    pub fn takes(&self, delay: Duration) {
        self.script(|script| script.delay = delay);
    }

    /// Sets the key ids that data keys are wrapped under; all that start with `script:` are recognised, and an id
    /// that ends in `far` is ranked behind the others.
    pub fn wraps_under(&self, key_ids: &[&str]) {
        self.script(|script| script.key_ids = key_ids.iter().map(|id| (*id).into()).collect());
    }

    /// Sets how failures to seal name the wrapping key, in place of not at all. `alias/a` is a name of `script:a`.
    pub fn names(&self, name: &str) {
        self.script(|script| script.names = Some(name.into()));
    }

    /// How many data keys were asked for.
    pub fn generated(&self) -> u64 {
        self.0.generated.load(SeqCst)
    }

    /// How many wrapped keys were asked to be opened.
    pub fn decrypted(&self) -> u64 {
        self.0.decrypted.load(SeqCst)
    }

    /// The most calls that were under way at once.
    pub fn most_in_flight(&self) -> u64 {
        self.0.most_in_flight.load(SeqCst)
    }

    async fn perform(
        &self,
        operation: Operation,
        context: &EncryptionContext,
        key_id: Option<&str>,
    ) -> Result<(), ProviderError> {
        let now = self.0.in_flight.fetch_add(1, SeqCst) + 1;
        self.0.most_in_flight.fetch_max(now, SeqCst);
        let _flying = Flying(&self.0);
        let (delay, does) = self.script(|script| {
            let by_key_id = key_id.and_then(|id| script.by_key_id.get(id));
            let does = by_key_id.or_else(|| script.by_context.get(context));
            (script.delay, does.copied().unwrap_or(script.does))
        });
        if !delay.is_zero() {
            time::sleep(delay).await;
        }
        let failed = |class| {
            let error = ProviderError::new(class, operation);
            match key_id
                .map(str::to_owned)
                .or_else(|| self.script(|script| script.names.clone()))
            {
                Some(key_id) => error.with_key_id(key_id),
                None => error,
            }
        };
        match does {
            Does::Work => Ok(()),
            Does::Fail(class) => Err(failed(class)),
            Does::FailFor(class, seconds) => Err(failed(class).with_delay(Duration::from_secs(seconds))),
            Does::Say(class, verdict) => Err(failed(class).with_verdict(verdict)),
            Does::Panic => panic!("as scripted"),
            Does::Hang => std::future::pending().await,
        }
    }

    fn wrap(&self, context: &EncryptionContext, number: u64) -> WrappedKeys {
        let blob = [&number.to_be_bytes()[..], context.digest()].concat();
        let key_ids = self.script(|script| script.key_ids.clone());
        let keys: Vec<_> = key_ids
            .iter()
            .map(|id| WrappedKey::new(id.as_str(), blob.clone()).unwrap())
            .collect();
        WrappedKeys::new(keys).unwrap()
    }
}

fn key(number: u64) -> DataKey {
    DataKey::init(DataKeyLength::Bytes32, |bytes| {
        for (own, byte) in bytes.iter_mut().zip(number.to_be_bytes().iter().cycle()) {
            *own = byte ^ 0xA5;
        }
    })
}

#[async_trait]
impl SealingProvider for Scripted {
    async fn generate_data_key(
        &self,
        context: &EncryptionContext,
        _: DataKeyLength,
    ) -> Result<GeneratedDataKey, ProviderError> {
        let number = self.0.generated.fetch_add(1, SeqCst) + 1;
        self.perform(Operation::GenerateDataKey, context, None).await?;
        Ok(GeneratedDataKey::new(key(number), self.wrap(context, number)))
    }

    async fn encrypt(
        &self,
        context: &EncryptionContext,
        data_key: &DataKey,
    ) -> Result<WrappedKeys, ProviderError> {
        self.perform(Operation::Encrypt, context, None).await?;
        let first: [u8; 8] = data_key.expose_secret()[..8].try_into().unwrap();
        Ok(self.wrap(context, u64::from_be_bytes(first.map(|byte| byte ^ 0xA5))))
    }

    fn sealing_key_is(&self, name: &str, key_id: &str) -> bool {
        is_named(name, key_id)
    }
}

#[async_trait]
impl OpeningProvider for Scripted {
    fn rank(&self, wrapped: &WrappedKey) -> Option<Rank> {
        let near = if wrapped.key_id().ends_with("far") {
            Rank::REMOTE
        } else {
            Rank::LOCAL
        };
        wrapped.key_id().starts_with("script:").then_some(near)
    }

    async fn decrypt(
        &self,
        context: &EncryptionContext,
        wrapped: &WrappedKey,
    ) -> Result<DataKey, ProviderError> {
        self.0.decrypted.fetch_add(1, SeqCst);
        self.perform(Operation::Decrypt, context, Some(wrapped.key_id()))
            .await?;
        let refuse = || ProviderError::new(ErrorClass::NotAuthentic, Operation::Decrypt);
        let (number, digest) = wrapped.blob().split_at_checked(8).ok_or_else(refuse)?;
        if digest != context.digest() {
            return Err(refuse());
        }
        Ok(key(u64::from_be_bytes(number.try_into().unwrap())))
    }

    fn opening_key_is(&self, name: &str, key_id: &str) -> bool {
        is_named(name, key_id)
    }
}

/// By its id, or by the alias of the same name.
fn is_named(name: &str, key_id: &str) -> bool {
    let by_alias = name.strip_prefix("alias/");
    name == key_id || (by_alias.is_some() && by_alias == key_id.strip_prefix("script:"))
}

/// A context with one pair.
pub fn context(tenant: impl AsRef<str>) -> EncryptionContext {
    EncryptionContext::new([("tenant", tenant)]).unwrap()
}

/// A wrapped key that the scripted provider recognises and that opens for nobody.
pub fn junk(number: u64) -> WrappedKeys {
    WrappedKey::new("script:a", [b"junk".as_slice(), &number.to_be_bytes()].concat())
        .unwrap()
        .into()
}
