//! kms-aead with a local provider, one data key for many values, and the backend of ours. It opens a value from a vector
//! of the value's own: the copy of the stored bytes is in its time.
use std::{hint::black_box, rc::Rc};

use anyhow::Result;
use kms_aead::{
    DekReusePolicy, Encrypted, KmsAeadEnvelope, KmsAeadEnvelopeOptions,
    formats::Envelope,
    providers::{LocalKekId, LocalKmsProvider},
    stream::{EnvelopeStreamHeader, StreamDecryptor},
};
use secret_vault_value::SecretValue;

use crate::measure::{Contender, PORTION, Repeat, SMALL, STREAM, plaintext, runtime};

#[cfg(feature = "aws-lc")]
type Backend = kms_aead::backends::AwsLc;
#[cfg(not(feature = "aws-lc"))]
type Backend = kms_aead::backends::RustCrypto;

type Aead = KmsAeadEnvelope<LocalKmsProvider<Backend>, Backend>;

const AAD: &[u8] = b"order 17";

pub fn contender() -> Result<Contender> {
    let provider = LocalKmsProvider::ephemeral(LocalKekId::try_from("bench".to_string())?)?;
    let options = KmsAeadEnvelopeOptions::new().with_dek_reuse(DekReusePolicy::new());
    let aead = Rc::new(Aead::with_options(provider, options)?);
    let runtime = Rc::new(runtime()?);
    let small = SecretValue::new(plaintext(SMALL));
    let sealed: Encrypted<SecretValue, Envelope> = runtime.block_on(aead.encrypt(AAD, &small))?;
    let sealed = sealed.into_value();
    let stored = runtime.block_on(stored_stream(&aead))?;

    let seal: Repeat = {
        let (aead, runtime) = (aead.clone(), runtime.clone());
        Box::new(move |times| {
            runtime.block_on(async {
                for _ in 0..times {
                    black_box(aead.encrypt(AAD, black_box(&small)).await.unwrap());
                }
            });
        })
    };
    let open: Repeat = {
        let (aead, runtime) = (aead.clone(), runtime.clone());
        Box::new(move |times| {
            runtime.block_on(async {
                for _ in 0..times {
                    let stored = black_box(&sealed).clone();
                    let value: Encrypted<SecretValue, Envelope> = stored.try_into().unwrap();
                    black_box(aead.decrypt(AAD, &value).await.unwrap());
                }
            });
        })
    };
    let seal_stream: Repeat = {
        let (aead, runtime, portion) = (aead.clone(), runtime.clone(), plaintext(PORTION));
        Box::new(move |times| {
            for _ in 0..times {
                let mut encryptor = runtime.block_on(aead.stream_encryptor(AAD)).unwrap();
                for _ in 0..STREAM / PORTION {
                    black_box(encryptor.push(black_box(&portion)).unwrap());
                }
                black_box(encryptor.finish().unwrap());
            }
        })
    };
    let open_stream: Repeat = Box::new(move |times| {
        for _ in 0..times {
            let header = header(&stored).unwrap();
            let decryptor = runtime.block_on(aead.stream_decryptor(AAD, &header)).unwrap();
            open_parts(&decryptor, &stored);
        }
    });
    Ok(Contender {
        name: "kms-aead 0.31, data key reused",
        commits: "streams only",
        calls: [seal, open, seal_stream, open_stream],
    })
}

async fn stored_stream(aead: &Aead) -> Result<Vec<u8>> {
    let mut encryptor = aead.stream_encryptor(AAD).await?;
    let mut stored = encryptor.header().to_vec();
    stored.extend(encryptor.push(&plaintext(STREAM))?);
    stored.extend(encryptor.finish()?);
    Ok(stored)
}

fn header(stored: &[u8]) -> Result<EnvelopeStreamHeader> {
    let len = EnvelopeStreamHeader::header_len(&stored[..4])?;
    Ok(EnvelopeStreamHeader::try_from(&stored[..len])?)
}

/// The whole of it in parts of about a portion, which is how it opens fastest.
fn open_parts(decryptor: &StreamDecryptor<Backend>, stored: &[u8]) {
    let (form, len) = (decryptor.form(), STREAM as u64);
    for start in (0..len).step_by(PORTION) {
        let end = (start + PORTION as u64).min(len);
        let plan = form.plan_chunk_read(stored.len() as u64, start..end).unwrap();
        let bytes = plan.ciphertext();
        let part = &stored[bytes.start as usize..bytes.end as usize];
        let opened: Vec<u8> = decryptor.decrypt_chunk_read(&plan, part).unwrap();
        black_box(opened);
    }
}
