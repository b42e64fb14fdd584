//! Key ids and ARNs, in their real shapes.
use std::{fmt, sync::Arc};

/// The id of a key: a random UUID (RFC 9562, version 4), or for a multi-Region key `mrk-` and its digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct KeyId {
    bytes: [u8; 16],
    multi_region: bool,
}

impl KeyId {
    pub(crate) fn random(multi_region: bool) -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes)?;
        bytes[6] = (bytes[6] & 0x0f) | 0x40;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        Ok(Self { bytes, multi_region })
    }

    pub(crate) const fn from_bytes(bytes: [u8; 16], multi_region: bool) -> Self {
        Self { bytes, multi_region }
    }

    pub(crate) const fn as_bytes(&self) -> &[u8; 16] {
        &self.bytes
    }

    pub(crate) const fn is_multi_region(self) -> bool {
        self.multi_region
    }

    /// Reads the form with four dashes, or `mrk-` and 32 digits, in lower case, as KMS writes them.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut digits = String::with_capacity(32);
        let multi_region = text.strip_prefix("mrk-");
        let lengths: &[usize] = if multi_region.is_some() {
            &[32]
        } else {
            &[8, 4, 4, 4, 12]
        };
        let mut groups = multi_region.unwrap_or(text).split('-');
        for len in lengths {
            let group = groups.next()?;
            let lower_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
            if group.len() != *len || !group.bytes().all(lower_hex) {
                return None;
            }
            digits.push_str(group);
        }
        if groups.next().is_some() {
            return None;
        }
        let bytes = u128::from_str_radix(&digits, 16).ok()?.to_be_bytes();
        Some(Self::from_bytes(bytes, multi_region.is_some()))
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = format!("{:032x}", u128::from_be_bytes(self.bytes));
        if self.multi_region {
            return write!(f, "mrk-{digits}");
        }
        let mut rest = digits.as_str();
        for (index, len) in [8, 4, 4, 4, 12].into_iter().enumerate() {
            let (group, after) = rest.split_at_checked(len).unwrap_or_default();
            if index > 0 {
                f.write_str("-")?;
            }
            f.write_str(group)?;
            rest = after;
        }
        Ok(())
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The partition that a Region is in.
pub(crate) fn partition_of(region: &str) -> &'static str {
    match region.split_once('-').map_or(region, |(first, _)| first) {
        "cn" => "aws-cn",
        "us" if region.starts_with("us-gov-") => "aws-us-gov",
        "us" if region.starts_with("us-iso-") => "aws-iso",
        "us" if region.starts_with("us-isob-") => "aws-iso-b",
        "us" if region.starts_with("us-isof-") => "aws-iso-f",
        "eu" if region.starts_with("eu-isoe-") => "aws-iso-e",
        "eusc" => "aws-eusc",
        _ => "aws",
    }
}

/// Whether this can be the name of a Region: two or three words and a number, as in `eu-west-1`.
pub(crate) fn is_region(name: &str) -> bool {
    let Some((words, number)) = name.rsplit_once('-') else {
        return false;
    };
    let in_word = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase());
    name.len() <= 32
        && (2..=3).contains(&words.split('-').count())
        && words.split('-').all(in_word)
        && !number.is_empty()
        && number.bytes().all(|byte| byte.is_ascii_digit())
}

/// An account in a Region: what all ARNs of one fake start with.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) region: Arc<str>,
    pub(crate) account: Arc<str>,
}

impl Place {
    pub(crate) fn key_arn(&self, id: KeyId) -> Arc<str> {
        format!("{}:key/{id}", self.prefix()).into()
    }

    /// The ARN of a key whose id is told as text.
    #[cfg(feature = "http")]
    pub(crate) fn arn_of_key(&self, id: &str) -> String {
        format!("{}:key/{id}", self.prefix())
    }

    pub(crate) fn alias_arn(&self, name: &str) -> String {
        format!("{}:{name}", self.prefix())
    }

    fn prefix(&self) -> String {
        let partition = partition_of(&self.region);
        format!("arn:{partition}:kms:{}:{}", self.region, self.account)
    }

    /// What an ARN names, when it is one of this account and Region.
    pub(crate) fn resource_of<'a>(&self, arn: &'a str) -> Result<&'a str, ArnMismatch<'a>> {
        let mut parts = arn.splitn(6, ':');
        let start = (parts.next(), parts.next(), parts.next());
        let (region, account, resource) = (parts.next(), parts.next(), parts.next());
        match (start, region, account, resource) {
            ((Some("arn"), Some(partition), Some("kms")), Some(region), Some(account), Some(resource)) => {
                if partition != partition_of(&self.region) {
                    Err(ArnMismatch::OtherPartition(partition))
                } else if region != &*self.region {
                    Err(ArnMismatch::OtherRegion(region))
                } else if account != &*self.account {
                    Err(ArnMismatch::OtherAccount)
                } else {
                    Ok(resource)
                }
            }
            _ => Err(ArnMismatch::Malformed),
        }
    }
}

