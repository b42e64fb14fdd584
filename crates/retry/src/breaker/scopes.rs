//! One machine for each scope that has failed since it last answered. A scope that answers needs none.
use std::{collections::BTreeMap, time::Duration};

use super::machine::{Gate, Machine};
use crate::defaults;

/// Bounded, as scopes may come from key ids that others have chosen.
#[derive(Debug, Default)]
pub(super) struct Scopes(BTreeMap<Box<str>, Machine>);

impl Scopes {
    /// Whether nothing has failed, so that nobody need look.
    pub(super) fn is_calm(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn get(&self, scope: &str) -> Option<&Machine> {
        self.0.get(scope)
    }

    pub(super) fn get_mut(&mut self, scope: &str) -> Option<&mut Machine> {
        self.0.get_mut(scope)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Machine)> {
        self.0.iter().map(|(scope, machine)| (&**scope, machine))
    }

    /// The scope has failed: its machine, which takes the place of another's if there are too many.
    pub(super) fn failing(&mut self, scope: &str) -> &mut Machine {
        if !self.0.contains_key(scope) && self.0.len() >= defaults::BREAKER_SCOPES {
            self.forget_one();
        }
        self.0.entry(scope.into()).or_insert_with(Machine::new)
    }

    pub(super) fn answered(&mut self, scope: &str) {
        self.0.remove(scope);
    }

    /// Forgets the scope that has been failing for longest without opening; failing that, the one next to try.
    fn forget_one(&mut self) {
        let least = self.0.iter().min_by_key(|(_, machine)| weight(machine.gate));
        if let Some(scope) = least.map(|(scope, _)| scope.clone()) {
            self.0.remove(&scope);
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
        scopes.failing("down").gate = open;
        for number in 0..3000_u64 {
            let gate = Gate::Closed {
                failures: 1,
                since: secs(number),
            };
            scopes.failing(&number.to_string()).gate = gate;
        }
        assert_eq!(scopes.0.len(), defaults::BREAKER_SCOPES);
        assert_eq!(scopes.get("down").unwrap().gate, open);
        assert!(scopes.get("2999").is_some() && scopes.get("0").is_none());

        for number in 0..3000_u64 {
            let gate = Gate::Open {
                until: secs(10 + number),
                wait: secs(1),
            };
            scopes.failing(&format!("open {number}")).gate = gate;
        }
        assert_eq!(scopes.0.len(), defaults::BREAKER_SCOPES);
        assert!(scopes.get("down").is_none() && scopes.get("open 2999").is_some());
    }

    #[test]
    fn a_scope_that_answers_leaves_nothing() {
        let mut scopes = Scopes::default();
        scopes.failing("a");
        scopes.failing("b");
        scopes.answered("a");
        scopes.answered("never seen");
        assert!(!scopes.is_calm() && scopes.get("a").is_none() && scopes.get("b").is_some());
        scopes.answered("b");
        assert!(scopes.is_calm());
    }
}
