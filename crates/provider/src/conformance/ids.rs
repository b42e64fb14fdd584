//! Key ids: a provider opens under those that it was set up with, and knows them by name.
use alloc::{format, string::String, vec::Vec};

use super::{
    tried::Tried,
    violation::{Check, Violation, broken, refuses},
};
use crate::{EncryptionContext, ErrorClass, KeyProvider, WrappedKey};

const OWN: &str = "a wrapped key opens only under the id of its own wrapping key";
const RANKED: &str = "rank recognises only what decrypt does not refuse as foreign";
const FOREIGN: &str = "nobody:nothing";

/// Blobs under ids that are not theirs.
pub(super) async fn keeps_to_its_ids<P: KeyProvider + ?Sized>(
    tried: &mut Tried<'_, P>,
    context: &EncryptionContext,
) -> Check {
    let made = tried.generated(context).await?;
    let (provider, wrapped) = (tried.provider(), made.wrapped_keys());
    tells_its_scopes(provider)?;
    for key in wrapped {
        knows_its_key(provider, key.key_id())?;
        let foreign = under(FOREIGN, key)?;
        if provider.rank(&foreign).is_some() {
            return broken("rank does not recognise a foreign key id", format!("{FOREIGN:?}"));
        }
        let opened = provider.decrypt(context, &foreign).await;
        let rule = "a foreign key id is refused";
        refuses(rule, opened, &[ErrorClass::InvalidRequest], || {
            format!("under {FOREIGN:?}")
        })?;
        for id in near(key.key_id()) {
            if wrapped.iter().all(|own| own.key_id() != id) {
                refuses_under(provider, context, &under(&id, key)?).await?;
            }
        }
    }
    Ok(())
}

/// A provider may be set up to open under a whole family of keys, and then finds out by a call that this is none of them.
async fn refuses_under<P: KeyProvider + ?Sized>(
    provider: &P,
    context: &EncryptionContext,
    key: &WrappedKey,
) -> Check {
    let (ranked, id) = (provider.rank(key).is_some(), key.key_id());
    let opened = provider.decrypt(context, key).await;
    match &opened {
        Err(error) if ranked && error.class() == ErrorClass::InvalidRequest => {
            broken(RANKED, format!("it ranks {id:?}, and refuses to look at it"))
        }
        _ => {
            let as_foreign = [ErrorClass::InvalidRequest];
            let by_the_service = [
                ErrorClass::NotAuthentic,
                ErrorClass::UnavailableKey,
                ErrorClass::Denied,
            ];
            let classes: &[ErrorClass] = if ranked { &by_the_service } else { &as_foreign };
            refuses(OWN, opened, classes, || format!("under {id:?}"))
        }
    }
}

fn knows_its_key<P: KeyProvider + ?Sized>(provider: &P, id: &str) -> Check {
    for (what, itself, foreign) in [
        (
            "sealing_key_is",
            provider.sealing_key_is(id, id),
            provider.sealing_key_is(FOREIGN, id),
        ),
        (
            "opening_key_is",
            provider.opening_key_is(id, id),
            provider.opening_key_is(FOREIGN, id),
        ),
    ] {
        if !itself {
            return broken("a key is named by its own id", format!("not by {what} of {id:?}"));
        }
        if foreign {
            let seen = format!("{what} takes {FOREIGN:?} for {id:?}");
            return broken("a key is not named by any name", seen);
        }
    }
    Ok(())
}

/// Whoever paces calls is told what they count against.
fn tells_its_scopes<P: KeyProvider + ?Sized>(provider: &P) -> Check {
    let mut told = false;
    provider.sealing_scopes(&mut |_| told = true);
    if told {
        return Ok(());
    }
    broken(
        "sealing_scopes says what a call counts against",
        "it says nothing",
    )
}

fn under(id: &str, key: &WrappedKey) -> Check<WrappedKey> {
    WrappedKey::new(id, key.blob()).map_err(|error| Violation {
        rule: "the suite's own key ids are valid",
        detail: format!("{error}"),
    })
}

/// Ids that differ from one in a character at either end.
fn near(id: &str) -> Vec<String> {
    let mut all = Vec::from([format!("{id}x"), format!("x{id}")]);
    if let Some((last, letter)) = id.char_indices().last() {
        let kept = id.get(..last).unwrap_or_default();
        let other = if letter == '0' { '1' } else { '0' };
        all.push(format!("{kept}{other}"));
        if !kept.is_empty() {
            all.push(kept.into());
        }
    }
    all
}
