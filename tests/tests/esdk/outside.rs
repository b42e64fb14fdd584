//! The format met from outside: headers that promise much, limits of one, readers and writers that leave midway.
use std::{
    num::NonZeroU32,
    pin::Pin,
    task::{Context, Poll, Waker},
};

use datakey::{Aad, Formats, OpenError, Opener, Sealer, StreamError};
use datakey_esdk::{CommitmentPolicy, FormatError, OpenError as EsdkError, OpenParams, Params, Suite};
use datakey_provider::{EncryptionContext, Several};
use datakey_tests::{
    esdk::{any_suite, opener, params, sealable, sealer},
    pipeline::{in_process, orders, plaintext},
};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, ReadBuf};

const SUITE: Suite = Suite::Aes256GcmHkdfSha512CommitKey;

#[tokio::test]
async fn a_frame_length_that_promises_four_gibibytes_takes_what_arrives_and_no_more() {
    let kms = in_process();
    for suite in sealable() {
        let long = params(suite).with_frame_len(NonZeroU32::MAX);
        let message = sealer(&kms, long)
            .seal(&orders(), b"few bytes", Aad::EMPTY)
            .await
            .unwrap();
        let accepting = Formats::both(
            any_suite()
                .danger_release_before_signature()
                .with_max_stream_buffer(64),
        );
        let opener = opener(&kms).with_formats(accepting);
        assert_eq!(
            opener.open(&orders(), &message, Aad::EMPTY).await.unwrap(),
            b"few bytes"
        );
        let mut read = Vec::new();
        let mut reader = opener.reader(&orders(), Aad::EMPTY, &*message).await.unwrap();
        reader.read_to_end(&mut read).await.unwrap();
        assert_eq!(read, b"few bytes");
        // The same header, before a frame that is not the last and never comes.
        let header = datakey_esdk::Header::decode(&message).unwrap().len();
        let promised = [&message[..header], &[0, 0, 0, 1], &[7; 40]].concat();
        let whole = opener.open(&orders(), &promised, Aad::EMPTY).await.unwrap_err();
        assert!(
            matches!(
                whole,
                OpenError::Esdk(EsdkError::Format(FormatError::Truncated { .. }))
            ),
            "{whole:?}"
        );
        let mut reader = opener.reader(&orders(), Aad::EMPTY, &*promised).await.unwrap();
        let failed = reader.read_to_end(&mut read).await.unwrap_err();
        let failed = StreamError::from(failed);
        assert!(
            matches!(
                failed,
                StreamError::Open(OpenError::Esdk(EsdkError::FrameTooLong { limit: 64, .. }))
            ),
            "{failed:?}"
        );
    }
}

#[tokio::test]
async fn with_a_limit_of_one_data_key_two_are_neither_written_nor_read() {
    let (one, other) = (in_process(), in_process());
    let both = Several::new([one.clone(), other.clone()]).unwrap();
    let limited = params(SUITE).with_max_encrypted_data_keys(1);
    assert!(
        Sealer::builder(Several::new([one.clone(), other.clone()]).unwrap())
            .format(limited.clone())
            .build()
            .is_err()
    );
    let two = Sealer::builder(both).format(params(SUITE)).build().unwrap();
    let message = two.seal(&orders(), b"order", Aad::EMPTY).await.unwrap();
    let before = one.fake().ledger().calls();
    for limit in [0, 1] {
        let formats = Formats::both(any_suite().with_max_encrypted_data_keys(limit));
        let opener = opener(&one).with_formats(formats);
        let refused = opener.open(&orders(), &message, Aad::EMPTY).await.unwrap_err();
        let expected = |refused: &OpenError| {
            matches!(
                refused,
                OpenError::Esdk(EsdkError::Format(FormatError::TooManyDataKeys { found: 2, .. }))
            )
        };
        assert!(expected(&refused), "{refused:?}");
        let Err(StreamError::Open(refused)) = opener.reader(&orders(), Aad::EMPTY, &*message).await else {
            panic!("it is refused");
        };
        assert!(expected(&refused), "{refused:?}");
    }
    assert_eq!(one.fake().ledger().calls(), before);
    let single = sealer(&one, limited)
        .seal(&orders(), b"order", Aad::EMPTY)
        .await
        .unwrap();
    let formats = Formats::only_esdk(any_suite().with_max_encrypted_data_keys(1));
    let opened = opener(&one)
        .with_formats(formats)
        .open(&orders(), &single, Aad::EMPTY)
        .await;
    assert_eq!(opened.unwrap(), b"order");
    for opener in [&one, &other].map(opener) {
        assert_eq!(
            opener.open(&orders(), &message, Aad::EMPTY).await.unwrap(),
            b"order"
        );
    }
}

