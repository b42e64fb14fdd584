//! What a plan has to keep to.
use serde::{Deserialize, Serialize};

use crate::{Error, Price, Span, quota_of_region};

/// Calls a second of each custom key store, whatever the Region: "Request quotas" in the AWS KMS Developer Guide, as of November 2026.
pub const CUSTOM_KEY_STORE_QUOTA: u64 = 1_800;

/// What a plan has to keep to.
///
/// ```
/// use datakey_sim::plan::Bounds;
///
/// assert_eq!(Bounds::default().quota(), 100_000);
/// assert_eq!(Bounds { quota_per_second: Some(5_500), ..Bounds::default() }.quota(), 5_500);
/// assert_eq!(Bounds { custom_key_store: true, ..Bounds::default() }.quota(), 1_800);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Bounds {
    /// Cryptographic calls a second that the account has. Default: what AWS gives an account in the Region.
    pub quota_per_second: Option<u64>,
    /// The Region. Default: `us-east-1`.
    pub region: String,
    /// The key is in a custom key store, which has a quota of its own. Default: false.
    pub custom_key_store: bool,
    /// Calls a second that others in the account and Region make. Default: 0.
    pub others_per_second: f64,
    /// The share of the quota that has to stay free, from 0 to 0.99. Default: 0.3.
    pub headroom: f64,
    /// The most records under a data key. Default: those of `datakey-keyring`.
    pub max_messages: u64,
    /// The most bytes under a data key. Default: those of `datakey-keyring`.
    pub max_bytes: u64,
    /// The age past which a data key is never used, from 10 seconds. Default: 15 minutes, or an hour where that does not suffice.
    pub max_age: Option<Span>,
    /// What KMS costs.
    pub price: Price,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            quota_per_second: None,
            region: "us-east-1".to_owned(),
            custom_key_store: false,
            others_per_second: 0.0,
            headroom: 0.3,
            max_messages: datakey_keyring::DEFAULT_MAX_MESSAGES,
            max_bytes: datakey_keyring::DEFAULT_MAX_BYTES,
            max_age: None,
            price: Price::default(),
        }
    }
}

impl Bounds {
    /// The quota that holds, in calls a second.
    #[must_use]
    pub fn quota(&self) -> u64 {
        let of_account = self
            .quota_per_second
            .unwrap_or_else(|| quota_of_region(&self.region));
        if self.custom_key_store {
            of_account.min(CUSTOM_KEY_STORE_QUOTA)
        } else {
            of_account
        }
    }

    /// Checks every value.
    ///
    /// # Errors
    /// [`Error::Value`] of the first that is out of its limits.
    pub fn check(&self) -> Result<(), Error> {
        if !(0.0..=0.99).contains(&self.headroom) {
            return Err(Error::value("headroom", self.headroom, "from 0 to 0.99"));
        }
        if !(0.0..=1e9).contains(&self.others_per_second) {
            return Err(Error::value(
                "others_per_second",
                self.others_per_second,
                "from 0 to 1e9",
            ));
        }
        if let Some(quota @ (0 | 1_000_001..)) = self.quota_per_second {
            return Err(Error::value("quota_per_second", quota, "from 1 to 1000000"));
        }
        let is_name = |name: &str| {
            name.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        if self.region.is_empty() || self.region.len() > 40 || !is_name(&self.region) {
            let got = format!("{:?}", self.region);
            return Err(Error::value(
                "region",
                got,
                "the name of a Region, such as eu-central-1",
            ));
        }
        for (name, value, most) in [
            ("max_messages", self.max_messages, u64::MAX),
            ("max_bytes", self.max_bytes, u64::MAX),
        ] {
            if value == 0 {
                return Err(Error::value(name, value, format!("from 1 to {most}")));
            }
        }
        let allowed = Span::from_secs(10)..=Span::from_secs(86_400);
        if let Some(age) = self.max_age.filter(|age| !allowed.contains(age)) {
            return Err(Error::value("max_age", age, "from 10s to 1d"));
        }
        let price = [self.price.usd_per_10_000_calls, self.price.usd_per_key_month];
        if let Some(usd) = price.into_iter().find(|usd| !(0.0..=1e6).contains(usd)) {
            return Err(Error::value("price", usd, "from 0 to 1e6 US dollars"));
        }
        Ok(())
    }
}
