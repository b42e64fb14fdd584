//! Which files a command works on, and where their results go.
use std::{
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
};

use walkdir::WalkDir;

use crate::{failure::Failure, input, kept::Kept, output, role::Role};

/// One input and its output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) input: PathBuf,
    pub(crate) output: PathBuf,
    /// The length of the input, in bytes, where it is a file.
    pub(crate) bytes: u64,
}

/// All inputs of a command.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) items: Vec<Item>,
    /// Whether several were asked for, or a folder: what is done is then told of all together.
    pub(crate) is_many: bool,
    /// Why folders in folders could not be read.
    pub(crate) unread: Vec<Failure>,
    /// What was in folders and is none of the command's: links, devices, and files by their names.
    pub(crate) passed_over: u64,
}

/// What a command does with names.
pub(crate) struct Naming<'n> {
    /// Whether a file in a folder is one of its inputs.
    pub(crate) is_input: &'n dyn Fn(&Path) -> bool,
    /// The name of the result.
    pub(crate) result: &'n dyn Fn(&Path) -> Result<PathBuf, Failure>,
}

impl Plan {
    /// Inputs that have no outputs.
    ///
    /// # Errors
    /// When standard input is one of several inputs.
    pub(crate) fn without_outputs(
        inputs: &[PathBuf],
        is_input: &dyn Fn(&Path) -> bool,
    ) -> Result<Self, Failure> {
        let naming = Naming {
            is_input,
            result: &|_input| Ok(PathBuf::new()),
        };
        Self::build(inputs, None, &naming)
    }

    /// Inputs and their outputs: beside them, or where `output` says.
    ///
    /// # Errors
    /// When an output is nothing that such results can go to, or two inputs have the same.
    pub(crate) fn new(
        inputs: &[PathBuf],
        output: Option<&Path>,
        naming: &Naming<'_>,
    ) -> Result<Self, Failure> {
        let plan = Self::build(inputs, output, naming)?;
        let mut seen: HashMap<&Path, &Path> = HashMap::new();
        for Item { input, output, .. } in &plan.items {
            if output::is_stdout(output) {
                continue;
            }
            if let Some(first) = seen.insert(output, input) {
                let (path, first, second) = (output.clone(), first.to_owned(), input.clone());
                return Err(if first == second {
                    Failure::InputTwice { path: second }
                } else {
                    Failure::OutputTwice { path, first, second }
                });
            }
        }
        Ok(plan)
    }

    fn build(inputs: &[PathBuf], output: Option<&Path>, naming: &Naming<'_>) -> Result<Self, Failure> {
        if let [one] = inputs
            && (one == Path::new("-") || !input::is_folder(one))
        {
            return Self::of_one(one, output, naming);
        }
        if inputs.iter().any(|input| input == Path::new("-")) {
            return Err(Failure::Usage(
                "standard input is read by itself, not with files".to_owned(),
            ));
        }
        if let Some(output) = output
            && (output::is_stdout(output) || (output.exists() && !input::is_folder(output)))
        {
            return Err(Failure::Usage(format!(
                "several inputs, or a folder, go into a folder, and {} is none",
                output::named(output)
            )));
        }
        let mut plan = Self {
            is_many: true,
            ..Self::default()
        };
        for input in inputs {
            if input::is_folder(input) {
                plan.walk(input, output, naming)?;
            } else {
                plan.add(input, place_of_file(input, output, naming)?);
            }
        }
        Ok(plan)
    }

    fn of_one(input: &Path, output: Option<&Path>, naming: &Naming<'_>) -> Result<Self, Failure> {
        let place = match output {
            None if input == Path::new("-") => PathBuf::from("-"),
            Some(folder) if input != Path::new("-") && input::is_folder(folder) => {
                place_of_file(input, Some(folder), naming)?
            }
            Some(place) => place.to_owned(),
            None => (naming.result)(input)?,
        };
        let mut plan = Self::default();
        plan.add(input, place);
        Ok(plan)
    }

    fn add(&mut self, input: &Path, output: PathBuf) {
        // What cannot be looked at is told when it is opened.
        let bytes = fs::metadata(input).map_or(0, |metadata| metadata.len());
        self.items.push(Item {
            input: input.to_owned(),
            output,
            bytes,
        });
    }

