//! Over HTTP: for programs that have an AWS client, in whatever language.
//!
//! A [`FakeKmsServer`](crate::FakeKmsServer) speaks the JSON protocol of KMS on a port of the loopback interface. A client needs an
//! endpoint URL and any credentials; the AWS SDKs and the command `aws` take both from the environment (`AWS_ENDPOINT_URL_KMS`,
//! `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_REGION`). The command `datakey fake-kms` is the same server.
//!
//! ```
//! use datakey_fake_kms::{FakeKms, FakeKmsServer, KmsOperation};
//! # use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
//! # async fn post(server: &FakeKmsServer, operation: &str, body: &str) -> std::io::Result<String> {
//! #     let request = format!(
//! #         "POST / HTTP/1.1\r\nHost: kms\r\nX-Amz-Target: TrentService.{operation}\r\n\
//! #          Content-Type: application/x-amz-json-1.1\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
//! #         body.len(),
//! #     );
//! #     let mut connection = tokio::net::TcpStream::connect(server.addr()).await?;
//! #     connection.write_all(request.as_bytes()).await?;
//! #     let mut answer = String::new();
//! #     connection.read_to_string(&mut answer).await?;
//! #     Ok(answer)
//! # }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let fake = FakeKms::new();
//! let server = FakeKmsServer::start(fake.clone()).await?; // give `server.url()` to the client
//! fake.create_alias("alias/orders", &fake.create_key()?)?;
//! // `post` is any client.
//! let answer = post(&server, "GenerateDataKey", r#"{"KeyId": "alias/orders", "KeySpec": "AES_256"}"#).await?;
//! assert!(answer.contains("CiphertextBlob"));
//! let unknown = post(&server, "Decrypt", r#"{"CiphertextBlob": "AAAA"}"#).await?;
//! assert!(unknown.starts_with("HTTP/1.1 400") && unknown.contains("InvalidCiphertextException"));
//! // The handle and the server are one fake.
//! assert_eq!(fake.ledger().calls_of(KmsOperation::GenerateDataKey), 1);
//! server.shutdown().await;
//! # Ok(()) }
//! ```
//!
//! # How long it lives
//!
//! As long as the server value: dropping it stops it at once, and [`shutdown`](crate::FakeKmsServer::shutdown) lets finish what is being
//! answered, for at most [`SHUTDOWN_GRACE`](crate::SHUTDOWN_GRACE). It runs on the runtime that started it, so that runtime has to be
//! driven: with a `current_thread` runtime, a client that blocks the thread waits for itself. Keys stay with the
//! [`FakeKms`](crate::FakeKms), which can be served again.
//!
//! ```
//! use datakey_fake_kms::{FakeKms, FakeKmsServer};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let fake = FakeKms::new();
//! let key = fake.create_key()?;
//! let first = FakeKmsServer::start(fake.clone()).await?;
//! let address = first.addr();
//! first.shutdown().await;
//! assert!(tokio::net::TcpStream::connect(address).await.is_err()); // an endpoint that is down
//! let second = FakeKmsServer::start(fake.clone()).await?;
//! assert!(second.fake().key_metadata(&key).is_ok());
//! # Ok(()) }
//! ```
//!
//! # Steered from outside
//!
//! A test in another language has no handle. It has paths, each of which is off unless it is named when the server is built:
//!
//! | setting | `GET` | `POST` | `DELETE` |
//! |---|---|---|---|
//! | [`faults_path`](crate::FakeKmsServerBuilder::faults_path) | | adds rules, one a line | takes all out |
//! | [`ledger_path`](crate::FakeKmsServerBuilder::ledger_path) | the ledgers in JSON | | empties them |
//! | [`clock_path`](crate::FakeKmsServerBuilder::clock_path) | what it shows | moves it on, such as by `7d` | |
//! | [`metrics_path`](crate::FakeKmsServerBuilder::metrics_path) | for Prometheus | | |
//!
//! ```
//! use datakey_fake_kms::{FakeKms, FakeKmsServer};
//! # use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
//! # async fn send(server: &FakeKmsServer, method: &str, path: &str, body: &str) -> std::io::Result<String> {
//! #     let request = format!(
//! #         "{method} {path} HTTP/1.1\r\nHost: kms\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
//! #         body.len(),
//! #     );
//! #     let mut connection = tokio::net::TcpStream::connect(server.addr()).await?;
//! #     connection.write_all(request.as_bytes()).await?;
//! #     let mut answer = String::new();
//! #     connection.read_to_string(&mut answer).await?;
//! #     Ok(answer)
//! # }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let fake = FakeKms::new();
//! let server = FakeKmsServer::builder(fake.clone()).faults_path("/faults").ledger_path("/ledger").start().await?;
//! let added = send(&server, "POST", "/faults", "error=ThrottlingException,times=2\n# and nothing else").await?;
//! assert!(added.contains(r#""added":1"#), "{added}");
//! assert!(fake.generate_random(8).await.is_err());
//! let ledger = send(&server, "GET", "/ledger", "").await?;
//! assert!(ledger.contains(r#""throttled":1"#), "{ledger}");
//! // What cannot be read is refused, and none of its rules is added.
//! let refused = send(&server, "POST", "/faults", "drop\nerror=NoSuchException").await?;
//! assert!(refused.starts_with("HTTP/1.1 400") && refused.contains("NoSuchException"), "{refused}");
//! # server.shutdown().await;
//! # Ok(()) }
//! ```
//!
//! # Who may reach it
//!
//! Whoever reaches the port may use every key, and whoever knows the paths may steer it: keep it on the loopback interface. With
//! [`verify_signatures`](crate::FakeKmsServerBuilder::verify_signatures) requests have to be signed by a [`Principal`](crate::Principal),
//! as with KMS; the paths for operators are not signed. Real clients sign with the time of day, so build the fake with
//! [`wall_clock`](crate::FakeKmsBuilder::wall_clock).
//!
//! # Several Regions
//!
//! A server for each Region, each from a handle by [`in_region`](crate::FakeKms::in_region), for clients that are configured with an
//! endpoint a Region. Or one server for all with [`regions_by_signature`](crate::FakeKmsServerBuilder::regions_by_signature): a request is
//! answered in the Region that its signature is scoped to, which is how a client with one endpoint URL reaches all.
//!
//! # Tests at the same time
//!
//! Port 0 is free by definition, so servers do not meet. Each has its own fake; where starting one for each test is too much, share one and
//! have each test use keys of its own, and rules with [`for_key`](crate::FaultRule::for_key).
