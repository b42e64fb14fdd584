//! How often the calls on one small message of the AWS Encryption SDK's format allocate: no oftener than those of the native format.
use allocation_counter::measure;
use datakey_esdk::{Message, OpenParams, Suite};
use datakey_tests::{
    envelope::plaintext,
    esdk::{Pair, context, params},
};

/// What a second call takes: the first one may set things up for the whole process.
fn second(mut call: impl FnMut()) -> u64 {
    call();
    measure(call).count_total
}

#[test]
fn a_message_takes_one_allocation_and_none_with_a_used_buffer() {
    let own = context(&[("tenant", "acme"), ("purpose", "orders")]);
    let pair = Pair::new(&params(Suite::Aes256GcmHkdfSha512CommitKey), &own).unwrap();
    let plain = plaintext(300);
    let sealed = pair.seal(&plain);
    let seal = |out: &mut Vec<u8>| pair.sealing.seal(&plain, out).unwrap();
    let open = |out: &mut Vec<u8>| {
        let message = Message::decode(&sealed).unwrap();
        pair.opening.open(&message, &OpenParams::new(), out).unwrap();
    };
    assert_eq!(second(|| seal(&mut Vec::new())), 1);
    assert_eq!(second(|| open(&mut Vec::new())), 1);

    let mut out = Vec::with_capacity(1000);
    let again = second(|| {
        out.clear();
        seal(&mut out);
        out.clear();
        open(&mut out);
    });
    assert_eq!(again, 0);

    let mut buffer = [0; 1000];
    let into = second(|| {
        pair.sealing.seal_into(&plain, &mut buffer).unwrap();
        let message = Message::decode(&sealed).unwrap();
        pair.opening
            .open_into(&message, &OpenParams::new(), &mut buffer)
            .unwrap();
    });
    assert_eq!(into, 0);
}
