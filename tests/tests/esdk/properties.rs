//! What holds for whatever comes.
use std::num::NonZeroU32;

use datakey_esdk::{Header, Message, Suite};
use datakey_tests::esdk::{Pair, any_suite, context, params, sealable};
use proptest::prelude::*;

fn suites() -> impl Strategy<Value = Suite> {
    prop::sample::select(sealable())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn what_is_sealed_opens(
        suite in suites(), frame_len in 1_u32..300, plaintext in prop::collection::vec(any::<u8>(), 0..1200),
        pairs in prop::collection::btree_map("[a-z\u{e4}\u{1F511}]{1,9}", ".{0,20}", 0..6),
        portions in prop::collection::vec(1_usize..400, 1..8),
    ) {
        let own: Vec<(&str, &str)> = pairs.iter().map(|(key, value)| (&**key, &**value)).collect();
        let params = params(suite).with_frame_len(NonZeroU32::new(frame_len).unwrap());
        let pair = Pair::new(&params, &context(&own)).unwrap();
        let mut sealed = Vec::new();
        let mut sealer = pair.sealing.stream_sealer(&mut sealed).unwrap();
        let (mut rest, mut turn) = (&plaintext[..], portions.iter().cycle());
        while !rest.is_empty() {
            let (portion, more) = rest.split_at((*turn.next().unwrap()).min(rest.len()));
            sealer.push(portion, &mut sealed).unwrap();
            rest = more;
        }
        sealer.finish(&mut sealed).unwrap();
        let message = Message::decode(&sealed).unwrap();
        let mut opened = Vec::new();
        pair.opening.open(&message, &any_suite(), &mut opened).unwrap();
        prop_assert_eq!(&opened, &plaintext);

        let allow = any_suite().danger_release_before_signature();
        let mut opener = pair.opening.stream_opener(message.header(), &allow).unwrap();
        let (mut rest, mut opened) = (message.body(), Vec::new());
        while !rest.is_empty() {
            let (portion, more) = rest.split_at((*turn.next().unwrap()).min(rest.len()));
            opener.push(portion, &mut opened).unwrap();
            rest = more;
        }
        opener.finish().unwrap();
        prop_assert_eq!(&opened, &plaintext);
    }

    #[test]
    fn whatever_bytes_come_decoding_ends_and_a_header_is_what_it_was_decoded_from(
        start in prop::sample::select(vec![
            &b""[..], b"\x01\x80\x01\x78", b"\x02\x04\x78", b"\x02\x05\x78", b"\x01\x80\x00\x14",
        ]),
        bytes in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let bytes = [start, &bytes].concat();
        if let Ok(header) = Header::decode(&bytes) {
            prop_assert!(bytes.starts_with(header.as_bytes()));
            prop_assert_eq!(Header::decode(header.as_bytes()).unwrap().as_bytes(), header.as_bytes());
        }
        if let Ok(message) = Message::decode(&bytes) {
            let _len_or_error = message.plain_len();
        }
    }

    #[test]
    fn no_alteration_opens(
        suite in suites(), at in any::<prop::sample::Index>(), with in 1_u8..=255, len in 0_usize..60,
    ) {
        let params = params(suite).with_frame_len(NonZeroU32::new(16).unwrap());
        let pair = Pair::new(&params, &context(&[("tenant", "acme")])).unwrap();
        let mut sealed = pair.seal(&vec![7; len]);
        let at = at.index(sealed.len());
        sealed[at] ^= with;
        let mut out = Vec::new();
        let opened = Message::decode(&sealed)
            .map_err(Into::into)
            .and_then(|message| pair.opening.open(&message, &any_suite(), &mut out));
        prop_assert!(opened.is_err());
        prop_assert!(out.is_empty());
    }
}
