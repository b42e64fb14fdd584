//! Of several ways to open a wrapped key, those that a layer above knows to be busy are gone last, and it hears which were passed by.
use std::sync::{Arc, Mutex};

use datakey_provider::{
    DataKey, DataKeyLength, EncryptionContext, ErrorClass, NoTraffic, OpeningProvider, Operation,
    ProviderError, Rank, Scope, Several, Traffic, WrappedKey, async_trait,
};
use datakey_retry::Guarded;

/// Opens anything or fails, on a quota of its own, and notes that it was asked.
struct Way {
    quota: &'static str,
    rank: Rank,
    fails: Option<ErrorClass>,
    asked: Arc<Mutex<Vec<&'static str>>>,
}

#[async_trait]
impl OpeningProvider for Way {
    fn rank(&self, _: &WrappedKey) -> Option<Rank> {
        Some(self.rank)
    }

    async fn decrypt(&self, _: &EncryptionContext, _: &WrappedKey) -> Result<DataKey, ProviderError> {
        self.asked.lock().unwrap().push(self.quota);
        match self.fails {
            Some(class) => Err(ProviderError::new(class, Operation::Decrypt)),
            None => Ok(DataKey::init(DataKeyLength::Bytes32, |_| {})),
        }
    }

    fn opening_scope<'a>(&'a self, wrapped: &'a WrappedKey) -> Scope<'a> {
        Scope {
            quota: self.quota,
            key: wrapped.key_id(),
        }
    }
}

/// Knows which quotas are busy, and notes what it hears.
#[derive(Default)]
struct Knows {
    busy: Vec<&'static str>,
    heard: Mutex<Vec<(String, ErrorClass)>>,
}

impl Traffic for Knows {
    fn is_busy(&self, scope: Scope<'_>) -> bool {
        self.busy.contains(&scope.quota)
    }

    fn passed_by(&self, scope: Scope<'_>, error: &ProviderError) {
        self.heard
            .lock()
            .unwrap()
            .push((scope.quota.into(), error.class()));
    }
}

/// Those that were asked, those that were passed by, and the first quota as it was foretold.
type Went = (Vec<&'static str>, Vec<(String, ErrorClass)>, String);

/// Four Regions in two pairs, each pair as one, with pointers and breakers between; `fails` fail.
async fn went(fails: &[(&str, ErrorClass)], busy: &[&'static str]) -> Went {
    let asked = Arc::<Mutex<Vec<_>>>::default();
    let way = |quota, rank| {
        let fails = fails
            .iter()
            .find(|(own, _)| *own == quota)
            .map(|(_, class)| *class);
        let asked = Arc::clone(&asked);
        Way {
            quota,
            rank: Rank(rank),
            fails,
            asked,
        }
    };
    let near = Several::new([way("a", 0), way("b", 1)].map(Guarded::new)).unwrap();
    let far = Several::new([way("c", 2), way("d", 3)].map(Arc::new)).unwrap();
    let all: [Box<dyn OpeningProvider>; 2] = [Box::new(near), Box::new(far)];
    let all = Several::new(all).unwrap();
    let knows = Knows {
        busy: busy.to_vec(),
        ..Knows::default()
    };
    let wrapped = WrappedKey::new("key", *b"blob").unwrap();
    let first = all.opening_scope_amid(&wrapped, &knows).quota.to_owned();
    let pointer = &all;
    let _either = pointer
        .decrypt_amid(&EncryptionContext::empty(), &wrapped, &knows)
        .await;
    let asked = asked.lock().unwrap().clone();
    (asked, knows.heard.into_inner().unwrap(), first)
}

#[tokio::test]
async fn what_is_busy_is_asked_last_through_whatever_is_between() {
    for (busy, expected) in [
        (&[][..], "a"),
        (&["a"], "b"),
        (&["a", "b"], "c"),
        (&["a", "b", "c"], "d"),
        (&["b", "c", "d"], "a"),
        (&["a", "b", "c", "d"], "a"),
    ] {
        let (asked, heard, first) = went(&[], busy).await;
        assert_eq!((asked, first), (vec![expected], expected.to_owned()), "{busy:?}");
        assert!(heard.is_empty(), "nobody was passed by");
    }
}

#[tokio::test]
async fn those_that_failed_before_another_answered_are_told_with_what_they_said() {
    let (throttled, failed) = (ErrorClass::Throttled, ErrorClass::Transient);
    let (asked, heard, _) = went(&[("a", throttled)], &[]).await;
    assert_eq!((asked, heard), (vec!["a", "b"], vec![("a".into(), throttled)]));
    let (asked, heard, _) = went(&[("b", failed), ("a", throttled)], &["a"]).await;
    assert_eq!(asked, ["b", "a", "c"]);
    assert_eq!(heard.len(), 1, "the pair as one: {heard:?}");
    // If none answers, the error has them all, and nobody is told twice.
    let all = ["a", "b", "c", "d"].map(|quota| (quota, throttled));
    let (asked, heard, _) = went(&all, &[]).await;
    assert_eq!((asked.len(), heard), (4, vec![]));
}

#[tokio::test]
async fn where_nobody_paces_calls_ranks_decide() {
    let asked = Arc::<Mutex<Vec<_>>>::default();
    let one = Way {
        quota: "one",
        rank: Rank::LOCAL,
        fails: None,
        asked: Arc::clone(&asked),
    };
    let wrapped = WrappedKey::new("key", *b"blob").unwrap();
    assert_eq!(
        one.opening_scope_amid(&wrapped, &NoTraffic),
        one.opening_scope(&wrapped)
    );
    let context = EncryptionContext::empty();
    let opened = one.decrypt_amid(&context, &wrapped, &NoTraffic).await;
    assert!(opened.is_ok());
    NoTraffic.passed_by(
        Scope::default(),
        &ProviderError::new(ErrorClass::Throttled, Operation::Decrypt),
    );
}
