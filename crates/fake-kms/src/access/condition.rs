//! The conditions of statements.
use super::{
    facts::{Facts, Kind, kind_of},
    operator::{Operator, Wanted},
};

/// Where a policy is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bearer {
    Key,
    Principal,
}

/// One condition: what the values of a condition key must be like.
#[derive(Debug, Clone)]
pub(super) struct Condition {
    operator: Operator,
    negated: bool,
    if_exists: bool,
    quantifier: Quantifier,
    /// In lower case; names of condition keys are the same in any case.
    key: String,
    values: Vec<Wanted>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quantifier {
    One,
    All,
    Any,
}

impl Condition {
    /// Reads a condition. What this cannot evaluate it refuses: a condition that is skipped lets through what it must
    /// not.
    pub(super) fn new(
        operator: &str,
        key: &str,
        values: Vec<String>,
        bearer: Bearer,
    ) -> Result<Self, String> {
        let unknown =
            || format!("has the condition operator {operator:?}, which this emulator does not evaluate");
        let (quantifier, name) = match operator.split_once(':') {
            Some(("ForAllValues", name)) => (Quantifier::All, name),
            Some(("ForAnyValue", name)) => (Quantifier::Any, name),
            None => (Quantifier::One, operator),
            Some(_) => return Err(unknown()),
        };
        let (name, if_exists) = name
            .strip_suffix("IfExists")
            .map_or((name, false), |name| (name, true));
        let (test, negated) = Operator::from_name(name).ok_or_else(unknown)?;
        // Whether there is a value is asked of the key, not of its values.
        if test == Operator::Null && (if_exists || quantifier != Quantifier::One) {
            return Err(unknown());
        }
        let lower = key.to_ascii_lowercase();
        let kind = kind_of(&lower)
            .ok_or_else(|| format!("has the condition key {key:?}, which this emulator does not evaluate"))?;
        check_kind(kind, key, test, quantifier, bearer)?;
        let values = values.into_iter().map(|value| {
            let read = test.read(value);
            read.map_err(|(value, takes)| {
                format!("has the value {value:?} for {operator}, which takes {takes}")
            })
        });
        Ok(Self {
            operator: test,
            negated,
            if_exists,
            quantifier,
            key: lower,
            values: values.collect::<Result<_, _>>()?,
        })
    }

    pub(super) fn holds(&self, facts: &Facts<'_>) -> bool {
        let told = facts.values_of(&self.key);
        if self.operator == Operator::Null {
            return self.values.contains(&Wanted::Null(told.is_empty()));
        }
        if told.is_empty() && self.if_exists {
            return true;
        }
        match self.quantifier {
            Quantifier::All => told.iter().all(|value| self.accepts(value)),
            Quantifier::Any => told.iter().any(|value| self.accepts(value)),
            Quantifier::One if told.is_empty() => self.negated,
            Quantifier::One => told.iter().all(|value| self.accepts(value)),
        }
    }

    fn accepts(&self, told: &str) -> bool {
        self.values.iter().any(|value| value.accepts(told)) != self.negated
    }
}

/// Keys of several values need to be told how these are compared; the rest is what KMS says of certain keys.
fn check_kind(
    kind: Kind,
    key: &str,
    operator: Operator,
    quantifier: Quantifier,
    bearer: Bearer,
) -> Result<(), String> {
    if kind.has_several() && quantifier == Quantifier::One && operator != Operator::Null {
        return Err(format!(
            "has the condition key {key:?} without ForAllValues: or ForAnyValue:, one of which a key of several values needs"
        ));
    }
    if bearer == Bearer::Principal {
        return Ok(());
    }
    match kind {
        Kind::OfPrincipals => Err(format!(
            "has the condition key {key:?}, which is for the policies of principals only"
        )),
        Kind::OnePair if quantifier == Quantifier::All => Err(format!(
            "is an OverlyPermissiveCondition: ForAllValues with {key:?}, a key of one value, holds for requests without it"
        )),
        Kind::One | Kind::OnePair | Kind::Several => Ok(()),
    }
}
