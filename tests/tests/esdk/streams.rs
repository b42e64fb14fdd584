//! Streams agree with whole messages, whatever the portions.
use std::num::NonZeroU32;

use datakey_esdk::{Fault, FormatError, Header, Message, OpenError, OpenParams, Params, StreamOpener, Suite};
use datakey_tests::esdk::{Pair, any_suite, context, params, sealable};

fn small_frames(suite: Suite) -> Params {
    params(suite).with_frame_len(NonZeroU32::new(100).unwrap())
}

fn opener(pair: &Pair, sealed: &[u8], params: &OpenParams) -> StreamOpener {
    let header = Header::decode(sealed).unwrap();
    pair.opening.stream_opener(&header, params).unwrap()
}

fn body(sealed: &[u8]) -> &[u8] {
    &sealed[Header::decode(sealed).unwrap().len()..]
}

#[test]
fn any_portions_of_plaintext_and_of_message_are_the_whole() {
    let own = context(&[("tenant", "acme")]);
    let allow = any_suite().danger_release_before_signature();
    for suite in sealable() {
        let pair = Pair::new(&small_frames(suite), &own).unwrap();
        for len in [0, 1, 99, 100, 101, 200, 1234] {
            let plaintext: Vec<u8> = (0..len).map(|at| (at % 256) as u8).collect();
            for portion in [1, 33, 100, 101, 5000] {
                let mut sealed = Vec::new();
                let mut sealer = pair.sealing.stream_sealer(&mut sealed).unwrap();
                for portion in plaintext.chunks(portion) {
                    sealer.push(portion, &mut sealed).unwrap();
                }
                sealer.finish(&mut sealed).unwrap();
                assert!(sealed.len() <= pair.sealing.max_sealed_len(len).unwrap());
                let mut whole = Vec::new();
                let message = Message::decode(&sealed).unwrap();
                pair.opening.open(&message, &any_suite(), &mut whole).unwrap();
                assert_eq!(whole, plaintext, "{suite} {len} {portion}");

                let (mut opened, mut opener) = (Vec::new(), opener(&pair, &sealed, &allow));
                for portion in body(&sealed).chunks(portion) {
                    opener.push(portion, &mut opened).unwrap();
                }
                opener.finish().unwrap();
                assert_eq!(opened, plaintext, "{suite} {len} {portion}");
            }
        }
    }
}

#[test]
fn a_signed_message_is_no_stream_unless_that_is_said_and_its_last_frame_waits_for_the_signature() {
    let pair = Pair::new(&small_frames(Suite::default()), &context(&[])).unwrap();
    let sealed = pair.seal(&[5; 250]);
    let header = Header::decode(&sealed).unwrap();
    let refused = pair.opening.stream_opener(&header, &OpenParams::new());
    assert_eq!(
        refused.map(|_| ()),
        Err(OpenError::SignedStream(Suite::default()))
    );

    let allow = OpenParams::new().danger_release_before_signature();
    let mut out = Vec::new();
    let mut before = opener(&pair, &sealed, &allow);
    let (all_but_one, last) = body(&sealed).split_at(body(&sealed).len() - 1);
    before.push(all_but_one, &mut out).unwrap();
    assert_eq!(out, [5; 200], "the last frame is held back");
    before.push(last, &mut out).unwrap();
    assert_eq!(out, [5; 250]);
    before.finish().unwrap();

    let mut altered = sealed.clone();
    *altered.last_mut().unwrap() ^= 1;
    let (mut out, mut opener) = (b"kept".to_vec(), opener(&pair, &altered, &allow));
    assert_eq!(opener.push(body(&altered), &mut out), Err(OpenError::Signature));
    assert_eq!(out, b"kept");
    assert_eq!(opener.push(b"", &mut out), Err(OpenError::Signature));
    assert_eq!(opener.finish(), Err(OpenError::Signature));
}

#[test]
fn a_stream_that_is_cut_short_or_goes_on_is_refused() {
    let pair = Pair::new(&small_frames(Suite::Aes256GcmHkdfSha512CommitKey), &context(&[])).unwrap();
    let sealed = pair.seal(&[5; 250]);
    let body = body(&sealed);
    for cut in 0..body.len() {
        let (mut out, mut opener) = (Vec::new(), opener(&pair, &sealed, &OpenParams::new()));
        opener.push(&body[..cut], &mut out).unwrap();
        assert!(out.len() < 250);
        let refused = opener.finish();
        assert!(
            matches!(refused, Err(OpenError::Format(FormatError::Truncated { missing })) if missing > 0),
            "{cut} {refused:?}"
        );
    }
    let (mut out, mut opener) = (Vec::new(), opener(&pair, &sealed, &OpenParams::new()));
    opener.push(body, &mut out).unwrap();
    let trailing = OpenError::Format(FormatError::Malformed {
        fault: Fault::Trailing,
    });
    assert_eq!(opener.push(b"x", &mut out), Err(trailing));
}

#[test]
fn what_a_stream_keeps_is_bounded_and_grows_with_what_arrives() {
    let huge = params(Suite::Aes256GcmHkdfSha512CommitKey).with_frame_len(NonZeroU32::MAX);
    let pair = Pair::new(&huge, &context(&[])).unwrap();
    // One frame that is short, however long frames may be.
    let sealed = pair.seal(&[5; 250]);
    let (mut out, mut short) = (Vec::new(), opener(&pair, &sealed, &OpenParams::new()));
    short.push(body(&sealed), &mut out).unwrap();
    short.finish().unwrap();
    assert_eq!(out, [5; 250]);
    // A message that claims frames of four gigabytes is refused where it would have to be kept.
    let mut opener = opener(&pair, &sealed, &OpenParams::new().with_max_stream_buffer(1000));
    let needed = u64::from(u32::MAX) + 12 + 16;
    let refused = opener.push(&[0, 0, 0, 1, 9, 9], &mut out);
    assert_eq!(refused, Err(OpenError::FrameTooLong { needed, limit: 1000 }));
}

#[test]
fn a_frame_that_just_fits_what_a_stream_may_keep_is_kept() {
    let pair = Pair::new(&small_frames(Suite::Aes256GcmHkdfSha512CommitKey), &context(&[])).unwrap();
    let sealed = pair.seal(&[5; 250]);
    let needed = 100 + 12 + 16;
    for (limit, fits) in [(needed - 1, false), (needed, true)] {
        let params = OpenParams::new().with_max_stream_buffer(limit);
        let (mut out, mut opener) = (Vec::new(), opener(&pair, &sealed, &params));
        let pushed = body(&sealed)
            .chunks(7)
            .try_for_each(|portion| opener.push(portion, &mut out));
        match pushed {
            Ok(()) => assert!(fits && opener.finish().is_ok() && out == [5; 250]),
            Err(error) => assert!(
                !fits && matches!(error, OpenError::FrameTooLong { .. }),
                "{limit}: {error}"
            ),
        }
    }
}

#[test]
fn a_key_names_the_memory_of_its_data_key() {
    let pair = Pair::new(&Params::new(), &context(&[])).unwrap();
    let mut lens = Vec::new();
    pair.sealing
        .secret_memory(&mut |range| lens.push(range.end.addr() - range.start.addr()));
    assert_eq!(lens, [32]);
}
