//! What the command line leaves open: the environment, then the configuration file.
use std::{
    collections::BTreeMap, env, ffi::OsString, fmt::Display, fs, io, ops::RangeInclusive, path::PathBuf,
    str::FromStr,
};

use serde::Deserialize;
use toml::Spanned;

use crate::{args::SuiteArg, failure::Failure, key_uri::KeyUri};

/// What was not said on the command line.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    pub(crate) keys: Vec<KeyUri>,
    pub(crate) context: Option<Vec<(String, String)>>,
    pub(crate) suite: Option<SuiteArg>,
    pub(crate) threads: Option<u16>,
    pub(crate) timeout: Option<u64>,
    pub(crate) region: Option<String>,
    pub(crate) endpoint_url: Option<String>,
    /// Where the configuration was looked for.
    pub(crate) path: Option<PathBuf>,
}

/// A configuration file. What it does not know is refused, so that a slip does not go unnoticed.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    key: Option<OneOrMore>,
    context: Option<BTreeMap<String, String>>,
    suite: Option<SuiteArg>,
    threads: Option<Spanned<i64>>,
    timeout: Option<Spanned<i64>>,
    region: Option<String>,
    endpoint_url: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "a key is a text, and several are a list of texts")]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

impl OneOrMore {
    fn texts(self) -> Vec<String> {
        match self {
            Self::One(text) => vec![text],
            Self::More(texts) => texts,
        }
    }
}

impl Settings {
    /// Reads the environment and the configuration file: the one that is named, else the user's own, if there is one.
    ///
    /// # Errors
    /// When the named file is missing, or what is set cannot be understood.
    pub(crate) fn read(named: Option<&PathBuf>) -> Result<Self, Failure> {
        Self::from(named, &|name| env::var_os(name))
    }

    fn from(
        named: Option<&PathBuf>,
        environment: &dyn Fn(&str) -> Option<OsString>,
    ) -> Result<Self, Failure> {
        let named = named
            .cloned()
            .or_else(|| environment("DATAKEY_CONFIG").map(PathBuf::from));
        let (path, must_be) = match named {
            // Set and empty: no configuration.
            Some(path) if path.as_os_str().is_empty() => (None, false),
            Some(path) => (Some(path), true),
            None => (own_file(environment), false),
        };
        let mut settings = match &path {
            Some(path) => read_file(path, must_be)?,
            None => Self::default(),
        };
        settings.path = path;
        settings.overlay(environment)?;
        Ok(settings)
    }

    /// The environment goes before the file.
    fn overlay(&mut self, environment: &dyn Fn(&str) -> Option<OsString>) -> Result<(), Failure> {
        let text = |name: &str| -> Result<Option<String>, Failure> {
            match environment(name).filter(|value| !value.is_empty()) {
                None => Ok(None),
                Some(value) => match value.into_string() {
                    Ok(text) => Ok(Some(text)),
                    Err(_not_text) => Err(Failure::Usage(format!("{name} in the environment is not text"))),
                },
            }
        };
        if let Some(keys) = text("DATAKEY_KEY")? {
            self.keys = keys_of("DATAKEY_KEY", keys.split(','))?;
        }
        if let Some(context) = text("DATAKEY_CONTEXT")? {
            let pairs = context.split(',').map(|pair| match pair.split_once('=') {
                Some((key, value)) => Ok((key.to_owned(), value.to_owned())),
                None => Err(Failure::Usage(format!(
                    "DATAKEY_CONTEXT holds KEY=VALUE,KEY=VALUE; {pair:?} has no `=`"
                ))),
            });
            self.context = Some(pairs.collect::<Result<_, _>>()?);
        }
        if let Some(suite) = text("DATAKEY_SUITE")? {
            let known = <SuiteArg as clap::ValueEnum>::from_str(&suite, false);
            self.suite = Some(known.map_err(|_unknown| {
                Failure::Usage(format!("DATAKEY_SUITE: there is no cipher suite {suite:?}"))
            })?);
        }
        if let Some(threads) = text("DATAKEY_THREADS")? {
            self.threads = Some(number("DATAKEY_THREADS", &threads, THREADS)?);
        }
        if let Some(timeout) = text("DATAKEY_TIMEOUT")? {
            self.timeout = Some(number("DATAKEY_TIMEOUT", &timeout, SECONDS)?);
        }
        Ok(())
    }
}

/// How many threads there may be.
const THREADS: RangeInclusive<u16> = 1..=256;

/// How many seconds may be waited.
const SECONDS: RangeInclusive<u64> = 1..=86_400;

/// A number in its range.
fn number<N: Copy + Display + FromStr + PartialOrd>(
    name: &str,
    text: &str,
    range: RangeInclusive<N>,
) -> Result<N, Failure> {
    let number = text.parse().ok().filter(|number| range.contains(number));
    number.ok_or_else(|| {
        let (least, most) = (range.start(), range.end());
        Failure::Usage(format!(
            "{name} is a number from {least} to {most}, and not {text:?}"
        ))
    })
}

fn keys_of<'t>(origin: &str, texts: impl Iterator<Item = &'t str>) -> Result<Vec<KeyUri>, Failure> {
    texts
        .map(|text| {
            text.trim()
                .parse()
                .map_err(|error| Failure::Usage(format!("{origin}: {error}")))
        })
        .collect()
}

