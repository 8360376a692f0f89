//! Scenarios: who enters a room over which network and does what when, read from a file that people like to read.

use core::time::Duration;
use std::collections::BTreeSet;

use greenroom_core::{
    id::{UserId, UserName},
    role::Role,
    stream::{BitsPerSecond, Layer},
    time::Instant,
};

use crate::net::link::LinkConfig;

/// A story to run, checked: whatever it names exists, and whatever it asks for can be asked for at its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// The file's name without directory and extension.
    pub name: String,
    /// What to call it.
    pub title: String,
    /// What it is about, for the report.
    pub about: String,
    /// How long it lasts.
    pub duration: Duration,
    /// Who takes part, in the file's order.
    pub users: Vec<User>,
    /// What publishers send.
    pub camera: Camera,
    /// How the server is set up.
    pub sfu: SfuSettings,
}

/// Somebody who takes part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Who.
    pub id: UserId,
    /// A name for people to read.
    pub name: Option<UserName>,
    /// The role to enter with, each time the user enters.
    pub role: Role,
    /// The scenario's name of the link.
    pub link: String,
    /// The link towards the server.
    pub up: LinkConfig,
    /// The link from the server.
    pub down: LinkConfig,
    /// Whose streams the user subscribes to, now and when they come.
    pub watch: Watch,
    /// What the user does, in order of time. What stands at one time is done in the order in which it stands.
    pub actions: Vec<(Instant, Action)>,
}

/// Whose streams a user subscribes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Watch {
    /// Everybody's.
    All,
    /// Those of these users; of nobody when it is empty.
    Users(BTreeSet<UserId>),
}

impl Watch {
    /// Whether it holds that user.
    pub fn holds(&self, user: &UserId) -> bool {
        match self {
            Self::All => true,
            Self::Users(users) => users.contains(user),
        }
    }
}

/// What a user does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Enters the room, with [`User::role`].
    Join,
    /// Publishes the camera; when it directly follows a join, as soon as the user is in.
    Publish,
    /// Stops publishing.
    Unpublish,
    /// Takes another role.
    SwitchRole(Role),
    /// Mutes parts of the stream that the user publishes; at least one.
    Mute {
        /// The audio.
        audio: bool,
        /// The video.
        video: bool,
    },
    /// Takes the mute back from parts of the stream; at least one.
    Unmute {
        /// From the audio.
        audio: bool,
        /// From the video.
        video: bool,
    },
    /// Leaves the room.
    Leave,
}

/// What publishers send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Camera {
    /// Pictures per second.
    pub fps: u32,
    /// What the audio takes, in bits per second.
    pub audio_bps: BitsPerSecond,
    /// The video's layers, lowest first; none is audio alone.
    pub layers: Vec<Layer>,
}

/// How the server is set up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SfuSettings {
    /// How long a member's place is kept while its connection is away.
    pub reconnect_window: Duration,
    /// Where the estimate of what a viewer can receive begins, in bits per second.
    pub start_estimate_bps: BitsPerSecond,
}
