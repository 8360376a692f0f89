//! What a run comes to: `summary.json`.

use serde::Serialize;

/// `summary.json`. Field names are read by other tools.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// The scenario's file name without directory and extension.
    pub scenario: String,
    /// The seed.
    pub seed: u64,
    /// `turmoil` or `direct`.
    pub engine: String,
    /// `webrtc`, `webrtc-null` or `model`.
    pub media: String,
    /// Version of the program.
    pub version: String,
    /// Simulated time, in seconds.
    pub sim_seconds: f64,
    /// Time it took, in seconds.
    pub wall_seconds: f64,
    /// Simulated seconds per second.
    pub speed: f64,
    /// Datagrams sent by all nodes.
    pub datagrams: u64,
    /// Hash over every datagram: time in ns, source, destination, bytes.
    pub trace_hash: String,
    /// Hash over every user's ordered room events, without times.
    pub story_hash: String,
    /// The verdict of every check.
    pub checks: Vec<CheckResult>,
    /// Every viewer's view of every stream.
    pub viewers: Vec<Viewer>,
}

/// The verdict of one check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CheckResult {
    /// The check's name, as in `docs/SIMULATION.md`.
    pub name: String,
    /// Whether the property held.
    pub ok: bool,
    /// What was looked at, or when, who and what failed.
    pub detail: String,
}

/// One viewer's view of one stream over the whole run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Viewer {
    /// The viewer.
    pub user: String,
    /// The stream, as `user/kind`.
    pub stream: String,
    /// The viewer's link, by the scenario's name for it.
    pub link: String,
    /// Mean capacity of the viewer's downlink while it was subscribed, in bits per second; null when it is not limited.
    pub capacity_bps_mean: Option<u64>,
    /// Mean of what it received of the stream while subscribed, in bits per second.
    pub received_bps_mean: u64,
    /// Received by what could be: `received_bps_mean` by the smaller of the mean capacity and the stream's own top rate.
    pub utilisation: f64,
    /// How often the forwarded layer changed, the first one not counted.
    pub layer_switches: u32,
    /// Time in freezes, in milliseconds.
    pub freeze_ms: u64,
    /// From the subscription to the first whole picture, in milliseconds; null when none came.
    pub first_frame_ms: Option<u64>,
}
