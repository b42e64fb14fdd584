//! This project: through the facade and its cache of data keys, and by the format alone.
use std::{hint::black_box, ops::Deref, rc::Rc};

use anyhow::Result;
use datakey::{Opener, Sealer, keyring::Held, local::LocalKeys};
use datakey_envelope::{Aad, Header, Message, OpeningKey, Params, SealingKey, Suite};
use datakey_provider::{DataKey, DataKeyLength, EncryptionContext, WrappedKey};

use crate::measure::{Contender, PORTION, Repeat, SMALL, STREAM, plaintext, runtime};

fn aad() -> Aad<'static> {
    Aad::from("order 17")
}

fn params() -> Params {
    Params::new().with_suite(Suite::Aes256Gcm)
}

/// `Sealer` and `Opener`, for each call a look at the cache; streams with the keys that they hand out.
pub fn through_the_cache() -> Result<Contender> {
    let keys = LocalKeys::generate("bench")?;
    let runtime = Rc::new(runtime()?);
    let context = EncryptionContext::new([("tenant", "acme")])?;
    let entered = runtime.enter();
    let sealer = Rc::new(Sealer::builder(keys.clone()).params(params()).build()?);
    let opener = Rc::new(Opener::new(keys));
    drop(entered);
    let small = plaintext(SMALL);
    let sealed = runtime.block_on(sealer.seal(&context, &small, aad()))?;
    let stream = runtime.block_on(sealer.seal(&context, &plaintext(STREAM), aad()))?;
    let opening = runtime.block_on(opener.key_of(&context, &Header::decode(&stream)?, aad()))?;

    let seal: Repeat = {
        let (runtime, sealer, context) = (runtime.clone(), sealer.clone(), context.clone());
        Box::new(move |times| {
            runtime.block_on(async {
                for _ in 0..times {
                    black_box(sealer.seal(&context, black_box(&small), aad()).await.unwrap());
                }
            });
        })
    };
    let open: Repeat = {
        let (runtime, context) = (runtime.clone(), context.clone());
        Box::new(move |times| {
            runtime.block_on(async {
                for _ in 0..times {
                    black_box(opener.open(&context, black_box(&sealed), aad()).await.unwrap());
                }
            });
        })
    };
    let key = Box::new(prepared_keys(&context)?.0);
    Ok(Contender {
        name: "datakey, through the cache",
        commits: "yes",
        calls: [seal, open, seal_stream(key), open_stream(Kept(opening), stream)],
    })
}

/// A key of the cache, for the native format.
struct Kept(Held<datakey::OpeningKey>);

impl Deref for Kept {
    type Target = OpeningKey;

    fn deref(&self) -> &OpeningKey {
        self.0.datakey().unwrap()
    }
}

/// The format alone, with keys prepared.
pub fn prepared() -> Result<Contender> {
    let context = EncryptionContext::new([("tenant", "acme")])?;
    let (sealing, opening) = prepared_keys(&context)?;
    let small = plaintext(SMALL);
    let (mut sealed, mut stream) = (Vec::new(), Vec::new());
    sealing.seal(&small, aad(), &mut sealed)?;
    sealing.seal(&plaintext(STREAM), aad(), &mut stream)?;
    let (other_sealing, other_opening) = prepared_keys(&context)?;
    Ok(Contender {
        name: "datakey-envelope, key prepared",
        commits: "yes",
        calls: [
            Box::new(move |times| {
                for _ in 0..times {
                    let mut out = Vec::new();
                    sealing.seal(black_box(&small), aad(), &mut out).unwrap();
                    black_box(out);
                }
            }),
            Box::new(move |times| {
                for _ in 0..times {
                    let mut out = Vec::new();
                    let message = Message::decode(black_box(&sealed)).unwrap();
                    opening.open(&message, aad(), &mut out).unwrap();
                    black_box(out);
                }
            }),
            seal_stream(Box::new(other_sealing)),
            open_stream(Box::new(other_opening), stream),
        ],
    })
}

fn prepared_keys(context: &EncryptionContext) -> Result<(SealingKey, OpeningKey)> {
    let data_key = DataKey::init(DataKeyLength::Bytes32, |bytes| bytes.fill(7));
    let wrapped = WrappedKey::new("local:bench", vec![7; 184])?.into();
    let sealing = SealingKey::new(&data_key, &wrapped, context, &params())?;
    Ok((sealing, OpeningKey::new(&data_key, context)?))
}

fn seal_stream(key: impl Deref<Target = SealingKey> + 'static) -> Repeat {
    let (portion, mut out, mut ends) = (plaintext(PORTION), vec![0; 2 * PORTION], Vec::new());
    Box::new(move |times| {
        for _ in 0..times {
            ends.clear();
            let mut sealer = key.stream_sealer(aad(), &mut ends).unwrap();
            for _ in 0..STREAM / PORTION {
                sealer
                    .push_into(black_box(&portion), black_box(&mut out))
                    .unwrap();
            }
            sealer.finish(&mut ends).unwrap();
        }
    })
}

fn open_stream(key: impl Deref<Target = OpeningKey> + 'static, stream: Vec<u8>) -> Repeat {
    let (mut out, mut end) = (vec![0; 2 * PORTION], Vec::new());
    Box::new(move |times| {
        for _ in 0..times {
            end.clear();
            let message = Message::decode(black_box(&stream)).unwrap();
            let mut opener = key.stream_opener(message.header(), aad()).unwrap();
            for portion in message.body().chunks(PORTION) {
                opener.push_into(portion, black_box(&mut out)).unwrap();
            }
            opener.finish(&mut end).unwrap();
        }
    })
}
