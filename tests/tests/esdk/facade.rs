//! The facade in this format: one data key for many messages, one interface for both formats.
use std::collections::BTreeSet;

use datakey::{
    Aad, ConfigError, FormatName, KeyringError, Sealer, SealingKey,
    keyring::{SealingLimits, Usage},
    provider::{ErrorClass, OpeningProvider as _},
};
use datakey_esdk::{
    CommitmentPolicy, Header, LimitError, Message, PUBLIC_KEY, Params, Suite, check_context, is_esdk_message,
};
use datakey_fake_kms::{KmsContext, KmsOperation};
use datakey_tests::{
    esdk::{any_suite, context, opener, params, sealable, sealer},
    pipeline::{in_process, orders, plaintext},
};
use proptest::{collection::vec, prelude::*};

#[tokio::test]
async fn every_suite_seals_and_opens_many_messages_with_one_call_each_way() {
    for suite in sealable() {
        let kms = in_process();
        let (sealer, opener) = (sealer(&kms, params(suite)), opener(&kms));
        let mut keys = BTreeSet::new();
        for number in 0..20 {
            let text = plaintext(number * 500);
            let message = sealer.seal(&orders(), &text, Aad::EMPTY).await.unwrap();
            let header = Header::decode(&message).unwrap();
            assert_eq!(header.suite(), suite);
            let public = header.context().unwrap().get(PUBLIC_KEY).map(str::to_owned);
            assert_eq!(public.is_some(), suite.is_signed());
            keys.insert((header.wrapped_keys().unwrap().first().digest(), public));
            let opened = opener.open(&orders(), &message, Aad::EMPTY).await.unwrap();
            assert_eq!(opened, text, "{suite}");
        }
        assert_eq!(keys.len(), 1, "{suite}: one data key, and one key pair with it");
        let ledger = kms.fake().ledger();
        for operation in [KmsOperation::GenerateDataKey, KmsOperation::Decrypt] {
            assert_eq!(ledger.calls_of(operation), 1, "{suite}");
        }
    }
}

#[tokio::test]
async fn the_key_service_sees_the_public_key_and_opens_nothing_without_it() {
    let kms = in_process();
    let message = sealer(&kms, Params::new())
        .seal(&orders(), b"order", Aad::EMPTY)
        .await
        .unwrap();
    let header = Header::decode(&message).unwrap();
    let whole = header.context().unwrap();
    assert_eq!(whole.len(), orders().len() + 1);
    let asked = &kms.fake().ledger().entries()[0];
    assert_eq!(asked.context, KmsContext::try_from(&whole).unwrap());
    let wrapped = header.wrapped_keys().unwrap();
    assert!(kms.decrypt(&whole, wrapped.first()).await.is_ok());
    let refused = kms.decrypt(&orders(), wrapped.first()).await.unwrap_err();
    assert_eq!(refused.class(), ErrorClass::NotAuthentic);
}

#[tokio::test]
async fn without_a_cache_each_message_has_a_data_key_and_a_key_pair_of_its_own() {
    let kms = in_process();
    let sealer = Sealer::builder(kms.clone()).format(Params::new()).without_cache();
    let sealer = sealer.build().unwrap();
    let mut public = BTreeSet::new();
    for _ in 0..3 {
        let message = sealer.seal(&orders(), b"order", Aad::EMPTY).await.unwrap();
        let context = Header::decode(&message).unwrap().context().unwrap();
        public.insert(context.get(PUBLIC_KEY).unwrap().to_owned());
    }
    assert_eq!(public.len(), 3);
    assert_eq!(kms.fake().ledger().calls(), 3);
}

