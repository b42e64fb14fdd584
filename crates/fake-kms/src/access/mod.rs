//! Who may do what: principals, key policies, the policies of principals, grants.
mod action;
mod caller;
mod condition;
mod date;
mod decision;
mod document;
mod facts;
mod network;
mod operator;
mod pattern;
mod principal;

pub(crate) use action::Action;
pub(crate) use decision::{Inquiry, Verdict, decide};
pub(crate) use document::Policy;
pub use document::PolicyError;
pub(crate) use facts::{Details, GrantDetails, KindOfKey, Source, Subject};
pub use principal::{Principal, PrincipalError};

/// Who asks, and with what in hand.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asker<'a> {
    /// The owner of the fake, who may do everything, when there is none.
    pub(crate) principal: Option<&'a Principal>,
    pub(crate) grant_tokens: &'a [String],
    /// From where.
    pub(crate) source: Source,
}

impl Asker<'_> {
    /// The test's own hand.
    pub(crate) const OWNER: Self = Self {
        principal: None,
        grant_tokens: &[],
        source: Source::HERE,
    };
}
