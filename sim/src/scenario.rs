//! Scenarios: who enters a room over which network and does what when, read from a file that people like to read.
//!
//! A file is TOML; `docs/SCENARIOS.md` shows every key. It is read in steps, and each has its file: the text becomes a tree that knows where everything stands
//! (`document`), overrides are set in it (`overrides`), its keys and words are checked against the schema (`shape`), it is read into types (`file`, `quantity`), and names and
//! times are resolved into what engines run (`check`). Whatever goes wrong is said once, with its line and what would be right (`error`).

mod check;
mod document;
mod error;
mod fault;
mod file;
mod links;
mod mishaps;
mod overrides;
mod quantity;
mod shape;
mod voice;
mod watch;

use core::time::Duration;
use std::{fs, path::Path};

use greenroom_core::{
    id::{UserId, UserName},
    role::Role,
    select::Policy,
    session::AfterWindow,
    stream::{BitsPerSecond, Layer},
    time::Instant,
};

use serde::Deserialize as _;
use toml::{Spanned, de::DeTable};

use self::{
    document::{Text, Wrong},
    file::File,
};
pub use self::{
    error::{Invalid, ScenarioError},
    fault::{Believer, Fault, FaultKind, Ways},
    overrides::Override,
    shape::schema,
    voice::{Hear, Voice},
    watch::{Watch, Wish},
};
use crate::net::{link::LinkConfig, nat::NatConfig};

/// What the server's host is called in files and reports.
pub const SERVER_NAME: &str = "sfu";

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
    /// The lines that users share, by name.
    pub shared: Vec<SharedLine>,
    /// What publishers send.
    pub camera: Camera,
    /// What sharers of a screen send.
    pub screen: Screen,
    /// How the server is set up.
    pub sfu: SfuSettings,
    /// How clients are set up.
    pub client: ClientSettings,
    /// What befalls hosts and links, in the file's order, groups spelled out.
    pub faults: Vec<Fault>,
}

impl Scenario {
    /// What the host at that place is called: `sfu`, its user's id, or the name of the line that it is the router of.
    pub fn host_name(&self, place: u16) -> &str {
        self.hosts().nth(place.into()).unwrap_or(SERVER_NAME)
    }

    /// What every host is called, in order of their places: the server, the users, and the routers of the lines that they share.
    pub fn hosts(&self) -> impl Iterator<Item = &str> {
        let users = self.users.iter().map(|user| user.id.as_str());
        core::iter::once(SERVER_NAME).chain(users).chain(self.shared.iter().map(|line| line.name.as_str()))
    }

    /// Reads the scenario from the file at `path`, with `overrides` set in it.
    pub fn load(path: &Path, overrides: &[Override]) -> Result<Self, ScenarioError> {
        let label = path.display().to_string();
        let text =
            fs::read_to_string(path).map_err(|error| ScenarioError::Unreadable { file: label.clone(), reason: error.to_string() })?;
        let name = path.file_stem().map_or_else(|| label.clone(), |stem| stem.to_string_lossy().into_owned());
        read(&label, &name, path.parent().unwrap_or(Path::new("")), &text, overrides)
    }

    /// Reads the scenario called `name` from `text`, with `overrides` set in it. Files that it names are looked for in the current directory.
    pub fn parse(name: &str, text: &str, overrides: &[Override]) -> Result<Self, ScenarioError> {
        read(name, name, Path::new(""), text, overrides)
    }
}

fn read(label: &str, name: &str, folder: &Path, file: &str, overrides: &[Override]) -> Result<Scenario, ScenarioError> {
    let text = Text::new(label, file, overrides);
    let mut root = DeTable::parse(text.file()).map_err(|error| {
        let place = error.span().unwrap_or(file.len()..file.len());
        text.error_at(place, format!("this is not TOML: {}", error.message()))
    })?;
    overrides::apply(&text, &mut root)?;
    shape::check(&root).map_err(|fault| text.error(&root, fault))?;
    let file = typed(&root).map_err(|fault| text.error(&root, fault))?;
    check::scenario(name, &file, folder).map_err(|fault| text.error(&root, fault))
}

