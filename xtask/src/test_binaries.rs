//! How many test binaries the workspace has: each is linked anew when a library below it changes.
use cargo_metadata::Metadata;

/// The most test binaries of the whole workspace, doctests not counted.
const MOST: usize = 25;

/// What is wrong with the number of test binaries, if anything is.
pub fn finding(metadata: &Metadata) -> Option<String> {
    let packages = metadata.workspace_packages();
    let targets = packages.iter().flat_map(|package| {
        let tested = package.targets.iter().filter(|target| target.test);
        tested.map(|target| format!("{}/{}", package.name, target.name))
    });
    too_many(&targets.collect::<Vec<_>>())
}

fn too_many(names: &[String]) -> Option<String> {
    let count = names.len();
    (count > MOST).then(|| {
        format!(
            "has {count} test binaries, the most is {MOST}; make new tests a module of one, and say `test = false` where \
             there are none: {}",
            names.join(", ")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_more_than_the_most_is_too_many() {
        let names = vec!["datakey-tests/keyring".to_owned(); MOST + 1];
        assert_eq!(too_many(&names[..MOST]), None);
        assert!(too_many(&names).is_some_and(|what| what.contains("26 test binaries")));
    }
}
