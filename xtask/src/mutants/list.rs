//! The mutants of a crate, as `cargo-mutants` lists them, and a sample of them by a seed.
use std::{collections::BTreeMap, fs, path::PathBuf};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use super::switch::{Change, Kind};
use crate::cargo;

/// A mutant, the file that it is in, and its name for people.
#[derive(Debug, Clone)]
pub struct Mutant {
    pub name: String,
    pub file: PathBuf,
    pub change: Change,
}

#[derive(Deserialize)]
struct Listed {
    name: String,
    file: PathBuf,
    span: Span,
    replacement: String,
    genre: String,
}

#[derive(Deserialize)]
struct Span {
    start: Place,
    end: Place,
}

/// Both from 1; columns count characters.
#[derive(Deserialize)]
struct Place {
    line: usize,
    column: usize,
}

/// All mutants of a crate.
pub fn all(package: &str) -> Result<Vec<Mutant>> {
    let asked = ["mutants", "--list", "--json", "--package", package];
    let listed = cargo::output(&asked)
        .context("cargo-mutants lists the mutants: `cargo install --locked cargo-mutants`")?;
    let listed: Vec<Listed> = serde_json::from_str(&listed).context("cargo-mutants listed something else")?;
    let mut sources = BTreeMap::new();
    let mut mutants = Vec::new();
    for (number, one) in (1..).zip(listed) {
        if !sources.contains_key(&one.file) {
            let source = fs::read_to_string(&one.file).with_context(|| format!("{}", one.file.display()))?;
            sources.insert(one.file.clone(), source);
        }
        let source = sources.get(&one.file).map_or("", String::as_str);
        let (Some(start), Some(end)) = (one.span.start.byte(source), one.span.end.byte(source)) else {
            bail!("{} is not within its file", one.name);
        };
        mutants.push(Mutant {
            change: Change {
                number,
                kind: kind(&one.genre)?,
                replaced: start..end,
                replacement: one.replacement,
            },
            name: one.name,
            file: one.file,
        });
    }
    Ok(mutants)
}

fn kind(genre: &str) -> Result<Kind> {
    Ok(match genre {
        "FnValue" => Kind::Value,
        "BinaryOperator" => Kind::Binary,
        "UnaryOperator" => Kind::Unary,
        "MatchArm" => Kind::Arm,
        "MatchArmGuard" => Kind::Guard,
        "StructField" => Kind::Field,
        other => bail!("cargo-mutants has a kind of mutant that is not known here: {other}"),
    })
}

impl Place {
    /// Where this is in the text, in bytes.
    fn byte(&self, text: &str) -> Option<usize> {
        let line_start = match self.line.checked_sub(2) {
            None => 0,
            Some(before) => text.match_indices('\n').nth(before)?.0 + 1,
        };
        let line = text.get(line_start..)?;
        let column = self.column.checked_sub(1)?;
        let within = line.char_indices().nth(column).map_or(line.len(), |(at, _)| at);
        Some(line_start + within)
    }
}

/// Puts them into an order that the seed alone decides, so that the first so many are a sample.
pub fn shuffle(mutants: &mut [Mutant], seed: u64) {
    let mut state = seed;
    for last in (1..mutants.len()).rev() {
        let drawn = (u128::from(split_mix(&mut state)) * (last as u128 + 1)) >> 64;
        mutants.swap(last, usize::try_from(drawn).unwrap_or_default());
    }
}

/// `SplitMix64`, of Steele, Lea and Flood.
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::{Place, split_mix};

    #[test]
    fn places_are_counted_in_lines_and_characters() {
        let text = "a\né b\n\nc";
        for (line, column, byte) in [(1, 1, 0), (2, 3, 5), (4, 1, 8), (4, 2, 9)] {
            assert_eq!(Place { line, column }.byte(text), Some(byte));
        }
        assert_eq!(Place { line: 9, column: 1 }.byte(text), None);
    }

    #[test]
    fn draws_are_those_of_split_mix() {
        let mut state = 1_234_567;
        assert_eq!(split_mix(&mut state), 6_457_827_717_110_365_317);
    }
}
