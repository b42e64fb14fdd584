//! The SDK with its keyrings, as far as the exchange needs it.
use std::{collections::HashMap, fs, path::Path};

use anyhow::{Context as _, Result};
use aws_esdk::{
    client::Client,
    material_providers::{
        client::Client as Materials,
        types::{
            AesWrappingAlg,
            EsdkAlgorithmSuiteId::{self, *},
            EsdkCommitmentPolicy::{self, *},
            PaddingScheme,
            keyring::KeyringRef,
            material_providers_config::MaterialProvidersConfig,
        },
    },
    types::aws_encryption_sdk_config::AwsEncryptionSdkConfig,
};
use aws_smithy_types::Blob;

pub const NAME: &str = "AWS Encryption SDK for Rust 1.2.4";
pub const WRAPPING_KEY: [u8; 32] = {
    let mut key = [0; 32];
    let mut at = 0;
    while at < key.len() {
        key[at] = at as u8;
        at += 1;
    }
    key
};

type Suite = (u16, EsdkAlgorithmSuiteId);

pub const SUITES: [Suite; 11] = [
    (0x0014, AlgAes128GcmIv12Tag16NoKdf),
    (0x0046, AlgAes192GcmIv12Tag16NoKdf),
    (0x0078, AlgAes256GcmIv12Tag16NoKdf),
    (0x0114, AlgAes128GcmIv12Tag16HkdfSha256),
    (0x0146, AlgAes192GcmIv12Tag16HkdfSha256),
    (0x0178, AlgAes256GcmIv12Tag16HkdfSha256),
    (0x0214, AlgAes128GcmIv12Tag16HkdfSha256EcdsaP256),
    (0x0346, AlgAes192GcmIv12Tag16HkdfSha384EcdsaP384),
    (0x0378, AlgAes256GcmIv12Tag16HkdfSha384EcdsaP384),
    (0x0478, AlgAes256GcmHkdfSha512CommitKey),
    (0x0578, AlgAes256GcmHkdfSha512CommitKeyEcdsaP384),
];

/// The paddings by the names of the SDK for Python.
pub const PADDINGS: [(&str, PaddingScheme); 5] = [
    ("RSA_PKCS1", PaddingScheme::Pkcs1),
    ("RSA_OAEP_SHA1_MGF1", PaddingScheme::OaepSha1Mgf1),
    ("RSA_OAEP_SHA256_MGF1", PaddingScheme::OaepSha256Mgf1),
    ("RSA_OAEP_SHA384_MGF1", PaddingScheme::OaepSha384Mgf1),
    ("RSA_OAEP_SHA512_MGF1", PaddingScheme::OaepSha512Mgf1),
];

pub struct Sdk {
    committing: Client,
    forbidding: Client,
    opening: Client,
    materials: Materials,
}

impl Sdk {
    pub fn new() -> Result<Self> {
        Ok(Self {
            committing: client(RequireEncryptRequireDecrypt)?,
            forbidding: client(ForbidEncryptAllowDecrypt)?,
            opening: client(RequireEncryptAllowDecrypt)?,
            materials: Materials::from_conf(MaterialProvidersConfig::builder().build()?)?,
        })
    }

    /// The raw AES keys of these names, the first of which makes data keys.
    pub async fn keys(&self, names: &[&str]) -> Result<KeyringRef> {
        let mut keyrings = Vec::new();
        for name in names {
            let keyring = self
                .materials
                .create_raw_aes_keyring()
                .key_namespace("shop")
                .key_name(*name)
                .wrapping_key(WRAPPING_KEY.to_vec())
                .wrapping_alg(AesWrappingAlg::AlgAes256GcmIv12Tag16)
                .send()
                .await?;
            keyrings.push(keyring);
        }
        let first = keyrings.remove(0);
        let multi = self.materials.create_multi_keyring().generator(first);
        Ok(multi.child_keyrings(keyrings).send().await?)
    }

    /// The RSA key of a folder, with a padding.
    pub async fn rsa_key(&self, folder: &Path, padding: PaddingScheme) -> Result<KeyringRef> {
        let read = |name: &str| fs::read(folder.join(name)).with_context(|| format!("{name} cannot be read"));
        let keyring = self
            .materials
            .create_raw_rsa_keyring()
            .key_namespace("shop")
            .key_name("rsa")
            .padding_scheme(padding)
            .public_key(read("public-spki.pem")?)
            .private_key(read("private-pkcs8.pem")?)
            .send()
            .await?;
        Ok(keyring)
    }

    pub async fn seal(
        &self,
        keyring: &KeyringRef,
        (id, suite): Suite,
        plaintext: &[u8],
        context: &[(&str, &str)],
        frame_len: Option<u32>,
    ) -> Result<Vec<u8>> {
        let client = if id >= 0x0400 {
            &self.committing
        } else {
            &self.forbidding
        };
        let context: HashMap<String, String> = context
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        let sealed = client
            .encrypt()
            .plaintext(Blob::new(plaintext))
            .keyring(keyring.clone())
            .algorithm_suite_id(suite)
            .encryption_context(context)
            .frame_length(i64::from(frame_len.unwrap_or(4096)))
            .send()
            .await?;
        Ok(sealed.ciphertext.context("no ciphertext")?.into_inner())
    }

    /// The plaintext, and the encryption context.
    pub async fn open(
        &self,
        keyring: &KeyringRef,
        message: &[u8],
    ) -> Result<(Vec<u8>, HashMap<String, String>)> {
        let opened = self
            .opening
            .decrypt()
            .ciphertext(Blob::new(message))
            .keyring(keyring.clone())
            .send()
            .await?;
        let plaintext = opened.plaintext.context("no plaintext")?.into_inner();
        Ok((plaintext, opened.encryption_context.context("no context")?))
    }
}

fn client(policy: EsdkCommitmentPolicy) -> Result<Client> {
    let config = AwsEncryptionSdkConfig::builder()
        .commitment_policy(policy)
        .build()?;
    Ok(Client::from_conf(config)?)
}
