//! The reports, looked at in a browser: at a phone's and a desktop's width, light and dark, and on paper.
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail, ensure};

use crate::cargo;

/// The pages: each a name and the command that writes it, but for `--report`. The quota is one that a debug build exceeds.
const PAGES: [(&str, &[&str]); 6] = [
    ("demo", &["demo", "--quota", "100", "--every", "200"]),
    ("bulk-post", &["simulate", "bulk-post"]),
    (
        "dark-region",
        &["simulate", "dark-region", "--hosts", "10", "--hours", "0.3"],
    ),
    ("late-readers", &["simulate", "late-readers", "--hours", "0.2"]),
    (
        "plan",
        &[
            "plan",
            "--records-per-second",
            "900",
            "--hosts",
            "40",
            "--readers",
            "8",
            "--quota",
            "1100",
            "--simulate",
        ],
    ),
    (
        "no-plan",
        &[
            "plan",
            "--records-per-second",
            "1000000",
            "--hosts",
            "1000",
            "--quota",
            "100",
            "--context-per-record",
        ],
    ),
];

/// A phone's width and a desktop's, each with a height that takes the whole page.
const WINDOWS: [(u32, u32); 2] = [(390, 7_000), (1_280, 3_600)];

/// Looked for in what a browser says of a page.
const FOUND: &str = "data-look=\"";

/// Writes each report into `target/look`, and has the browser show it and say what is wrong with it.
pub fn run(_: &[String]) -> Result<()> {
    cargo::cargo(&["build", "--locked", "--package", "datakey-cli"])?;
    let program = fs::canonicalize("target/debug/datakey").context("the command is not there")?;
    fs::create_dir_all("target/look")?;
    let folder = fs::canonicalize("target/look")?;
    let browser = browser();
    for (name, command) in PAGES {
        let page = folder.join(name).with_extension("html");
        let mut writing = Command::new(&program);
        cargo::run_to_end(writing.args(command).arg("--force").arg("--report").arg(&page))?;
        match browser {
            Some(browser) => look(browser, &page)?,
            None => println!(
                "look: {} was not looked at, as there is no Chromium",
                page.display()
            ),
        }
    }
    Ok(())
}

fn browser() -> Option<&'static str> {
    ["chromium", "chromium-browser", "google-chrome"]
        .into_iter()
        .find(|name| {
            Command::new(name)
                .arg("--version")
                .output()
                .is_ok_and(|output| output.status.success())
        })
}

fn look(browser: &str, page: &Path) -> Result<()> {
    let checked = with_check(page)?;
    for (width, height) in WINDOWS {
        for (scheme, number) in [("light", 1), ("dark", 0)] {
            let picture = page.with_file_name(format!("{}-{width}-{scheme}.png", stem(page)));
            show(
                browser,
                page,
                &[
                    &format!("--blink-settings=preferredColorScheme={number}"),
                    &format!("--window-size={width},{height}"),
                    &format!("--screenshot={}", picture.display()),
                ],
            )?;
        }
        let told = show(
            browser,
            &checked,
            &[&format!("--window-size={width},{height}"), "--dump-dom"],
        )?;
        let (_, after) = told.split_once(FOUND).context("the browser ran no check")?;
        let found = after.split('"').next().unwrap_or(after);
        ensure!(found == "good", "{} at {width} pixels: {found}", page.display());
    }
    let paper = page.with_extension("pdf");
    show(
        browser,
        page,
        &[
            "--no-pdf-header-footer",
            &format!("--print-to-pdf={}", paper.display()),
        ],
    )?;
    println!(
        "look: {} is good at both widths; pictures are beside it",
        page.display()
    );
    Ok(())
}

fn stem(page: &Path) -> String {
    page.file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// A copy of the page that looks at itself. Reports have no scripts of their own.
fn with_check(page: &Path) -> Result<PathBuf> {
    let script = format!("<script>{}</script></body>", include_str!("look.js"));
    let checked = page.with_extension("check.html");
    fs::write(&checked, fs::read_to_string(page)?.replace("</body>", &script))?;
    Ok(checked)
}

/// What the browser prints of a page, in a profile of its own.
fn show(browser: &str, page: &Path, arguments: &[&str]) -> Result<String> {
    let profile = page.with_extension("profile");
    let output = Command::new(browser)
        .args([
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
        ])
        .arg(format!("--user-data-dir={}", profile.display()))
        .args(arguments)
        .arg(format!("file://{}", page.display()))
        .output()?;
    drop(fs::remove_dir_all(profile));
    if !output.status.success() {
        bail!("{browser} failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
