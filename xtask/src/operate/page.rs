//! Pages of programs on loopback.
use std::{
    io::{BufRead as _, BufReader, Read, Write as _},
    net::TcpStream,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// The text of a page.
pub fn get(address: &str, path: &str) -> Result<String> {
    let asked = || format!("http://{address}{path}");
    let mut stream = TcpStream::connect(address).with_context(asked)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    // Of this version no answer comes in chunks.
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n").with_context(asked)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).with_context(asked)?;
    let (head, text) = answer.split_once("\r\n\r\n").with_context(asked)?;
    let status = head.split(' ').nth(1).unwrap_or_default();
    if status != "200" {
        bail!("{} answers {status}: {text}", asked());
    }
    Ok(text.to_owned())
}

/// A value of a query, in a form that a path may have.
pub fn escaped(value: &str) -> String {
    let keep = |byte: u8| byte.is_ascii_alphanumeric();
    let escaped = |byte| {
        if keep(byte) {
            char::from(byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    };
    value.bytes().map(escaped).collect()
}

/// The first line that a program prints.
pub fn first_line(output: impl Read) -> Result<String> {
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line)?;
    Ok(line)
}
