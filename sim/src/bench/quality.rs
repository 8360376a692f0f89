//! How often a score of the network is right: ours and other products', on the same windows of real media, against what the line really did.
//!
//! Each [case](case::Case) is a call of a client and a server over two lines that are [set](case::Line) to do something. The client measures windows of two seconds with an [`Observer`](crate::media::Observer), that is from
//! what it receives and what the other end reports. Every scorer is told those windows. The truth is the level that our thresholds give for what the lines really did to what was sent in the windows that are judged, each direction
//! for itself; a second one, printed beside it, for what they were set to do. Calls of voices alone are held against a third one as well, in which nothing is ours: what a listener (`listener.rs`) would say of them, by ITU-T G.107 and G.109.
//!
//! The first three windows of a phase are not judged: that is how long a level may take to follow. Of each later one it is asked whether the level was exact, or one off. A phase in
//! which a level was not right once by its fourth window is *late*; one in which it changed after that is *flapping*. A call that its ends give up, because hardly a check of the path comes through, is judged up to there.

mod call;
pub mod case;
mod listener;
mod peers;
mod picture;
mod screen;
mod stored;
mod tally;
mod truth;

use core::time::Duration;

use greenroom_core::quality::{Level, Rules, Scorer};

use self::{case::Fault, peers::Other};
pub use self::{
    case::{Case, grid, small},
    listener::{Codec, Ratings},
    picture::svg,
    stored::{read, written},
    tally::{Heard, Tally, Truth, goals, heard_markdown, markdown, table},
};
use crate::{entropy, media::Fidelity, spread::spread};

/// The scorers that are judged, ours first.
pub const SCORERS: [&str; 4] = ["greenroom", "LiveKit", "Jitsi", "Twilio"];

/// Windows that a level may take to follow.
pub const GRACE: usize = 3;

/// Room for str0m's and ours frames.
const STACK_BYTES: usize = 8 << 20;

/// What one case came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Its place in the grid.
    pub case: usize,
    /// The seed.
    pub seed: u64,
    /// By phase.
    pub phases: Vec<Judged>,
}

/// One phase of a case: what was true, and what each scorer said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// The level for what the lines did, up first.
    pub truth: [Level; 2],
    /// The level for what they were set to do.
    pub set: [Level; 2],
    /// What a listener would say of the voice, where one was to be heard and nothing else to be seen.
    pub rated: [Option<Ratings>; 2],
    /// By direction, scorer and window.
    pub said: [[Vec<Level>; 4]; 2],
}

/// Plays every case with every seed, `jobs` at a time, each on a fresh thread. `progress` is told how many are done.
pub fn run(
    cases: &[Case],
    seeds: core::ops::Range<u64>,
    jobs: usize,
    fidelity: Fidelity,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Vec<Outcome> {
    let cells: Vec<(usize, u64)> = seeds.flat_map(|seed| (0..cases.len()).map(move |case| (case, seed))).collect();
    spread(&cells, jobs, progress, |&(case, seed)| entropy::isolated(seed, STACK_BYTES, || judge(&cases[case], case, fidelity, seed)))
}

fn judge(case: &Case, number: usize, fidelity: Fidelity, seed: u64) -> Outcome {
    let rules = Rules::default();
    let observed = call::play(case, fidelity, seed);
    let mut ours = [Scorer::default(), Scorer::default()];
    let mut others = [[Other::LiveKit(100.0), Other::Jitsi(100.0), Other::Twilio]; 2];
    let mut before = [[Level::Unknown; 3]; 2];
    let has_video = case.video_bps.is_some();
    let phases = case.phases.iter().zip(&observed).map(|(phase, windows)| {
        let judged_windows = windows.iter().skip(GRACE).map(|lived| &lived.did);
        let truth = truth::did(&rules, phase, case.video_bps, judged_windows);
        let rated = [(0, phase.down.delay_ms), (1, phase.up.delay_ms)].map(|(way, other_ms)| {
            let sound = windows.iter().skip(GRACE).map(|lived| &lived.did[way]);
            if has_video { None } else { listener::ratings(sound, Duration::from_millis(other_ms)) }
        });
        let mut judged = Judged { truth, set: truth::set(&rules, phase, case.video_bps), rated, said: Default::default() };
        for window in windows {
            for (way, reading) in window.seen.iter().enumerate() {
                ours[way].update(&rules, reading);
                judged.said[way][0].push(ours[way].verdict().level);
                for (at, other) in others[way].iter_mut().enumerate() {
                    let level = &mut before[way][at];
                    *level = other.update(*level, reading, has_video);
                    judged.said[way][at + 1].push(*level);
                }
            }
        }
        judged
    });
    Outcome { case: number, seed, phases: phases.collect() }
}

/// Whether a fault of one direction left the other's level what it is without any: of the windows of cases with a fault in one direction, how many changed the other one, of how many. Ours alone.
pub fn leaks(cases: &[Case], outcomes: &[Outcome]) -> (usize, usize) {
    let rules = Rules::default();
    let (mut leaked, mut of) = (0, 0);
    for outcome in outcomes {
        let case = &cases[outcome.case];
        let other = match case.fault {
            Fault::Up => 1,
            Fault::Down => 0,
            Fault::Both => continue,
        };
        for (phase, judged) in case.phases.iter().zip(&outcome.phases) {
            let said = &judged.said[other][0];
            let clean = truth::clean(&rules, phase);
            of += said.len();
            leaked += said.iter().filter(|level| **level != clean).count();
        }
    }
    (leaked, of)
}
