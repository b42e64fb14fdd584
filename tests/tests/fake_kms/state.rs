//! The fake's state in a file: what comes back, and what is refused.
use std::{
    fs,
    path::PathBuf,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use datakey_fake_kms::{
    FakeKms, FakeKmsServer, KeyState, KmsContext, KmsErrorCode, NewKey, StateError, StateFile,
};
use datakey_tests::fake_kms::Client;
use serde_json::json;
use tempfile::TempDir;
use tokio::time::Duration;

fn place() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kms.state");
    (folder, path)
}

#[tokio::test]
async fn everything_about_keys_comes_back() {
    let (_folder, path) = place();
    let fake = FakeKms::new();
    let mut file = StateFile::open(&path, &fake).unwrap();
    let key = fake
        .create_key_with(&NewKey::new().description("orders \u{2603}").tag("team", "shop"))
        .unwrap();
    let many = fake.create_key_with(&NewKey::new().multi_region()).unwrap();
    let replica = fake.replicate_key(&many, "eu-west-1").unwrap();
    let (disabled, doomed) = (fake.create_key().unwrap(), fake.create_key().unwrap());
    fake.disable_key(&disabled).unwrap();
    fake.schedule_key_deletion(&doomed, 7).unwrap();
    fake.create_alias("alias/orders", &key).unwrap();
    let context = KmsContext::new([("tenant", "acme")]).unwrap();
    let old = fake.encrypt(&key, &context, b"old").await.unwrap();
    fake.rotate_key(&key).unwrap();
    let new = fake.encrypt(&key, &context, b"new").await.unwrap();
    let far = fake.encrypt(&many, &context, b"far").await.unwrap();
    let policy =
        r#"{"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*"}]}"#;
    fake.put_key_policy(&key, policy).unwrap();
    let server = FakeKmsServer::start(fake.clone()).await.unwrap();
    let mut client = Client::connect(&server).await;
    let grant = json!({"KeyId": *key, "GranteePrincipal": "arn:aws:iam::111122223333:role/x", "Operations": ["Encrypt"],
        "Constraints": {"EncryptionContextSubset": {"tenant": "acme"}}, "Name": "n"});
    let grant = client.call("CreateGrant", grant).await.ok().json();
    client
        .call(
            "EnableKeyRotation",
            json!({"KeyId": *key, "RotationPeriodInDays": 100}),
        )
        .await
        .ok();
    assert!(file.save(&fake).unwrap());
    assert!(!file.save(&fake).unwrap(), "nothing has changed");
    drop(file);

    let again = FakeKms::new();
    let mut reopened = StateFile::open(&path, &again).unwrap();
    assert!(
        !reopened.save(&again).unwrap(),
        "what was read is what would be written"
    );
    for (sealed, plain) in [(&old, b"old"), (&new, b"new"), (&far, b"far")] {
        let opened = again.decrypt(None, &context, &sealed.ciphertext).await.unwrap();
        assert_eq!(opened.plaintext.expose_secret(), plain);
        assert_eq!(opened.key_material_id, sealed.key_material_id);
        assert!(
            again
                .decrypt(None, &KmsContext::default(), &sealed.ciphertext)
                .await
                .is_err()
        );
    }
    let there = again.in_region("eu-west-1").unwrap();
    assert_eq!(
        there
            .decrypt(None, &context, &far.ciphertext)
            .await
            .unwrap()
            .key_arn,
        replica
    );
    for arn in [&key, &many, &disabled, &doomed] {
        let told = fake.key_metadata(arn).unwrap();
        assert_eq!(again.key_metadata(arn).unwrap(), told);
    }
    assert_eq!(again.key_metadata("alias/orders").unwrap().arn, key);
    assert_eq!(
        again.key_metadata(&doomed).unwrap().state,
        KeyState::PendingDeletion
    );
    let server = FakeKmsServer::start(again.clone()).await.unwrap();
    let mut restored = Client::connect(&server).await;
    for operation in [
        "GetKeyPolicy",
        "ListResourceTags",
        "ListGrants",
        "GetKeyRotationStatus",
        "ListKeyRotations",
    ] {
        let by_key = json!({"KeyId": *key});
        let before = client.call(operation, by_key.clone()).await.ok().json();
        assert_eq!(
            restored.call(operation, by_key).await.ok().json(),
            before,
            "{operation}"
        );
    }
    let retire = json!({"GrantToken": grant["GrantToken"]});
    restored.call("RetireGrant", retire).await.ok();
    // Rotation goes on with the family, in both Regions.
    again.rotate_key(&many).unwrap();
    let told = |fake: &FakeKms, arn: &str| fake.key_metadata(arn).unwrap().key_material_id;
    assert_eq!(told(&again, &many), told(&there, &replica));
}

