//! Key files: what is written is what is read, and everything else is refused with the line's number.
use std::{fs, path::PathBuf};

use datakey_local::{KeyFile, KeyFileError, LocalKeys, MAX_KEY_FILE_LEN, MAX_KEYS, Problem};
use datakey_provider::{DataKeyLength, EncryptionContext, OpeningProvider, SealingProvider};
use tempfile::TempDir;

struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("orders.key")
    }

    fn entries(&self) -> usize {
        fs::read_dir(self.folder.path()).unwrap().count()
    }

    /// A file with mode 0600 and the given contents.
    fn write(&self, contents: impl AsRef<[u8]>) -> PathBuf {
        fs::write(self.path(), contents).unwrap();
        #[cfg(unix)]
        set_mode(&self.path(), 0o600);
        self.path()
    }

    /// The text of a new file with keys `one` and `two`, of which `two` is active.
    fn text(&self) -> String {
        let keys = LocalKeys::generate("one").unwrap().with_generated("two").unwrap();
        KeyFile::create(self.path(), keys).unwrap();
        fs::read_to_string(self.path()).unwrap()
    }

    fn refusal(&self, contents: impl AsRef<[u8]>) -> (usize, Problem) {
        match KeyFile::open(self.write(contents)).unwrap_err() {
            KeyFileError::Format { source, .. } => (source.line, source.problem),
            other => panic!("{other}"),
        }
    }
}

#[cfg(unix)]
fn set_mode(path: &std::path::Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[tokio::test]
async fn what_is_written_is_read() {
    let place = Place::new();
    let context = EncryptionContext::new([("tenant", "acme")]).unwrap();
    let one = LocalKeys::generate("one").unwrap();
    let by_one = one
        .generate_data_key(&context, DataKeyLength::Bytes32)
        .await
        .unwrap();
    let both = one.with_generated("two").unwrap();
    let by_two = both
        .generate_data_key(&context, DataKeyLength::Bytes32)
        .await
        .unwrap();

    let created = KeyFile::create(place.path(), both).unwrap();
    assert_eq!(created.keys().active(), "two");
    assert_eq!(created.path(), place.path());
    assert_eq!(place.entries(), 1, "nothing is left beside");

    let opened = KeyFile::open(place.path()).unwrap().into_keys();
    assert_eq!(opened.active(), "two");
    assert_eq!(opened.names().collect::<Vec<_>>(), ["one", "two"]);
    for made in [by_one, by_two] {
        let data_key = opened
            .decrypt(&context, made.wrapped_keys().first())
            .await
            .unwrap();
        assert!(data_key.ct_eq(made.data_key()));
    }
}

#[test]
fn the_largest_set_fits_the_largest_file() {
    let place = Place::new();
    let name = |number: usize| format!("{number:0>64}");
    let mut keys = LocalKeys::generate(&name(0)).unwrap();
    for number in 1..MAX_KEYS {
        keys = keys.with_generated(&name(number)).unwrap();
    }
    KeyFile::create(place.path(), keys).unwrap();
    assert_eq!(
        KeyFile::open(place.path()).unwrap().keys().names().len(),
        MAX_KEYS
    );
}

#[test]
fn nothing_is_overwritten() {
    let place = Place::new();
    place.write("precious");
    let error = KeyFile::create(place.path(), LocalKeys::generate("dev").unwrap()).unwrap_err();
    assert!(matches!(error, KeyFileError::Exists { .. }), "{error}");
    assert_eq!(fs::read_to_string(place.path()).unwrap(), "precious");
    assert_eq!(place.entries(), 1);
}

#[test]
fn concurrent_creators_have_one_winner() {
    let place = Place::new();
    let winners: Vec<String> = std::thread::scope(|scope| {
        let creators: Vec<_> = (0..8)
            .map(|number| {
                let path = place.path();
                scope.spawn(move || {
                    let name = format!("creator-{number}");
                    let created = KeyFile::create(path, LocalKeys::generate(&name).unwrap());
                    match created {
                        Ok(_) => Some(name),
                        Err(KeyFileError::Exists { .. }) => None,
                        Err(other) => panic!("{other}"),
                    }
                })
            })
            .collect();
        creators
            .into_iter()
            .filter_map(|creator| creator.join().unwrap())
            .collect()
    });
    let [winner] = winners.as_slice() else {
        panic!("{winners:?}")
    };
    assert_eq!(KeyFile::open(place.path()).unwrap().keys().active(), winner);
    assert_eq!(place.entries(), 1);
}

#[cfg(unix)]
#[test]
fn a_dangling_link_counts_as_there() {
    let place = Place::new();
    std::os::unix::fs::symlink(place.folder.path().join("elsewhere"), place.path()).unwrap();
    let error = KeyFile::create(place.path(), LocalKeys::generate("dev").unwrap()).unwrap_err();
    assert!(matches!(error, KeyFileError::Exists { .. }), "{error}");
    assert_eq!(place.entries(), 1);
}

#[cfg(unix)]
#[test]
fn only_the_owner_has_access() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::new();
    place.text();
    let mode = fs::metadata(place.path()).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode, 0o600);
    for mode in [0o600, 0o400] {
        set_mode(&place.path(), mode);
        KeyFile::open(place.path()).unwrap();
    }
    for mode in [0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o644, 0o777] {
        set_mode(&place.path(), mode);
        let error = KeyFile::open(place.path()).unwrap_err();
        assert!(
            matches!(error, KeyFileError::OpenToOthers { mode: seen, .. } if seen == mode),
            "{error}"
        );
        assert!(error.to_string().contains("chmod 600"), "{error}");
    }
}

