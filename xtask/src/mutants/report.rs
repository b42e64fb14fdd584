//! What came of the mutants of a crate, with the interval that a sample leaves.
use std::fmt::Write as _;

use super::{list::Mutant, trial::Verdict};

/// A mutant and what the tests made of it.
pub type Judged = (Mutant, Verdict);

/// Whether no test tells the mutant from the code.
pub const fn is_alive(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Survived | Verdict::Unreached)
}

/// The figures of a crate.
#[derive(Debug)]
pub struct Report<'a> {
    pub package: &'a str,
    pub listed: usize,
    pub unviable: usize,
    pub seed: u64,
    pub judged: &'a [Judged],
}

impl Report<'_> {
    /// Mutants that no test tells from the code.
    pub fn alive(&self) -> Vec<&Judged> {
        self.judged
            .iter()
            .filter(|(_, verdict)| is_alive(*verdict))
            .collect()
    }

    fn count(&self, wanted: Verdict) -> usize {
        self.judged
            .iter()
            .filter(|(_, verdict)| *verdict == wanted)
            .count()
    }

    /// A row of the table of `docs/testing.md`.
    pub fn row(&self) -> String {
        let (alive, all) = (self.alive().len(), self.judged.len());
        let (low, high) = interval(alive, all);
        format!(
            "| `{}` | {} | {all} | {} | {} | {} | {alive} | {:.1} % ({:.1} to {:.1}) |",
            self.package,
            self.listed,
            self.unviable,
            self.count(Verdict::Caught),
            self.count(Verdict::Endless),
            100.0 * share(alive, all),
            100.0 * low,
            100.0 * high,
        )
    }

    /// The row and each mutant that is alive.
    pub fn text(&self) -> String {
        let mut text = format!("seed {}\n{HEAD}\n{}\n\n", self.seed, self.row());
        for (mutant, verdict) in self.alive() {
            let _to_a_string = writeln!(text, "{verdict:?}: {}", mutant.name);
        }
        text
    }
}

/// The head of the table.
pub const HEAD: &str = "| crate | mutants | tried | not compiled | caught | endless | alive | alive, with the interval of 95 in 100 |\n|---|---|---|---|---|---|---|---|";

fn share(part: usize, all: usize) -> f64 {
    if all == 0 { 0.0 } else { part as f64 / all as f64 }
}

/// Wilson's interval of a share, at 95 in 100.
fn interval(part: usize, all: usize) -> (f64, f64) {
    const Z: f64 = 1.959_964;
    if all == 0 {
        return (0.0, 1.0);
    }
    let (count, share) = (all as f64, share(part, all));
    let middle = share + Z * Z / (2.0 * count);
    let width = Z * (share * (1.0 - share) / count + Z * Z / (4.0 * count * count)).sqrt();
    let scale = 1.0 + Z * Z / count;
    (((middle - width) / scale).max(0.0), (middle + width) / scale)
}

#[cfg(test)]
mod tests {
    use super::interval;

    #[test]
    fn the_interval_is_wilsons() {
        // Newcombe, 1998, example of 15 in 148.
        let (low, high) = interval(15, 148);
        assert!(
            (low - 0.0624).abs() < 1e-4 && (high - 0.1605).abs() < 1e-4,
            "{low} {high}"
        );
        assert_eq!(interval(0, 0), (0.0, 1.0));
    }
}
