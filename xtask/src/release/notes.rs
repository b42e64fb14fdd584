//! The notes of changes: a file for each under `docs/changes/`, named `WHAT.KIND.md`, until a release folds them into the changelog.
use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

/// Where notes are; its `README.md` says how they are written.
pub const FOLDER: &str = "docs/changes";

/// Kinds in the order of the changelog, each with its heading there.
const KINDS: [(&str, &str); 6] = [
    ("security", "Security"),
    ("breaking", "Breaking"),
    ("added", "Added"),
    ("changed", "Changed"),
    ("fixed", "Fixed"),
    ("removed", "Removed"),
];

/// One change, as whoever uses the crates is told of it.
#[derive(Debug, PartialEq, Eq)]
pub struct Note {
    pub file: PathBuf,
    /// An index into [`KINDS`].
    kind: usize,
    text: String,
}

/// All notes of a workspace by name, and what is wrong with those that are not in form.
pub fn read(root: &Path) -> Result<(Vec<Note>, Vec<String>)> {
    let folder = root.join(FOLDER);
    let mut files = Vec::new();
    if folder.is_dir() {
        for entry in fs::read_dir(&folder).context("docs/changes cannot be read")? {
            files.push(entry.context("docs/changes cannot be read")?.file_name());
        }
    }
    files.sort();
    let (mut notes, mut wrong) = (Vec::new(), Vec::new());
    for name in files.iter().map(|name| name.to_string_lossy()) {
        if name == "README.md" {
            continue;
        }
        let file = Path::new(FOLDER).join(&*name);
        let text = fs::read_to_string(root.join(&file)).unwrap_or_default();
        match parse(&name, &text) {
            Ok((kind, text)) => notes.push(Note { file, kind, text }),
            Err(what) => wrong.push(format!("{}: {what}", file.display())),
        }
    }
    Ok((notes, wrong))
}

/// The kind and the text of a note.
fn parse(name: &str, text: &str) -> Result<(usize, String), String> {
    let parts: Vec<&str> = name.split('.').collect();
    let [what, kind, "md"] = parts[..] else {
        return Err("is not named WHAT.KIND.md".into());
    };
    let in_form = |char: char| char.is_ascii_lowercase() || char.is_ascii_digit() || char == '-';
    if what.is_empty() || !what.chars().all(in_form) {
        return Err("is not named in small letters, digits and hyphens".into());
    }
    let Some(kind) = KINDS.iter().position(|(known, _)| *known == kind) else {
        let known: Vec<&str> = KINDS.iter().map(|(known, _)| *known).collect();
        return Err(format!("is of no kind: `{kind}` is none of {}", known.join(", ")));
    };
    let text = text.trim();
    let lines = || text.lines().map(str::trim_start);
    if text.is_empty() {
        return Err("says nothing".into());
    }
    if lines().any(str::is_empty) || lines().any(|line| line.starts_with(['#', '-', '*', '>'])) {
        return Err("is not one paragraph: it has an empty line, a heading, a quotation or a list".into());
    }
    if !text.ends_with(['.', '`']) {
        return Err("does not end as a sentence does".into());
    }
    if text.split("](").skip(1).any(|link| !link.starts_with("http")) {
        return Err("links to a file, and is to move into another folder: name the file in backticks".into());
    }
    Ok((kind, text.to_owned()))
}

/// The notes as they stand in the changelog: a heading for each kind that there is, a point for each note.
pub fn points(notes: &[Note]) -> String {
    let mut points = String::new();
    for (kind, (_, heading)) in KINDS.iter().enumerate() {
        let mut of_kind = notes.iter().filter(|note| note.kind == kind).peekable();
        if of_kind.peek().is_none() {
            continue;
        }
        points.push_str(&format!("### {heading}\n\n"));
        for note in of_kind {
            let text = note.text.replace('\n', "\n  ");
            points.push_str(&format!("- {text}\n"));
        }
        points.push('\n');
    }
    points
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_in_form_or_told_why_not() {
        assert_eq!(
            parse("a-1.added.md", "It is new:\nit seals.\n"),
            Ok((2, "It is new:\nit seals.".into()))
        );
        for (name, text, why) in [
            ("a.md", "X.", "named WHAT"),
            ("a.b.added.md", "X.", "named WHAT"),
            ("A.added.md", "X.", "small letters"),
            (".added.md", "X.", "small letters"),
            ("a.new.md", "X.", "no kind"),
            ("a.added.md", " \n", "nothing"),
            ("a.added.md", "X.\n\nY.", "one paragraph"),
            ("a.added.md", "- X.", "one paragraph"),
            ("a.added.md", "X", "sentence"),
            ("a.added.md", "[X](../guide.md).", "links"),
        ] {
            let found = parse(name, text);
            assert!(
                found.as_ref().is_err_and(|what| what.contains(why)),
                "{name} {text:?}: {found:?}"
            );
        }
    }

    #[test]
    fn points_stand_under_the_heading_of_their_kind() {
        let note = |kind, text: &str| Note {
            file: PathBuf::new(),
            kind,
            text: text.into(),
        };
        let notes = [
            note(4, "A fault\nis gone."),
            note(2, "It opens."),
            note(2, "It seals."),
        ];
        assert_eq!(
            points(&notes),
            "### Added\n\n- It opens.\n- It seals.\n\n### Fixed\n\n- A fault\n  is gone.\n\n"
        );
    }
}
