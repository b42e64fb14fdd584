//! Key material, and what the keys of a multi-Region family have in common.
use std::{
    collections::BTreeMap,
    sync::{Arc, RwLock},
    time::Duration,
};

use datakey_provider::{DataKey, DataKeyLength};

use crate::{
    KmsError, KmsErrorCode,
    clock::DAY,
    hex::hex,
    locks::{read, write},
};

/// How often a key can be rotated on demand: the KMS resource quota.
const MAX_ON_DEMAND: usize = 25;

/// One generation of key material.
pub(crate) struct Material {
    pub(super) number: u32,
    pub(super) id: Arc<str>,
    /// When and how it took over from an earlier one; the first did not.
    pub(super) rotated: Option<Rotation>,
    // `DataKey` is the holder that keeps 32 bytes in one place, wipes them and never prints them.
    pub(super) secret: DataKey,
}

/// A change of key material.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rotation {
    pub(crate) at: Duration,
    pub(crate) automatic: bool,
}

impl Material {
    fn random(number: u32, rotated: Option<Rotation>) -> Result<Arc<Self>, getrandom::Error> {
        let mut id = [0; 32];
        getrandom::fill(&mut id)?;
        Ok(Arc::new(Self {
            number,
            id: hex(&id).into(),
            rotated,
            secret: DataKey::try_init(DataKeyLength::Bytes32, getrandom::fill)?,
        }))
    }
}

/// When new key material comes by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Schedule {
    pub(crate) period_days: u32,
    pub(crate) next: Duration,
}

/// What the keys of a family have in common; a key of one Region is a family by itself.
pub(crate) struct Shared {
    generations: RwLock<Generations>,
    family: Option<RwLock<Family>>,
}

struct Generations {
    current: Arc<Material>,
    earlier: Vec<Arc<Material>>,
    schedule: Option<Schedule>,
    /// Whether the key is in a state in which nothing rotates by itself.
    paused: bool,
}

/// The Regions of a multi-Region key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Family {
    pub(super) primary: Arc<str>,
    /// With the time from which on the Region's key is deleted.
    pub(super) members: BTreeMap<Arc<str>, Option<Duration>>,
}

impl Family {
    /// The Regions of the replicas that are still there.
    pub(super) fn replicas(&self, now: Duration) -> impl Iterator<Item = &Arc<str>> {
        self.members
            .iter()
            .filter(move |(region, gone)| **region != self.primary && gone.is_none_or(|at| at > now))
            .map(|(region, _)| region)
    }
}

impl Shared {
    /// New key material, for one Region or for a family that begins in one.
    pub(super) fn new(multi_region_from: Option<Arc<str>>) -> Result<Self, getrandom::Error> {
        let family = multi_region_from.map(|primary| Family {
            members: BTreeMap::from([(Arc::clone(&primary), None)]),
            primary,
        });
        Ok(Self::restore(
            Material::random(0, None)?,
            Vec::new(),
            None,
            family,
        ))
    }

    pub(super) fn restore(
        current: Arc<Material>,
        earlier: Vec<Arc<Material>>,
        schedule: Option<Schedule>,
        family: Option<Family>,
    ) -> Self {
        Self {
            generations: RwLock::new(Generations {
                current,
                earlier,
                schedule,
                paused: false,
            }),
            family: family.map(RwLock::new),
        }
    }

    /// The material that encrypts.
    pub(super) fn current(&self, now: Duration) -> Result<Arc<Material>, KmsError> {
        self.rotate_when_due(now)?;
        Ok(Arc::clone(&read(&self.generations).current))
    }

    pub(super) fn numbered(&self, number: u32) -> Option<Arc<Material>> {
        let generations = read(&self.generations);
        let mut all = generations.earlier.iter().chain([&generations.current]);
        all.find(|material| material.number == number).cloned()
    }

    /// Every generation, the first one first.
    pub(super) fn all(&self, now: Duration) -> Result<Vec<Arc<Material>>, KmsError> {
        self.rotate_when_due(now)?;
        let generations = read(&self.generations);
        Ok(generations
            .earlier
            .iter()
            .chain([&generations.current])
            .cloned()
            .collect())
    }

