//! The pages of `docs/` as a book with search, by mdBook, and no link of it that leads nowhere.
use std::{
    collections::{BTreeSet, HashMap},
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};

use crate::{cargo, pages::Finding};

const PAGES: &str = "docs";
const BOOK: &str = "target/book";
const SUMMARY: &str = "docs/SUMMARY.md";
/// Where the book has what its pages link to outside of `docs/`.
const SOURCES: &str = "sources";

/// Builds the book; says so where there is no mdBook.
pub fn run(_: &[String]) -> Result<()> {
    let program = env::var_os("MDBOOK").unwrap_or_else(|| "mdbook".into());
    if Command::new(&program).arg("--version").output().is_err() {
        println!(
            "the book is not built: there is no mdbook on the path, nor in MDBOOK; `cargo install mdbook --locked`"
        );
        return Ok(());
    }
    if Path::new(BOOK).exists() {
        fs::remove_dir_all(BOOK).with_context(|| format!("{BOOK} cannot be emptied"))?;
    }
    cargo::run_to_end(Command::new(program).args(["build", PAGES]))?;
    let files = html_files()?;
    let mut copied = 0;
    for file in &files {
        copied += bring_sources(file)?;
    }
    let dead = dead_links(&files)?;
    if !dead.is_empty() {
        bail!("the book has links that lead nowhere:\n  {}", dead.join("\n  "));
    }
    let found = fs::read_dir(BOOK)?.flatten();
    let is_index = |name: &str| name.starts_with("searchindex") && name.ends_with(".js");
    if !found
        .into_iter()
        .any(|entry| is_index(&entry.file_name().to_string_lossy()))
    {
        bail!("{BOOK} has no index to search");
    }
    println!(
        "{BOOK}/index.html: {} pages, {copied} links to sources",
        files.len()
    );
    Ok(())
}

/// The pages that the summary lacks: mdBook would leave them out.
pub fn findings() -> Vec<Finding> {
    let summary = fs::read_to_string(SUMMARY).unwrap_or_default();
    let entries = fs::read_dir(PAGES).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names
        .filter(|name| name.ends_with(".md") && name != "SUMMARY.md")
        .filter(|name| !summary.contains(&format!("]({name})")))
        .map(|name| (format!("{PAGES}/{name}"), format!("is not in {SUMMARY}")))
        .collect()
}

fn html_files() -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(BOOK).with_context(|| format!("{BOOK} cannot be read"))?;
    let mut files: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|end| end == "html"))
        .collect();
    files.sort();
    Ok(files)
}

/// Copies what a page links to outside of the book into it, as text, and leads the links there; answers how many there were.
fn bring_sources(file: &Path) -> Result<usize> {
    let mut html = fs::read_to_string(file)?;
    let outside: BTreeSet<String> = attributes(&html, "href")
        .filter(|link| link.starts_with("../") || is_in_a_folder(link))
        .map(str::to_owned)
        .collect();
    for link in &outside {
        let path = link.split('#').next().unwrap_or(link).trim_start_matches("../");
        let path = &if link.starts_with("../") {
            path.to_owned()
        } else {
            format!("{PAGES}/{path}")
        };
        // mdBook takes every page for one of its own.
        let page = path.strip_suffix(".html").map(|stem| format!("{stem}.md"));
        let source = page
            .filter(|page| Path::new(page).exists())
            .unwrap_or_else(|| path.to_owned());
        let copy = format!("{SOURCES}/{source}.txt");
        let to = Path::new(BOOK).join(&copy);
        fs::create_dir_all(to.parent().unwrap_or(Path::new(BOOK)))?;
        fs::copy(&source, &to).with_context(|| format!("{} links to {source}", file.display()))?;
        html = html.replace(&format!("href=\"{link}\""), &format!("href=\"{copy}\""));
    }
    fs::write(file, html)?;
    Ok(outside.len())
}

/// Whether a link leads to a page in a folder of `docs/`: the book has the pages that lie there openly.
fn is_in_a_folder(link: &str) -> bool {
    let path = link.split('#').next().unwrap_or(link);
    let page = path
        .strip_suffix(".html")
        .map(|stem| format!("{PAGES}/{stem}.md"));
    path.contains('/') && page.is_some_and(|page| Path::new(&page).exists())
}

/// What stands in an attribute of any element, as it is written.
fn attributes<'a>(html: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let opening = format!(" {name}=\"");
    let values: Vec<&str> = html
        .split(&opening)
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect();
    values.into_iter()
}

fn dead_links(files: &[PathBuf]) -> Result<Vec<String>> {
    let mut anchors: HashMap<PathBuf, BTreeSet<String>> = HashMap::new();
    for file in files {
        let html = fs::read_to_string(file)?;
        anchors.insert(file.clone(), attributes(&html, "id").map(str::to_owned).collect());
    }
    let mut dead = Vec::new();
    for file in files {
        let html = fs::read_to_string(file)?;
        for link in attributes(&html, "href").chain(attributes(&html, "src")) {
            if !(link.contains("://") || link.starts_with("mailto:") || leads_somewhere(file, link, &anchors))
            {
                dead.push(format!("{}: {link}", file.display()));
            }
        }
    }
    Ok(dead)
}

fn leads_somewhere(from: &Path, link: &str, anchors: &HashMap<PathBuf, BTreeSet<String>>) -> bool {
    let (path, anchor) = link
        .split_once('#')
        .map_or((link, None), |(path, anchor)| (path, Some(anchor)));
    let target = if path.is_empty() {
        from.to_path_buf()
    } else {
        Path::new(BOOK).join(path)
    };
    match (anchor, anchors.get(&target)) {
        (Some(anchor), Some(known)) if !anchor.is_empty() => known.contains(anchor),
        _ => target.exists(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_found_by_their_whole_names() {
        let html = r##"<a href="a.html#b" data-href="no"><img src="c.svg"><h2 id="b">"##;
        assert_eq!(attributes(html, "href").collect::<Vec<_>>(), ["a.html#b"]);
        assert_eq!(attributes(html, "src").collect::<Vec<_>>(), ["c.svg"]);
        assert_eq!(attributes(html, "id").collect::<Vec<_>>(), ["b"]);
    }

    #[test]
    fn a_page_in_a_folder_is_no_page_of_the_book() {
        std::env::set_current_dir(cargo::root()).expect("the root is there");
        assert!(is_in_a_folder("operate/README.html") && is_in_a_folder("operate/README.html#metrics"));
        assert!(!is_in_a_folder("guide.html") && !is_in_a_folder("operate/datakey-rules.yml"));
    }

    #[test]
    fn a_link_needs_its_file_and_its_heading() {
        let page = PathBuf::from(BOOK).join("a.html");
        let anchors = HashMap::from([(page.clone(), BTreeSet::from(["there".to_owned()]))]);
        assert!(
            leads_somewhere(&page, "#there", &anchors) && leads_somewhere(&page, "a.html#there", &anchors)
        );
        assert!(!leads_somewhere(&page, "#gone", &anchors) && !leads_somewhere(&page, "gone.html", &anchors));
    }
}