#[tokio::test]
async fn each_way_of_sealing_makes_messages_that_open() {
    let kms = in_process();
    let (sealer, opener) = (
        sealer(&kms, params(Suite::Aes256GcmHkdfSha512CommitKey)),
        opener(&kms),
    );
    assert_eq!(sealer.format().name(), FormatName::Esdk);
    let mut out = b"before".to_vec();
    assert!(
        sealer
            .try_seal_into(&orders(), b"order", Aad::EMPTY, &mut out)
            .is_none()
    );
    sealer
        .seal_into(&orders(), b"order", Aad::EMPTY, &mut out)
        .await
        .unwrap();
    let mut messages = vec![out.split_off(6)];
    assert_eq!(out, b"before");
    sealer
        .try_seal_into(&orders(), b"order", Aad::EMPTY, &mut out)
        .unwrap()
        .unwrap();
    messages.push(out.split_off(6));
    let many = [(&b"order"[..], Aad::EMPTY); 3];
    messages.extend(sealer.seal_many(&orders(), &many).await.unwrap());
    let key = sealer.keyring().key(&orders(), Usage::message(5)).await.unwrap();
    assert_eq!(key.format(), FormatName::Esdk);
    let SealingKey::Esdk(own) = &*key else {
        panic!("it seals in this format");
    };
    messages.push(Vec::new());
    own.seal(b"order", messages.last_mut().unwrap()).unwrap();
    for message in messages {
        assert!(is_esdk_message(&message));
        let mut out = b"before".to_vec();
        opener
            .open_into(&orders(), &message, Aad::EMPTY, &mut out)
            .await
            .unwrap();
        assert_eq!(out, b"beforeorder");
        let (pairs, opened) = opener
            .danger_open_any_context(&message, Aad::EMPTY)
            .await
            .unwrap();
        assert_eq!((pairs, &*opened), (orders(), &b"order"[..]));
    }
    assert_eq!(kms.fake().ledger().calls(), 2);
}

#[tokio::test]
async fn what_cannot_be_sealed_is_refused_when_a_sealer_is_built_or_before_any_call() {
    let kms = in_process();
    let build = |params: Params| Sealer::builder(kms.clone()).format(params).build().map(drop);
    for suite in Suite::ALL {
        let forbid = Params::new()
            .with_suite(suite)
            .with_commitment_policy(CommitmentPolicy::ForbidEncryptAllowDecrypt);
        let require = forbid
            .clone()
            .with_commitment_policy(CommitmentPolicy::RequireEncryptAllowDecrypt);
        assert_eq!(
            build(forbid).is_ok(),
            suite.derives_keys() && !suite.is_committing()
        );
        assert_eq!(build(require).is_ok(), suite.is_committing());
    }
    let limits = SealingLimits::default().with_max_messages((1 << 32) + 1);
    let too_many = Sealer::builder(kms.clone()).format(Params::new()).limits(limits);
    let too_many = too_many.build().unwrap_err();
    assert!(matches!(
        too_many,
        ConfigError::TooManyMessages {
            limit: 0x1_0000_0000,
            ..
        }
    ));
    assert!(Sealer::builder(kms.clone()).limits(limits).build().is_ok());

    let reserved = context(&[("aws-crypto-mine", "x")]);
    assert_eq!(check_context(&reserved), Err(LimitError::ReservedKey));
    let required = Params::new().with_required_context_keys(["shop"]);
    for (params, own) in [(Params::new(), reserved), (required, orders())] {
        let refused = sealer(&kms, params)
            .seal(&own, b"order", Aad::EMPTY)
            .await
            .unwrap_err();
        assert_eq!(refused.class(), Some(ErrorClass::InvalidRequest), "{refused}");
    }
    assert_eq!(kms.fake().ledger().calls(), 0);
}

#[tokio::test]
async fn a_key_that_has_no_place_in_this_format_is_refused() {
    let keys = datakey::local::LocalKeys::generate("dev").unwrap();
    let sealer = Sealer::builder(keys).format(Params::new()).build().unwrap();
    let refused = sealer.seal(&orders(), b"order", Aad::EMPTY).await.unwrap_err();
    let datakey::SealError::Keyring(KeyringError::Provider(refused)) = refused else {
        panic!("{refused}");
    };
    let source = std::error::Error::source(&refused).unwrap();
    assert_eq!(source.downcast_ref::<LimitError>(), Some(&LimitError::KeyId));
}

