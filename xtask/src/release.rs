//! A release: planned, checked in a clone, and only then published and tagged. `docs/releasing.md` is the chapter on it.
mod asked;
mod bump;
mod changelog;
mod course;
mod notes;
mod order;
mod packages;
mod publish;
mod refusal;
mod registry;
mod repository;
#[cfg(test)]
mod scratch;
mod shell;
mod tools;

use std::{fs, path::Path};

use anyhow::{Context as _, Result, bail};
use cargo_metadata::{MetadataCommand, semver::Version};

use self::{
    asked::{Asked, Check},
    course::{Course, Known},
    order::Member,
    packages::Package,
    publish::State,
    refusal::Refusal,
    registry::Registry,
    shell::Shell,
};
use crate::cargo;

/// Plans and checks a release; with `--execute`, publishes it.
pub fn run(arguments: &[String]) -> Result<()> {
    let asked = Asked::read(arguments)?;
    release(&Shell::at(&cargo::root()), &asked)
}

/// What is wrong with the notes of changes.
pub fn notes_out_of_form(root: &Path) -> Result<Vec<String>> {
    Ok(notes::read(root)?.1)
}

/// A release under way: the work tree, and the clone in which all is done first.
struct Release<'a> {
    asked: &'a Asked,
    home: &'a Shell,
    /// With the version and the changelog as they will be.
    clone: Shell,
    scratch: &'a Path,
    course: Course,
    last: Option<Version>,
    members: Vec<Member>,
    registry: Registry,
}

fn release(home: &Shell, asked: &Asked) -> Result<()> {
    repository::must_be_ready(home)?;
    let began = repository::head(home)?;
    let known = known(home)?;
    let course = course::decide(asked, &known)?;
    let scratch = tempfile::tempdir().context("there is no folder for a clone")?;
    let home_of_clone = scratch.path().join("workspace");
    let clone = repository::clone(home, &home_of_clone)?;
    let clone = prepare(home, clone, &course)?;
    let metadata = MetadataCommand::new()
        .current_dir(clone.folder())
        .no_deps()
        .exec()
        .context("cargo metadata failed in the clone")?;
    if metadata
        .workspace_packages()
        .iter()
        .any(|package| is_without_repository(package))
    {
        println!(
            "note: no `repository` is stated: the links of the READMEs lead nowhere on a registry's pages"
        );
    }
    let release = Release {
        asked,
        home,
        last: known.tagged.iter().max().cloned(),
        members: order::members(&metadata)?,
        registry: Registry::named(asked.registry.as_deref()),
        clone,
        scratch: scratch.path(),
        course,
    };
    release.print_plan()?;
    let packages = release.verify()?;
    if asked.execute {
        release.act(&began, &packages)
    } else {
        release.tell(&packages);
        Ok(())
    }
}

fn is_without_repository(package: &cargo_metadata::Package) -> bool {
    package.repository.is_none()
        && package
            .publish
            .as_ref()
            .is_none_or(|registries| !registries.is_empty())
}

fn known(home: &Shell) -> Result<Known> {
    let read = |file: &str| {
        fs::read_to_string(home.folder().join(file)).with_context(|| format!("{file} cannot be read"))
    };
    Ok(Known {
        manifest: bump::version(&read("Cargo.toml")?)?,
        tagged: repository::tagged(home)?,
        told: changelog::versions(&read(changelog::FILE)?),
    })
}

/// Has the clone be the release: by a new commit, or by the one that began it.
fn prepare(home: &Shell, clone: Shell, course: &Course) -> Result<Shell> {
    match course {
        Course::GoOn(version) => {
            let commit = repository::commit_of(&clone, version)?;
            clone.git(&["checkout", "--quiet", "--detach", &commit])?;
        }
        Course::Begin(version) => {
            bump::apply(&clone, version)?;
            let (notes, wrong) = notes::read(clone.folder())?;
            if !wrong.is_empty() {
                return Err(Refusal::Notes(wrong).into());
            }
            let path = clone.folder().join(changelog::FILE);
            let text = fs::read_to_string(&path).context("the changelog cannot be read")?;
            if notes.is_empty() && !changelog::has_unreleased(&text) {
                return Err(Refusal::NothingChanged.into());
            }
            let today = repository::today(home)?;
            let folded = changelog::fold(&text, version, &today, &notes::points(&notes));
            fs::write(&path, folded).context("the changelog cannot be written")?;
            for note in &notes {
                fs::remove_file(clone.folder().join(&note.file)).context("a note cannot be removed")?;
            }
            repository::commit(&clone, &format!("Release {version}"))?;
        }
    }
    Ok(clone)
}

