//! Blobs that were altered.
use alloc::{collections::BTreeSet, format, string::String, vec::Vec};

use super::{
    tried::Tried,
    violation::{Check, refuses},
};
use crate::{EncryptionContext, ErrorClass, KeyProvider, WrappedKey};

const RULE: &str = "an altered wrapped key does not open";

/// In how many places of a blob a bit is changed.
const PLACES: usize = 32;

/// Blobs with a bit changed, cut, extended, and put together of two.
pub(super) async fn refuses_altered<P: KeyProvider + ?Sized>(
    tried: &mut Tried<'_, P>,
    context: &EncryptionContext,
) -> Check {
    let made = tried.generated(context).await?;
    let more = tried.generated(context).await?;
    let provider = tried.provider();
    for (key, other) in made.wrapped_keys().iter().zip(more.wrapped_keys()) {
        for (how, blob) in altered(key.blob(), other.blob()) {
            let Ok(altered) = WrappedKey::new(key.key_id(), blob) else {
                continue;
            };
            let opened = provider.decrypt(context, &altered).await;
            refuses(RULE, opened, &[ErrorClass::NotAuthentic], || how)?;
        }
    }
    Ok(())
}

/// What a blob is altered to, with how; nothing that is one of the two.
fn altered(own: &[u8], other: &[u8]) -> Vec<(String, Vec<u8>)> {
    let (len, half) = (own.len(), own.len() / 2);
    let mut all = Vec::new();
    for place in places(len) {
        let mut blob = own.to_vec();
        if let Some(byte) = blob.get_mut(place) {
            *byte ^= 1 << (place % 8);
        }
        all.push((format!("with a bit of byte {place} of {len} changed"), blob));
    }
    for kept in [1, half, len.saturating_sub(1)] {
        let cut = own.get(..kept).unwrap_or_default().to_vec();
        all.push((format!("cut from {len} bytes to {kept}"), cut));
    }
    all.push(("with a byte behind its end".into(), [own, &[0]].concat()));
    let (start, end) = own.split_at_checked(half).unwrap_or_default();
    let (other_start, other_end) = other.split_at_checked(half).unwrap_or_default();
    let mixed = "put together of the halves of two";
    all.push((mixed.into(), [start, other_end].concat()));
    all.push((mixed.into(), [other_start, end].concat()));
    all.retain(|(_, blob)| blob != own && blob != other);
    all
}

/// Places from the first byte to the last, evenly apart.
fn places(len: usize) -> BTreeSet<usize> {
    let (last, steps) = (len.saturating_sub(1), PLACES.saturating_sub(1));
    let place = |step: usize| step.saturating_mul(last).checked_div(steps);
    (0..PLACES).filter_map(place).collect()
}
