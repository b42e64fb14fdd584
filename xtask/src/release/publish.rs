//! Uploading what a registry does not have yet, and knowing afterwards what it has.
use std::path::Path;

use anyhow::{Context as _, Result};

use super::{packages::Package, refusal::Refusal, registry::Registry, shell::Shell};

/// Which packages a registry has with this very content, and which it lacks.
#[derive(Debug, Default)]
pub struct State {
    pub there: Vec<String>,
    pub lacking: Vec<String>,
}

/// Asks a registry for each package; refuses where it has the version with other content.
pub fn state(clone: &Shell, scratch: &Path, packages: &[Package], registry: &Registry) -> Result<State> {
    let mut state = State::default();
    for package in packages {
        let name = &package.member.name;
        match registry.checksum(clone, scratch, name, &package.version)? {
            None => state.lacking.push(name.clone()),
            Some(there) if there == package.checksum => state.there.push(name.clone()),
            Some(there) => {
                return Err(Refusal::OtherContent {
                    name: name.clone(),
                    version: package.version.clone(),
                    there,
                    here: package.checksum.clone(),
                }
                .into());
            }
        }
    }
    Ok(state)
}

/// Uploads what is lacking; cargo chooses the order and waits until each can be depended on. Then the registry is asked again.
pub fn publish(clone: &Shell, scratch: &Path, packages: &[Package], registry: &Registry) -> Result<()> {
    let before = state(clone, scratch, packages, registry)?;
    for name in &before.there {
        println!("{name}: in {} already, with this content", registry.shown());
    }
    if before.lacking.is_empty() {
        return Ok(());
    }
    let mut arguments = vec!["publish".to_owned(), "--locked".into(), "--no-verify".into()];
    arguments.extend(registry.arguments());
    for name in &before.lacking {
        arguments.extend(["-p".into(), name.clone()]);
    }
    let published = clone.cargo(&arguments);
    let after = state(clone, scratch, packages, registry)?;
    let stopped = Refusal::Stopped {
        done: after.there,
        left: after.lacking,
    };
    match (published, &stopped) {
        (Ok(()), Refusal::Stopped { left, .. }) if left.is_empty() => Ok(()),
        (Ok(()), _) => Err(stopped).context("cargo ended well, but the registry does not have all"),
        (Err(error), _) => Err(error.context(stopped)),
    }
}
