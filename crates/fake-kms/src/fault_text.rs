//! Fault rules as text, for command lines and files.
use std::{fmt::Display, str::FromStr, time::Duration};

use crate::{
    Fault, FaultRule, KmsErrorCode, KmsOperation, ParseError,
    parse::{DURATION, duration, refuse},
};

const HAPPENS: &str =
    "error=CODE, hang[=TIME], drop, reset, garbage, page=STATUS, cut, slow=TIME or delay=TIME";
const NARROWS: &str = "on=OPERATION, key=KEY, after=N, times=N, from=TIME, until=TIME or probability=0..1";

/// One part of a rule.
enum Part {
    Happens(Fault),
    On(KmsOperation),
    Key(Box<str>),
    After(u64),
    Times(u64),
    From(Duration),
    Until(Duration),
    Probability(f64),
}

/// Parts with commas between: what happens, and to which calls. Of each part one.
///
/// | part | meaning |
/// |---|---|
/// | `error=KMSInternalException` | the service answers with that error |
/// | `hang`, `hang=30s` | no answer, for good or until the connection closes |
/// | `drop`, `reset` | the connection closes, or is reset |
/// | `garbage`, `page=503` | HTML with status 200, or with another |
/// | `cut`, `slow=5s` | the answer breaks off, or takes that long to arrive |
/// | `delay=100ms` | the answer is that much later |
/// | `on=Decrypt`, `key=alias/orders` | calls of an operation, about a key |
/// | `after=2`, `times=3` | not the first so many; no more than so many |
/// | `from=10s`, `until=20s` | calls within a window since the start |
/// | `probability=0.1` | each with a chance |
///
/// ```
/// use datakey_fake_kms::FaultRule;
///
/// let rule: FaultRule = "error=ThrottlingException,on=Decrypt,times=3".parse()?;
/// # let _ = rule;
/// let typo = "error=ThrotlingException".parse::<FaultRule>().unwrap_err();
/// assert!(typo.to_string().contains("ThrotlingException")); // it says which part is not right
/// # Ok::<(), datakey_fake_kms::ParseError>(())
/// ```
impl FromStr for FaultRule {
    type Err = ParseError;

    /// # Errors
    /// [`ParseError`], which names the part that is not right, and says what there is.
    fn from_str(text: &str) -> Result<Self, ParseError> {
        read(text).map_err(|error| error.within(text))
    }
}

fn read(text: &str) -> Result<FaultRule, ParseError> {
    let (mut fault, mut narrowed) = (None, Vec::new());
    let mut names: Vec<&str> = Vec::new();
    for written in text.split(',').map(str::trim) {
        let (name, value) = written
            .split_once('=')
            .map_or((written, None), |(name, value)| (name, Some(value)));
        match part(written, name, value)? {
            Part::Happens(_) if fault.is_some() => {
                let expected = format!("possible: one thing happens in a rule, and {written} is a second");
                return Err(refuse(written, expected));
            }
            Part::Happens(found) => fault = Some(found),
            _ if names.contains(&name) => {
                return Err(refuse(written, format!("possible: {name} is there twice")));
            }
            narrowing => {
                names.push(name);
                narrowed.push(narrowing);
            }
        }
    }
    let nothing = || {
        refuse(
            text,
            format!("a fault rule: nothing happens in it; it needs one of {HAPPENS}"),
        )
    };
    Ok(narrow(FaultRule::new(fault.ok_or_else(nothing)?), narrowed))
}

fn narrow(mut rule: FaultRule, parts: Vec<Part>) -> FaultRule {
    let (mut from, mut until) = (Duration::ZERO, Duration::MAX);
    for part in parts {
        rule = match part {
            Part::On(operation) => rule.on(operation),
            Part::Key(key) => rule.for_key(key),
            Part::After(calls) => rule.after(calls),
            Part::Times(calls) => rule.times(calls),
            Part::Probability(chance) => rule.with_probability(chance),
            Part::From(time) => {
                from = time;
                rule
            }
            Part::Until(time) => {
                until = time;
                rule
            }
            Part::Happens(_) => rule,
        };
    }
    rule.between(from, until)
}

fn part(written: &str, name: &str, value: Option<&str>) -> Result<Part, ParseError> {
    let plain = |fault: Fault| match value {
        None => Ok(Part::Happens(fault)),
        Some(_) => Err(refuse(written, format!("{name}, which takes no value"))),
    };
    let given = value.unwrap_or_default();
    let time =
        || duration(given).map_err(|_not_a_time| refuse(written, format!("{name}=TIME with {DURATION}")));
    let number = || {
        given
            .parse()
            .map_err(|_not_a_number| refuse(written, format!("{name}=N with a whole number")))
    };
    let happens = |made: fn(Duration) -> Fault| time().map(made).map(Part::Happens);
    match name {
        "error" => KmsErrorCode::from_name(given)
            .map(|code| Part::Happens(code.into()))
            .ok_or_else(|| refuse(written, one_of("error=CODE", KmsErrorCode::ALL))),
        "hang" if value.is_none() => Ok(Part::Happens(Fault::Hang(Duration::MAX))),
        "hang" => happens(Fault::Hang),
        "drop" => plain(Fault::DropConnection),
        "reset" => plain(Fault::ResetConnection),
        "garbage" => plain(Fault::Garbage),
        "page" => {
            let status = given.parse().ok().filter(|status| (200..=599).contains(status));
            let refused = || refuse(written, "page=STATUS with an HTTP status from 200 to 599");
            Ok(Part::Happens(Fault::proxy_page(status.ok_or_else(refused)?)))
        }
        "cut" => plain(Fault::CutBody),
        "slow" => happens(Fault::SlowBody),
        "delay" => happens(Fault::Delay),
        "on" => KmsOperation::from_name(given)
            .map(Part::On)
            .ok_or_else(|| refuse(written, one_of("on=OPERATION", KmsOperation::ALL))),
        "key" if given.is_empty() => Err(refuse(written, "key=KEY with the id, ARN or alias of a key")),
        "key" => Ok(Part::Key(given.into())),
        "after" => number().map(Part::After),
        "times" => number().map(Part::Times),
        "from" => time().map(Part::From),
        "until" => time().map(Part::Until),
        "probability" => {
            let chance = given.parse().ok().filter(|chance| (0.0..=1.0).contains(chance));
            let refused = || refuse(written, "probability=CHANCE with a number from 0 to 1");
            chance.map(Part::Probability).ok_or_else(refused)
        }
        _ => Err(refuse(
            written,
            format!("a part of a fault rule: {HAPPENS}; and of {NARROWS}, with commas between"),
        )),
    }
}

fn one_of(what: &str, all: &[impl Display]) -> String {
    let all: Vec<String> = all.iter().map(ToString::to_string).collect();
    format!("{what} with one of {}", all.join(", "))
}
