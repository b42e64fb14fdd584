//! How much documentation each crate has beside its code, and how many examples beside its public items.
use std::{fs, path::Path};

use anyhow::{Context as _, Result, bail};
use cargo_metadata::{Metadata, Package};
use syn::{
    ImplItemFn, ItemConst, ItemEnum, ItemFn, ItemMacro, ItemStruct, ItemTrait, ItemType, TraitItemFn,
    Visibility,
    visit::{self, Visit},
};
use walk::sources;

use crate::{cargo, pages::Finding};

mod walk;

/// Doc lines for a line of code, in percent.
const LEAST: u64 = 50;
/// Of the crate whose traits others implement.
const LEAST_OF_TRAITS: u64 = 100;
const TRAITS: &str = "datakey-provider";
/// Public items for each example.
const ITEMS_EACH: u64 = 4;

/// Libraries that have not come so far yet, each with the percentage that it does not fall below again.
const ON_THE_WAY: &[(&str, u64)] = &[("datakey-fake-kms", 33)];

/// What was counted in a crate, tests left out.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Counted {
    docs: u64,
    code: u64,
    items: u64,
    examples: u64,
}

/// Prints what was counted, and fails where it is too little.
pub fn run(_: &[String]) -> Result<()> {
    let metadata = cargo::metadata()?;
    println!(
        "{:<22} {:>6} {:>6} {:>6} {:>6} {:>9}",
        "crate", "docs", "code", "ratio", "items", "examples"
    );
    for package in libraries(&metadata) {
        let counted = of(package)?;
        let Counted {
            docs,
            code,
            items,
            examples,
        } = counted;
        let ratio = counted.percent();
        println!(
            "{:<22} {docs:>6} {code:>6} {:>3}.{:02} {items:>6} {examples:>9}",
            package.name,
            ratio / 100,
            ratio % 100
        );
    }
    let lacking = lacking(&metadata, aim)?;
    if !lacking.is_empty() {
        let lines: Vec<String> = lacking
            .into_iter()
            .map(|(place, what)| format!("{place} {what}"))
            .collect();
        bail!("there is too little documentation:\n  {}", lines.join("\n  "));
    }
    Ok(())
}

/// The crates that have less of it than they had.
pub fn findings(metadata: &Metadata) -> Result<Vec<Finding>> {
    lacking(metadata, held)
}

/// The crates that have less than `least` says of each.
fn lacking(metadata: &Metadata, least: impl Fn(&str) -> u64) -> Result<Vec<Finding>> {
    let mut lacking = Vec::new();
    for package in libraries(metadata) {
        let lacks = of(package)?.lacks(least(&package.name));
        lacking.extend(lacks.map(|what| (package.name.to_string(), what)));
    }
    Ok(lacking)
}

/// What a crate is to have in the end.
fn aim(name: &str) -> u64 {
    if name == TRAITS { LEAST_OF_TRAITS } else { LEAST }
}

/// What a crate has at least already.
fn held(name: &str) -> u64 {
    let on_the_way = ON_THE_WAY.iter().find(|(own, _)| *own == name);
    on_the_way.map_or_else(|| aim(name), |(_, percent)| *percent)
}

fn libraries(metadata: &Metadata) -> Vec<&Package> {
    let crates = cargo::crates(metadata).into_iter();
    crates
        .filter(|package| package.targets.iter().any(cargo_metadata::Target::is_lib))
        .collect()
}

fn of(package: &Package) -> Result<Counted> {
    let folder = package
        .manifest_path
        .parent()
        .context("a manifest lies in no folder")?;
    let mut counted = Counted::default();
    for file in sources(folder.join("src").as_std_path())? {
        counted.add_file(&file)?;
    }
    Ok(counted)
}

impl Counted {
    const fn percent(self) -> u64 {
        match self.docs.saturating_mul(100).checked_div(self.code) {
            Some(percent) => percent,
            None => 100,
        }
    }

    fn lacks(self, least: u64) -> Option<String> {
        let (docs, code, items, examples) = (self.docs, self.code, self.items, self.examples);
        if self.percent() < least {
            return Some(format!(
                "has {docs} lines of documentation for {code} of code, and needs {least} for each 100"
            ));
        }
        let few = examples.saturating_mul(ITEMS_EACH) < items;
        few.then(|| {
            format!("has {examples} examples for {items} public items, and needs one for each {ITEMS_EACH}")
        })
    }

