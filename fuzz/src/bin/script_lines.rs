//! Fuzz target: any text as a story. See [`greenroom_fuzz::script_lines`].
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| greenroom_fuzz::script_lines(bytes));

#[cfg(not(fuzzing))]
fn main() -> std::process::ExitCode {
    greenroom_fuzz::replay_arguments(greenroom_fuzz::script_lines)
}
