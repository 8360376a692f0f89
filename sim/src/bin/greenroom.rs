//! The `greenroom` program: runs scenarios, and says what their files may hold.

use std::process::ExitCode;

fn main() -> ExitCode {
    greenroom_sim::cli::main()
}
