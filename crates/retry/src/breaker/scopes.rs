//! One machine for each scope that has failed since it last answered. A scope that answers needs none.
use std::{collections::BTreeMap, time::Duration};

use super::machine::{Gate, Machine};
use crate::defaults;

/// What of a scope is judged by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Side {
    /// All of it, or opening where sealing is apart.
    Whole,
    /// Sealing under a key, which may fail where opening does not.
    Sealing,
}

/// Bounded, as scopes may come from key ids that others have chosen.
#[derive(Debug, Default)]
pub(super) struct Scopes {
    whole: BTreeMap<Box<str>, Machine>,
    sealing: BTreeMap<Box<str>, Machine>,
}

impl Scopes {
    /// Whether nothing has failed, so that nobody need look.
    pub(super) fn is_calm(&self) -> bool {
        self.whole.is_empty() && self.sealing.is_empty()
    }

    fn len(&self) -> usize {
        self.whole.len().saturating_add(self.sealing.len())
    }

    const fn side(&self, side: Side) -> &BTreeMap<Box<str>, Machine> {
        match side {
            Side::Whole => &self.whole,
            Side::Sealing => &self.sealing,
        }
    }

    const fn side_mut(&mut self, side: Side) -> &mut BTreeMap<Box<str>, Machine> {
        match side {
            Side::Whole => &mut self.whole,
            Side::Sealing => &mut self.sealing,
        }
    }

    pub(super) fn get(&self, side: Side, scope: &str) -> Option<&Machine> {
        self.side(side).get(scope)
    }

    pub(super) fn get_mut(&mut self, side: Side, scope: &str) -> Option<&mut Machine> {
        self.side_mut(side).get_mut(scope)
    }

    /// Both sides of a scope, as far as they have failed.
    pub(super) fn both<'a>(&'a self, scope: &str) -> impl Iterator<Item = &'a Machine> {
        self.whole.get(scope).into_iter().chain(self.sealing.get(scope))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Machine)> {
        let all = self.whole.iter().chain(&self.sealing);
        all.map(|(scope, machine)| (&**scope, machine))
    }

    /// The scope has failed: its machine, which takes the place of another's if there are too many.
    pub(super) fn failing(&mut self, side: Side, scope: &str) -> &mut Machine {
        if !self.side(side).contains_key(scope) && self.len() >= defaults::BREAKER_SCOPES {
            self.forget_one();
        }
        let machines = self.side_mut(side);
        machines.entry(scope.into()).or_insert_with(Machine::new)
    }

    pub(super) fn answered(&mut self, side: Side, scope: &str) {
        self.side_mut(side).remove(scope);
    }

    /// Forgets the scope that has been failing for longest without opening; failing that, the one next to try.
    fn forget_one(&mut self) {
        let of = |side: Side| {
            self.side(side)
                .iter()
                .map(move |(scope, machine)| (side, scope, machine))
        };
        let all = of(Side::Whole).chain(of(Side::Sealing));
        let least = all.min_by_key(|(.., machine)| weight(machine.gate));
        if let Some((side, scope)) = least.map(|(side, scope, _)| (side, scope.clone())) {
            self.side_mut(side).remove(&scope);
        }
    }
}

const fn weight(gate: Gate) -> (u8, Duration) {
    match gate {
        Gate::Closed { since, .. } => (0, since),
        Gate::Open { until, .. } => (1, until),
        Gate::HalfOpen { lease, .. } => (2, lease),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    #[test]
    fn so_many_scopes_and_no_more_are_kept_and_open_ones_longest() {
        let mut scopes = Scopes::default();
        let open = Gate::Open {
            until: secs(9),
            wait: secs(1),
        };
        scopes.failing(Side::Whole, "down").gate = open;
        for number in 0..3000_u64 {
            let gate = Gate::Closed {
                failures: 1,
                since: secs(number),
            };
            scopes.failing(Side::Whole, &number.to_string()).gate = gate;
        }
        scopes.failing(Side::Sealing, "0");
        assert_eq!(scopes.len(), defaults::BREAKER_SCOPES);
        assert_eq!(scopes.get(Side::Whole, "down").unwrap().gate, open);
        assert!(scopes.get(Side::Whole, "2999").is_some() && scopes.get(Side::Whole, "0").is_none());

        for number in 0..3000_u64 {
            let gate = Gate::Open {
                until: secs(10 + number),
                wait: secs(1),
            };
            scopes.failing(Side::Whole, &format!("open {number}")).gate = gate;
        }
        assert_eq!(scopes.len(), defaults::BREAKER_SCOPES);
        assert!(scopes.get(Side::Whole, "down").is_none() && scopes.get(Side::Whole, "open 2999").is_some());
    }

    #[test]
    fn a_scope_that_answers_leaves_nothing() {
        let mut scopes = Scopes::default();
        scopes.failing(Side::Whole, "a");
        scopes.failing(Side::Whole, "b");
        scopes.answered(Side::Whole, "a");
        scopes.answered(Side::Whole, "never seen");
        assert!(
            !scopes.is_calm()
                && scopes.get(Side::Whole, "a").is_none()
                && scopes.get(Side::Whole, "b").is_some()
        );
        scopes.answered(Side::Whole, "b");
        assert!(scopes.is_calm());
    }
}
