#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| barkeep_fuzz::instruments_csv::run(data));