    /// Every generation and the schedule, as they are: what is due is done by whoever asks for it next.
    #[cfg(feature = "http")]
    pub(super) fn as_it_is(&self) -> (Vec<Arc<Material>>, Option<Schedule>) {
        let generations = read(&self.generations);
        let all = generations.earlier.iter().chain([&generations.current]);
        (all.cloned().collect(), generations.schedule)
    }

    pub(super) fn schedule(&self, now: Duration) -> Result<Option<Schedule>, KmsError> {
        self.rotate_when_due(now)?;
        Ok(read(&self.generations).schedule)
    }

    pub(super) fn set_schedule(&self, schedule: Option<Schedule>) {
        write(&self.generations).schedule = schedule;
    }

    /// Rotates on demand.
    pub(super) fn rotate(&self, now: Duration, arn: &str) -> Result<(), KmsError> {
        self.rotate_when_due(now)?;
        let mut generations = write(&self.generations);
        if generations.on_demand() >= MAX_ON_DEMAND {
            return Err(KmsError::with_message(
                KmsErrorCode::LimitExceeded,
                format!("{arn} was rotated {MAX_ON_DEMAND} times on demand."),
            ));
        }
        let rotation = Rotation {
            at: now,
            automatic: false,
        };
        generations.advance(rotation)
    }

    /// Does the automatic rotations whose time has come since somebody last looked.
    fn rotate_when_due(&self, now: Duration) -> Result<(), KmsError> {
        if read(&self.generations).due(now).is_none() {
            return Ok(());
        }
        let mut generations = write(&self.generations);
        while let Some(schedule) = generations.due(now) {
            generations.rotate_as_scheduled(schedule, schedule.next)?;
        }
        Ok(())
    }

    /// From now on nothing rotates by itself: the key is disabled, or is to be deleted.
    pub(super) fn pause(&self, now: Duration) -> Result<(), KmsError> {
        self.rotate_when_due(now)?;
        write(&self.generations).paused = true;
        Ok(())
    }

    /// The same of a key that was paused when it was written down.
    #[cfg(feature = "http")]
    pub(super) fn was_paused(&self) {
        write(&self.generations).paused = true;
    }

    /// What was due meanwhile is done once and now, as in KMS, and the period begins anew.
    pub(super) fn resume(&self, now: Duration) -> Result<(), KmsError> {
        let mut generations = write(&self.generations);
        generations.paused = false;
        match generations.due(now) {
            Some(schedule) => generations.rotate_as_scheduled(schedule, now),
            None => Ok(()),
        }
    }

    /// The family, of a multi-Region key.
    pub(super) fn family(&self) -> Option<Family> {
        self.family.as_ref().map(|family| read(family).clone())
    }

    pub(super) fn change_family<T>(&self, change: impl FnOnce(&mut Family) -> T) -> Option<T> {
        self.family.as_ref().map(|family| change(&mut write(family)))
    }
}

impl Generations {
    /// The schedule, when by it a rotation is due.
    fn due(&self, now: Duration) -> Option<Schedule> {
        self.schedule
            .filter(|schedule| !self.paused && schedule.next <= now)
    }

    fn rotate_as_scheduled(&mut self, schedule: Schedule, at: Duration) -> Result<(), KmsError> {
        self.advance(Rotation { at, automatic: true })?;
        let period = DAY.saturating_mul(schedule.period_days.max(1));
        self.schedule = Some(Schedule {
            next: at.saturating_add(period),
            ..schedule
        });
        Ok(())
    }

    fn on_demand(&self) -> usize {
        let all = self.earlier.iter().chain([&self.current]);
        all.filter(|material| material.rotated.is_some_and(|rotation| !rotation.automatic))
            .count()
    }

    fn advance(&mut self, rotation: Rotation) -> Result<(), KmsError> {
        let number = self.current.number.saturating_add(1);
        let next = Material::random(number, Some(rotation)).map_err(|_no_random| KmsErrorCode::Internal)?;
        let last = std::mem::replace(&mut self.current, next);
        self.earlier.push(last);
        Ok(())
    }
}
