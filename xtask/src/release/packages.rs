//! The packages as they will be uploaded, each built and tested alone: outside the workspace, from its archive, with nothing of the
//! workspace but the packages that it depends on.
use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use cargo_metadata::semver::Version;
use sha2::{Digest as _, Sha256};

use super::{order::Member, registry::Registry, shell::Shell};

/// An archive that is to be uploaded.
#[derive(Clone, Debug)]
pub struct Package {
    pub member: Member,
    pub version: Version,
    pub archive: PathBuf,
    /// SHA-256, in hexadecimal, as a registry tells it.
    pub checksum: String,
    pub bytes: u64,
}

/// Files that each package must have beside its sources.
const NEEDED: [&str; 4] = ["Cargo.toml", "README.md", "LICENSE-APACHE", "LICENSE-MIT"];

/// Makes the archives, in the order of the members.
pub fn make(
    clone: &Shell,
    target: &Path,
    members: &[Member],
    version: &Version,
    registry: &Registry,
) -> Result<Vec<Package>> {
    let mut arguments = vec!["package".to_owned(), "--locked".into(), "--no-verify".into()];
    arguments.extend(registry.arguments());
    for member in members {
        arguments.extend(["-p".into(), member.name.clone()]);
    }
    clone.cargo(&arguments)?;
    members
        .iter()
        .map(|member| {
            let archive = target
                .join("package")
                .join(format!("{}-{version}.crate", member.name));
            let content =
                fs::read(&archive).with_context(|| format!("cargo made no {}", archive.display()))?;
            Ok(Package {
                member: member.clone(),
                version: version.clone(),
                checksum: hexadecimal(&Sha256::digest(&content)),
                bytes: u64::try_from(content.len()).unwrap_or(u64::MAX),
                archive,
            })
        })
        .collect()
}

/// Unpacks all archives in one folder, and says what they lack.
pub fn unpack(shell: &Shell, packages: &[Package], into: &Path) -> Result<Vec<String>> {
    fs::create_dir_all(into).context("the scratch folder cannot be written")?;
    let mut lacking = Vec::new();
    for package in packages {
        let archive = package.archive.display().to_string();
        shell.moved(into).run("tar", &["-xzf", &archive])?;
        let folder = into.join(package.folder());
        for needed in NEEDED {
            if fs::read(folder.join(needed)).map_or(true, |content| content.is_empty()) {
                lacking.push(format!("{} has no {needed}", package.member.name));
            }
        }
    }
    Ok(lacking)
}

/// Builds and tests an unpacked archive, with all features, its examples and benchmarks too.
pub fn test_alone(
    shell: &Shell,
    package: &Package,
    all: &[Package],
    unpacked: &Path,
    registry: &Registry,
) -> Result<()> {
    let mut patches = Vec::new();
    for needed in all
        .iter()
        .filter(|other| package.member.needs.contains(&other.member.name))
    {
        let path = unpacked.join(needed.folder()).display().to_string();
        let key = registry.patch_key();
        patches.push("--config".to_owned());
        patches.push(format!("patch.'{key}'.{}.path='{path}'", needed.member.name));
    }
    // All features are on, and no package links the FIPS module itself; see `.cargo/config.toml`.
    let shell = shell
        .moved(&unpacked.join(package.folder()))
        .with("DATAKEY_FIPS_WITHOUT_MODULE", "1");
    for what in [&["test"][..], &["check", "--benches"]] {
        let mut arguments: Vec<String> = what.iter().map(|word| (*word).to_owned()).collect();
        arguments.extend(["--quiet".into(), "--all-features".into()]);
        arguments.extend(patches.iter().cloned());
        shell
            .cargo(&arguments)
            .with_context(|| format!("the package of {} alone", package.member.name))?;
    }
    Ok(())
}

impl Package {
    fn folder(&self) -> String {
        format!("{}-{}", self.member.name, self.version)
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
