//! The text of a file of whatever length.
use std::{
    fs::File,
    io::{self, Read as _},
    path::Path,
};

use crate::Error;

/// The longest file that is read, in bytes: ten million numbers of posts, with room for what is said of them.
const MOST_BYTES: u64 = 128 << 20;

/// The text of a file, of one that has an end.
pub(crate) fn text_of(path: &Path) -> Result<String, Error> {
    let read = || {
        let mut text = String::new();
        let most = MOST_BYTES.saturating_add(1);
        let len = File::open(path)?.take(most).read_to_string(&mut text)?;
        if len as u64 >= most {
            return Err(io::Error::other(format!("it has more than {MOST_BYTES} bytes")));
        }
        Ok(text)
    };
    read().map_err(|source| Error::Read {
        path: path.to_owned(),
        source,
    })
}