#[test]
fn what_is_no_file_is_refused() {
    let place = Place::new();
    let missing = KeyFile::open(place.path()).unwrap_err();
    assert!(matches!(missing, KeyFileError::Missing { .. }), "{missing}");
    let folder = KeyFile::open(place.folder.path()).unwrap_err();
    assert!(matches!(folder, KeyFileError::NotAFile { .. }), "{folder}");
    let below_nothing = place.folder.path().join("no/such/folder.key");
    let error = KeyFile::create(below_nothing, LocalKeys::generate("dev").unwrap()).unwrap_err();
    assert!(
        matches!(error, KeyFileError::Io { doing: "create", .. }),
        "{error}"
    );
    let no_name = KeyFile::create("/", LocalKeys::generate("dev").unwrap()).unwrap_err();
    assert!(
        matches!(no_name, KeyFileError::Io { doing: "create", .. }),
        "{no_name}"
    );
}

#[test]
fn the_length_is_bounded() {
    let place = Place::new();
    let mut text = place.text();
    while text.len() < MAX_KEY_FILE_LEN {
        text.push('\n');
    }
    KeyFile::open(place.write(&text)).unwrap();
    text.push('\n');
    let error = KeyFile::open(place.write(&text)).unwrap_err();
    assert!(matches!(error, KeyFileError::TooLarge { .. }), "{error}");
}

#[test]
fn comments_blanks_and_line_ends_do_not_matter() {
    let place = Place::new();
    let text = place.text();
    let loose = text.replace('\n', " \r\n\r\n  # a note\r\n");
    assert_eq!(KeyFile::open(place.write(loose)).unwrap().keys().active(), "two");
    assert_eq!(
        KeyFile::open(place.write(text.trim_end()))
            .unwrap()
            .keys()
            .active(),
        "two"
    );
}

#[test]
fn malformed_lines_are_named() {
    let place = Place::new();
    let text = place.text();
    let lines: Vec<&str> = text.lines().collect();
    let header = "datakey-local-keys v1";
    let [_, note, active, one, two, _] = lines.as_slice() else {
        panic!("{text}")
    };
    let words: Vec<&str> = one.split(' ').collect();
    let [_, _, secret, check] = words.as_slice() else {
        panic!("{one}")
    };
    let last = if check.ends_with('0') { '1' } else { '0' };
    let damaged = format!("key one {secret} {}{last}", &check[..15]);

    let join = |lines: &[&str]| lines.join("\n");
    let cases: Vec<(String, usize, Problem)> = vec![
        (String::new(), 1, Problem::Header),
        (join(&["", header]), 1, Problem::Header),
        (join(&["-----BEGIN PRIVATE KEY-----"]), 1, Problem::Header),
        (join(&["datakey-local-keys v3", active, two]), 1, Problem::Version),
        (join(&["datakey-local-keys v", active, two]), 1, Problem::Header),
        (join(&["datakey-local-keys", active, two]), 1, Problem::Header),
        (
            join(&["datakey-local-keys v1 v2", active, two]),
            1,
            Problem::Header,
        ),
        (join(&[header, note, "keys one"]), 3, Problem::Entry),
        (join(&[header, active, "key one"]), 3, Problem::Entry),
        (join(&[header, active, &format!("{one} more")]), 3, Problem::Entry),
        (join(&[header, "active", one]), 2, Problem::Entry),
        (join(&[header, "active one two", one]), 2, Problem::Entry),
        (join(&[header, &one.replace(" one ", " o:ne ")]), 2, Problem::Name),
        (
            join(&[header, &format!("key {secret} one {check}")]),
            2,
            Problem::Secret,
        ),
        (
            join(&[header, &format!("key one {} {check}", &secret[4..])]),
            2,
            Problem::Secret,
        ),
        (
            join(&[header, &format!("key one {}!=== {check}", &secret[..40])]),
            2,
            Problem::Secret,
        ),
        (
            join(&[header, &format!("key one {}==== {check}", &secret[..40])]),
            2,
            Problem::Secret,
        ),
        (join(&[header, &damaged]), 2, Problem::Check),
        (join(&[header, &one.replace(" one ", " two ")]), 2, Problem::Check),
        (join(&[header, active, one, two, one]), 5, Problem::DuplicateKey),
        (join(&[header, active, one, active]), 4, Problem::DuplicateActive),
        (join(&[header, one, two]), 3, Problem::NoActive),
        (join(&[header]), 1, Problem::NoActive),
        (join(&[header, note, active, one]), 3, Problem::UnknownActive),
        (join(&[header, active]), 2, Problem::UnknownActive),
    ];
    for (contents, line, problem) in cases {
        assert_eq!(place.refusal(&contents), (line, problem), "{contents}");
    }
    let mut bytes = join(&[header, active, ""]).into_bytes();
    bytes.push(0xff);
    assert_eq!(place.refusal(bytes), (3, Problem::NotText));
}

