//! Fuzz target: any packets through a forwarder. See [`greenroom_fuzz::forwarder`].
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| greenroom_fuzz::forwarder(bytes));

#[cfg(not(fuzzing))]
fn main() -> std::process::ExitCode {
    greenroom_fuzz::replay_arguments(greenroom_fuzz::forwarder)
}
