//! `greenroom bench selection`.

use core::ops::Range;

use clap::Args;
use greenroom_core::select::Policy;

use crate::{
    bench::selection::{self, Settings},
    cli::{
        Exit, complain,
        many::{JobsArgument, judged, seeds, watched},
        run::broken,
        say,
    },
    media::Fidelity,
};

#[derive(Debug, Args)]
pub(super) struct SelectionArguments {
    /// Only these scenes: tile, stage, screen, meeting-49, commute [default: all]
    #[arg(long = "scene", value_name = "SCENE,…", value_delimiter = ',')]
    scenes: Vec<String>,
    /// Compare with these rules alone: jvb, livekit, mediasoup [default: all]
    #[arg(long = "policy", value_name = "POLICY,…", value_delimiter = ',')]
    policies: Vec<String>,
    /// Which seeds: from A up to, and without, B
    #[arg(long, value_name = "A..B", value_parser = seeds, default_value = "0..20")]
    seeds: Range<u64>,
    #[command(flatten)]
    jobs: JobsArgument,
    /// How real media transport is: webrtc or webrtc-null, which has the same sizes and is faster
    #[arg(long, default_value_t = Fidelity::WebRtc)]
    media: Fidelity,
    /// Print JSON
    #[arg(long, conflicts_with = "markdown")]
    json: bool,
    /// Print the table of docs/SELECTION.md
    #[arg(long)]
    markdown: bool,
}

/// Runs the scenes, prints, and says whether ours was worse anywhere.
pub(super) fn run(arguments: &SelectionArguments) -> Exit {
    let mut scenes = selection::scenes();
    let asked = |names: &[String], name: &str| names.is_empty() || names.iter().any(|asked| asked.trim() == name);
    if let Some(unknown) = arguments.scenes.iter().find(|asked| scenes.iter().all(|scene| scene.name != asked.trim())) {
        let known: Vec<&str> = scenes.iter().map(|scene| scene.name).collect();
        complain(&format_args!("there is no scene {unknown:?}; there are {}", known.join(", ")));
        return Exit::Usage;
    }
    scenes.retain(|scene| asked(&arguments.scenes, scene.name));
    let mut policies = selection::policies();
    let others: Vec<&str> = policies.iter().skip(1).map(Policy::name).collect();
    if let Some(unknown) = arguments.policies.iter().find(|asked| !others.contains(&asked.trim())) {
        complain(&format_args!("there is no rule {unknown:?} to compare with; there are {}", others.join(", ")));
        return Exit::Usage;
    }
    policies.retain(|policy| *policy == Policy::CHAIN || asked(&arguments.policies, policy.name()));
    if arguments.media == Fidelity::Model {
        complain(&"modelled media has no congestion control whose estimates could be shared; expected --media webrtc or webrtc-null");
        return Exit::Usage;
    }
    let settings = Settings { scenes, policies, seeds: arguments.seeds.clone(), media: arguments.media, jobs: arguments.jobs.count() };

    let results = match watched("selection", |progress| selection::run(settings, progress)) {
        Ok(results) => results,
        Err(error) => return broken(&error),
    };
    if arguments.json {
        say(&format!("{:#}\n", selection::json(&results)));
    } else if arguments.markdown {
        say(&selection::markdown(&results));
    } else {
        say(&selection::text(&results));
    }
    judged(&selection::goals(&results))
}
