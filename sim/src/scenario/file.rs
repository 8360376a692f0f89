//! The file as it is written: one type per table, one field per key. The sentences on the fields are the schema's descriptions.

pub(super) mod link;

use core::time::Duration;
use std::collections::BTreeMap;

use greenroom_core::{limits, role::Role, session::AfterWindow};
use schemars::JsonSchema;
use serde::Deserialize;

use self::link::{LinkTable, SharedTable};
use super::{
    fault::{Believer, Ways},
    quantity::{Drift, Rate, Time},
    voice::{HearWord, VoiceTable},
    watch::WatchEntry,
};

/// A scenario: who enters a room over which network, and does what when.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "greenroom scenario")]
pub(super) struct File {
    /// What to call the scenario.
    pub(super) title: String,
    /// What it is about and what to look for; shown in the report.
    #[serde(default)]
    pub(super) about: String,
    /// How long it lasts.
    pub(super) duration: Time,
    /// The access links, by name.
    #[serde(default)]
    pub(super) link: BTreeMap<String, LinkTable>,
    /// The lines that users share, by name: bottlenecks.
    #[serde(default)]
    pub(super) shared: BTreeMap<String, SharedTable>,
    /// Who takes part.
    #[serde(default)]
    pub(super) user: Vec<UserTable>,
    /// What publishers send.
    #[serde(default)]
    pub(super) camera: CameraTable,
    /// What sharers of a screen send.
    #[serde(default)]
    pub(super) screen: ScreenTable,
    /// How the server is set up.
    #[serde(default)]
    pub(super) sfu: SfuTable,
    /// How clients are set up.
    #[serde(default)]
    pub(super) client: ClientTable,
    /// What users do besides entering, and what befalls hosts and their links.
    #[serde(default)]
    pub(super) event: Vec<EventTable>,
}

/// Somebody who takes part, or a group of them.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UserTable {
    /// Who: 1 to 64 of a-z, A-Z, 0-9, - and _.
    #[schemars(regex(pattern = "^[A-Za-z0-9_-]{1,64}$"))]
    pub(super) id: String,
    /// A name for people to read.
    pub(super) name: Option<String>,
    /// The role to enter with: a joiner may publish, a player only watches.
    pub(super) role: RoleWord,
    /// The access link, by its name in this file.
    pub(super) link: String,
    /// When to enter. Default: "0 s".
    #[serde(default)]
    pub(super) join: Option<Time>,
    /// Whether to publish the camera as soon as the user is in; joiners only. Default: false.
    #[serde(default)]
    pub(super) publish: bool,
    /// Whether to share a screen as soon as the user is in, too; joiners only. Default: false.
    #[serde(default)]
    pub(super) share: bool,
    /// Whose streams to subscribe to, now and when they come: "all", or a list of user ids and of tables that say more. Default: "all".
    #[serde(default)]
    pub(super) watch: WatchEntry,
    /// How the user speaks while it publishes: packets of its audio say how loud they are (RFC 6464). Default: they do not say.
    pub(super) voice: Option<VoiceTable>,
    /// Whose voices the user hears: "subscribed", those of the users it watches, or "loudest", those of the three loudest others, whoever they are. Default: "subscribed".
    #[serde(default)]
    pub(super) hear: HearWord,
    /// Makes this a group of so many users, called id-1, id-2 and so on; the id stands for all of them.
    #[schemars(range(min = 1, max = limits::ROOM_MEMBERS))]
    pub(super) count: Option<u32>,
    /// Time between the entries of one member of a group and the next. Default: "0 s".
    pub(super) every: Option<Time>,
}

/// A role, by its word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum RoleWord {
    Joiner,
    Player,
}

impl From<RoleWord> for Role {
    fn from(word: RoleWord) -> Self {
        match word {
            RoleWord::Joiner => Self::Joiner,
            RoleWord::Player => Self::Player,
        }
    }
}

