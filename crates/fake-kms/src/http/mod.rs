//! The KMS JSON protocol (`awsJson1_1`) over HTTP/1.1.
mod answer;
mod body;
mod builder;
mod connection;
mod control;
mod cryptographic;
mod dispatch;
mod endpoint;
mod manage;
mod observe;
mod parameters;
mod request;
mod response;
mod server;
mod settings;
mod signature;
#[cfg(feature = "tls")]
mod tls;
mod validate;
mod views;
mod wire;

pub use builder::FakeKmsServerBuilder;
pub use endpoint::MAX_BODY_LEN;
pub use server::{FakeKmsServer, MAX_CONNECTIONS, SHUTDOWN_GRACE};
#[cfg(feature = "tls")]
pub use tls::{TlsError, TlsIdentity};
