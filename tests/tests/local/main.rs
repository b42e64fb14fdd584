//! Local keys and their files.

mod key_file;
mod provider;