/// What publishers send. The default is 30 pictures per second in three layers (180, 360 and 720 lines at 150, 500 and 1500 kbps) and 32 kbps of audio.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct CameraTable {
    /// Pictures per second.
    #[schemars(range(min = 1, max = 240))]
    pub(super) fps: u32,
    /// What the audio takes.
    pub(super) audio: Rate,
    /// Whether it sends video only while somebody receives it, and only the layers that anybody wishes. Default: false.
    pub(super) on_demand: bool,
    /// The video's layers, lowest first; an empty list is audio alone.
    pub(super) layers: Vec<LayerTable>,
}

impl Default for CameraTable {
    /// What browsers send for a 720p camera with three simulcast encodings (libwebrtc's simulcast.cc lists 150, 500 and 1200 to 2500 kbps as their targets) and Opus speech.
    fn default() -> Self {
        let layer = |rid: &str, height, kbps: u64| LayerTable { rid: rid.to_string(), height, rate: Rate(kbps * 1000), temporal: 1 };
        Self {
            fps: 30,
            audio: Rate(32_000),
            on_demand: false,
            layers: vec![layer("q", 180, 150), layer("h", 360, 500), layer("f", 720, 1500)],
        }
    }
}

/// What sharers of a screen send: pages that stand still, until one is turned. The default is 5 pictures per second in three layers (360, 720 and 1080 lines at 150, 500 and 1500 kbps), and a page turned every 10 s.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ScreenTable {
    /// Pictures per second.
    #[schemars(range(min = 1, max = 240))]
    pub(super) fps: u32,
    /// How often a page is turned, on average.
    pub(super) turn: Time,
    /// Whether it sends video only while somebody receives it, and only the layers that anybody wishes. Default: false.
    pub(super) on_demand: bool,
    /// The layers, lowest first; the rate is what is taken while a page comes.
    #[schemars(length(min = 1))]
    pub(super) layers: Vec<LayerTable>,
}

impl Default for ScreenTable {
    /// Five pictures a second are what libwebrtc gives screens that are shared with simulcast; the pages are those of a talk.
    fn default() -> Self {
        let layer = |rid: &str, height, kbps: u64| LayerTable { rid: rid.to_string(), height, rate: Rate(kbps * 1000), temporal: 1 };
        Self {
            fps: 5,
            turn: Time(Duration::from_secs(10)),
            on_demand: false,
            layers: vec![layer("s", 360, 150), layer("m", 720, 500), layer("l", 1080, 1500)],
        }
    }
}

/// One simulcast layer.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LayerTable {
    /// Its name: 1 to 16 letters or digits.
    #[schemars(regex(pattern = "^[A-Za-z0-9]{1,16}$"))]
    pub(super) rid: String,
    /// Height of the picture, in lines.
    #[schemars(range(min = 1, max = u16::MAX))]
    pub(super) height: u16,
    /// What it takes.
    pub(super) rate: Rate,
    /// How many temporal layers it has: 1, 2 or 3. Default: 1.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 3))]
    pub(super) temporal: u8,
}

const fn one() -> u8 {
    1
}

/// How the server is set up.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct SfuTable {
    /// How long a member's place is kept while its connection is away. Default: "30 s".
    pub(super) reconnect_window: Time,
    /// Where the estimate of what a viewer can receive begins. Default: "300 kbps", where libwebrtc begins.
    pub(super) start_estimate: Rate,
    /// Which rule shares a viewer's connection among videos: greenroom's, or that of another server to compare it with. Default: "chain".
    pub(super) policy: PolicyWord,
}

impl Default for SfuTable {
    fn default() -> Self {
        Self { reconnect_window: Time(limits::RECONNECT_WINDOW), start_estimate: Rate(300_000), policy: PolicyWord::Chain }
    }
}

/// A rule that shares a connection: greenroom's own, Jitsi Videobridge's, `LiveKit`'s or mediasoup's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum PolicyWord {
    Chain,
    Jvb,
    Livekit,
    Mediasoup,
}

/// How clients are set up.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ClientTable {
    /// What a client does when the place that was kept for it is gone: it gives up, or keeps trying and enters anew. Default: "give_up".
    pub(super) after_window: AfterWindowWord,
}

impl Default for ClientTable {
    fn default() -> Self {
        Self { after_window: AfterWindowWord::GiveUp }
    }
}

