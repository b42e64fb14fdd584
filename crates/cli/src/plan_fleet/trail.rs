//! What CloudTrail's events add up to.
use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::{Value, json};

use super::event::Event;
use crate::text;

/// Minutes within which a data key is replaced, for soft ages of 5 and 15 minutes and an hour: it is due at four fifths of them, more or less.
const WINDOWS: [(&str, u64); 3] = [("5m", 4), ("15m", 12), ("1h", 48)];

/// How many of each kind are told to people.
const TOLD: usize = 10;

/// More groups than these are no longer told apart.
const MOST_GROUPS: usize = 200_000;

/// Calls that one cache would have served: by operation, host, principal, key and encryption context.
type Group = (String, String, String, String, String);

/// What was recorded.
#[derive(Debug, Default)]
pub(super) struct Trail {
    others: u64,
    undated: u64,
    /// Files of folders that are no exports.
    files: u64,
    /// Events that were there before.
    again: u64,
    seen: HashSet<u128>,
    calls: u64,
    throttled: u64,
    failed: u64,
    operations: BTreeMap<String, u64>,
    keys: HashMap<String, u64>,
    principals: HashMap<String, u64>,
    contexts: HashMap<String, u64>,
    seconds: HashMap<i64, u64>,
    groups: HashMap<Group, BTreeMap<u64, u64>>,
    ungrouped: u64,
}

fn count(counts: &mut HashMap<String, u64>, name: &str) {
    let name = if counts.len() >= MOST_GROUPS && !counts.contains_key(name) {
        "(others)"
    } else {
        name
    };
    let count = counts.entry(name.to_owned()).or_default();
    *count = count.saturating_add(1);
}

/// Whether an event of this id was there before. Ids are UUIDs; one that is none is taken as new.
fn is_again(seen: &mut HashSet<u128>, id: &str) -> bool {
    let digits = id.replace('-', "");
    match u128::from_str_radix(&digits, 16) {
        Ok(number) if digits.len() == 32 => !seen.insert(number),
        _ => false,
    }
}

impl Trail {
    /// A file of a folder is no export.
    pub(super) const fn pass_over(&mut self) {
        self.files = self.files.saturating_add(1);
    }

    /// Takes an event in.
    pub(super) fn add(&mut self, event: &Event) {
        if event.source != "kms.amazonaws.com" {
            // An object that only wraps a list says nothing itself.
            self.others = self.others.saturating_add(u64::from(!event.source.is_empty()));
            return;
        }
        if is_again(&mut self.seen, &event.id) {
            self.again = self.again.saturating_add(1);
            return;
        }
        self.calls = self.calls.saturating_add(1);
        match event.error.as_deref() {
            Some("ThrottlingException") => self.throttled = self.throttled.saturating_add(1),
            Some(_) => self.failed = self.failed.saturating_add(1),
            None => {}
        }
        let operation = self.operations.entry(event.name.clone()).or_default();
        *operation = operation.saturating_add(1);
        let (key, principal, context) = (key(event), principal(event), context(event));
        count(&mut self.keys, &key);
        count(&mut self.principals, &principal);
        count(&mut self.contexts, &context);
        let Some(second) = seconds(&event.time) else {
            self.undated = self.undated.saturating_add(1);
            return;
        };
        let of_second = self.seconds.entry(second).or_default();
        *of_second = of_second.saturating_add(1);
        if is_cacheable(&event.name) && event.error.is_none() {
            let group = (event.name.clone(), event.address.clone(), principal, key, context);
            self.group(group, second);
        }
    }

    fn group(&mut self, group: Group, second: i64) {
        if self.groups.len() >= MOST_GROUPS && !self.groups.contains_key(&group) {
            self.ungrouped = self.ungrouped.saturating_add(1);
            return;
        }
        let minute = u64::try_from(second).unwrap_or_default() / 60;
        let of_minute = self.groups.entry(group).or_default().entry(minute).or_default();
        *of_minute = of_minute.saturating_add(1);
    }

    /// How many KMS calls there were.
    pub(super) const fn calls(&self) -> u64 {
        self.calls
    }

