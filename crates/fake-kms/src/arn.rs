//! Key ids and ARNs, in their real shapes.
use std::{fmt, sync::Arc};

/// The id of a key: a random UUID (RFC 9562, version 4).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct KeyId([u8; 16]);

impl KeyId {
    pub(crate) fn random() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes)?;
        bytes[6] = (bytes[6] & 0x0f) | 0x40;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        Ok(Self(bytes))
    }

    pub(crate) const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    pub(crate) const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Reads the form with four dashes, in lower case, as KMS writes it.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut digits = String::with_capacity(32);
        let mut groups = text.split('-');
        for len in [8, 4, 4, 4, 12] {
            let group = groups.next()?;
            let lower_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
            if group.len() != len || !group.bytes().all(lower_hex) {
                return None;
            }
            digits.push_str(group);
        }
        if groups.next().is_some() {
            return None;
        }
        Some(Self(u128::from_str_radix(&digits, 16).ok()?.to_be_bytes()))
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = format!("{:032x}", u128::from_be_bytes(self.0));
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

    pub(crate) fn alias_arn(&self, name: &str) -> String {
        format!("{}:{name}", self.prefix())
    }

    fn prefix(&self) -> String {
        let partition = match self.region.split('-').next() {
            Some("cn") => "aws-cn",
            _ if self.region.starts_with("us-gov-") => "aws-us-gov",
            _ => "aws",
        };
        format!("arn:{partition}:kms:{}:{}", self.region, self.account)
    }

    /// What an ARN names, when it is one of this account and Region.
    pub(crate) fn resource_of<'a>(&self, arn: &'a str) -> Result<&'a str, ArnMismatch<'a>> {
        let mut parts = arn.splitn(6, ':');
        let start = (parts.next(), parts.next(), parts.next());
        let (region, account, resource) = (parts.next(), parts.next(), parts.next());
        match (start, region, account, resource) {
            ((Some("arn"), Some(_), Some("kms")), Some(region), Some(account), Some(resource)) => {
                if region != &*self.region {
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
    OtherRegion(&'a str),
    OtherAccount,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_uuids_of_version_four() {
        for _ in 0..100 {
            let id = KeyId::random().expect("random bytes");
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
    fn arns_of_the_place() {
        let place = Place {
            region: "eu-west-1".into(),
            account: "111122223333".into(),
        };
        let id = KeyId::from_bytes([0x11; 16]);
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
    }
}
