//! What a room wants done, and the mistakes of whoever embeds it.

use alloc::vec::Vec;
use core::time::Duration;

use crate::{
    code::Code,
    id::{LayerId, MemberId, RequestId, SessionId, StreamId, UserId},
    member::Bandwidth,
    role::Role,
    select::{Layer, Reason},
    stream::{BitsPerSecond, StreamInfo},
    time::Instant,
    wire::{LeaveReason, MediaDescription, ServerMessage, Version},
};

/// What a room wants done.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Output {
    /// Send a message. [`Room::sessions_of`](super::Room::sessions_of) tells on which connections.
    Send {
        /// To whom.
        to: Recipients,
        /// The message.
        message: ServerMessage,
    },
    /// Answer a join. [`Room::snapshot`](super::Room::snapshot) writes the message when it is sent.
    Snapshot(Snapshot),
    /// Close a connection, after what was sent on it.
    Close {
        /// The connection.
        session: SessionId,
    },
    /// Order the media plane.
    Media(MediaOutput),
    /// Something worth knowing happened.
    Event(Event),
}

/// Whom a message goes to: described, so that a join in a room of ten thousand is one output.
///
/// Who that is shows when the output is taken. A connection that was let in meanwhile then hears of what came before, but ahead of its [`Accepted`](crate::wire::Accepted),
/// and what comes ahead of that a client ignores: the snapshot in it is newer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Recipients {
    /// One connection.
    Session(SessionId),
    /// Every member that has a connection, but one.
    Members {
        /// The one left out.
        except: Option<MemberId>,
    },
    /// Every member that has a connection and hears the loudest ([`AudioMode::Loudest`](crate::wire::AudioMode::Loudest)).
    Listeners,
}

/// The answer to a join: described, because it lists everyone in the room. A join in a room of ten thousand is then as quick as one in an empty room, and ten thousand
/// joins at a time do not lie in a queue as a hundred million names.
///
/// What it lists shows when the message is written. What the room said between the join and that moment follows it, though it is in the list already; a client takes
/// news that it knows for no news. Whoever takes outputs after each input never sees the difference.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Snapshot {
    /// The connection to answer on.
    pub session: SessionId,
    /// The number that the answer carries.
    pub request: RequestId,
    /// The stay.
    pub member: MemberId,
    /// Who the client is, where the server chose that.
    pub user: Option<UserId>,
    /// The protocol version that both speak.
    pub version: Version,
    /// The role that was granted.
    pub role: Role,
    /// Whether an earlier stay goes on: then its own streams are listed too.
    pub resumed: bool,
}

/// An order to the media plane.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum MediaOutput {
    /// Set up a transport to a member, in place of one it may have; answer with [`MediaInput::Ready`](super::MediaInput::Ready) and, in time, [`MediaInput::Connected`](super::MediaInput::Connected).
    Open {
        /// To whom.
        member: MemberId,
        /// How its end is reached.
        description: MediaDescription,
    },
    /// Take a member's transport down, with all that is received and forwarded over it.
    Close {
        /// Whose.
        member: MemberId,
    },
    /// Receive a stream from its publisher.
    ///
    /// For a stream that is received already this takes the place of what was to be received: a layer whose rid stands where it stood goes on, and so does its
    /// forwarding. Any other is a new one, and nothing of it is forwarded before the next [`MediaOutput::Layer`].
    Receive {
        /// From whom.
        member: MemberId,
        /// The stream.
        stream: StreamInfo,
    },
    /// Receive a stream no longer, and forward it to nobody.
    StopReceiving {
        /// From whom.
        member: MemberId,
        /// The stream.
        stream: StreamId,
    },
    /// Forward these parts of a stream to a member, and no others. Video flows from the first [`MediaOutput::Layer`] on.
    Forward {
        /// To whom.
        member: MemberId,
        /// The stream.
        stream: StreamId,
        /// Whether its audio is forwarded.
        audio: bool,
        /// Whether its video is.
        video: bool,
    },
    /// Forward this layer of a video: another spatial one from its next key frame on, another temporal one as soon as that can be decoded; none stops at once.
    Layer {
        /// To whom.
        member: MemberId,
        /// The stream.
        stream: StreamId,
        /// The layer.
        target: Option<Layer>,
    },
    /// Forward the voices of the loudest to a member, beside what it subscribes to: see [`MediaOutput::Loudest`]. It ends with the transport.
    Listen {
        /// To whom.
        member: MemberId,
    },
    /// These are the loudest from now on, in place of those before. Each member that listens ([`MediaOutput::Listen`]) is to get the audio of the first [`limits::LOUDEST`](crate::limits::LOUDEST)
    /// of them who are not itself: so one order serves all, and nobody hears itself.
    Loudest {
        /// At most one more than anybody hears. Those who are heard by everyone stand first.
        speakers: Vec<MemberId>,
    },
    /// Ask a publisher for a key frame.
    RequestKeyFrame {
        /// Whom.
        member: MemberId,
        /// Of which stream.
        stream: StreamId,
        /// Of which layer.
        layer: LayerId,
    },
    /// What a transport's bandwidth estimator is to aim at.
    Bandwidth {
        /// Whose transport.
        member: MemberId,
        /// Floor and aim.
        bandwidth: Bandwidth,
    },
}

/// Something worth knowing, for applications, logs and reports.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Event {
    /// A user entered.
    Joined {
        /// The stay.
        member: MemberId,
        /// Who.
        user: UserId,
        /// As what.
        role: Role,
    },
    /// A user's stay ended.
    Left {
        /// The stay.
        member: MemberId,
        /// Who.
        user: UserId,
        /// Why.
        reason: LeaveReason,
    },
    /// A member's connection was lost; its place is kept.
    Away {
        /// The stay.
        member: MemberId,
        /// How the loss was noticed.
        code: Code,
    },
    /// A member's connection is back.
    Back {
        /// The stay.
        member: MemberId,
    },
    /// A member's key is good no longer; the member has some time to bring another.
    KeyRefused {
        /// The stay.
        member: MemberId,
        /// [`Code::KEY_EXPIRED`] or [`Code::KEY_INVALID`].
        code: Code,
    },
    /// A member is to get another layer of a stream, or none.
    LayerDecided {
        /// The stay.
        member: MemberId,
        /// The stream.
        stream: StreamId,
        /// What was decided before.
        from: Option<Layer>,
        /// What is decided now.
        to: Option<Layer>,
        /// Why.
        reason: Reason,
        /// What the member can receive, in bits per second: its estimate as far as that is believed, or what is assumed before the first one.
        estimate_bps: BitsPerSecond,
        /// What all that it is to receive needs, in bits per second.
        allocated_bps: BitsPerSecond,
    },
    /// A member's stream went over to the decided layer.
    LayerSwitched {
        /// The stay.
        member: MemberId,
        /// The stream.
        stream: StreamId,
        /// The layer before.
        from: Option<Layer>,
        /// The layer now.
        to: Layer,
        /// Time since the decision.
        waited: Duration,
    },
    /// A publisher was asked for a key frame.
    KeyFrameRequested {
        /// The stream.
        stream: StreamId,
        /// The layer.
        layer: LayerId,
        /// How many viewers wait to switch to it; none when a viewer of it lost its picture.
        waiting: u32,
    },
}

/// A mistake of the embedder. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Misuse {
    /// Time may stand still but not run backwards.
    #[error("the room was told {now} after {last}: hand in instants that never fall")]
    TimeWentBack {
        /// What it was told.
        now: Instant,
        /// What it had been told before.
        last: Instant,
    },
}
