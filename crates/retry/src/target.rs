//! What a call is for.
use datakey_provider::{Operation, Scope};

use crate::{Priority, breaker::Side, ways::Ways};

/// What is called: how urgent it is, under whose rules, and what it counts against.
pub(crate) struct Target<'a, Scopes> {
    pub(crate) operation: Option<Operation>,
    pub(crate) priority: Priority,
    pub(crate) side: Side,
    /// What is taken to fail together.
    pub(crate) name: &'a str,
    /// Whether pace, breaker and the time of an attempt are concerned: not with what has its own beneath.
    pub(crate) is_judged: bool,
    /// Asked before each attempt, as another provider may be the first by then.
    pub(crate) scopes: Scopes,
    /// Where there may be several ways to go.
    pub(crate) ways: Option<&'a Ways<'a>>,
}

/// A call that is none of a provider's.
pub(crate) const fn plain<'a>() -> Target<'a, impl Fn(&mut dyn FnMut(Scope<'a>))> {
    Target {
        operation: None,
        priority: Priority::Normal,
        side: Side::Whole,
        name: "",
        is_judged: true,
        scopes: unnamed,
        ways: None,
    }
}

fn unnamed<'a>(tell: &mut dyn FnMut(Scope<'a>)) {
    tell(Scope::default());
}