    /// Calls of an operation that were answered, and of those the ones that a cache with this window would have made.
    fn cached(&self, operation: &str, minutes: u64) -> (u64, u64) {
        let (mut made, mut needed) = (0_u64, 0_u64);
        for (group, counts) in &self.groups {
            if group.0 != operation {
                continue;
            }
            made = made.saturating_add(counts.values().sum());
            let (mut windows, mut last) = (0_u64, None);
            for minute in counts.keys() {
                let window = minute.checked_div(minutes);
                windows = windows.saturating_add(u64::from(window != last));
                last = window;
            }
            needed = needed.saturating_add(windows);
        }
        (made, needed)
    }

    /// The most calls in a second, and the seconds from the first call to the last.
    fn pace(&self) -> (u64, u64) {
        let peak = self.seconds.values().max().copied().unwrap_or_default();
        let first = self.seconds.keys().min().copied().unwrap_or_default();
        let last = self.seconds.keys().max().copied().unwrap_or_default();
        let span = last.saturating_sub(first).saturating_add(1);
        (peak, u64::try_from(span).unwrap_or(1))
    }

    /// For each operation that a cache serves, and each age: calls made, and the share of them that it would have avoided.
    fn avoided(&self) -> Vec<(&'static str, &'static str, u64, f64)> {
        let mut all = Vec::new();
        for operation in CACHEABLE {
            for (age, minutes) in WINDOWS {
                let (made, needed) = self.cached(operation, minutes);
                if made > 0 {
                    all.push((operation, age, made, 1.0 - needed as f64 / made as f64));
                }
            }
        }
        all
    }

    pub(super) fn value(&self) -> Value {
        let (peak, seconds) = self.pace();
        let avoided: Vec<Value> = self
            .avoided()
            .into_iter()
            .map(|(operation, age, calls, share)| {
                json!({
                    "operation": operation, "soft_age": age, "calls": calls, "avoided_share": share,
                    "is_upper_bound": operation == "Decrypt",
                })
            })
            .collect();
        json!({
            "kms_calls": self.calls, "throttled": self.throttled, "failed": self.failed, "other_events": self.others,
            "undated": self.undated, "repeated_events": self.again, "files_passed_over": self.files, "seconds": seconds, "peak_per_second": peak, "by_operation": self.operations,
            "by_key": most(&self.keys, usize::MAX), "by_principal": most(&self.principals, usize::MAX),
            "by_encryption_context": most(&self.contexts, usize::MAX), "cache": avoided,
            "not_judged": self.ungrouped,
        })
    }

    pub(super) fn text(&self) -> String {
        let (peak, seconds) = self.pace();
        let mut lines = vec![format!(
            "CloudTrail has {}, {} of them throttled and {} failed otherwise, over {}; {peak} in the busiest second.",
            text::counted(self.calls, "KMS call"),
            self.throttled,
            self.failed,
            text::counted(seconds, "second"),
        )];
        let passed_over = [
            (self.others, "event", " of other services"),
            (self.again, "event", " that were there before"),
            (self.files, "file", " that are no exports"),
        ];
        for (count, what, which) in passed_over.into_iter().filter(|(count, ..)| *count > 0) {
            let which = if count == 1 {
                which
                    .replace(" were ", " was ")
                    .replace(" are no exports", " is no export")
            } else {
                which.to_owned()
            };
            lines.push(format!("Passed over {}{which}.", text::counted(count, what)));
        }
        let operations = self.operations.iter().map(|(name, count)| (name.clone(), *count));
        for (what, counts) in [
            ("by operation", operations.collect()),
            ("by key", most(&self.keys, TOLD)),
            ("by principal", most(&self.principals, TOLD)),
            ("by encryption context", most(&self.contexts, TOLD)),
        ] {
            lines.push(what.to_owned());
            lines.extend(
                counts
                    .iter()
                    .map(|(name, count)| format!("  {count:>9}  {}", text::tame(name))),
            );
        }
        lines.push("a cache on each host would have avoided".to_owned());
        for (operation, age, calls, share) in self.avoided() {
            let bound = if operation == "Decrypt" { "at most " } else { "" };
            lines.push(format!(
                "  with a soft age of {age}: {bound}{:.1} percent of {calls} {operation} calls",
                share * 100.0
            ));
        }
        if self.avoided().iter().any(|one| one.0 == "Decrypt") {
            lines.push("CloudTrail does not record which data key was opened, so for Decrypt these are upper bounds.".to_owned());
        }
        if self.ungrouped > 0 {
            lines.push(format!(
                "{} of further contexts were not judged.",
                text::counted(self.ungrouped, "call")
            ));
        }
        lines.join("\n")
    }
}