#[test]
fn every_changed_character_of_a_key_is_refused() {
    let place = Place::new();
    KeyFile::create(place.path(), LocalKeys::generate("one").unwrap()).unwrap();
    let text = fs::read_to_string(place.path()).unwrap();
    let start = text.find("key one").unwrap();
    for position in (start..text.trim_end().len()).filter(|at| text.as_bytes()[*at] != b'\n') {
        let mut bytes = text.clone().into_bytes();
        bytes[position] = if bytes[position] == b'0' { b'1' } else { b'0' };
        let (line, problem) = place.refusal(bytes);
        assert!(line >= 3, "at {position}: {problem}");
    }
}

#[test]
fn refusals_show_no_key() {
    let place = Place::new();
    let text = place.text();
    let two = text.lines().find(|line| line.starts_with("key two"));
    let secret = two.unwrap().split(' ').nth(2).unwrap().to_owned();
    for contents in [
        text.replace("key two ", "key "),
        text.replace("key two ", "two "),
        text.replace(&secret, &format!("{}~", &secret[..43])),
        text.replace(&format!("two {secret}"), &format!("{secret} two")),
    ] {
        let error = KeyFile::open(place.write(&contents)).unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains(&secret[..8]), "{shown}");
    }
    let file = KeyFile::open(place.write(&text)).unwrap();
    assert!(!format!("{file:?}").contains(&secret[..8]));
}

/// Of a file of today, whichever of its lines are missing at the end or in between.
#[test]
fn a_file_that_was_cut_or_lost_a_line_is_refused() {
    let place = Place::new();
    let text = place.text();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 6, "{text}");
    for kept in 1..lines.len() {
        let cut = lines[..kept].join("\n");
        assert_eq!(place.refusal(format!("{cut}\n")), (kept, Problem::Cut));
        assert_eq!(place.refusal(cut), (kept, Problem::Cut));
    }
    for lost in [3, 4] {
        let mut fewer = lines.clone();
        fewer.remove(lost);
        assert_eq!(place.refusal(fewer.join("\n")), (5, Problem::OtherKeys));
    }
    let other = Place::new();
    let others: Vec<String> = other.text().lines().map(str::to_owned).collect();
    let swapped = [lines[0], lines[2], lines[3], &others[4], lines[5]].join("\n");
    assert_eq!(place.refusal(swapped), (5, Problem::OtherKeys));
    let miscounted = text.replace("end 2 ", "end 1 ");
    assert_eq!(place.refusal(miscounted), (6, Problem::OtherKeys));
    let appended = format!("{text}{}\n", lines[3]);
    assert_eq!(place.refusal(appended), (7, Problem::BehindEnd));
    let file = KeyFile::open(place.write(format!("{text}# a note\n\n"))).unwrap();
    assert!(file.proves_its_end());
}

#[test]
fn a_file_of_version_1_is_read_and_does_not_prove_its_end() {
    let place = Place::new();
    let text = place.text().replace(" v2\n", " v1\n");
    let line = text.find("end ").unwrap();
    assert_eq!(place.refusal(&text), (6, Problem::Entry), "it has no such line");
    let file = KeyFile::open(place.write(&text[..line])).unwrap();
    assert_eq!(file.keys().names().collect::<Vec<_>>(), ["one", "two"]);
    assert!(!file.proves_its_end());
}

#[test]
fn line_ends_and_blanks_are_called_by_their_name() {
    let place = Place::new();
    let text = place.text();
    assert_eq!(place.refusal(text.replace('\n', "\r")), (1, Problem::LineEnd));
    assert_eq!(
        place.refusal(text.replacen("\nkey", "\rkey", 1)),
        (3, Problem::LineEnd)
    );
    KeyFile::open(place.write(text.replace(' ', "  "))).unwrap();
    KeyFile::open(place.write(text.replace('\n', "\r\n"))).unwrap();
}
