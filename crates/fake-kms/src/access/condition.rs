//! The conditions of statements.
use super::{Inquiry, pattern::fits};

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
            "StringLike" | "ArnLike" | "ArnEquals" => (Test::Like, false),
            "StringNotLike" | "ArnNotLike" | "ArnNotEquals" => (Test::Like, true),
            "Null" => (Test::Null, false),
            _ => {
                return Err(format!(
                    "has the condition operator {operator:?}, which this emulator does not evaluate"
                ));
            }
        };
        Ok(Self {
            test,
            negated,
            if_exists,
            quantifier,
            key: key.to_ascii_lowercase(),
            values,
        })
    }

    pub(super) fn holds(&self, inquiry: &Inquiry<'_>) -> bool {
        let told = inquiry.values_of(&self.key);
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
        });
        fits_one != self.negated
    }
}

impl Inquiry<'_> {
    /// The values of a condition key in this request; none when the request has no such key.
    fn values_of(&self, key: &str) -> Vec<String> {
        let context = || self.context.into_iter().flat_map(crate::KmsContext::iter);
        if let Some(name) = key.strip_prefix("kms:encryptioncontext:") {
            let named = context().filter(|(own, _)| own.eq_ignore_ascii_case(name));
            return named.map(|(_, value)| value.to_owned()).collect();
        }
        match key {
            "kms:encryptioncontextkeys" => context().map(|(own, _)| own.to_owned()).collect(),
            "kms:calleraccount" | "aws:principalaccount" => vec![self.principal.account().to_owned()],
            "aws:principalarn" => vec![self.principal.arn().to_owned()],
            "aws:requestedregion" => vec![self.region.to_owned()],
            "kms:keyspec" | "kms:encryptionalgorithm" if self.context.is_some() => {
                vec!["SYMMETRIC_DEFAULT".to_owned()]
            }
            _ => Vec::new(),
        }
    }
}
