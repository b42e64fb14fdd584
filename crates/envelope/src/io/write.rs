//! A writer that seals what is written to it.
use core::fmt;
use std::io::{self, Write};

use super::waiting::Waiting;
#[cfg(feature = "getrandom")]
use crate::{Aad, SealingKey};
use crate::{SealError, StreamSealer};

/// The most plaintext that one write takes: bounds what is sealed before it is written.
const PORTION: usize = 256 << 10;

/// Seals what is written to it, in constant memory. Made by [`SealingKey::writer`](crate::SealingKey::writer).
///
/// The message is whole only after [`finish`](Self::finish). A writer that is dropped before leaves a message cut short, which
/// no reader opens to its end.
///
/// Writes are gathered to frames, and the inner writer gets whole ones: with the default frame length a `BufWriter` around it, or within,
/// gains nothing. `flush` writes what is sealed, and not what does not fill a frame yet: that is sealed with what follows, or by
/// [`finish`](Self::finish).
#[must_use = "a message without its last frame does not open"]
pub struct SealWriter<W> {
    inner: W,
    sealer: StreamSealer,
    sealed: Waiting,
}

#[cfg(feature = "getrandom")]
impl SealingKey {
    /// Begins a byte stream that is sealed to `inner`.
    ///
    /// ```
    /// # use datakey_envelope::{Aad, Header, OpeningKey, Params, SealingKey, read_header};
    /// # use datakey_provider::{DataKey, DataKeyLength, EncryptionContext, WrappedKey};
    /// # let data_key = DataKey::init(DataKeyLength::Bytes32, |bytes| bytes.fill(7));
    /// # let wrapped = WrappedKey::new("local:dev", b"opaque".to_vec())?.into();
    /// # let context = EncryptionContext::empty();
    /// # let sealing = SealingKey::new(&data_key, &wrapped, &context, &Params::new())?;
    /// # let opening = OpeningKey::new(&data_key, &context)?;
    /// use std::io::{Read, Write};
    ///
    /// let mut writer = sealing.writer(Aad::from("orders.csv"), Vec::new())?; // or a file
    /// writeln!(writer, "order,total")?;
    /// let sealed = writer.finish()?;
    ///
    /// let mut file = sealed.as_slice();
    /// let header = read_header(&mut file)?;
    /// let header = Header::decode(&header)?; // says which key is needed
    /// let mut text = String::new();
    /// opening.reader(&header, Aad::from("orders.csv"), file)?.read_to_string(&mut text)?;
    /// assert_eq!(text, "order,total\n");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`SealError`]; nothing is written then. The header is written with what follows it.
    pub fn writer<W: Write>(&self, aad: Aad<'_>, inner: W) -> Result<SealWriter<W>, SealError> {
        let mut sealed = Waiting::default();
        let sealer = sealed.fill(|out| self.stream_sealer(aad, out))?;
        Ok(SealWriter {
            inner,
            sealer,
            sealed,
        })
    }
}

impl<W: Write> SealWriter<W> {
    /// Seals the last frame, writes what is left, flushes, and gives the inner writer back.
    ///
    /// # Errors
    /// Errors of the inner writer; a [`SealError`] inside of [`io::ErrorKind::InvalidInput`].
    pub fn finish(mut self) -> io::Result<W> {
        let sealer = self.sealer;
        self.sealed.fill(|out| sealer.finish(out)).map_err(not_sealed)?;
        self.sealed.write_to(&mut self.inner)?;
        self.inner.flush()?;
        Ok(self.inner)
    }

    /// The writer that the sealed bytes go to.
    pub const fn get_ref(&self) -> &W {
        &self.inner
    }
}

impl<W: Write> Write for SealWriter<W> {
    fn write(&mut self, plaintext: &[u8]) -> io::Result<usize> {
        self.sealed.write_to(&mut self.inner)?;
        let portion = plaintext.get(..PORTION).unwrap_or(plaintext);
        let sealer = &mut self.sealer;
        self.sealed
            .fill(|out| sealer.push(portion, out))
            .map_err(not_sealed)?;
        Ok(portion.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sealed.write_to(&mut self.inner)?;
        self.inner.flush()
    }
}

fn not_sealed(error: SealError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, error)
}

impl<W> fmt::Debug for SealWriter<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealWriter")
            .field("waiting", &self.sealed.len())
            .finish_non_exhaustive()
    }
}
