//! Which file uses what another one defines.
use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use proc_macro2::{TokenStream, TokenTree};
use syn::{
    Attribute, ImplItem, Item, ItemMod, ItemUse, Macro, Path, TraitItem, Visibility,
    visit::{self, Visit},
};

use super::{
    resolve::{Found, resolve},
    tested,
    tree::{Id, Tree, ident, is_re_export, leaves},
};

/// From a user to the modules that it uses, with the items.
pub type Edges = BTreeMap<Id, BTreeMap<Id, BTreeSet<String>>>;

/// The edges between the files of a crate.
pub fn edges(tree: &Tree) -> Result<Edges> {
    let mut edges = Edges::new();
    for (id, module) in tree.modules.iter().enumerate() {
        let mut user = User {
            tree,
            id,
            used: BTreeSet::new(),
        };
        module.items.iter().for_each(|item| user.visit_item(item));
        for (of, name) in user.used {
            let used = tree.module(of)?.file;
            if used != module.file {
                let items = edges.entry(module.file).or_default().entry(used).or_default();
                items.insert(name);
            }
        }
    }
    Ok(edges)
}

/// Gathers what the code of one module uses of the crate.
struct User<'a> {
    tree: &'a Tree,
    id: Id,
    used: BTreeSet<(Id, String)>,
}

impl User<'_> {
    fn path(&mut self, path: &[String]) {
        for found in resolve(self.tree, self.id, path) {
            if let Found::Item(of, name) = found {
                self.used.insert((of, name));
            }
        }
    }

    /// An import uses what it names, but for what is a module too: there only what is made of it tells.
    fn import(&mut self, path: &[String]) {
        let found = resolve(self.tree, self.id, path);
        if found.iter().all(|found| matches!(found, Found::Item(..))) {
            self.path(path);
        }
    }

    /// The paths among the tokens of a macro's call, which no parser knows.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        // How many of the two colons of `::` came last, and whether a dot did.
        let (mut colons, mut dot) = (0, false);
        for token in tokens {
            match &token {
                TokenTree::Ident(name) if colons == 2 && !path.is_empty() => {
                    path.push(ident(name));
                    (colons, dot) = (0, false);
                }
                TokenTree::Ident(name) => {
                    self.end(&mut path);
                    if !dot && colons != 2 {
                        path.push(ident(name));
                    }
                    (colons, dot) = (0, false);
                }
                TokenTree::Punct(mark) => {
                    colons = if mark.as_char() == ':' { colons + 1 } else { 0 };
                    dot = mark.as_char() == '.';
                    if colons == 0 {
                        self.end(&mut path);
                    }
                }
                TokenTree::Group(group) => {
                    self.end(&mut path);
                    self.tokens(group.stream());
                    (colons, dot) = (0, false);
                }
                TokenTree::Literal(_) => {
                    self.end(&mut path);
                    (colons, dot) = (0, false);
                }
            }
        }
        self.end(&mut path);
    }

    fn end(&mut self, path: &mut Vec<String>) {
        if !path.is_empty() {
            self.path(&std::mem::take(path));
        }
    }
}

impl Visit<'_> for User<'_> {
    fn visit_item(&mut self, item: &Item) {
        if !tested::item(item) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item(&mut self, item: &ImplItem) {
        if !tested::impl_item(item) {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_trait_item(&mut self, item: &TraitItem) {
        if !tested::trait_item(item) {
            visit::visit_trait_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &ItemUse) {
        if is_re_export(&item.vis) {
            return;
        }
        for leaf in leaves(&item.tree) {
            self.import(&leaf.path);
        }
    }

    fn visit_path(&mut self, path: &Path) {
        if path.leading_colon.is_none() {
            let names: Vec<String> = path
                .segments
                .iter()
                .map(|segment| ident(&segment.ident))
                .collect();
            self.path(&names);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, called: &Macro) {
        visit::visit_macro(self, called);
        self.tokens(called.tokens.clone());
    }

    // Neither says that something is used.
    fn visit_visibility(&mut self, _: &Visibility) {}
    fn visit_attribute(&mut self, _: &Attribute) {}
    // Modules are on their own.
    fn visit_item_mod(&mut self, _: &ItemMod) {}
}
