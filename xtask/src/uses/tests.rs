use std::{collections::BTreeMap, path::Path};

use super::*;

fn cycles_of(files: &[(&str, &str)]) -> Vec<String> {
    let files: BTreeMap<&Path, &str> = files
        .iter()
        .map(|(path, text)| (Path::new(*path), *text))
        .collect();
    of_files(Path::new("src/lib.rs"), &|file| {
        files.get(file).map(|text| (*text).to_owned())
    })
    .unwrap_or_else(|error| vec![format!("{error:#}")])
}

#[test]
fn two_files_that_use_each_other_are_a_cycle_with_its_items() {
    let found = cycles_of(&[
        ("src/lib.rs", "mod a; mod b;"),
        ("src/a.rs", "use crate::b::B; pub struct A(B); pub fn f() {}"),
        ("src/b.rs", "pub struct B; fn g() { crate::a::f(); }"),
    ]);
    assert_eq!(found, ["a -> b -> a: a uses B of b; b uses f of a"]);
}

#[test]
fn one_way_is_no_cycle() {
    let files = [
        (
            "src/lib.rs",
            "mod a; mod b; pub use a::A; pub fn root() { a::f(); b::g(); }",
        ),
        ("src/a.rs", "use crate::b::B; pub struct A(B); pub fn f() {}"),
        ("src/b.rs", "pub struct B; pub fn g() {}"),
    ];
    assert_eq!(cycles_of(&files), [""; 0]);
}

#[test]
fn a_longer_way_back_is_a_cycle() {
    let found = cycles_of(&[
        ("src/lib.rs", "mod a; mod b; mod c;"),
        ("src/a.rs", "use crate::b::B; pub struct A;"),
        ("src/b.rs", "use super::c::C; pub struct B;"),
        ("src/c.rs", "use crate::a::A; pub struct C;"),
    ]);
    assert_eq!(
        found,
        ["a -> b -> c -> a: a uses B of b; b uses C of c; c uses A of a"]
    );
}

#[test]
fn a_child_and_the_parent_that_it_takes_from_are_a_cycle() {
    let parent = "mod child; use child::Child; pub(crate) const N: usize = 1; struct P(Child);";
    let found = cycles_of(&[
        ("src/lib.rs", "mod parent;"),
        ("src/parent.rs", parent),
        (
            "src/parent/child.rs",
            "use super::N; pub(crate) struct Child([u8; N]);",
        ),
    ]);
    assert_eq!(
        found,
        [
            "parent -> parent::child -> parent: parent uses Child of parent::child; parent::child uses N of parent"
        ]
    );
    let found = cycles_of(&[
        ("src/lib.rs", "mod parent;"),
        (
            "src/parent.rs",
            "mod child; pub(crate) const N: usize = 1; pub use child::Child;",
        ),
        ("src/parent/child.rs", "use super::N; pub struct Child([u8; N]);"),
    ]);
    assert_eq!(found, [""; 0], "a re-export alone is no use");
}

#[test]
fn a_re_exported_name_is_what_its_own_file_has() {
    // b takes C through a, which uses b: through a leads no way.
    let through = |b: &str| {
        cycles_of(&[
            ("src/lib.rs", "mod a; mod b; mod c; pub use c::C;"),
            (
                "src/a.rs",
                "pub(crate) use crate::c::C; use crate::b::B; pub struct A(B);",
            ),
            ("src/b.rs", b),
            ("src/c.rs", "pub struct C;"),
        ])
    };
    for taken in [
        "use crate::C;",
        "use crate::a::C;",
        "use super::{a, C as D}; fn f(_: a::C) {}",
    ] {
        assert_eq!(through(&format!("{taken} pub struct B;")), [""; 0], "{taken}");
    }
    assert_eq!(through("use crate::a::A; pub struct B;").len(), 1);
    // And the other way about: the root re-exports what closes a cycle.
    let found = cycles_of(&[
        ("src/lib.rs", "mod a; mod b; pub use b::B;"),
        ("src/a.rs", "use crate::B; pub struct A;"),
        ("src/b.rs", "use crate::a::A; pub struct B;"),
    ]);
    assert_eq!(found, ["a -> b -> a: a uses B of b; b uses A of a"]);
}

