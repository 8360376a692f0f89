//! What a session is told: by the application, and of its connections.

use alloc::vec::Vec;

use crate::{
    auth::Credential,
    code::Code,
    id::{AppId, RoomId, StreamId, UserId, UserName},
    quality::Reading,
    role::Role,
    stream::{BitsPerSecond, LayerSet, StreamOffer},
    watch::WatchInterval,
    wire::{AudioMode, MediaDescription, ServerMessage, VideoWish},
};

/// A connection, as a session numbers its attempts: news of an earlier one are ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u32);

/// A call of the application, numbered by the application; its answer carries the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(pub u32);

/// What a session is told.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Input {
    /// The application asks for something. Every call is answered exactly once, by [`Event::Answered`](super::Event::Answered).
    Call {
        /// The application's number for it.
        id: CallId,
        /// What it asks for.
        call: Call,
    },
    /// The server of a connection that was ordered has been looked up (see [`Config::lookup_timeout`](super::Config::lookup_timeout)).
    Found {
        /// Which.
        connection: ConnectionId,
    },
    /// A connection that was ordered cannot be had, and why: [`Code::LOOKUP_REFUSED`], [`Code::NO_SERVER`], [`Code::OPEN_REFUSED`], [`Code::NO_CONFIGURATION`],
    /// [`Code::NO_ADDRESS`]. Said of one that is open, it is [`Input::Closed`] with a reason.
    Failed {
        /// Which.
        connection: ConnectionId,
        /// Why.
        code: Code,
    },
    /// A connection that was ordered is open.
    Opened {
        /// Which.
        connection: ConnectionId,
    },
    /// A connection ended or could not be opened.
    Closed {
        /// Which.
        connection: ConnectionId,
    },
    /// A message arrived.
    Received {
        /// On which connection.
        connection: ConnectionId,
        /// The message.
        message: ServerMessage,
    },
    /// Whoever carries the session's media has measured it for a while, two seconds as a rule ([`quality`](crate::quality)). Outside of a room it says nothing.
    Window {
        /// What the session sends.
        up: Reading,
        /// What it receives.
        down: Reading,
    },
    /// A good picture of somebody's video came: whole, and fit to be shown. It matters to [`Call::Watch`] alone, and may be left unsaid while there is no watch.
    Picture {
        /// The stream.
        stream: StreamId,
    },
}

/// What an application can ask for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Call {
    /// Enter a room.
    Join(JoinCall),
    /// Leave it.
    Leave,
    /// Publish a stream.
    Publish {
        /// What it holds.
        offer: StreamOffer,
    },
    /// Change what a published stream holds.
    Update {
        /// The stream.
        stream: StreamId,
        /// What it holds from now on.
        offer: StreamOffer,
    },
    /// Publish it no longer.
    Unpublish {
        /// The stream.
        stream: StreamId,
    },
    /// Receive parts of a stream.
    Subscribe {
        /// The stream.
        stream: StreamId,
        /// Its audio.
        audio: bool,
        /// Its video.
        video: bool,
        /// The layers wanted.
        layers: LayerSet,
        /// The lowest picture worth having, in pixels of height.
        min_height: Option<u16>,
    },
    /// Receive the video of these streams and of no others.
    SubscribeVideo {
        /// What is wanted.
        wanted: Vec<VideoWish>,
    },
    /// Receive parts of a stream no longer.
    Unsubscribe {
        /// The stream.
        stream: StreamId,
        /// Its audio.
        audio: bool,
        /// Its video.
        video: bool,
        /// Which of the layers; all when absent.
        layers: Option<LayerSet>,
    },
    /// Mute or unmute parts of a stream of one's own.
    Mute {
        /// The stream.
        stream: StreamId,
        /// Whether the audio is to be muted; absent leaves it.
        audio: Option<bool>,
        /// Whether the video is to be muted; absent leaves it.
        video: Option<bool>,
    },
    /// Take another role.
    SwitchRole {
        /// The role.
        role: Role,
        /// What shows afresh that the user may.
        credential: Option<Credential>,
    },
    /// Put a new credential in the place of the one before; later reconnects use it.
    Renew {
        /// The new one.
        credential: Credential,
    },
    /// Take another name to show to others.
    Rename {
        /// The name.
        name: Option<UserName>,
    },
    /// Bound all media that is sent and received, together. It holds until it is lifted, in a stay that begins anew after an interruption, too.
    LimitBandwidth {
        /// The most, in bits per second; no bound when absent.
        max_bps: Option<BitsPerSecond>,
    },
    /// Ask which of one's own streams anybody receives.
    Audience,
    /// Describe a media transport that takes the place of the one before.
    Media {
        /// How it is reached.
        description: MediaDescription,
    },
    /// Tell which videos have died and which came back, as long as the stay goes on. It needs no server.
    Watch {
        /// After how long without a good picture; absent, nothing is told any more.
        interval: Option<WatchInterval>,
    },
}

impl Call {
    /// The word for it in logs and reports.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Join(_) => "join",
            Self::Leave => "leave",
            Self::Publish { .. } => "publish",
            Self::Update { .. } => "update",
            Self::Unpublish { .. } => "unpublish",
            Self::Subscribe { .. } => "subscribe",
            Self::SubscribeVideo { .. } => "subscribe_video",
            Self::Unsubscribe { .. } => "unsubscribe",
            Self::Mute { .. } => "mute",
            Self::SwitchRole { .. } => "switch_role",
            Self::Renew { .. } => "renew",
            Self::Rename { .. } => "rename",
            Self::LimitBandwidth { .. } => "limit_bandwidth",
            Self::Audience => "audience",
            Self::Media { .. } => "media",
            Self::Watch { .. } => "watch",
        }
    }
}

/// Which room to enter, and as whom.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct JoinCall {
    /// The app whose room it is; the server's only one when absent.
    pub app: Option<AppId>,
    /// The room.
    pub room: RoomId,
    /// The user; the server finds a number that nobody in the room has when absent.
    pub user: Option<UserId>,
    /// The name to show to others.
    pub name: Option<UserName>,
    /// What the user means to do there.
    pub role: Role,
    /// How the user's media transport is reached.
    pub media: Option<MediaDescription>,
    /// What shows that the user may.
    pub credential: Option<Credential>,
    /// Whether the user is in another room and relays into this one.
    pub relay: bool,
    /// Whose audio the user is to receive.
    pub audio_mode: AudioMode,
}

impl JoinCall {
    /// A join of that user, and nothing more than it takes.
    pub fn new(room: RoomId, user: UserId, role: Role) -> Self {
        Self {
            app: None,
            room,
            user: Some(user),
            name: None,
            role,
            media: None,
            credential: None,
            relay: false,
            audio_mode: AudioMode::Subscribed,
        }
    }
}
