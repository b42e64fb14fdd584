//! Seals and opens without `std`, in both formats.
//!
//! The panic handler is the check: the compiler refuses a second one, and `std` has one, so that this builds only while
//! no crate of the tree links `std`.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::vec::Vec;
use core::panic::PanicInfo;

use datakey_envelope::{Aad, Message, OpenError, OpeningKey, Salt, SealError, SealingKey};
use datakey_esdk as esdk;

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

/// Seals in the format of the AWS Encryption SDK, with a message id from the device's own random source, in a suite that does not sign.
///
/// # Errors
/// As [`esdk::SealingKey::seal_with_id`].
pub fn seal_esdk(
    key: &esdk::SealingKey,
    random: [u8; 32],
    plaintext: &[u8],
) -> Result<Vec<u8>, esdk::SealError> {
    let mut sealed = Vec::new();
    key.seal_with_id(esdk::MessageId::from_random_bytes(random), plaintext, &mut sealed)?;
    Ok(sealed)
}

/// Opens what [`seal_esdk`] made, and signed messages of others.
///
/// # Errors
/// As [`esdk::OpeningKey::open`].
pub fn open_esdk(key: &esdk::OpeningKey, sealed: &[u8]) -> Result<Vec<u8>, esdk::OpenError> {
    let mut opened = Vec::new();
    key.open(
        &esdk::Message::decode(sealed)?,
        &esdk::OpenParams::new(),
        &mut opened,
    )?;
    Ok(opened)
}
