//! envelopers with a local provider and its cache of data keys, whose limits are raised: by default they end after ten
//! messages. It has no streams: a stream is one message. As everywhere, a small message goes to the bytes that are stored
//! and comes from them; a stream is left as the struct that it is.
use std::{hint::black_box, rc::Rc, time::Duration};

use anyhow::Result;
use envelopers::{
    Aes256Gcm, CacheOptions, CachingKeyWrapper, EncryptedRecord, EnvelopeCipher, SimpleKeyProvider,
};

use tokio::runtime::Runtime;

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
    Ok(Contender {
        name: "envelopers 0.8, data key cached",
        commits: "no",
        calls: [
            seal(&cipher, &runtime, SMALL, |record| {
                drop(black_box(record.to_vec().unwrap()))
            }),
            open_bytes(&cipher, &runtime)?,
            seal(&cipher, &runtime, STREAM, |record| drop(black_box(record))),
            open_stream(&cipher, &runtime)?,
        ],
    })
}

fn seal(cipher: &Rc<Cipher>, runtime: &Rc<Runtime>, len: usize, keep: fn(EncryptedRecord)) -> Repeat {
    let (cipher, runtime, plain) = (cipher.clone(), runtime.clone(), plaintext(len));
    Box::new(move |times| {
        runtime.block_on(async {
            for _ in 0..times {
                keep(cipher.encrypt(black_box(&plain)).await.unwrap());
            }
        });
    })
}

fn open_bytes(cipher: &Rc<Cipher>, runtime: &Rc<Runtime>) -> Result<Repeat> {
    let stored = runtime.block_on(cipher.encrypt(&plaintext(SMALL)))?.to_vec()?;
    let (cipher, runtime) = (cipher.clone(), runtime.clone());
    Ok(Box::new(move |times| {
        runtime.block_on(async {
            for _ in 0..times {
                let record = EncryptedRecord::try_from(black_box(&stored[..])).unwrap();
                black_box(cipher.decrypt(&record).await.unwrap());
            }
        });
    }))
}

fn open_stream(cipher: &Rc<Cipher>, runtime: &Rc<Runtime>) -> Result<Repeat> {
    let record = runtime.block_on(cipher.encrypt(&plaintext(STREAM)))?;
    let (cipher, runtime) = (cipher.clone(), runtime.clone());
    Ok(Box::new(move |times| {
        runtime.block_on(async {
            for _ in 0..times {
                black_box(cipher.decrypt(black_box(&record)).await.unwrap());
            }
        });
    }))
}
