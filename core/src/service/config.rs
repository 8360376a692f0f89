//! What a service is told when it begins: its apps, and how far it goes.

use alloc::collections::BTreeMap;
use core::time::Duration;

use crate::{
    auth::{Authority, channel_key},
    id::{AppId, RoomId, UserId},
    limits,
    role::Role,
    room,
    time::UnixSeconds,
};

/// How a service behaves.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Config {
    /// The date at [`Instant::ZERO`](crate::time::Instant::ZERO), by which keys are checked. A service reads no clock.
    pub clock: UnixSeconds,
    /// The apps whose rooms it has.
    pub apps: BTreeMap<AppId, App>,
    /// Most rooms at a time.
    pub rooms_max: usize,
    /// Most connections at a time, those that have not joined included.
    pub connections_max: usize,
    /// In how many rooms a user may be beside the first. More than [`limits::RELAY_ROOMS`] is taken as that.
    pub relay_rooms: usize,
    /// How long a connection may be open without its user being in a room. Less than [`limits::SPAN_MIN`] is taken as that.
    pub join_patience: Duration,
    /// How rooms behave. The name in it does not count, and an app may have a grace of its own for keys that ended ([`App::key_grace`]).
    pub room: room::Config,
    /// Whether peers are held to their shares.
    pub guard: Guard,
}

impl Config {
    /// The recommended settings, without any app yet.
    pub fn new(clock: UnixSeconds) -> Self {
        Self {
            clock,
            apps: BTreeMap::new(),
            rooms_max: limits::ROOMS,
            connections_max: limits::CONNECTIONS,
            relay_rooms: limits::RELAY_ROOMS,
            join_patience: limits::JOIN_PATIENCE,
            room: room::Config::new(RoomId::new("room").expect("a valid id")),
            guard: Guard::Enforced,
        }
    }

    /// How a room of that app and name behaves.
    pub(super) fn room(&self, app: &App, id: RoomId) -> room::Config {
        room::Config { id, key_grace: self.key_grace(app), ..self.room.clone() }
    }

    /// How long a member of that app's rooms may stay after its key ended.
    pub(super) fn key_grace(&self, app: &App) -> Duration {
        app.key_grace.unwrap_or(self.room.key_grace)
    }
}

/// Whether peers are held to their shares of requests and of patience.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Guard {
    /// They are. Whatever peers of a network reach has this.
    #[default]
    Enforced,
    /// They are not: no request is refused with [`Code::TOO_FAST`](crate::code::Code::TOO_FAST) or [`Code::TOO_MANY_FAILURES`](crate::code::Code::TOO_MANY_FAILURES), and no connection
    /// is closed for what it was refused or for leading nowhere. For tests and stories that drive a service themselves and mean every request they make. Never on a network: there,
    /// one peer could keep everybody else waiting, and guess keys as fast as it can ask.
    Off,
}

/// An app: who may enter its rooms, and as what.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct App {
    /// How credentials are checked.
    pub authority: Authority,
    /// Who may take which role. No credential says (see [`auth`](crate::auth)).
    pub roles: Roles,
    /// Which names rooms may have.
    pub room_names: RoomNames,
    /// How far a user id reaches.
    pub users: UserScope,
    /// How long a member may stay after its key ended, waiting for a new one; none: as [`Config`]'s room says.
    pub key_grace: Option<Duration>,
    /// Whether a user who gives no id, or the id `0`, gets a number that nobody else in the app has. Its credential is one for the user `0`.
    pub assigns_users: bool,
}

impl App {
    /// An app whose credentials are checked so, with the names, ids and grace of the vendor whose credentials they are: the end of service in a channel key ends the stay at once
    /// . Everyone may be a joiner.
    pub const fn new(authority: Authority) -> Self {
        let (room_names, users, key_grace, assigns_users) = match authority {
            Authority::Open => (RoomNames::Any, UserScope::App, None, true),
            Authority::Signature { .. } => (RoomNames::SparkRtc, UserScope::App, None, false),
            Authority::ChannelKey { .. } => (RoomNames::Agora, UserScope::Room, Some(Duration::ZERO), true),
        };
        Self { authority, roles: Roles::everyone(Role::Joiner), room_names, users, key_grace, assigns_users }
    }
}

/// The highest role of each user. A joiner may be a player, too, but not the other way round.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Roles {
    /// Of whoever is not named.
    pub highest: Role,
    /// Of those who are.
    pub of: BTreeMap<UserId, Role>,
}

impl Roles {
    /// The same for everyone.
    pub const fn everyone(highest: Role) -> Self {
        Self { highest, of: BTreeMap::new() }
    }

    /// Whether the user may take that role.
    pub fn allow(&self, user: &UserId, role: Role) -> bool {
        match self.of.get(user).unwrap_or(&self.highest) {
            Role::Joiner => true,
            Role::Player => role == Role::Player,
        }
    }
}

/// How far a user id reaches: whether one id in two rooms is one person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UserScope {
    /// One person everywhere in the app. It may relay into few rooms at a time and be a joiner in one, as SparkRTC has it.
    App,
    /// Another person in each room, as with Agora's uids, which are unique within a channel.
    Room,
}

/// Which names an app's rooms may have, of those that are a [`RoomId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RoomNames {
    /// All of them.
    Any,
    /// SparkRTC's: `a-z A-Z 0-9 - _`.
    SparkRtc,
    /// Agora's: 89 characters (R-071, C-18), see [`channel_key::channel_valid`].
    Agora,
}

impl RoomNames {
    /// Whether a room may have that name.
    pub fn allow(self, room: &RoomId) -> bool {
        match self {
            Self::Any => true,
            Self::SparkRtc => room.as_str().bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')),
            Self::Agora => channel_key::channel_valid(room.as_str()),
        }
    }
}
