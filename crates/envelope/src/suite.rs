//! What a message is sealed with: suite, kind, frame length, and the parameters of a sealing key.
use core::fmt;

use thiserror::Error;

/// The ciphers of a message. Both derive keys and commitments with HKDF-SHA-256 (RFC 5869).
///
/// ```
/// # use datakey_envelope::Suite;
/// assert_eq!(Suite::default(), Suite::ChaCha20Poly1305);
/// assert_eq!(Suite::from_id(2), Some(Suite::Aes256Gcm));
/// assert_eq!(Suite::from_id(3), None);
/// ```
///
/// # Which one
///
/// Both are safe. ChaCha20-Poly1305, the default, is fast everywhere, without support of the processor too. AES-256-GCM is faster where the
/// processor has instructions for it and the ciphers of AWS-LC are used, and it is the one that rules about approved algorithms ask for.
/// Readers open both; a fleet can be changed from one to the other at any time, writers first or last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Suite {
    /// ChaCha20-Poly1305 (RFC 8439). Constant time in software on every processor.
    #[default]
    ChaCha20Poly1305,
    /// AES-256-GCM (NIST SP 800-38D). Fastest where the processor has AES instructions.
    Aes256Gcm,
}

impl Suite {
    /// Every suite, in the order of their ids.
    pub const ALL: [Self; 2] = [Self::ChaCha20Poly1305, Self::Aes256Gcm];

    /// The byte that stands for the suite in a header.
    #[must_use]
    pub const fn id(self) -> u8 {
        match self {
            Self::ChaCha20Poly1305 => 1,
            Self::Aes256Gcm => 2,
        }
    }

    /// The suite that a header's byte stands for.
    #[must_use]
    pub const fn from_id(id: u8) -> Option<Self> {
        match id {
            1 => Some(Self::ChaCha20Poly1305),
            2 => Some(Self::Aes256Gcm),
            _ => None,
        }
    }

    /// The name, as in the format's text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ChaCha20Poly1305 => "ChaCha20-Poly1305 + HKDF-SHA-256",
            Self::Aes256Gcm => "AES-256-GCM + HKDF-SHA-256",
        }
    }
}

impl fmt::Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What the body of a message is.
///
/// ```
/// # use datakey_envelope::Kind;
/// assert_eq!(Kind::Records.to_string(), "records");
/// ```
///
/// A byte stream is one plaintext, of which any range can be read. A records message is a list of short ones, of which any one can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// One run of bytes, cut into frames of equal length.
    Bytes,
    /// A batch of records, one frame each.
    Records,
}

impl Kind {
    /// The byte that stands for the kind in a header.
    #[must_use]
    pub const fn id(self) -> u8 {
        match self {
            Self::Bytes => 1,
            Self::Records => 2,
        }
    }

    /// The kind that a header's byte stands for.
    #[must_use]
    pub const fn from_id(id: u8) -> Option<Self> {
        match id {
            1 => Some(Self::Bytes),
            2 => Some(Self::Records),
            _ => None,
        }
    }

    /// The name in lower case, for logs and JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::Records => "records",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The plaintext length of a frame, a power of two: each frame but the last of a byte stream has exactly this many
/// bytes, each record at most this many.
///
/// ```
/// # use datakey_envelope::FrameLen;
/// assert_eq!(FrameLen::DEFAULT.bytes(), 65_536);
/// assert_eq!(FrameLen::from_exponent(20)?.bytes(), 1 << 20);
/// assert!(FrameLen::from_exponent(5).is_err());
/// # Ok::<(), datakey_envelope::FrameLenError>(())
/// ```
///
/// Longer frames take fewer bytes beside the plaintext (16 for each) and more memory; a range that is read takes whole frames. 64 KiB, the
/// default, is 0.02 percent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FrameLen(u8);

/// An exponent that is not the length of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a frame has 2^6 to 2^24 bytes, not 2^{0}")]
pub struct FrameLenError(pub u8);

impl FrameLen {
    /// 64 bytes: a frame's tag is a quarter of it already.
    pub const MIN: Self = Self(6);
    /// 16 MiB: what a reader must be ready to hold before it knows a frame to be authentic.
    pub const MAX: Self = Self(24);
    /// 64 KiB, for byte streams: 16 bytes of tag are 0.02 percent, and a frame fits into a second-level cache.
    pub const DEFAULT: Self = Self(16);

    /// The length `2^exponent`.
    ///
    /// # Errors
    /// [`FrameLenError`] unless the exponent is 6 to 24.
    pub const fn from_exponent(exponent: u8) -> Result<Self, FrameLenError> {
        if exponent < Self::MIN.0 || exponent > Self::MAX.0 {
            Err(FrameLenError(exponent))
        } else {
            Ok(Self(exponent))
        }
    }

    /// The exponent, as it stands in a header.
    #[must_use]
    pub const fn exponent(self) -> u8 {
        self.0
    }

    /// The length in bytes.
    #[must_use]
    pub const fn bytes(self) -> usize {
        1_usize << self.0
    }
}

/// How a sealing key seals. Opening needs none of this: it stands in the header.
///
/// | parameter | default | when to change it |
/// |---|---|---|
/// | suite | [`Suite::ChaCha20Poly1305`] | AES-256-GCM for large data on processors with AES instructions |
/// | frame length | [`FrameLen::DEFAULT`], 64 KiB | smaller for many small random reads, larger for few large ones |
/// | record limit | [`FrameLen::MAX`], 16 MiB | smaller when readers have little memory |
///
/// ```
/// # use datakey_envelope::{FrameLen, Params, Suite};
/// let params = Params::new().with_suite(Suite::Aes256Gcm).with_frame_len(FrameLen::from_exponent(12)?);
/// assert_eq!(params.frame_len().bytes(), 4096);
/// # Ok::<(), datakey_envelope::FrameLenError>(())
/// ```
///
/// ```
/// use datakey_envelope::{FrameLen, Params, Suite};
///
/// // For an object store that is read in small ranges.
/// let params = Params::new().with_suite(Suite::Aes256Gcm).with_frame_len(FrameLen::from_exponent(12)?);
/// assert_eq!(params.frame_len().bytes(), 4096);
/// # Ok::<(), datakey_envelope::FrameLenError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[must_use]
pub struct Params {
    suite: Suite,
    frame_len: FrameLen,
    record_limit: FrameLen,
}

impl Params {
    /// The defaults.
    pub const fn new() -> Self {
        Self {
            suite: Suite::ChaCha20Poly1305,
            frame_len: FrameLen::DEFAULT,
            record_limit: FrameLen::MAX,
        }
    }

    /// Sets the suite.
    pub const fn with_suite(mut self, suite: Suite) -> Self {
        self.suite = suite;
        self
    }

    /// Sets the frame length of byte streams.
    pub const fn with_frame_len(mut self, frame_len: FrameLen) -> Self {
        self.frame_len = frame_len;
        self
    }

    /// Sets the longest record of records messages.
    pub const fn with_record_limit(mut self, record_limit: FrameLen) -> Self {
        self.record_limit = record_limit;
        self
    }

    /// The suite.
    #[must_use]
    pub const fn suite(&self) -> Suite {
        self.suite
    }

    /// The frame length of byte streams.
    #[must_use]
    pub const fn frame_len(&self) -> FrameLen {
        self.frame_len
    }

    /// The longest record of records messages.
    #[must_use]
    pub const fn record_limit(&self) -> FrameLen {
        self.record_limit
    }
}

impl Default for Params {
    fn default() -> Self {
        Self::new()
    }
}
