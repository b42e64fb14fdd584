//! Large messages sealed and opened on several threads. The bytes are the same as on one.
use alloc::vec::Vec;
use core::num::NonZeroUsize;
use std::{
    panic::resume_unwind,
    sync::{Mutex, PoisonError},
    thread,
};

use crate::{
    Aad, FrameLen, Kind, Message, OpenError, OpeningKey, Salt, SealError, SealingKey,
    cipher::TAG_LEN,
    frame::{FrameOpener, Position},
    open,
    room::Room,
    whole,
};

/// How much a thread takes at a time: enough that taking it costs nothing, little enough that all end together.
const SHARE: usize = 1 << 20;

impl SealingKey {
    /// As [`seal`](Self::seal), with the frames sealed on up to `threads` threads, this one among them. Worth it from
    /// some MiB on; the threads end before the call does. Where the system gives no more threads, fewer do the work.
    ///
    /// ```
    /// # #[cfg(feature = "getrandom")] {
    /// # use datakey_envelope::{Aad, Message, OpeningKey, Params, SealingKey};
    /// # use datakey_provider::{DataKey, DataKeyLength, EncryptionContext, WrappedKey};
    /// # let data_key = DataKey::init(DataKeyLength::Bytes32, |bytes| bytes.fill(7));
    /// # let wrapped = WrappedKey::new("local:dev", b"opaque".to_vec()).unwrap().into();
    /// # let context = EncryptionContext::empty();
    /// # let sealing = SealingKey::new(&data_key, &wrapped, &context, &Params::new()).unwrap();
    /// # let large = vec![7; 300_000];
    /// let threads = std::thread::available_parallelism()?;
    /// let mut sealed = Vec::new();
    /// sealing.seal_on_threads(threads, &large, Aad::EMPTY, &mut sealed)?;
    ///
    /// let opening = OpeningKey::new(&data_key, &context)?;
    /// let mut opened = Vec::new();
    /// opening.open_on_threads(threads, &Message::decode(&sealed)?, Aad::EMPTY, &mut opened)?;
    /// assert_eq!(opened, large);
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`SealError`]; `out` is then as before.
    #[cfg(feature = "getrandom")]
    pub fn seal_on_threads(
        &self,
        threads: NonZeroUsize,
        plaintext: &[u8],
        aad: Aad<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), SealError> {
        self.seal_on_threads_with_salt(threads, Salt::random()?, plaintext, aad, out)
    }

    /// As [`seal_on_threads`](Self::seal_on_threads), with a salt from elsewhere.
    ///
    /// # Errors
    /// As `seal_on_threads`.
    pub fn seal_on_threads_with_salt(
        &self,
        threads: NonZeroUsize,
        salt: Salt,
        plaintext: &[u8],
        aad: Aad<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), SealError> {
        let frame_len = self.params().frame_len();
        if plaintext.len() <= frame_len.bytes() {
            return self.seal_with_salt(salt, plaintext, aad, out);
        }
        let total = self
            .sealed_len(plaintext.len())
            .ok_or(SealError::MessageTooLong)?;
        let work = Sealing {
            key: self,
            salt: &salt,
            plaintext,
            aad,
            body_len: total.saturating_sub(self.header_len()),
            threads,
        };
        whole::append(out, total, work)
    }
}

impl OpeningKey {
    /// As [`open`](Self::open), with the frames opened on up to `threads` threads, this one among them: all of the
    /// plaintext or nothing.
    ///
    /// # Errors
    /// [`OpenError`]; `out` then has its former length, and what was written behind it is wiped.
    pub fn open_on_threads(
        &self,
        threads: NonZeroUsize,
        message: &Message<'_>,
        aad: Aad<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), OpenError> {
        let plain_len = open::plain_len(message)?;
        let frame_len = message.header().frame_len();
        if plain_len <= frame_len.bytes() {
            return self.open(message, aad, out);
        }
        let work = Opening {
            frames: &self.begin(message.header(), aad)?,
            body: message.body(),
            plain_len,
            frame_len,
            threads,
        };
        whole::append(out, plain_len, work)
    }
}

struct Sealing<'a> {
    key: &'a SealingKey,
    salt: &'a Salt,
    plaintext: &'a [u8],
    aad: Aad<'a>,
    body_len: usize,
    threads: NonZeroUsize,
}

