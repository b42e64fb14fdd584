//! Seals and opens without `std`.
//!
//! The panic handler is the check: the compiler refuses a second one, and `std` has one, so that this builds only while
//! no crate of the tree links `std`.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::vec::Vec;
use core::panic::PanicInfo;

use datakey_envelope::{Aad, Message, OpenError, OpeningKey, Salt, SealError, SealingKey};

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {}
}

/// Seals with a salt from the device's own random source.
///
/// # Errors
/// As [`SealingKey::seal_with_salt`].
pub fn seal(key: &SealingKey, random: [u8; 24], plaintext: &[u8]) -> Result<Vec<u8>, SealError> {
    let mut sealed = Vec::new();
    key.seal_with_salt(
        Salt::danger_from_bytes(random),
        plaintext,
        Aad::EMPTY,
        &mut sealed,
    )?;
    Ok(sealed)
}

/// Opens what [`seal`] made.
///
/// # Errors
/// As [`OpeningKey::open`].
pub fn open(key: &OpeningKey, sealed: &[u8]) -> Result<Vec<u8>, OpenError> {
    let mut opened = Vec::new();
    key.open(&Message::decode(sealed)?, Aad::EMPTY, &mut opened)?;
    Ok(opened)
}