    fn walk(&mut self, folder: &Path, output: Option<&Path>, naming: &Naming<'_>) -> Result<(), Failure> {
        for entry in WalkDir::new(folder).follow_root_links(true).sort_by_file_name() {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    let path = error.path().unwrap_or(folder).to_owned();
                    let source = error.into_io_error();
                    let source = source.unwrap_or_else(|| io::Error::other("its links go in a circle"));
                    self.unread.push(Failure::read(&path, source));
                    continue;
                }
            };
            // The folder itself may be named by a link.
            if entry.file_type().is_dir() || entry.depth() == 0 {
                continue;
            }
            if !entry.file_type().is_file() || is_draft(entry.path()) || !(naming.is_input)(entry.path()) {
                self.passed_over = self.passed_over.saturating_add(1);
                continue;
            }
            let result = (naming.result)(entry.path())?;
            let place = match output {
                // As in the folder, so in that of the outputs.
                Some(output) => output.join(result.strip_prefix(folder).unwrap_or(&result)),
                None => result,
            };
            let bytes = entry.metadata().map_or(0, |metadata| metadata.len());
            self.items.push(Item {
                input: entry.into_path(),
                output: place,
                bytes,
            });
        }
        Ok(())
    }

    /// Whether no output is a file that is to stay as it is, or an input.
    ///
    /// # Errors
    /// When one is.
    pub(crate) fn check(&self, kept: Kept) -> Result<(), Failure> {
        let kept = kept.with(Role::Input, self.items.iter().map(|item| item.input.as_path()));
        self.items.iter().try_for_each(|item| kept.check(&item.output))
    }

    /// How many bytes the inputs have together, where that is known.
    pub(crate) fn bytes(&self) -> Option<u64> {
        let is_file = |item: &Item| fs::metadata(&item.input).is_ok_and(|metadata| metadata.is_file());
        let known = self.is_many || self.items.iter().all(is_file);
        known.then(|| {
            self.items
                .iter()
                .map(|item| item.bytes)
                .fold(0, u64::saturating_add)
        })
    }
}

fn place_of_file(input: &Path, folder: Option<&Path>, naming: &Naming<'_>) -> Result<PathBuf, Failure> {
    let result = (naming.result)(input)?;
    Ok(match (folder, result.file_name()) {
        (Some(folder), Some(name)) => folder.join(name),
        _ => result,
    })
}

/// Whether a file is a draft of this command, of a run elsewhere or of one that was killed.
fn is_draft(path: &Path) -> bool {
    path.file_name()
        .map(|name| name.as_encoded_bytes())
        .is_some_and(|name| name.starts_with(b".datakey.") && name.ends_with(b".part"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::FormatArg;

    fn plan(folder: &Path, inputs: &[&str], output: Option<&str>) -> Result<Vec<(String, String)>, String> {
        let inputs: Vec<PathBuf> = inputs.iter().map(|input| folder.join(input)).collect();
        let naming = Naming {
            is_input: &|path| !input::is_sealed_name(path),
            result: &|path| Ok(input::sealed_name(path, FormatArg::Datakey)),
        };
        let output = output.map(|output| folder.join(output));
        let plan = Plan::new(&inputs, output.as_deref(), &naming).map_err(|failure| failure.to_string())?;
        let shown = |path: &Path| path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
        let items = plan.items.iter();
        Ok(items
            .map(|item| (shown(&item.input), shown(&item.output)))
            .collect())
    }

    fn pairs<const N: usize>(pairs: [(&str, &str); N]) -> Result<Vec<(String, String)>, String> {
        Ok(pairs.map(|(from, to)| (from.to_owned(), to.to_owned())).to_vec())
    }

    #[test]
    fn results_are_beside_their_inputs_or_mirror_them_in_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        fs::create_dir_all(folder.join("in/deep")).unwrap();
        fs::create_dir(folder.join("out")).unwrap();
        for name in ["in/a", "in/deep/b", "in/old.datakey", "in/.datakey.x.part", "c"] {
            fs::write(folder.join(name), b"").unwrap();
        }
        assert_eq!(plan(folder, &["c"], None), pairs([("c", "c.datakey")]));
        assert_eq!(plan(folder, &["c"], Some("out")), pairs([("c", "out/c.datakey")]));
        assert_eq!(plan(folder, &["c"], Some("d")), pairs([("c", "d")]));
        let beside = [("in/a", "in/a.datakey"), ("in/deep/b", "in/deep/b.datakey")];
        assert_eq!(plan(folder, &["in"], None), pairs(beside));
        let mirrored = [
            ("in/a", "new/a.datakey"),
            ("in/deep/b", "new/deep/b.datakey"),
            ("c", "new/c.datakey"),
        ];
        assert_eq!(plan(folder, &["in", "c"], Some("new")), pairs(mirrored));
        assert!(
            plan(folder, &["in", "c"], Some("c"))
                .unwrap_err()
                .contains("is none")
        );
        let twice = plan(folder, &["c", "in/deep/b", "in"], Some("out")).map(|_| ());
        assert_eq!(twice, Ok(()));
        fs::write(folder.join("in/c"), b"").unwrap();
        assert!(
            plan(folder, &["c", "in"], Some("out"))
                .unwrap_err()
                .contains("two inputs")
        );
    }
}
