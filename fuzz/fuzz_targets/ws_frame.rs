#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| barkeep_fuzz::ws_frame::run(data));
