//! How often the calls on one small message allocate, and how much memory streams hold.
use allocation_counter::{AllocationInfo, measure};
use datakey_envelope::{Aad, Header, Message, Suite};
use datakey_tests::envelope::{Fixture, kms_wrapped, params, plaintext};

fn fixtures() -> [Fixture; 2] {
    Suite::ALL.map(|suite| {
        let usual = datakey_envelope::Params::new().with_suite(suite);
        Fixture::of(datakey_tests::envelope::context(), kms_wrapped(), usual)
    })
}

/// What a second call takes: the first one may set things up for the whole process.
fn second(mut call: impl FnMut()) -> AllocationInfo {
    call();
    measure(call)
}

#[test]
fn the_counter_counts() {
    assert_eq!(second(|| drop(vec![1_u8; 10])).count_total, 1);
}

#[test]
fn a_message_takes_one_allocation_and_none_with_a_used_buffer() {
    for fixture in fixtures() {
        let plain = plaintext(300);
        let sealed = fixture.seal(&plain, Aad::EMPTY);
        let seal = |out: &mut Vec<u8>| fixture.sealing.seal(&plain, Aad::from("order 17"), out).unwrap();
        let open = |out: &mut Vec<u8>| {
            let message = Message::decode(&sealed).unwrap();
            fixture.opening.open(&message, Aad::EMPTY, out).unwrap();
        };
        assert_eq!(second(|| seal(&mut Vec::new())).count_total, 1);
        assert_eq!(second(|| open(&mut Vec::new())).count_total, 1);

        let mut out = Vec::with_capacity(1000);
        let again = second(|| {
            out.clear();
            seal(&mut out);
            out.clear();
            open(&mut out);
        });
        assert_eq!(again.count_total, 0);

        let mut buffer = [0; 1000];
        let into = second(|| {
            let aad = Aad::EMPTY;
            fixture.sealing.seal_into(&plain, aad, &mut buffer).unwrap();
            let message = Message::decode(&sealed).unwrap();
            fixture.opening.open_into(&message, aad, &mut buffer).unwrap();
        });
        assert_eq!(into.count_total, 0);
    }
}

#[test]
fn a_record_in_a_used_buffer_takes_none_once_the_table_has_grown() {
    for fixture in fixtures() {
        let mut out = Vec::with_capacity(1000);
        let mut sealer = fixture.sealing.record_sealer(Aad::EMPTY, &mut out).unwrap();
        for _ in 0..5 {
            sealer.push_record(&plaintext(300), &mut out).unwrap();
        }
        let record = plaintext(300);
        let info = measure(|| {
            out.clear();
            sealer.push_record(&record, &mut out).unwrap();
        });
        assert_eq!(info.count_total, 0);
    }
}

#[test]
fn a_stream_holds_one_frame_however_long_it_is() {
    let fixture = Fixture::new(params(Suite::Aes256Gcm, 16));
    let portion = plaintext(100_000);
    let mut held = [0; 2];
    for (held, portions) in held.iter_mut().zip([10, 200]) {
        let info = second(|| {
            let (mut sealed, mut opened) = (Vec::new(), Vec::new());
            let mut sealer = fixture.sealing.stream_sealer(Aad::EMPTY, &mut sealed).unwrap();
            let head = sealed.clone();
            let header = Header::decode(&head).unwrap();
            let mut opener = fixture.opening.stream_opener(&header, Aad::EMPTY).unwrap();
            for _ in 0..portions {
                sealed.clear();
                sealer.push(&portion, &mut sealed).unwrap();
                opened.clear();
                opener.push(&sealed, &mut opened).unwrap();
            }
            sealed.clear();
            sealer.finish(&mut sealed).unwrap();
            opener.push(&sealed, &mut opened).unwrap();
            opener.finish(&mut opened).unwrap();
        });
        *held = info.bytes_max;
    }
    assert_eq!(held[0], held[1], "twenty times the data takes no more memory");
    assert!(held[0] < 1 << 20, "{} bytes", held[0]);
}
