//! Fuzz target: any bytes as messages, and messages handed to a room and a session. See [`greenroom_fuzz::wire_decode`].
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| greenroom_fuzz::wire_decode(bytes));

#[cfg(not(fuzzing))]
fn main() -> std::process::ExitCode {
    greenroom_fuzz::replay_arguments(greenroom_fuzz::wire_decode)
}
