//! Data keys wrapped anew, each once.
use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use datakey::{
    EncryptionContext, ProviderError,
    kms::{KmsKeyId, KmsProvider},
    provider::{DataKey, DataKeyLength, Operation, WrappedKey, WrappedKeys},
    retry::{Classify, GaveUp, Policy, retry},
};
use tokio::runtime::Handle;

use crate::{failure::Failure, keys::Wrapper};

/// A data key under one wrapping key, in one encryption context: the digests of both.
type Known = ([u8; 32], [u8; 32]);

/// Its other wrapped keys, once they are known.
type Slot = Arc<Mutex<Option<Vec<WrappedKey>>>>;

/// Wraps data keys under other keys. Each is wrapped once, however many messages share it.
pub(super) struct Wrapping {
    from: Vec<Wrapper>,
    to: Vec<Wrapper>,
    policy: Policy,
    runtime: Handle,
    slots: Mutex<HashMap<Known, Slot>>,
    /// The key ids that the new keys have in messages.
    targets: Mutex<Option<BTreeSet<String>>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Wrapping {
    pub(super) fn new(from: Vec<Wrapper>, to: Vec<Wrapper>, policy: Policy, runtime: Handle) -> Self {
        Self {
            from,
            to,
            policy,
            runtime,
            slots: Mutex::new(HashMap::new()),
            targets: Mutex::new(None),
        }
    }

    /// The key ids of the new keys.
    pub(super) fn targets(&self) -> Vec<String> {
        locked(&self.targets).iter().flatten().cloned().collect()
    }

    pub(super) fn is_target(&self, key: &WrappedKey) -> bool {
        locked(&self.targets)
            .iter()
            .flatten()
            .any(|id| id == key.key_id())
    }

    /// Whether one of the old keys opens it.
    pub(super) fn is_from(&self, key: &WrappedKey) -> bool {
        self.from.iter().any(|from| from.provider().rank(key).is_some())
    }

    /// Finds out which key ids the new keys have in messages: an alias does not say it. A data key of nobody's is wrapped for that.
    pub(super) fn learn_targets(&self, context: &EncryptionContext) -> Result<(), Failure> {
        let mut targets = locked(&self.targets);
        if targets.is_some() {
            return Ok(());
        }
        let mut ids = BTreeSet::new();
        for to in &self.to {
            match to {
                Wrapper::Kms(_, id) if id.as_str().contains(":key/") => {
                    ids.insert(id.as_str().to_owned());
                }
                to => {
                    let nobodys = DataKey::init(DataKeyLength::Bytes32, |bytes| bytes.fill(0));
                    let wrapped = self.encrypt(to, context, &nobodys)?;
                    ids.extend(wrapped.iter().map(|key| key.key_id().to_owned()));
                }
            }
        }
        *targets = Some(ids);
        Ok(())
    }

    /// The data key of `old` under each of the new keys.
    pub(super) fn wrap(
        &self,
        context: &EncryptionContext,
        old: &WrappedKey,
    ) -> Result<Vec<WrappedKey>, Failure> {
        let known = (old.digest(), *context.digest());
        let slot = Arc::clone(locked(&self.slots).entry(known).or_default());
        // Who comes for the same meanwhile waits for it.
        let mut slot = locked(&slot);
        if let Some(wrapped) = &*slot {
            return Ok(wrapped.clone());
        }
        let wrapped = self.wrap_anew(context, old)?;
        *slot = Some(wrapped.clone());
        Ok(wrapped)
    }

    fn wrap_anew(&self, context: &EncryptionContext, old: &WrappedKey) -> Result<Vec<WrappedKey>, Failure> {
        let opens = |from: &&Wrapper| from.provider().rank(old).is_some();
        let mut last = None;
        for from in self.from.iter().filter(opens) {
            match self.wrap_by(from, context, old) {
                Ok(wrapped) => return Ok(wrapped),
                // It may be under another of the old keys.
                Err(failure) => last = Some(failure),
            }
        }
        Err(last.unwrap_or_else(|| Failure::Usage("no key opens the data key".to_owned())))
    }

    fn wrap_by(
        &self,
        from: &Wrapper,
        context: &EncryptionContext,
        old: &WrappedKey,
    ) -> Result<Vec<WrappedKey>, Failure> {
        let (mut wrapped, mut data_key) = (Vec::new(), None);
        for to in &self.to {
            if let (Wrapper::Kms(from, _), Wrapper::Kms(near, id)) = (from, to)
                && from.region() == near.region()
            {
                wrapped.push(self.re_encrypt(from, context, old, id)?);
                continue;
            }
            let data_key = match &mut data_key {
                Some(data_key) => data_key,
                none => none.insert(self.decrypt(from, context, old)?),
            };
            wrapped.extend(self.encrypt(to, context, data_key)?.iter().cloned());
        }
        Ok(wrapped)
    }

    /// Within the KMS: the data key does not leave it.
    fn re_encrypt(
        &self,
        from: &KmsProvider,
        context: &EncryptionContext,
        old: &WrappedKey,
        to: &KmsKeyId,
    ) -> Result<WrappedKey, Failure> {
        let call = retry(&self.policy, || from.re_encrypt(old, context, to, context));
        self.runtime
            .block_on(call)
            .map_err(|error| gave_up(Operation::ReEncrypt, error))
    }

    fn decrypt(
        &self,
        from: &Wrapper,
        context: &EncryptionContext,
        old: &WrappedKey,
    ) -> Result<DataKey, Failure> {
        let call = retry(&self.policy, || from.provider().decrypt(context, old));
        self.runtime
            .block_on(call)
            .map_err(|error| gave_up(Operation::Decrypt, error))
    }

    fn encrypt(
        &self,
        to: &Wrapper,
        context: &EncryptionContext,
        data_key: &DataKey,
    ) -> Result<WrappedKeys, Failure> {
        let call = retry(&self.policy, || to.provider().encrypt(context, data_key));
        self.runtime
            .block_on(call)
            .map_err(|error| gave_up(Operation::Encrypt, error))
    }
}

fn gave_up(operation: Operation, error: GaveUp<ProviderError>) -> Failure {
    let class = error.class();
    Failure::Wrap(Box::new(ProviderError::new(class, operation).with_source(error)))
}