/// The operations whose answers are data keys.
const CACHEABLE: [&str; 2] = ["GenerateDataKey", "Decrypt"];

fn is_cacheable(operation: &str) -> bool {
    CACHEABLE.contains(&operation)
}

/// The most frequent, with their counts.
fn most(counts: &HashMap<String, u64>, how_many: usize) -> Vec<(String, u64)> {
    let mut all: Vec<(String, u64)> = counts
        .iter()
        .map(|(name, count)| (name.clone(), *count))
        .collect();
    all.sort_by(|(a, x), (b, y)| y.cmp(x).then_with(|| a.cmp(b)));
    all.truncate(how_many);
    all
}

fn key(event: &Event) -> String {
    let resources = event.resources.iter().flatten();
    let named = resources
        .filter_map(|resource| resource.arn.clone())
        .find(|arn| arn.contains(":key/"));
    let asked = || {
        event
            .parameters
            .as_ref()
            .and_then(|parameters| parameters.key_id.clone())
    };
    named.or_else(asked).unwrap_or_else(|| "(unknown)".to_owned())
}

fn principal(event: &Event) -> String {
    let identity = event.identity.as_ref();
    let named = identity.and_then(|own| own.arn.clone().or_else(|| own.invoked_by.clone()));
    named.unwrap_or_else(|| "(unknown)".to_owned())
}

fn context(event: &Event) -> String {
    let pairs = event
        .parameters
        .as_ref()
        .and_then(|own| own.encryption_context.as_ref());
    match pairs {
        Some(pairs) if !pairs.is_empty() => {
            let pairs: Vec<String> = pairs
                .iter()
                .map(|(key, value)| format!("{key:?} = {value:?}"))
                .collect();
            pairs.join(", ")
        }
        _ => "(none)".to_owned(),
    }
}

/// Seconds since 1970 of a time as CloudTrail writes it, `2026-11-27T09:15:00Z`.
#[expect(
    clippy::arithmetic_side_effects,
    reason = "the parts are within the ranges that are checked"
)]
fn seconds(time: &str) -> Option<i64> {
    let (date, rest) = time.strip_suffix('Z')?.split_once('T')?;
    let clock = rest.split('.').next()?;
    let numbers = |text: &str, by| {
        text.split(by)
            .map(|part| part.parse::<i64>().ok())
            .collect::<Option<Vec<_>>>()
    };
    let (date, clock) = (numbers(date, '-')?, numbers(clock, ':')?);
    let ([year, month, day], [hour, minute, second]) = (date.as_slice(), clock.as_slice()) else {
        return None;
    };
    let in_range = (1970..10_000).contains(year)
        && (1..=12).contains(month)
        && (1..=31).contains(day)
        && (0..24).contains(hour)
        && (0..60).contains(minute)
        && (0..=60).contains(second);
    in_range.then(|| days(*year, *month, *day) * 86_400 + hour * 3_600 + minute * 60 + second)
}

/// Days since 1970 of a day in the Gregorian calendar, of which years that begin in March have their leap day last.
#[expect(clippy::arithmetic_side_effects, reason = "years have four digits")]
const fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_and_what_is_none_is_not() {
        assert_eq!(seconds("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(seconds("2026-11-27T09:15:00Z"), Some(1_795_770_900));
        assert_eq!(seconds("2024-02-29T23:59:59Z"), Some(1_709_251_199));
        for text in [
            "",
            "Z",
            "2026-11-27",
            "2026-13-01T00:00:00Z",
            "2026-11-27T09:15Z",
            "-1-1-1T0:0:0Z",
        ] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }
}