impl whole::Write<SealError> for Sealing<'_> {
    fn write(self, out: &mut impl Room) -> Result<(), SealError> {
        let frames = self.key.begin(Kind::Bytes, self.salt, self.aad, out)?;
        let body = out.room(self.body_len).ok_or(SealError::Cipher)?;
        let cut = Cut::new(self.key.params().frame_len(), self.plaintext.len());
        let shares = self.plaintext.chunks(cut.plain_share());
        let shares = shares.zip(body.chunks_mut(cut.sealed_share())).enumerate();
        each(self.threads, shares, |(share, (plain, sealed))| {
            let plain = plain.chunks(cut.frame_len);
            let sealed = sealed.chunks_mut(cut.sealed_len());
            for (number, (plain, sealed)) in cut.numbers(share).zip(plain.zip(sealed)) {
                frames.seal_at(number, cut.position(number), plain, sealed)?;
            }
            Ok(())
        })
    }
}

struct Opening<'a> {
    frames: &'a FrameOpener,
    body: &'a [u8],
    plain_len: usize,
    frame_len: FrameLen,
    threads: NonZeroUsize,
}

impl whole::Write<OpenError> for Opening<'_> {
    fn write(self, out: &mut impl Room) -> Result<(), OpenError> {
        let plain = out.room(self.plain_len).ok_or(OpenError::NotAuthentic)?;
        let cut = Cut::new(self.frame_len, self.plain_len);
        let shares = self.body.chunks(cut.sealed_share());
        let shares = shares.zip(plain.chunks_mut(cut.plain_share())).enumerate();
        each(self.threads, shares, |(share, (sealed, plain))| {
            let sealed = sealed.chunks(cut.sealed_len());
            let plain = plain.chunks_mut(cut.frame_len);
            for (number, (sealed, plain)) in cut.numbers(share).zip(sealed.zip(plain)) {
                let mut room = whole::Slice(plain);
                self.frames
                    .write_at(number, cut.position(number), sealed, &mut room)?;
            }
            Ok(())
        })
    }
}

/// How a message is cut into shares of frames.
struct Cut {
    frame_len: usize,
    /// The frames of a share.
    frames: usize,
    last: u64,
}

impl Cut {
    /// Of a message that is not empty.
    fn new(frame_len: FrameLen, plain_len: usize) -> Self {
        let frame_len = frame_len.bytes();
        let count = plain_len.div_ceil(frame_len);
        Self {
            frame_len,
            frames: SHARE.div_ceil(frame_len),
            last: u64::try_from(count).unwrap_or(u64::MAX).saturating_sub(1),
        }
    }

    const fn sealed_len(&self) -> usize {
        self.frame_len.saturating_add(TAG_LEN)
    }

    const fn plain_share(&self) -> usize {
        self.frame_len.saturating_mul(self.frames)
    }

    const fn sealed_share(&self) -> usize {
        self.sealed_len().saturating_mul(self.frames)
    }

    /// The numbers of the frames of a share.
    fn numbers(&self, share: usize) -> impl Iterator<Item = u64> {
        u64::try_from(share.saturating_mul(self.frames)).unwrap_or(u64::MAX)..=self.last
    }

    fn position(&self, number: u64) -> Position {
        if number == self.last {
            Position::Last
        } else {
            Position::Inner
        }
    }
}

/// Runs every job on some thread. After the first failure of a thread, that one takes no further job.
fn each<J, E: Send>(
    threads: NonZeroUsize,
    jobs: impl ExactSizeIterator<Item = J> + Send,
    run: impl Fn(J) -> Result<(), E> + Sync,
) -> Result<(), E> {
    let helpers = threads.get().min(jobs.len()).saturating_sub(1);
    let queue = Mutex::new(jobs);
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
    let work = || {
        while let Some(job) = next() {
            run(job)?;
        }
        Ok(())
    };
    thread::scope(|scope| {
        let spawn = || thread::Builder::new().spawn_scoped(scope, work).ok();
        let helpers: Vec<_> = (0..helpers).map_while(|_| spawn()).collect();
        let own = work();
        let join = |helper: thread::ScopedJoinHandle<'_, _>| {
            helper.join().unwrap_or_else(|panic| resume_unwind(panic))
        };
        helpers.into_iter().map(join).fold(own, Result::and)
    })
}
