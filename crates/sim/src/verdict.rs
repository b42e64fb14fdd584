//! What came of a strategy, in plain words.
use crate::{Flow, Limit, Outcome};

impl Outcome {
    /// Whether nothing was given up, and no more than one message in a thousand still waited at the end, by either half.
    ///
    /// ```
    /// use datakey_sim::{BuiltIn, run};
    ///
    /// let bulk = BuiltIn::named("bulk-post")?.scenario()?.only(&["data key caching"])?;
    /// assert!(run(&bulk)?.outcomes[0].is_well());
    /// # Ok::<(), datakey_sim::Error>(())
    /// ```
    #[must_use]
    pub const fn is_well(&self) -> bool {
        is_well(&self.sealing) && is_well(&self.opening)
    }

    /// What came of it in one or two sentences, for whoever reads no tables.
    ///
    /// ```
    /// use datakey_sim::{BuiltIn, run};
    ///
    /// let order_id = BuiltIn::named("order-id")?.scenario()?.only(&["data key caching"])?;
    /// let verdict = run(&order_id)?.outcomes[0].verdict();
    /// assert!(verdict.contains("1 call for each message"), "{verdict}");
    /// # Ok::<(), datakey_sim::Error>(())
    /// ```
    #[must_use]
    pub fn verdict(&self) -> String {
        let mut text = if self.sealing.offered == 0 {
            "Nothing came to be sealed".to_owned()
        } else {
            sentence(&half(&self.sealing, "sealed"))
        };
        if self.opening.offered > 0 && !is_well(&self.opening) {
            text = format!(
                "{text}; of those that came to readers, {}",
                half(&self.opening, "opened")
            );
        }
        let calls = self.kms.answered.saturating_add(self.kms.throttled);
        text = format!("{text}. {}", self.called(calls));
        if let Some(limit) = self.decided {
            let outage = match limit {
                Limit::Breaker => ", as KMS did not answer",
                _ => "",
            };
            text = format!("{text} What decided: {}{outage}.", limit.as_str());
        }
        text
    }

    fn called(&self, calls: u64) -> String {
        let messages = self.sealing.done.max(1) as f64;
        let refused = match self.kms.throttled {
            0 => "and refused none".to_owned(),
            count => format!("and refused {} of {} calls", grouped(count), grouped(calls)),
        };
        let each = self.kms.answered as f64 / messages;
        let calls = match self.kms.answered {
            0 => "no call".to_owned(),
            _ if each >= 0.95 => format!(
                "{each:.0} call{} for each message",
                if each < 1.5 { "" } else { "s" }
            ),
            _ => format!("a call for every {} messages", grouped(whole(1.0 / each))),
        };
        format!("KMS answered {calls} {refused}.")
    }
}

/// Whether all that came was done, but for what came last.
const fn is_well(flow: &Flow) -> bool {
    flow.failed == 0 && flow.waiting.saturating_mul(1_000) <= flow.offered
}

fn half(flow: &Flow, done: &str) -> String {
    let mut parts = Vec::new();
    let share = |count: u64| 100.0 * count as f64 / flow.offered.max(1) as f64;
    if is_well(flow) && flow.waiting > 0 {
        parts.push(format!(
            "{} of {} messages were {done}, {} still waited at the end",
            grouped(flow.done),
            grouped(flow.offered),
            grouped(flow.waiting)
        ));
    } else if is_well(flow) {
        parts.push(format!("all {} messages were {done}", grouped(flow.offered)));
    } else {
        parts.push(format!(
            "{:.1} percent of {} messages were {done}",
            share(flow.done),
            grouped(flow.offered)
        ));
    }
    if flow.failed > 0 {
        parts.push(format!("{:.1} percent were given up", share(flow.failed)));
    }
    if !is_well(flow) && share(flow.waiting) >= 0.05 {
        parts.push(format!(
            "{:.1} percent still waited at the end",
            share(flow.waiting)
        ));
    }
    let latency = &flow.latency;
    if flow.done > 0 {
        let (most, longest) = (latency.p99_seconds, latency.max_seconds);
        parts.push(if longest < 1.0 {
            "none waited for a second".to_owned()
        } else if most < 0.1 {
            format!("99 in a hundred waited less than 0.1 s and the longest {longest:.1} s")
        } else {
            format!("one in a hundred waited {most:.1} s or more")
        });
    }
    parts.join(", ")
}

fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(char::to_uppercase);
    first.into_iter().flatten().chain(characters).collect()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a number of messages, and a cast saturates"
)]
fn whole(number: f64) -> u64 {
    number.round() as u64
}

/// A number with its thousands separated.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let first = digits.len() % 3;
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && place % 3 == first {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}