#[test]
fn a_damaged_file_is_refused_and_changes_nothing() {
    let (_folder, path) = place();
    let fake = FakeKms::new();
    let key = fake.create_key().unwrap();
    StateFile::open(&path, &fake).unwrap().save(&fake).unwrap();
    let whole = fs::read(&path).unwrap();
    let target = FakeKms::new();
    let own = target.create_key().unwrap();
    let mut refusals = 0;
    let mut check = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        let error = StateFile::open(&path, &target).unwrap_err();
        assert!(
            matches!(error, StateError::Damaged { .. } | StateError::NotState { .. }),
            "{error}"
        );
        refusals += 1;
    };
    for at in (0..whole.len()).step_by(7) {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        check(&bytes);
        check(&whole[..at]);
    }
    check(&[whole.as_slice(), b"x"].concat());
    check(b"{}");
    check(&whole.repeat(2));
    assert!(refusals > 100);
    assert!(target.key_metadata(&own).is_ok() && target.key_metadata(&key).is_err());
    fs::write(&path, &whole).unwrap();
    StateFile::open(&path, &target).unwrap();
    assert!(target.key_metadata(&own).is_err() && target.key_metadata(&key).is_ok());
}

#[test]
fn a_file_with_a_right_digest_and_wrong_contents_is_refused() {
    use sha2::{Digest as _, Sha256};
    let (_folder, path) = place();
    let fake = FakeKms::new();
    let key = fake.create_key().unwrap();
    fake.create_alias("alias/a", &key).unwrap();
    StateFile::open(&path, &fake).unwrap().save(&fake).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    let (head, body) = text.split_once('\n').unwrap();
    let magic = head.split(' ').next().unwrap();
    let id = key.rsplit('/').next().unwrap();
    let forge = |body: &str| {
        let digest: String = Sha256::digest(body)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        fs::write(&path, format!("{magic} {digest}\n{body}")).unwrap();
        StateFile::open(&path, &FakeKms::new())
    };
    forge(body).unwrap();
    let secret = body
        .split(r#""secret":""#)
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    for (from, to) in [
        (id, "nonsense"),
        (secret, "AAAA"),
        (secret, "!!!!"),
        (r#""number":0"#, r#""number":1"#),
        (
            r#""aliases":{"alias/a":{"target":""#,
            r#""aliases":{"alias/a":{"target":"x"#,
        ),
        (r#""us-east-1""#, r#""Atlantis""#),
        (r#""tags":{}"#, r#""tags":{},"more":1"#),
        (r#"\"kms:*\""#, "kms"),
    ] {
        let forged = body.replacen(from, to, 1);
        assert_ne!(forged, body, "{from}");
        assert!(
            matches!(forge(&forged), Err(StateError::Damaged { .. })),
            "{from} {to}"
        );
    }
    let of_others = body.replace("111122223333", "444455556666");
    assert!(matches!(forge(&of_others), Err(StateError::OtherAccount { .. })));
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_read_it_and_it_is_replaced_as_a_whole() {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    let (folder, path) = place();
    let fake = FakeKms::new();
    let mut file = StateFile::open(&path, &fake).unwrap();
    assert!(!path.exists(), "opening makes no file");
    fake.create_key().unwrap();
    file.save(&fake).unwrap();
    let first = fs::metadata(&path).unwrap();
    assert_eq!(first.permissions().mode() & 0o777, 0o600);
    fake.create_key().unwrap();
    file.save(&fake).unwrap();
    let second = fs::metadata(&path).unwrap();
    assert_ne!(first.ino(), second.ino(), "another file in its place");
    assert_eq!(second.permissions().mode() & 0o777, 0o600);
    drop(file);
    assert_eq!(
        fs::read_dir(folder.path()).unwrap().count(),
        1,
        "no draft is left, and no lock"
    );
    assert!(matches!(
        StateFile::open(folder.path(), &fake),
        Err(StateError::Io { .. })
    ));
    let nowhere = folder.path().join("no/such/folder");
    assert!(matches!(
        StateFile::open(&nowhere, &fake),
        Err(StateError::Io { .. })
    ));
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_gone_is_not_written() {
    let (_folder, path) = place();
    let fake = FakeKms::new();
    let key = fake.create_key().unwrap();
    fake.create_alias("alias/a", &key).unwrap();
    fake.schedule_key_deletion(&key, 7).unwrap();
    tokio::time::advance(Duration::from_secs(8 * 86_400)).await;
    StateFile::open(&path, &fake).unwrap().save(&fake).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    assert!(!text.contains("alias/a") && !text.contains("secret"), "{text}");
    let error = fake.key_metadata(&key).unwrap_err();
    assert_eq!(error.code(), KmsErrorCode::NotFound);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_disabled_in_the_file_does_not_rotate_until_it_is_enabled() {
    let (_folder, path) = place();
    let fake = FakeKms::new();
    let key = fake.create_key().unwrap();
    let server = FakeKmsServer::start(fake.clone()).await.unwrap();
    let mut client = Client::connect(&server).await;
    let by_period = json!({"KeyId": *key, "RotationPeriodInDays": 90});
    client.call("EnableKeyRotation", by_period).await.ok();
    fake.disable_key(&key).unwrap();
    let material = fake.key_metadata(&key).unwrap().key_material_id;
    StateFile::open(&path, &fake).unwrap().save(&fake).unwrap();

    let again = FakeKms::new();
    StateFile::open(&path, &again).unwrap();
    tokio::time::advance(Duration::from_secs(300 * 24 * 60 * 60)).await;
    assert_eq!(again.key_metadata(&key).unwrap().key_material_id, material);
    again.enable_key(&key).unwrap();
    assert_ne!(again.key_metadata(&key).unwrap().key_material_id, material);
}

#[test]
fn a_state_file_is_of_one_fake_at_a_time() {
    let (folder, path) = place();
    let (one, other) = (FakeKms::new(), FakeKms::new());
    let mut file = StateFile::open(&path, &one).unwrap();
    one.create_key().unwrap();
    for _ in 0..2 {
        let error = StateFile::open(&path, &other).unwrap_err();
        assert!(matches!(error, StateError::InUse { .. }), "{error}");
        // A save puts another file in its place, which is in use as well.
        assert!(file.save(&one).unwrap());
        one.create_key().unwrap();
    }
    file.save(&one).unwrap();
    drop(file);
    let mut file = StateFile::open(&path, &other).unwrap();
    assert!(!file.save(&other).unwrap(), "it has what the first one wrote");
    drop(file);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn of_many_that_want_a_state_file_no_two_have_it_and_each_gets_it_in_the_end() {
    let (_folder, path) = place();
    let holders = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let fake = FakeKms::new();
                let mut turns = 0;
                while turns < 6 {
                    match StateFile::open(&path, &fake) {
                        Ok(mut file) => {
                            assert_eq!(holders.fetch_add(1, Ordering::SeqCst), 0);
                            fake.create_key().unwrap();
                            assert!(file.save(&fake).unwrap());
                            assert_eq!(holders.fetch_sub(1, Ordering::SeqCst), 1);
                            turns += 1;
                        }
                        Err(StateError::InUse { .. }) => thread::yield_now(),
                        Err(error) => panic!("{error}"),
                    }
                }
            });
        }
    });
    let fake = FakeKms::new();
    StateFile::open(&path, &fake).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(text.matches("\"created\"").count(), 4 * 6, "no key is lost");
}
