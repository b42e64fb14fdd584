//! Bytes that the fake hands out in the clear.
use std::fmt;

use zeroize::Zeroizing;

/// Plaintext that the fake answers: wiped on drop, never printed.
///
/// ```
/// use datakey_fake_kms::FakeKms;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let random = FakeKms::new().generate_random(16).await?;
/// assert_eq!(random.expose_secret().len(), 16);
/// let shown = format!("{random:?}");
/// assert!(!shown.contains(&format!("{}, {}", random.expose_secret()[0], random.expose_secret()[1])));
/// # Ok(()) }
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Plaintext(Zeroizing<Vec<u8>>);

impl Plaintext {
    pub(crate) fn random(len: usize) -> Result<Self, getrandom::Error> {
        let mut bytes = Zeroizing::new(vec![0; len]);
        getrandom::fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    pub(crate) fn copy(bytes: &[u8]) -> Self {
        Self(Zeroizing::new(bytes.to_vec()))
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }

    /// The bytes themselves.
    ///
    /// A copy of it is not wiped: compare or use it in place.
    #[must_use]
    pub fn expose_secret(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Plaintext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Plaintext({} bytes)", self.0.len())
    }
}
