//! `greenroom bench quality`.

use core::ops::Range;
use std::path::PathBuf;

use clap::Args;

use crate::{
    bench::quality,
    cli::{
        Exit, complain,
        many::{JobsArgument, judged, seeds, watched},
        say,
    },
    media::Fidelity,
    record::files,
};

#[derive(Debug, Args)]
pub(super) struct QualityArguments {
    /// Which seeds: from A up to, and without, B
    #[arg(long, value_name = "A..B", value_parser = seeds, default_value = "0..1")]
    seeds: Range<u64>,
    #[command(flatten)]
    jobs: JobsArgument,
    /// How real media transport is: webrtc or webrtc-null; modelled media sends no reports to score by
    #[arg(long, default_value_t = Fidelity::WebRtcNull)]
    media: Fidelity,
    /// Only cases whose names contain this
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Print everything as JSON: for each call and phase what was true and what every scorer said, as `sim/tests/data/bench-quality.json` has it
    #[arg(long, conflicts_with = "markdown")]
    json: bool,
    /// Print the tables of docs/QUALITY.md
    #[arg(long)]
    markdown: bool,
    /// Write the picture of docs/QUALITY.md into this file
    #[arg(long, value_name = "FILE")]
    picture: Option<PathBuf>,
}

/// Runs the grid, prints what came of it, and says whether its goals were met.
pub(super) fn run(arguments: &QualityArguments) -> Exit {
    if arguments.media == Fidelity::Model {
        complain(&"modelled media sends no receiver reports, by which the way up is scored; choose --media webrtc-null or webrtc");
        return Exit::Usage;
    }
    let mut cases = quality::grid();
    if let Some(only) = &arguments.only {
        cases.retain(|case| case.name.contains(only.as_str()));
        if cases.is_empty() {
            complain(&format_args!("no case has {only:?} in its name; names look like \"voice: rtt 40 ms, up: loss 3 %, jitter 0 ms\""));
            return Exit::Usage;
        }
    }
    // Before the run: who waits for a picture wants to know now that it cannot be written.
    if let Some(path) = &arguments.picture
        && let Err(error) = files::write_file(path, &[])
    {
        complain(&error);
        return Exit::Usage;
    }
    let outcomes =
        watched("quality", |progress| quality::run(&cases, arguments.seeds.clone(), arguments.jobs.count(), arguments.media, progress));
    if let Some(path) = &arguments.picture
        && let Err(error) = files::write_file(path, quality::svg(&outcomes).as_bytes())
    {
        complain(&error);
        return Exit::Internal;
    }
    if arguments.json {
        say(&quality::written(&cases, &outcomes));
    } else if arguments.markdown {
        say(&format!("{}\n{}", quality::markdown(&cases, &outcomes), quality::heard_markdown(&outcomes)));
    } else {
        say(&quality::table(&cases, &outcomes));
    }
    judged(&quality::goals(&cases, &outcomes))
}
