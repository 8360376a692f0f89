//! `greenroom bench rfc8867`.

use core::ops::Range;
use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::Args;

use crate::{
    bench::rfc8867,
    cli::{
        Exit, complain,
        many::{JobsArgument, seeds, watched},
        say,
    },
    media::Fidelity,
    record::files,
};

#[derive(Debug, Args)]
pub(super) struct Rfc8867Arguments {
    /// Only these cases, for example 5.1,5.6-bloat [default: all but variants]
    #[arg(long = "case", value_name = "CASE,…", value_delimiter = ',')]
    cases: Vec<String>,
    /// The variants in place of the cases: media that take longer, UDP in place of a narrower line, a larger queue, CUBIC, and surrogates of Wi-Fi
    #[arg(long, conflicts_with = "cases")]
    variants: bool,
    /// Which seeds: from A up to, and without, B
    #[arg(long, value_name = "A..B", value_parser = seeds, default_value = "0..5")]
    seeds: Range<u64>,
    #[command(flatten)]
    jobs: JobsArgument,
    /// How real media transport is: webrtc or webrtc-null, which has the same sizes and is faster
    #[arg(long, default_value_t = Fidelity::WebRtc)]
    media: Fidelity,
    /// Print JSON
    #[arg(long, conflicts_with = "markdown")]
    json: bool,
    /// Print the tables of docs/RFC8867.md; with --variants, the short one of the variants
    #[arg(long)]
    markdown: bool,
    /// Write report.html and rfc8867.json there
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Runs the cases, prints, and says whether every limit was met.
pub(super) fn run(arguments: &Rfc8867Arguments) -> Exit {
    let mut cases = if arguments.variants { rfc8867::case::variants() } else { rfc8867::case::all() };
    if !arguments.cases.is_empty() {
        cases.extend(rfc8867::case::variants());
    }
    if let Some(unknown) = arguments.cases.iter().map(|asked| asked.trim()).find(|asked| cases.iter().all(|case| case.id != *asked)) {
        let known: Vec<&str> = cases.iter().map(|case| case.id.as_str()).collect();
        complain(&format_args!("RFC 8867 has no case {unknown:?} that can be run; there are {}", known.join(", ")));
        return Exit::Usage;
    }
    if !arguments.cases.is_empty() {
        // With 5.3 goes what it is compared with.
        cases.retain(|case| {
            arguments.cases.iter().any(|asked| [Some(&case.id), case.clear_of.as_ref()].into_iter().flatten().any(|id| id == asked.trim()))
        });
    }
    if arguments.media == Fidelity::Model {
        complain(&"modelled media has no congestion control to be tested; expected --media webrtc or webrtc-null");
        return Exit::Usage;
    }
    // Before the run: who waits for a report wants to know now that it cannot be written.
    if let Some(directory) = &arguments.out
        && let Err(error) = files::prepare_for(directory, &["report.html", "rfc8867.json"])
    {
        complain(&error);
        return Exit::Usage;
    }
    let settings = rfc8867::Settings { media: arguments.media, seeds: arguments.seeds.clone(), jobs: arguments.jobs.count() };

    let results = watched("rfc8867", |progress| rfc8867::run(cases, settings, progress));

    if arguments.json {
        say(&format!("{:#}\n", rfc8867::json(&results)));
    } else if arguments.markdown {
        say(&if arguments.variants {
            rfc8867::brief(&results)
        } else {
            format!("{}\n{}", rfc8867::markdown(&results), rfc8867::flows(&results))
        });
    } else {
        say(&rfc8867::text(&results));
    }
    if let Some(directory) = &arguments.out {
        if let Err(error) = write(directory, &results) {
            complain(&format_args!("{}: {error}; --out needs a directory that can be written to", directory.display()));
            return Exit::Internal;
        }
        complain(&format_args!("report: {}", directory.join("report.html").display()));
    }
    for verdict in results.verdicts.iter().filter(|verdict| verdict.outcome() == rfc8867::Outcome::Miss) {
        for line in verdict.lines.iter().filter(|line| !line.passes()) {
            complain(&format_args!("case {} missed: {}", verdict.case.id, line.what));
        }
    }
    if results.pass() { Exit::Passed } else { Exit::CheckFailed }
}

fn write(directory: &Path, results: &rfc8867::Results) -> std::io::Result<()> {
    fs::write(directory.join("rfc8867.json"), format!("{:#}\n", rfc8867::json(results)))?;
    fs::write(directory.join("report.html"), rfc8867::html(results))
}