#[tokio::test]
async fn a_suite_of_the_native_format_takes_a_sealer_back_to_it() {
    let kms = in_process();
    let sealer = Sealer::builder(kms.clone()).format(Params::new());
    let sealer = sealer.suite(datakey::Suite::Aes256Gcm).build().unwrap();
    assert_eq!(sealer.format().name(), FormatName::Datakey);
    let message = sealer.seal(&orders(), b"order", Aad::EMPTY).await.unwrap();
    assert!(datakey::is_datakey_message(&message));
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn one_opener_opens_what_sealers_of_both_formats_seal_in_any_order(
        turns in vec((any::<bool>(), vec(any::<u8>(), 0..600), any::<bool>()), 1..12),
        suite in prop::sample::select(sealable()),
    ) {
        let kms = in_process();
        let (ours, theirs) = (Sealer::new(kms.clone()), sealer(&kms, params(suite)));
        let opener = opener(&kms);
        let other = context(&[("tenant", "other")]);
        let (mut sealed_in, mut opened_of) = (BTreeSet::new(), BTreeSet::new());
        runtime().block_on(async {
            for (native, text, elsewhere) in &turns {
                let context = if *elsewhere { &other } else { &orders() };
                let aad = if *native { Aad::from("order 17") } else { Aad::EMPTY };
                let sealer = if *native { &ours } else { &theirs };
                let message = sealer.seal(context, text, aad).await.unwrap();
                prop_assert_eq!(is_esdk_message(&message), !*native);
                prop_assert_eq!(&opener.open(context, &message, aad).await.unwrap(), text);
                sealed_in.insert((*native, *elsewhere));
                opened_of.insert((*native, *elsewhere));
                let wrong = if *elsewhere { &orders() } else { &other };
                prop_assert!(opener.open(wrong, &message, aad).await.is_err());
                let mut altered = message.clone();
                let last = altered.len() - 1;
                altered[last] ^= 1;
                prop_assert!(opener.open(context, &altered, aad).await.is_err());
            }
            Ok(())
        })?;
        let ledger = kms.fake().ledger();
        prop_assert_eq!(ledger.calls_of(KmsOperation::GenerateDataKey), sealed_in.len() as u64);
    }

    #[test]
    fn whatever_is_altered_no_opener_opens_it(
        suite in prop::sample::select(sealable()), at in any::<prop::sample::Index>(), with in 1_u8..=255,
        cut in any::<bool>(),
    ) {
        let kms = in_process();
        runtime().block_on(async {
            let mut message = sealer(&kms, params(suite)).seal(&orders(), b"an order", Aad::EMPTY).await.unwrap();
            let header_len = Message::decode(&message).unwrap().header().len();
            let at = at.index(message.len());
            if cut {
                message.truncate(at);
            } else {
                message[at] ^= with;
            }
            let opener = opener(&kms);
            let mut out = b"before".to_vec();
            let opened = opener.open_into(&orders(), &message, Aad::EMPTY, &mut out).await;
            prop_assert!(opened.is_err());
            prop_assert_eq!(&*out, &b"before"[..]);
            if at >= header_len && !cut {
                let read = tokio_reads(&opener, &message).await;
                prop_assert!(read.is_err());
            }
            Ok(())
        })?;
    }
}

async fn tokio_reads(opener: &datakey::Opener, message: &[u8]) -> std::io::Result<Vec<u8>> {
    use tokio::io::AsyncReadExt as _;
    let allow = datakey::Formats::both(any_suite().danger_release_before_signature());
    let opener = opener.clone().with_formats(allow);
    let mut out = Vec::new();
    let mut reader = opener.reader(&orders(), Aad::EMPTY, message).await?;
    reader.read_to_end(&mut out).await?;
    Ok(out)
}
