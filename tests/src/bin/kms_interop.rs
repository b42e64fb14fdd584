//! The emulator for clients in other languages, and the conformance suite against whatever KMS a URL names.
//! `cargo xtask interop kms` runs both.
use std::{env, fs, io, process::ExitCode, sync::Arc, time::Duration};

use aws_sdk_kms::{Client, config::Region};
use datakey_fake_kms::{FakeKms, FakeKmsServer, Fault, FaultRule, KmsErrorCode, Principal, TlsIdentity};
use datakey_kms::{DiscoveryFilter, KmsProvider, KmsProviderBuilder};
use datakey_provider::{
    DataKey, DataKeyLength, EncryptionContext, ErrorClass, GeneratedDataKey, KeyProvider, OpeningProvider,
    ProviderError, Rank, Scope, SealingProvider, Several, Traffic, WrappedKey, WrappedKeys, async_trait,
    conformance,
};
use datakey_tests::kms::{REGION, client, config, context};

type Anything<T = ()> = Result<T, Box<dyn std::error::Error>>;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let done = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve", authority] => serve(authority).await,
        ["conformance", url, which @ ("fake" | "moto")] => conform(url, which == "moto").await,
        _ => Err("usage: kms_interop serve AUTHORITY | conformance URL fake|moto".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Serves until standard input ends; the only line of the output says where: the plain one, the refusing one, and the plain one over TLS,
/// whose authority is written to a file.
async fn serve(authority: &str) -> Anything {
    let fake = FakeKms::builder().region(REGION).wall_clock().build()?;
    fake.add_principal(Principal::new(
        "AKIDEXAMPLE",
        "not-a-secret",
        "arn:aws:iam::111122223333:user/interop",
    )?);
    let identity = TlsIdentity::made_for(["localhost", "127.0.0.1"])?;
    fs::write(authority, identity.ca_pem().unwrap_or_default())?;
    let plain = FakeKmsServer::builder(fake)
        .verify_signatures()
        .regions_by_signature()
        .ledger_path("/ledger");
    let secure = plain.clone().tls(identity).start().await?;
    let plain = plain.start().await?;
    let refusing = FakeKmsServer::start(refusing()?).await?;
    println!("{} {} {}", plain.url(), refusing.url(), secure.url());
    tokio::task::spawn_blocking(|| io::copy(&mut io::stdin(), &mut io::sink())).await??;
    Ok(())
}

/// A fake that has a key `alias/CODE` for each code, which answers nothing else; `alias/once/CODE` does so once.
fn refusing() -> Anything<FakeKms> {
    let fake = FakeKms::builder().region(REGION).build()?;
    let named = |alias: &str| -> Anything<Arc<str>> {
        let key = fake.create_key()?;
        fake.create_alias(alias, &key)?;
        Ok(key)
    };
    for code in KmsErrorCode::ALL {
        fake.inject(FaultRule::new(*code).for_key(&*named(&format!("alias/{code}"))?));
    }
    for code in [KmsErrorCode::Throttling, KmsErrorCode::Internal] {
        let key = named(&format!("alias/once/{code}"))?;
        fake.inject(FaultRule::new(code).for_key(&*key).times(1));
    }
    let cut = named("alias/once/cut")?;
    fake.inject(FaultRule::new(Fault::DropConnection).for_key(&*cut).times(1));
    Ok(fake)
}

async fn conform(url: &str, moto: bool) -> Anything {
    let client = client(url);
    let (arn, id, account) = create(&client).await?;
    let other = create(&client).await?.0;
    let alias = format!("alias/conformance-{id}");
    let aliased = client.create_alias().alias_name(&alias).target_key_id(&arn);
    aliased.send().await?;
    let alias_arn = format!("arn:aws:kms:{REGION}:{account}:{alias}");
    for key in [&arn, &id, &alias, &alias_arn] {
        check(key, build(&client, |builder| builder.key(key))?, moto).await?;
    }
    let filter = DiscoveryFilter::new("aws", [&account])?;
    let discovering = build(&client, |builder| {
        builder.wrapping_key(&arn).danger_discovery(filter)
    })?;
    check("discovery", discovering, moto).await?;
    let both = Several::new([
        build(&client, |builder| builder.key(&arn))?,
        build(&client, |builder| builder.key(&other))?,
    ])?;
    check("two keys", both, moto).await?;
    re_encrypts(
        &build(&client, |builder| builder.key(&arn).opening_key(&other))?,
        &other,
    )
    .await?;
    println!("re-encryption: passed");
    if !moto {
        // Moto cannot decrypt with a replica.
        replica_opens(&client, url).await?;
        println!("a replica, in its own region: passed");
    }
    Ok(())
}

/// What the primary wrapped opens with its replica, which is told the primary's ARN and nothing else.
async fn replica_opens(client: &Client, url: &str) -> Anything {
    const AWAY: &str = "us-east-1";
    let made = client.create_key().multi_region(true).send().await?;
    let primary = made.key_metadata.and_then(|key| key.arn).ok_or("no ARN")?;
    client
        .replicate_key()
        .key_id(&primary)
        .replica_region(AWAY)
        .send()
        .await?;
    let away = Client::from_conf(config(url).region(Region::new(AWAY)).build());
    let sealing = build(client, |builder| builder.key(&primary))?;
    let opening = build(&away, |builder| {
        builder.opening_key(&primary).allow_multi_region_replicas()
    })?;
    let made = sealing
        .generate_data_key(&context(), DataKeyLength::Bytes32)
        .await?;
    let wrapped = made.wrapped_keys().first();
    if !opening.decrypt(&context(), wrapped).await?.ct_eq(made.data_key()) {
        return Err("the replica opens another key".into());
    }
    match opening.decrypt(&EncryptionContext::empty(), wrapped).await {
        Err(refused) if refused.class() == ErrorClass::NotAuthentic => Ok(()),
        other => Err(format!("the replica opens it with another context: {other:?}").into()),
    }
}

fn build(
    client: &Client,
    with: impl FnOnce(KmsProviderBuilder) -> KmsProviderBuilder,
) -> Anything<KmsProvider> {
    Ok(with(KmsProvider::from_client(client)).build()?)
}

async fn create(client: &Client) -> Anything<(String, String, String)> {
    let made = client.create_key().send().await?;
    let key = made.key_metadata.ok_or("no metadata")?;
    Ok((
        key.arn.ok_or("no ARN")?,
        key.key_id,
        key.aws_account_id.ok_or("no account")?,
    ))
}

async fn check(name: &str, provider: impl KeyProvider, moto: bool) -> Anything {
    let checked = if moto {
        conformance::check(&AsDocumented(provider)).await
    } else {
        conformance::check(&provider).await
    };
    checked.map_err(|violation| format!("{name}: {violation}"))?;
    println!("conformance with {name}: passed");
    Ok(())
}

async fn re_encrypts(provider: &KmsProvider, other: &str) -> Anything {
    let (ours, theirs) = (context(), EncryptionContext::new([("tenant", "accounting")])?);
    let made = provider.generate_data_key(&ours, DataKeyLength::Bytes32).await?;
    let moved = provider
        .re_encrypt(made.wrapped_keys().first(), &ours, &other.parse()?, &theirs)
        .await?;
    let opened = provider.decrypt(&theirs, &moved).await?;
    if moved.key_id() != other || !opened.ct_eq(made.data_key()) {
        return Err("ReEncrypt: another key than was asked for".into());
    }
    for wrong in [&ours, &EncryptionContext::empty()] {
        let Err(refused) = provider.decrypt(wrong, &moved).await else {
            return Err("ReEncrypt: it opens with another encryption context".into());
        };
        if refused.class() != ErrorClass::NotAuthentic {
            return Err(refused.into());
        }
    }
    Ok(())
}

/// Moto, with two things put right that the suite trips over. To a ciphertext that it cannot attribute to a key it
/// says `AccessDeniedException`, where KMS, given the key id, says `InvalidCiphertextException`. And it joins keys and values of an
/// encryption context without saying where each of them ends, so that some contexts are one to it: each gets its digest as a pair more.
struct AsDocumented<P>(P);

fn told_apart(context: &EncryptionContext) -> EncryptionContext {
    let digest: String = context
        .digest()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let pairs = context.iter().chain([("digest", digest.as_str())]);
    EncryptionContext::new(pairs).expect("no pair of the suite's has this key")
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<P: SealingProvider> SealingProvider for AsDocumented<P> {
    async fn generate_data_key(
        &self,
        context: &EncryptionContext,
        length: DataKeyLength,
    ) -> Result<GeneratedDataKey, ProviderError> {
        self.0.generate_data_key(&told_apart(context), length).await
    }

    async fn encrypt(
        &self,
        context: &EncryptionContext,
        data_key: &DataKey,
    ) -> Result<WrappedKeys, ProviderError> {
        self.0.encrypt(&told_apart(context), data_key).await
    }

    fn wrapped_keys_each(&self) -> usize {
        self.0.wrapped_keys_each()
    }

    fn sealing_key_is(&self, name: &str, key_id: &str) -> bool {
        self.0.sealing_key_is(name, key_id)
    }

    fn sealing_scopes<'a>(&'a self, tell: &mut dyn FnMut(Scope<'a>)) {
        self.0.sealing_scopes(tell);
    }

    fn sealing_time_limit(&self) -> Option<Duration> {
        self.0.sealing_time_limit()
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<P: OpeningProvider> OpeningProvider for AsDocumented<P> {
    fn rank(&self, wrapped: &WrappedKey) -> Option<Rank> {
        self.0.rank(wrapped)
    }

    async fn decrypt(
        &self,
        context: &EncryptionContext,
        wrapped: &WrappedKey,
    ) -> Result<DataKey, ProviderError> {
        self.0
            .decrypt(&told_apart(context), wrapped)
            .await
            .map_err(|error| {
                if error.code() == Some("AccessDeniedException") {
                    ProviderError::new(ErrorClass::NotAuthentic, error.operation()).with_source(error)
                } else {
                    error
                }
            })
    }

    async fn decrypt_amid(
        &self,
        context: &EncryptionContext,
        wrapped: &WrappedKey,
        _: &dyn Traffic,
    ) -> Result<DataKey, ProviderError> {
        self.decrypt(context, wrapped).await
    }

    fn opening_key_is(&self, name: &str, key_id: &str) -> bool {
        self.0.opening_key_is(name, key_id)
    }

    fn opening_scope<'a>(&'a self, wrapped: &'a WrappedKey) -> Scope<'a> {
        self.0.opening_scope(wrapped)
    }

    fn opening_scope_amid<'a>(&'a self, wrapped: &'a WrappedKey, _: &dyn Traffic) -> Scope<'a> {
        self.opening_scope(wrapped)
    }

    fn opening_time_limit(&self) -> Option<Duration> {
        self.0.opening_time_limit()
    }
}
