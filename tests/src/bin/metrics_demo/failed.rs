//! How the demo fails.
use std::error::Error;

/// Whatever it was: it ends the demo with its text.
pub type Failed = Box<dyn Error + Send + Sync>;
