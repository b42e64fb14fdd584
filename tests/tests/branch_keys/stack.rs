//! What the tests are made of: a table whose reads can be made to fail, over the emulator of KMS.
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU64, Ordering},
};

use datakey_branch_keys::{
    BranchKeyAdmin, BranchKeyId, BranchKeys, BranchKeysBuilder, Created, Description, Item, ItemKind,
    MemoryStore, NewBranchKey, ReadingStore, Store, Written,
};
use datakey_fake_kms::{FakeKms, FakeKmsProvider};
use datakey_provider::{EncryptionContext, ErrorClass, Operation, ProviderError, Verdict, async_trait};
use datakey_retry::Policy;

/// A store in memory that counts its calls, and fails when it is told to.
#[derive(Clone)]
pub(crate) struct Table {
    pub(crate) memory: MemoryStore,
    reads: Arc<AtomicU64>,
    fault: Arc<Mutex<Fault>>,
}

/// What the next calls come to.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) enum Fault {
    #[default]
    None,
    /// This class, and a verdict where it is a denial.
    Fails(ErrorClass),
    /// No answer ever.
    Hangs,
    /// Writes are made, and their answers lost.
    LosesAnswers,
}

impl Table {
    pub(crate) fn new() -> Self {
        Self {
            memory: MemoryStore::new("branch-keys"),
            reads: Arc::default(),
            fault: Arc::default(),
        }
    }

    pub(crate) fn reads(&self) -> u64 {
        self.reads.load(Ordering::Relaxed)
    }

    pub(crate) fn set(&self, fault: Fault) {
        *self.fault.lock().unwrap() = fault;
    }

    async fn meet(&self, operation: Operation) -> Result<Fault, ProviderError> {
        let fault = *self.fault.lock().unwrap();
        match fault {
            Fault::Hangs => std::future::pending().await,
            Fault::Fails(class) => {
                let verdict = (class == ErrorClass::Denied).then_some(Verdict::Message);
                Err(ProviderError::new(class, operation).with_verdict(verdict))
            }
            other => Ok(other),
        }
    }

    fn answered(&self, fault: Fault, written: Written) -> Result<Written, ProviderError> {
        if fault == Fault::LosesAnswers && written == Written::Done {
            self.set(Fault::None);
            return Err(ProviderError::new(
                ErrorClass::Timeout,
                Operation::TransactWriteItems,
            ));
        }
        Ok(written)
    }
}

#[async_trait]
impl ReadingStore for Table {
    async fn get(&self, id: &BranchKeyId, kind: ItemKind) -> Result<Option<Item>, ProviderError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.meet(Operation::GetItem).await?;
        self.memory.get(id, kind).await
    }

    fn logical_name(&self) -> &str {
        self.memory.logical_name()
    }
}

#[async_trait]
impl Store for Table {
    async fn put_if_absent(&self, items: &[Item]) -> Result<Written, ProviderError> {
        let fault = self.meet(Operation::TransactWriteItems).await?;
        let written = self.memory.put_if_absent(items).await?;
        self.answered(fault, written)
    }

    async fn swap(&self, version: &Item, active: &Item, old: &[u8]) -> Result<Written, ProviderError> {
        let fault = self.meet(Operation::TransactWriteItems).await?;
        let written = self.memory.swap(version, active, old).await?;
        self.answered(fault, written)
    }

    async fn versions(&self, id: &BranchKeyId) -> Result<Vec<Item>, ProviderError> {
        self.meet(Operation::Query).await?;
        self.memory.versions(id).await
    }
}

/// A table, the emulator, and a branch key `tenant-acme`.
pub(crate) struct Stack {
    pub(crate) table: Table,
    pub(crate) fake: FakeKms,
    pub(crate) kms: FakeKmsProvider,
    pub(crate) id: BranchKeyId,
    pub(crate) first: Description,
}

impl Stack {
    pub(crate) async fn new() -> Self {
        let fake = FakeKms::new();
        let kms = fake.provider(&fake.create_key().unwrap());
        let table = Table::new();
        let id: BranchKeyId = "tenant-acme".parse().unwrap();
        let admin = admin(&table, &kms);
        let new = NewBranchKey::with_id(id.clone()).context([("tenant", "acme")]);
        let Created::Made(first) = admin.create(&new).await.unwrap() else {
            panic!("nobody else made it");
        };
        Self {
            table,
            fake,
            kms,
            id,
            first,
        }
    }

    pub(crate) fn admin(&self) -> BranchKeyAdmin<Table, FakeKmsProvider> {
        admin(&self.table, &self.kms)
    }

    pub(crate) fn builder(&self) -> BranchKeysBuilder<Table, FakeKmsProvider> {
        let once = || Policy::default().with_max_attempts(1).without_breaker();
        BranchKeys::builder(self.table.clone(), self.kms.clone())
            .branch_key(self.id.clone())
            .retry(once())
            .store_retry(once())
            .seed(7)
    }

    pub(crate) fn keys(&self) -> BranchKeys {
        self.builder().build().unwrap()
    }

    pub(crate) fn calls(&self) -> u64 {
        self.fake.ledger().calls()
    }
}

pub(crate) fn admin(table: &Table, kms: &FakeKmsProvider) -> BranchKeyAdmin<Table, FakeKmsProvider> {
    BranchKeyAdmin::new(table.clone(), kms.clone(), kms.key_arn())
}

pub(crate) fn context(tenant: &str) -> EncryptionContext {
    EncryptionContext::new([("tenant", tenant), ("purpose", "orders")]).unwrap()
}
