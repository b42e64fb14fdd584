//! New key material, on demand and by the calendar.
use std::{sync::Arc, time::Duration};

use super::{
    Engine,
    key::Key,
    listing::{Page, PageLen, Paging},
    material::Schedule,
    store::Names,
};
use crate::{
    KmsError, KmsErrorCode,
    access::{Action, Asker, Details},
    clock::DAY,
    error::constraint,
};

/// How often key material is replaced unless told otherwise, in days.
const USUAL_PERIOD: i64 = 365;
const PAGE: PageLen = PageLen {
    usual: 100,
    most: 1000,
};

/// One entry of `ListKeyRotations`.
#[derive(Debug, Clone)]
pub(crate) struct RotationEntry {
    pub(crate) number: u32,
    pub(crate) key_material_id: Arc<str>,
    pub(crate) is_current: bool,
    /// When, and whether by itself; nothing for a key's first material.
    pub(crate) rotated: Option<(Duration, bool)>,
}

impl Engine {
    pub(crate) fn rotate_key(&self, asker: &Asker<'_>, key_id: &str) -> Result<Arc<str>, KmsError> {
        let key = self.rotatable(asker, Action::RotateKeyOnDemand, key_id, Details::default())?;
        key.shared.rotate(self.clock.unix(), &key.arn)?;
        Ok(Arc::clone(&key.arn))
    }

    pub(crate) fn enable_key_rotation(
        &self,
        asker: &Asker<'_>,
        key_id: &str,
        period_days: Option<i64>,
    ) -> Result<(), KmsError> {
        let days = period_days.unwrap_or(USUAL_PERIOD);
        let Some(days) = u32::try_from(days).ok().filter(|days| (90..=2560).contains(days)) else {
            let rule = if days < 90 {
                "Member must have value greater than or equal to 90"
            } else {
                "Member must have value less than or equal to 2560"
            };
            return Err(constraint("rotationPeriodInDays", &days.to_string(), rule));
        };
        let details = Details {
            rotation_days: Some(i64::from(days)),
            ..Details::default()
        };
        let key = self.rotatable(asker, Action::EnableKeyRotation, key_id, details)?;
        let now = self.clock.unix();
        let begun = key.shared.schedule(now)?;
        // Saying it again with the same period changes nothing, as in KMS.
        if begun.is_none_or(|schedule| schedule.period_days != days) {
            key.shared.set_schedule(Some(Schedule {
                period_days: days,
                next: now.saturating_add(DAY.saturating_mul(days)),
            }));
        }
        Ok(())
    }

    pub(crate) fn disable_key_rotation(&self, asker: &Asker<'_>, key_id: &str) -> Result<(), KmsError> {
        let key = self.rotatable(asker, Action::DisableKeyRotation, key_id, Details::default())?;
        key.shared.schedule(self.clock.unix())?;
        key.shared.set_schedule(None);
        Ok(())
    }

    pub(crate) fn key_rotation_status(
        &self,
        asker: &Asker<'_>,
        key_id: &str,
    ) -> Result<(Arc<str>, Option<Schedule>), KmsError> {
        let key = self.find(key_id, Names::NoAlias)?;
        self.authorize(asker, Action::GetKeyRotationStatus, &key, Details::default())?;
        let schedule = key.shared.schedule(self.clock.unix())?;
        // Of a key that is to be deleted there is none to tell; it is back when the deletion is cancelled.
        let told = schedule.filter(|_| key.not_pending_deletion().is_ok());
        Ok((Arc::clone(&key.arn), told))
    }

    /// The rotations of a key, oldest first; with its first key material too when `all`.
    pub(crate) fn list_key_rotations(
        &self,
        asker: &Asker<'_>,
        key_id: &str,
        all: bool,
        paging: &Paging<'_>,
    ) -> Result<(Arc<str>, Page<RotationEntry>), KmsError> {
        let key = self.find(key_id, Names::NoAlias)?;
        self.authorize(asker, Action::ListKeyRotations, &key, Details::default())?;
        let materials = key.shared.all(self.clock.unix())?;
        let current = materials.last().map_or(0, |material| material.number);
        let entries = materials
            .iter()
            .map(|material| RotationEntry {
                number: material.number,
                key_material_id: Arc::clone(&material.id),
                is_current: material.number == current,
                rotated: material.rotated.map(|rotation| (rotation.at, rotation.automatic)),
            })
            .filter(|entry| all || entry.rotated.is_some());
        let is_number = |name: &str| name.len() == 10 && name.bytes().all(|byte| byte.is_ascii_digit());
        let page = paging.cut(PAGE, entries, |entry| format!("{:010}", entry.number), is_number)?;
        Ok((Arc::clone(&key.arn), page))
    }

    /// A key whose rotation may be changed: usable, and of a multi-Region key the primary.
    fn rotatable(
        &self,
        asker: &Asker<'_>,
        action: Action,
        key_id: &str,
        details: Details<'_>,
    ) -> Result<Arc<Key>, KmsError> {
        let key = self.find(key_id, Names::NoAlias)?;
        self.authorize(asker, action, &key, details)?;
        key.usable()?;
        match key.shared.family() {
            Some(family) if family.primary != key.region => Err(KmsError::with_message(
                KmsErrorCode::UnsupportedOperation,
                format!(
                    "{} is a replica; the key material of its primary is rotated.",
                    key.arn
                ),
            )),
            _ => Ok(key),
        }
    }
}
