//! Dialects: a vendor's client object in the vendor's own words.
//!
//! The machines speak one language. A *dialect* is a vendor's: the names of its calls and their parameters, its rules for them, its events with their field names, and its error
//! numbers. A dialect's client wraps one [`Session`] and has the same four verbs; what it is told and what it answers is JSON as values
//! ([`serde_json::Value`]), because that is what the vendors' own interfaces, which are JavaScript, hand around. Nothing here reads or writes bytes.
//!
//! Three things can become of a call, and they never mix:
//!
//! - It is *answered*: [`Output::Return`], exactly once, with what it brought or with the vendor's error. Wrong arguments end here, too.
//! - It is *not understood*: the vendor prints no such operation, or not for this kind of object ([`Refused`]). Nothing has changed and nothing is answered.
//! - It is *not offered*: the vendor prints it, and this version does not have it ([`Refused::NotOffered`]). No behaviour is guessed.

pub mod agora;
pub mod quality;
pub mod sparkrtc;

use alloc::{boxed::Box, string::String, vec::Vec};
use core::fmt;

use serde_json::{Map, Value};

use crate::{
    code::Code,
    id::LayerId,
    region::Group,
    session::{self, ConnectionId, Session},
    time::Instant,
    wire::{ClientFrame, ServerMessage},
};

/// A client of one dialect or the other, for whoever runs both.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Client {
    /// SparkRTC's.
    SparkRtc(Box<sparkrtc::Client>),
    /// Agora's.
    Agora(Box<agora::Client>),
}

impl Client {
    /// Takes in one input. After an `Err`, nothing has changed.
    pub fn handle_input(&mut self, now: Instant, input: Input) -> Result<(), Refused> {
        match self {
            Self::SparkRtc(client) => client.handle_input(now, input),
            Self::Agora(client) => client.handle_input(now, input),
        }
    }

    /// Fires the timers that are due.
    pub fn handle_timeout(&mut self, now: Instant) {
        match self {
            Self::SparkRtc(client) => client.handle_timeout(now),
            Self::Agora(client) => client.handle_timeout(now),
        }
    }

    /// Takes the next output, oldest first.
    pub fn poll_output(&mut self) -> Option<Output> {
        match self {
            Self::SparkRtc(client) => client.poll_output(),
            Self::Agora(client) => client.poll_output(),
        }
    }

    /// When to call again at the latest.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self {
            Self::SparkRtc(client) => client.poll_timeout(),
            Self::Agora(client) => client.poll_timeout(),
        }
    }

    /// The most outputs that one call makes: of [`Client::handle_input`] with that input, or of [`Client::handle_timeout`] without.
    pub fn outputs_max(&self, input: Option<&Input>) -> usize {
        match self {
            Self::SparkRtc(client) => client.outputs_max(input),
            Self::Agora(client) => client.outputs_max(input),
        }
    }

    /// The session underneath.
    pub fn session(&self) -> &Session {
        match self {
            Self::SparkRtc(client) => client.session(),
            Self::Agora(client) => client.session(),
        }
    }
}

/// What a dialect's client is told.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Input {
    /// The application calls a printed operation.
    Call(VendorCall),
    /// The platform says something: a capture came about or failed, a share was ended by hand.
    Host {
        /// Which of the dialect's platform inputs.
        name: String,
        /// What it says.
        args: Value,
    },
    /// The media plane says something: a frame came, a level was measured.
    Media {
        /// Which of the dialect's media inputs.
        name: String,
        /// What it says.
        args: Value,
    },
    /// See [`session::Input::Found`].
    Found {
        /// Which connection.
        connection: ConnectionId,
    },
    /// See [`session::Input::Failed`].
    Failed {
        /// Which connection.
        connection: ConnectionId,
        /// Why.
        code: Code,
    },
    /// See [`session::Input::Opened`].
    Opened {
        /// Which connection.
        connection: ConnectionId,
    },
    /// See [`session::Input::Closed`].
    Closed {
        /// Which connection.
        connection: ConnectionId,
    },
    /// See [`session::Input::Received`].
    Received {
        /// On which connection.
        connection: ConnectionId,
        /// The message.
        message: ServerMessage,
    },
}

/// A call of the application, as it stands in its source.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct VendorCall {
    /// The printed name of the operation.
    pub call: String,
    /// The stream object whose method it is; absent for the client's own.
    pub on: Option<StreamRef>,
    /// The name by which what it returns shall be known from now on, where that is an object.
    pub bind: Option<String>,
    /// The arguments, by their printed names.
    pub args: Map<String, Value>,
}

/// With signatures, keys and secrets blanked: calls are what applications log.
impl fmt::Debug for VendorCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { call, on, bind, args } = self;
        f.debug_struct("VendorCall").field("call", call).field("on", on).field("bind", bind).field("args", &Blanked(args)).finish()
    }
}

/// Arguments as they may be shown.
struct Blanked<'a>(&'a Map<String, Value>);

