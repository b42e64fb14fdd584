//! The modules of a crate, and what each name in them stands for.
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
use syn::{Attribute, Expr, Ident, Item, ItemMod, Lit, Meta, UseTree, Visibility, visit::Visit};

use super::tested;

/// A module's place in [`Tree::modules`]. The crate's root is the first.
pub type Id = usize;

/// The crate's root.
pub const ROOT: Id = 0;

/// How a file is read, by its path.
pub type Read<'a> = &'a dyn Fn(&Path) -> Option<String>;

/// All modules of a crate, parents before their children.
#[derive(Default)]
pub struct Tree {
    pub modules: Vec<Module>,
}

/// A module, in a file of its own or within one.
pub struct Module {
    /// Such as `seal::stream`; the root is `crate`.
    pub name: String,
    pub parent: Id,
    /// The module whose file it is in.
    pub file: Id,
    pub names: BTreeMap<String, Vec<Name>>,
    /// What `use path::*` names.
    pub globs: Vec<Vec<String>>,
    /// Everything in it but its modules and its tests.
    pub items: Vec<Item>,
}

/// What a name stands for in a module.
pub enum Name {
    /// A module.
    Module(Id),
    /// Something that is defined here.
    Own,
    /// What another path stands for.
    Import(Vec<String>),
}

/// An import, as one of the leaves of a `use`.
pub struct Leaf {
    pub path: Vec<String>,
    /// Its name here; nothing if it is `*` or `_`.
    pub name: Option<String>,
    pub is_glob: bool,
}

/// Where the files of a module's children are.
struct Place {
    file: PathBuf,
    children: PathBuf,
}

impl Tree {
    /// Parses a crate from its root file on.
    pub fn load(root: &Path, read: Read<'_>) -> Result<Self> {
        let folder = root.parent().unwrap_or(Path::new("")).to_path_buf();
        let mut tree = Self::default();
        let place = Place {
            file: root.to_path_buf(),
            children: folder,
        };
        let items = parse(root, read)?;
        tree.add("crate".into(), (ROOT, ROOT), items, &place, read)?;
        Ok(tree)
    }

    pub fn module(&self, id: Id) -> Result<&Module> {
        self.modules.get(id).context("a module that was never added")
    }

    /// Adds a module of a parent and of a file, with all modules below it.
    fn add(
        &mut self,
        name: String,
        (parent, file): (Id, Id),
        items: Vec<Item>,
        place: &Place,
        read: Read<'_>,
    ) -> Result<Id> {
        let id = self.modules.len();
        let (modules, items): (Vec<_>, Vec<_>) = items
            .into_iter()
            .filter(|item| !tested::item(item))
            .partition(|item| matches!(item, Item::Mod(_)));
        let mut names = Names::default();
        items.iter().for_each(|item| names.visit_item(item));
        self.modules.push(Module {
            name,
            parent,
            file,
            names: names.names,
            globs: names.globs,
            items,
        });
        for item in modules {
            if let Item::Mod(module) = item {
                let name = ident(&module.ident);
                let child = self.child(id, module, place, read)?;
                if let Some(own) = self.modules.get_mut(id) {
                    own.names.entry(name).or_default().push(Name::Module(child));
                }
            }
        }
        Ok(id)
    }

    fn child(&mut self, parent: Id, module: ItemMod, place: &Place, read: Read<'_>) -> Result<Id> {
        let own = ident(&module.ident);
        let within = self.module(parent)?;
        let name = if parent == ROOT {
            own.clone()
        } else {
            format!("{}::{own}", within.name)
        };
        let file = within.file;
        if let Some((_, items)) = module.content {
            let place = Place {
                file: place.file.clone(),
                children: place.children.join(&own),
            };
            return self.add(name, (parent, file), items, &place, read);
        }
        let place = file_of(&module.attrs, &own, place, read)
            .with_context(|| format!("the file of module {name} is not found"))?;
        let items = parse(&place.file, read)?;
        let next = self.modules.len();
        self.add(name, (parent, next), items, &place, read)
    }
}

fn parse(file: &Path, read: Read<'_>) -> Result<Vec<Item>> {
    let Some(text) = read(file) else {
        bail!("{} cannot be read", file.display());
    };
    let parsed = syn::parse_file(&text).with_context(|| format!("{} does not parse", file.display()))?;
    Ok(parsed.items)
}

