//! The ways to seal, from the simplest on, and which of them holds.
use serde::{Deserialize, Serialize};

use super::{
    bounds::Bounds,
    predict::{Prediction, predict},
    settings::{branch_keys, caches},
    start::{Start, start},
    workload::Workload,
};
use crate::{Error, Part};

/// A way to seal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Way {
    /// A call for each record, and retries.
    RetryAlone,
    /// Data keys are kept and used for many records.
    Caching,
    /// The records of a batch are sealed under one data key, which nothing else is.
    Records,
    /// A data key for each record, wrapped locally under a branch key.
    BranchKeys,
    /// Data keys are kept, and wrapped locally.
    BranchKeysAndCaching,
}

impl Way {
    /// All of them, the simplest to run first.
    pub const ALL: [Self; 5] = [
        Self::RetryAlone,
        Self::Caching,
        Self::Records,
        Self::BranchKeys,
        Self::BranchKeysAndCaching,
    ];

    /// Its name, for people.
    ///
    /// ```
    /// use datakey_sim::plan::Way;
    /// assert_eq!(Way::Caching.as_str(), "data key caching");
    /// ```
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RetryAlone => "retry alone",
            Self::Caching => "data key caching",
            Self::Records => "records of a batch",
            Self::BranchKeys => "branch keys",
            Self::BranchKeysAndCaching => "branch keys and caching",
        }
    }
}

/// A way to seal, its settings, and what they lead to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Candidate {
    /// The way.
    pub way: Way,
    /// Its settings.
    pub part: Part,
    /// The calls.
    pub prediction: Prediction,
    /// US dollars a month, for calls and the keys. Tables of branch keys are not in it.
    pub usd_per_month: f64,
    /// The share of the quota that stays free beside it and all others; below 0 where it does not suffice.
    pub headroom: f64,
    /// The start of the fleet, all hosts at once; `None` where the quota does not suffice once it runs either.
    pub start: Option<Start>,
    /// What it does not keep to, in plain words; empty where it holds.
    pub fails: Vec<String>,
}

impl Candidate {
    /// Whether it keeps to all bounds.
    ///
    /// Where it does not, [`fails`](Self::fails) says each bound that it breaks.
    #[must_use]
    pub const fn holds(&self) -> bool {
        self.fails.is_empty()
    }

    /// Whether it would hold, did not all hosts start without keys.
    fn lacks_only_its_start(&self) -> bool {
        self.fails.len() == 1 && self.start.is_some_and(|start| !start.holds)
    }
}

/// What to do, and why.
///
/// It serializes with serde, as `datakey plan --json` prints it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Plan {
    /// What was planned for.
    pub workload: Workload,
    /// What it has to keep to.
    pub bounds: Bounds,
    /// The quota that holds, in calls a second.
    pub quota_per_second: u64,
    /// All ways, the simplest first.
    pub candidates: Vec<Candidate>,
    /// The place of the simplest that holds; `None` where none does.
    pub chosen: Option<usize>,
    /// Why, in plain words, and where nothing holds, what has to give.
    pub why: String,
}

impl Plan {
    /// The candidate that is recommended.
    ///
    /// ```
    /// use datakey_sim::plan::{Bounds, Workload, plan};
    ///
    /// // A quota that others have used up: nothing holds, and the plan says what has to give.
    /// let bounds = Bounds { quota_per_second: Some(10), others_per_second: 10.0, ..Bounds::default() };
    /// let plan = plan(&Workload::default(), &bounds)?;
    /// assert!(plan.recommended().is_none() && !plan.why.is_empty());
    /// assert!(plan.candidates.iter().all(|candidate| !candidate.holds()));
    /// # Ok::<(), datakey_sim::Error>(())
    /// ```
    #[must_use]
    pub fn recommended(&self) -> Option<&Candidate> {
        self.candidates.get(self.chosen?)
    }
}

/// Chooses the simplest way that keeps to the bounds, with its settings.
///
/// ```
/// use datakey_sim::plan::{Bounds, Way, Workload, plan};
///
/// let workload = Workload { records_per_second: 9_000.0, hosts: 40, ..Workload::default() };
/// let bounds = Bounds { quota_per_second: Some(5_500), ..Bounds::default() };
/// let plan = plan(&workload, &bounds)?;
/// assert_eq!(plan.recommended().map(|one| one.way), Some(Way::Caching));
/// assert!(plan.candidates[0].fails[0].contains("9000 calls a second"));
/// # Ok::<(), datakey_sim::Error>(())
/// ```
///
/// # Errors
/// [`Error::Value`] where the workload or the bounds are out of their limits.
pub fn plan(workload: &Workload, bounds: &Bounds) -> Result<Plan, Error> {
    workload.check()?;
    bounds.check()?;
    let candidates: Vec<Candidate> = Way::ALL
        .into_iter()
        .map(|way| candidate(way, workload, bounds))
        .collect::<Result<_, _>>()?;
    let chosen = candidates.iter().position(Candidate::holds);
    let why = why(&candidates, chosen, bounds);
    Ok(Plan {
        workload: *workload,
        bounds: bounds.clone(),
        quota_per_second: bounds.quota(),
        candidates,
        chosen,
        why,
    })
}