/// What a client does when its place is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum AfterWindowWord {
    GiveUp,
    KeepTrying,
}

impl From<AfterWindowWord> for AfterWindow {
    fn from(word: AfterWindowWord) -> Self {
        match word {
            AfterWindowWord::GiveUp => Self::GiveUp,
            AfterWindowWord::KeepTrying => Self::KeepTrying,
        }
    }
}

/// Something that a user does, or that befalls a host, at a time.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EventTable {
    /// When.
    pub(super) at: Time,
    /// For what a user does, who: a user's id, or a group's.
    pub(super) user: Option<String>,
    /// For a fault, whom it befalls: "sfu", a user's id, or a group's.
    pub(super) host: Option<String>,
    /// What.
    #[serde(rename = "do")]
    pub(super) what: Deed,
    /// For switch_role: the role to take.
    pub(super) role: Option<RoleWord>,
    /// For mute and unmute: whether the audio is meant. Default: false.
    pub(super) audio: Option<bool>,
    /// For mute and unmute: whether the video is meant. Default: false.
    pub(super) video: Option<bool>,
    /// For watch: what to watch from here on, in place of all that was watched before.
    pub(super) watch: Option<WatchEntry>,
    /// For crash, pause, partition and hold: how long it lasts. A crash without it is for good.
    #[serde(rename = "for")]
    pub(super) lasts: Option<Time>,
    /// For partition and hold: which direction of the host's link. Default: "both".
    pub(super) direction: Option<DirectionWord>,
    /// For crash: whether nobody is told, as when the machine loses its power. Default: false, the process dies and its connections are closed.
    pub(super) silent: Option<bool>,
    /// For half_open: which end goes on believing that the connection stands. Default: "server".
    pub(super) believer: Option<BelieverWord>,
    /// For clock: how fast it is from here on; below zero it is slow.
    pub(super) drift: Option<Drift>,
    /// For clock: how far it leaps ahead. Default: "0 s".
    pub(super) leap: Option<Time>,
}

/// A direction of a link, or both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum DirectionWord {
    Up,
    Down,
    Both,
}

impl From<DirectionWord> for Ways {
    fn from(word: DirectionWord) -> Self {
        Self { up: word != DirectionWord::Down, down: word != DirectionWord::Up }
    }
}

/// An end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum BelieverWord {
    Server,
    Client,
}

impl From<BelieverWord> for Believer {
    fn from(word: BelieverWord) -> Self {
        match word {
            BelieverWord::Server => Self::Server,
            BelieverWord::Client => Self::Client,
        }
    }
}

/// What a user can do, and what can befall a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Deed {
    Publish,
    Unpublish,
    Share,
    Unshare,
    Watch,
    SwitchRole,
    Mute,
    Unmute,
    Leave,
    Join,
    Crash,
    Pause,
    Partition,
    Hold,
    Close,
    HalfOpen,
    Rebind,
    Move,
    Clock,
}

impl Deed {
    /// Its word in the file.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Unpublish => "unpublish",
            Self::Share => "share",
            Self::Unshare => "unshare",
            Self::Watch => "watch",
            Self::SwitchRole => "switch_role",
            Self::Mute => "mute",
            Self::Unmute => "unmute",
            Self::Leave => "leave",
            Self::Join => "join",
            Self::Crash => "crash",
            Self::Pause => "pause",
            Self::Partition => "partition",
            Self::Hold => "hold",
            Self::Close => "close",
            Self::HalfOpen => "half_open",
            Self::Rebind => "rebind",
            Self::Move => "move",
            Self::Clock => "clock",
        }
    }

    /// Whether it befalls a host, rather than being done by a user.
    pub(super) const fn is_fault(self) -> bool {
        match self {
            Self::Publish
            | Self::Unpublish
            | Self::Share
            | Self::Unshare
            | Self::Watch
            | Self::SwitchRole
            | Self::Mute
            | Self::Unmute
            | Self::Leave
            | Self::Join => false,
            Self::Crash
            | Self::Pause
            | Self::Partition
            | Self::Hold
            | Self::Close
            | Self::HalfOpen
            | Self::Rebind
            | Self::Move
            | Self::Clock => true,
        }
    }
}
