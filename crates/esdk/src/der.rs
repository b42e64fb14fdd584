//! The form of a signature in a message: an `ECDSA-Sig-Value` in DER, of the length that the suite's table says.
use alloc::vec::Vec;

use crate::suite::Curve;

/// The order of the group, big-endian (SEC 2).
const P256_ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc,
    0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];
const P384_ORDER: [u8; 48] = [
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xc7, 0x63, 0x4d, 0x81, 0xf4, 0x37, 0x2d, 0xdf, 0x58, 0x1a,
    0x0d, 0xb2, 0x48, 0xb0, 0xa7, 0x7a, 0xec, 0xec, 0x19, 0x6a, 0xcc, 0xc5, 0x29, 0x73,
];

impl Curve {
    const fn order(self) -> &'static [u8] {
        match self {
            Self::P256 => &P256_ORDER,
            Self::P384 => &P384_ORDER,
        }
    }

    /// The length of a compressed point.
    pub(crate) const fn point_len(self) -> usize {
        match self {
            Self::P256 => 33,
            Self::P384 => 49,
        }
    }

    /// The length of the signatures that writers make, which is the longest that we make.
    pub(crate) const fn signature_len(self) -> usize {
        match self {
            Self::P256 => 71,
            Self::P384 => 103,
        }
    }
}

/// Encodes a signature that is given as its two numbers, one after the other, big-endian.
///
/// With `s` the negative of `s` is a signature too, and the one has its highest bit set where the other has not. So there is one
/// whose encoding has the length of the suite's table, unless the first number begins with eight zero bits, where it is shorter.
/// Some readers counted on that length once; all that are in use accept any.
pub(crate) fn encode(curve: Curve, numbers: &[u8], out: &mut Vec<u8>) {
    let (first, second) = numbers.split_at(numbers.len() / 2);
    let other = negative(curve.order(), second);
    let wanted = curve.signature_len();
    let len = |second: &[u8]| {
        integer_len(first)
            .saturating_add(integer_len(second))
            .saturating_add(2)
    };
    let second = if len(second) <= wanted && len(second) >= len(&other) || len(&other) > wanted {
        second
    } else {
        &other
    };
    out.extend_from_slice(&[0x30, short(len(second).saturating_sub(2))]);
    integer(first, out);
    integer(second, out);
}

fn negative(order: &[u8], number: &[u8]) -> Vec<u8> {
    let mut difference = order.to_vec();
    let mut borrow = false;
    for (to, byte) in difference.iter_mut().zip(number).rev() {
        let (once, first) = to.overflowing_sub(*byte);
        let (twice, second) = once.overflowing_sub(u8::from(borrow));
        *to = twice;
        borrow = first || second;
    }
    difference
}

/// Without leading zeros.
fn significant(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}

/// A number whose highest bit is set has a zero byte in front, so that it is not negative.
fn is_padded(number: &[u8]) -> bool {
    significant(number).first().is_none_or(|byte| *byte >= 0x80)
}

fn integer_len(number: &[u8]) -> usize {
    let digits = significant(number).len();
    digits
        .saturating_add(2)
        .saturating_add(usize::from(is_padded(number)))
}

fn integer(number: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&[0x02, short(integer_len(number).saturating_sub(2))]);
    if is_padded(number) {
        out.push(0);
    }
    out.extend_from_slice(significant(number));
}

/// A length below 128, as all of these are.
fn short(len: usize) -> u8 {
    u8::try_from(len).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn encoded(curve: Curve, first: &[u8], second: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        encode(curve, &[first, second].concat(), &mut out);
        out
    }

    #[test]
    fn the_length_is_that_of_the_table_whichever_bits_are_set() {
        for (curve, len) in [(Curve::P256, 32), (Curve::P384, 48)] {
            for first in [0x01, 0x7f, 0x80, 0xfe] {
                for second in [0x01, 0x7f, 0x80, 0xfe] {
                    let (first, second) = (vec![first; len], vec![second; len]);
                    let signature = encoded(curve, &first, &second);
                    assert_eq!(signature.len(), curve.signature_len());
                    assert_eq!(usize::from(signature[1]) + 2, signature.len());
                }
            }
        }
    }

    #[test]
    fn small_numbers_are_encoded_without_zeros_in_front() {
        let mut first = vec![0; 48];
        first[47] = 5;
        let signature = encoded(Curve::P384, &first, &first);
        assert_eq!(signature[2..5], [2, 1, 5]);
        assert!(signature.len() <= Curve::P384.signature_len());
    }

    #[test]
    fn a_number_and_its_negative_are_the_order_together() {
        for curve in [Curve::P256, Curve::P384] {
            let number = vec![0x5a; curve.order().len()];
            assert_eq!(negative(curve.order(), &negative(curve.order(), &number)), number);
            assert!(
                negative(curve.order(), curve.order())
                    .iter()
                    .all(|byte| *byte == 0)
            );
        }
    }
}
