//! Calls that are under way together, and calls that nobody waits for.
use alloc::{boxed::Box, format, string::String, vec::Vec};
use core::{pin::Pin, task::Poll};

use super::{
    contexts::context,
    tried::{Tried, opens_to},
    violation::{Check, broken, refuses, succeeds},
};
use crate::{DataKey, DataKeyLength, EncryptionContext, ErrorClass, KeyProvider, ProviderError, WrappedKeys};

const RULE: &str = "calls made at once answer as calls made one by one";

type Call<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What was wrapped while other calls were under way, and with which context.
struct Bound<'a> {
    context: &'a EncryptionContext,
    data_key: DataKey,
    wrapped: WrappedKeys,
}

/// Makes, wraps and opens data keys for several contexts at once.
pub(super) async fn answers_calls_at_once<P: KeyProvider + ?Sized>(tried: &mut Tried<'_, P>) -> Check {
    let provider = tried.provider();
    let names = ["one", "two", "three", "four"];
    let contexts: Check<Vec<EncryptionContext>> = names
        .map(|name| context(&[("tenant", name)]))
        .into_iter()
        .collect();
    let contexts = contexts?;
    let mut all = Vec::new();
    let twice = || contexts.iter().chain(&contexts);
    let made = at_once(twice().map(|context| provider.generate_data_key(context, DataKeyLength::Bytes32)));
    for (context, made) in twice().zip(made.await) {
        let (data_key, wrapped) = tried.keep(succeeds(RULE, made)?)?.into_parts();
        all.push(Bound {
            context,
            data_key,
            wrapped,
        });
    }
    let given: Vec<DataKey> = (0x61..)
        .zip(&contexts)
        .map(|(byte, _)| DataKey::init(DataKeyLength::Bytes32, |bytes| bytes.fill(byte)))
        .collect();
    let wrapped = at_once(
        contexts
            .iter()
            .zip(&given)
            .map(|(context, key)| provider.encrypt(context, key)),
    );
    let wrapped = wrapped.await;
    for ((context, data_key), wrapped) in contexts.iter().zip(given).zip(wrapped) {
        let wrapped = succeeds(RULE, wrapped)?;
        all.push(Bound {
            context,
            data_key,
            wrapped,
        });
    }
    open_at_once(provider, &contexts, &all).await
}

/// Opens each with its own context, and with each other one, all at the same time.
async fn open_at_once<P: KeyProvider + ?Sized>(
    provider: &P,
    contexts: &[EncryptionContext],
    all: &[Bound<'_>],
) -> Check {
    let others = contexts.iter().cycle().skip(1);
    let mut asked = Vec::new();
    for (bound, other) in all.iter().zip(others) {
        for key in &bound.wrapped {
            asked.push((bound, bound.context, key));
            asked.push((bound, other, key));
        }
    }
    let answers = at_once(
        asked
            .iter()
            .map(|(_, context, key)| provider.decrypt(context, key)),
    )
    .await;
    for ((bound, context, _), answer) in asked.iter().zip(answers) {
        judge(bound, context, answer)?;
    }
    Ok(())
}

fn judge(bound: &Bound<'_>, context: &EncryptionContext, answer: Result<DataKey, ProviderError>) -> Check {
    let own = bound.context;
    if context != own {
        let what = || -> String { format!("with {context:?} in place of {own:?}, beside other calls") };
        return refuses(RULE, answer, &[ErrorClass::NotAuthentic], what);
    }
    let opened = answer.or_else(|error| {
        let seen = format!("what {own:?} wrapped beside other calls does not open beside others: {error}");
        broken(RULE, seen)
    });
    if !opened?.ct_eq(&bound.data_key) {
        return broken(RULE, format!("with {own:?}, another data key opened"));
    }
    Ok(())
}

/// Polls each call once and drops it, some alone and some beside others, then expects the provider to work as before.
pub(super) async fn survives_cancellation<P: KeyProvider + ?Sized>(
    tried: &mut Tried<'_, P>,
    context: &EncryptionContext,
) -> Check {
    let data_key = DataKey::init(DataKeyLength::Bytes32, |bytes| bytes.fill(0x77));
    let made = tried.generated(context).await?;
    let provider = tried.provider();
    let mut generating = provider.generate_data_key(context, DataKeyLength::Bytes32);
    let mut wrapping = provider.encrypt(context, &data_key);
    poll_once(&mut generating).await;
    poll_once(&mut wrapping).await;
    drop(generating);
    let mut opening = provider.decrypt(context, made.wrapped_keys().first());
    poll_once(&mut opening).await;
    drop((wrapping, opening));
    let again = tried.generated(context).await?;
    opens_to(provider, context, again.wrapped_keys(), again.data_key()).await?;
    opens_to(provider, context, made.wrapped_keys(), made.data_key()).await
}

async fn poll_once<T>(call: &mut Call<'_, T>) {
    core::future::poll_fn(|cx| {
        let _either_way = call.as_mut().poll(cx);
        Poll::Ready(())
    })
    .await;
}

/// The answers of calls that are all begun before any of them is waited for, in their order.
async fn at_once<'a, T>(calls: impl Iterator<Item = Call<'a, T>>) -> Vec<T> {
    let mut calls: Vec<(Call<'a, T>, Option<T>)> = calls.map(|call| (call, None)).collect();
    core::future::poll_fn(|cx| {
        for (call, answer) in &mut calls {
            if answer.is_none()
                && let Poll::Ready(done) = call.as_mut().poll(cx)
            {
                *answer = Some(done);
            }
        }
        if calls.iter().all(|(_, answer)| answer.is_some()) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
    calls.into_iter().filter_map(|(_, answer)| answer).collect()
}
