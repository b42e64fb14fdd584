//! State kept in a file, so that keys outlive the process.
//!
//! A line that names the format and the SHA-256 digest of the rest, and then JSON.
use std::{
    collections::BTreeMap,
    fs, io,
    io::{Read as _, Write as _},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::{
    FakeKms,
    engine::{Families, RegionRecord, restore_families},
    hex::hex,
    state_lock::StateLock,
};

const MAGIC: &str = "datakey-fake-kms-state-1";
/// Far more than 100,000 keys need.
const MAX_LEN: u64 = 1 << 30;

/// A file that a fake's keys are kept in: keys with their key material, aliases, policies, tags, grants, in all Regions.
/// Principals, quotas, latency, faults and ledgers are not in it.
///
/// **Key material is in it, in the clear**: whoever reads it opens whatever the fake sealed. It is made readable by its
/// owner only (mode 0600, on Unix), and replaced as a whole: a process that is killed while it writes leaves the file as
/// it was. One fake at a time has it: another one, in this process or another, is refused while the first is there.
///
/// ```
/// use datakey_fake_kms::{FakeKms, KmsContext, StateFile};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("kms.state");
/// let fake = FakeKms::new();
/// let mut file = StateFile::open(&path, &fake)?; // new
/// let made = fake.generate_data_key(&fake.create_key()?, &KmsContext::default(), 32).await?;
/// file.save(&fake)?;
///
/// let another = FakeKms::new();
/// assert!(StateFile::open(&path, &another).is_err()); // it is in use
/// drop(file);
/// StateFile::open(&path, &another)?;
/// let opened = another.decrypt(None, &KmsContext::default(), &made.ciphertext).await?;
/// assert_eq!(opened.plaintext, made.plaintext);
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct StateFile {
    path: PathBuf,
    _lock: StateLock,
    /// The digest of what was last read or written.
    last: Option<[u8; 32]>,
}

/// Why state cannot be read or written.
///
/// Nothing was loaded or written where there is one. Its texts name the file and never what is in it, which is key material.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StateError {
    /// The file cannot be read or written.
    #[error("the state file {path:?} cannot be used")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// Another fake has it, in this process or another.
    #[error("the state file {path:?} is in use by another emulator; two would undo each other's changes")]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// Not a state file, or one of another version.
    #[error("{path:?} is not a state file of this version; nothing was loaded from it")]
    NotState {
        /// The file.
        path: PathBuf,
    },
    /// A state file that was altered or cut short.
    #[error("the state file {path:?} is damaged: {what}; nothing was loaded from it")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: Box<str>,
    },
    /// The state of another account: its ARNs would change.
    #[error("the state file {path:?} is of account {account}")]
    OtherAccount {
        /// The file.
        path: PathBuf,
        /// Its account.
        account: Box<str>,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Snapshot {
    account: String,
    families: Families,
    regions: BTreeMap<String, RegionRecord>,
}

impl StateFile {
    /// Loads the file into the fake, in place of all keys that it has; a file that is not there yet is fine, and made by
    /// the first [`save`](Self::save).
    ///
    /// # Errors
    /// [`StateError`]; the fake is then as it was.
    pub fn open(path: &Path, fake: &FakeKms) -> Result<Self, StateError> {
        let taken = StateLock::take(path).map_err(|source| StateError::Io {
            path: path.to_owned(),
            source,
        })?;
        let in_use = || StateError::InUse {
            path: path.to_owned(),
        };
        let mut this = Self {
            path: path.to_owned(),
            _lock: taken.ok_or_else(in_use)?,
            last: None,
        };
        let Some(bytes) = this.read()? else {
            return Ok(this);
        };
        let (digest, body) = split(&bytes).ok_or_else(|| StateError::NotState {
            path: this.path.clone(),
        })?;
        if hex(&Sha256::digest(body)) != digest {
            return Err(this.damaged("its digest is not that of its contents"));
        }
        // The parser's own words may repeat a value, and values are key material.
        let snapshot: Snapshot = serde_json::from_slice(body).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            this.damaged(&format!(
                "line {line}, column {column} of its contents is not as it should be"
            ))
        })?;
        this.load(snapshot, fake)?;
        this.last = Some(Sha256::digest(body).into());
        Ok(this)
    }

    /// Writes the fake's keys down, if something changed since they were last read or written; whether it did.
    ///
    /// # Errors
    /// [`StateError::Io`]; the file is then as it was.
    pub fn save(&mut self, fake: &FakeKms) -> Result<bool, StateError> {
        let mut families = Families::new();
        let regions = fake.world().regions();
        let regions = regions.iter().map(|region| {
            let name = region.engine.place().region.to_string();
            (name, region.engine.record(&mut families))
        });
        let snapshot = Snapshot {
            regions: regions.collect(),
            account: fake.account().to_owned(),
            families,
        };
        let body = serde_json::to_vec(&snapshot).map_err(|error| self.io(error.into()))?;
        let body = Zeroizing::new(body);
        let digest: [u8; 32] = Sha256::digest(&*body).into();
        if self.last == Some(digest) {
            return Ok(false);
        }
        self.write(&body, &hex(&digest)).map_err(|error| self.io(error))?;
        self.last = Some(digest);
        Ok(true)
    }

    fn read(&self) -> Result<Option<Zeroizing<Vec<u8>>>, StateError> {
        let file = match fs::File::open(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(|error| self.io(error))?,
        };
        let mut bytes = Zeroizing::new(Vec::new());
        file.take(MAX_LEN)
            .read_to_end(&mut bytes)
            .map_err(|error| self.io(error))?;
        Ok(Some(bytes))
    }

    fn load(&self, snapshot: Snapshot, fake: &FakeKms) -> Result<(), StateError> {
        if snapshot.account != fake.account() {
            return Err(StateError::OtherAccount {
                path: self.path.clone(),
                account: snapshot.account.into(),
            });
        }
        let families = restore_families(snapshot.families).map_err(|what| self.damaged(&what))?;
        let mut read = Vec::new();
        for (name, record) in snapshot.regions {
            let region = fake
                .in_region(&name)
                .map_err(|error| self.damaged(&error.to_string()))?;
            let keys = region
                .engine()
                .read_back(record, &families)
                .map_err(|what| self.damaged(&what))?;
            read.push((region, keys));
        }
        for (region, keys) in read {
            region.engine().take_over(keys);
        }
        Ok(())
    }

    fn write(&self, body: &[u8], digest: &str) -> io::Result<()> {
        let folder = match self.path.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        // A temporary file is readable by its owner only.
        let mut draft = tempfile::NamedTempFile::new_in(folder)?;
        draft.write_all(format!("{MAGIC} {digest}\n").as_bytes())?;
        draft.write_all(body)?;
        draft.as_file().sync_all()?;
        draft.persist(&self.path).map_err(|error| error.error)?;
        // The new name is on disk when its folder is; not every file system lets a folder be synced.
        let _best_effort = fs::File::open(folder).and_then(|folder| folder.sync_all());
        Ok(())
    }

    fn io(&self, source: io::Error) -> StateError {
        StateError::Io {
            path: self.path.clone(),
            source,
        }
    }

    fn damaged(&self, what: &str) -> StateError {
        StateError::Damaged {
            path: self.path.clone(),
            what: what.into(),
        }
    }
}

/// The digest that the first line tells, and the rest.
fn split(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let (line, rest) = bytes.split_at_checked(end)?;
    let (magic, digest) = core::str::from_utf8(line).ok()?.split_once(' ')?;
    (magic == MAGIC).then_some((digest, rest.get(1..)?))
}
