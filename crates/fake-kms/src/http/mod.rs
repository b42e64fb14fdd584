//! The KMS JSON protocol (`awsJson1_1`) over HTTP/1.1.
mod answer;
mod dispatch;
mod request;
mod server;

pub use server::{FakeKmsServer, MAX_BODY_LEN, SHUTDOWN_GRACE};
