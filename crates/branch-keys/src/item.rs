//! An item of the table: what the store keeps of a branch key, and the encryption context that KMS binds it to.
use std::{collections::BTreeMap, fmt};

use datakey_provider::{EncryptionContext, WrappedKey};
use thiserror::Error;

use crate::{BranchKeyId, BranchKeyVersion};

pub(crate) const ID: &str = "branch-key-id";
pub(crate) const TYPE: &str = "type";
pub(crate) const ENC: &str = "enc";
const VERSION: &str = "version";
const KMS_ARN: &str = "kms-arn";
const CREATE_TIME: &str = "create-time";
pub(crate) const HIERARCHY_VERSION: &str = "hierarchy-version";
const CUSTOM_PREFIX: &str = "aws-crypto-ec:";
const TABLE_NAME: &str = "tablename";

const ACTIVE: &str = "branch:ACTIVE";
const BEACON: &str = "beacon:ACTIVE";

/// The only hierarchy version that is read and written.
const HIERARCHY_VERSION_1: &str = "1";

/// Which of the items of a branch key: the sort key of the table.
///
/// Its text is the sort key, as an operator sees it in the table's console:
///
/// ```
/// use datakey_branch_keys::{BranchKeyVersion, ItemKind};
///
/// let version: BranchKeyVersion = "0b4d5a6e-8f0e-4a54-9d8e-0b1f2c3d4e5f".parse()?;
/// assert_eq!(ItemKind::Active.to_string(), "branch:ACTIVE");
/// assert_eq!(ItemKind::Version(version).to_string(), "branch:version:0b4d5a6e-8f0e-4a54-9d8e-0b1f2c3d4e5f");
/// # Ok::<(), datakey_branch_keys::NotAVersion>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ItemKind {
    /// The version that seals, `branch:ACTIVE`.
    Active,
    /// One version, for opening, `branch:version:` and its UUID.
    Version(BranchKeyVersion),
    /// The key of searchable encryption, `beacon:ACTIVE`: made with each branch key, as other libraries expect it, and not used here.
    Beacon,
}

impl fmt::Display for ItemKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Active => f.write_str(ACTIVE),
            Self::Version(version) => f.write_str(&version.name()),
            Self::Beacon => f.write_str(BEACON),
        }
    }
}

impl ItemKind {
    fn of_text(text: &str) -> Option<Self> {
        match text {
            ACTIVE => Some(Self::Active),
            BEACON => Some(Self::Beacon),
            other => BranchKeyVersion::of_name(other).map(Self::Version),
        }
    }
}

/// An item as a store keeps it: texts by the names of their attributes, and the key as KMS wrapped it.
///
/// | attribute | DynamoDB type | holds |
/// |---|---|---|
/// | `branch-key-id` | S, partition key | the id |
/// | `type` | S, sort key | `branch:ACTIVE`, `branch:version:` and a UUID, or `beacon:ACTIVE` |
/// | `version` | S | of `branch:ACTIVE` alone: which version it is, `branch:version:` and a UUID |
/// | `enc` | B | the key, wrapped |
/// | `kms-arn` | S | the KMS key that wrapped it |
/// | `create-time` | S | when, ISO 8601 with microseconds, UTC |
/// | `hierarchy-version` | N | 1 |
/// | `aws-crypto-ec:` and a name | S | custom encryption context |
///
/// KMS binds all of it but `enc`, and the logical name of the table, to the key; so nothing of it can be changed unnoticed.
///
/// Source: "Branch Key Store" in the specification of the AWS Encryption SDK, 0.9.0.
///
/// Only whoever writes a [`Store`](crate::Store) of their own has to do with it: it is what goes in, and what comes out again. `Debug`
/// shows the texts and the length of the key.
#[derive(Clone, PartialEq, Eq)]
pub struct Item {
    id: BranchKeyId,
    kind: ItemKind,
    texts: BTreeMap<Box<str>, Box<str>>,
    enc: Box<[u8]>,
}

