//! Releases of a small workspace to a registry on the loopback, those that stop half way above all.
mod served;
mod workspace;

use std::fs;

use cargo_metadata::semver::Version;

use self::workspace::Workspace;
use super::{asked::Asked, refusal::Refusal, release};

type Outcome = anyhow::Result<()>;

/// A release of the workspace without what needs this one's commands.
fn run(workspace: &Workspace, words: &str) -> Outcome {
    let line = format!("{words} --registry local --skip ci --skip semver --skip sbom");
    let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    release(&workspace.shell, &Asked::read(&words)?)
}

fn refusal(outcome: Outcome) -> Refusal {
    let error = outcome.expect_err("it was to be refused");
    error.downcast().expect("a refusal")
}

#[test]
fn a_dry_run_checks_all_and_changes_nothing() -> Outcome {
    let workspace = Workspace::new()?;
    let before = workspace.state()?;
    run(&workspace, "--dry-run")?;
    assert_eq!(workspace.state()?, before);
    assert!(workspace.served.uploads().is_empty());
    Ok(())
}

#[test]
fn releases_follow_each_other() -> Outcome {
    let workspace = Workspace::new()?;
    run(&workspace, "--execute --skip packages")?;
    assert_eq!(
        workspace.served.uploads(),
        ["low 0.1.0", "middle 0.1.0", "top 0.1.0"]
    );
    let changelog = workspace.read("CHANGELOG.md");
    assert!(changelog.contains("## 0.1.0 (") && changelog.contains("### Added\n\n- It adds up.\n"));
    assert!(
        !workspace.root().join("docs/changes/sum.added.md").exists(),
        "the note is folded"
    );
    assert_eq!(workspace.tags()?, "v0.1.0\n");
    assert_eq!(
        refusal(run(&workspace, "")),
        Refusal::Released(Version::new(0, 1, 0)),
        "the same once more"
    );
    assert_eq!(
        refusal(run(&workspace, "minor")),
        Refusal::NothingChanged,
        "a release without a note"
    );
    workspace.note("less.breaking.md", "It takes less.\n")?;
    run(&workspace, "minor --execute --skip packages")?;
    assert_eq!(
        workspace.served.uploads().get(3..),
        Some(&["low 0.2.0".to_owned(), "middle 0.2.0".into(), "top 0.2.0".into()][..])
    );
    assert!(workspace.read("Cargo.lock").contains("version = \"0.2.0\""));
    assert!(
        workspace
            .read("CHANGELOG.md")
            .contains("### Breaking\n\n- It takes less.\n\n## 0.1.0 (")
    );
    assert_eq!(workspace.tags()?, "v0.1.0\nv0.2.0\n");
    Ok(())
}

#[test]
fn what_stopped_half_way_goes_on_where_it_stopped() -> Outcome {
    let workspace = Workspace::new()?;
    workspace.served.refuse(Some("middle"));
    let stopped = Refusal::Stopped {
        done: vec!["low".into()],
        left: vec!["middle".into(), "top".into()],
    };
    let words = "--execute --skip packages";
    assert_eq!(refusal(run(&workspace, words)), stopped);
    assert_eq!(workspace.tags()?, "", "what is not whole has no tag");
    let begun = workspace.head()?;
    assert_eq!(refusal(run(&workspace, words)), stopped, "it still fails");
    assert_eq!(workspace.head()?, begun, "no second commit");
    assert_eq!(
        refusal(run(&workspace, "patch --execute")),
        Refusal::Unfinished(Version::new(0, 1, 0))
    );
    // Work goes on meanwhile, and is in no package of this release.
    workspace.write("crates/low/src/lib.rs", "//! Another thing.\n")?;
    workspace.commit("Change low")?;
    workspace.served.refuse(None);
    run(&workspace, words)?;
    assert_eq!(
        workspace.served.uploads(),
        ["low 0.1.0", "middle 0.1.0", "top 0.1.0"]
    );
    assert_eq!(
        workspace.shell.git(&["rev-parse", "v0.1.0^{commit}"])?.trim(),
        begun
    );
    Ok(())
}

#[test]
fn what_was_uploaded_while_the_answer_was_lost_is_not_uploaded_again() -> Outcome {
    let workspace = Workspace::new()?;
    workspace.served.lose_answer_of(Some("middle"));
    let words = "--execute --skip packages";
    let stopped = refusal(run(&workspace, words));
    assert!(
        matches!(&stopped, Refusal::Stopped { done, .. } if done == &["low", "middle"]),
        "{stopped:?}"
    );
    workspace.served.lose_answer_of(None);
    run(&workspace, words)?;
    assert_eq!(
        workspace.served.uploads(),
        ["low 0.1.0", "middle 0.1.0", "top 0.1.0"]
    );
    Ok(())
}

#[test]
fn a_version_with_other_content_is_refused_before_anything_is_uploaded() -> Outcome {
    let (first, second) = (Workspace::new()?, Workspace::new()?);
    second.write("crates/low/src/lib.rs", "//! Another thing.\n")?;
    second.commit("Change low")?;
    first.served.refuse(Some("middle"));
    refusal(run(&first, "--execute --skip packages"));
    second.served.take_from(&first.served);
    let found = refusal(run(&second, "--execute --skip packages"));
    assert!(
        matches!(&found, Refusal::OtherContent { name, .. } if name == "low"),
        "{found:?}"
    );
    assert!(second.served.uploads().is_empty() && second.tags()?.is_empty());
    Ok(())
}

#[test]
fn a_package_that_fails_alone_stops_it_and_nothing_has_changed() -> Outcome {
    let workspace = Workspace::new()?;
    // In the workspace this file is there, in the package it is not.
    workspace.write(
        "crates/top/tests/sum.rs",
        "#[test]\nfn told() { assert!(include_str!(\"../../../README.md\").len() > 3); }\n",
    )?;
    workspace.commit("Read the README")?;
    let before = workspace.state()?;
    let error = run(&workspace, "--execute").expect_err("a package without what its test reads");
    assert!(
        format!("{error:#}").contains("the package of top alone"),
        "{error:#}"
    );
    assert_eq!(workspace.state()?, before);
    assert!(workspace.served.uploads().is_empty());
    Ok(())
}

#[test]
fn a_package_without_a_licence_stops_it() -> Outcome {
    let workspace = Workspace::new()?;
    fs::remove_file(workspace.root().join("crates/middle/LICENSE-MIT"))?;
    workspace.commit("Lose a licence")?;
    let error = run(&workspace, "--skip packages").expect_err("a package without a licence");
    assert!(
        format!("{error:#}").contains("middle has no LICENSE-MIT"),
        "{error:#}"
    );
    Ok(())
}

#[test]
fn what_is_not_ready_is_refused() -> Outcome {
    let workspace = Workspace::new()?;
    workspace.write("left.txt", "not committed")?;
    assert_eq!(
        refusal(run(&workspace, "")),
        Refusal::Dirty(vec!["left.txt".into()])
    );
    workspace.commit("Add it")?;
    assert!(matches!(
        refusal(run(&workspace, "0.0.9")),
        Refusal::NotNewer { .. }
    ));
    workspace.note("new.feature.md", "It is new.\n")?;
    let notes = refusal(run(&workspace, ""));
    assert!(
        matches!(&notes, Refusal::Notes(wrong) if wrong.len() == 1),
        "{notes:?}"
    );
    workspace.shell.git(&["checkout", "--quiet", "-b", "side"])?;
    assert!(matches!(refusal(run(&workspace, "")), Refusal::Branch { found, .. } if found == "side"));
    Ok(())
}
