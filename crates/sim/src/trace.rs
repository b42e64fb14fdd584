//! When posts of a trace come to one host.
//!
//! A trace says how many posts came to the whole fleet in each step, so that is how many come: none is drawn. What is drawn is when they
//! come within the step, by each host for itself, and which hosts have one more where a step's posts cannot be spread evenly. All of it is
//! drawn from the scenario's seed, so the same scenario has the same posts, and each strategy too.
//!
//! Hosts draw without asking each other: that one has a post more follows from its number and from what is drawn for the step, which is
//! the same number for all of them.
use rand::{RngExt as _, rngs::Xoshiro256PlusPlus};

use crate::{
    seeds::{Role, seed},
    span::Span,
};

/// The posts of a trace at one host: those of all hosts together are as many in each step as the trace says.
///
/// Of numbers that are not whole, as means have them, sums are kept: each step ends with as many posts as all steps up to it add up to, to
/// the nearest whole one. So 0.4 and 0.4 are no post and one.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    /// The next step to draw.
    place: usize,
    /// Posts of all steps before it, of the whole fleet.
    before: f64,
    /// Times of the step that was drawn last, in seconds after the start, the latest first.
    times: Vec<f64>,
}

impl Turns {
    /// When the next post comes, in seconds after the start.
    pub(crate) fn next(
        &mut self,
        (posts, step): (&[f64], Span),
        (number, hosts): (u32, u32),
        scenario_seed: u64,
        random: &mut Xoshiro256PlusPlus,
    ) -> Option<f64> {
        while self.times.is_empty() {
            let count = *posts.get(self.place)?;
            let until = self.before + count;
            let whole = until.round() - self.before.round();
            let begin = self.place as f64 * step.seconds();
            for _ in 0..share(
                whole,
                (number, hosts),
                seed(scenario_seed, Role::Trace, self.place as u64),
            ) {
                self.times.push(begin + random.random::<f64>() * step.seconds());
            }
            self.times.sort_unstable_by(|a, b| b.total_cmp(a));
            self.before = until;
            self.place = self.place.saturating_add(1);
        }
        self.times.pop()
    }
}

/// How many of so many posts are those of a host. What is left over goes to hosts beside each other, the first of which is drawn.
///
/// The shares of all hosts add up to the posts, and no two of them differ by more than one.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "whole numbers from 0 to 1e9"
)]
fn share(posts: f64, (number, hosts): (u32, u32), drawn: u64) -> u64 {
    let (posts, all) = (posts as u64, u64::from(hosts.max(1)));
    let turn = u64::from(number)
        .wrapping_add(drawn.checked_rem(all).unwrap_or_default())
        .checked_rem(all)
        .unwrap_or_default();
    let each = posts.checked_div(all).unwrap_or_default();
    let left = posts.checked_rem(all).unwrap_or_default();
    each.saturating_add(u64::from(turn < left))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shares_of_all_hosts_are_the_posts() {
        for (posts, hosts) in [(0.0, 3), (1.0, 7), (60.0, 7), (1e6, 999), (5.0, 1)] {
            for drawn in [0, 1, 12_345, u64::MAX] {
                let shares: Vec<u64> = (0..hosts)
                    .map(|host| share(posts, (host, hosts), drawn))
                    .collect();
                assert_eq!(shares.iter().sum::<u64>() as f64, posts, "{posts} over {hosts}");
                let (least, most) = (shares.iter().min().unwrap(), shares.iter().max().unwrap());
                assert!(most - least <= 1, "{shares:?}");
            }
        }
    }
}
