//! How a room behaves.

use core::time::Duration;

use crate::{id::RoomId, limits, select::Policy, stream::BitsPerSecond};

/// How a room behaves.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Config {
    /// The room's name.
    pub id: RoomId,
    /// Most members at a time; more than [`limits::ROOM_MEMBERS`] are taken as that.
    pub members_max: usize,
    /// How long a member's place is kept while its connection is away.
    pub reconnect_window: Duration,
    /// Silence after which a connection counts as lost.
    pub heartbeat_timeout: Duration,
    /// How long a member may stay after its key expired, waiting for a new one.
    pub key_grace: Duration,
    /// What becomes of a user's stay when the user enters again from elsewhere.
    pub duplicates: Duplicates,
    /// Whether nobody is told of players: neither that they enter nor that they leave.
    pub hide_players: bool,
    /// Whether only one member at a time may publish an auxiliary stream.
    pub one_share: bool,
    /// What a member is assumed to be able to receive before its media transport has an estimate, in bits per second.
    pub start_estimate_bps: BitsPerSecond,
    /// Which rule shares a member's connection among the videos it receives.
    pub policy: Policy,
}

impl Config {
    /// The recommended settings, for a room of that name.
    pub fn new(id: RoomId) -> Self {
        Self {
            id,
            members_max: limits::ROOM_MEMBERS,
            reconnect_window: limits::RECONNECT_WINDOW,
            heartbeat_timeout: limits::HEARTBEAT_TIMEOUT,
            key_grace: limits::KEY_GRACE,
            duplicates: Duplicates::NewestStays,
            hide_players: false,
            one_share: false,
            // Where libwebrtc's congestion control starts: 300 kbps.
            start_estimate_bps: 300_000,
            policy: Policy::CHAIN,
        }
    }
}

/// What becomes of a user's stay when the user enters again from elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Duplicates {
    /// The newcomer takes its place.
    NewestStays,
    /// The newcomer is refused with [`Code::USER_PRESENT`](crate::code::Code::USER_PRESENT).
    OldestStays,
}
