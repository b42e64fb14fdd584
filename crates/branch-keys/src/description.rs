//! What is asked of the control plane, and what it answers.
use datakey_provider::EncryptionContext;

use crate::{AdminError, BranchKeyId, BranchKeyVersion, Item, ItemError, ItemKind, item::HIERARCHY_VERSION};

/// A branch key to be created: its id, or a random one, and a custom encryption context, which KMS binds to each of its versions.
///
/// ```
/// use datakey_branch_keys::NewBranchKey;
///
/// let for_a_tenant = NewBranchKey::with_id("tenant-acme".parse()?).context([("tenant", "acme")]);
/// let nameless = NewBranchKey::new();
/// # let _ = (for_a_tenant, nameless);
/// # Ok::<(), datakey_branch_keys::BranchKeyIdError>(())
/// ```
///
/// # Which id
///
/// A name of one's own (`tenant-acme`) is found by a function of the encryption context, and creating it may be repeated. It stands in each
/// message, in the clear. A random id says nothing to whoever reads messages, and has to be written down somewhere.
///
/// # The custom context
///
/// It is what makes one name in one table differ from the same name elsewhere, and what a KMS key policy can grant by. All versions of a
/// branch key have the same; it is given once and cannot be changed.
#[derive(Debug, Clone, Default)]
pub struct NewBranchKey {
    id: Option<BranchKeyId>,
    context: Pairs,
}

/// Names and texts of a custom encryption context.
pub(crate) type Pairs = Vec<(Box<str>, Box<str>)>;

impl NewBranchKey {
    /// With a random UUID as its id.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With an id of one's own, which needs a custom context too.
    ///
    /// ```
    /// use datakey_branch_keys::{AdminError, BranchKeyAdmin, MemoryStore, NewBranchKey};
    /// # use datakey_local::LocalKeys;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let kms = LocalKeys::generate("orders")?;
    /// # let key = kms.active_key_id().to_owned();
    /// let admin = BranchKeyAdmin::new(MemoryStore::new("branch-keys"), kms, &key);
    /// let bare = NewBranchKey::with_id("tenant-acme".parse()?);
    /// assert!(matches!(admin.create(&bare).await, Err(AdminError::IdNeedsContext)));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn with_id(id: BranchKeyId) -> Self {
        Self {
            id: Some(id),
            context: Vec::new(),
        }
    }

    /// Sets the custom encryption context. A KMS key policy can ask for its pairs, as `aws-crypto-ec:` and the name.
    #[must_use]
    pub fn context<N: AsRef<str>, T: AsRef<str>>(mut self, pairs: impl IntoIterator<Item = (N, T)>) -> Self {
        self.context = pairs
            .into_iter()
            .map(|(name, text)| (name.as_ref().into(), text.as_ref().into()))
            .collect();
        self
    }

    pub(crate) const fn id(&self) -> Option<&BranchKeyId> {
        self.id.as_ref()
    }

    /// The custom context, sorted.
    pub(crate) fn checked(&self) -> Result<Pairs, AdminError> {
        if self.id.is_some() && self.context.is_empty() {
            return Err(AdminError::IdNeedsContext);
        }
        let pairs = self.context.iter().map(|(name, text)| (&**name, &**text));
        let context = EncryptionContext::new(pairs).map_err(AdminError::Context)?;
        if let Some((name, _)) = context.iter().find(|(_, text)| text.is_empty()) {
            return Err(AdminError::EmptyValue(name.into()));
        }
        Ok(context
            .iter()
            .map(|(name, text)| (name.into(), text.into()))
            .collect())
    }
}

/// A version of a branch key, without its key.
///
/// It is what the table says, of which KMS has confirmed nothing, unless [`verify`](crate::BranchKeyAdmin::verify) was asked. There is no
/// key in it, so it may be shown and logged.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Description {
    /// Whose version it is.
    pub id: BranchKeyId,
    /// Which one.
    pub version: BranchKeyVersion,
    /// When it was made: ISO 8601, UTC.
    pub create_time: Box<str>,
    /// The KMS key that it is wrapped under.
    pub kms_key: Box<str>,
    /// The custom encryption context.
    pub context: Vec<(Box<str>, Box<str>)>,
    /// The hierarchy version: 1.
    pub hierarchy_version: Box<str>,
}

impl Description {
    pub(crate) fn of(item: &Item) -> Result<Self, AdminError> {
        let version = item.version();
        let version =
            version.ok_or_else(|| AdminError::Item(ItemError::Kind(ItemKind::Beacon.to_string().into())))?;
        let own = item.texts().find(|(name, _)| *name == HIERARCHY_VERSION);
        Ok(Self {
            id: item.id().clone(),
            version,
            create_time: item.create_time().into(),
            kms_key: item.kms_key().into(),
            context: item
                .custom_context()
                .map(|(name, text)| (name.into(), text.into()))
                .collect(),
            hierarchy_version: own.map(|(_, text)| text.into()).unwrap_or_default(),
        })
    }
}

/// What creating came to.
///
/// Both are successes. Whoever only needs the branch key takes [`description`](Self::description); a log that is to say what a
/// deployment changed tells them apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Created {
    /// It was made by this call.
    Made(Description),
    /// There was one already for which the same was asked; this is its active version.
    Already(Description),
}

impl Created {
    /// The active version, whoever made it.
    #[must_use]
    pub const fn description(&self) -> &Description {
        match self {
            Self::Made(description) | Self::Already(description) => description,
        }
    }

    /// The same by value.
    #[must_use]
    pub fn into_description(self) -> Description {
        match self {
            Self::Made(description) | Self::Already(description) => description,
        }
    }
}

/// What rotating came to.
///
/// A scheduled job takes both for done: the branch key has a version that is newer than the one that the job saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rotated {
    /// This version was made by this call, and sealed from then on; another may have followed it since.
    Made(Description),
    /// Another caller rotated meanwhile; this is the active version.
    ByAnother(Description),
}

impl Rotated {
    /// The version, whoever made it.
    #[must_use]
    pub const fn description(&self) -> &Description {
        match self {
            Self::Made(description) | Self::ByAnother(description) => description,
        }
    }

    /// The same by value.
    #[must_use]
    pub fn into_description(self) -> Description {
        match self {
            Self::Made(description) | Self::ByAnother(description) => description,
        }
    }
}
