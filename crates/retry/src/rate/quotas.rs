//! The quotas that one adaptive rate keeps apart, by name.
use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
};

use super::{governor::Constants, quota::Quota};
use crate::defaults;

pub(super) struct Quotas {
    constants: &'static Constants,
    /// Also that of those for which there is no room.
    pub(super) unnamed: Arc<Quota>,
    named: RwLock<BTreeMap<Box<str>, Arc<Quota>>>,
}

impl Quotas {
    pub(super) fn new(constants: &'static Constants) -> Self {
        Self {
            constants,
            unnamed: Arc::new(Quota::new(constants)),
            named: RwLock::default(),
        }
    }

    /// The one of this name, if calls have counted against it.
    pub(super) fn find(&self, name: &str) -> Option<Arc<Quota>> {
        if name.is_empty() {
            return Some(Arc::clone(&self.unnamed));
        }
        let named = self.named.read().unwrap_or_else(PoisonError::into_inner);
        named.get(name).cloned()
    }

    pub(super) fn get(&self, name: &str) -> Arc<Quota> {
        self.find(name).unwrap_or_else(|| self.make(name))
    }

    /// Bounded, as names may come from key ids that others have chosen: idle ones make room.
    #[cold]
    fn make(&self, name: &str) -> Arc<Quota> {
        let mut named = self.named.write().unwrap_or_else(PoisonError::into_inner);
        if named.len() >= defaults::RATE_QUOTAS {
            named.retain(|_, quota| Arc::strong_count(quota) > 1 || !quota.is_idle());
        }
        if let Some(made) = named.get(name) {
            return Arc::clone(made);
        }
        if named.len() >= defaults::RATE_QUOTAS {
            return Arc::clone(&self.unnamed);
        }
        let made = Arc::new(Quota::new(self.constants));
        named.insert(name.into(), Arc::clone(&made));
        made
    }

    /// All with their names.
    pub(super) fn all(&self) -> Vec<(Box<str>, Arc<Quota>)> {
        let named = self.named.read().unwrap_or_else(PoisonError::into_inner);
        let named = named
            .iter()
            .map(|(name, quota)| (name.clone(), Arc::clone(quota)));
        let unnamed = (Box::default(), Arc::clone(&self.unnamed));
        std::iter::once(unnamed).chain(named).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{super::governor::Governor, *};

    #[test]
    fn so_many_quotas_and_no_more_are_kept() {
        let quotas = Quotas::new(Governor::CHOSEN);
        let held = quotas.get("held");
        for number in 0..3000 {
            quotas.get(&number.to_string());
        }
        assert!(quotas.all().len() <= defaults::RATE_QUOTAS + 1);
        assert!(Arc::ptr_eq(&held, &quotas.get("held")), "what is in use stays");
        let late = quotas.get("late");
        assert!(
            !Arc::ptr_eq(&late, &quotas.unnamed) && Arc::ptr_eq(&late, &quotas.get("late")),
            "idle ones made room for a quota of its own"
        );
    }
}
