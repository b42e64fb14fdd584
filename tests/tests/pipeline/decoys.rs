//! Wrapped keys of other messages among those of a message: valid ones, put there by who may write to storage but not ask KMS.
//! Each message opens, or is refused, by what it is, and not by what an opener has at hand.
use std::time::Duration;

use datakey::{
    Aad, ErrorClass, KeyringError, OpenError, Opener, Sealer, StreamError,
    envelope::{EndPlan, Header, Message, RangePlan},
    keyring::{DEFAULT_HEDGE_DELAY, MissReason, OpeningLimits},
    kms::KmsKeyId,
    provider::{WrappedKey, WrappedKeys},
    several,
};
use datakey_fake_kms::{FakeKmsProvider, Fault, FaultRule, KmsErrorCode, KmsOperation};
use datakey_tests::pipeline::{Loopback, context, in_process, orders};
use tokio::{io::AsyncReadExt as _, task::JoinSet, time::Instant};

const AAD: &str = "order 17";

/// How a message may be opened.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Way {
    Whole,
    AnyContext,
    Stream,
    Range,
    Records,
    RecordStream,
    Index,
}

const OF_BYTES: [Way; 4] = [Way::Whole, Way::AnyContext, Way::Stream, Way::Range];
const OF_RECORDS: [Way; 3] = [Way::Records, Way::RecordStream, Way::Index];

impl Way {
    async fn open(self, opener: &Opener, message: &[u8]) -> Result<Vec<u8>, OpenError> {
        let (context, aad) = (orders(), Aad::from(AAD));
        let mut out = Vec::new();
        match self {
            Self::Whole => opener.open_into(&context, message, aad, &mut out).await?,
            Self::AnyContext => out = opener.danger_open_any_context(message, aad).await?.1,
            Self::Stream => {
                let reader = opener.reader(&context, aad, message).await;
                let read = reader.map_err(of_opening)?.read_to_end(&mut out).await;
                read.map_err(|error| of_opening(error.into()))?;
            }
            Self::Range => {
                let header = Header::decode(message)?;
                let key = opener.key_of(&context, &header, aad).await?;
                let plan = RangePlan::new(&header, message.len() as u64, 0..5)?;
                let frames = plan.frames();
                let frames = &message[frames.start as usize..frames.end as usize];
                key.datakey()?.open_range(&plan, aad, frames, &[], &mut out)?;
            }
            Self::Records => out = opener.open_records(&context, message, aad).await?.concat(),
            Self::RecordStream => {
                let reader = opener.record_reader(&context, aad, message).await;
                let (mut reader, mut record) = (reader.map_err(of_opening)?, Vec::new());
                while reader.next_record_async(&mut record).await.map_err(of_opening)? {
                    out.extend(&record);
                }
            }
            Self::Index => {
                let header = Header::decode(message)?;
                let key = opener.key_of(&context, &header, aad).await?;
                let plan = EndPlan::new(&header, message.len() as u64)?;
                let part = |range: std::ops::Range<u64>| &message[range.start as usize..range.end as usize];
                let count = part(plan.count_bytes()).try_into().unwrap();
                let index = key
                    .datakey()?
                    .open_index(&plan, aad, part(plan.end_bytes(count)?))?;
                index.open_record(0, part(index.record_bytes(0).unwrap()), &mut out)?;
            }
        }
        Ok(out)
    }
}

fn of_opening(error: StreamError) -> OpenError {
    match error {
        StreamError::Open(error) => error,
        other => panic!("{other}"),
    }
}

/// Seals each message under a data key of its own.
struct Shop {
    provider: FakeKmsProvider,
    sealer: Sealer,
}

impl Shop {
    fn new() -> Self {
        let provider = in_process();
        let sealer = Sealer::builder(provider.clone()).without_cache();
        Self {
            provider,
            sealer: sealer.build().unwrap(),
        }
    }

