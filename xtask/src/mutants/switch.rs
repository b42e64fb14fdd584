//! A file in which each of its mutants is there, behind a switch: one build for all of them.
use std::{cmp::Reverse, collections::BTreeMap, ops::Range};

use anyhow::Result;

use super::places::{Piece, Places};

/// What a mutant of a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The body of a function is a value.
    Value,
    Binary,
    Unary,
    Arm,
    Guard,
    Field,
}

/// A mutant of one file: what it replaces, in bytes, and by what.
#[derive(Debug, Clone)]
pub struct Change {
    pub number: u32,
    pub kind: Kind,
    pub replaced: Piece,
    pub replacement: String,
}

/// The switch of a mutant, as an expression.
pub fn switch(number: u32) -> String {
    format!("crate::mutant_switch::on({number})")
}

/// Numbers of the mutants whose switches stand in this text.
pub fn numbers(text: &str) -> Vec<u32> {
    text.split("mutant_switch::on(")
        .skip(1)
        .filter_map(|rest| rest.split(')').next()?.parse().ok())
        .collect()
}

/// A place that has switches: what is written instead of it.
#[derive(Debug, Default)]
struct Site {
    parts: Vec<Piece>,
    changes: Vec<Change>,
}

/// Where a site begins, whether it encloses anything, where it ends, and whether it is no guard: in an order in which a statement that
/// is put in comes before what begins there, and what encloses before what it encloses.
type Place = (usize, bool, Reverse<usize>, bool);

fn place(whole: &Piece, kind: Kind) -> Place {
    (
        whole.start,
        !whole.is_empty(),
        Reverse(whole.end),
        kind != Kind::Guard,
    )
}

/// A file with switches.
#[derive(Debug, Default)]
pub struct Switches {
    pub text: String,
    /// Those that no switch can be made for.
    pub left_out: Vec<u32>,
    /// Those in a function that is `const` no more, as a switch is read when it runs, with its name.
    pub no_longer_const: Vec<(String, u32)>,
}

/// The file with switches for these changes.
pub fn switched(source: &str, changes: &[Change]) -> Result<Switches> {
    let places = Places::of(source)?;
    let mut sites: BTreeMap<Place, Site> = BTreeMap::new();
    let mut left_out = Vec::new();
    for change in changes {
        match site(&places, change) {
            Some((whole, parts)) => {
                let site = sites.entry(place(&whole, change.kind)).or_default();
                site.parts = parts;
                site.changes.push(change.clone());
            }
            None => left_out.push(change.number),
        }
    }
    let (mut words, mut no_longer_const) = (Vec::new(), Vec::new());
    for function in &places.const_functions {
        let within = |(place, _): &(&Place, _)| function.whole.contains(&place.0);
        let inside = sites.iter().filter(within).flat_map(|(_, site)| &site.changes);
        let numbers: Vec<_> = inside.map(|one| (function.name.clone(), one.number)).collect();
        if !numbers.is_empty() {
            words.push(function.word.clone());
            no_longer_const.extend(numbers);
        }
    }
    let file = Switched { source, sites, words };
    let mut text = String::new();
    file.write(0..source.len(), None, &mut text);
    Ok(Switches {
        text,
        left_out,
        no_longer_const,
    })
}

/// The piece of the file that is written anew for a change, and its parts.
fn site(places: &Places, change: &Change) -> Option<(Piece, Vec<Piece>)> {
    let at = &change.replaced;
    match change.kind {
        Kind::Value => {
            let body = places.bodies.iter().find(|body| *body == at)?;
            Some((body.start..body.start, Vec::new()))
        }
        Kind::Binary => {
            let found = places.binaries.iter().find(|one| one.operator == *at)?;
            Some((
                found.whole.clone(),
                vec![found.left.clone(), found.operator.clone(), found.right.clone()],
            ))
        }
        Kind::Unary => {
            let found = places.unaries.iter().find(|one| one.operator == *at)?;
            Some((
                found.whole.clone(),
                vec![found.operator.clone(), found.operand.clone()],
            ))
        }
        Kind::Arm => {
            let (_, end) = places.arms.iter().find(|(whole, _)| whole == at)?;
            Some((*end..*end, Vec::new()))
        }
        Kind::Guard => {
            let guard = places.guards.iter().find(|guard| *guard == at)?;
            Some((guard.clone(), Vec::new()))
        }
        Kind::Field => {
            let holds = |fields: &[Piece]| fields.iter().any(|field| field == at);
            let found = places.structs.iter().find(|one| holds(&one.fields))?;
            Some((found.whole.clone(), Vec::new()))
        }
    }
}

