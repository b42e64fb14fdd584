//! The envelope alone: a batch of orders as one message, read whole and one by one, with a data key from wherever one has it.
//!
//! ```sh
//! cargo run -p datakey-envelope --example batch
//! ```
#![expect(clippy::print_stdout, reason = "an example shows what it does")]
use std::error::Error;

use datakey_envelope::{Aad, EndPlan, Message, OpenError, OpeningKey, Params, SealingKey};
use datakey_provider::{DataKey, DataKeyLength, EncryptionContext, WrappedKey};

fn main() -> Result<(), Box<dyn Error>> {
    // A key service answers a data key twice: plain, to seal with, and wrapped, to go with the message. This crate knows no service.
    let data_key = DataKey::try_init(DataKeyLength::Bytes32, getrandom::fill)?;
    let wrapped = WrappedKey::new("hsm:orders", b"what the HSM makes of the data key".to_vec())?;

    // Prepared once for each data key; any number of messages, from any number of threads.
    let context = EncryptionContext::new([("tenant", "acme"), ("purpose", "orders")])?;
    let sealing = SealingKey::new(&data_key, &wrapped.into(), &context, &Params::new())?;
    let orders: Vec<String> = (0..1_000)
        .map(|number| format!("order {number}: two CDs, 24.98 USD"))
        .collect();
    let mut sealed = Vec::new();
    sealing.seal_records(&orders, Aad::from("batch 9"), &mut sealed)?;
    let plain: usize = orders.iter().map(String::len).sum();
    println!(
        "{} orders, {plain} bytes, sealed in {} bytes",
        orders.len(),
        sealed.len()
    );

    // Whoever opens it reads the header, looks at what it says, and has the wrapped key unwrapped.
    let message = Message::decode(&sealed)?;
    let claimed = message.header().context()?;
    claimed.check_expected(&EncryptionContext::new([("purpose", "orders")])?)?;
    println!("under {}", message.header().wrapped_keys()?.first().key_id());
    let opening = OpeningKey::new(&data_key, &claimed)?;

    let mut opened = Vec::new();
    let places = opening.open_records(&message, Aad::from("batch 9"), &mut opened)?;
    let records = places.iter().map(|place| opened.get(place.clone()));
    assert!(records.eq(orders.iter().map(|order| Some(order.as_bytes()))));

    // One record of a stored batch: its header, its end and the record's own bytes, by ranged reads.
    let read = |range: std::ops::Range<u64>| -> Result<&[u8], Box<dyn Error>> {
        let range = usize::try_from(range.start)?..usize::try_from(range.end)?;
        Ok(sealed.get(range).ok_or("past the end")?)
    };
    let plan = EndPlan::new(message.header(), u64::try_from(sealed.len())?)?;
    let count = read(plan.count_bytes())?.try_into()?;
    let index = opening.open_index(&plan, Aad::from("batch 9"), read(plan.end_bytes(count)?)?)?;
    let place = index.record_bytes(17).ok_or("no such record")?;
    let mut record = Vec::new();
    index.open_record(17, read(place.clone())?, &mut record)?;
    println!("bytes {place:?}: {}", String::from_utf8(record)?);

    // Another batch's number, and nothing opens.
    let refused = opening.open_records(&message, Aad::from("batch 10"), &mut opened);
    assert!(matches!(refused, Err(OpenError::NotAuthentic)));
    Ok(())
}
