//! The lines that make pure Rust ciphers fast in debug builds: the same wherever they stand, and each names what is there.

const PAGES: [&str; 3] = [
    include_str!("../../../docs/guide.md"),
    include_str!("../../../crates/envelope/README.md"),
    include_str!("../../../crates/envelope/src/lib.rs"),
];

/// The packages of the first `[profile.dev.package]` of a page.
fn packages(page: &str) -> Vec<&str> {
    let lines = page.lines().map(|line| line.trim_start_matches("//! "));
    let after = lines.skip_while(|line| *line != "[profile.dev.package]").skip(1);
    let lines = after.map_while(|line| line.strip_suffix(".opt-level = 3"));
    lines.collect()
}

#[test]
fn the_lines_are_the_same_on_every_page_and_name_packages_that_are_there() {
    let first = packages(PAGES[0]);
    let lock = include_str!("../../../Cargo.lock");
    for package in &first {
        assert!(lock.contains(&format!("name = \"{package}\"\n")), "{package}");
    }
    // The ciphers are generic: what is compiled in the crate that uses them is optimised with it, or not at all.
    for needed in ["datakey-envelope", "aes", "chacha20", "poly1305", "ghash", "sha2"] {
        assert!(first.contains(&needed), "{first:?}");
    }
    for page in &PAGES[1..] {
        assert_eq!(packages(page), first);
    }
}
