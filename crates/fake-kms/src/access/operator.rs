//! The operators of conditions: what a value of a request is compared with, and how.
use std::{cmp::Ordering, time::Duration};

use super::{
    date,
    network::Network,
    pattern::{arn_fits, fits},
};

/// What an operator compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Exactly,
    InAnyCase,
    Pattern,
    Arn,
    Number(Is),
    Time(Is),
    Truth,
    Address,
    /// Whether there is a value at all.
    Null,
}

/// How a value of a request stands to that of the policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Is {
    Equal,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

/// A value of the policy, read as its operator takes it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Wanted {
    Exactly(String),
    InAnyCase(String),
    Pattern(String),
    Arn(String),
    Number(Is, f64),
    Time(Is, Duration),
    Truth(bool),
    Address(Network),
    Null(bool),
}

impl Operator {
    /// The operator of that name, and whether it is negated. Of `BinaryEquals` there is nothing to compare: no condition key of KMS
    /// is binary.
    pub(super) fn from_name(name: &str) -> Option<(Self, bool)> {
        let of_order = |name: &str, make: fn(Is) -> Self| {
            Some(match name {
                "Equals" => (make(Is::Equal), false),
                "NotEquals" => (make(Is::Equal), true),
                "LessThan" => (make(Is::Less), false),
                "LessThanEquals" => (make(Is::AtMost), false),
                "GreaterThan" => (make(Is::Greater), false),
                "GreaterThanEquals" => (make(Is::AtLeast), false),
                _ => return None,
            })
        };
        if let Some(rest) = name.strip_prefix("Numeric") {
            return of_order(rest, Self::Number);
        }
        if let Some(rest) = name.strip_prefix("Date") {
            return of_order(rest, Self::Time);
        }
        Some(match name {
            "StringEquals" => (Self::Exactly, false),
            "StringNotEquals" => (Self::Exactly, true),
            "StringEqualsIgnoreCase" => (Self::InAnyCase, false),
            "StringNotEqualsIgnoreCase" => (Self::InAnyCase, true),
            "StringLike" => (Self::Pattern, false),
            "StringNotLike" => (Self::Pattern, true),
            "ArnLike" | "ArnEquals" => (Self::Arn, false),
            "ArnNotLike" | "ArnNotEquals" => (Self::Arn, true),
            "Bool" => (Self::Truth, false),
            "IpAddress" => (Self::Address, false),
            "NotIpAddress" => (Self::Address, true),
            "Null" => (Self::Null, false),
            _ => return None,
        })
    }

    /// Reads a value of the policy, or says what it is to be.
    pub(super) fn read(self, text: String) -> Result<Wanted, (String, &'static str)> {
        let read = match self {
            Self::Exactly => return Ok(Wanted::Exactly(text)),
            Self::InAnyCase => return Ok(Wanted::InAnyCase(text)),
            Self::Pattern => return Ok(Wanted::Pattern(text)),
            Self::Arn => return Ok(Wanted::Arn(text)),
            Self::Number(is) => number(&text).map(|number| Wanted::Number(is, number)),
            Self::Time(is) => date::parse(&text).map(|at| Wanted::Time(is, at)),
            Self::Truth => truth(&text).map(Wanted::Truth),
            Self::Null => truth(&text).map(Wanted::Null),
            Self::Address => Network::parse(&text).map(Wanted::Address),
        };
        read.ok_or((text, self.takes()))
    }

    fn takes(self) -> &'static str {
        match self {
            Self::Number(_) => "a number",
            Self::Time(_) => "a date from 1970 on, in ISO 8601 with a zone, or in seconds since 1970",
            Self::Truth | Self::Null => "true or false",
            Self::Address => "an address or a range of addresses",
            Self::Exactly | Self::InAnyCase | Self::Pattern | Self::Arn => "text",
        }
    }
}

impl Is {
    const fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::Less => order.is_lt(),
            Self::AtMost => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::AtLeast => order.is_ge(),
        }
    }
}

impl Wanted {
    /// Whether a value of a request is like it. One that is of another kind is not.
    pub(super) fn accepts(&self, told: &str) -> bool {
        match self {
            Self::Exactly(text) => text == told,
            Self::InAnyCase(text) => text.eq_ignore_ascii_case(told),
            Self::Pattern(pattern) => fits(pattern, told),
            Self::Arn(pattern) => arn_fits(pattern, told),
            Self::Number(is, wanted) => {
                let order = number(told).and_then(|told| told.partial_cmp(wanted));
                order.is_some_and(|order| is.holds(order))
            }
            Self::Time(is, wanted) => date::parse(told).is_some_and(|told| is.holds(told.cmp(wanted))),
            Self::Truth(wanted) => truth(told) == Some(*wanted),
            Self::Address(network) => told.parse().is_ok_and(|address| network.has(address)),
            Self::Null(_) => false,
        }
    }
}

/// Whole or with a point; nothing else that the library would read.
fn number(text: &str) -> Option<f64> {
    let is_digit = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.');
    text.bytes().all(is_digit).then(|| text.parse().ok())?
}

fn truth(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}
