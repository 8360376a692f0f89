//! How connections are shared end to end: ours and other servers' rules, on the same scenes with the same luck, over real media transport.
//!
//! Each [`Scene`] is a scenario file in which publishers watch nobody and a viewer or two have lines that do not carry all they wish. A run of it differs from another one of the same seed in the rule alone: estimates, how far they are
//! trusted, key frames and forwarding are greenroom's for all ([`policy`]), and links draw the same numbers. A seed changes more than those draws: the steps of the viewers' downlinks are scaled by
//! up to a third, each by itself, so that no rule is judged by where a rate happens to lie beside its rungs.
//!
//! What is [read](reading::Reading) of a run is what its viewers had; what is judged (`verdict.rs`) are means over the seeds, by the differences of runs that belong together.

mod reading;
mod stored;
mod table;
mod verdict;

use core::ops::Range;

use greenroom_core::select::Policy;

pub use self::{
    reading::{Reading, STARTUP, read},
    stored::stored,
    table::{json, markdown, text},
    verdict::{Duel, Measure, Outcome, duels, goals},
};
use crate::{
    engine::{self, Engine, EngineError, Progress},
    entropy,
    media::Fidelity,
    net::{capacity::Capacity, link::RateSchedule},
    policy,
    random::Stream,
    scenario::Scenario,
    spread::spread,
};

/// The scenes, by the names of their files in `scenarios/scenes`.
const FILES: [(&str, &str); 5] = [
    ("tile", include_str!("../../../scenarios/scenes/tile.toml")),
    ("stage", include_str!("../../../scenarios/scenes/stage.toml")),
    ("screen", include_str!("../../../scenarios/scenes/screen.toml")),
    ("meeting-49", include_str!("../../../scenarios/scenes/meeting-49.toml")),
    ("commute", include_str!("../../../scenarios/scenes/commute.toml")),
];
/// Room for str0m's and our frames: debug builds do not overlap them.
const STACK_BYTES: usize = 64 << 20;

/// Something to share a line for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scene {
    /// The file's name, without its ending.
    pub name: &'static str,
    /// What it says.
    pub scenario: Scenario,
}

/// All scenes.
pub fn scenes() -> Vec<Scene> {
    let scene =
        |(name, file)| Scene { name, scenario: Scenario::parse(name, file, &[]).expect("a test reads it, and so does the scenario's own") };
    FILES.map(scene).into()
}

/// What to run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The scenes.
    pub scenes: Vec<Scene>,
    /// The rules, ours first.
    pub policies: Vec<Policy>,
    /// The seeds.
    pub seeds: Range<u64>,
    /// How real media transport is.
    pub media: Fidelity,
    /// How many runs go on at a time.
    pub jobs: usize,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Results {
    /// What was run.
    pub settings: Settings,
    /// By scene, rule and seed, in the settings' order.
    pub readings: Vec<Vec<Vec<Reading>>>,
}

/// Runs every scene with every rule on every seed, each on a fresh thread. `progress` is told how many are done, of how many.
pub fn run(settings: Settings, progress: &(dyn Fn(usize, usize) + Sync)) -> Result<Results, EngineError> {
    let (scenes, policies) = (settings.scenes.len(), settings.policies.len());
    let cells: Vec<(usize, usize, u64)> = settings
        .seeds
        .clone()
        .flat_map(|seed| (0..scenes).flat_map(move |scene| (0..policies).map(move |policy| (scene, policy, seed))))
        .collect();
    let read = spread(&cells, settings.jobs, progress, |&(scene, policy, seed)| {
        play(&settings.scenes[scene], settings.policies[policy], settings.media, seed)
    });
    let mut readings = vec![vec![Vec::new(); policies]; scenes];
    for ((scene, policy, _), reading) in cells.into_iter().zip(read) {
        readings[scene][policy].push(reading?);
    }
    Ok(Results { settings, readings })
}

/// One run of a scene.
pub fn play(scene: &Scene, policy: Policy, media: Fidelity, seed: u64) -> Result<Reading, EngineError> {
    let mut scenario = varied(&scene.scenario, seed);
    scenario.sfu.policy = policy;
    let collected =
        entropy::isolated(seed, STACK_BYTES, || engine::run(&scenario, Engine::Direct, media, seed, 1, false, &Progress::default()))?;
    Ok(read(&scenario, &collected))
}

/// The scene with each step of each downlink that changes multiplied by something between three quarters and four thirds.
fn varied(scene: &Scenario, seed: u64) -> Scenario {
    let mut scenario = scene.clone();
    for user in &mut scenario.users {
        let steps = user.down.capacity.steps();
        if steps.len() < 2 {
            continue;
        }
        let mut draws = Stream::new(seed, user.id.as_str(), "bench/selection/capacity");
        let vary = |bps: u64| bps / 12 * (9 + draws.below(8)) + bps % 12;
        let mut vary = vary;
        let steps = steps.iter().map(|(at, bps)| (*at, bps.map(&mut vary))).collect();
        user.down.capacity = Capacity::from(RateSchedule::new(steps).expect("they rise as they did"));
    }
    scenario
}

/// The rules that there are, ours first.
pub fn policies() -> Vec<Policy> {
    policy::ALL.to_vec()
}
