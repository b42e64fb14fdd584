//! Sealing and opening piece by piece, in any order, is the same as sealing and opening the whole.
use datakey_envelope::{
    Aad, FormatError, Header, Kind, OpenError, Params, Rule, Salt, SealError, SealedPiece, Suite,
    UnsealedPiece,
};
use datakey_tests::envelope::{Fixture, SALT, params, plaintext};

fn at(range: &std::ops::Range<u64>) -> std::ops::Range<usize> {
    usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()
}

/// Cuts `len` bytes into pieces of `piece` bytes, the last of which is the rest.
fn unsealed(fixture: &Fixture, len: usize, piece: usize) -> (Vec<u8>, Vec<UnsealedPiece>) {
    let mut header = Vec::new();
    let salt = Salt::danger_from_bytes(SALT);
    let sealer = fixture
        .sealing
        .piece_sealer_with_salt(salt, Aad::EMPTY, &mut header);
    let mut sealer = sealer.unwrap();
    let mut pieces = Vec::new();
    let mut rest = len;
    while rest > piece {
        pieces.push(sealer.inner(piece).unwrap());
        rest -= piece;
    }
    pieces.push(sealer.last(rest).unwrap());
    (header, pieces)
}

fn sealed(fixture: &Fixture, message: &[u8], piece: usize) -> Result<Vec<SealedPiece>, OpenError> {
    let header = Header::decode(message).unwrap();
    let mut opener = fixture.opening.piece_opener(&header, Aad::EMPTY)?;
    let piece = piece * opener.sealed_frame_len();
    let mut pieces = Vec::new();
    let mut rest = message.len() - header.len();
    while rest > piece {
        pieces.push(opener.inner(piece)?);
        rest -= piece;
    }
    pieces.push(opener.last(rest)?);
    Ok(pieces)
}

fn open(fixture: &Fixture, message: &[u8], piece: usize) -> Result<Vec<u8>, OpenError> {
    let pieces = sealed(fixture, message, piece)?;
    let mut plain = vec![0; at(&pieces.last().unwrap().plain()).end];
    for piece in pieces.iter().rev() {
        let len = piece.open_into(&message[at(&piece.sealed())], &mut plain[at(&piece.plain())])?;
        assert_eq!(len, at(&piece.plain()).len());
    }
    Ok(plain)
}

#[test]
fn the_bytes_are_the_same_however_a_message_is_cut() {
    for suite in Suite::ALL {
        let fixture = Fixture::new(params(suite, 6));
        for len in [0, 1, 63, 64, 65, 128, 129, 640, 1000] {
            let plain = plaintext(len);
            let whole = fixture.seal(&plain, Aad::EMPTY);
            for frames in [1, 2, 3, 100] {
                let (mut message, pieces) = unsealed(&fixture, len, frames * 64);
                message.resize(whole.len(), 0);
                for piece in pieces.into_iter().rev() {
                    let (from, to) = (at(&piece.plain()), at(&piece.sealed()));
                    let wrote = piece.seal_into(&plain[from], &mut message[to.clone()]).unwrap();
                    assert_eq!(wrote, to.len());
                }
                assert!(message == whole, "{len} bytes, {frames} frames");
                assert!(open(&fixture, &whole, frames).unwrap() == plain);
            }
        }
    }
}

#[test]
fn a_message_that_is_altered_or_cut_or_longer_does_not_open() {
    let fixture = Fixture::new(params(Suite::default(), 6));
    let whole = fixture.seal(&plaintext(300), Aad::EMPTY);
    let start = Header::decode(&whole).unwrap().len();
    for at in start..whole.len() {
        let mut altered = whole.clone();
        altered[at] ^= 1;
        assert_eq!(open(&fixture, &altered, 2), Err(OpenError::NotAuthentic), "{at}");
        let cut = open(&fixture, &whole[..at], 2);
        assert!(
            matches!(cut, Err(OpenError::NotAuthentic | OpenError::Format(_))),
            "{at}: {cut:?}"
        );
    }
    let longer = [&whole[..], b"more"].concat();
    assert_eq!(open(&fixture, &longer, 2), Err(OpenError::NotAuthentic));
}

#[test]
fn a_piece_that_is_not_authentic_leaves_nothing_in_the_buffer() {
    let fixture = Fixture::new(params(Suite::default(), 6));
    let mut whole = fixture.seal(&plaintext(300), Aad::EMPTY);
    let last = whole.len() - 1;
    whole[last] ^= 1;
    let pieces = sealed(&fixture, &whole, 100).unwrap();
    let mut out = vec![7; 300];
    let refused = pieces[0].open_into(&whole[at(&pieces[0].sealed())], &mut out);
    assert_eq!((refused, out), (Err(OpenError::NotAuthentic), vec![0; 300]));
}

#[test]
fn pieces_of_other_lengths_are_refused() {
    let fixture = Fixture::new(params(Suite::default(), 6));
    let (mut header, refused) = (Vec::new(), |len| Some(SealError::PieceLength { len }));
    let mut sealer = fixture.sealing.piece_sealer(Aad::EMPTY, &mut header).unwrap();
    assert_eq!(sealer.inner(0).err(), refused(0));
    assert_eq!(sealer.inner(65).err(), refused(65));
    assert_eq!(sealer.inner(1 << 44).err(), Some(SealError::MessageTooLong));
    let piece = sealer.inner(64).unwrap();
    assert_eq!(piece.seal_into(&[0; 63], &mut [0; 80]).err(), refused(63));
    let piece = sealer.inner(64).unwrap();
    let short = piece.seal_into(&[0; 64], &mut [0; 79]).err();
    assert_eq!(short, Some(SealError::BufferTooShort { needed: 80 }));
    assert_eq!(sealer.last(0).err(), refused(0));

    let whole = fixture.seal(&plaintext(300), Aad::EMPTY);
    let header = Header::decode(&whole).unwrap();
    let opener = || fixture.opening.piece_opener(&header, Aad::EMPTY).unwrap();
    let planned = |found| Some(OpenError::NotAsPlanned { expected: 80, found });
    assert_eq!(opener().inner(0).err(), planned(0));
    assert_eq!(opener().inner(79).err(), planned(79));
    let truncated = OpenError::Format(FormatError::Truncated { missing: 1 });
    assert_eq!(opener().last(15).err(), Some(truncated));
    let mut begun = opener();
    let piece = begun.inner(80).unwrap();
    assert_eq!(piece.open_into(&[0; 79], &mut [0; 64]).err(), planned(79));
    let short = piece.open_into(&[0; 80], &mut [0; 63]).err();
    assert_eq!(short, Some(OpenError::BufferTooShort { needed: 64 }));
    let empty = FormatError::Malformed {
        rule: Rule::EmptyLastFrame,
    };
    assert_eq!(begun.last(0).err(), Some(OpenError::Format(empty)));
}

#[test]
fn records_are_not_opened_as_pieces() {
    let fixture = Fixture::new(Params::new());
    let mut batch = Vec::new();
    fixture
        .sealing
        .seal_records(["order"], Aad::EMPTY, &mut batch)
        .unwrap();
    let header = Header::decode(&batch).unwrap();
    let refused = fixture.opening.piece_opener(&header, Aad::EMPTY).err();
    let (expected, found) = (Kind::Bytes, Kind::Records);
    assert_eq!(refused, Some(OpenError::OtherKind { expected, found }));
}
