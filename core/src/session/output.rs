//! What a session wants done, what an application hears, and the mistakes of whoever embeds it.

use alloc::vec::Vec;
use core::time::Duration;

use super::{CallId, ConnectionId};
use crate::{
    code::Code,
    id::{LayerId, StreamId, UserId, UserName},
    quality::Verdict,
    role::Role,
    stream::StreamInfo,
    time::Instant,
    wire::{Audience, ClientFrame, LeaveReason, MediaDescription, RefusedWish, Voice},
};

/// What a session wants done.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Output {
    /// Open a connection to the server, and say [`Input::Opened`](super::Input::Opened), [`Input::Failed`](super::Input::Failed) or [`Input::Closed`](super::Input::Closed); [`Input::Found`](super::Input::Found) first where there is a lookup.
    Connect {
        /// The number for it.
        connection: ConnectionId,
    },
    /// Send a message.
    Send {
        /// On which connection.
        connection: ConnectionId,
        /// The message.
        frame: ClientFrame,
    },
    /// Close a connection, after what was sent on it.
    Disconnect {
        /// Which.
        connection: ConnectionId,
    },
    /// Tell the application.
    Event(Event),
}

/// What an application hears.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Event {
    /// A call was answered.
    Answered {
        /// The application's number for it.
        id: CallId,
        /// What it brought, or why it failed.
        result: Result<Answer, Code>,
    },
    /// The connection's state changed. The two always differ.
    StateChanged {
        /// The state before.
        from: ConnectionState,
        /// The state now.
        to: ConnectionState,
    },
    /// The connection was lost; attempts to come back begin.
    Interrupted {
        /// How the loss was noticed.
        code: Code,
    },
    /// The connection is back, and the session in its room. What was missed follows.
    Restored {
        /// How long it was away.
        after: Duration,
    },
    /// A stream of the session's own was published again, in a stay that began anew (see [`AfterWindow::KeepTrying`](super::AfterWindow::KeepTrying)).
    Republished {
        /// The number that it had.
        before: StreamId,
        /// The number that it has now, or why it is published no longer.
        now: Result<StreamId, Code>,
    },
    /// A stream that is still there could not be subscribed to again, in a stay that began anew: nothing of it is received any more.
    Unsubscribed {
        /// The stream.
        stream: StreamId,
        /// Why.
        code: Code,
    },
    /// The stay ended without the application's doing.
    Removed {
        /// Why.
        code: Code,
    },
    /// Somebody else entered.
    PeerJoined {
        /// Who.
        user: UserId,
        /// The name to show.
        name: Option<UserName>,
    },
    /// Somebody else shows another name.
    PeerRenamed {
        /// Who.
        user: UserId,
        /// The name to show.
        name: Option<UserName>,
    },
    /// Somebody else left.
    PeerLeft {
        /// Who.
        user: UserId,
        /// The name shown last.
        name: Option<UserName>,
        /// Why.
        reason: LeaveReason,
    },
    /// Somebody else publishes a stream.
    StreamAdded {
        /// The stream.
        stream: StreamInfo,
    },
    /// A stream of somebody else holds something else now.
    StreamUpdated {
        /// The stream, as it is now.
        stream: StreamInfo,
    },
    /// Whether the video of one of the session's own streams is worth sending.
    VideoNeeded {
        /// The stream.
        stream: StreamId,
        /// Whether somebody receives it.
        needed: bool,
        /// The highest layer that anybody wishes; all are worth sending where there is none.
        up_to: Option<LayerId>,
    },
    /// The session's key is good no longer; a new one is to come soon.
    KeyRefused {
        /// [`Code::KEY_EXPIRED`] or [`Code::KEY_INVALID`].
        code: Code,
    },
    /// The connection has been away for [`Config::lost_after`](super::Config::lost_after); attempts go on. Told once for each interruption.
    StillAway,
    /// An attempt to enter failed and is made again after a while.
    Trouble {
        /// What failed.
        code: Code,
    },
    /// A stream of somebody else is published no longer.
    StreamRemoved {
        /// The stream.
        stream: StreamInfo,
    },
    /// Somebody else muted or unmuted a part of a stream.
    StreamMuted {
        /// The stream, as it is now.
        stream: StreamInfo,
    },
    /// How good the connection is has changed, in one direction or both. Told with the reasons of both.
    NetworkQuality {
        /// From the session to the server.
        up: Verdict,
        /// From the server to the session.
        down: Verdict,
    },
    /// Videos that are received have shown no good picture for the interval of the watch. Each is told once.
    StreamsInterrupted {
        /// Those that died at one stroke, by user and kind.
        streams: Vec<StreamInfo>,
    },
    /// A good picture of a video came that had been told as interrupted.
    StreamsRecovered {
        /// Which.
        streams: Vec<StreamInfo>,
    },
    /// These are heard now, and so loud, where the session hears the loudest. Nobody, when all are silent.
    Volumes {
        /// The others among the loudest, the loudest first: at most [`limits::LOUDEST`](crate::limits::LOUDEST).
        voices: Vec<Voice>,
    },
    /// How the server's media transport is reached.
    Media {
        /// How it is reached.
        description: MediaDescription,
    },
}

/// What a granted call brought.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    /// In the room.
    Joined {
        /// Who the session is there: as it asked, or as the server chose.
        user: UserId,
        /// The role that was granted.
        role: Role,
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
    /// Which of one's own streams anybody receives, by number.
    Audience {
        /// Each of them, received or not.
        streams: Vec<Audience>,
    },
    /// Done; there is nothing to add.
    Done,
}

/// How the connection stands, in SparkRTC's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConnectionState {
    /// There is none, and none is wanted.
    Disconnected,
    /// The first one is being made, and the server is asked to let the user in.
    Connecting,
    /// It stands, and the user was let in.
    Connected,
    /// It was lost and is being restored.
    Reconnecting,
}

/// A mistake of the embedder. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Misuse {
    /// Time may stand still but not run backwards.
    #[error("the session was told {now} after {last}: hand in instants that never fall")]
    TimeWentBack {
        /// What it was told.
        now: Instant,
        /// What it had been told before.
        last: Instant,
    },
}
