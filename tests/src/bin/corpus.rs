//! Adds to the corpus what it does not have yet, and to its manifest. What is there is never written again.
use std::{error::Error, fs, io::Write as _, num::NonZero, path::PathBuf};

use datakey::{
    Aad, EncryptionContext, Format, Sealer, Suite,
    envelope::{FrameLen, Params},
    esdk::{self, CommitmentPolicy, RawAesKey},
    local::{KeyFile, LocalKeys},
    provider::{SealingProvider, Several},
};
use datakey_branch_keys::{BranchKeyAdmin, BranchKeys, MemoryStore, NewBranchKey};
use datakey_tests::corpus::{Case, Keys, Plain, TABLE, folder, keys_of, table_text};
use sha2::{Digest as _, Sha256};

type Done<T> = Result<T, Box<dyn Error>>;

const KEY_FILE: &str = "keys-2.key";
const OTHER_FILE: &str = "other-2.key";
const KMS_FILE: &str = "kms-2.key";
const TABLE_FILE: &str = "branch-keys.table";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Done<()> {
    key_files()?;
    native().await?;
    encryption_sdk().await?;
    branch_keys().await?;
    manifest()
}

fn path(name: &str) -> PathBuf {
    folder().join(name)
}

fn write_new(name: &str, text: &str) -> Done<()> {
    if !path(name).exists() {
        fs::write(path(name), text)?;
        println!("added {name}");
    }
    Ok(())
}

fn key_files() -> Done<()> {
    for (name, key) in [
        (KEY_FILE, "orders-2027"),
        (OTHER_FILE, "partner"),
        (KMS_FILE, "kms"),
    ] {
        if !path(name).exists() {
            let old = LocalKeys::generate("orders-2026")?;
            let keys = old.with_generated(key)?.with_active(key)?;
            KeyFile::create(path(name), keys)?;
            println!("added {name}");
        }
    }
    // A file of version 1 has the same lines, but for the last.
    let second = fs::read_to_string(path(KEY_FILE))?;
    let lines = second.lines().filter(|line| !line.starts_with("end "));
    let first: String = lines
        .map(|line| format!("{}\n", line.replace("-keys v2", "-keys v1")))
        .collect();
    write_new("keys-1.key", &first)
}

fn context() -> Done<EncryptionContext> {
    Ok(EncryptionContext::new([
        ("purpose", "orders"),
        ("tenant", "acme"),
    ])?)
}

fn text(len: usize) -> Vec<u8> {
    (0..len).map(|at| b"order 17, two notebooks; "[at % 25]).collect()
}

async fn add(
    name: &str,
    about: &str,
    keys: Keys,
    plain: Plain,
    format: impl Into<Format>,
    provider: impl SealingProvider + 'static,
) -> Done<()> {
    let name = name.to_owned();
    if path(&format!("{name}.txt")).exists() {
        return Ok(());
    }
    let format = format.into();
    let aad = if matches!(format, Format::Datakey(_)) {
        "order 17"
    } else {
        ""
    };
    let sealer = Sealer::builder(provider).format(format).build()?;
    let (context, bound) = (context()?, Aad::new(aad.as_bytes()));
    let message = match &plain {
        Plain::Bytes(bytes) => sealer.seal(&context, bytes, bound).await?,
        Plain::Records(records) => sealer.seal_records(&context, records, bound).await?,
    };
    let pairs = context
        .iter()
        .map(|(key, value)| (key.to_owned(), value.to_owned()));
    let case = Case {
        name: name.clone(),
        about: about.to_owned(),
        keys,
        context: pairs.collect(),
        aad: aad.to_owned(),
        plain,
        message,
        armored: false,
    };
    write_new(&format!("{name}.txt"), &case.to_text())
}