/// Why what a store has is not an item of a branch key.
///
/// Each names the attribute or text that is wrong, and none of them shows the wrapped key. They are defects of what is in the table,
/// so nothing is tried again; an item of hierarchy version 2 is no defect, and asks for a release that reads it.
///
/// ```
/// use datakey_branch_keys::{Item, ItemError};
///
/// let texts = [("branch-key-id", "orders"), ("type", "branch:ACTIVE"), ("hierarchy-version", "2")];
/// let read = Item::new(texts.map(|(name, text)| (name.into(), text.into())), [0; 184]);
/// assert_eq!(read, Err(ItemError::HierarchyVersion("2".into())));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ItemError {
    /// An attribute that each item has is missing, empty, or of another type.
    #[error("the item has no attribute {0:?} of the right type")]
    Missing(&'static str),
    /// An attribute that no item has. The encryption context that KMS is to be given cannot be told.
    #[error("the item has an attribute {0:?}, which no branch key has")]
    Unknown(Box<str>),
    /// The item is of a hierarchy version that this release does not read.
    #[error("the branch key is of hierarchy version {0:?}, and only version 1 is supported")]
    HierarchyVersion(Box<str>),
    /// The sort key is none of a branch key, or `version` does not fit it.
    #[error("the item is of the type {0:?}, which no branch key has")]
    Kind(Box<str>),
    /// It is another item than was asked for.
    #[error("the store answered another item than was asked for")]
    Other,
    /// The encryption context that KMS binds cannot be made of it.
    #[error("the attributes make no encryption context")]
    Context(#[source] datakey_provider::ContextError),
    /// The wrapped key cannot be used.
    #[error("the item has no usable key")]
    Key(#[source] datakey_provider::WrappedKeyError),
}

impl ItemError {
    /// Whether the same may succeed later without anybody changing anything: never.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        false
    }
}

/// What is written of a branch key beside the key itself.
pub(crate) struct Facts<'a> {
    pub(crate) id: &'a BranchKeyId,
    pub(crate) kms_key: &'a str,
    pub(crate) create_time: &'a str,
    pub(crate) custom: &'a [(Box<str>, Box<str>)],
}

/// All of an item but its key: what its encryption context is made of.
pub(crate) struct Unwrapped {
    id: BranchKeyId,
    kind: ItemKind,
    texts: BTreeMap<Box<str>, Box<str>>,
}

impl Unwrapped {
    /// Of a kind; `Active` needs the version that it is.
    pub(crate) fn new(facts: &Facts<'_>, kind: ItemKind, active: Option<BranchKeyVersion>) -> Self {
        let mut texts = BTreeMap::new();
        let mut put = |name: &str, text: &str| texts.insert(name.into(), text.into());
        put(ID, facts.id.as_str());
        put(TYPE, &kind.to_string());
        put(KMS_ARN, facts.kms_key);
        put(CREATE_TIME, facts.create_time);
        put(HIERARCHY_VERSION, HIERARCHY_VERSION_1);
        if let Some(version) = active {
            put(VERSION, &version.name());
        }
        for (name, text) in facts.custom {
            put(&format!("{CUSTOM_PREFIX}{name}"), text);
        }
        Self {
            id: facts.id.clone(),
            kind,
            texts,
        }
    }

    pub(crate) fn context(&self, table: &str) -> Result<EncryptionContext, ItemError> {
        context(&self.texts, table)
    }

    pub(crate) fn with_key(self, key: &WrappedKey) -> Item {
        Item {
            id: self.id,
            kind: self.kind,
            texts: self.texts,
            enc: key.blob().into(),
        }
    }
}

fn context(texts: &BTreeMap<Box<str>, Box<str>>, table: &str) -> Result<EncryptionContext, ItemError> {
    let own = texts.iter().map(|(name, text)| (&**name, &**text));
    EncryptionContext::new(own.chain([(TABLE_NAME, table)])).map_err(ItemError::Context)
}

