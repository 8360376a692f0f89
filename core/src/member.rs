//! A member: one user's stay in a room, with what the user sends and receives.

use alloc::{collections::BTreeMap, vec::Vec};
use core::time::Duration;

use crate::{
    code::Code,
    id::{LayerId, MemberId, SessionId, StreamId, UserId, UserName},
    role::Role,
    select::{Layer, Pace},
    stream::{BitsPerSecond, LayerSet, StreamKind},
    time::Instant,
    wire::{AudioMode, MediaDescription, VideoWish},
};

/// A user's stay in a room.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Member {
    /// The number of the stay.
    pub id: MemberId,
    /// Who.
    pub user: UserId,
    /// The name to show.
    pub name: Option<UserName>,
    /// What the member may do.
    pub role: Role,
    /// Whose audio it receives.
    pub audio_mode: AudioMode,
    /// Whether there is a connection.
    pub presence: Presence,
    /// When the room looks at the member again: the end of its silence or of its absence, or earlier.
    pub deadline: Instant,
    /// How long the member's key is good.
    pub key: Key,
    /// When the user's newer sessions took over from older ones, as far as that is within the minute. A stay has it from the one that it displaced.
    pub takeovers: Vec<Instant>,
    /// Whether there is a media transport.
    pub media: MediaState,
    /// How the server's end of it is reached, once that is known.
    pub media_answer: Option<MediaDescription>,
    /// The member's own streams.
    pub published: BTreeMap<StreamKind, StreamId>,
    /// The streams it receives.
    pub subscriptions: BTreeMap<StreamId, Subscription>,
    /// What the server can send it, in bits per second; none before the first estimate.
    pub estimate_bps: Option<BitsPerSecond>,
    /// How its estimates become budgets.
    pub pace: Pace,
    /// When its plan is made again, because more is believed then.
    pub replan_at: Option<Instant>,
    /// What bounds all that it sends and receives, where it asked for that.
    pub cap: Option<Cap>,
    /// What its media transport was told last: the floor for padding, and what is wanted.
    pub bandwidth: Bandwidth,
}

/// Whether a member has a connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Presence {
    /// It has.
    Here {
        /// The connection.
        session: SessionId,
        /// When anything was heard on it.
        last_heard: Instant,
    },
    /// The connection was lost. The member's place is kept for a while.
    Away {
        /// Until then.
        until: Instant,
    },
}

impl Presence {
    /// The connection, if there is one.
    pub fn session(&self) -> Option<SessionId> {
        match self {
            Self::Here { session, .. } => Some(*session),
            Self::Away { .. } => None,
        }
    }
}

/// How long a member's key is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    /// Without end; or there is none.
    Endless,
    /// It is good.
    Good {
        /// The last instant at which it is.
        until: Instant,
    },
    /// It is good no longer, and another is waited for.
    Refused {
        /// [`Code::KEY_EXPIRED`] or [`Code::KEY_INVALID`].
        code: Code,
        /// When the member is sent away.
        until: Instant,
    },
}

impl Key {
    /// A key that is good up to an instant, that one included, or without end.
    pub fn good(until: Option<Instant>) -> Self {
        until.map_or(Self::Endless, |until| Self::Good { until })
    }

    /// When something is to be done about it: an instant after the last good one, or at the end of patience.
    pub fn deadline(self) -> Option<Instant> {
        match self {
            Self::Endless => None,
            Self::Good { until } => Some(until.saturating_add(Duration::from_nanos(1))),
            Self::Refused { until, .. } => Some(until),
        }
    }
}

/// How far a member's media transport is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MediaState {
    /// The member described none.
    Absent,
    /// It is being set up.
    Opening,
    /// Media can flow.
    Connected,
}

/// What the bandwidth estimator of a media transport is to aim at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Bandwidth {
    /// Pad up to this, in bits per second, so that the next step up can be discovered.
    pub minimum_bps: BitsPerSecond,
    /// More than this is of no use, in bits per second.
    pub desired_bps: BitsPerSecond,
}

/// A bound on all of a member's media, both ways together, in bits per second (R-241, C-42).
///
/// The two ways share it by a rule that both ends know, so that neither has to be told: what the member publishes comes first, up to a half, and the rest is for what it receives.
/// A half because neither way may starve the other: a member that publishes more than it has is still to see somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cap(pub BitsPerSecond);

impl Cap {
    /// What of it may be sent by a member whose streams would take so much ([`StreamOffer::max_bps`](crate::stream::StreamOffer::max_bps)).
    pub const fn to_send(self, offered_bps: BitsPerSecond) -> BitsPerSecond {
        let half = self.0 / 2;
        if offered_bps < half { offered_bps } else { half }
    }

    /// What of it may be received by that member.
    pub const fn to_receive(self, offered_bps: BitsPerSecond) -> BitsPerSecond {
        self.0 - self.to_send(offered_bps)
    }
}

/// What a member receives of one stream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Subscription {
    /// Whether it receives the audio.
    pub audio: bool,
    /// What it receives of the video, if it does.
    pub video: Option<VideoPlan>,
}

/// Which layer of a video a member is to receive, and which it receives.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct VideoPlan {
    /// The layers wanted.
    pub layers: LayerSet,
    /// The lowest picture worth having, in pixels of its short side.
    pub min_height: Option<u16>,
    /// The largest picture wanted, in pixels of its short side.
    pub max_height: Option<u16>,
    /// Whose layers go first where not all fit: the higher number's.
    pub priority: u8,
    /// The highest layer that the wish was counted with, so that a publisher knows what is worth sending.
    pub counted: Option<LayerId>,
    /// The layer decided; none is a pause.
    pub target: Option<Layer>,
    /// The layer being forwarded; it follows the target at a key frame, or within one spatial layer at a picture where that is possible.
    pub current: Option<Layer>,
    /// Since when the target waits for a key frame.
    pub waiting_since: Option<Instant>,
}

impl VideoPlan {
    /// Nothing decided yet, of what is wished.
    pub(crate) fn of(wish: &VideoWish) -> Self {
        let mut plan = Self::default();
        plan.take_wish(wish);
        plan
    }

    /// Wishes anew; what was decided stands until the next plan.
    pub(crate) const fn take_wish(&mut self, wish: &VideoWish) {
        let VideoWish { stream: _, layers, min_height, max_height, priority } = *wish;
        (self.layers, self.min_height, self.max_height, self.priority) = (layers, min_height, max_height, priority);
    }
}
