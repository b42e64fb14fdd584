//! The AWS Encryption SDK for Rust, as `tests/interop/esdk/vectors.py` is that for Python: the same keys, plaintexts and
//! contexts. `cargo xtask interop esdk` runs it.
mod sdk;

use std::{collections::BTreeMap, fs, path::Path, process::ExitCode};

use anyhow::{Context as _, Result, bail, ensure};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use datakey_esdk::{Header, RawAesKey};
use datakey_provider::OpeningProvider as _;
use sdk::{NAME, PADDINGS, SUITES, Sdk, WRAPPING_KEY};
use serde_json::{Map, Value, json};

/// Frame length and plaintext length.
const SHAPES: [(u32, usize); 4] = [(4096, 0), (4096, 300), (128, 1000), (256, 768)];
/// Those that no file should keep too.
const LARGE: [(u32, usize); 3] = [(4096, 3_000_000), (1, 70), (1 << 20, 5_000_000)];
const CONTEXTS: [&[(&str, &str)]; 3] = [
    &[],
    &[("tenant", "acme"), ("purpose", "orders")],
    &[
        ("\u{e4}\u{f6}\u{fc}", "\u{df}"),
        ("\u{1F511}", "\u{1F4B6}"),
        ("a", ""),
        ("\u{FFEE}", "after astral keys in UTF-16"),
        ("B", "before a in bytes"),
    ],
];

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let sdk = Sdk::new()?;
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["write", file] => write(&sdk, file, &SHAPES).await,
        ["write", file, "large"] => write(&sdk, file, &[&SHAPES[..], &LARGE].concat()).await,
        ["write-rsa", file, key] => write_rsa(&sdk, file, Path::new(key)).await,
        ["open", folder, key] => open(&sdk, Path::new(folder), Path::new(key)).await,
        ["refuse", folder] => refuse(&sdk, Path::new(folder)).await,
        _ => bail!(
            "usage: esdk_interop write FILE [large] | write-rsa FILE KEYS | open FOLDER KEYS | refuse FOLDER, \
             where KEYS is the folder of the RSA keys"
        ),
    }
}

fn plaintext(len: usize) -> Vec<u8> {
    (0..len).map(|at| ((7 * at + len) % 256) as u8).collect()
}

fn object(context: &[(&str, &str)]) -> Map<String, Value> {
    let pairs = context.iter();
    pairs
        .map(|(key, value)| ((*key).to_owned(), json!(value)))
        .collect()
}

fn keep(file: &str, tests: Vec<Value>) -> Result<()> {
    let made = json!({"source": NAME, "tests": tests});
    fs::write(file, format!("{}\n", serde_json::to_string_pretty(&made)?))?;
    Ok(())
}

async fn write(sdk: &Sdk, file: &str, shapes: &[(u32, usize)]) -> Result<()> {
    let mut tests = Vec::new();
    for (id, suite) in SUITES {
        for (frame_len, len) in shapes {
            let turn = tests.len() + 1;
            let keyring = sdk.keys(&["first", "second"][..1 + turn % 2]).await?;
            let context = CONTEXTS[turn % CONTEXTS.len()];
            let sealed = sdk
                .seal(&keyring, (id, suite), &plaintext(*len), context, Some(*frame_len))
                .await?;
            tests.push(json!({
                "suite": id,
                "frame-length": frame_len,
                "plaintext-length": len,
                "context": object(context),
                "data-key": BASE64_STANDARD.encode(data_key(&sealed).await?),
                "message": BASE64_STANDARD.encode(&sealed),
            }));
        }
    }
    println!("{} messages written by the {NAME}", tests.len());
    keep(file, tests)
}

/// The SDK does not tell it: unwrapped here. That the message opens with it is what says that it is right.
async fn data_key(sealed: &[u8]) -> Result<Vec<u8>> {
    let header = Header::decode(sealed)?;
    let (context, wrapped) = (
        header.context()?,
        header.wrapped_keys().context("no wrapped keys")?,
    );
    let key = RawAesKey::new("shop", "first", &WRAPPING_KEY)?;
    let data_key = key.decrypt(&context, wrapped.first()).await?;
    Ok(data_key.expose_secret().to_vec())
}

