//! Fuzz target: the laws on histories of a session. See [`greenroom_fuzz::session_history`].
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| greenroom_fuzz::session_history(bytes));

#[cfg(not(fuzzing))]
fn main() -> std::process::ExitCode {
    greenroom_fuzz::replay_arguments(greenroom_fuzz::session_history)
}