/// Where the configuration of whoever runs the command is.
fn own_file(environment: &dyn Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let folder = |name| {
        environment(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let folder = match (folder("XDG_CONFIG_HOME"), cfg!(windows)) {
        (Some(folder), _) => folder,
        (None, true) => folder("APPDATA")?,
        (None, false) => folder("HOME")?.join(".config"),
    };
    Some(folder.join("datakey").join("config.toml"))
}

/// A number of the file, in its range.
fn told<N: Copy + Display + FromStr + PartialOrd>(
    origin: &str,
    text: &str,
    name: &str,
    found: Option<Spanned<i64>>,
    range: RangeInclusive<N>,
) -> Result<Option<N>, Failure> {
    let told = |found: Spanned<i64>| {
        let line = line_of(text, found.span().start);
        number(
            &format!("{origin}, line {line}: {name}"),
            &found.get_ref().to_string(),
            range,
        )
    };
    found.map(told).transpose()
}

/// The line of a place in a text, from 1.
fn line_of(text: &str, at: usize) -> usize {
    text.get(..at).unwrap_or_default().split('\n').count()
}

fn read_file(path: &PathBuf, must_be: bool) -> Result<Settings, Failure> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if !must_be && error.kind() == io::ErrorKind::NotFound => return Ok(Settings::default()),
        Err(source) => {
            let path = path.clone();
            return Err(Failure::Configuration { path, source });
        }
    };
    let file: File = toml::from_str(&text).map_err(|error| {
        // Its own text shows the line, over several.
        let line = error.span().map_or(1, |span| line_of(&text, span.start));
        Failure::Usage(format!(
            "the configuration {path:?}, line {line}: {}",
            error.message()
        ))
    })?;
    let origin = format!("the configuration {path:?}");
    let texts = file.key.map(OneOrMore::texts).unwrap_or_default();
    let mut keys = keys_of(&origin, texts.iter().map(String::as_str))?;
    // A key file is beside the configuration, wherever the command is run.
    for key in &mut keys {
        if let KeyUri::Local(key) = key
            && let Some(folder) = path.parent()
        {
            *key = folder.join(&*key);
        }
    }
    Ok(Settings {
        keys,
        context: file.context.map(|pairs| pairs.into_iter().collect()),
        suite: file.suite,
        threads: told(&origin, &text, "threads", file.threads, THREADS)?,
        timeout: told(&origin, &text, "timeout", file.timeout, SECONDS)?,
        region: file.region,
        endpoint_url: file.endpoint_url,
        path: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, environment: &[(&str, &str)]) -> Result<Settings, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        fs::write(&path, text).unwrap();
        let environment = |name: &str| {
            let found = environment.iter().find(|(own, _)| *own == name);
            found.map(|(_, value)| OsString::from(value))
        };
        Settings::from(Some(&path), &environment).map_err(|failure| failure.to_string())
    }

    #[test]
    fn the_environment_goes_before_the_file() {
        let file = "key = 'aws-kms:alias/orders'\ncontext = { tenant = 'acme' }\nsuite = 'aes-256-gcm'\nthreads = 3\n";
        let settings = read(file, &[]).unwrap();
        assert_eq!(settings.keys, ["aws-kms:alias/orders".parse().unwrap()]);
        assert_eq!(settings.context, Some(vec![("tenant".into(), "acme".into())]));
        assert_eq!(
            (settings.suite, settings.threads),
            (Some(SuiteArg::Aes256Gcm), Some(3))
        );
        let environment = [
            ("DATAKEY_KEY", "local:/one,local:/two"),
            ("DATAKEY_CONTEXT", "a=b,c=d=e"),
            ("DATAKEY_SUITE", "chacha20-poly1305"),
            ("DATAKEY_THREADS", "1"),
            ("DATAKEY_TIMEOUT", ""),
        ];
        let settings = read(file, &environment).unwrap();
        assert_eq!(settings.keys.len(), 2);
        let pairs = [("a", "b"), ("c", "d=e")].map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(settings.context, Some(pairs.to_vec()));
        assert_eq!(settings.suite, Some(SuiteArg::ChaCha20Poly1305));
        assert_eq!((settings.threads, settings.timeout), (Some(1), None));
    }

    #[test]
    fn a_slip_is_told_with_its_line() {
        for (text, part) in [
            ("threads = 1\nkeys = 'a'\n", "line 2"),
            ("suite = 'rot13'", "rot13"),
            ("key = 'aws-kms:orders'", "alias/NAME"),
            ("\nthreads = 0", "line 2: threads is a number from 1 to 256"),
            ("key = 5", "a key is a text"),
            ("threads =", "line 1"),
        ] {
            let told = read(text, &[]).unwrap_err();
            assert!(told.contains(part), "{told}");
        }
        assert!(read("", &[("DATAKEY_THREADS", "many")]).is_err());
        assert!(read("", &[("DATAKEY_CONTEXT", "tenant")]).is_err());
    }

    #[test]
    fn key_files_are_beside_the_configuration_that_names_them() {
        let settings = read("key = ['orders.key', 'local:/old.key']", &[]).unwrap();
        let KeyUri::Local(path) = &settings.keys[0] else {
            panic!("{settings:?}")
        };
        assert!(path.is_absolute() && path.ends_with("orders.key"));
        assert_eq!(settings.keys[1], KeyUri::Local("/old.key".into()));
    }
}
