//! What a room is told.

use crate::{
    audio::AudioLevel,
    id::{LayerId, MemberId, RequestId, SessionId, StreamId, UserId, UserName},
    role::Role,
    select::Layer,
    stream::BitsPerSecond,
    time::Instant,
    wire::{AudioMode, ClientFrame, LeaveReason, MediaDescription, Versions},
};

/// What a room is told.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Input {
    /// A message arrived on a connection.
    Message {
        /// The connection.
        session: SessionId,
        /// The message.
        frame: ClientFrame,
    },
    /// A join that has been checked. A [`ClientMessage::Join`](crate::wire::ClientMessage::Join) that comes as a message is taken as one without a key.
    Admit {
        /// The connection.
        session: SessionId,
        /// The number that the answer carries.
        request: RequestId,
        /// The join.
        admission: Admission,
    },
    /// A member's new credential has been checked and is good. One that has expired meanwhile is refused, and the key that was stays.
    Renewed {
        /// The connection.
        session: SessionId,
        /// The number that the answer carries.
        request: RequestId,
        /// The last instant at which it is good; none without end.
        key_until: Option<Instant>,
    },
    /// A user's credential was found not to be valid after all. The user has [`Config::key_grace`](super::Config::key_grace) to bring another.
    KeyInvalid {
        /// Who.
        user: UserId,
    },
    /// A connection ended, whoever ended it.
    Disconnected {
        /// The connection.
        session: SessionId,
    },
    /// The media plane has news.
    Media(MediaInput),
    /// The application removes a user, or a fault of the server does. Who is not there is no error: removal asks for absence.
    Remove {
        /// Who.
        user: UserId,
        /// What the others are told; of [`LeaveReason::PROBE`] nobody is told anything.
        reason: LeaveReason,
    },
    /// Everyone is sent away, a batch at once and others after it, and nobody enters again. [`Room::is_over`](super::Room::is_over) tells when the last one is gone.
    Dissolve,
    /// Nothing may be published or changed from now on, or again. What flows goes on: the document speaks of publishing alone.
    Pause {
        /// Whether it is paused.
        paused: bool,
    },
}

/// A join whose credential and policy have been checked, by a service or by whoever embeds the room.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Admission {
    /// Protocol versions the client speaks.
    pub versions: Versions,
    /// Who enters.
    pub user: UserId,
    /// Whether the server chose the user's id, so that the client is to be told.
    pub assigned: bool,
    /// The name to show to others.
    pub name: Option<UserName>,
    /// What the user is to be.
    pub role: Role,
    /// The stay to go on with, after a lost connection.
    pub resumes: Option<MemberId>,
    /// How the client's media transport is reached.
    pub media: Option<MediaDescription>,
    /// Whose audio it is to receive. One that comes back has what it had.
    pub audio_mode: AudioMode,
    /// The last instant at which its key is good; none without end. One that has passed is refused with [`Code::KEY_EXPIRED`](crate::code::Code::KEY_EXPIRED), unless it comes back to a
    /// stay whose grace runs: that goes on, with the rest of its grace.
    pub key_until: Option<Instant>,
}

/// News from the media plane. News about members or streams that have gone meanwhile are ignored.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum MediaInput {
    /// A transport that the room ordered can be reached so.
    Ready {
        /// Whose transport.
        member: MemberId,
        /// How it is reached.
        description: MediaDescription,
    },
    /// A transport stands: media can flow.
    Connected {
        /// Whose transport.
        member: MemberId,
    },
    /// What can be sent to a member, all streams together.
    Estimate {
        /// To whom.
        member: MemberId,
        /// In bits per second.
        bps: BitsPerSecond,
        /// Whether so little was sent that the estimator cannot know: see [`Estimate`](crate::select::Estimate).
        application_limited: bool,
    },
    /// How long packets to a member took lately.
    Delay {
        /// To whom.
        member: MemberId,
        /// The quickest of some, in nanoseconds: a round trip, or one way by clocks that need not agree. What is more than at other times has waited in queues.
        delay_ns: i64,
    },
    /// How loud a packet of a member's audio is. Told for each packet, of every member that sends audio.
    Level {
        /// Whose.
        member: MemberId,
        /// How loud.
        level: AudioLevel,
    },
    /// What a layer was measured to need lately, all its temporal layers together; zero when nothing came, for longer than its pictures are apart.
    LayerRate {
        /// The stream.
        stream: StreamId,
        /// The layer.
        layer: LayerId,
        /// In bits per second.
        bps: BitsPerSecond,
    },
    /// A key frame of a layer begins to arrive.
    KeyFrame {
        /// The stream.
        stream: StreamId,
        /// The layer.
        layer: LayerId,
    },
    /// A viewer cannot go on without a key frame.
    KeyFrameNeeded {
        /// Who.
        member: MemberId,
        /// Of which stream.
        stream: StreamId,
    },
    /// Forwarding of a video went over to another layer.
    Switched {
        /// To whom.
        member: MemberId,
        /// Of which stream.
        stream: StreamId,
        /// The layer that flows now.
        layer: Layer,
    },
}
