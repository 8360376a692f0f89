//! Fuzz target: the laws on histories of a service, and a service next to a plain model of it. See [`greenroom_fuzz::service_history`].
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| greenroom_fuzz::service_history(bytes));

#[cfg(not(fuzzing))]
fn main() -> std::process::ExitCode {
    greenroom_fuzz::replay_arguments(greenroom_fuzz::service_history)
}
