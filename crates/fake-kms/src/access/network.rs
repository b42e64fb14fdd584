//! Ranges of addresses, as policies write them.
use std::net::IpAddr;

/// An address, or all that begin as it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Network {
    /// With zeros after the prefix.
    start: u128,
    mask: u128,
    is_v4: bool,
}

impl Network {
    /// Reads `203.0.113.0/24`, `2001:db8::/32`, or an address by itself.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let (bits, width) = bits_of(address.parse().ok()?);
        let prefix = match prefix {
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse().ok()?,
            Some(_) => return None,
            None => width,
        };
        let free = width.checked_sub(prefix)?;
        // No shift by the whole width: that is the range of all addresses.
        let mask = u128::MAX.checked_shl(free).unwrap_or(0);
        Some(Self {
            start: bits & mask,
            mask,
            is_v4: width == V4_BITS,
        })
    }

    /// Whether an address is in it. That of the other family is not.
    pub(super) fn has(&self, address: IpAddr) -> bool {
        let (bits, width) = bits_of(address.to_canonical());
        self.is_v4 == (width == V4_BITS) && bits & self.mask == self.start
    }
}

const V4_BITS: u32 = 32;
const V6_BITS: u32 = 128;

fn bits_of(address: IpAddr) -> (u128, u32) {
    match address {
        IpAddr::V4(address) => (u128::from(address.to_bits()), V4_BITS),
        IpAddr::V6(address) => (address.to_bits(), V6_BITS),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_in_the_ranges_that_they_begin_as() {
        for (range, inside, outside) in [
            ("203.0.113.0/24", "203.0.113.255", "203.0.114.0"),
            ("203.0.113.77/24", "203.0.113.0", "203.0.112.255"),
            ("203.0.113.7", "203.0.113.7", "203.0.113.8"),
            ("203.0.113.7/32", "203.0.113.7", "203.0.113.6"),
            ("0.0.0.0/0", "255.255.255.255", "::1"),
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.0"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"),
            ("2001:db8::1", "2001:db8::1", "2001:db8::2"),
            ("::/0", "2001:db8::1", "127.0.0.1"),
            // An address of the old family in the clothes of the new one.
            ("127.0.0.0/8", "::ffff:127.0.0.1", "::1"),
        ] {
            let network = Network::parse(range).expect("a range");
            assert!(
                network.has(inside.parse().expect("an address")),
                "{range} {inside}"
            );
            assert!(
                !network.has(outside.parse().expect("an address")),
                "{range} {outside}"
            );
        }
    }

    #[test]
    fn other_texts_are_no_ranges() {
        for text in [
            "",
            "*",
            "203.0.113",
            "203.0.113.0/33",
            "203.0.113.0/",
            "203.0.113.0/+8",
            "203.0.113.0/8/8",
            "2001:db8::/129",
            "203.0.113.*",
            "localhost",
        ] {
            assert_eq!(Network::parse(text), None, "{text}");
        }
    }
}
