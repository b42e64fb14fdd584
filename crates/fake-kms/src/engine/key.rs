//! One key of one Region: its state, and what is written about it.
use std::{
    collections::BTreeMap,
    sync::{Arc, RwLock},
    time::Duration,
};

use super::{
    grant::Grant,
    material::{Family, Material, Shared},
    metadata::{KeyMetadata, KeyState, MultiRegion},
};
use crate::{
    KmsError, KmsErrorCode,
    access::Policy,
    arn::KeyId,
    clock::DAY,
    locks::{read, write},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Enabled,
    Disabled,
    PendingDeletion { at: Duration },
    PendingReplicaDeletion { days: u32 },
}

pub(crate) struct Key {
    pub(super) id: KeyId,
    pub(super) arn: Arc<str>,
    pub(super) region: Arc<str>,
    pub(super) created: Duration,
    /// Whether it is the key of a service of AWS.
    pub(super) is_aws_managed: bool,
    pub(super) shared: Arc<Shared>,
    pub(super) inner: RwLock<Inner>,
}

pub(super) struct Inner {
    pub(super) status: Status,
    pub(super) description: Box<str>,
    pub(super) policy: Arc<Policy>,
    pub(super) tags: BTreeMap<Box<str>, Box<str>>,
    pub(super) grants: BTreeMap<Box<str>, Arc<Grant>>,
}

impl Key {
    pub(super) fn metadata(&self, now: Duration) -> Result<KeyMetadata, KmsError> {
        let key_material_id = Arc::clone(&self.shared.current(now)?.id);
        let multi_region = self.shared.family().map(|family| MultiRegion {
            is_primary: family.primary == self.region,
            replicas: family.replicas(now).cloned().collect(),
            primary: family.primary,
        });
        let inner = read(&self.inner);
        let (state, deletion, deletion_window) = match inner.status {
            Status::Enabled => (KeyState::Enabled, None, None),
            Status::Disabled => (KeyState::Disabled, None, None),
            Status::PendingDeletion { at } => (KeyState::PendingDeletion, Some(at), None),
            Status::PendingReplicaDeletion { days } => (KeyState::PendingReplicaDeletion, None, Some(days)),
        };
        Ok(KeyMetadata {
            arn: Arc::clone(&self.arn),
            key_id: self.id.to_string().into(),
            description: inner.description.clone(),
            created: self.created,
            state,
            deletion,
            deletion_window,
            key_material_id,
            multi_region,
            is_aws_managed: self.is_aws_managed,
        })
    }

    /// Whether the key's waiting period is over. A primary's begins when its last replica is gone.
    pub(super) fn is_deleted(&self, now: Duration) -> bool {
        let status = read(&self.inner).status;
        match status {
            Status::PendingDeletion { at } => at <= now,
            Status::PendingReplicaDeletion { days } => {
                self.begin_waiting(now, days);
                matches!(read(&self.inner).status, Status::PendingDeletion { at } if at <= now)
            }
            Status::Enabled | Status::Disabled => false,
        }
    }

    fn begin_waiting(&self, now: Duration, days: u32) {
        let begun = self.shared.change_family(|family| {
            let none_left = family.replicas(now).next().is_none();
            let gone = family
                .members
                .iter()
                .filter(|(region, _)| **region != self.region);
            let last = gone.filter_map(|(_, at)| *at).max().unwrap_or(now);
            none_left.then_some(last)
        });
        if let Some(begun) = begun.flatten() {
            let at = begun.saturating_add(DAY.saturating_mul(days));
            // Whoever cancelled meanwhile wins.
            let _cancelled = self.transition(now, |status| match status {
                Status::PendingReplicaDeletion { .. } => Ok(Status::PendingDeletion { at }),
                other => Ok(other),
            });
        }
    }

    /// Goes from one state to another, as one step for everybody else.
    fn transition(
        &self,
        now: Duration,
        next: impl FnOnce(Status) -> Result<Status, KmsError>,
    ) -> Result<(), KmsError> {
        let mut inner = write(&self.inner);
        let status = next(inner.status)?;
        if self.is_primary() {
            self.pause_or_resume(now, status)?;
        }
        inner.status = status;
        let gone = match inner.status {
            Status::PendingDeletion { at } => Some(at),
            _ => None,
        };
        self.shared
            .change_family(|family| family.members.insert(Arc::clone(&self.region), gone));
        Ok(())
    }

    /// Whether the key's own state decides about rotation: it is a family by itself, or the primary of one.
    pub(super) fn is_primary(&self) -> bool {
        self.shared
            .family()
            .is_none_or(|family| family.primary == self.region)
    }

    fn pause_or_resume(&self, now: Duration, status: Status) -> Result<(), KmsError> {
        match status {
            Status::Enabled => self.shared.resume(now),
            Status::Disabled | Status::PendingDeletion { .. } | Status::PendingReplicaDeletion { .. } => {
                self.shared.pause(now)
            }
        }
    }

    /// The material that encrypts, when the key is usable.
    pub(super) fn current(&self, now: Duration) -> Result<Arc<Material>, KmsError> {
        self.usable()?;
        self.shared.current(now)
    }

    /// The material of a number, when the key is usable and ever had it.
    pub(super) fn numbered(&self, number: u32) -> Result<Option<Arc<Material>>, KmsError> {
        self.usable()?;
        Ok(self.shared.numbered(number))
    }

    pub(super) fn usable(&self) -> Result<(), KmsError> {
        match read(&self.inner).status {
            Status::Disabled => Err(KmsError::with_message(
                KmsErrorCode::Disabled,
                format!("{} is disabled.", self.arn),
            )),
            status => self.refuse_pending(status),
        }
    }

    /// What most operations on a key itself need.
    pub(super) fn not_pending_deletion(&self) -> Result<(), KmsError> {
        self.refuse_pending(read(&self.inner).status)
    }

    fn refuse_pending(&self, status: Status) -> Result<(), KmsError> {
        match status {
            Status::Enabled | Status::Disabled => Ok(()),
            Status::PendingDeletion { .. } => Err(self.invalid_state("pending deletion")),
            Status::PendingReplicaDeletion { .. } => Err(self.invalid_state("pending replica deletion")),
        }
    }

    fn invalid_state(&self, what: &str) -> KmsError {
        KmsError::with_message(KmsErrorCode::InvalidState, format!("{} is {what}.", self.arn))
    }

    pub(super) fn set_enabled(&self, now: Duration, enabled: bool) -> Result<(), KmsError> {
        self.transition(now, |status| {
            self.refuse_pending(status)?;
            Ok(if enabled {
                Status::Enabled
            } else {
                Status::Disabled
            })
        })
    }

    pub(super) fn schedule_deletion(&self, now: Duration, days: u32) -> Result<(), KmsError> {
        let has_replicas =
            |family: Family| family.primary == self.region && family.replicas(now).next().is_some();
        self.transition(now, |status| {
            self.refuse_pending(status)?;
            Ok(if self.shared.family().is_some_and(has_replicas) {
                Status::PendingReplicaDeletion { days }
            } else {
                let at = now.saturating_add(DAY.saturating_mul(days));
                Status::PendingDeletion { at }
            })
        })
    }

    pub(super) fn cancel_deletion(&self, now: Duration) -> Result<(), KmsError> {
        self.transition(now, |status| match self.refuse_pending(status) {
            Ok(()) => Err(self.invalid_state("not pending deletion")),
            Err(_it_is) => Ok(Status::Disabled),
        })
    }
}
