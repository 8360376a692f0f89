//! Faults: what befalls hosts and their links, and when.
//!
//! All of them are known before a run begins, like a link's rates. So both engines can do the same at the same nanosecond, and a check can ask afterwards whether each one struck.

use core::time::Duration;

use greenroom_core::time::Instant;
use serde::Serialize;

use crate::net::SERVER;

/// Something that befalls a host at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// When it begins.
    pub at: Instant,
    /// When it is over, for those that last; none is never.
    pub until: Option<Instant>,
    /// Whom it befalls: the place among the nodes, [`SERVER`] or a user's place counted from 1.
    pub host: u16,
    /// What it is.
    pub kind: FaultKind,
}

/// What can befall a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// The process ends and forgets everything; it starts anew when the fault is over.
    Crash {
        /// Nobody is told: the whole machine is gone, and with it what would close its connections.
        silent: bool,
    },
    /// The process stands still; what comes for it waits.
    Pause,
    /// Nothing that enters the host's link in these directions arrives.
    Partition(Ways),
    /// Nothing comes out of the host's link in these directions until the fault is over, then all at once, in order.
    Hold(Ways),
    /// The server closes the host's signalling connection; both ends know.
    Close,
    /// One end of the host's signalling connection loses it, and the other believes that it stands.
    HalfOpen {
        /// Who believes.
        believer: Believer,
    },
    /// The host's NAT forgets its mappings: what is sent next comes from another port.
    Rebind,
    /// The host goes over to another network: it has another address, and its connections are lost at its end.
    Move,
    /// The host's clock runs at another rate from here on, having leapt ahead.
    Clock {
        /// What it gains, in nanoseconds a second; negative if it loses.
        drift_ppb: i32,
        /// How far it leaps.
        leap: Duration,
    },
}

/// The directions of a link that something befalls; at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ways {
    /// Towards the server.
    pub up: bool,
    /// From the server.
    pub down: bool,
}

/// The end of a connection that believes in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Believer {
    /// The server.
    Server,
    /// The client.
    Client,
}

impl Ways {
    /// Both directions.
    pub const BOTH: Self = Self { up: true, down: true };

    /// Whether both have a direction in common.
    pub const fn meet(self, other: Self) -> bool {
        (self.up && other.up) || (self.down && other.down)
    }

    /// The word for it.
    pub const fn word(self) -> &'static str {
        match (self.up, self.down) {
            (true, false) => "up",
            (false, true) => "down",
            (true, true) | (false, false) => "both",
        }
    }
}

impl FaultKind {
    /// The word for it in files.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Crash { .. } => "crash",
            Self::Pause => "pause",
            Self::Partition(_) => "partition",
            Self::Hold(_) => "hold",
            Self::Close => "close",
            Self::HalfOpen { .. } => "half_open",
            Self::Rebind => "rebind",
            Self::Move => "move",
            Self::Clock { .. } => "clock",
        }
    }

    /// The directions of the link, for what befalls a link.
    pub const fn ways(self) -> Option<Ways> {
        match self {
            Self::Partition(ways) | Self::Hold(ways) => Some(ways),
            Self::Crash { .. } | Self::Pause | Self::Close | Self::HalfOpen { .. } | Self::Rebind | Self::Move | Self::Clock { .. } => None,
        }
    }

    /// Whether the process does nothing while it lasts.
    pub const fn stops_process(self) -> bool {
        matches!(self, Self::Crash { .. } | Self::Pause)
    }

    /// Whether calls and media suffer: a clock that drifts is no reason for anyone to be cut off.
    pub const fn disturbs(self) -> bool {
        !matches!(self, Self::Clock { .. })
    }
}

impl Fault {
    /// When it is over: at once, for what does not last; [`Instant::MAX`] for a crash without a return.
    pub fn over(&self) -> Instant {
        match (self.until, self.kind) {
            (Some(until), _) => until,
            (None, FaultKind::Crash { .. }) => Instant::MAX,
            (None, _) => self.at,
        }
    }

    /// Whether it goes on at `now`.
    pub fn covers(&self, now: Instant) -> bool {
        self.at <= now && now < self.over()
    }

    /// Whether the link of the client at that place is concerned.
    pub fn is_of(&self, client: u16) -> bool {
        self.host == client || self.host == SERVER
    }
}
