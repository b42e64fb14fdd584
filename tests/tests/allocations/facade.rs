//! What a warm call of the facade allocates, in either format, and how much memory its streams hold.
use std::{
    io::{Read as _, Write as _},
    num::NonZeroU32,
    pin::pin,
    task::{Context, Poll, Waker},
};

use allocation_counter::measure;
use datakey::{Aad, EncryptionContext, Format, OpenReader, Opener, SealedHeader, Sealer};
use datakey_esdk::{OpenParams, Params, Suite};
use datakey_tests::pipeline::{in_process, orders, plaintext};

fn esdk() -> Params {
    Params::new().with_suite(Suite::Aes256GcmHkdfSha512CommitKey)
}

/// A warm sealer and opener, and a message.
async fn warm(format: Format, text: &[u8]) -> (Sealer, Opener, Vec<u8>) {
    let kms = in_process();
    let sealer = Sealer::builder(kms.clone()).format(format).build().unwrap();
    let opener = Opener::new(kms);
    let message = sealer.seal(&orders(), text, Aad::EMPTY).await.unwrap();
    drop(opener.open(&orders(), &message, Aad::EMPTY).await.unwrap());
    (sealer, opener, message)
}

/// A warm call is ready at the first poll.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("a warm call waits for nothing"),
    }
}

/// How often sealing and opening one message into used buffers allocate.
async fn allocations(format: Format) -> [u64; 2] {
    let text = plaintext(300);
    let (sealer, opener, message) = warm(format, &text).await;
    let context: EncryptionContext = orders();
    let mut out = Vec::with_capacity(2000);
    let mut seal = || {
        out.clear();
        at_once(sealer.seal_into(&context, &text, Aad::EMPTY, &mut out)).unwrap();
    };
    seal();
    let sealed = measure(seal).count_total;
    let mut out = Vec::with_capacity(2000);
    let mut open = || {
        out.clear();
        at_once(opener.open_into(&context, &message, Aad::EMPTY, &mut out)).unwrap();
    };
    open();
    [sealed, measure(open).count_total]
}

#[tokio::test]
async fn a_message_of_the_aws_encryption_sdk_allocates_no_more_than_one_of_the_native_format() {
    let native = allocations(Format::default()).await;
    let esdk = allocations(esdk().into()).await;
    assert_eq!([native[0], esdk[0]], [0, 0], "sealing allocates nothing");
    assert!(esdk[1] <= native[1], "opening: {} and {}", esdk[1], native[1]);
}

#[tokio::test]
async fn ten_megabytes_stream_through_less_than_one_in_either_format() {
    const PORTIONS: u64 = 100;
    let long_frames = Params::new().with_frame_len(NonZeroU32::new(1 << 16).unwrap());
    let portion = plaintext(100_000);
    let whole = PORTIONS * 100_000;
    for format in [Format::default(), esdk().into(), long_frames.into()] {
        let (sealer, opener, _) = warm(format, b"warm").await;
        let mut sealed = Vec::with_capacity(20 << 20);
        let written = measure(|| {
            let writer = at_once(sealer.writer(&orders(), Aad::EMPTY, Some(whole), &mut sealed));
            let mut writer = writer.unwrap();
            (0..PORTIONS).for_each(|_| writer.write_all(&portion).unwrap());
            let _sealed = writer.finish().unwrap();
        });
        let allow = OpenParams::new().danger_release_before_signature();
        let mut source = &*sealed;
        let header = SealedHeader::read(&mut source).unwrap();
        let key = opener.key_of(&orders(), header.header(), Aad::EMPTY).await;
        let key = key.unwrap();
        let mut buffer = vec![0; 1 << 16];
        let read = measure(|| {
            let reader = OpenReader::with_esdk_params(&key, &header, Aad::EMPTY, &allow, source);
            let (mut reader, mut len) = (reader.unwrap(), 0);
            loop {
                match reader.read(&mut buffer).unwrap() {
                    0 => break,
                    read => len += read as u64,
                }
            }
            assert_eq!(len, whole);
        });
        let held = [written.bytes_max, read.bytes_max];
        assert!(held.iter().all(|held| *held < 1 << 20), "{held:?}");
    }
}