    async fn message(&self, way: Way) -> Vec<u8> {
        let aad = Aad::from(AAD);
        if OF_RECORDS.contains(&way) {
            self.sealer
                .seal_records(&orders(), &["order"], aad)
                .await
                .unwrap()
        } else {
            self.sealer.seal(&orders(), b"order", aad).await.unwrap()
        }
    }

    async fn messages(&self, way: Way, count: usize) -> Vec<Vec<u8>> {
        let mut messages = Vec::new();
        for _ in 0..count {
            messages.push(self.message(way).await);
        }
        messages
    }

    fn calls(&self) -> u64 {
        self.provider.fake().ledger().calls_of(KmsOperation::Decrypt)
    }
}

fn key_in(message: &[u8]) -> WrappedKey {
    let keys = Message::decode(message).unwrap().header().wrapped_keys().unwrap();
    keys.first().clone()
}

/// The first message with the wrapped keys of all of them, in this order.
fn with_keys(message: &[u8], keys: Vec<WrappedKey>) -> Vec<u8> {
    let mut out = Vec::new();
    let keys = WrappedKeys::new(keys).unwrap();
    Message::decode(message)
        .unwrap()
        .rewrapped(&orders(), &keys, &mut out)
        .unwrap();
    out
}

#[tokio::test]
async fn decoys_keep_no_message_from_opening_whatever_is_cached() {
    for way in [&OF_BYTES[..], &OF_RECORDS].concat() {
        let shop = Shop::new();
        let messages = shop.messages(way, 3).await;
        let [own, one, two] = [0, 1, 2].map(|at| key_in(&messages[at]));
        let orders_of_keys = [
            vec![one.clone(), own.clone()],
            vec![own.clone(), one.clone()],
            vec![one.clone(), two.clone(), own.clone()],
            vec![one, own, two],
        ];
        for keys in orders_of_keys {
            let most = keys.len() as u64;
            let message = with_keys(&messages[0], keys);
            for cached in 0..8_u8 {
                let opener = Opener::new(shop.provider.clone());
                for (at, other) in messages.iter().enumerate() {
                    if cached & (1 << at) != 0 {
                        way.open(&opener, other).await.unwrap();
                    }
                }
                let before = shop.calls();
                for _ in 0..3 {
                    assert_eq!(
                        way.open(&opener, &message).await.unwrap(),
                        b"order",
                        "{way:?} {cached:b}"
                    );
                }
                let calls = shop.calls() - before;
                let limit = if cached & 1 == 1 { 0 } else { most };
                assert!(calls <= limit, "{way:?} {cached:b}: {calls} calls");
            }
            let opener = Opener::builder(shop.provider.clone())
                .without_cache()
                .build()
                .unwrap();
            let before = shop.calls();
            assert_eq!(
                way.open(&opener, &message).await.unwrap(),
                b"order",
                "{way:?} uncached"
            );
            assert!(shop.calls() - before <= most, "{way:?} uncached");
        }
    }
}

