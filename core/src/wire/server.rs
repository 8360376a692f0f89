//! What the server says to a client.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::{MediaDescription, Version};
use crate::{
    audio::Volume,
    code::Code,
    id::{LayerId, MemberId, RequestId, StreamId, UserId, UserName},
    role::Role,
    stream::StreamInfo,
};

/// What the server tells a client.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum ServerMessage {
    /// A request was granted.
    Accepted {
        /// The request.
        request: RequestId,
        /// What it brought.
        #[serde(flatten)]
        accepted: Accepted,
    },
    /// A request was refused, and changed nothing.
    Refused {
        /// The request.
        request: RequestId,
        /// Why.
        code: Code,
    },
    /// Somebody entered the room.
    PeerJoined {
        /// Who.
        user: UserId,
        /// The name to show.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<UserName>,
    },
    /// Somebody left the room.
    PeerLeft {
        /// Who.
        user: UserId,
        /// Why.
        reason: LeaveReason,
    },
    /// Somebody shows another name now.
    PeerRenamed {
        /// Who.
        user: UserId,
        /// The name to show.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<UserName>,
    },
    /// Somebody publishes a stream.
    StreamAdded {
        /// The stream.
        #[serde(flatten)]
        stream: StreamInfo,
    },
    /// A stream holds something else now; it is the same stream.
    StreamUpdated {
        /// The stream, as it is now.
        #[serde(flatten)]
        stream: StreamInfo,
    },
    /// Whether anybody receives the video of one of the client's own streams, so that it is worth sending.
    VideoNeeded {
        /// The stream.
        stream: StreamId,
        /// Whether somebody does.
        needed: bool,
        /// The highest layer that anybody wishes; all are worth sending when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        up_to: Option<LayerId>,
    },
    /// The client's key is good no longer. A new one is to come before the server loses patience.
    KeyRefused {
        /// [`Code::KEY_EXPIRED`] or [`Code::KEY_INVALID`].
        code: Code,
    },
    /// A stream is published no longer; subscriptions to it have ended.
    StreamRemoved {
        /// The stream.
        stream: StreamId,
        /// Whose it was.
        user: UserId,
    },
    /// A stream's owner muted or unmuted a part of it.
    StreamMuted {
        /// The stream.
        stream: StreamId,
        /// Whose it is.
        user: UserId,
        /// Whether its audio is muted.
        audio: bool,
        /// Whether its video is muted.
        video: bool,
    },
    /// How loud the loudest are, for whoever hears them: those, and no others, are heard now. Nobody hears itself: a client leaves itself out, and takes the first
    /// [`limits::LOUDEST`](crate::limits::LOUDEST) of the rest.
    Volumes {
        /// At most one more than anybody hears. Those who are heard by everyone stand first.
        voices: Vec<Voice>,
    },
    /// How the server's media transport for this client is reached.
    Media {
        /// How it is reached.
        description: MediaDescription,
    },
    /// The client is in the room no longer.
    Removed {
        /// Why.
        code: Code,
    },
    /// The server closes this connection. A stay that it led to is kept for a while, and can be gone on with on another connection.
    Closing {
        /// Why.
        code: Code,
    },
    /// I am here too.
    Pong,
    /// A message of a kind that this version does not know.
    #[serde(other)]
    Unknown,
}

/// What a granted request brought.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "granted", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Accepted {
    /// In the room, as a newcomer or again.
    Joined {
        /// The number of this stay, to go on with after a lost connection.
        member: MemberId,
        /// Who the client is, where the server chose that.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        user: Option<UserId>,
        /// The protocol version that both speak.
        version: Version,
        /// The role that was granted.
        role: Role,
        /// Whether an earlier stay goes on: then publications and subscriptions stand as they did.
        resumed: bool,
        /// Everyone else in the room, by user id.
        members: Vec<MemberInfo>,
        /// Every stream of others, by user id and kind; after a resumption the user's own too.
        streams: Vec<StreamInfo>,
    },
    /// Publishing.
    Published {
        /// The stream's number.
        stream: StreamId,
    },
    /// Receiving the video that was wanted, but for what is listed.
    Subscribed {
        /// What is not received, and why.
        refused: Vec<RefusedWish>,
    },
    /// Which of one's own streams anybody receives.
    Audience {
        /// Each of them, received or not, the main one first.
        streams: Vec<Audience>,
    },
    /// Done; there is nothing to add.
    Done,
    /// Granted in a way that this version does not know.
    #[serde(other)]
    Unknown,
}

/// A stream whose video was wanted and is not received.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RefusedWish {
    /// The stream.
    pub stream: StreamId,
    /// Why.
    pub code: Code,
}

/// One of the loudest.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Voice {
    /// Who.
    pub user: UserId,
    /// How loud.
    pub volume: Volume,
}

/// Whether anybody receives a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Audience {
    /// The stream.
    pub stream: StreamId,
    /// Whether anybody receives its audio.
    #[serde(default)]
    pub audio: bool,
    /// Whether anybody receives its video.
    #[serde(default)]
    pub video: bool,
}

/// A member of the room, as the others know it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MemberInfo {
    /// Who.
    pub user: UserId,
    /// The name to show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<UserName>,
}

/// Why a member left the room. Numbers are those of SparkRTC's table 3-6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LeaveReason(pub u8);

impl LeaveReason {
    /// The user left.
    pub const LEFT: Self = Self(0);
    /// The server met an exception.
    pub const SERVER_EXCEPTION: Self = Self(1);
    /// The media server failed.
    pub const MEDIA_FAULT: Self = Self(2);
    /// A server could not be reached.
    pub const UNREACHABLE: Self = Self(3);
    /// The server is at fault.
    pub const INTERNAL: Self = Self(4);
    /// The same user joined from another session.
    pub const REPLACED: Self = Self(5);
    /// The key expired and was not renewed in time.
    pub const KEY_EXPIRED: Self = Self(6);
    /// The connection was lost and did not come back in time.
    pub const CONNECTION_LOST: Self = Self(7);
    /// A probe of the server's own ended. Nobody is told.
    pub const PROBE: Self = Self(8);
    /// The server removed the user.
    pub const REMOVED: Self = Self(9);
    /// The room was dissolved.
    pub const DISSOLVED: Self = Self(10);
}
