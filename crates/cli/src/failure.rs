//! What can go wrong in a command, with the exit code and the advice that go with it.
use std::{
    error::Error,
    fmt, io,
    net::SocketAddr,
    path::{Path, PathBuf},
};

#[cfg(feature = "account")]
use aws_credential_types::provider::error::CredentialsError;
use datakey::{
    ContextError, ErrorClass, KeyringError, OpenError, ProviderError, SealError, StreamError,
    envelope::{self, RewrapError},
    esdk,
    fake_kms::StateError,
    local::{KeyFileError, LocalKeysError},
};
use serde_json::json;
use thiserror::Error;

use crate::{armor::ArmorError, role::Role, standard::CLOSED};

/// Why a command did not do what it was asked to.
#[derive(Debug, Error)]
pub(crate) enum Failure {
    #[error("{count} of the strategies that promise delivery lost, doubled or altered an order")]
    Demo { count: usize },
    #[error(transparent)]
    Simulation(#[from] datakey_sim::Error),
    #[error("{0}")]
    Usage(String),
    #[error("the encryption context is not valid: {0}")]
    Context(#[from] ContextError),
    /// What is to be sealed as records is none.
    #[error("{0}")]
    Unfit(String),
    #[error("{path:?} exists already")]
    OutputExists { path: PathBuf },
    #[cfg(feature = "report")]
    #[error("{path:?} exists already")]
    ReportExists { path: PathBuf },
    #[cfg(feature = "tls")]
    #[error("{path:?} exists already")]
    AuthorityExists { path: PathBuf },
    #[error("{path:?} is a folder")]
    OutputIsFolder { path: PathBuf },
    #[cfg_attr(
        not(unix),
        expect(dead_code, reason = "only there are disks and sockets that have paths")
    )]
    #[error("{path:?} is a {what}, to which nothing is written")]
    OutputIsSpecial { path: PathBuf, what: &'static str },
    #[error("{path:?} would be the output of two inputs, {first:?} and {second:?}")]
    OutputTwice {
        path: PathBuf,
        first: PathBuf,
        second: PathBuf,
    },
    #[error("{path:?} is named twice")]
    InputTwice { path: PathBuf },
    #[error(
        "{output} is the same file as {role} {input}, and would take its place",
        output = Named(output, "standard output"),
        input = Named(path, "standard input")
    )]
    OutputIsRead {
        output: PathBuf,
        role: Role,
        path: PathBuf,
    },
    #[error("{path:?} is older than the file that it was made of")]
    OutputIsOld { path: PathBuf },
    #[error("the range starts at byte {start}, and the plaintext has {len}")]
    BeyondEnd { start: u64, len: u64 },
    #[error("sealed bytes are not for a terminal")]
    Terminal,
    #[cfg_attr(not(unix), expect(dead_code, reason = "only there is it known"))]
    #[error("standard output cannot be written: {CLOSED}")]
    Closed,
    #[error("whoever read standard output went away")]
    ReaderGone,
    #[error("{path:?} changed while it was read")]
    Changed { path: PathBuf },
    #[error("{input} cannot be read: {source}", input = Named(path, "standard input"))]
    Read { path: PathBuf, source: io::Error },
    #[error("the configuration {path:?} cannot be read: {source}")]
    Configuration { path: PathBuf, source: io::Error },
    #[error("{output} cannot be written: {source}", output = Named(path, "standard output"))]
    Write { path: PathBuf, source: io::Error },
    #[error("all is done, but standard output, which was to tell it, cannot be written: {source}")]
    Untold { source: io::Error },
    #[error("the text between the lines of the armor is broken: {0}")]
    Armor(#[from] ArmorError),
    #[error(transparent)]
    KeyFile(#[from] KeyFileError),
    #[error(transparent)]
    Keys(#[from] LocalKeysError),
    #[cfg(feature = "account")]
    #[error("there are no AWS credentials; set them in the environment or in a profile")]
    NoCredentials,
    #[cfg(feature = "account")]
    #[error("the AWS credentials cannot be loaded; set them in the environment or in a profile")]
    Credentials(#[source] Box<CredentialsError>),
    #[cfg(feature = "dynamodb")]
    #[error(transparent)]
    BranchKey(Box<datakey::branch_keys::AdminError>),
    #[error("{address} cannot be listened on")]
    Listen { address: SocketAddr, source: io::Error },
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Seal(#[from] SealError),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error("the data key was not wrapped anew")]
    Wrap(#[source] Box<ProviderError>),
    #[error(
        "{} is under none of the wrapping keys of --key: {under}",
        Named(path, "standard input")
    )]
    Under { path: PathBuf, under: String },
    #[error(transparent)]
    Rewrap(#[from] RewrapError),
    /// Something about one file, whose own words do not name it.
    #[error("{file}: {failure}", file = Named(path, "standard input"))]
    Of {
        path: PathBuf,
        #[source]
        failure: Box<Failure>,
    },
    /// Each has been told before.
    #[error("{}", some(*failed, *count))]
    Some { failed: u64, count: u64, code: u8 },
    #[error("{left} of {count} files are not done, as that failure is one of all of them")]
    Stopped { left: u64, count: u64, code: u8 },
    #[error("{what}: {source}")]
    Other {
        what: &'static str,
        source: Box<dyn Error + Send + Sync>,
    },
}

/// A path in a message, or what `-` stands for.
struct Named<'a>(&'a Path, &'static str);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == Path::new("-") {
            f.write_str(self.1)
        } else {
            write!(f, "{:?}", self.0)
        }
    }
}

impl Failure {
    /// A file that cannot be read.
    pub(crate) fn read(path: &Path, source: io::Error) -> Self {
        Self::Read {
            path: path.to_owned(),
            source,
        }
    }

    /// A file that cannot be written.
    pub(crate) fn write(path: &Path, source: io::Error) -> Self {
        if path == Path::new("-") && source.kind() == io::ErrorKind::BrokenPipe {
            return Self::ReaderGone;
        }
        Self::Write {
            path: path.to_owned(),
            source,
        }
    }

    /// The failure with the name of the file that it is about, where it does not say it.
    pub(crate) fn of(self, path: &Path) -> Self {
        match self {
            // That there is no data key is nothing about the file.
            Self::Seal(SealError::Keyring(_) | SealError::ShutDown) => self,
            Self::Seal(_)
            | Self::Open(_)
            | Self::BeyondEnd { .. }
            | Self::Wrap(_)
            | Self::Rewrap(_)
            | Self::Armor(_) => Self::Of {
                path: path.to_owned(),
                failure: Box::new(self),
            },
            own => own,
        }
    }

    /// Something that has no exit code of its own.
    pub(crate) fn other(what: &'static str, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Other {
            what,
            source: source.into(),
        }
    }

    /// An error of a reader in the middle of a message: of the message, else of the file.
    pub(crate) fn from_read(path: &Path, error: impl Into<StreamError>) -> Self {
        match error.into() {
            StreamError::Open(open) => Self::Open(open),
            StreamError::Io(error) => match error.downcast::<ArmorError>() {
                Ok(armor) => Self::Armor(armor),
                Err(error) => Self::read(path, error),
            },
            error => Self::read(path, error.into()),
        }
    }

    /// An error of a writer in the middle of a message: of sealing, else of the file.
    pub(crate) fn from_write(path: &Path, error: impl Into<StreamError>) -> Self {
        match error.into() {
            StreamError::Seal(seal) => Self::Seal(seal),
            error => Self::write(path, error.into()),
        }
    }

    /// The exit code; the table stands in the command's help.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Demo { .. } | Self::Listen { .. } | Self::Other { .. } => 1,
            Self::Usage(_)
            | Self::Context(_)
            | Self::OutputTwice { .. }
            | Self::InputTwice { .. }
            | Self::OutputIsRead { .. }
            | Self::Terminal => 2,
            Self::OutputExists { .. }
            | Self::OutputIsFolder { .. }
            | Self::OutputIsSpecial { .. }
            | Self::OutputIsOld { .. }
            | Self::Closed
            | Self::Changed { .. }
            | Self::Read { .. }
            | Self::Configuration { .. }
            | Self::Write { .. }
            | Self::Untold { .. } => 8,
            #[cfg(feature = "report")]
            Self::ReportExists { .. } => 8,
            #[cfg(feature = "tls")]
            Self::AuthorityExists { .. } => 8,
            Self::ReaderGone => 141,
            Self::Armor(_) | Self::Unfit(_) | Self::BeyondEnd { .. } => 3,
            Self::Simulation(error) => simulation_code(error),
            Self::KeyFile(error) => key_file_code(error),
            Self::Keys(LocalKeysError::Name(_) | LocalKeysError::Duplicate(_)) => 2,
            Self::State(StateError::Io { .. } | StateError::InUse { .. }) => 8,
            Self::State(_) | Self::Keys(_) | Self::Under { .. } => 6,
            #[cfg(feature = "account")]
            Self::NoCredentials | Self::Credentials(_) => 7,
            #[cfg(feature = "dynamodb")]
            Self::BranchKey(error) => error.class().map_or(6, class_code),
            Self::Seal(error) => seal_code(error),
            Self::Open(error) => open_code(error),
            Self::Wrap(error) => class_code(error.class()),
            Self::Rewrap(RewrapError::OtherContext) => 5,
            Self::Rewrap(_) => 2,
            Self::Of { failure, .. } => failure.exit_code(),
            Self::Some { code, .. } | Self::Stopped { code, .. } => *code,
        }
    }

    /// What to do next, where the message itself does not say it.
    pub(crate) fn next(&self) -> Option<&'static str> {
        match self {
            Self::Of { failure, .. } => failure.next(),
            Self::OutputExists { .. } => Some(
                "choose another output with --output, replace it with --force, or pass over what is done with --resume",
            ),
            Self::OutputIsOld { .. } => {
                Some("remove it and go on with --resume, or replace all with --force")
            }
            #[cfg(feature = "report")]
            Self::ReportExists { .. } => Some("name another file with --report, or replace it with --force"),
            #[cfg(feature = "tls")]
            Self::AuthorityExists { .. } => {
                Some("choose another file with --tls-ca, or replace it with --force")
            }
            Self::OutputIsFolder { .. } => Some("name a file in it with --output"),
            Self::OutputIsRead { .. } => Some("choose another output with --output"),
            Self::InputTwice { .. } => Some("name it once"),
            Self::OutputTwice { .. } => Some("write them into different folders"),
            Self::Terminal => {
                Some("write text with --armor, name a file with --output, or send them through a pipe")
            }
            Self::Configuration { .. } => {
                Some("name another with --config, or none by setting DATAKEY_CONFIG to nothing")
            }
            Self::Closed => Some("name a file with --output"),
            Self::Read { source, .. } | Self::Write { source, .. } if is_of_descriptors(source) => {
                Some("let the command open more files (`ulimit -n`)")
            }
            Self::Changed { .. } => Some("try again when nobody writes to it"),
            Self::Armor(_) => Some("copy the text anew, from its first dash to its last"),
            Self::Open(OpenError::Context(_)) => {
                Some("say the pairs with --context; `datakey inspect` shows those that the message claims")
            }
            Self::Open(OpenError::Keyring(KeyringError::NotRecognised { .. })) | Self::Under { .. } => {
                Some("name with --key the key that it is under; `datakey inspect` shows it")
            }
            Self::Simulation(datakey_sim::Error::UnknownScenario { .. }) => Some(
                "name a file of one's own by its path, as in ./mine.toml; `datakey simulate --print bulk-post` shows what stands in one",
            ),
            Self::Simulation(datakey_sim::Error::Toml { .. }) => Some(
                "`datakey simulate --print bulk-post` shows a scenario, and docs/simulate.md each of its fields",
            ),
            Self::Open(OpenError::Esdk(esdk::OpenError::Policy { .. })) => Some(
                "where it is known to be sealed so, open it with --commitment-policy require-encrypt-allow-decrypt",
            ),
            Self::Listen { .. } => Some("say another address with --listen; port 0 is a free one"),
            Self::Stopped { .. } => Some("mend it, and go on with --resume"),
            // They are to be set, and no waiting helps.
            #[cfg(feature = "account")]
            Self::NoCredentials | Self::Credentials(_) => None,
            other if other.exit_code() == 7 => Some("try again later, or for longer with --timeout"),
            _ => None,
        }
    }

    /// Whether other files would fail in the same way.
    pub(crate) fn is_of_all(&self, sealing: bool) -> bool {
        match self.exit_code() {
            7 | 141 => true,
            6 => sealing,
            _ => matches!(self, Self::Write { source, .. } if source.kind() == io::ErrorKind::StorageFull),
        }
    }

    /// The error as JSON: what it is in a word, the message, the exit code.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        let mut error =
            json!({ "kind": self.kind(), "message": self.chain(), "exit_code": self.exit_code() });
        if let (Some(next), Some(values)) = (self.next(), error.as_object_mut()) {
            values.insert("next".to_owned(), next.into());
        }
        json!({ "error": error })
    }

    /// The message with its causes, each said once.
    pub(crate) fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            let more = error.to_string();
            if !text.contains(&more) {
                text = format!("{text}: {more}");
            }
            cause = error.source();
        }
        text
    }

    fn kind(&self) -> &'static str {
        match self.exit_code() {
            1 => "failed",
            2 => "usage",
            3 => "malformed",
            4 => "not_authentic",
            5 => "other_context",
            6 => "key",
            7 => "key_service",
            _ => "file",
        }
    }
}