    fn add_file(&mut self, file: &Path) -> Result<()> {
        let text = fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
        self.add_lines(&text);
        let parsed = syn::parse_file(&text).with_context(|| format!("{} is no Rust", file.display()))?;
        self.visit_file(&parsed);
        Ok(())
    }

    /// Tests stand at the end of a file.
    fn add_lines(&mut self, text: &str) {
        let mut in_example = false;
        let own = text
            .split("\n#[cfg(test)]\nmod tests {")
            .next()
            .unwrap_or_default();
        let own = own.split("\n#[cfg(all(test").next().unwrap_or_default();
        for line in own.lines().map(str::trim) {
            let doc = line.strip_prefix("///").or_else(|| line.strip_prefix("//!"));
            if let Some(doc) = doc {
                self.docs += 1;
                if let Some(language) = doc.trim().strip_prefix("```") {
                    in_example = !in_example;
                    let shows = ["", "rust", "no_run", "compile_fail"]
                        .iter()
                        .any(|rust| language.starts_with(rust) && (!rust.is_empty() || language.is_empty()));
                    self.examples += u64::from(in_example && shows);
                }
            } else if !line.is_empty() && !line.starts_with("//") {
                self.code += 1;
            }
        }
    }

    fn item(&mut self, visibility: &Visibility) {
        self.items += u64::from(matches!(visibility, Visibility::Public(_)));
    }
}

impl<'ast> Visit<'ast> for Counted {
    fn visit_item_struct(&mut self, item: &'ast ItemStruct) {
        self.item(&item.vis);
    }

    fn visit_item_enum(&mut self, item: &'ast ItemEnum) {
        self.item(&item.vis);
    }

    fn visit_item_trait(&mut self, item: &'ast ItemTrait) {
        self.item(&item.vis);
        if matches!(item.vis, Visibility::Public(_)) {
            visit::visit_item_trait(self, item);
        }
    }

    fn visit_trait_item_fn(&mut self, _: &'ast TraitItemFn) {
        self.items += 1;
    }

    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        self.item(&item.vis);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        self.item(&item.vis);
    }

    fn visit_item_const(&mut self, item: &'ast ItemConst) {
        self.item(&item.vis);
    }

    fn visit_item_type(&mut self, item: &'ast ItemType) {
        self.item(&item.vis);
    }

    fn visit_item_macro(&mut self, item: &'ast ItemMacro) {
        let exported = item
            .attrs
            .iter()
            .any(|attribute| attribute.path().is_ident("macro_export"));
        self.items += u64::from(exported);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docs_code_items_and_examples_are_counted_and_tests_are_not() {
        let text = "//! A file.\n\n/// One.\n/// ```\n/// f();\n/// ```\n/// ```text\n/// ```\npub fn f() {}\n// why\nfn g() {}\n\n\
                    #[cfg(test)]\nmod tests {\n    /// No.\n    fn h() {}\n}\n";
        let mut counted = Counted::default();
        counted.add_lines(text);
        counted.visit_file(&syn::parse_file(text).unwrap());
        let expected = Counted {
            docs: 7,
            code: 2,
            items: 1,
            examples: 1,
        };
        assert_eq!(counted, expected);
    }

    #[test]
    fn too_little_of_either_is_found() {
        let enough = Counted {
            docs: 50,
            code: 100,
            items: 8,
            examples: 2,
        };
        assert_eq!(enough.lacks(50), None);
        assert!(enough.lacks(100).is_some_and(|what| what.contains("lines")));
        let few = Counted { items: 9, ..enough };
        assert!(few.lacks(50).is_some_and(|what| what.contains("examples")));
    }

    #[test]
    fn nothing_is_held_above_what_it_is_to_have() {
        for (name, percent) in ON_THE_WAY {
            assert!(*percent < aim(name), "{name} is there: take it off the list");
        }
        assert_eq!((held(TRAITS), held("a-new-library")), (LEAST_OF_TRAITS, LEAST));
    }
}
