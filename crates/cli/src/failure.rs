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
    ContextError, ErrorClass, KeyringError, OpenError, SealError, StreamError, esdk,
    fake_kms::StateError,
    local::{KeyFileError, LocalKeysError},
};
use serde_json::json;
use thiserror::Error;

/// Why a command did not do what it was asked to.
#[derive(Debug, Error)]
pub(crate) enum Failure {
    #[error("{count} of the strategies that promise delivery lost, doubled or altered an order")]
    Demo { count: usize },
    #[error("{0}")]
    Usage(String),
    #[error("the encryption context is not valid: {0}")]
    Context(#[from] ContextError),
    #[error("{path:?} exists already; choose another output, or replace it with --force")]
    OutputExists { path: PathBuf },
    #[error("{path:?} is a folder; name a file in it with --output")]
    OutputIsFolder { path: PathBuf },
    #[error("{path:?} is not a file, and is not replaced by one; for standard output say --output -")]
    OutputIsSpecial { path: PathBuf },
    #[error("{input} cannot be read: {source}", input = Named(path, "standard input"))]
    Read { path: PathBuf, source: io::Error },
    #[error("{output} cannot be written: {source}", output = Named(path, "standard output"))]
    Write { path: PathBuf, source: io::Error },
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
    #[error("{address} cannot be listened on")]
    Listen { address: SocketAddr, source: io::Error },
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Seal(#[from] SealError),
    #[error(transparent)]
    Open(#[from] OpenError),
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
        Self::Write {
            path: path.to_owned(),
            source,
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
            Self::Usage(_) | Self::Context(_) => 2,
            Self::OutputExists { .. }
            | Self::OutputIsFolder { .. }
            | Self::OutputIsSpecial { .. }
            | Self::Read { .. }
            | Self::Write { .. } => 8,
            Self::KeyFile(error) => key_file_code(error),
            Self::Keys(LocalKeysError::Name(_) | LocalKeysError::Duplicate(_)) => 2,
            Self::State(StateError::Io { .. } | StateError::InUse { .. }) => 8,
            Self::State(_) | Self::Keys(_) => 6,
            #[cfg(feature = "account")]
            Self::NoCredentials | Self::Credentials(_) => 7,
            Self::Seal(SealError::Unsupported(_)) => 2,
            Self::Seal(error) => error.class().map_or(1, class_code),
            Self::Open(error) => open_code(error),
        }
    }

    /// The error as JSON: what it is in a word, the message, the exit code.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        json!({ "error": { "kind": self.kind(), "message": self.chain(), "exit_code": self.exit_code() } })
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

fn key_file_code(error: &KeyFileError) -> u8 {
    match error {
        KeyFileError::Exists { .. }
        | KeyFileError::Missing { .. }
        | KeyFileError::NotAFile { .. }
        | KeyFileError::Io { .. } => 8,
        _ => 6,
    }
}

fn open_code(error: &OpenError) -> u8 {
    match error {
        OpenError::Format(_) | OpenError::OtherKind { .. } | OpenError::NoSuchRecord { .. } => 3,
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
