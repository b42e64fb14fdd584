#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| datakey_fuzz::envelope_fuzz::random_access(data));
