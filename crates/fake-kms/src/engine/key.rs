//! One key: its state and its key material.
use std::{
    fmt,
    sync::{Arc, RwLock},
    time::Duration,
};

use datakey_provider::DataKey;

use super::{read, write};
use crate::{KmsError, KmsErrorCode, arn::KeyId};

/// The state of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyState {
    /// Usable.
    Enabled,
    /// Not usable until it is enabled.
    Disabled,
    /// Not usable, and deleted when its waiting period is over.
    PendingDeletion,
}

impl KeyState {
    /// The name as KMS spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Enabled => "Enabled",
            Self::Disabled => "Disabled",
            Self::PendingDeletion => "PendingDeletion",
        }
    }
}

impl fmt::Display for KeyState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What `DescribeKey` tells about a key. Times are since 1970, as the fake's clock has them.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyMetadata {
    /// The key's ARN.
    pub arn: Arc<str>,
    /// The id in the ARN.
    pub key_id: Box<str>,
    /// What `CreateKey` was told.
    pub description: Box<str>,
    /// When the key was made.
    pub created: Duration,
    /// The state.
    pub state: KeyState,
    /// When the key is deleted, in state [`KeyState::PendingDeletion`].
    pub deletion: Option<Duration>,
    /// The id of the key material that encrypts: 64 hexadecimal digits.
    pub key_material_id: Arc<str>,
}

#[derive(Debug, Clone, Copy)]
enum Status {
    Enabled,
    Disabled,
    PendingDeletion { at: Duration },
}

/// One generation of key material.
pub(super) struct Material {
    pub(super) number: u32,
    pub(super) id: Arc<str>,
    // `DataKey` is the holder that keeps 32 bytes in one place, wipes them and never prints them.
    pub(super) secret: DataKey,
}

impl Material {
    fn random(number: u32) -> Result<Arc<Self>, getrandom::Error> {
        let mut id = [0; 32];
        getrandom::fill(&mut id)?;
        Ok(Arc::new(Self {
            number,
            id: id
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect::<String>()
                .into(),
            secret: DataKey::try_init(|bytes| getrandom::fill(bytes))?,
        }))
    }
}

pub(super) struct Key {
    pub(super) id: KeyId,
    pub(super) arn: Arc<str>,
    description: Box<str>,
    created: Duration,
    inner: RwLock<Inner>,
}

struct Inner {
    status: Status,
    current: Arc<Material>,
    earlier: Vec<Arc<Material>>,
}

/// How often a key can be rotated on demand: the KMS resource quota.
const MAX_ROTATIONS: usize = 25;

impl Key {
    pub(super) fn new(
        id: KeyId,
        arn: Arc<str>,
        description: Box<str>,
        created: Duration,
    ) -> Result<Self, getrandom::Error> {
        Ok(Self {
            id,
            arn,
            description,
            created,
            inner: RwLock::new(Inner {
                status: Status::Enabled,
                current: Material::random(0)?,
                earlier: Vec::new(),
            }),
        })
    }

    pub(super) fn metadata(&self) -> KeyMetadata {
        let inner = read(&self.inner);
        let (state, deletion) = match inner.status {
            Status::Enabled => (KeyState::Enabled, None),
            Status::Disabled => (KeyState::Disabled, None),
            Status::PendingDeletion { at } => (KeyState::PendingDeletion, Some(at)),
        };
        KeyMetadata {
            arn: Arc::clone(&self.arn),
            key_id: self.id.to_string().into(),
            description: self.description.clone(),
            created: self.created,
            state,
            deletion,
            key_material_id: Arc::clone(&inner.current.id),
        }
    }

    pub(super) fn is_deleted(&self, now: Duration) -> bool {
        matches!(read(&self.inner).status, Status::PendingDeletion { at } if at <= now)
    }

    /// The material that encrypts, when the key is usable.
    pub(super) fn current(&self) -> Result<Arc<Material>, KmsError> {
        let inner = read(&self.inner);
        self.usable(inner.status)?;
        Ok(Arc::clone(&inner.current))
    }

    /// The material of a number, when the key is usable and ever had it.
    pub(super) fn numbered(&self, number: u32) -> Result<Option<Arc<Material>>, KmsError> {
        let inner = read(&self.inner);
        self.usable(inner.status)?;
        let mut all = inner.earlier.iter().chain([&inner.current]);
        Ok(all.find(|material| material.number == number).cloned())
    }

    fn usable(&self, status: Status) -> Result<(), KmsError> {
        match status {
            Status::Enabled => Ok(()),
            Status::Disabled => Err(KmsError::with_message(
                KmsErrorCode::Disabled,
                format!("{} is disabled.", self.arn),
            )),
            Status::PendingDeletion { .. } => Err(self.invalid_state("is pending deletion.")),
        }
    }

    fn invalid_state(&self, what: &str) -> KmsError {
        KmsError::with_message(KmsErrorCode::InvalidState, format!("{} {what}", self.arn))
    }

    pub(super) fn set_enabled(&self, enabled: bool) -> Result<(), KmsError> {
        let mut inner = write(&self.inner);
        if matches!(inner.status, Status::PendingDeletion { .. }) {
            return Err(self.invalid_state("is pending deletion."));
        }
        inner.status = if enabled {
            Status::Enabled
        } else {
            Status::Disabled
        };
        Ok(())
    }

    pub(super) fn schedule_deletion(&self, at: Duration) -> Result<(), KmsError> {
        let mut inner = write(&self.inner);
        if matches!(inner.status, Status::PendingDeletion { .. }) {
            return Err(self.invalid_state("is pending deletion."));
        }
        inner.status = Status::PendingDeletion { at };
        Ok(())
    }

    pub(super) fn cancel_deletion(&self) -> Result<(), KmsError> {
        let mut inner = write(&self.inner);
        if !matches!(inner.status, Status::PendingDeletion { .. }) {
            return Err(self.invalid_state("is not pending deletion."));
        }
        inner.status = Status::Disabled;
        Ok(())
    }

    pub(super) fn rotate(&self) -> Result<(), KmsError> {
        let mut inner = write(&self.inner);
        self.usable(inner.status)?;
        if inner.earlier.len() >= MAX_ROTATIONS {
            return Err(KmsError::with_message(
                KmsErrorCode::LimitExceeded,
                format!("{} was rotated {MAX_ROTATIONS} times on demand.", self.arn),
            ));
        }
        let number = inner.current.number.saturating_add(1);
        let next = Material::random(number).map_err(|_no_random| KmsErrorCode::Internal)?;
        let last = std::mem::replace(&mut inner.current, next);
        inner.earlier.push(last);
        Ok(())
    }
}
