//! The KMS JSON protocol (`awsJson1_1`) over HTTP/1.1.
mod answer;
mod body;
mod connection;
mod control;
mod dispatch;
mod manage;
mod observe;
mod request;
mod server;
mod settings;
mod signature;
mod validate;
mod views;
mod wire;

pub use connection::MAX_BODY_LEN;
pub use server::{FakeKmsServer, MAX_CONNECTIONS, SHUTDOWN_GRACE};
pub use settings::FakeKmsServerBuilder;