impl fmt::Debug for Blanked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_map();
        for (name, value) in self.0 {
            let lower = name.to_ascii_lowercase();
            // By what vendors call such things, and rather one too many: "channelKey", "key", "signature", "secret", "password", "credential". What is said of a TURN server
            // has a name in it that is as secret as the password.
            match value {
                _ if ["key", "signature", "secret", "password", "credential", "turn"].iter().any(|word| lower.contains(word)) => {
                    shown.entry(name, &format_args!(".."))
                }
                Value::Object(fields) => shown.entry(name, &Blanked(fields)),
                other => shown.entry(name, other),
            };
        }
        shown.finish()
    }
}

impl VendorCall {
    /// A call of the client object's own.
    pub fn new(call: &str, args: Map<String, Value>) -> Self {
        Self { call: call.into(), on: None, bind: None, args }
    }

    /// A method of a stream object.
    pub fn on(stream: StreamRef, call: &str, args: Map<String, Value>) -> Self {
        Self { call: call.into(), on: Some(stream), bind: None, args }
    }
}

/// A stream object, as an application's variable names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StreamRef {
    /// One of its own, by the name that [`VendorCall::bind`] gave it.
    Local(String),
    /// One of somebody else's.
    Remote {
        /// Whose, in the vendor's spelling: a user id, or a number in decimal.
        user: String,
        /// Which.
        kind: crate::stream::StreamKind,
    },
}

/// What a dialect's client wants done.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Output {
    /// A call is answered.
    Return {
        /// Its name.
        call: String,
        /// The stream object whose method it was.
        on: Option<StreamRef>,
        /// What it brought, `null` where the vendor prints nothing; or the vendor's error.
        result: Result<Value, VendorError>,
    },
    /// The vendor's event. It is told whether or not the application has a handler for it.
    Event {
        /// The local stream object that it is an event of, by name; absent for the client's own.
        on: Option<String>,
        /// Its printed name.
        name: &'static str,
        /// Its payload, field names and types as printed.
        data: Value,
    },
    /// Something of ours that no vendor document has. Strict clients say none.
    Notice {
        /// Its name.
        name: &'static str,
        /// What it says.
        data: Value,
    },
    /// Tell the platform.
    Host(HostOrder),
    /// See [`session::Output::Connect`].
    Connect {
        /// The number for it.
        connection: ConnectionId,
    },
    /// See [`session::Output::Send`].
    Send {
        /// On which connection.
        connection: ConnectionId,
        /// The message.
        frame: ClientFrame,
    },
    /// See [`session::Output::Disconnect`].
    Disconnect {
        /// Which.
        connection: ConnectionId,
    },
}

/// What the platform is to do.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HostOrder {
    /// Begin to capture, and say how it went, unless the client takes it for granted ([`Settings::auto_capture`]).
    Capture {
        /// For which local stream, by name.
        stream: String,
        /// What.
        source: Source,
        /// From which device; the platform's choice when absent.
        device: Option<String>,
    },
    /// Send a published stream's video, or hold it back because nobody receives it. A publication begins with it held back, and ends with it.
    SendVideo {
        /// Which local stream, by name.
        stream: String,
        /// Whether to send.
        on: bool,
        /// The highest of its resolutions that anybody wishes, counted from the lowest; all are worth sending where there is none.
        up_to: Option<LayerId>,
    },
    /// Play the voices of the loudest so, all of them alike, until told otherwise. As they come, before the first word.
    PlayVoices {
        /// How loud, in percent of how they come.
        volume_percent: u8,
        /// Whether they are silent here.
        muted: bool,
    },
    /// Send no more than this of a published stream, its sound and all its resolutions together, so that a cap on bandwidth is kept.
    LimitSending {
        /// Which local stream, by name.
        stream: String,
        /// The most, in bits per second; none where it may send what it was made to send.
        max_bps: Option<crate::stream::BitsPerSecond>,
    },
    /// Reach the service through one of these reverse proxies, each a URL of scheme, host and port.
    UseProxies {
        /// Which.
        servers: Vec<String>,
    },
    /// Send and receive media through relays.
    UseTurn(TurnServers),
    /// Capture no longer, and let go of the device.
    Release {
        /// For which local stream, by name.
        stream: String,
        /// What.
        source: Source,
    },
}

/// Relays for media, and how to be let through.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct TurnServers {
    /// Where they are.
    pub servers: Vec<String>,
    /// The port for UDP; the relay's usual one when absent.
    pub udp_port: Option<u16>,
    /// Who is let through.
    pub user_name: Option<String>,
    /// By which password.
    pub credential: Option<String>,
}

/// Without the name and the password, which are never logged.
impl fmt::Debug for TurnServers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { servers, udp_port, user_name: _, credential: _ } = self;
        f.debug_struct("TurnServers").field("servers", servers).field("udp_port", udp_port).finish_non_exhaustive()
    }
}

/// What can be captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// What a microphone hears.
    Microphone,
    /// What a camera sees.
    Camera,
    /// What a screen or a window shows.
    Screen,
    /// What the machine plays.
    ScreenAudio,
}

