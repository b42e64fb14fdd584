//! What one attempt counts against.
use std::borrow::Cow;

use datakey_provider::{Scope, SealingProvider};

/// The scopes of one attempt, in the order in which they are asked: one, unless it seals by several providers.
#[derive(Debug)]
pub(crate) struct Draws<'a> {
    pub(crate) first: Scope<'a>,
    more: Vec<Scope<'a>>,
}

impl<'a> Draws<'a> {
    pub(crate) fn told_by(scopes: impl FnOnce(&mut dyn FnMut(Scope<'a>))) -> Self {
        let (mut first, mut more) = (None, Vec::new());
        scopes(&mut |scope| {
            if first.is_none() {
                first = Some(scope);
            } else {
                more.push(scope);
            }
        });
        Self {
            first: first.unwrap_or_default(),
            more,
        }
    }

    /// The same calls, all on one quota.
    pub(crate) fn on(mut self, quota: &'a str) -> Self {
        self.first.quota = quota;
        self.more.iter_mut().for_each(|scope| scope.quota = quota);
        self
    }

    pub(crate) const fn more(&self) -> &[Scope<'a>] {
        self.more.as_slice()
    }

    /// The place of the one with this quota.
    pub(crate) fn place_of(&self, quota: &str) -> Option<usize> {
        let mut all = std::iter::once(&self.first).chain(&self.more);
        all.position(|scope| scope.quota == quota)
    }
}

/// What sealing by a provider is called: its key, or all of its keys, as it needs all. [`Scope::BENEATH`]'s key, where that is all.
pub(crate) fn sealing_name<P: SealingProvider + ?Sized>(provider: &P) -> Cow<'_, str> {
    let draws = Draws::told_by(|tell| provider.sealing_scopes(tell));
    if draws.more.is_empty() {
        return Cow::Borrowed(draws.first.key);
    }
    let keys = std::iter::once(&draws.first).chain(&draws.more);
    let keys: Vec<&str> = keys.map(|scope| scope.key).collect();
    Cow::Owned(keys.join(" + "))
}

/// The first quota that sealing by a provider counts against.
pub(crate) fn sealing_quota<P: SealingProvider + ?Sized>(provider: &P) -> &str {
    let mut first = None;
    provider.sealing_scopes(&mut |scope| {
        first.get_or_insert(scope.quota);
    });
    first.unwrap_or_default()
}