fn file_of(attributes: &[Attribute], name: &str, place: &Place, read: Read<'_>) -> Option<Place> {
    if let Some(path) = attributes.iter().find_map(stated_path) {
        let file = place.file.parent()?.join(path);
        let children = file.parent()?.to_path_buf();
        return Some(Place { file, children });
    }
    let children = place.children.join(name);
    [place.children.join(format!("{name}.rs")), children.join("mod.rs")]
        .into_iter()
        .find(|file| read(file).is_some())
        .map(|file| Place { file, children })
}

/// The value of `#[path = "..."]`.
fn stated_path(attribute: &Attribute) -> Option<String> {
    match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("path") => match &pair.value {
            Expr::Lit(value) => match &value.lit {
                Lit::Str(path) => Some(path.value()),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    }
}

/// The name of an identifier, raw or not.
pub fn ident(ident: &Ident) -> String {
    ident.to_string().trim_start_matches("r#").to_owned()
}

/// The leaves of a `use`.
pub fn leaves(tree: &UseTree) -> Vec<Leaf> {
    let mut leaves = Vec::new();
    collect(tree, &mut Vec::new(), &mut leaves);
    leaves
}

fn collect(tree: &UseTree, before: &mut Vec<String>, leaves: &mut Vec<Leaf>) {
    let with = |last: &Ident| {
        let mut path = before.clone();
        // `use a::{self}` names `a`.
        if last != "self" || path.is_empty() {
            path.push(ident(last));
        }
        path
    };
    let leaf = match tree {
        UseTree::Path(path) => {
            before.push(ident(&path.ident));
            collect(&path.tree, before, leaves);
            before.pop();
            return;
        }
        UseTree::Group(group) => {
            group.items.iter().for_each(|tree| collect(tree, before, leaves));
            return;
        }
        UseTree::Name(name) => {
            let path = with(&name.ident);
            Leaf {
                name: path.last().cloned(),
                path,
                is_glob: false,
            }
        }
        UseTree::Rename(renamed) => Leaf {
            path: with(&renamed.ident),
            name: Some(ident(&renamed.rename)).filter(|name| name != "_"),
            is_glob: false,
        },
        UseTree::Glob(_) => Leaf {
            path: before.clone(),
            name: None,
            is_glob: true,
        },
    };
    leaves.push(leaf);
}

/// Whether a `use` hands its names on.
pub fn is_re_export(visibility: &Visibility) -> bool {
    !matches!(visibility, Visibility::Inherited)
}

/// Gathers what the items of a module define and import, imports within functions too.
#[derive(Default)]
struct Names {
    names: BTreeMap<String, Vec<Name>>,
    globs: Vec<Vec<String>>,
    depth: usize,
}

impl Visit<'_> for Names {
    fn visit_item(&mut self, item: &Item) {
        if tested::item(item) {
            return;
        }
        if self.depth == 0
            && let Some(name) = defined(item)
        {
            self.names.entry(ident(name)).or_default().push(Name::Own);
        }
        self.depth += 1;
        syn::visit::visit_item(self, item);
        self.depth -= 1;
    }

    fn visit_item_use(&mut self, item: &syn::ItemUse) {
        for leaf in leaves(&item.tree) {
            if leaf.is_glob {
                self.globs.push(leaf.path);
            } else if let Some(name) = leaf.name {
                self.names.entry(name).or_default().push(Name::Import(leaf.path));
            }
        }
    }
}

fn defined(item: &Item) -> Option<&Ident> {
    match item {
        Item::Const(item) => Some(&item.ident),
        Item::Enum(item) => Some(&item.ident),
        Item::Fn(item) => Some(&item.sig.ident),
        Item::Macro(item) => item.ident.as_ref(),
        Item::Static(item) => Some(&item.ident),
        Item::Struct(item) => Some(&item.ident),
        Item::Trait(item) => Some(&item.ident),
        Item::TraitAlias(item) => Some(&item.ident),
        Item::Type(item) => Some(&item.ident),
        Item::Union(item) => Some(&item.ident),
        _ => None,
    }
}
