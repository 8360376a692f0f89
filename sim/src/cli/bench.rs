//! `greenroom bench`.

mod quality;
mod rfc8867;
mod selection;

use clap::{Args, Subcommand};

use super::Exit;

#[derive(Debug, Args)]
pub(super) struct BenchArguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// How often the score of the network is right, against what the lines really did
    Quality(quality::QualityArguments),
    /// Run the congestion control test cases of RFC 8867 and print verdicts
    ///
    /// Real WebRTC senders (str0m) over simulated bottlenecks, judged by the median over the seeds. The exit status is 1 if a case misses a limit. docs/RFC8867.md has the method.
    Rfc8867(rfc8867::Rfc8867Arguments),
    /// Compare how connections are shared: ours and other servers' rules, end to end on five scenes
    ///
    /// Real WebRTC (str0m) to viewers whose lines carry less than they wish; runs of one seed differ in the rule alone. The exit status is 1 if ours is worse than another one on any scene.
    /// docs/SELECTION.md has the method.
    Selection(selection::SelectionArguments),
}

/// Runs a bench, prints what came of it, and says whether its goals were met.
pub(super) fn bench(arguments: &BenchArguments) -> Exit {
    match &arguments.what {
        What::Quality(arguments) => quality::run(arguments),
        What::Rfc8867(arguments) => rfc8867::run(arguments),
        What::Selection(arguments) => selection::run(arguments),
    }
}
