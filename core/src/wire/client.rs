//! What a client says to the server.

use serde::{Deserialize, Serialize};

use super::{MediaDescription, Versions};
use crate::{
    id::{LayerId, MemberId, RequestId, RoomId, StreamId, UserId, UserName},
    role::Role,
    stream::StreamOffer,
};

/// One message on its way to the server, with the number that its answer will carry.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ClientFrame {
    /// The number that the answer carries.
    pub request: RequestId,
    /// The request itself.
    #[serde(flatten)]
    pub message: ClientMessage,
}

/// What a client asks for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum ClientMessage {
    /// Enter a room, or come back to it after the connection was lost.
    Join {
        /// Protocol versions the client speaks.
        #[serde(default)]
        versions: Versions,
        /// The room to enter.
        room: RoomId,
        /// Who enters.
        user: UserId,
        /// The name to show to others.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<UserName>,
        /// What the user means to do there.
        role: Role,
        /// The stay to go on with, after a lost connection.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        resumes: Option<MemberId>,
        /// How the client's media transport is reached.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        media: Option<MediaDescription>,
    },
    /// Leave the room.
    Leave,
    /// Send a stream to the room.
    Publish {
        /// What the stream holds.
        #[serde(flatten)]
        offer: StreamOffer,
    },
    /// Send a stream no longer.
    Unpublish {
        /// One of the sender's own streams.
        stream: StreamId,
    },
    /// Receive parts of a stream. They add to what is received already.
    Subscribe {
        /// The stream to receive.
        stream: StreamId,
        /// Receive its audio.
        #[serde(default)]
        audio: bool,
        /// Receive its video.
        #[serde(default)]
        video: bool,
        /// The highest layer wanted; the highest there is when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max_layer: Option<LayerId>,
    },
    /// Receive parts of a stream no longer.
    Unsubscribe {
        /// The stream.
        stream: StreamId,
        /// Stop receiving its audio.
        #[serde(default)]
        audio: bool,
        /// Stop receiving its video.
        #[serde(default)]
        video: bool,
    },
    /// Mute or unmute parts of a stream of one's own. Absent parts stay as they are.
    Mute {
        /// One of the sender's own streams.
        stream: StreamId,
        /// Whether the audio is to be muted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        audio: Option<bool>,
        /// Whether the video is to be muted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        video: Option<bool>,
    },
    /// Take another role.
    SwitchRole {
        /// The role to take.
        role: Role,
    },
    /// A new media transport takes the place of the one before.
    Media {
        /// How it is reached.
        description: MediaDescription,
    },
    /// I am here.
    Ping,
    /// A message of a kind that this version does not know.
    #[serde(other)]
    Unknown,
}
