//! What is wrapped opens, and with its own encryption context only.
use alloc::{format, string::String};

use super::{
    alike::{PAIRS, look_alikes},
    contexts::{Other, context, neighbours},
    tried::{Tried, opens_to, wrapped_as_said},
    violation::{Check, broken, refuses, succeeds},
};
use crate::{DataKey, DataKeyLength, EncryptionContext, ErrorClass, KeyProvider, NoTraffic, WrappedKey};

const RULE: &str = "a wrapped key opens only with its own encryption context";

/// Makes a data key and wraps a given one; both open with this context, and with none of its neighbours.
pub(super) async fn wraps_and_binds<P: KeyProvider + ?Sized>(
    tried: &mut Tried<'_, P>,
    context: &EncryptionContext,
) -> Check {
    let made = tried.generated(context).await?;
    let provider = tried.provider();
    opens_to(provider, context, made.wrapped_keys(), made.data_key()).await?;

    let given = DataKey::init(DataKeyLength::Bytes32, |bytes| bytes.fill(0xA5));
    let wrapped = succeeds("encrypt succeeds", provider.encrypt(context, &given).await)?;
    wrapped_as_said(provider, &wrapped)?;
    opens_to(provider, context, &wrapped, &given).await?;
    wrapped.iter().try_for_each(|key| hides(key, &given))?;

    for other in neighbours(context)? {
        for key in made.wrapped_keys() {
            let opened = provider.decrypt(&other.context, key).await;
            refuses(RULE, opened, &[ErrorClass::NotAuthentic], || {
                told(&other, context)
            })?;
        }
        for key in &wrapped {
            let opened = provider.decrypt_amid(&other.context, key, &NoTraffic).await;
            refuses(RULE, opened, &[ErrorClass::NotAuthentic], || {
                told(&other, context)
            })?;
        }
    }
    Ok(())
}

/// Contexts that look alike are not the same.
pub(super) async fn tells_look_alikes_apart<P: KeyProvider + ?Sized>(tried: &mut Tried<'_, P>) -> Check {
    let own = context(&PAIRS)?;
    let made = tried.generated(&own).await?;
    let provider = tried.provider();
    for other in look_alikes(&own)? {
        for key in made.wrapped_keys() {
            // A service need not take each of these texts.
            let classes = [ErrorClass::NotAuthentic, ErrorClass::InvalidRequest];
            let opened = provider.decrypt(&other.context, key).await;
            refuses(RULE, opened, &classes, || told(&other, &own))?;
        }
    }
    Ok(())
}

fn told(other: &Other, own: &EncryptionContext) -> String {
    let Other { how, context } = other;
    format!("with a context that {how}: {context:?} in place of {own:?}")
}

fn hides(key: &WrappedKey, data_key: &DataKey) -> Check {
    let secret = data_key.expose_secret();
    if key.blob().windows(secret.len()).any(|part| part == secret) {
        return broken("a wrapped key hides the data key", "it stands in the blob");
    }
    Ok(())
}
