//! envelopers with a local provider and its cache of data keys, whose limits are raised: by default they end after ten
//! messages. It has no streams: a stream is one message. Its records are not encoded.
use std::{hint::black_box, rc::Rc, time::Duration};

use anyhow::Result;
use envelopers::{Aes256Gcm, CacheOptions, CachingKeyWrapper, EnvelopeCipher, SimpleKeyProvider};

use crate::measure::{Contender, Repeat, SMALL, STREAM, plaintext, runtime};

type Cipher = EnvelopeCipher<CachingKeyWrapper<Aes256Gcm, SimpleKeyProvider<Aes256Gcm>>>;

pub fn contender() -> Result<Contender> {
    let options = CacheOptions::default()
        .with_max_age(Duration::from_secs(3600))
        .with_max_bytes(usize::MAX / 2)
        .with_max_messages(usize::MAX / 2);
    let provider: SimpleKeyProvider<Aes256Gcm> = SimpleKeyProvider::init([7; 16]);
    let cipher: Rc<Cipher> = Rc::new(EnvelopeCipher::init(CachingKeyWrapper::new(provider, options)));
    let runtime = Rc::new(runtime()?);
    let calls = |len: usize| -> Result<(Repeat, Repeat)> {
        let plain = plaintext(len);
        let sealed = runtime.block_on(cipher.encrypt(&plain))?;
        let (sealer, sealing) = (cipher.clone(), runtime.clone());
        let (opener, opening) = (cipher.clone(), runtime.clone());
        let seal: Repeat = Box::new(move |times| {
            sealing.block_on(async {
                for _ in 0..times {
                    black_box(sealer.encrypt(black_box(&plain)).await.unwrap());
                }
            });
        });
        let open: Repeat = Box::new(move |times| {
            opening.block_on(async {
                for _ in 0..times {
                    black_box(opener.decrypt(black_box(&sealed)).await.unwrap());
                }
            });
        });
        Ok((seal, open))
    };
    let ((seal, open), (seal_stream, open_stream)) = (calls(SMALL)?, calls(STREAM)?);
    Ok(Contender {
        name: "envelopers 0.8, data key cached",
        commits: false,
        calls: [seal, open, seal_stream, open_stream],
    })
}
