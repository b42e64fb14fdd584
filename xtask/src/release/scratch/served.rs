//! A registry on the loopback: a sparse index, archives, and uploads that can be refused.
use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// Serves until the process ends.
pub struct Served {
    port: u16,
    shelves: Arc<Mutex<Shelves>>,
}

#[derive(Default)]
struct Shelves {
    /// The lines of the index, by crate.
    index: BTreeMap<String, Vec<Value>>,
    archives: BTreeMap<String, Vec<u8>>,
    uploads: Vec<String>,
    refused: Option<String>,
    unanswered: Option<String>,
}

impl Served {
    pub fn start() -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let port = listener.local_addr()?.port();
        let shelves = Arc::new(Mutex::new(Shelves::default()));
        let shared = Arc::clone(&shelves);
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                thread::spawn(move || answer(&connection, port, &shared));
            }
        });
        Ok(Self { port, shelves })
    }

    /// The address of the index, for cargo's configuration.
    pub fn index(&self) -> String {
        format!("sparse+http://127.0.0.1:{}/index/", self.port)
    }

    /// What was uploaded, in order.
    pub fn uploads(&self) -> Vec<String> {
        lock(&self.shelves).uploads.clone()
    }

    /// Uploads of a crate fail, or none does.
    pub fn refuse(&self, name: Option<&str>) {
        lock(&self.shelves).refused = name.map(str::to_owned);
    }

    /// Uploads of a crate succeed, and whoever uploads is told of a failure.
    pub fn lose_answer_of(&self, name: Option<&str>) {
        lock(&self.shelves).unanswered = name.map(str::to_owned);
    }

    /// Has what another registry has.
    pub fn take_from(&self, other: &Self) {
        let (index, archives) = {
            let other = lock(&other.shelves);
            (other.index.clone(), other.archives.clone())
        };
        let mut own = lock(&self.shelves);
        (own.index, own.archives) = (index, archives);
    }
}

fn lock(shelves: &Mutex<Shelves>) -> MutexGuard<'_, Shelves> {
    shelves.lock().unwrap_or_else(PoisonError::into_inner)
}

fn answer(connection: &TcpStream, port: u16, shelves: &Mutex<Shelves>) {
    let (status, body) = match request(connection) {
        Ok((path, body)) => respond(&path, &body, port, shelves),
        Err(_) => return,
    };
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    let mut connection = connection;
    // Whoever has gone away needs no answer.
    let _gone = connection
        .write_all(head.as_bytes())
        .and_then(|()| connection.write_all(&body));
}

/// The path and the body of a request.
fn request(connection: &TcpStream) -> Result<(String, Vec<u8>)> {
    let mut reader = BufReader::new(connection);
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let path = first.split(' ').nth(1).context("a request line")?.to_owned();
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim().split_once(':') else {
            break;
        };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse()?;
        }
        if name.eq_ignore_ascii_case("expect") {
            let mut connection = connection;
            connection.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok((path, body))
}

fn respond(path: &str, body: &[u8], port: u16, shelves: &Mutex<Shelves>) -> (&'static str, Vec<u8>) {
    let here = format!("http://127.0.0.1:{port}");
    if path == "/index/config.json" {
        let config = json!({ "dl": format!("{here}/dl/{{crate}}-{{version}}"), "api": here });
        return ("200 OK", config.to_string().into_bytes());
    }
    let mut shelves = lock(shelves);
    if path == "/api/v1/crates/new" {
        return match shelves.take_in(body) {
            Ok(()) => ("200 OK", b"{}".to_vec()),
            Err(error) => {
                let told = json!({ "errors": [{ "detail": error.to_string() }] });
                ("503 Service Unavailable", told.to_string().into_bytes())
            }
        };
    }
    let found = match path.strip_prefix("/dl/") {
        Some(archive) => shelves.archives.get(archive).cloned(),
        None => path.rsplit('/').next().and_then(|name| shelves.lines(name)),
    };
    found.map_or(("404 Not Found", Vec::new()), |found| ("200 OK", found))
}

impl Shelves {
    fn lines(&self, name: &str) -> Option<Vec<u8>> {
        let lines: Vec<String> = self.index.get(name)?.iter().map(Value::to_string).collect();
        Some(lines.join("\n").into_bytes())
    }

    /// An upload: two parts, each behind its length.
    fn take_in(&mut self, body: &[u8]) -> Result<()> {
        let (about, rest) = part(body).context("a description")?;
        let (archive, _) = part(rest).context("an archive")?;
        let about: Value = serde_json::from_slice(about)?;
        let text = |key: &str| {
            about
                .get(key)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let (name, version) = (text("name"), text("vers"));
        if self.refused.as_ref() == Some(&name) {
            bail!("the shelves are full");
        }
        let checksum: String = Sha256::digest(archive)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let dependencies = about
            .get("deps")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        let dependencies: Vec<Value> = dependencies.into_iter().map(in_index).collect();
        let line = json!({
            "name": name, "vers": version, "deps": dependencies, "cksum": checksum,
            "features": about.get("features").cloned().unwrap_or_else(|| json!({})), "yanked": false,
        });
        let lines = self.index.entry(name.clone()).or_default();
        if lines
            .iter()
            .any(|line| line.get("vers").and_then(Value::as_str) == Some(&version))
        {
            bail!("{name} {version} is there already");
        }
        lines.push(line);
        self.archives
            .insert(format!("{name}-{version}"), archive.to_vec());
        self.uploads.push(format!("{name} {version}"));
        if self.unanswered.as_ref() == Some(&name) {
            bail!("the answer was lost");
        }
        Ok(())
    }
}

fn part(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)
}

/// The index names a dependency's requirement otherwise than an upload does.
fn in_index(mut dependency: Value) -> Value {
    if let Some(fields) = dependency.as_object_mut()
        && let Some(requirement) = fields.remove("version_req")
    {
        fields.insert("req".into(), requirement);
    }
    dependency
}
