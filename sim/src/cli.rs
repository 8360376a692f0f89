//! The command line.
//!
//! Results go to standard output, everything else to standard error. Exit codes are the same for every command: 0 it worked and every check passed, 1 a check failed
//! or a line of input could not be used, 2 wrong usage or a wrong scenario, 3 two runs of one seed differed, 4 the program itself failed.

mod bench;
mod codes;
mod eval;
mod many;
mod run;
mod script;
mod selftest;
mod sweep;
mod table;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// A deterministic laboratory for audio/video rooms: real WebRTC over simulated links.
#[derive(Debug, Parser)]
#[command(name = "greenroom", version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a scenario and report what happened and why
    Run(run::RunArguments),
    /// Run a scenario on many seeds and tell which checks held on all of them
    ///
    /// Both engines run, unless one is named, and must come to the same verdicts and leave the room in the same state. The exit status is 1 if a check failed or engines differ.
    Sweep(sweep::SweepArguments),
    /// Play a story in a vendor's own words and print what every party sees
    Script(script::ScriptArguments),
    /// Hold the laboratory against theory and print the scorecard
    Selftest(selftest::SelftestArguments),
    /// Judge a part of the laboratory or of the core against goals of its own, and print how it did
    Bench(bench::BenchArguments),
    /// Print the JSON Schema of scenario files
    Schema,
    /// Print the tables of error codes: greenroom's own, SparkRTC's and Agora's
    Codes(codes::CodesArguments),
    /// Answer cases, one JSON object a line, from standard input to standard output
    ///
    /// Each line asks one part of the core; its field "kind" says which. There is one answer for each line, in order, and "id" comes back with it. Blank lines are
    /// skipped. A line that cannot be used is answered {"id":…,"error":"…"}, the others are still answered, and the exit status is 1. docs/EVAL.md lists the kinds.
    Eval,
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exit {
    Passed,
    CheckFailed,
    Usage,
    NotDeterministic,
    Internal,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Passed => 0,
            Exit::CheckFailed => 1,
            Exit::Usage => 2,
            Exit::NotDeterministic => 3,
            Exit::Internal => 4,
        })
    }
}

/// Reads the command line and does what it says.
pub fn main() -> ExitCode {
    let exit = match Arguments::parse().command {
        Command::Run(arguments) => run::run(&arguments),
        Command::Sweep(arguments) => sweep::run(&arguments),
        Command::Script(arguments) => script::run(&arguments),
        Command::Selftest(arguments) => selftest::selftest(&arguments),
        Command::Bench(arguments) => bench::bench(&arguments),
        Command::Schema => {
            say(&format!("{:#}\n", crate::scenario::schema()));
            Exit::Passed
        }
        Command::Codes(arguments) => codes::codes(&arguments),
        Command::Eval => eval::eval(),
    };
    exit.into()
}

/// Writes to standard output. A reader who has seen enough closes it, which is no failure.
fn say(text: &str) {
    use std::io::Write as _;
    let _closed = std::io::stdout().write_all(text.as_bytes());
}

/// Tells on standard error what went wrong.
fn complain(text: &dyn core::fmt::Display) {
    use std::io::Write as _;
    let _closed = writeln!(std::io::stderr(), "greenroom: {text}");
}
