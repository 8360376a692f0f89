//! The file as it is written: one type per table, one field per key. The sentences on the fields are the schema's descriptions.

use core::{fmt, time::Duration};
use std::{borrow::Cow, collections::BTreeMap};

use greenroom_core::{limits, role::Role, session::AfterWindow};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer,
    de::{
        MapAccess, SeqAccess, Visitor,
        value::{MapAccessDeserializer, SeqAccessDeserializer},
    },
};

use super::{
    fault::{Believer, Ways},
    quantity::{Drift, QueueSize, Rate, RateLimit, Share, Size, Time},
    voice::{HearWord, VoiceTable},
    watch::WatchEntry,
};
use crate::net::{
    fq_codel::FLOWS_MAX,
    nat::{Dependence, NatConfig},
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

/// Declares a table that describes a link: the keys that both directions share, and `extra` ones.
macro_rules! link_table {
    ($(#[$doc:meta])* $name:ident { $($extra:tt)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub(super) struct $name {
            /// Capacity: one rate, or a list of steps. Without it the link is not limited.
            pub(super) rate: Option<RateEntry>,
            /// A file of recorded capacity in place of a rate: opportunities of 1500 bytes, one time in milliseconds a line (Mahimahi's format). The path counts from the scenario file.
            pub(super) trace: Option<String>,
            /// How much may wait for a limited link before packets are dropped: a time, a size, a number of packets, or "unlimited"; or a table with the kind of queue. Default: "300 ms".
            pub(super) queue: Option<QueueEntry>,
            /// Delays what exceeds a rate: a token bucket behind the queue.
            pub(super) shaper: Option<BucketTable>,
            /// Drops what exceeds a rate: a token bucket before the queue.
            pub(super) policer: Option<BucketTable>,
            /// Propagation delay, one way; at least 3 ms.
            pub(super) delay: Option<Time>,
            /// Most that is added to the delay, uniform from zero, packets keeping their order; or a table with the kind of jitter. Default: "0 ms".
            pub(super) jitter: Option<JitterEntry>,
            /// Chance of a packet to be lost after it was sent, each packet for itself; or a table with the kind of loss. Default: "0 %".
            pub(super) loss: Option<LossEntry>,
            /// Chance of a packet to arrive twice. Default: "0 %".
            pub(super) duplicate: Option<Share>,
            /// Packets that come late, so that others overtake them.
            pub(super) reorder: Option<ReorderTable>,
            /// What each packet takes on the wire besides its UDP payload. Default: "28 B", IPv4 and UDP.
            pub(super) overhead: Option<Size>,
            /// The largest packet that the link takes, overhead included; larger ones are dropped. Default: it takes all.
            pub(super) mtu: Option<Size>,
            /// Times in which nothing that enters the link arrives.
            pub(super) outages: Option<Vec<OutageTable>>,
            /// Times in which nothing arrives; what would, arrives afterwards, all at once and in order.
            pub(super) holds: Option<Vec<OutageTable>>,
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
        /// What translates addresses between the user's network and the link. Without it the user has an address of its own.
        pub(super) nat: Option<NatTable>,
        /// The shared line that the link's users stand behind, by its name. Without it their links end at the server.
        pub(super) behind: Option<String>,
    }
);
link_table!(
    /// A line that everybody shares whose link is behind it. Its keys hold for both directions; `up` and `down` say what differs in one.
    SharedTable {
        /// What differs towards the server.
        #[serde(default)]
        pub(super) up: DirectionTable,
        /// What differs from the server.
        #[serde(default)]
        pub(super) down: DirectionTable,
    }
);
link_table!(
    /// One direction of an access link, or of a shared line.
    DirectionTable {}
);

/// Declares what a table says for both directions.
macro_rules! common {
    ($($name:ident),*) => { $(
        impl $name {
            /// The keys that can stand for a direction as well as for both.
            pub(super) fn common(&self) -> DirectionTable {
                let Self {
                    rate, trace, queue, shaper, policer, delay, jitter, loss, duplicate, reorder, overhead, mtu, outages, holds, ..
                } = self.clone();
                DirectionTable { rate, trace, queue, shaper, policer, delay, jitter, loss, duplicate, reorder, overhead, mtu, outages, holds }
            }
        }
    )* };
}
common!(LinkTable, SharedTable);

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

/// Declares an entry that is a quantity or a table.
macro_rules! quantity_or_table {
    ($(#[$doc:meta])* $name:ident, $quantity:ident, $table:ident, $schema_name:literal, $expecting:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub(super) enum $name {
            Plain($quantity),
            Table($table),
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Either;
                impl<'de> Visitor<'de> for Either {
                    type Value = $name;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($expecting)
                    }
                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$name, E> {
                        $quantity::read(text).map($name::Plain).map_err(E::custom)
                    }
                    fn visit_map<A: MapAccess<'de>>(self, table: A) -> Result<$name, A::Error> {
                        $table::deserialize(MapAccessDeserializer::new(table)).map($name::Table)
                    }
                }
                deserializer.deserialize_any(Either)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                $schema_name.into()
            }
            fn json_schema(generator: &mut SchemaGenerator) -> Schema {
                json_schema!({ "anyOf": [generator.subschema_for::<$quantity>(), generator.subschema_for::<$table>()] })
            }
        }
    };
}

quantity_or_table!(
    /// How much may wait, or what kind of queue it is.
    QueueEntry, QueueSize, QueueTable, "QueueSizeOrKind", "how much may wait, or a table"
);
quantity_or_table!(
    /// The most jitter, or what kind of jitter it is.
    JitterEntry, Time, JitterTable, "TimeOrJitter", "a time or a table"
);
quantity_or_table!(
    /// The share that is lost, or what kind of loss it is.
    LossEntry, Share, LossTable, "ShareOrLoss", "a share or a table"
);

