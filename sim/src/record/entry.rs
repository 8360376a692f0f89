//! One thing that happened, with its time: a line of `events.jsonl`.

use std::fmt;

use greenroom_core::{
    code::Code,
    id::{Rid, UserId},
    quality::{Reason, Verdict},
    role::Role,
    stream::{BitsPerSecond, StreamKind},
    time::Instant,
};
use serde::{Serialize, Serializer, ser::SerializeMap};

/// A stream as people name it: `ada/main`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamName {
    /// Who publishes it.
    pub user: UserId,
    /// Which of the user's streams.
    pub kind: StreamKind,
}

impl fmt::Display for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.user, self.kind.name())
    }
}

impl Serialize for StreamName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Which way a link carries: to the server or from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// From a client to the server.
    Up,
    /// From the server to a client.
    Down,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// When, in nanoseconds of virtual time.
    #[serde(rename = "t_ns", serialize_with = "nanos")]
    pub at: Instant,
    /// Who saw it or whom it is about; for a decision, whose plan it changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
    /// What it was.
    #[serde(flatten)]
    pub what: What,
}

/// A level with its reason: `{"level":4,"reason":"loss","loss_ppm":80000}`. What has no value has none.
fn verdict<S: Serializer>(Verdict { level, reason }: &Verdict, serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(None)?;
    map.serialize_entry("level", &level.number())?;
    map.serialize_entry("reason", reason.name())?;
    match reason {
        Reason::Clear | Reason::Unmeasured | Reason::Disconnected => {}
        Reason::Loss(share) => map.serialize_entry("loss_ppm", &share.millionths())?,
        Reason::Delay { rtt_us } => map.serialize_entry("rtt_us", rtt_us)?,
        Reason::Jitter { jitter_us } => map.serialize_entry("jitter_us", jitter_us)?,
        Reason::Rate(share) => map.serialize_entry("rate_ppm", &share.millionths())?,
        Reason::Freeze(share) => map.serialize_entry("freeze_ppm", &share.millionths())?,
    }
    map.end()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over references")]
fn nanos<S: Serializer>(at: &Instant, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(at.as_nanos())
}

/// What happened. The first group is the room's story as one user saw it; the second is the connection; the third are decisions with their reasons; the last is the network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum What {
    /// The user is in the room.
    Joined {
        /// The role that was granted.
        role: Role,
    },
    /// Somebody else entered.
    PeerJoined {
        /// Who.
        peer: UserId,
    },
    /// Somebody else left.
    PeerLeft {
        /// Who.
        peer: UserId,
        /// Why: SparkRTC's table 3-6.
        reason: u8,
    },
    /// Somebody publishes a stream.
    StreamAdded {
        /// The stream.
        stream: StreamName,
    },
    /// A stream is published no longer.
    StreamRemoved {
        /// The stream.
        stream: StreamName,
    },
    /// A stream's owner muted or unmuted a part of it.
    StreamMuted {
        /// The stream.
        stream: StreamName,
        /// Whether its audio is muted.
        audio: bool,
        /// Whether its video is muted.
        video: bool,
    },
    /// The user publishes a stream.
    Published {
        /// The stream.
        stream: StreamName,
    },
    /// The user publishes a stream no longer.
    Unpublished {
        /// The stream.
        stream: StreamName,
    },
    /// The user receives a stream, or more of it.
    Subscribed {
        /// The stream.
        stream: StreamName,
    },
    /// The user receives a stream no longer, or less of it.
    Unsubscribed {
        /// The stream.
        stream: StreamName,
    },
    /// The user took another role.
    RoleChanged {
        /// The role.
        role: Role,
    },
    /// Something the user asked for was refused or came to nothing.
    Failed {
        /// What was asked for.
        call: &'static str,
        /// Why it failed.
        code: Code,
    },
    /// The user left the room.
    Left,
    /// The user was removed from the room.
    Removed {
        /// Why.
        code: Code,
    },

    /// The user asked to enter the room.
    JoinCalled,
    /// The user asked to receive a stream.
    SubscribeCalled {
        /// The stream.
        stream: StreamName,
    },
    /// The signalling connection was lost; attempts to restore it begin.
    Interrupted {
        /// How the loss was noticed.
        code: Code,
    },
    /// The signalling connection is back, and with it the session.
    Restored {
        /// How long it was away, in milliseconds.
        after_ms: u64,
    },
    /// The media connection stands.
    MediaConnected {
        /// Time since the user asked to join, in milliseconds.
        after_ms: u64,
    },
    /// The first picture of a stream arrived whole.
    FirstFrame {
        /// The stream.
        stream: StreamName,
        /// Time since the user subscribed, in milliseconds.
        after_ms: u64,
    },
    /// No picture of a stream could be shown for a while.
    Freeze {
        /// The stream.
        stream: StreamName,
        /// How long, in milliseconds. The entry stands at its end.
        duration_ms: u64,
    },
    /// The user's client found its connection better or worse than before, in one direction or both.
    NetworkQuality {
        /// The way to the server: how good it is, and why.
        #[serde(serialize_with = "verdict")]
        up: Verdict,
        /// The way from the server.
        #[serde(serialize_with = "verdict")]
        down: Verdict,
    },

    /// The server decided that a viewer is to get another layer of a stream, or none.
    Layer {
        /// The stream.
        stream: StreamName,
        /// The layer decided before.
        from: Option<Rid>,
        /// The layer decided now.
        to: Option<Rid>,
        /// Why, in words.
        reason: String,
        /// The viewer's estimate at the time, in bits per second; none before the first one.
        estimate_bps: Option<BitsPerSecond>,
        /// What the viewer's whole allocation needs after the decision, in bits per second.
        allocated_bps: BitsPerSecond,
    },
    /// A viewer's stream went over to the decided layer, at a key frame.
    Switched {
        /// The stream.
        stream: StreamName,
        /// The layer before; none at the beginning.
        from: Option<Rid>,
        /// The layer now.
        to: Rid,
        /// Time since the decision, in milliseconds.
        waited_ms: u64,
    },
    /// The server asked a publisher for a key frame.
    KeyFrameRequested {
        /// The stream.
        stream: StreamName,
        /// The layer.
        layer: Rid,
        /// Why, in words.
        reason: String,
    },

    /// A link's capacity changed.
    Capacity {
        /// Which way.
        direction: Direction,
        /// The capacity from here on, in bits per second; none when it is not limited.
        rate_bps: Option<BitsPerSecond>,
    },
    /// A link carries nothing from here on.
    OutageBegan,
    /// A link carries again.
    OutageEnded,
    /// A fault that the scenario asks for began.
    FaultBegan {
        /// What it is, by the scenario's word for it.
        fault: &'static str,
        /// Whom it befell: `sfu`, or a user's id.
        host: String,
        /// The direction of the link, for what befalls links.
        #[serde(skip_serializing_if = "Option::is_none")]
        direction: Option<&'static str>,
        /// How often it struck: datagrams and messages that it swallowed, held or delayed, connections that it ended, processes that it killed.
        struck: u64,
    },
    /// A fault was over.
    FaultEnded {
        /// What it was.
        fault: &'static str,
        /// Whom it befell.
        host: String,
    },
}