/// Whether more files are open than this process may have.
fn is_of_descriptors(error: &io::Error) -> bool {
    #[cfg(unix)]
    {
        error.raw_os_error() == Some(rustix::io::Errno::MFILE.raw_os_error())
    }
    #[cfg(not(unix))]
    {
        let _told_otherwise = error;
        false
    }
}

/// How many of several failed.
fn some(failed: u64, count: u64) -> String {
    match (failed, count) {
        (1, 1) => "the only file failed".to_owned(),
        (failed, count) if failed == count => format!("all {count} files failed"),
        (failed, count) => format!("{failed} of {count} files failed, the others are done"),
    }
}

fn key_file_code(error: &KeyFileError) -> u8 {
    match error {
        KeyFileError::Exists { .. }
        | KeyFileError::Missing { .. }
        | KeyFileError::NotAFile { .. }
        | KeyFileError::Io { .. } => 8,
        _ => 6,
    }
}

const fn simulation_code(error: &datakey_sim::Error) -> u8 {
    match error {
        datakey_sim::Error::Read { .. } => 8,
        datakey_sim::Error::Build { .. } | datakey_sim::Error::Unplayed { .. } => 1,
        _ => 2,
    }
}

fn seal_code(error: &SealError) -> u8 {
    use envelope::SealError::{MessageTooLong, RecordTooLong, TooManyRecords};
    match error {
        // More than the format has room for: not of this command line, in these portions.
        SealError::Unsupported(_)
        | SealError::Envelope(MessageTooLong | RecordTooLong { .. } | TooManyRecords) => 2,
        error => error.class().map_or(1, class_code),
    }
}

fn open_code(error: &OpenError) -> u8 {
    match error {
        OpenError::Format(_)
        | OpenError::OtherKind { .. }
        | OpenError::NoSuchRecord { .. }
        | OpenError::OutOfRange { .. } => 3,
        OpenError::OtherFormat { .. } => 3,
        OpenError::Unsupported(_) => 2,
        // What the command line does not allow; all else is about the message.
        OpenError::Esdk(esdk::OpenError::Policy { .. } | esdk::OpenError::SignedStream(_)) => 2,
        OpenError::Esdk(_) => 3,
        OpenError::Context(_) => 5,
        OpenError::Keyring(KeyringError::NotRecognised { .. }) => 6,
        OpenError::NotAuthentic => 4,
        other => other.class().map_or(1, class_code),
    }
}

fn class_code(class: ErrorClass) -> u8 {
    match class {
        ErrorClass::NotAuthentic => 4,
        ErrorClass::ShutDown | ErrorClass::Internal => 1,
        class if class.is_retryable() => 7,
        _ => 6,
    }
}