struct Switched<'a> {
    source: &'a str,
    sites: BTreeMap<Place, Site>,
    /// What is not written: `const` of functions with switches.
    words: Vec<Piece>,
}

impl Switched<'_> {
    /// Writes a piece of the file; `inside` is the site that asks for it, which is not to be written again.
    fn write(&self, piece: Range<usize>, inside: Option<&Place>, text: &mut String) {
        let mut at = piece.start;
        for (place, site) in &self.sites {
            let (start, _, Reverse(end), _) = place;
            let whole = *start..*end;
            let within = *start >= at && *end <= piece.end;
            let before_it = whole.is_empty() && inside.is_some_and(|inside| inside.0 == *start);
            if !within || before_it || inside.is_some_and(|inside| place <= inside && place.0 == inside.0) {
                continue;
            }
            self.write_source(at..*start, text);
            self.write_site(place, site, text);
            at = *end;
        }
        self.write_source(at..piece.end, text);
    }

    fn write_source(&self, piece: Piece, text: &mut String) {
        let mut at = piece.start;
        let words = self.words.iter();
        for word in words.filter(|word| piece.start <= word.start && word.end <= piece.end) {
            text.push_str(self.source.get(at..word.start).unwrap_or_default());
            at = word.end;
        }
        text.push_str(self.source.get(at..piece.end).unwrap_or_default());
    }

    fn piece(&self, piece: &Piece, inside: &Place) -> String {
        let mut text = String::new();
        self.write(piece.clone(), Some(inside), &mut text);
        text
    }

    fn write_site(&self, place: &Place, site: &Site, text: &mut String) {
        let (start, _, Reverse(end), _) = *place;
        let whole = start..end;
        let original = self.piece(&whole, place);
        let Some(first) = site.changes.first() else {
            return text.push_str(&original);
        };
        match first.kind {
            Kind::Value => {
                for change in &site.changes {
                    let value = &change.replacement;
                    text.push_str(&format!("if {} {{ return {value}; }} ", switch(change.number)));
                }
            }
            Kind::Arm => {
                let all: Vec<_> = site
                    .changes
                    .iter()
                    .map(|one| format!("!{}", switch(one.number)))
                    .collect();
                text.push_str(&format!(" if {}", all.join(" && ")));
            }
            Kind::Guard => {
                let mut guard = format!("({original})");
                for change in &site.changes {
                    guard = match change.replacement.as_str() {
                        "true" => format!("({} || {guard})", switch(change.number)),
                        _ => format!("(!{} && {guard})", switch(change.number)),
                    };
                }
                text.push_str(&guard);
            }
            Kind::Binary | Kind::Unary | Kind::Field => {
                text.push('(');
                for change in &site.changes {
                    let other = self.other(place, site, change);
                    text.push_str(&format!("if {} {{ {other} }} else ", switch(change.number)));
                }
                text.push_str(&format!("{{ {original} }})"));
            }
        }
    }

    /// What an expression is under a mutant.
    fn other(&self, place: &Place, site: &Site, change: &Change) -> String {
        match (change.kind, site.parts.as_slice()) {
            (Kind::Binary, [left, _, right]) => {
                let (left, right) = (self.piece(left, place), self.piece(right, place));
                format!("({left}) {} ({right})", change.replacement)
            }
            (Kind::Unary, [_, operand]) => self.piece(operand, place),
            _ => {
                let (start, _, Reverse(end), _) = *place;
                let before = self.piece(&(start..change.replaced.start), place);
                let after = self.piece(&(change.replaced.end..end), place);
                format!("{before}{after}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Change, Kind, numbers, switched};

    fn change(source: &str, kind: Kind, replaced: &str, replacement: &str) -> Change {
        let start = source.find(replaced).unwrap_or_default();
        Change {
            number: 7,
            kind,
            replaced: start..start + replaced.len(),
            replacement: replacement.into(),
        }
    }

    fn one(source: &str, kind: Kind, replaced: &str, replacement: &str) -> String {
        let made = switched(source, &[change(source, kind, replaced, replacement)]).unwrap_or_default();
        let text = made.text;
        assert_eq!(made.left_out, Vec::<u32>::new());
        assert_eq!(numbers(&text).first(), Some(&7));
        text.replace("crate::mutant_switch::on(7)", "ON")
    }

    #[test]
    fn each_kind_has_its_switch() {
        for (source, kind, replaced, replacement, expected) in [
            (
                "fn f() -> u8 { g() }",
                Kind::Value,
                "g()",
                "1",
                "fn f() -> u8 { if ON { return 1; } g() }",
            ),
            (
                "fn f() -> u8 { a + b }",
                Kind::Binary,
                "+",
                "-",
                "fn f() -> u8 { (if ON { (a) - (b) } else { a + b }) }",
            ),
            (
                "fn f() { g(!a) }",
                Kind::Unary,
                "!",
                "",
                "fn f() { g((if ON { a } else { !a })) }",
            ),
            (
                "fn f() { match a { 1 => b, _ => c } }",
                Kind::Arm,
                "1 => b,",
                "",
                "fn f() { match a { 1 if !ON => b, _ => c } }",
            ),
            (
                "fn f() { match a { x if d(x) => b, _ => c } }",
                Kind::Guard,
                "d(x)",
                "true",
                "fn f() { match a { x if (ON || (d(x))) => b, _ => c } }",
            ),
            (
                "fn f() { S { a: 1, ..g() } }",
                Kind::Field,
                "a: 1,",
                "",
                "fn f() { (if ON { S {  ..g() } } else { S { a: 1, ..g() } }) }",
            ),
        ] {
            assert_eq!(one(source, kind, replaced, replacement), expected);
        }
    }

    #[test]
    fn what_is_nested_is_switched_in_every_copy() {
        let source = "fn f() -> u8 { a + b * c }";
        let outer = Change {
            number: 1,
            ..change(source, Kind::Binary, "+", "-")
        };
        let inner = Change {
            number: 2,
            ..change(source, Kind::Binary, "*", "/")
        };
        let text = switched(source, &[outer, inner]).unwrap_or_default().text;
        assert_eq!(numbers(&text), [1, 2, 2]);
    }

    #[test]
    fn a_value_and_what_the_body_begins_with_have_a_switch_each() {
        let source = "fn f() -> u8 { a + b }";
        let value = Change {
            number: 1,
            ..change(source, Kind::Value, "a + b", "0")
        };
        let sum = Change {
            number: 2,
            ..change(source, Kind::Binary, "+", "-")
        };
        let text = switched(source, &[value, sum]).unwrap_or_default().text;
        assert_eq!(numbers(&text), [1, 2]);
    }

    #[test]
    fn a_guard_and_the_operator_that_it_is_have_a_switch_each() {
        let source = "fn f() { match a { x if x < b => c, _ => d } }";
        let guard = Change {
            number: 1,
            ..change(source, Kind::Guard, "x < b", "true")
        };
        let less = Change {
            number: 2,
            ..change(source, Kind::Binary, "<", "==")
        };
        let text = switched(source, &[guard, less]).unwrap_or_default().text;
        let text = text.replace("crate::mutant_switch::on", "on");
        let expected = "if (on(1) || ((if on(2) { (x) == (b) } else { x < b }))) =>";
        assert!(text.contains(expected), "{text}");
    }

    #[test]
    fn a_function_with_a_switch_is_not_const() {
        let source = "const fn a() -> u8 { 1 }\nconst fn b() -> u8 { c(2) }";
        let made = switched(source, &[change(source, Kind::Value, "c(2)", "0")]).unwrap_or_default();
        let expected =
            "const fn a() -> u8 { 1 }\n fn b() -> u8 { if crate::mutant_switch::on(7) { return 0; } c(2) }";
        assert_eq!(made.text, expected);
        assert_eq!(made.no_longer_const, [("b".to_owned(), 7)]);
    }

    #[test]
    fn what_the_compiler_computes_and_what_is_opaque_is_left_out() {
        for (source, kind, replaced) in [
            ("const A: u8 = 1 + 2;", Kind::Binary, "+"),
            ("fn f() { let a = [0; 1 + 2]; }", Kind::Binary, "+"),
            ("fn f() -> impl Fn() { g() }", Kind::Value, "g()"),
            ("fn f() { if let Some(a) = b && c {} }", Kind::Binary, "&&"),
        ] {
            let made = switched(source, &[change(source, kind, replaced, "")]).unwrap_or_default();
            assert_eq!(
                (made.text.as_str(), made.left_out.as_slice()),
                (source, [7].as_slice()),
                "{source}"
            );
        }
    }
}
