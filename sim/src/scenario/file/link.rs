//! What a file says of links: access links, shared lines, and one direction of either.

use core::fmt;
use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer,
    de::{
        MapAccess, SeqAccess, Visitor,
        value::{MapAccessDeserializer, SeqAccessDeserializer},
    },
};

use super::super::quantity::{QueueSize, Rate, RateLimit, Share, Size, Time};
use crate::net::{
    fq_codel::FLOWS_MAX,
    nat::{Dependence, NatConfig},
};

/// Declares a table that describes a link: the keys that both directions share, and `extra` ones.
macro_rules! link_table {
    ($(#[$doc:meta])* $name:ident { $($extra:tt)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub(in crate::scenario) struct $name {
            /// Capacity: one rate, or a list of steps. Without it the link is not limited.
            pub(in crate::scenario) rate: Option<RateEntry>,
            /// A file of recorded capacity in place of a rate: opportunities of 1500 bytes, one time in milliseconds a line (Mahimahi's format). The path counts from the scenario file.
            pub(in crate::scenario) trace: Option<String>,
            /// How much may wait for a limited link before packets are dropped: a time, a size, a number of packets, or "unlimited"; or a table with the kind of queue. Default: "300 ms".
            pub(in crate::scenario) queue: Option<QueueEntry>,
            /// Delays what exceeds a rate: a token bucket behind the queue.
            pub(in crate::scenario) shaper: Option<BucketTable>,
            /// Drops what exceeds a rate: a token bucket before the queue.
            pub(in crate::scenario) policer: Option<BucketTable>,
            /// Propagation delay, one way; at least 3 ms.
            pub(in crate::scenario) delay: Option<Time>,
            /// Most that is added to the delay, uniform from zero, packets keeping their order; or a table with the kind of jitter. Default: "0 ms".
            pub(in crate::scenario) jitter: Option<JitterEntry>,
            /// Chance of a packet to be lost after it was sent, each packet for itself; or a table with the kind of loss. Default: "0 %".
            pub(in crate::scenario) loss: Option<LossEntry>,
            /// Chance of a packet to arrive twice. Default: "0 %".
            pub(in crate::scenario) duplicate: Option<Share>,
            /// Packets that come late, so that others overtake them.
            pub(in crate::scenario) reorder: Option<ReorderTable>,
            /// What each packet takes on the wire besides its UDP payload. Default: "28 B", IPv4 and UDP.
            pub(in crate::scenario) overhead: Option<Size>,
            /// The largest packet that the link takes, overhead included; larger ones are dropped. Default: it takes all.
            pub(in crate::scenario) mtu: Option<Size>,
            /// Times in which nothing that enters the link arrives.
            pub(in crate::scenario) outages: Option<Vec<OutageTable>>,
            /// Times in which nothing arrives; what would, arrives afterwards, all at once and in order.
            pub(in crate::scenario) holds: Option<Vec<OutageTable>>,
            $($extra)*
        }
    };
}

