//! Streams of the facade in this format: the same as whole messages, however they arrive.
use std::{
    io::{self, Read, Write},
    num::NonZeroU32,
};

use datakey::{
    Aad, Formats, MessageHeader, OpenError, OpenReader, Opener, SealedHeader, Sealer, StreamError,
};
use datakey_esdk::{FormatError, OpenError as EsdkError, Params, Suite};
use datakey_fake_kms::FakeKmsProvider;
use datakey_tests::{
    esdk::{any_suite, opener, params, sealable},
    pipeline::{in_process, orders, plaintext},
    streams::{Holds as _, MOODS, Moody},
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const FRAME: usize = 512;

fn small_frames(suite: Suite) -> Params {
    params(suite).with_frame_len(NonZeroU32::new(512).unwrap())
}

fn sealer(kms: &FakeKmsProvider, suite: Suite) -> Sealer {
    datakey_tests::esdk::sealer(kms, small_frames(suite))
}

/// Opens signed messages too.
fn trusting(kms: &FakeKmsProvider) -> Opener {
    opener(kms).with_formats(Formats::both(any_suite().danger_release_before_signature()))
}

fn lengths() -> [usize; 6] {
    [0, 1, FRAME - 1, FRAME, FRAME + 1, 3 * FRAME + 7]
}

#[tokio::test]
async fn what_a_writer_seals_opens_whole_and_what_is_sealed_whole_reads_back_in_any_portions() {
    for suite in sealable() {
        let kms = in_process();
        let (sealer, opener) = (sealer(&kms, suite), trusting(&kms));
        for len in lengths() {
            let text = plaintext(len);
            let sealed = sealer.seal(&orders(), &text, Aad::EMPTY).await.unwrap();
            for moods in MOODS {
                let inner = Moody::new([], moods);
                let at_most = Some(text.len() as u64);
                let mut writer = sealer
                    .writer(&orders(), Aad::EMPTY, at_most, inner)
                    .await
                    .unwrap();
                for portion in text.chunks(200) {
                    Write::write_all(&mut writer, portion).unwrap();
                }
                let written = writer.finish().unwrap().bytes;
                assert_eq!(
                    opener.open(&orders(), &written, Aad::EMPTY).await.unwrap(),
                    text,
                    "{suite}"
                );

                let inner = Moody::new([], moods);
                let mut writer = sealer
                    .writer(&orders(), Aad::EMPTY, at_most, inner)
                    .await
                    .unwrap();
                AsyncWriteExt::write_all(&mut writer, &text).await.unwrap();
                AsyncWriteExt::shutdown(&mut writer).await.unwrap();
                let written = &writer.get_ref().bytes;
                assert_eq!(
                    opener.open(&orders(), written, Aad::EMPTY).await.unwrap(),
                    text,
                    "{suite}"
                );

                let mut inner = Moody::new(&sealed[..], moods);
                let header = SealedHeader::read(&mut inner).unwrap();
                let MessageHeader::Esdk(own) = header.header() else {
                    panic!("it is of this format");
                };
                assert_eq!(
                    (own.suite(), inner.read),
                    (suite, own.len()),
                    "not a byte more is read"
                );
                let key = opener
                    .key_of(&orders(), header.header(), Aad::EMPTY)
                    .await
                    .unwrap();
                let allow = opener.formats().esdk().unwrap();
                let reader = OpenReader::with_esdk_params(&key, &header, Aad::EMPTY, allow, inner);
                let mut read = Vec::new();
                Read::read_to_end(&mut reader.unwrap(), &mut read).unwrap();
                assert_eq!(read, text, "{suite}");

                let inner = Moody::new(&sealed[..], moods);
                let mut reader = opener.reader(&orders(), Aad::EMPTY, inner).await.unwrap();
                read.clear();
                AsyncReadExt::read_to_end(&mut reader, &mut read).await.unwrap();
                assert_eq!(read, text, "{suite}");
                assert_eq!(AsyncReadExt::read(&mut reader, &mut [0; 9]).await.unwrap(), 0);
            }
        }
        assert_eq!(kms.fake().ledger().calls(), 2, "{suite}");
    }
}

#[tokio::test]
async fn a_signed_message_is_no_stream_unless_that_is_said_and_no_call_is_made_to_find_out() {
    let kms = in_process();
    let suite = Suite::default();
    let sealed = sealer(&kms, suite)
        .seal(&orders(), &plaintext(2000), Aad::EMPTY)
        .await
        .unwrap();
    let opener = Opener::new(kms.clone());
    let before = kms.fake().ledger().calls();
    let refused = opener.reader(&orders(), Aad::EMPTY, &*sealed).await.unwrap_err();
    let is_signed = |refused| matches!(refused, StreamError::Open(OpenError::Esdk(EsdkError::SignedStream(found))) if found == suite);
    assert!(is_signed(refused));
    assert_eq!(kms.fake().ledger().calls(), before);
    let header = SealedHeader::read(&mut &*sealed).unwrap();
    let key = opener
        .key_of(&orders(), header.header(), Aad::EMPTY)
        .await
        .unwrap();
    let body = &sealed[header.header().len()..];
    assert!(is_signed(
        OpenReader::new(&key, &header, Aad::EMPTY, body).unwrap_err()
    ));
}

#[tokio::test]
async fn the_last_frame_of_a_signed_message_waits_for_the_signature() {
    let kms = in_process();
    let text = plaintext(2 * FRAME + 100);
    let mut sealed = sealer(&kms, Suite::default())
        .seal(&orders(), &text, Aad::EMPTY)
        .await
        .unwrap();
    let last = sealed.len() - 1;
    sealed[last] ^= 1;
    let opener = trusting(&kms);
    let mut reader = opener.reader(&orders(), Aad::EMPTY, &*sealed).await.unwrap();
    let mut read = Vec::new();
    let failed = AsyncReadExt::read_to_end(&mut reader, &mut read)
        .await
        .unwrap_err();
    assert!(matches!(failed.open_error(), OpenError::NotAuthentic));
    assert!(read.len() <= 2 * FRAME && text.starts_with(&read));
    let again = AsyncReadExt::read_to_end(&mut reader, &mut read)
        .await
        .unwrap_err();
    assert!(
        matches!(again.open_error(), OpenError::NotAuthentic),
        "it stays failed"
    );
}

#[tokio::test]
async fn a_message_cut_short_or_made_longer_never_ends_well() {
    for suite in [Suite::Aes256GcmHkdfSha512CommitKey, Suite::Aes256GcmHkdfSha256] {
        let kms = in_process();
        let sealed = sealer(&kms, suite)
            .seal(&orders(), &plaintext(1200), Aad::EMPTY)
            .await
            .unwrap();
        let opener = opener(&kms);
        for len in 0..sealed.len() {
            let cut = &sealed[..len];
            let read = async {
                let mut reader = opener.reader(&orders(), Aad::EMPTY, cut).await?;
                AsyncReadExt::read_to_end(&mut reader, &mut Vec::new()).await?;
                Ok::<(), StreamError>(())
            };
            let Err(StreamError::Open(refused)) = read.await else {
                panic!("{suite}: cut at {len}");
            };
            let is_cut = matches!(
                refused,
                OpenError::Esdk(EsdkError::Format(FormatError::Truncated { missing })) if missing > 0
            );
            assert!(
                is_cut || (len < 2 && matches!(refused, OpenError::Format(_))),
                "{len}: {refused}"
            );
        }
        let longer = [&sealed[..], b"x"].concat();
        let mut reader = opener.reader(&orders(), Aad::EMPTY, &*longer).await.unwrap();
        let failed = AsyncReadExt::read_to_end(&mut reader, &mut Vec::new())
            .await
            .unwrap_err();
        assert!(matches!(
            failed.open_error(),
            OpenError::Esdk(EsdkError::Format(_))
        ));
    }
}

#[tokio::test]
async fn more_than_was_reserved_is_not_written_and_a_dropped_writer_leaves_nothing_that_opens() {
    let kms = in_process();
    let suite = Suite::Aes256GcmHkdfSha512CommitKey;
    let (sealer, opener) = (sealer(&kms, suite), opener(&kms));
    let mut writer = sealer
        .writer(&orders(), Aad::EMPTY, Some(5), Vec::new())
        .await
        .unwrap();
    Write::write_all(&mut writer, b"order").unwrap();
    let refused = Write::write_all(&mut writer, b"!").unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::FileTooLarge);
    let sealed = writer.finish().unwrap();
    assert_eq!(
        opener.open(&orders(), &sealed, Aad::EMPTY).await.unwrap(),
        b"order"
    );
    let mut sealed = Vec::new();
    let mut writer = sealer
        .writer(&orders(), Aad::EMPTY, Some(9), &mut sealed)
        .await
        .unwrap();
    Write::write_all(&mut writer, b"order").unwrap();
    Write::flush(&mut writer).unwrap();
    drop(writer);
    assert!(opener.open(&orders(), &sealed, Aad::EMPTY).await.is_err());
}

#[tokio::test]
async fn a_header_of_many_data_keys_is_read_in_a_few_steps() {
    // 60,000 encrypted data keys of six bytes each, and nothing behind them.
    let mut header = b"\x02\x04\x78".to_vec();
    header.extend([7; 32]);
    header.extend([0, 0]);
    header.extend(60_000_u16.to_be_bytes());
    header.extend(vec![0; 6 * 60_000]);
    let refused = SealedHeader::read(&mut &header[..]).unwrap_err();
    assert!(matches!(
        refused,
        StreamError::Open(OpenError::Esdk(EsdkError::Format(FormatError::Truncated { .. })))
    ));
    let refused = SealedHeader::read_within(&mut &header[..], 100).unwrap_err();
    let expected = FormatError::TooManyDataKeys {
        found: 60_000,
        limit: 100,
    };
    assert!(matches!(
        refused,
        StreamError::Open(OpenError::Esdk(EsdkError::Format(error))) if error == expected
    ));
}
