#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| barkeep_fuzz::door_message::run(data));