impl Release<'_> {
    fn print_plan(&self) -> Result<()> {
        let version = self.course.version();
        match (&self.course, &self.last) {
            (Course::GoOn(_), _) => println!("plan: to go on with the release of {version}"),
            (Course::Begin(_), Some(last)) => println!("plan: {version}, after {last}"),
            (Course::Begin(_), None) => println!("plan: {version}, the first release"),
        }
        for member in &self.members {
            let commits = repository::commits(&self.clone, self.last.as_ref(), &member.folder)?;
            println!("  {:<24} {version}  {commits} commits since", member.name);
        }
        if let Course::Begin(_) = self.course {
            println!(
                "{}",
                self.clone
                    .git(&["show", "--stat=100", "--format=commit: %s", "HEAD"])?
                    .trim_end()
            );
        }
        Ok(())
    }

    /// All that must hold before anything is published, and the archives.
    fn verify(&self) -> Result<Vec<Package>> {
        let target = self.home.folder().join("target/release-check");
        let shell = self.clone.clone().with("CARGO_TARGET_DIR", &target);
        if self.step(Check::Ci, "ci") {
            shell.cargo(&["xtask", "ci"])?;
        }
        let (members, version) = (&self.members, self.course.version());
        if self.step(Check::Semver, "semver") {
            tools::semver(self.home, &shell, members, self.last.as_ref())?;
        }
        if self.step(Check::Sbom, "what each package is made of") {
            let folder = tools::sbom(self.home, &shell, members, version)?;
            println!("written to {folder}");
        }
        println!("== packages");
        let packages = packages::make(&shell, &target, members, version, &self.registry)?;
        let unpacked = self.scratch.join("packages");
        let lacking = packages::unpack(&shell, &packages, &unpacked)?;
        if !lacking.is_empty() {
            bail!("packages are not whole:\n  {}", lacking.join("\n  "));
        }
        if self.step(Check::Packages, "each package alone") {
            let outside = self.registry.known_to(shell, self.clone.folder());
            for package in &packages {
                packages::test_alone(&outside, package, &packages, &unpacked, &self.registry)?;
            }
        }
        Ok(packages)
    }

    fn step(&self, check: Check, name: &str) -> bool {
        let has = self.asked.has(check);
        println!("== {name}{}", if has { "" } else { ": left out, as was asked" });
        has
    }

    /// The dry run's end.
    fn tell(&self, packages: &[Package]) {
        println!("== what would be published to {}", self.registry.shown());
        let state = publish::state(&self.clone, self.scratch, packages, &self.registry);
        let there = state.as_ref().map_or(&[][..], |State { there, .. }| there);
        for package in packages {
            let name = &package.member.name;
            let note = if there.contains(name) {
                "  is there already"
            } else {
                ""
            };
            println!(
                "  {name:<24} {}  {:>8} bytes  sha256 {}{note}",
                package.version, package.bytes, package.checksum
            );
        }
        if let Err(error) = state {
            println!("  {error:#}");
        }
        let tag = repository::tag(self.course.version());
        println!(
            "then the tag {tag}. This was a dry run: nothing was changed or published; `--execute` does it."
        );
    }

    /// Takes the commit over, publishes, tags.
    fn act(&self, began: &str, packages: &[Package]) -> Result<()> {
        let version = self.course.version();
        let commit = repository::head(&self.clone)?;
        if let Course::Begin(_) = self.course {
            repository::take_over(self.home, &self.clone, began, &commit)?;
        }
        println!("== publish to {}", self.registry.shown());
        let target = self.home.folder().join("target/release-check");
        let shell = self.clone.clone().with("CARGO_TARGET_DIR", target);
        publish::publish(&shell, self.scratch, packages, &self.registry)?;
        let tag = repository::tag(version);
        self.home.git(&[
            "tag",
            "--annotate",
            "--message",
            &format!("Release {version}"),
            &tag,
            &commit,
        ])?;
        println!(
            "{version} is published and has the tag {tag}. Now: git push origin {} {tag}",
            repository::BRANCH
        );
        Ok(())
    }
}
