//! The AWS Encryption SDK for Rust with a raw AES keyring: its committing suite without a signature. It caches no data
//! keys, and has no streams: a stream is one message.
use std::{collections::HashMap, hint::black_box, rc::Rc};

use anyhow::{Context as _, Result};
use aws_esdk::{
    client::Client,
    material_providers::{
        client::Client as Materials,
        types::{
            AesWrappingAlg,
            EsdkAlgorithmSuiteId::{self, AlgAes256GcmHkdfSha512CommitKey},
            keyring::KeyringRef,
            material_providers_config::MaterialProvidersConfig,
        },
    },
    types::aws_encryption_sdk_config::AwsEncryptionSdkConfig,
};
use aws_smithy_types::Blob;

use crate::measure::{Contender, Repeat, SMALL, STREAM, plaintext, runtime};

pub struct Sdk {
    client: Client,
    keyring: KeyringRef,
}

impl Sdk {
    pub async fn new() -> Result<Self> {
        let client = Client::from_conf(AwsEncryptionSdkConfig::builder().build()?)?;
        let materials = Materials::from_conf(MaterialProvidersConfig::builder().build()?)?;
        let keyring = materials
            .create_raw_aes_keyring()
            .key_namespace("bench")
            .key_name("bench")
            .wrapping_key(vec![7; 32])
            .wrapping_alg(AesWrappingAlg::AlgAes256GcmIv12Tag16)
            .send()
            .await?;
        Ok(Self { client, keyring })
    }

    pub async fn seal(
        &self,
        plain: &[u8],
        suite: EsdkAlgorithmSuiteId,
        context: &[(&str, &str)],
    ) -> Result<Blob> {
        let context: HashMap<String, String> = context
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        let sealed = self
            .client
            .encrypt()
            .plaintext(Blob::new(plain))
            .keyring(self.keyring.clone())
            .algorithm_suite_id(suite)
            .encryption_context(context)
            .send()
            .await?;
        sealed.ciphertext.context("no ciphertext")
    }

    pub async fn open(&self, sealed: &Blob) -> Result<Blob> {
        let opened = self
            .client
            .decrypt()
            .ciphertext(sealed.clone())
            .keyring(self.keyring.clone())
            .send()
            .await?;
        opened.plaintext.context("no plaintext")
    }
}

pub fn contender() -> Result<Contender> {
    let runtime = Rc::new(runtime()?);
    let sdk = Rc::new(runtime.block_on(Sdk::new())?);
    let calls = |len: usize| -> Result<(Repeat, Repeat)> {
        let plain = plaintext(len);
        let sealed = runtime.block_on(sdk.seal(&plain, AlgAes256GcmHkdfSha512CommitKey, &[]))?;
        let (sealer, sealing) = (sdk.clone(), runtime.clone());
        let (opener, opening) = (sdk.clone(), runtime.clone());
        let seal: Repeat = Box::new(move |times| {
            sealing.block_on(async {
                for _ in 0..times {
                    let sealed = sealer.seal(black_box(&plain), AlgAes256GcmHkdfSha512CommitKey, &[]);
                    black_box(sealed.await.unwrap());
                }
            });
        });
        let open: Repeat = Box::new(move |times| {
            opening.block_on(async {
                for _ in 0..times {
                    black_box(opener.open(black_box(&sealed)).await.unwrap());
                }
            });
        });
        Ok((seal, open))
    };
    let ((seal, open), (seal_stream, open_stream)) = (calls(SMALL)?, calls(STREAM)?);
    Ok(Contender {
        name: "aws-esdk 1.2, raw AES keyring",
        commits: "yes",
        calls: [seal, open, seal_stream, open_stream],
    })
}
