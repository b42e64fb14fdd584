//! The conditions of statements.
use super::{
    facts::{Facts, are_known},
    pattern::{arn_fits, fits},
};

/// One condition: what the values of a condition key must be like.
#[derive(Debug, Clone)]
pub(super) struct Condition {
    test: Test,
    negated: bool,
    if_exists: bool,
    quantifier: Quantifier,
    /// In lower case; names of condition keys are the same in any case.
    key: String,
    values: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Test {
    Equals,
    EqualsIgnoreCase,
    Like,
    ArnLike,
    Null,
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
    pub(super) fn new(operator: &str, key: &str, values: Vec<String>) -> Result<Self, String> {
        let (quantifier, name) = match operator.split_once(':') {
            Some(("ForAllValues", name)) => (Quantifier::All, name),
            Some(("ForAnyValue", name)) => (Quantifier::Any, name),
            None => (Quantifier::One, operator),
            Some(_) => {
                return Err(format!(
                    "has the condition operator {operator:?}, which there is not"
                ));
            }
        };
        let (name, if_exists) = name
            .strip_suffix("IfExists")
            .map_or((name, false), |name| (name, true));
        let (test, negated) = match name {
            "StringEquals" => (Test::Equals, false),
            "StringNotEquals" => (Test::Equals, true),
            "StringEqualsIgnoreCase" | "Bool" => (Test::EqualsIgnoreCase, false),
            "StringNotEqualsIgnoreCase" => (Test::EqualsIgnoreCase, true),
            "StringLike" => (Test::Like, false),
            "StringNotLike" => (Test::Like, true),
            "ArnLike" | "ArnEquals" => (Test::ArnLike, false),
            "ArnNotLike" | "ArnNotEquals" => (Test::ArnLike, true),
            "Null" => (Test::Null, false),
            _ => {
                return Err(format!(
                    "has the condition operator {operator:?}, which this emulator does not evaluate"
                ));
            }
        };
        let lower = key.to_ascii_lowercase();
        if !are_known(&lower) {
            return Err(format!(
                "has the condition key {key:?}, which this emulator does not evaluate"
            ));
        }
        Ok(Self {
            test,
            negated,
            if_exists,
            quantifier,
            key: lower,
            values,
        })
    }

    pub(super) fn holds(&self, facts: &Facts<'_>) -> bool {
        let told = facts.values_of(&self.key);
        if self.test == Test::Null {
            return self
                .values
                .iter()
                .any(|value| (value == "true") == told.is_empty());
        }
        match self.quantifier {
            Quantifier::All => told.iter().all(|value| self.accepts(value)),
            Quantifier::Any => told.iter().any(|value| self.accepts(value)),
            Quantifier::One if told.is_empty() => self.negated || self.if_exists,
            Quantifier::One => told.iter().all(|value| self.accepts(value)),
        }
    }

    fn accepts(&self, told: &str) -> bool {
        let fits_one = self.values.iter().any(|value| match self.test {
            Test::Equals | Test::Null => value == told,
            Test::EqualsIgnoreCase => value.eq_ignore_ascii_case(told),
            Test::Like => fits(value, told),
            Test::ArnLike => arn_fits(value, told),
        });
        fits_one != self.negated
    }
}