#[tokio::test]
async fn no_policy_writes_what_it_does_not_allow_and_each_is_refused_when_a_sealer_is_built() {
    let kms = in_process();
    for policy in [
        CommitmentPolicy::ForbidEncryptAllowDecrypt,
        CommitmentPolicy::RequireEncryptAllowDecrypt,
        CommitmentPolicy::RequireEncryptRequireDecrypt,
    ] {
        for suite in Suite::ALL {
            let params = Params::new().with_suite(suite).with_commitment_policy(policy);
            let built = Sealer::builder(kms.clone()).format(params).build();
            let forbids = policy == CommitmentPolicy::ForbidEncryptAllowDecrypt;
            let allowed = suite.is_committing() != forbids && suite.derives_keys();
            assert_eq!(built.is_ok(), allowed, "{policy} {suite}");
            let Ok(sealer) = built else { continue };
            let message = sealer.seal(&orders(), b"order", Aad::EMPTY).await.unwrap();
            let strict = opener(&kms).with_formats(Formats::both(OpenParams::new()));
            let opened = strict.open(&orders(), &message, Aad::EMPTY).await;
            assert_eq!(opened.is_ok(), suite.is_committing(), "{policy} {suite}");
        }
    }
}

/// Gives a few bytes at a time, and in between nothing.
struct Halting<'a>(&'a [u8], bool);

impl AsyncRead for Halting<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        self.1 = !self.1;
        if self.1 {
            return Poll::Pending;
        }
        let len = self.0.len().min(buf.remaining()).min(37);
        let (now, rest) = self.0.split_at(len);
        buf.put_slice(now);
        self.0 = rest;
        Poll::Ready(Ok(()))
    }
}

#[tokio::test]
async fn a_reader_whose_reads_are_given_up_midway_goes_on_where_it_was() {
    let kms = in_process();
    let text = plaintext(5_000);
    for suite in sealable() {
        let small = params(suite).with_frame_len(NonZeroU32::new(512).unwrap());
        let message = sealer(&kms, small)
            .seal(&orders(), &text, Aad::EMPTY)
            .await
            .unwrap();
        let trusting = Formats::both(any_suite().danger_release_before_signature());
        let opener: Opener = opener(&kms).with_formats(trusting);
        let of = orders();
        let mut header = Box::pin(opener.reader(&of, Aad::EMPTY, Halting(&message, false)));
        let mut reader = loop {
            // It asks for no waker, so it is polled again and again.
            match header.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(reader) => break reader.unwrap(),
                Poll::Pending => tokio::task::yield_now().await,
            }
        };
        let mut read = Vec::new();
        loop {
            let mut room = [0; 100];
            let got = {
                // Dropped after one poll.
                let mut once = Box::pin(reader.read(&mut room));
                once.as_mut().poll(&mut Context::from_waker(Waker::noop()))
            };
            match got {
                Poll::Pending => {}
                Poll::Ready(Ok(0)) => break,
                Poll::Ready(got) => read.extend_from_slice(&room[..got.unwrap()]),
            }
        }
        assert_eq!(read, text, "{suite}");
    }
}

#[tokio::test]
async fn contexts_of_none_and_of_many_pairs_go_through_writers_and_readers() {
    let kms = in_process();
    let many = EncryptionContext::new((0..800).map(|pair| (format!("k{pair:03}"), "v"))).unwrap();
    for context in [EncryptionContext::empty(), many] {
        let sealer = sealer(&kms, params(SUITE));
        let mut writer = sealer
            .writer(&context, Aad::EMPTY, None, Vec::new())
            .await
            .unwrap();
        writer.write_all(b"order").await.unwrap();
        writer.shutdown().await.unwrap();
        let message = writer.get_ref().clone();
        let opener = opener(&kms);
        let mut read = Vec::new();
        let mut reader = opener.reader(&context, Aad::EMPTY, &*message).await.unwrap();
        reader.read_to_end(&mut read).await.unwrap();
        assert_eq!(read, b"order");
        let other = EncryptionContext::new([("tenant", "other")]).unwrap();
        assert!(opener.open(&other, &message, Aad::EMPTY).await.is_err());
    }
}
