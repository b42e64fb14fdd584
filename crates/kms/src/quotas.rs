//! The quotas that calls count against, by name.
use datakey_provider::Scope;

use crate::{KeyIdForm, KmsKeyId, key_id::Arn};

/// KMS counts the calls of an account in a Region together, whoever owns the keys, and besides those of each custom key store.
///
/// Source: "Request quotas" and "Throttling AWS KMS requests" in the AWS KMS Developer Guide.
#[derive(Debug)]
pub(crate) struct Quotas {
    account: Box<str>,
    stores: Vec<(KmsKeyId, Box<str>)>,
    sealing: Option<Sealing>,
}

#[derive(Debug)]
struct Sealing {
    quota: Box<str>,
    key: Box<str>,
}

impl Quotas {
    /// `account` tells the quotas of several accounts apart, where one process has clients for them.
    pub(crate) fn new(
        region: &str,
        account: Option<&str>,
        stores: &[(KmsKeyId, Box<str>)],
        wrapping: Option<&KmsKeyId>,
    ) -> Self {
        let account = match account {
            Some(name) => format!("{region}/{name}").into(),
            None => Box::from(region),
        };
        let stores = stores
            .iter()
            .map(|(key, store)| (key.clone(), format!("{account}/{store}").into()))
            .collect();
        let mut quotas = Self {
            account,
            stores,
            sealing: None,
        };
        quotas.sealing = wrapping.map(|key| Sealing {
            quota: quotas.of(key.as_str()).into(),
            // An alias means another key in each Region and account.
            key: match key.arn() {
                Some(_) => key.as_str().into(),
                None => format!("{}/{key}", quotas.account).into(),
            },
        });
        quotas
    }

    /// The quota that calls under a key count against: its store's, where that is known, as it is the smaller one.
    pub(crate) fn of(&self, key_id: &str) -> &str {
        let store = self.stores.iter().find(|(key, _)| names(key, key_id));
        store.map_or(&self.account, |(_, quota)| quota)
    }

    /// As [`of`](Self::of), for a message that names the key in one way, and a request that names it in another.
    pub(crate) fn of_either(&self, key_id: &str, other: impl FnOnce() -> Option<Box<str>>) -> &str {
        let quota = self.of(key_id);
        if self.stores.is_empty() || *quota != *self.account {
            return quota;
        }
        other().map_or(quota, |other| self.of(&other))
    }

    pub(crate) fn sealing(&self) -> Scope<'_> {
        self.sealing.as_ref().map_or(
            Scope {
                quota: &self.account,
                key: "",
            },
            |Sealing { quota, key }| Scope { quota, key },
        )
    }
}

/// Whether both name the same key, as far as the names say.
fn names(key: &KmsKeyId, key_id: &str) -> bool {
    let is_its_id = || Arn::parse_key(key_id).is_some_and(|(_, id)| id == key.as_str());
    key.as_str() == key_id || (key.form() == KeyIdForm::KeyId && is_its_id())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "1234abcd-12ab-34cd-56ef-1234567890ab";
    const ARN: &str = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

    fn key(text: &str) -> KmsKeyId {
        text.parse().unwrap()
    }

    #[test]
    fn a_region_is_a_quota_and_a_store_is_one_of_its_own() {
        let quotas = Quotas::new("eu-west-1", None, &[], Some(&key("alias/orders")));
        assert_eq!(quotas.of(ARN), "eu-west-1");
        let sealing = quotas.sealing();
        assert_eq!(
            (sealing.quota, sealing.key),
            ("eu-west-1", "eu-west-1/alias/orders")
        );
        for named in [ID, ARN] {
            let stores = [(key(named), "hsm".into())];
            let quotas = Quotas::new("eu-west-1", Some("shop"), &stores, Some(&key(named)));
            assert_eq!(quotas.of(ARN), "eu-west-1/shop/hsm", "{named}");
            assert_eq!(quotas.sealing().quota, "eu-west-1/shop/hsm", "{named}");
            assert_eq!(quotas.of("alias/other"), "eu-west-1/shop");
            assert_eq!(
                quotas.of_either("alias/other", || Some(named.into())),
                "eu-west-1/shop/hsm"
            );
        }
    }

    #[test]
    fn the_same_alias_in_two_regions_is_two_keys() {
        let of = |region| Quotas::new(region, None, &[], Some(&key("alias/orders")));
        assert_ne!(of("eu-west-1").sealing().key, of("eu-central-1").sealing().key);
        let arn = |region| Quotas::new(region, None, &[], Some(&key(ARN)));
        assert_eq!(arn("eu-west-1").sealing().key, ARN);
    }
}
