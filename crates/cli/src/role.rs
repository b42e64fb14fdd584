//! What a file that is read is for.
use std::fmt;

/// What a file is to the command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Key,
    AssociatedData,
    Configuration,
    Input,
    #[cfg(feature = "report")]
    Figures,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Key => "the key file",
            Self::AssociatedData => "the file of associated data",
            Self::Configuration => "the configuration",
            Self::Input => "the input",
            #[cfg(feature = "report")]
            Self::Figures => "what is reported on,",
        })
    }
}