/// Why an ARN names nothing here.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ArnMismatch<'a> {
    Malformed,
    OtherPartition(&'a str),
    OtherRegion(&'a str),
    OtherAccount,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_uuids_of_version_four() {
        for _ in 0..100 {
            let id = KeyId::random(false).expect("random bytes");
            let text = id.to_string();
            assert_eq!(text.len(), 36);
            assert_eq!(text.get(14..15), Some("4"));
            assert!(matches!(text.get(19..20), Some("8" | "9" | "a" | "b")));
            assert_eq!(KeyId::parse(&text), Some(id));
            assert_eq!(KeyId::parse(&text.replace('-', "")), None);
            assert_eq!(KeyId::parse(&format!("{text}-")), None);
            assert_eq!(
                KeyId::parse(&format!("+{}", text.get(1..).unwrap_or_default())),
                None
            );
        }
        assert_eq!(KeyId::parse("1234ABCD-12ab-34cd-56ef-1234567890ab"), None);
    }

    #[test]
    fn ids_of_multi_region_keys_say_so() {
        let id = KeyId::random(true).expect("random bytes");
        let text = id.to_string();
        assert_eq!((text.len(), text.get(..4)), (36, Some("mrk-")));
        assert_eq!(KeyId::parse(&text), Some(id));
        assert_ne!(id, KeyId::from_bytes(*id.as_bytes(), false));
        for other in [
            text.to_uppercase(),
            format!("{text}0"),
            text.replace("mrk-", "mrk"),
            format!("mrk-{}", KeyId::from_bytes(*id.as_bytes(), false)),
        ] {
            assert_eq!(KeyId::parse(&other), None, "{other}");
        }
    }

    #[test]
    fn names_of_regions() {
        for name in ["us-east-1", "ap-southeast-2", "us-gov-west-1", "eu-isoe-west-1"] {
            assert!(is_region(name), "{name}");
        }
        for name in [
            "",
            "us-1",
            "us-east",
            "US-EAST-1",
            "us-east-1a",
            "us--1",
            "a-b-c-d-1",
            "../../etc-x-1",
        ] {
            assert!(!is_region(name), "{name}");
        }
    }

    #[test]
    fn partitions_of_regions() {
        for (region, partition) in [
            ("eu-west-1", "aws"),
            ("us-east-1", "aws"),
            ("cn-northwest-1", "aws-cn"),
            ("us-gov-west-1", "aws-us-gov"),
            ("us-iso-east-1", "aws-iso"),
            ("us-isob-east-1", "aws-iso-b"),
            ("eu-isoe-west-1", "aws-iso-e"),
            ("us-isof-south-1", "aws-iso-f"),
            ("eusc-de-east-1", "aws-eusc"),
        ] {
            assert!(is_region(region), "{region}");
            assert_eq!(partition_of(region), partition, "{region}");
        }
    }

    #[test]
    fn arns_of_the_place() {
        let place = Place {
            region: "eu-west-1".into(),
            account: "111122223333".into(),
        };
        let id = KeyId::from_bytes([0x11; 16], false);
        let arn = place.key_arn(id);
        assert_eq!(
            &*arn,
            "arn:aws:kms:eu-west-1:111122223333:key/11111111-1111-1111-1111-111111111111"
        );
        assert_eq!(
            place.resource_of(&arn),
            Ok("key/11111111-1111-1111-1111-111111111111")
        );
        let elsewhere = arn.replace("eu-west-1", "us-east-1");
        assert_eq!(
            place.resource_of(&elsewhere),
            Err(ArnMismatch::OtherRegion("us-east-1"))
        );
        let others = arn.replace("1111222", "9999888");
        assert_eq!(place.resource_of(&others), Err(ArnMismatch::OtherAccount));
        assert_eq!(place.resource_of("arn:aws:s3:::x"), Err(ArnMismatch::Malformed));
        let china = Place {
            region: "cn-north-1".into(),
            ..place
        };
        assert!(china.key_arn(id).starts_with("arn:aws-cn:kms:"));
        let there = china.key_arn(id).replace("aws-cn", "aws");
        assert_eq!(china.resource_of(&there), Err(ArnMismatch::OtherPartition("aws")));
    }
}