impl What {
    /// Whether it belongs to the room's story: membership, roles, streams, mutes and removals as one user saw them.
    pub fn is_story(&self) -> bool {
        match self {
            Self::Joined { .. }
            | Self::PeerJoined { .. }
            | Self::PeerLeft { .. }
            | Self::StreamAdded { .. }
            | Self::StreamRemoved { .. }
            | Self::StreamMuted { .. }
            | Self::Published { .. }
            | Self::Unpublished { .. }
            | Self::Subscribed { .. }
            | Self::Unsubscribed { .. }
            | Self::RoleChanged { .. }
            | Self::Failed { .. }
            | Self::Left
            | Self::Removed { .. } => true,
            Self::JoinCalled
            | Self::SubscribeCalled { .. }
            | Self::Interrupted { .. }
            | Self::Restored { .. }
            | Self::MediaConnected { .. }
            | Self::FirstFrame { .. }
            | Self::Freeze { .. }
            | Self::NetworkQuality { .. }
            | Self::Layer { .. }
            | Self::Switched { .. }
            | Self::KeyFrameRequested { .. }
            | Self::Capacity { .. }
            | Self::OutageBegan
            | Self::OutageEnded
            | Self::FaultBegan { .. }
            | Self::FaultEnded { .. } => false,
        }
    }
}