/// Version 1 of the project's own format.
async fn native() -> Done<()> {
    let local = || Keys::Local(KEY_FILE.into());
    for (suite, called) in [
        (Suite::ChaCha20Poly1305, "chacha20"),
        (Suite::Aes256Gcm, "aes-256"),
    ] {
        let small = Params::new()
            .with_suite(suite)
            .with_frame_len(FrameLen::from_exponent(6)?);
        for (len, what) in [(0, "empty"), (8, "short"), (200, "frames")] {
            let name = format!("datakey-1-{called}-{what}");
            let about = format!("a byte stream of {len} bytes");
            add(
                &name,
                &about,
                local(),
                Plain::Bytes(text(len)),
                small,
                keys_of(KEY_FILE),
            )
            .await?;
        }
        let records = Plain::Records(vec![text(7), vec![], text(90)]);
        let name = format!("datakey-1-{called}-records");
        add(
            &name,
            "records, one of them empty",
            local(),
            records,
            small,
            keys_of(KEY_FILE),
        )
        .await?;
    }
    for (file, which) in [(KEY_FILE, "first"), (OTHER_FILE, "second")] {
        let both = Several::new([keys_of(KEY_FILE), keys_of(OTHER_FILE)])?;
        let name = format!("datakey-1-two-keys-{which}");
        let about = format!("two wrapped keys, opened by the {which}");
        add(
            &name,
            &about,
            Keys::Local(file.into()),
            Plain::Bytes(text(30)),
            Params::new(),
            both,
        )
        .await?;
    }
    let old = keys_of(KEY_FILE).with_active("orders-2026")?;
    let name = "datakey-1-key-file-1";
    add(
        name,
        "opened by a key file of version 1",
        Keys::Local("keys-1.key".into()),
        Plain::Bytes(text(12)),
        Params::new(),
        old,
    )
    .await
}

/// Both versions of the AWS Encryption SDK's format.
async fn encryption_sdk() -> Done<()> {
    use esdk::Suite as S;
    let key: Vec<u8> = (0..32).collect();
    for (suite, called) in [
        (S::Aes128GcmHkdfSha256, "1-aes-128"),
        (S::Aes256GcmHkdfSha256, "1-aes-256"),
        (S::Aes256GcmHkdfSha384EcdsaP384, "1-signed"),
        (S::Aes256GcmHkdfSha512CommitKey, "2-committing"),
        (S::Aes256GcmHkdfSha512CommitKeyEcdsaP384, "2-signed"),
    ] {
        let policy = if called.starts_with('1') {
            CommitmentPolicy::ForbidEncryptAllowDecrypt
        } else {
            CommitmentPolicy::default()
        };
        let params = esdk::Params::new()
            .with_suite(suite)
            .with_commitment_policy(policy);
        let params = params.with_frame_len(NonZero::new(64).ok_or("no frame is empty")?);
        for (len, what) in [(8, "short"), (200, "frames")] {
            let keys = Keys::RawAes("shop".into(), "2026".into(), key.clone());
            let provider = RawAesKey::new("shop", "2026", &key)?;
            let name = format!("esdk-{called}-{what}");
            let about = format!("{suite}, {len} bytes");
            add(
                &name,
                &about,
                keys,
                Plain::Bytes(text(len)),
                params.clone(),
                provider,
            )
            .await?;
        }
    }
    Ok(())
}

/// Data keys that are wrapped under a branch key, of its first version and its second.
async fn branch_keys() -> Done<()> {
    if path(TABLE_FILE).exists() {
        return Ok(());
    }
    let store = MemoryStore::new(TABLE);
    let kms = keys_of(KMS_FILE);
    let admin = BranchKeyAdmin::new(store.clone(), kms.clone(), kms.active_key_id());
    let id: datakey_branch_keys::BranchKeyId = "tenant-acme".parse()?;
    admin
        .create(&NewBranchKey::with_id(id.clone()).context([("tenant", "acme")]))
        .await?;
    for version in ["first", "second"] {
        let sealing = || {
            BranchKeys::builder(store.clone(), kms.clone())
                .branch_key(id.clone())
                .build_sealing()
        };
        let from = || Keys::Branch(TABLE_FILE.into(), KMS_FILE.into());
        let about = format!("under the {version} version of a branch key");
        let (name, plain) = (format!("datakey-1-branch-key-{version}"), Plain::Bytes(text(40)));
        add(&name, &about, from(), plain.clone(), Params::new(), sealing()?).await?;
        let params = esdk::Params::new().with_suite(esdk::Suite::Aes256GcmHkdfSha512CommitKey);
        let name = format!("esdk-2-branch-key-{version}");
        add(&name, &about, from(), plain, params, sealing()?).await?;
        if version == "first" {
            admin.rotate(&id).await?;
        }
    }
    write_new(TABLE_FILE, &table_text(&store.dump()))
}

/// A line for each file that has none.
fn manifest() -> Done<()> {
    let known = fs::read_to_string(path("MANIFEST")).unwrap_or_default();
    let mut names: Vec<String> = Vec::new();
    for entry in fs::read_dir(folder())? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    let mut manifest = fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(path("MANIFEST"))?;
    for name in names
        .iter()
        .filter(|name| *name != "MANIFEST" && *name != "README.md")
    {
        if !known.lines().any(|line| line.ends_with(&format!(" {name}"))) {
            let digest: String = Sha256::digest(fs::read(path(name))?)
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            writeln!(manifest, "{digest} {name}")?;
        }
    }
    Ok(())
}