/// A queue of some kind.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct QueueTable {
    /// What decides: "drop_tail", "codel" or "fq_codel".
    pub(super) kind: QueueKind,
    /// How much may wait. Default: "300 ms" for drop_tail, "unlimited" for codel, "10240 packets" for fq_codel.
    pub(super) limit: Option<QueueSize>,
    /// For codel and fq_codel: a wait that is always fine. Default: "5 ms".
    pub(super) target: Option<Time>,
    /// For codel and fq_codel: how long waits may be above it. Default: "100 ms".
    pub(super) interval: Option<Time>,
    /// For fq_codel: what a flow may send a turn. Default: "1514 B".
    pub(super) quantum: Option<Size>,
    /// For fq_codel: how many queues there are. Default: 1024.
    #[schemars(range(min = 1, max = FLOWS_MAX))]
    pub(super) flows: Option<u32>,
}

/// A kind of queue, by its word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum QueueKind {
    DropTail,
    #[serde(rename = "codel")]
    CoDel,
    #[serde(rename = "fq_codel")]
    FqCoDel,
}

/// Jitter of some kind.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct JitterTable {
    /// How it is distributed: "uniform", "normal" or "rfc8868".
    pub(super) kind: JitterKind,
    /// For uniform: the least. Default: "0 ms".
    pub(super) least: Option<Time>,
    /// For uniform: the most. For the others: where the distribution is cut; default three times the deviation.
    pub(super) most: Option<Time>,
    /// For normal and rfc8868: the standard deviation. Default for rfc8868: "5 ms".
    pub(super) deviation: Option<Time>,
    /// Whether packets may overtake each other. Default: false.
    #[serde(default)]
    pub(super) reorder: bool,
}

/// A kind of jitter, by its word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum JitterKind {
    Uniform,
    Normal,
    Rfc8868,
}

/// Loss of some kind.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LossTable {
    /// How packets are lost: "independent", "correlated", "gilbert", "gilbert_elliott" or "four_state".
    pub(super) kind: LossKind,
    /// For independent and correlated: the chance of a packet.
    pub(super) share: Option<Share>,
    /// For correlated: how much a loss attracts the next. The share stays what it is.
    pub(super) correlation: Option<Share>,
    /// For gilbert and gilbert_elliott: the chance of each packet that a good time ends.
    pub(super) enter: Option<Share>,
    /// For gilbert and gilbert_elliott: the chance of each packet that a bad time ends; bad times last 1 / leave packets.
    pub(super) leave: Option<Share>,
    /// For gilbert_elliott: the chance of loss in good times. Default: "0 %".
    pub(super) good: Option<Share>,
    /// For gilbert_elliott: the chance of loss in bad times. Default: "100 %".
    pub(super) bad: Option<Share>,
    /// For four_state: from receiving to a burst.
    pub(super) p13: Option<Share>,
    /// For four_state: from a loss to the burst's end.
    pub(super) p31: Option<Share>,
    /// For four_state: from a loss to receiving within the burst.
    pub(super) p32: Option<Share>,
    /// For four_state: from receiving within a burst to loss.
    pub(super) p23: Option<Share>,
    /// For four_state: from receiving to a single loss.
    pub(super) p14: Option<Share>,
}

/// A kind of loss, by its word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum LossKind {
    Independent,
    Correlated,
    Gilbert,
    GilbertElliott,
    FourState,
}

/// A token bucket.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BucketTable {
    /// How fast tokens come back.
    pub(super) rate: Rate,
    /// How many it holds; a larger packet never goes.
    pub(super) burst: Size,
}

/// Packets that come late.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ReorderTable {
    /// The chance of a packet.
    pub(super) share: Share,
    /// By how much.
    pub(super) by: Time,
}

/// A time in which nothing that enters the link arrives; or, as a hold, in which nothing arrives yet.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OutageTable {
    /// When it begins.
    pub(super) from: Time,
    /// When it ends.
    pub(super) to: Time,
}

/// How a network address translator behaves, by RFC 4787.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct NatTable {
    /// What decides whether an inside address's mapping is used again (section 4.1). Default: "endpoint_independent".
    pub(super) mapping: DependenceWord,
    /// Who may send to a mapping: everybody, addresses that it has sent to, or addresses and ports (section 5). Default: "address_dependent".
    pub(super) filtering: DependenceWord,
    /// How long a mapping that is not used is kept (section 4.3). Default: "120 s".
    pub(super) timeout: Time,
    /// Whether what enters counts as use. Default: false.
    pub(super) inbound_refreshes: bool,
}

impl Default for NatTable {
    fn default() -> Self {
        let NatConfig { timeout, inbound_refreshes, .. } = NatConfig::default();
        Self {
            mapping: DependenceWord::EndpointIndependent,
            filtering: DependenceWord::AddressDependent,
            timeout: Time(timeout),
            inbound_refreshes,
        }
    }
}

/// What of the outside endpoint a behaviour depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum DependenceWord {
    EndpointIndependent,
    AddressDependent,
    AddressAndPortDependent,
}

impl From<DependenceWord> for Dependence {
    fn from(word: DependenceWord) -> Self {
        match word {
            DependenceWord::EndpointIndependent => Self::EndpointIndependent,
            DependenceWord::AddressDependent => Self::AddressDependent,
            DependenceWord::AddressAndPortDependent => Self::AddressAndPortDependent,
        }
    }
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