/// The file in its types. What can still be wrong after the shape is right are texts that have to mean something: quantities.
fn typed(root: &Spanned<DeTable<'_>>) -> Result<File, Wrong> {
    File::deserialize(toml::de::Deserializer::from(root.clone())).map_err(|error| {
        let path = error.span().map(|place| document::path_to(root, &place)).unwrap_or_default();
        Wrong::new(path, error.message())
    })
}

/// A line that everybody behind it shares, between the router where their own links end and the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedLine {
    /// The scenario's name of it.
    pub name: String,
    /// Towards the server.
    pub up: LinkConfig,
    /// From the server.
    pub down: LinkConfig,
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
    /// The shared line between that link and the server, by its place among [`Scenario::shared`].
    pub behind: Option<usize>,
    /// What translates addresses between the user's network and the link.
    pub nat: Option<NatConfig>,
    /// Whose streams the user subscribes to, now and when they come.
    pub watch: Watch,
    /// How the user speaks; without it, packets of its audio do not say how loud they are.
    pub voice: Option<Voice>,
    /// Whose voices the user hears.
    pub hear: Hear,
    /// What the user does, in order of time. What stands at one time is done in the order in which it stands.
    pub actions: Vec<(Instant, Action)>,
}

/// What a user does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Enters the room, with [`User::role`].
    Join,
    /// Publishes the camera; when it directly follows a join, as soon as the user is in.
    Publish,
    /// Stops publishing the camera.
    Unpublish,
    /// Shares a screen; when it directly follows a join or a publish, as soon as the user is in.
    Share,
    /// Stops sharing it.
    Unshare,
    /// Watches this from here on, in place of what was watched before: told to the server as one wish.
    Watch(Watch),
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
    /// Whether it sends video only while somebody receives it, and only the layers that anybody wishes.
    pub on_demand: bool,
    /// The video's layers, lowest first; none is audio alone.
    pub layers: Vec<Layer>,
}

/// What sharers of a screen send: pages that stand still, until one is turned.
///
/// A layer's rate is what it takes while a page comes. A page is as much as the layer takes in [`Screen::PAGE`], and comes at once, as does the key frame that somebody asks for, which shows the same page. Pictures of a page that
/// stands still take a twentieth of the rate. So what flows on average is far below what is declared, and what flows for a moment is above it: the two things that make screens hard to plan for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Screen {
    /// Pictures per second.
    pub fps: u32,
    /// How often a page is turned, on average: each time it takes between half as long and half as long again.
    pub turn: Duration,
    /// Whether it sends video only while somebody receives it, and only the layers that anybody wishes.
    pub on_demand: bool,
    /// The layers, lowest first.
    pub layers: Vec<Layer>,
}

impl Screen {
    /// What a page takes, as time at its layer's rate. A choice: at 1500 kbps it is 188 kB, a slide of 1080 lines with pictures on it.
    pub const PAGE: Duration = Duration::from_secs(1);
    /// What a page that stands still takes, by its layer's rate. A choice: pictures without news are a header and a few repaired blocks.
    pub const STILL_PART: u64 = 20;

    /// What a layer of that rate takes on average: a page every turn, and little in between.
    pub fn mean_bps(&self, rate_bps: BitsPerSecond) -> BitsPerSecond {
        let per_turn = |span: Duration| u128::from(rate_bps) * span.as_nanos() / self.turn.max(Self::PAGE).as_nanos();
        u64::try_from(per_turn(Self::PAGE)).unwrap_or(u64::MAX).saturating_add(rate_bps / Self::STILL_PART)
    }
}

/// How clients are set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientSettings {
    /// What a client does when the place that was kept for it is gone.
    pub after_window: AfterWindow,
}

/// How the server is set up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SfuSettings {
    /// How long a member's place is kept while its connection is away.
    pub reconnect_window: Duration,
    /// Where the estimate of what a viewer can receive begins, in bits per second.
    pub start_estimate_bps: BitsPerSecond,
    /// Which rule shares a viewer's connection.
    pub policy: Policy,
}