link_table!(
    /// An access link. Its keys hold for both directions; `up` and `down` say what differs in one.
    LinkTable {
        /// What differs towards the server.
        #[serde(default)]
        pub(in crate::scenario) up: DirectionTable,
        /// What differs from the server.
        #[serde(default)]
        pub(in crate::scenario) down: DirectionTable,
        /// What translates addresses between the user's network and the link. Without it the user has an address of its own.
        pub(in crate::scenario) nat: Option<NatTable>,
        /// The shared line that the link's users stand behind, by its name. Without it their links end at the server.
        pub(in crate::scenario) behind: Option<String>,
    }
);
link_table!(
    /// A line that everybody shares whose link is behind it. Its keys hold for both directions; `up` and `down` say what differs in one.
    SharedTable {
        /// What differs towards the server.
        #[serde(default)]
        pub(in crate::scenario) up: DirectionTable,
        /// What differs from the server.
        #[serde(default)]
        pub(in crate::scenario) down: DirectionTable,
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
            pub(in crate::scenario) fn common(&self) -> DirectionTable {
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
pub(in crate::scenario) enum RateEntry {
    Constant(RateLimit),
    Steps(Vec<StepTable>),
}

/// From a time on, a rate.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct StepTable {
    /// From when on; the first step is at "0 s".
    pub(in crate::scenario) at: Time,
    /// The rate; "0 bps" stands still until the next step.
    pub(in crate::scenario) is: RateLimit,
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
        pub(in crate::scenario) enum $name {
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
pub(in crate::scenario) struct QueueTable {
    /// What decides: "drop_tail", "codel" or "fq_codel".
    pub(in crate::scenario) kind: QueueKind,
    /// How much may wait. Default: "300 ms" for drop_tail, "unlimited" for codel, "10240 packets" for fq_codel.
    pub(in crate::scenario) limit: Option<QueueSize>,
    /// For codel and fq_codel: a wait that is always fine. Default: "5 ms".
    pub(in crate::scenario) target: Option<Time>,
    /// For codel and fq_codel: how long waits may be above it. Default: "100 ms".
    pub(in crate::scenario) interval: Option<Time>,
    /// For fq_codel: what a flow may send a turn. Default: "1514 B".
    pub(in crate::scenario) quantum: Option<Size>,
    /// For fq_codel: how many queues there are. Default: 1024.
    #[schemars(range(min = 1, max = FLOWS_MAX))]
    pub(in crate::scenario) flows: Option<u32>,
}

/// A kind of queue, by its word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::scenario) enum QueueKind {
    DropTail,
    #[serde(rename = "codel")]
    CoDel,
    #[serde(rename = "fq_codel")]
    FqCoDel,
}

/// Jitter of some kind.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct JitterTable {
    /// How it is distributed: "uniform", "normal" or "rfc8868".
    pub(in crate::scenario) kind: JitterKind,
    /// For uniform: the least. Default: "0 ms".
    pub(in crate::scenario) least: Option<Time>,
    /// For uniform: the most. For the others: where the distribution is cut; default three times the deviation.
    pub(in crate::scenario) most: Option<Time>,
    /// For normal and rfc8868: the standard deviation. Default for rfc8868: "5 ms".
    pub(in crate::scenario) deviation: Option<Time>,
    /// Whether packets may overtake each other. Default: false.
    #[serde(default)]
    pub(in crate::scenario) reorder: bool,
}

/// A kind of jitter, by its word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::scenario) enum JitterKind {
    Uniform,
    Normal,
    Rfc8868,
}

/// Loss of some kind.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct LossTable {
    /// How packets are lost: "independent", "correlated", "gilbert", "gilbert_elliott" or "four_state".
    pub(in crate::scenario) kind: LossKind,
    /// For independent and correlated: the chance of a packet.
    pub(in crate::scenario) share: Option<Share>,
    /// For correlated: how much a loss attracts the next. The share stays what it is.
    pub(in crate::scenario) correlation: Option<Share>,
    /// For gilbert and gilbert_elliott: the chance of each packet that a good time ends.
    pub(in crate::scenario) enter: Option<Share>,
    /// For gilbert and gilbert_elliott: the chance of each packet that a bad time ends; bad times last 1 / leave packets.
    pub(in crate::scenario) leave: Option<Share>,
    /// For gilbert_elliott: the chance of loss in good times. Default: "0 %".
    pub(in crate::scenario) good: Option<Share>,
    /// For gilbert_elliott: the chance of loss in bad times. Default: "100 %".
    pub(in crate::scenario) bad: Option<Share>,
    /// For four_state: from receiving to a burst.
    pub(in crate::scenario) p13: Option<Share>,
    /// For four_state: from a loss to the burst's end.
    pub(in crate::scenario) p31: Option<Share>,
    /// For four_state: from a loss to receiving within the burst.
    pub(in crate::scenario) p32: Option<Share>,
    /// For four_state: from receiving within a burst to loss.
    pub(in crate::scenario) p23: Option<Share>,
    /// For four_state: from receiving to a single loss.
    pub(in crate::scenario) p14: Option<Share>,
}

/// A kind of loss, by its word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::scenario) enum LossKind {
    Independent,
    Correlated,
    Gilbert,
    GilbertElliott,
    FourState,
}

/// A token bucket.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct BucketTable {
    /// How fast tokens come back.
    pub(in crate::scenario) rate: Rate,
    /// How many it holds; a larger packet never goes.
    pub(in crate::scenario) burst: Size,
}

/// Packets that come late.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct ReorderTable {
    /// The chance of a packet.
    pub(in crate::scenario) share: Share,
    /// By how much.
    pub(in crate::scenario) by: Time,
}

/// A time in which nothing that enters the link arrives; or, as a hold, in which nothing arrives yet.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct OutageTable {
    /// When it begins.
    pub(in crate::scenario) from: Time,
    /// When it ends.
    pub(in crate::scenario) to: Time,
}

/// How a network address translator behaves, by RFC 4787.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::scenario) struct NatTable {
    /// What decides whether an inside address's mapping is used again (section 4.1). Default: "endpoint_independent".
    pub(in crate::scenario) mapping: DependenceWord,
    /// Who may send to a mapping: everybody, addresses that it has sent to, or addresses and ports (section 5). Default: "address_dependent".
    pub(in crate::scenario) filtering: DependenceWord,
    /// How long a mapping that is not used is kept (section 4.3). Default: "120 s".
    pub(in crate::scenario) timeout: Time,
    /// Whether what enters counts as use. Default: false.
    pub(in crate::scenario) inbound_refreshes: bool,
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
pub(in crate::scenario) enum DependenceWord {
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
