//! When there is something to seal.
use std::{
    f64::consts::TAU,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{Error, file::text_of, span::Span};

/// When posts come: batches of messages that are sealed together, at each host by itself.
///
/// What is drawn at random comes from the scenario's seed, and for all strategies alike. Posts of a host are independent of how it fares:
/// nobody sends less because answers are late, as users of a slow service do.
///
/// ```
/// use datakey_sim::Arrivals;
///
/// // As in a scenario file, with the default of what is left out.
/// let arrivals: Arrivals = serde_json::from_str(r#"{ "kind": "poisson", "posts_per_second": 2.5 }"#)?;
/// assert_eq!(arrivals.messages_per_post(), 1);
/// assert!(serde_json::from_str::<Arrivals>(r#"{ "kind": "poisson", "posts": 2.5 }"#).is_err());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Arrivals {
    /// At an even pace, each host at a phase of its own.
    Steady {
        /// Posts a second at each host, above 0 and up to 100,000.
        posts_per_second: f64,
        /// Messages in each post, from 1 to 1,000,000. Default: 1.
        #[serde(default = "one")]
        messages_per_post: u32,
    },
    /// At random, independent of each other: gaps are exponential.
    Poisson {
        /// Posts a second at each host, on average.
        posts_per_second: f64,
        /// Messages in each post. Default: 1.
        #[serde(default = "one")]
        messages_per_post: u32,
    },
    /// At random, many times as often now and then, at all hosts at once.
    Bursts {
        /// Posts a second at each host between bursts.
        posts_per_second: f64,
        /// Messages in each post. Default: 1.
        #[serde(default = "one")]
        messages_per_post: u32,
        /// From the begin of one burst to that of the next; the first one begins after this time.
        every: Span,
        /// How long a burst is, less than `every`.
        lasting: Span,
        /// How many times as many posts come in a burst, up to 1,000,000.
        times: f64,
    },
    /// At random, by the time of day: fewest at the begin, most after half a period, along a cosine.
    Diurnal {
        /// Posts a second at each host when there are fewest; may be 0.
        least_per_second: f64,
        /// Posts a second at each host when there are most.
        most_per_second: f64,
        /// Messages in each post. Default: 1.
        #[serde(default = "one")]
        messages_per_post: u32,
        /// From one time with the fewest to the next. Default: 24 hours.
        #[serde(default = "day")]
        period: Span,
    },
    /// As often as was measured: exactly so many posts of the whole fleet in each step, at random within it, and none after the last. They
    /// are spread evenly over the hosts, and which of them have one more is drawn; hosts are there from the start.
    Trace {
        /// Posts of the whole fleet in each step. Of parts of a post a whole one comes in the step in which they add up to it.
        #[serde(default)]
        posts: Vec<f64>,
        /// A file with a number of posts in each line instead, relative to the scenario's; lines that begin with `#` are passed over.
        #[serde(default)]
        file: Option<PathBuf>,
        /// How long a step is. Default: 1 second.
        #[serde(default = "second")]
        step: Span,
        /// Messages in each post. Default: 1.
        #[serde(default = "one")]
        messages_per_post: u32,
    },
}

const fn one() -> u32 {
    1
}

const fn day() -> Span {
    Span::from_secs(86_400)
}

const fn second() -> Span {
    Span::from_secs(1)
}

/// A diurnal rate is taken as constant for a part of its period: 1,440th, a minute of a day.
const DIURNAL_STEPS: f64 = 1_440.0;

impl Arrivals {
    /// Messages in each post.
    #[must_use]
    pub const fn messages_per_post(&self) -> u32 {
        match self {
            Self::Steady {
                messages_per_post, ..
            }
            | Self::Poisson {
                messages_per_post, ..
            }
            | Self::Bursts {
                messages_per_post, ..
            }
            | Self::Diurnal {
                messages_per_post, ..
            }
            | Self::Trace {
                messages_per_post, ..
            } => *messages_per_post,
        }
    }

    /// Posts a second at each of `hosts` hosts at a time after the start, in seconds, and until when that holds.
    pub(crate) fn rate(&self, at: f64, hosts: u32) -> (f64, f64) {
        match self {
            Self::Steady { posts_per_second, .. } | Self::Poisson { posts_per_second, .. } => {
                (*posts_per_second, f64::INFINITY)
            }
            Self::Bursts {
                posts_per_second,
                every,
                lasting,
                times,
                ..
            } => {
                let (every, lasting) = (every.seconds(), lasting.seconds());
                let begun = (at / every).floor() * every;
                if begun > 0.0 && at - begun < lasting {
                    (posts_per_second * times, begun + lasting)
                } else {
                    (*posts_per_second, begun + every)
                }
            }
            Self::Diurnal {
                least_per_second,
                most_per_second,
                period,
                ..
            } => {
                let length = period.seconds() / DIURNAL_STEPS;
                let step = (at / length).floor();
                let height = (1.0 - ((step + 0.5) / DIURNAL_STEPS * TAU).cos()) / 2.0;
                let rate = least_per_second + (most_per_second - least_per_second) * height;
                (rate, (step + 1.0) * length)
            }
            Self::Trace { posts, step, .. } => {
                let place = (at / step.seconds()).floor();
                match posts.get(index(place)) {
                    Some(count) => {
                        let rate = count / step.seconds() / f64::from(hosts);
                        (rate, (place + 1.0) * step.seconds())
                    }
                    None => (0.0, f64::INFINITY),
                }
            }
        }
    }

    /// Posts that a fleet is to expect within so many seconds, at the most a little more.
    pub(crate) fn expected(&self, seconds: f64, hosts: u32) -> f64 {
        let (mut at, mut posts) = (0.0, 0.0);
        while at < seconds {
            let (rate, until) = self.rate(at, hosts);
            let until = until.min(seconds).max(at + 1e-6);
            posts += rate * (until - at);
            at = until;
        }
        posts * f64::from(hosts)
    }

    /// Reads the trace file, where one is named.
    pub(crate) fn read_trace(&mut self, folder: &Path) -> Result<(), Error> {
        let Self::Trace {
            posts,
            file: Some(file),
            ..
        } = self
        else {
            return Ok(());
        };
        let path = folder.join(file);
        let text = text_of(&path)?;
        let numbered = (1..).zip(text.lines()).filter(|(_, line)| !is_passed_over(line));
        let read = numbered.map(|(line, text)| {
            let number = text.trim().parse::<f64>().ok();
            number
                .filter(|posts| posts.is_finite() && *posts >= 0.0)
                .ok_or_else(|| Error::Trace {
                    path: path.clone(),
                    line,
                    text: text.trim().into(),
                })
        });
        *posts = read.collect::<Result<_, _>>()?;
        Ok(())
    }
}

fn is_passed_over(line: &str) -> bool {
    line.trim().is_empty() || line.trim_start().starts_with('#')
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a cast saturates, and past the end there is nothing"
)]
const fn index(place: f64) -> usize {
    place as usize
}