/// The first settings of a way that hold, otherwise its last.
fn candidate(way: Way, workload: &Workload, bounds: &Bounds) -> Result<Candidate, Error> {
    let branch = matches!(way, Way::BranchKeys | Way::BranchKeysAndCaching).then(|| branch_keys(workload));
    let kept = match way {
        Way::Caching | Way::BranchKeysAndCaching => caches(workload, bounds).into_iter().map(Some).collect(),
        _ => vec![None],
    };
    let mut last = None;
    for cache in kept {
        let part = Part {
            cache,
            records: way == Way::Records,
            branch_keys: branch,
            ..Part::default()
        };
        let judged = judge(way, part, workload, bounds)?;
        // Other ages have the same start.
        if judged.holds() || judged.lacks_only_its_start() {
            return Ok(judged);
        }
        last = Some(judged);
    }
    match last {
        Some(candidate) => Ok(candidate),
        None => judge(way, Part::default(), workload, bounds),
    }
}

const SECONDS_A_MONTH: f64 = 730.0 * 3_600.0;

fn judge(way: Way, part: Part, workload: &Workload, bounds: &Bounds) -> Result<Candidate, Error> {
    let prediction = predict(workload, &part)?;
    let (calls, quota) = (prediction.calls_per_second(), bounds.quota() as f64);
    let paid = (calls * SECONDS_A_MONTH - bounds.price.free_calls as f64).max(0.0);
    let headroom = 1.0 - (calls + bounds.others_per_second) / quota;
    let mut fails = Vec::new();
    if headroom < bounds.headroom {
        let both = match bounds.others_per_second {
            none if none <= 0.0 => format!("its {}", said(calls)),
            others => format!("its {} and the {} of others", said(calls), said(others)),
        };
        fails.push(if headroom < 0.0 {
            format!("{both} are {:.1} times the quota of {quota}", 1.0 - headroom)
        } else {
            format!(
                "{both} leave {:.0} percent of {quota} free, not {:.0}",
                headroom * 100.0,
                bounds.headroom * 100.0,
            )
        });
    }
    fails.extend(useless(way, workload, bounds));
    let start = start(workload, &part, &prediction, quota - bounds.others_per_second);
    if let Some(told) = start.as_ref().and_then(|start| start.fails(&part)) {
        fails.push(told);
    }
    Ok(Candidate {
        way,
        part,
        prediction,
        usd_per_month: paid / 10_000.0 * bounds.price.usd_per_10_000_calls
            + f64::from(bounds.price.keys) * bounds.price.usd_per_key_month,
        headroom,
        start,
        fails,
    })
}

/// Why a way does nothing here, or breaks a bound.
fn useless(way: Way, workload: &Workload, bounds: &Bounds) -> Option<String> {
    let alone = workload.contexts.one_per_message;
    match way {
        Way::Caching | Way::BranchKeysAndCaching if alone => {
            Some("a cache finds nothing where each record has an encryption context of its own".to_owned())
        }
        Way::Records if alone => {
            Some("records of different encryption contexts cannot be sealed together".to_owned())
        }
        Way::Records if workload.batch == 1 => Some("records come one by one, not in batches".to_owned()),
        Way::Records if u64::from(workload.batch) > bounds.max_messages => Some(format!(
            "a batch has more records than the {} that a data key may seal",
            bounds.max_messages
        )),
        _ => None,
    }
}

/// A rate in words.
fn said(per_second: f64) -> String {
    let digits = match per_second {
        rate if rate >= 10.0 || rate == 0.0 => 0,
        rate if rate >= 0.1 => 2,
        _ => 4,
    };
    format!("{per_second:.digits$} calls a second")
}

fn why(candidates: &[Candidate], chosen: Option<usize>, bounds: &Bounds) -> String {
    let failed = candidates.iter().take(chosen.unwrap_or(candidates.len()));
    let reasons: Vec<String> = failed
        .map(|one| {
            let said = format!("{}: {}.", one.way.as_str(), one.fails.join("; "));
            match one
                .start
                .filter(|_| chosen.is_some() && one.lacks_only_its_start())
            {
                Some(start) => format!("{said} {}", start.helps(&one.part)),
                None => said,
            }
        })
        .collect();
    let said = match chosen.and_then(|place| candidates.get(place)) {
        Some(one) => format!(
            "The way \"{}\" is the simplest that holds: {} leave {:.0} percent of {} free.",
            one.way.as_str(),
            said(one.prediction.calls_per_second()),
            one.headroom * 100.0,
            bounds.quota(),
        ),
        None => format!("Nothing holds. {}", gives(candidates, bounds)),
    };
    [vec![said], reasons].concat().join("\n")
}

/// What has to give where nothing holds.
fn gives(candidates: &[Candidate], bounds: &Bounds) -> String {
    let starts = candidates.iter().filter(|one| one.lacks_only_its_start());
    let least = starts
        .filter_map(|one| Some((one, one.start?)))
        .min_by(|(_, a), (_, b)| a.seconds.total_cmp(&b.seconds));
    if let Some((one, start)) = least {
        let way = one.way.as_str();
        return format!("The way \"{way}\" would once it runs. {}", start.helps(&one.part));
    }
    let least = candidates
        .iter()
        .map(|one| one.prediction.calls_per_second())
        .fold(f64::INFINITY, f64::min);
    let needed = ((least + bounds.others_per_second) / (1.0 - bounds.headroom)).ceil();
    format!(
        "The way with the fewest calls makes {}: ask for a quota of {needed} calls a second, leave less of it free, have the others call \
         less, or allow data keys a longer age.",
        said(least)
    )
}
