//! What a client says to the server.

use alloc::vec::Vec;
use core::ops::Not;

use serde::{Deserialize, Serialize};

use super::{MediaDescription, Versions};
use crate::{
    auth::Credential,
    id::{AppId, MemberId, RequestId, RoomId, StreamId, UserId, UserName},
    role::Role,
    stream::{BitsPerSecond, LayerSet, StreamOffer},
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
        /// The app whose room it is; the server's only one when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        app: Option<AppId>,
        /// The room to enter.
        room: RoomId,
        /// Who enters. Absent, the server finds a number that nobody in the room has.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        user: Option<UserId>,
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
        /// What shows that the user may.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        credential: Option<Credential>,
        /// Whether the user is in another room and relays into this one.
        #[serde(default, skip_serializing_if = "Not::not")]
        relay: bool,
        /// Whose audio the user is to receive, as long as it stays.
        #[serde(default, skip_serializing_if = "AudioMode::is_left_out")]
        audio_mode: AudioMode,
    },
    /// Leave the room.
    Leave,
    /// Send a stream to the room.
    Publish {
        /// What the stream holds.
        #[serde(flatten)]
        offer: StreamOffer,
    },
    /// Change what a stream of one's own holds; it stays the same stream.
    Update {
        /// One of the sender's own streams.
        stream: StreamId,
        /// What it holds from now on. The kind stays.
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
        /// The layers wanted; the highest there is when absent.
        #[serde(default, skip_serializing_if = "LayerSet::is_left_out")]
        layers: LayerSet,
        /// The lowest picture worth having, in pixels of height; nothing is too low when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        min_height: Option<u16>,
    },
    /// Receive the video of these streams and of no others. Audio stays as it is.
    SubscribeVideo {
        /// What is wanted, each stream once.
        wanted: Vec<VideoWish>,
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
        /// Which of the layers; all when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        layers: Option<LayerSet>,
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
        /// What shows afresh that the user may.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        credential: Option<Credential>,
    },
    /// A credential takes the place of the one before.
    Renew {
        /// The new one.
        credential: Credential,
    },
    /// Take another name to show to others; none when absent.
    Rename {
        /// The name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<UserName>,
    },
    /// A new media transport takes the place of the one before.
    Media {
        /// How it is reached.
        description: MediaDescription,
    },
    /// Bound all media that one sends and receives, together. It stays with the stay, and a later word takes the place of an earlier one.
    LimitBandwidth {
        /// The most, in bits per second; no bound when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max_bps: Option<BitsPerSecond>,
    },
    /// Which of one's own streams does anybody receive?
    Audience,
    /// I am here.
    Ping,
    /// A message of a kind that this version does not know.
    #[serde(other)]
    Unknown,
}

/// Whose audio somebody receives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AudioMode {
    /// That of the streams it subscribes to, and no other: nothing, until it does.
    #[default]
    Subscribed,
    /// That of the loudest others as well, whoever they are at the moment.
    Loudest,
    /// A mode that this version does not know; it is taken as [`AudioMode::Subscribed`].
    #[serde(other)]
    Unknown,
}

impl AudioMode {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
    fn is_left_out(&self) -> bool {
        *self == Self::Subscribed
    }
}

/// The video of one stream, as a subscriber wants it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct VideoWish {
    /// The stream.
    pub stream: StreamId,
    /// The layers wanted; the highest there is when absent.
    #[serde(default, skip_serializing_if = "LayerSet::is_left_out")]
    pub layers: LayerSet,
    /// The lowest picture worth having, in pixels of its short side; nothing is too low when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_height: Option<u16>,
    /// The largest picture wanted, in pixels of its short side: what there is room for. No limit when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_height: Option<u16>,
    /// Whose layers go first where not all fit: the higher number's.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub priority: u8,
}

impl VideoWish {
    /// The best there is of a stream.
    pub const fn of(stream: StreamId) -> Self {
        Self { stream, layers: LayerSet::HIGHEST, min_height: None, max_height: None, priority: 0 }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
const fn is_zero(priority: &u8) -> bool {
    *priority == 0
}
