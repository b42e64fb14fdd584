//! A child of `fork` begins loads of its own.
use std::process::Command;

#[test]
fn a_child_that_inherited_a_load_in_flight_begins_its_own() {
    let told = Command::new(env!("CARGO_BIN_EXE_loads_forked")).output().unwrap();
    let said = String::from_utf8_lossy(&told.stdout);
    assert!(
        told.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&told.stderr)
    );
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(
        lines,
        [
            "child: seals",
            "child: opens",
            "child exited with 0",
            "parent: seals",
            "parent: opens"
        ]
    );
}
