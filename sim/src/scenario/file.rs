//! The file as it is written: one type per table, one field per key. The sentences on the fields are the schema's descriptions.

use core::fmt;
use std::{borrow::Cow, collections::BTreeMap};

use greenroom_core::{limits, role::Role};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer,
    de::{SeqAccess, Visitor, value::SeqAccessDeserializer},
};

use super::quantity::{QueueSize, Rate, RateLimit, Share, Size, Time};

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
    /// Who takes part.
    #[serde(default)]
    pub(super) user: Vec<UserTable>,
    /// What publishers send.
    #[serde(default)]
    pub(super) camera: CameraTable,
    /// How the server is set up.
    #[serde(default)]
    pub(super) sfu: SfuTable,
    /// What users do besides entering.
    #[serde(default)]
    pub(super) event: Vec<EventTable>,
}

/// Declares a table that describes a link: the keys that both directions share, and `extra` ones.
macro_rules! link_table {
    ($(#[$doc:meta])* $name:ident { $($extra:tt)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub(super) struct $name {
            /// Capacity: one rate, or a list of steps. Without it the link is not limited.
            pub(super) rate: Option<RateEntry>,
            /// How much may wait for a limited link before packets are dropped: a time, a size, a number of packets, or "unlimited". Default: "300 ms".
            pub(super) queue: Option<QueueSize>,
            /// Propagation delay, one way; at least 3 ms.
            pub(super) delay: Option<Time>,
            /// Most that is added to the delay, uniform from zero; packets keep their order. Default: "0 ms".
            pub(super) jitter: Option<Time>,
            /// Chance of a packet to be lost after it was sent, each packet for itself. Default: "0 %".
            pub(super) loss: Option<Share>,
            /// What each packet takes on the wire besides its UDP payload. Default: "28 B", IPv4 and UDP.
            pub(super) overhead: Option<Size>,
            /// Times in which nothing that enters the link arrives.
            pub(super) outages: Option<Vec<OutageTable>>,
            $($extra)*
        }
    };
}

link_table!(
    /// An access link. Its keys hold for both directions; `up` and `down` say what differs in one.
    LinkTable {
        /// What differs towards the server.
        #[serde(default)]
        pub(super) up: DirectionTable,
        /// What differs from the server.
        #[serde(default)]
        pub(super) down: DirectionTable,
    }
);
link_table!(
    /// One direction of an access link.
    DirectionTable {}
);

/// A rate: constant, or in steps.
#[derive(Clone, Debug)]
pub(super) enum RateEntry {
    Constant(RateLimit),
    Steps(Vec<StepTable>),
}

/// From a time on, a rate.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StepTable {
    /// From when on; the first step is at "0 s".
    pub(super) at: Time,
    /// The rate; "0 bps" stands still until the next step.
    pub(super) is: RateLimit,
}

impl<'de> Deserialize<'de> for RateEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = RateEntry;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a rate or a list of steps")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<RateEntry, E> {
                RateLimit::read(text).map(RateEntry::Constant).map_err(E::custom)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, steps: A) -> Result<RateEntry, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(steps)).map(RateEntry::Steps)
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl JsonSchema for RateEntry {
    fn schema_name() -> Cow<'static, str> {
        "RateOrSteps".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let step = generator.subschema_for::<StepTable>();
        json_schema!({ "anyOf": [
            generator.subschema_for::<RateLimit>(),
            { "type": "array", "title": "a list of steps", "items": step, "minItems": 1 },
        ] })
    }
}

/// A time in which nothing that enters the link arrives.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OutageTable {
    /// When it begins.
    pub(super) from: Time,
    /// When it ends.
    pub(super) to: Time,
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
    /// Whose streams to subscribe to, now and when they come: "all" or a list of user ids. Default: "all".
    #[serde(default)]
    pub(super) watch: WatchEntry,
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

/// Whose streams to subscribe to.
#[derive(Clone, Debug, Default)]
pub(super) enum WatchEntry {
    #[default]
    All,
    Users(Vec<String>),
}

/// The word for everybody.
const ALL: &str = "all";

impl<'de> Deserialize<'de> for WatchEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = WatchEntry;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"all\" or a list of user ids")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<WatchEntry, E> {
                if text == ALL { Ok(WatchEntry::All) } else { Err(E::invalid_value(serde::de::Unexpected::Str(text), &self)) }
            }
            fn visit_seq<A: SeqAccess<'de>>(self, users: A) -> Result<WatchEntry, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(users)).map(WatchEntry::Users)
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl JsonSchema for WatchEntry {
    fn schema_name() -> Cow<'static, str> {
        "Watch".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [
            { "type": "string", "const": ALL },
            { "type": "array", "title": "a list of user ids", "items": { "type": "string", "title": "a user id", "examples": ["ada"] } },
        ] })
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
    /// The video's layers, lowest first; an empty list is audio alone.
    pub(super) layers: Vec<LayerTable>,
}

impl Default for CameraTable {
    /// What browsers send for a 720p camera with three simulcast encodings (libwebrtc's simulcast.cc lists 150, 500 and 1200 to 2500 kbps as their targets) and Opus speech.
    fn default() -> Self {
        let layer = |rid: &str, height, kbps: u64| LayerTable { rid: rid.to_string(), height, rate: Rate(kbps * 1000), temporal: 1 };
        Self { fps: 30, audio: Rate(32_000), layers: vec![layer("q", 180, 150), layer("h", 360, 500), layer("f", 720, 1500)] }
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
}

impl Default for SfuTable {
    fn default() -> Self {
        Self { reconnect_window: Time(limits::RECONNECT_WINDOW), start_estimate: Rate(300_000) }
    }
}

/// Something that a user does at a time.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EventTable {
    /// When.
    pub(super) at: Time,
    /// Who: a user's id, or a group's.
    pub(super) user: String,
    /// What.
    #[serde(rename = "do")]
    pub(super) what: Deed,
    /// For switch_role: the role to take.
    pub(super) role: Option<RoleWord>,
    /// For mute and unmute: whether the audio is meant. Default: false.
    pub(super) audio: Option<bool>,
    /// For mute and unmute: whether the video is meant. Default: false.
    pub(super) video: Option<bool>,
}

/// What a user can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Deed {
    Publish,
    Unpublish,
    SwitchRole,
    Mute,
    Unmute,
    Leave,
    Join,
}

impl Deed {
    /// Its word in the file.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Unpublish => "unpublish",
            Self::SwitchRole => "switch_role",
            Self::Mute => "mute",
            Self::Unmute => "unmute",
            Self::Leave => "leave",
            Self::Join => "join",
        }
    }
}
