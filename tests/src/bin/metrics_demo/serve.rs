//! Pages over HTTP, to whoever asks on loopback: one request for each connection.
use std::io;

use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
};

use crate::failed::Failed;

/// The longest request line and headers that are read.
const MAX_REQUEST: usize = 16 * 1024;

/// Answers with what `page` has for a path: its type and its text.
pub async fn answer(listener: &TcpListener, page: impl Fn(&str) -> Option<(&'static str, String)>) -> Failed {
    loop {
        match listener.accept().await {
            // A client that went away is no reason to end.
            Ok((client, _)) => drop(one(client, &page).await),
            Err(failed) => return failed.into(),
        }
    }
}

async fn one(
    mut client: TcpStream,
    page: &impl Fn(&str) -> Option<(&'static str, String)>,
) -> io::Result<()> {
    let (reading, mut writing) = client.split();
    let mut lines = BufReader::new(reading).lines();
    let first = lines.next_line().await?.unwrap_or_default();
    let mut read = first.len();
    while let Some(header) = lines.next_line().await? {
        read += header.len();
        if header.is_empty() || read > MAX_REQUEST {
            break;
        }
    }
    let path = first.split(' ').nth(1).and_then(|path| path.split('?').next());
    let (status, (kind, text)) = match page(path.unwrap_or_default()) {
        Some(found) => ("200 OK", found),
        None => ("404 Not Found", ("text/plain", "no such page\n".into())),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        text.len()
    );
    writing.write_all(head.as_bytes()).await?;
    writing.write_all(text.as_bytes()).await?;
    writing.shutdown().await
}