impl Item {
    /// Takes what a store has: texts by attribute, numbers as the store spells them, and `enc`.
    ///
    /// # Errors
    /// [`ItemError`], which names the attribute.
    pub fn new(
        texts: impl IntoIterator<Item = (Box<str>, Box<str>)>,
        enc: impl Into<Box<[u8]>>,
    ) -> Result<Self, ItemError> {
        let texts: BTreeMap<_, _> = texts.into_iter().collect();
        let text = |name: &'static str| {
            let text = texts.get(name).filter(|text| !text.is_empty());
            text.map(|text| &**text).ok_or(ItemError::Missing(name))
        };
        // Said first: the items of another version have other attributes.
        let version = text(HIERARCHY_VERSION)?;
        if version != HIERARCHY_VERSION_1 {
            return Err(ItemError::HierarchyVersion(version.into()));
        }
        let id = BranchKeyId::new(text(ID)?).map_err(|_no_id| ItemError::Missing(ID))?;
        let kind = ItemKind::of_text(text(TYPE)?)
            .ok_or_else(|| ItemError::Kind(texts.get(TYPE).cloned().unwrap_or_default()))?;
        text(KMS_ARN)?;
        text(CREATE_TIME)?;
        let names_version = texts.get(VERSION).map(|name| BranchKeyVersion::of_name(name));
        match (kind, names_version) {
            (ItemKind::Active, Some(Some(_))) | (ItemKind::Version(_) | ItemKind::Beacon, None) => {}
            (ItemKind::Active, _) => return Err(ItemError::Missing(VERSION)),
            (_, Some(_)) => return Err(ItemError::Unknown(VERSION.into())),
        }
        let known = [ID, TYPE, KMS_ARN, CREATE_TIME, HIERARCHY_VERSION, VERSION];
        let is_known = |name: &str| known.contains(&name) || name.starts_with(CUSTOM_PREFIX);
        if let Some(name) = texts.keys().find(|name| !is_known(name)) {
            return Err(ItemError::Unknown(name.clone()));
        }
        let enc = enc.into();
        if enc.is_empty() {
            return Err(ItemError::Missing(ENC));
        }
        Ok(Self { id, kind, texts, enc })
    }

    /// Whose it is.
    #[must_use]
    pub const fn id(&self) -> &BranchKeyId {
        &self.id
    }

    /// Which of the items of the branch key it is.
    #[must_use]
    pub const fn kind(&self) -> ItemKind {
        self.kind
    }

    /// All attributes but `enc`, by name.
    #[must_use]
    pub fn texts(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.texts.iter().map(|(name, text)| (&**name, &**text))
    }

    /// The key as KMS wrapped it: the attribute `enc`.
    #[must_use]
    pub fn enc(&self) -> &[u8] {
        &self.enc
    }

    fn text(&self, name: &str) -> &str {
        self.texts.get(name).map(|text| &**text).unwrap_or_default()
    }

    /// The id of the KMS key that wrapped it.
    #[must_use]
    pub fn kms_key(&self) -> &str {
        self.text(KMS_ARN)
    }

    /// When it was made: ISO 8601, UTC.
    #[must_use]
    pub fn create_time(&self) -> &str {
        self.text(CREATE_TIME)
    }

    /// The version that it holds: `None` of the beacon key alone.
    ///
    /// Of the active item it is what the attribute `version` says, which KMS has bound to the key.
    #[must_use]
    pub fn version(&self) -> Option<BranchKeyVersion> {
        match self.kind {
            ItemKind::Active => BranchKeyVersion::of_name(self.text(VERSION)),
            ItemKind::Version(version) => Some(version),
            ItemKind::Beacon => None,
        }
    }

    /// The custom encryption context: the pairs that whoever made it chose.
    ///
    /// Its keys are without the prefix `aws-crypto-ec:`, under which they stand in the table and in KMS's encryption context.
    pub fn custom_context(&self) -> impl Iterator<Item = (&str, &str)> {
        let own = self.texts.iter();
        own.filter_map(|(name, text)| Some((name.strip_prefix(CUSTOM_PREFIX)?, &**text)))
    }

    /// The encryption context that KMS binds to the key, in a table of this logical name.
    ///
    /// These are the pairs that stand in CloudTrail for each `Decrypt` of a branch key, and that a key policy can ask for.
    ///
    /// ```
    /// use datakey_branch_keys::{BranchKeyAdmin, ItemKind, MemoryStore, NewBranchKey};
    /// # use datakey_local::LocalKeys;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (kms, store) = (LocalKeys::generate("orders")?, MemoryStore::new("branch-keys"));
    /// # let admin = BranchKeyAdmin::new(store.clone(), kms.clone(), kms.active_key_id());
    /// let new = NewBranchKey::with_id("tenant-acme".parse()?).context([("tenant", "acme")]);
    /// admin.create(&new).await?;
    /// let active = store.dump().into_iter().find(|item| item.kind() == ItemKind::Active).expect("just made");
    /// let bound = active.context("branch-keys")?;
    /// assert_eq!(bound.get("tablename"), Some("branch-keys"));
    /// assert_eq!(bound.get("aws-crypto-ec:tenant"), Some("acme"));
    /// assert_eq!(bound.get("kms-arn"), Some("local:orders"));
    /// assert_eq!(bound.get("enc"), None); // the key itself is what they are bound to
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`ItemError::Context`] where the attributes make none.
    pub fn context(&self, logical_table_name: &str) -> Result<EncryptionContext, ItemError> {
        context(&self.texts, logical_table_name)
    }

    /// The key as the KMS provider takes it.
    ///
    /// # Errors
    /// [`ItemError::Key`] where `kms-arn` is no key id.
    ///
    /// Its id is what the item says; whether the provider opens under that key is for the provider to say.
    pub fn wrapped_key(&self) -> Result<WrappedKey, ItemError> {
        WrappedKey::new(self.kms_key(), &*self.enc).map_err(ItemError::Key)
    }

    /// This item, when it is the one that was asked for.
    pub(crate) fn expected(self, id: &BranchKeyId, kind: ItemKind) -> Result<Self, ItemError> {
        if self.id == *id && self.kind == kind {
            Ok(self)
        } else {
            Err(ItemError::Other)
        }
    }
}

impl fmt::Debug for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Item")
            .field("texts", &self.texts)
            .field("enc_len", &self.enc.len())
            .finish()
    }
}