#[test]
fn a_re_export_that_its_own_file_uses_is_a_use() {
    let parent = |code: &str| {
        cycles_of(&[
            ("src/lib.rs", "mod parent;"),
            (
                "src/parent.rs",
                &format!("mod child; pub use child::Child; pub struct P; {code}"),
            ),
            ("src/parent/child.rs", "pub struct Child(super::P);"),
        ])
    };
    assert_eq!(parent(""), [""; 0]);
    assert_eq!(parent("fn f(_: Child) {}").len(), 1);
    assert_eq!(parent("fn f() { child::Child; }").len(), 1);
}

#[test]
fn globs_are_what_is_taken_through_them() {
    let glob = |child: &str| {
        cycles_of(&[
            ("src/lib.rs", "mod parent; mod other;"),
            (
                "src/parent.rs",
                "mod child; use crate::other::O; struct P(O, child::C);",
            ),
            ("src/parent/child.rs", child),
            ("src/other.rs", "pub struct O;"),
        ])
    };
    assert_eq!(glob("use super::*; pub struct C(O);"), [""; 0]);
    assert_eq!(glob("use super::*; pub struct C(Box<P>);").len(), 1);
}

#[test]
fn calls_of_macros_are_looked_into() {
    let files = |call: &str| {
        cycles_of(&[
            ("src/lib.rs", "mod a; mod b;"),
            ("src/a.rs", "use crate::b::B; pub fn a() {}"),
            ("src/b.rs", &format!("pub struct B; fn b() {{ {call} }}")),
        ])
    };
    assert_eq!(files("assert!(x, y(1, crate::a::a()))").len(), 1);
    assert_eq!(
        files("assert!(other::a::a(), self.a::<u8>(), \"crate::a::a\")"),
        [""; 0]
    );
}

#[test]
fn tests_comments_and_visibilities_do_not_count() {
    let files = |b: &str| {
        cycles_of(&[
            ("src/lib.rs", "mod a; mod b;"),
            ("src/a.rs", "use crate::b::B; pub struct A;"),
            ("src/b.rs", &format!("pub struct B; {b}")),
        ])
    };
    for unseen in [
        "#[cfg(test)] mod tests { use super::*; use crate::a::A; }",
        "#[cfg(all(test, unix))] mod tests;",
        "#[cfg(test)] use crate::a::A;",
        "impl B { #[cfg(test)] fn f(_: crate::a::A) {} }",
        "/// See [`crate::a::A`].\npub struct C;",
        "pub(in crate::b) struct C;",
    ] {
        assert_eq!(files(unseen), [""; 0], "{unseen}");
    }
    assert_eq!(files("#[cfg(not(test))] use crate::a::A;").len(), 1);
    assert_eq!(files("#[cfg(any(test, unix))] use crate::a::A;").len(), 1);
    assert_eq!(files("fn f() { use crate::a::A; }").len(), 1);
}

#[test]
fn modules_within_a_file_are_the_file() {
    let found = cycles_of(&[
        ("src/lib.rs", "mod a;"),
        (
            "src/a.rs",
            "mod within { pub(super) struct W(super::N); } type N = u8; struct A(within::W);",
        ),
    ]);
    assert_eq!(found, [""; 0]);
}

#[test]
fn files_are_found_where_they_are_said_to_be() {
    let found = cycles_of(&[
        (
            "src/lib.rs",
            "mod a; #[path = \"elsewhere/other.rs\"] mod b; mod c;",
        ),
        ("src/a/mod.rs", "use crate::b::inner::I; pub struct A;"),
        ("src/elsewhere/other.rs", "pub mod inner;"),
        ("src/elsewhere/inner.rs", "use crate::a::A; pub struct I;"),
        ("src/c.rs", "mod deep { mod down; }"),
        ("src/c/deep/down.rs", ""),
    ]);
    assert_eq!(
        found,
        ["a -> b::inner -> a: a uses I of b::inner; b::inner uses A of a"]
    );
    let missing = cycles_of(&[("src/lib.rs", "mod a;")]);
    assert_eq!(missing, ["the file of module a is not found"]);
}

#[test]
fn imports_in_a_circle_end() {
    let found = cycles_of(&[
        ("src/lib.rs", "mod a; mod b; pub use a::*; pub use b::*;"),
        (
            "src/a.rs",
            "pub use crate::b::X; pub use crate::*; fn f(_: X, _: Y) {}",
        ),
        ("src/b.rs", "pub use crate::a::X; pub use super::*;"),
    ]);
    assert_eq!(found, [""; 0]);
}
