//! What the command prints, to the letter: its help, and the outputs that `docs/command-line.md` shows. `TRYCMD=overwrite` writes them
//! anew.
use std::{env, fs, path::Path};

use crate::shell::is_packaged;

/// The help of each command.
#[cfg(all(feature = "account", feature = "tls"))]
#[test]
fn the_help_of_each_command_is_as_it_was_agreed_on() {
    let cases = trycmd::TestCases::new();
    cases.case("tests/snapshots/*.trycmd");
    if cfg!(feature = "dynamodb") {
        // There is a command more.
        cases.skip("tests/snapshots/help.trycmd");
    }
}

/// The chapter is run in a folder with what it seals.
#[test]
fn the_chapter_on_the_command_line_shows_what_the_command_does() {
    if is_packaged() {
        return;
    }
    let chapter = Path::new("../../docs/command-line.md");
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("command-line.md");
    fs::copy(chapter, &copy).unwrap();
    let files = folder.path().join("command-line.in");
    fs::create_dir_all(files.join("shop/returns")).unwrap();
    let orders = "id,item,total\n1,2 notebooks,8.98\n2,\"pen,\nblue\",1.50\n";
    fs::write(files.join("orders.csv"), orders).unwrap();
    for (name, text) in [
        ("shop/monday", "order 1"),
        ("shop/tuesday", "order 2"),
        ("shop/returns/1", "order 1"),
    ] {
        fs::write(files.join(name), text).unwrap();
    }
    let cases = trycmd::TestCases::new();
    cases.env("DATAKEY_CONFIG", "").case(&copy);
    cases.run();
    if env::var_os("TRYCMD").is_some_and(|mode| mode == "overwrite") {
        fs::copy(&copy, chapter).unwrap();
    }
}
