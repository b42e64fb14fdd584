#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| datakey_fuzz::esdk_fuzz::message_open(data));