async fn write_rsa(sdk: &Sdk, file: &str, keys: &Path) -> Result<()> {
    let mut tests = Vec::new();
    for (padding, scheme) in PADDINGS {
        let keyring = sdk.rsa_key(keys, scheme).await?;
        for (turn, id) in [0x0478, 0x0114, 0x0146].into_iter().enumerate() {
            let suite = SUITES.into_iter().find(|(known, _)| *known == id);
            let (len, context) = (40 * turn, CONTEXTS[turn]);
            let suite = suite.context("a suite of the list")?;
            let sealed = sdk.seal(&keyring, suite, &plaintext(len), context, None).await?;
            tests.push(json!({
                "suite": id,
                "padding": padding,
                "plaintext-length": len,
                "context": object(context),
                "message": BASE64_STANDARD.encode(&sealed),
            }));
        }
    }
    println!("{} messages written under an RSA key by the {NAME}", tests.len());
    keep(file, tests)
}

fn read(path: &Path) -> Result<Value> {
    let text = fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is not JSON", path.display()))
}

fn bytes(value: &Value) -> Result<Vec<u8>> {
    Ok(BASE64_STANDARD.decode(value.as_str().context("no text")?)?)
}

/// Opens messages of another writer: each file has its message and what it should hold.
async fn open(sdk: &Sdk, folder: &Path, keys: &Path) -> Result<()> {
    let both = sdk.keys(&["first", "second"]).await?;
    let mut rsa = BTreeMap::new();
    for (padding, scheme) in PADDINGS {
        rsa.insert(padding, sdk.rsa_key(keys, scheme).await?);
    }
    let mut opened = 0;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let (test, name) = (read(&path)?, path.display());
        let keyring = match test["padding"].as_str() {
            Some(padding) => rsa.get(padding).with_context(|| format!("{name}: {padding}"))?,
            None => &both,
        };
        let (plaintext, context) = sdk
            .open(keyring, &bytes(&test["message"])?)
            .await
            .with_context(|| format!("{name} does not open"))?;
        ensure!(
            plaintext == bytes(&test["plaintext"])?,
            "{name}: another plaintext"
        );
        for (key, value) in test["context"].as_object().context("no context")? {
            let found = context.get(key).map(String::as_str);
            ensure!(found == value.as_str(), "{name}: another context");
        }
        opened += 1;
    }
    ensure!(opened > 0, "there is nothing to open");
    println!("{opened} messages opened by the {NAME}");
    Ok(())
}

/// Has each refusal tried. The SDK opens none.
async fn refuse(sdk: &Sdk, folder: &Path) -> Result<()> {
    let both = sdk.keys(&["first", "second"]).await?;
    let (mut tried, mut opened) = (0, BTreeMap::<String, u32>::new());
    for file in ["refusals.json", "refusals-javascript.json", "refusals-rust.json"] {
        let refusals = read(&folder.join(file))?;
        let messages = refusals["messages"].as_str().context("no file of messages")?;
        let messages = read(&folder.join(messages))?;
        for test in refusals["tests"].as_array().context("no refusals")? {
            let number = |name: &str| -> Result<usize> {
                let number = test[name].as_u64().with_context(|| format!("no {name}"))?;
                Ok(usize::try_from(number)?)
            };
            let mut message = bytes(&messages["tests"][number("of")?]["message"])?;
            let insert = hex(test["insert"].as_str().context("nothing to insert")?)?;
            let at = number("at")?;
            message.splice(at..at + number("remove")?, insert);
            tried += 1;
            if sdk.open(&both, &message).await.is_ok() {
                let breaks = test["breaks"].as_str().context("no rule")?.to_owned();
                *opened.entry(breaks).or_default() += 1;
            }
        }
    }
    println!("{tried} refusals tried by the {NAME}; it opens {opened:?}");
    ensure!(opened.is_empty(), "what is refused here is opened there");
    Ok(())
}

fn hex(text: &str) -> Result<Vec<u8>> {
    let digits = text.as_bytes().chunks(2);
    let bytes = digits.map(|pair| Ok(u8::from_str_radix(std::str::from_utf8(pair)?, 16)?));
    bytes.collect()
}