#[tokio::test]
async fn a_message_of_decoys_alone_is_not_authentic_whatever_is_cached() {
    for way in [&OF_BYTES[..], &OF_RECORDS].concat() {
        let shop = Shop::new();
        let messages = shop.messages(way, 3).await;
        let [one, two] = [1, 2].map(|at| key_in(&messages[at]));
        for keys in [vec![one.clone()], vec![one.clone(), two.clone()]] {
            let most = keys.len() as u64;
            let message = with_keys(&messages[0], keys);
            for cached in 0..4_u8 {
                let opener = Opener::new(shop.provider.clone());
                for (at, other) in messages[1..].iter().enumerate() {
                    if cached & (1 << at) != 0 {
                        way.open(&opener, other).await.unwrap();
                    }
                }
                let before = shop.calls();
                for _ in 0..3 {
                    let refused = way.open(&opener, &message).await;
                    assert!(
                        matches!(refused, Err(OpenError::NotAuthentic)),
                        "{way:?}: {refused:?}"
                    );
                }
                assert!(shop.calls() - before <= most, "{way:?} {cached:b}");
                // Nothing is held against the wrapped keys: they are right for the messages that they were made for.
                let after = shop.calls();
                for own in &messages[1..=most as usize] {
                    assert_eq!(way.open(&opener, own).await.unwrap(), b"order");
                }
                assert_eq!(shop.calls(), after, "{way:?} {cached:b}");
                assert_eq!(opener.keyring().stats().refusals, 0);
            }
            let opener = Opener::builder(shop.provider.clone())
                .without_cache()
                .build()
                .unwrap();
            let refused = way.open(&opener, &message).await;
            assert!(
                matches!(refused, Err(OpenError::NotAuthentic)),
                "{way:?}: {refused:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_message_full_of_decoys_costs_a_call_for_each_wrapped_key() {
    let shop = Shop::new();
    let messages = shop.messages(Way::Whole, 16).await;
    let mut keys: Vec<WrappedKey> = messages.iter().map(|message| key_in(message)).collect();
    keys.rotate_left(1);
    let opener = Opener::new(shop.provider.clone());
    let message = with_keys(&messages[0], keys);
    let mut callers = JoinSet::new();
    for _ in 0..50 {
        let (opener, message) = (opener.clone(), message.clone());
        callers.spawn(async move { Way::Whole.open(&opener, &message).await });
    }
    for opened in callers.join_all().await {
        assert_eq!(opened.unwrap(), b"order");
    }
    assert_eq!(shop.calls(), 16);
}

#[tokio::test]
async fn other_associated_data_and_altered_frames_are_told_from_decoys() {
    let shop = Shop::new();
    let messages = shop.messages(Way::Whole, 2).await;
    let both = vec![key_in(&messages[0]), key_in(&messages[1])];
    let opener = Opener::new(shop.provider.clone());
    let mut altered = with_keys(&messages[0], both.clone());
    *altered.last_mut().unwrap() ^= 1;
    let refused = Way::Whole.open(&opener, &altered).await;
    assert!(matches!(refused, Err(OpenError::NotAuthentic)), "{refused:?}");
    assert_eq!(
        shop.calls(),
        1,
        "the commitment holds, so the frames are at fault"
    );

    let message = with_keys(&messages[0], both);
    let other = opener.open(&orders(), &message, Aad::from("order 18")).await;
    assert!(matches!(other, Err(OpenError::NotAuthentic)), "{other:?}");
    let stats = opener.keyring().stats();
    assert_eq!(stats.misses.of(MissReason::OtherKey), 1);
    assert!(shop.calls() <= 2);
}

#[tokio::test(start_paused = true)]
async fn a_wrapped_key_that_could_not_be_asked_for_is_left() {
    let shops = [Shop::new(), Shop::new()];
    let providers = [0, 1].map(|at| shops[at].provider.clone());
    let sealed = shops[0].message(Way::Whole).await;
    let own = key_in(&sealed);
    let decoy = key_in(&shops[1].message(Way::Whole).await);
    let failures = [
        (KmsErrorCode::Internal, Some(ErrorClass::Transient)),
        (KmsErrorCode::AccessDenied, Some(ErrorClass::Denied)),
        (KmsErrorCode::Throttling, Some(ErrorClass::Throttled)),
    ];
    for (code, class) in failures {
        for keys in [[own.clone(), decoy.clone()], [decoy.clone(), own.clone()]] {
            let message = with_keys(&sealed, keys.to_vec());
            let limits = OpeningLimits::default().with_refusal_ttl(Duration::ZERO);
            let opener = Opener::builder(several(providers.clone()).unwrap()).limits(limits);
            let opener = opener.without_retry().build().unwrap();
            shops[0].provider.fake().inject(FaultRule::new(code));
            for _ in 0..2 {
                let refused = Way::Whole.open(&opener, &message).await.unwrap_err();
                assert_eq!(refused.class(), class, "{code:?}: {refused:?}");
                assert!(matches!(
                    refused,
                    OpenError::Keyring(KeyringError::NoneOpened { .. })
                ));
            }
            shops[0].provider.fake().clear_faults();
            tokio::time::sleep(Duration::from_secs(120)).await;
            assert_eq!(
                Way::Whole.open(&opener, &message).await.unwrap(),
                b"order",
                "{code:?}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_junk_key_and_a_decoy_leave_nothing() {
    let shop = Shop::new();
    let messages = shop.messages(Way::Whole, 2).await;
    let junk = WrappedKey::new(shop.provider.key_arn(), b"junk".to_vec()).unwrap();
    let foreign = WrappedKey::new("local:nobody", b"blob".to_vec()).unwrap();
    for keys in [
        vec![junk.clone(), key_in(&messages[1])],
        vec![key_in(&messages[1]), junk],
        vec![foreign.clone(), key_in(&messages[1])],
        vec![key_in(&messages[1]), foreign],
    ] {
        let opener = Opener::new(shop.provider.clone());
        let message = with_keys(&messages[0], keys);
        let refused = Way::Whole.open(&opener, &message).await;
        assert!(matches!(refused, Err(OpenError::NotAuthentic)), "{refused:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_decoy_in_a_region_that_hangs_costs_the_hedge_delay() {
    let (near, far) = (Shop::new(), Shop::new());
    let sealed = far.message(Way::Whole).await;
    let decoy = key_in(&near.message(Way::Whole).await);
    let message = with_keys(&sealed, vec![decoy, key_in(&sealed)]);
    let providers = several([near.provider.clone(), far.provider.clone()]).unwrap();
    near.provider
        .fake()
        .inject(FaultRule::new(Fault::Hang(Duration::MAX)));
    let opener = Opener::new(providers);
    let start = Instant::now();
    assert_eq!(Way::Whole.open(&opener, &message).await.unwrap(), b"order");
    assert!(start.elapsed() <= DEFAULT_HEDGE_DELAY + Duration::from_millis(100));
}

#[tokio::test]
async fn what_is_wrapped_anew_is_the_messages_own_data_key() {
    let loopback = Loopback::start().await;
    let kms = loopback.provider();
    let sealer = Sealer::builder(kms.clone()).without_cache().build().unwrap();
    let aad = Aad::from(AAD);
    let sealed = sealer.seal(&orders(), b"order", aad).await.unwrap();
    let other = sealer.seal(&orders(), b"other", aad).await.unwrap();
    let message = with_keys(&sealed, vec![key_in(&other), key_in(&sealed)]);

    let new: KmsKeyId = loopback.fake.create_key().unwrap().parse().unwrap();
    let opener = Opener::new(kms.clone());
    let header = Header::decode(&message).unwrap();
    let own = opener.wrapped_key_of(&orders(), &header, aad).await.unwrap();
    assert_eq!(own, key_in(&sealed));
    let moved = kms.re_encrypt(&own, &orders(), &new, &orders()).await.unwrap();
    let moved = with_keys(&message, vec![moved]);

    let client = datakey_tests::kms::client(&loopback.server.url());
    let later = datakey::kms::KmsProvider::from_client(&client)
        .key(new.as_str())
        .build()
        .unwrap();
    assert_eq!(
        Opener::new(later).open(&orders(), &moved, aad).await.unwrap(),
        b"order"
    );
    let refused = opener.wrapped_key_of(&orders(), &header, Aad::EMPTY).await;
    assert!(matches!(refused, Err(OpenError::NotAuthentic)));
    let refused = opener
        .wrapped_key_of(&context(&[("tenant", "other")]), &header, aad)
        .await;
    assert!(matches!(refused, Err(OpenError::Context(_))));
}
