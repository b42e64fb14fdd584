//! Streams of bytes on the async side: the same as whole messages, and refused where those are.
use std::io;

use datakey::{Aad, ErrorClass, OpenError, OpenReader, Opener, SealedHeader, Sealer};
use datakey_fake_kms::{FaultRule, KmsErrorCode};
use datakey_tests::{
    pipeline::{context, in_process, orders, plaintext},
    streams::{
        AAD, FRAME, MOODS,
        Mood::{Fail, Pause, Take},
        Moody, inside, lengths, opened, opening, sealed, writer,
    },
};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};

async fn reader_async<R: AsyncRead + Unpin>(mut inner: R) -> io::Result<OpenReader<R>> {
    let header = SealedHeader::read_async(&mut inner).await?;
    Ok(OpenReader::new(
        &opening().into(),
        &header,
        Aad::from(AAD),
        inner,
    )?)
}

#[tokio::test]
async fn the_async_forms_do_the_same() {
    for len in lengths() {
        for moods in MOODS {
            let text = plaintext(len);
            let mut writer = writer(None, Moody::new([], moods));
            writer.write_all(&text).await.unwrap();
            writer.flush().await.unwrap();
            writer.shutdown().await.unwrap();
            assert_eq!(opened(&writer.get_ref().bytes), text);

            let mut reader = reader_async(Moody::new(sealed(&text), moods)).await.unwrap();
            let mut read = Vec::new();
            reader.read_to_end(&mut read).await.unwrap();
            assert_eq!(read, text);
            assert_eq!(reader.read(&mut [0; 9]).await.unwrap(), 0);
        }
    }
}

#[tokio::test]
async fn a_narrow_pipe_carries_a_long_message() {
    let provider = in_process();
    let (sealer, opener) = (Sealer::new(provider.clone()), Opener::new(provider));
    let text = plaintext(1 << 20);
    let (near, far) = tokio::io::duplex(100);
    let expected = text.clone();
    let writing = async move {
        let aad = Aad::from(AAD);
        let mut writer = sealer.writer(&orders(), aad, Some(1 << 20), near).await.unwrap();
        writer.write_all(&text).await.unwrap();
        writer.shutdown().await.unwrap();
    };
    let reading = async move {
        let mut reader = opener.reader(&orders(), Aad::from(AAD), far).await.unwrap();
        let mut read = Vec::new();
        reader.read_to_end(&mut read).await.unwrap();
        read
    };
    let ((), read) = tokio::join!(writing, reading);
    assert_eq!(read, expected);
}

#[tokio::test]
async fn a_shutdown_that_failed_can_be_tried_again() {
    let text = plaintext(2 * FRAME);
    let mut writer = writer(None, Moody::new([], &[Take(3000), Fail, Pause]));
    let mut rest = text.as_slice();
    while !rest.is_empty() {
        if let Ok(taken) = writer.write(rest).await {
            rest = &rest[taken..];
        }
    }
    let mut tries = 1;
    while writer.shutdown().await.is_err() {
        tries += 1;
        assert!(tries < 100);
    }
    assert!(tries > 1, "or this shows nothing");
    assert_eq!(opened(&writer.get_ref().bytes), text);
    // Twice changes nothing, and there is no writing after the end.
    let len = writer.get_ref().bytes.len();
    writer.shutdown().await.unwrap();
    assert_eq!(writer.get_ref().bytes.len(), len);
    let more = writer.write_all(b"more").await;
    assert_eq!(more.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
}

#[tokio::test]
async fn the_async_reader_is_as_strict() {
    let text = plaintext(2 * FRAME + 5);
    let message = sealed(&text);
    for (at, cut) in [
        (message.len() - 1, false),
        (message.len() - 30, false),
        (FRAME, true),
        (message.len() - 21, true),
    ] {
        let mut bytes = message.clone();
        if cut {
            bytes.truncate(at);
        } else {
            bytes[at] ^= 1;
        }
        let mut reader = reader_async(bytes.as_slice()).await.unwrap();
        let mut read = Vec::new();
        let first = reader.read_to_end(&mut read).await.unwrap_err();
        assert!(text.starts_with(&read) && read.len() < text.len());
        let again = reader.read(&mut [0; 1]).await.unwrap_err();
        assert_eq!(inside(&again).to_string(), inside(&first).to_string());
    }
}

#[tokio::test]
async fn more_than_was_reserved_is_refused() {
    let provider = in_process();
    let sealer = Sealer::new(provider.clone());
    let aad = Aad::from(AAD);
    let mut writer = sealer.writer(&orders(), aad, Some(10), Vec::new()).await.unwrap();
    io::Write::write_all(&mut writer, b"0123456789").unwrap();
    let refused = io::Write::write(&mut writer, b"x").unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::FileTooLarge);
    assert!(refused.to_string().contains("higher bound"), "{refused}");
    // What was taken before is in the message; no more.
    let sealed = writer.finish().unwrap();
    let opened = Opener::new(provider.clone()).open(&orders(), &sealed, aad).await;
    assert_eq!(opened.unwrap(), b"0123456789");
    // A writer with a bound shares the cached key, one without a bound gets its own.
    let calls = provider.fake().ledger().calls();
    for (at_most, more) in [(Some(5), 0), (None, 1), (None, 2)] {
        drop(
            sealer
                .writer(&orders(), aad, at_most, Vec::<u8>::new())
                .await
                .unwrap(),
        );
        assert_eq!(provider.fake().ledger().calls(), calls + more);
    }
}

#[tokio::test(start_paused = true)]
async fn a_reader_says_what_the_opener_would() {
    let provider = in_process();
    let (sealer, opener) = (Sealer::new(provider.clone()), Opener::new(provider.clone()));
    let aad = Aad::from(AAD);
    let sealed = sealer.seal(&orders(), b"text", aad).await.unwrap();
    let other = context(&[("tenant", "other")]);
    let other_context = opener.reader(&other, aad, sealed.as_slice()).await.unwrap_err();
    assert!(matches!(inside(&other_context), OpenError::Context(_)));
    let aad_error = opener
        .reader(&orders(), Aad::EMPTY, sealed.as_slice())
        .await
        .unwrap_err();
    assert!(matches!(inside(&aad_error), OpenError::NotAuthentic));
    let kind = opener
        .record_reader(&orders(), aad, sealed.as_slice())
        .await
        .unwrap_err();
    assert!(matches!(inside(&kind), OpenError::OtherKind { .. }));
    let fresh = Opener::builder(provider.clone()).without_retry().build().unwrap();
    provider.fake().inject(FaultRule::new(KmsErrorCode::Throttling));
    let throttled = fresh.reader(&orders(), aad, sealed.as_slice()).await.unwrap_err();
    assert_eq!(inside(&throttled).class(), Some(ErrorClass::Throttled));
}