/// An error as the vendor prints it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct VendorError {
    /// Its code: a number, or a text where the vendor's codes are texts.
    pub code: Value,
    /// Its message.
    pub msg: String,
}

/// How a dialect's client behaves, where the vendors leave it open. The vendor's own presets for [`session::Config`] are with the dialects.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Settings {
    /// The session underneath: its timers, and what it does when they are over.
    pub session: session::Config,
    /// Whether the client keeps to the letter of the vendor's document: no notices, and the stricter reading where two are possible.
    pub strict: bool,
    /// Whether every capture comes about at once, just as it was asked for; otherwise the platform has to say ([`Input::Host`]).
    pub auto_capture: bool,
    /// Whose servers are used where the application names no country (R-260; SparkRTC alone asks for one).
    pub region: Group,
}

impl Default for Settings {
    fn default() -> Self {
        // DR1 is where the vendor that asks for a country is at home.
        Self { session: session::Config::default(), strict: false, auto_capture: false, region: Group::Dr1 }
    }
}

/// Why an input was not taken at all. Nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// Time may stand still but not run backwards.
    #[error("the client was told {now} after {last}: hand in instants that never fall")]
    TimeWentBack {
        /// What it was told.
        now: Instant,
        /// What it had been told before.
        last: Instant,
    },
    /// The vendor prints no operation of that name for this kind of object.
    #[error("{object} has no operation {call:?}{}", hint(*nearest))]
    UnknownCall {
        /// The kind of object.
        object: &'static str,
        /// The name that was given.
        call: String,
        /// The printed one that comes nearest, if one comes near.
        nearest: Option<&'static str>,
    },
    /// The vendor prints it, and this version does not have it.
    #[error("{call:?} is printed, but not part of this version")]
    NotOffered {
        /// The name of the call or input.
        call: String,
    },
    /// There is no such platform or media input.
    #[error("there is no {kind} input {name:?}; there are: {known}")]
    UnknownInput {
        /// `host` or `media`.
        kind: &'static str,
        /// The name that was given.
        name: String,
        /// The names there are.
        known: &'static str,
    },
    /// A platform or media input does not say what it must.
    #[error("the input {name:?} is not valid at {at:?}: expected {expected}")]
    BadInput {
        /// The input.
        name: String,
        /// Where, as a path.
        at: String,
        /// What was expected there.
        expected: &'static str,
    },
}

fn hint(nearest: Option<&'static str>) -> String {
    nearest.map_or_else(String::new, |name| alloc::format!("; did you mean {name:?}?"))
}

/// The name of `known` that comes nearest to `given`: at most a third of its letters apart, case aside. Ties go to the earlier one.
pub(crate) fn nearest(given: &str, known: &[&'static str]) -> Option<&'static str> {
    let apart = |name: &str| letters_apart(&given.to_ascii_lowercase(), &name.to_ascii_lowercase());
    let (apart, name) = known.iter().map(|name| (apart(name), *name)).min_by_key(|(apart, _)| *apart)?;
    (apart * 3 <= name.len()).then_some(name)
}

/// A number without a fraction and not below zero, as JavaScript, which has one type of numbers, sees it: `2.0` is 2. A double is met here, at the edge, and kept nowhere.
pub(crate) fn whole(value: &Value) -> Option<u64> {
    /// From here on, not every whole number has a double of its own.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if let Some(number) = value.as_u64() {
        return Some(number);
    }
    let number = value.as_f64().filter(|number| (0.0..EXACT).contains(number) && number % 1.0 < f64::MIN_POSITIVE)?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is whole, and lies between 0 and 2^53")]
    Some(number as u64)
}

/// How many letters must be added, dropped, changed or swapped with their neighbour (optimal string alignment). `given` is cut, as a peer chooses how long it is.
fn letters_apart(given: &str, name: &str) -> usize {
    let given: Vec<char> = given.chars().take(64).collect();
    let (mut before, mut above): (Vec<usize>, Vec<usize>) = (Vec::new(), (0..=given.len()).collect());
    let mut last = None;
    for (at, letter) in name.chars().enumerate() {
        let mut row = Vec::with_capacity(above.len());
        row.push(at + 1);
        for (column, other) in given.iter().enumerate() {
            let changed = above[column] + usize::from(letter != *other);
            let mut apart = changed.min(above[column + 1] + 1).min(row[column] + 1);
            if column > 0 && given[column - 1] == letter && last == Some(*other) {
                apart = apart.min(before[column - 1] + 1);
            }
            row.push(apart);
        }
        before = core::mem::replace(&mut above, row);
        last = Some(letter);
    }
    above[given.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_pen_finds_the_printed_name() {
        assert_eq!(nearest("subscibe", &["publish", "subscribe", "unsubscribe"]), Some("subscribe"));
        assert_eq!(nearest("JOIN", &["join", "leave"]), Some("join"));
        assert_eq!(nearest("jion", &["join", "leave"]), Some("join"));
        assert_eq!(nearest("dance", &["join", "leave"]), None);
    }
}
