//! A story as it is written: a setting and steps, one JSON object a line.
//!
//! The whole text is read before anything is played, so a line that cannot be understood stops a story before it begins. The keys are explained, by example, in
//! `docs/SCRIPT.md`.

use core::time::Duration;
use std::collections::BTreeMap;

use greenroom_core::stream::StreamKind;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::error::{StoryError, nearest};

/// A story: where it plays, and what happens.
#[derive(Clone, Debug, PartialEq)]
pub struct Story {
    /// Its first line.
    pub setting: Setting,
    /// The other lines, in order of time.
    pub steps: Vec<Step>,
}

/// Whose words a story is told in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// The SparkRTC Web SDK's.
    SparkRtc,
    /// The Agora Native SDK for Web's.
    Agora,
}

/// What becomes of a user's session when the same user joins from elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DuplicateUser {
    /// The newest session stays (SparkRTC's rule, R-064).
    Newest,
    /// The oldest session stays (Agora's default here, R-073).
    Oldest,
}

/// The first line: every field but the dialect may be left out.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of a story's first line, and any settings go together")]
pub struct Setting {
    /// Whose words are spoken.
    pub dialect: Dialect,
    /// How long a message takes from a client to the server, and back again.
    #[serde(default = "defaults::latency_ms")]
    pub latency_ms: u64,
    /// The apps the server knows.
    #[serde(default)]
    pub apps: Vec<App>,
    /// What the clocks of the world say at 0 ms, in seconds since 1970.
    #[serde(default = "defaults::start_unix_s")]
    pub start_unix_s: u64,
    /// Most members of a room.
    #[serde(default = "defaults::room_capacity")]
    pub room_capacity: usize,
    /// How long a lost connection may take to come back.
    #[serde(default = "defaults::reconnect_window_ms")]
    pub reconnect_window_ms: u64,
    /// How long an answer may take.
    #[serde(default = "defaults::response_timeout_ms")]
    pub response_timeout_ms: u64,
    /// How long the first connection may take.
    #[serde(default = "defaults::connect_timeout_ms")]
    pub connect_timeout_ms: u64,
    /// How long a member may stay after its signature expired. Absent, the dialect's: 30 s for SparkRTC, none for Agora.
    #[serde(default)]
    pub signature_grace_ms: Option<u64>,
    /// How long an interruption lasts before Agora calls the connection lost.
    #[serde(default = "defaults::connection_lost_ms")]
    pub connection_lost_ms: u64,
    /// Whether nobody is told of players (R-060).
    #[serde(default)]
    pub hide_players: bool,
    /// Whether capture succeeds at once with what was asked for.
    #[serde(default = "defaults::yes")]
    pub auto_capture: bool,
    /// Whether the server minds how fast and how often it is asked.
    #[serde(default)]
    pub rate_limits: bool,
    /// Whether only what the vendor's document has is shown.
    #[serde(default)]
    pub strict: bool,
    /// Who stays when a user joins twice. Absent, the dialect's rule.
    #[serde(default)]
    pub duplicate_user: Option<DuplicateUser>,
    /// Whether a room has place for one share only (R-086). Absent, the dialect's rule.
    #[serde(default)]
    pub one_share: Option<bool>,
    /// The highest role of a user, where it is less than joiner: `{"bob": "player"}`.
    #[serde(default)]
    pub roles: BTreeMap<String, String>,
}

/// An app that the server knows, with the secret that its keys are made with. Without one, anybody may enter (a static App ID).
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct App {
    /// Its name.
    pub app_id: String,
    /// SparkRTC's secret.
    #[serde(default)]
    pub app_key: Option<String>,
    /// Agora's secret.
    #[serde(default)]
    pub app_certificate: Option<String>,
}

/// Without the secrets (R-257).
impl core::fmt::Debug for App {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("App").field("app_id", &self.app_id).finish_non_exhaustive()
    }
}

mod defaults {
    pub(super) fn latency_ms() -> u64 {
        10
    }
    pub(super) fn start_unix_s() -> u64 {
        1_700_000_000
    }
    pub(super) fn room_capacity() -> usize {
        100
    }
    pub(super) fn reconnect_window_ms() -> u64 {
        30_000
    }
    pub(super) fn response_timeout_ms() -> u64 {
        5000
    }
    pub(super) fn connect_timeout_ms() -> u64 {
        10_000
    }
    pub(super) fn connection_lost_ms() -> u64 {
        10_000 // R-029
    }
    pub(super) fn yes() -> bool {
        true
    }
}

/// Latest step, in ms: a year. Nothing in the documents lasts longer than a day.
const AT_MS_MAX: u64 = 365 * 24 * 3600 * 1000;

/// One line after the first.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Its number in the text, from 1.
    pub line: usize,
    /// When it happens.
    pub at: Duration,
    /// What happens.
    pub deed: Deed,
}

/// What happens at a step.
#[derive(Clone, Debug, PartialEq)]
pub enum Deed {
    /// Somebody calls an operation of the vendor's.
    Call {
        /// Whose session object.
        who: String,
        /// The stream object whose method it is; the client's own without one.
        on: Option<Target>,
        /// The operation, as the vendor prints it.
        call: String,
        /// Its parameters, as the vendor prints them.
        args: Map<String, Value>,
        /// The name for the object that it returns.
        bind: Option<String>,
    },
    /// The application calls the server.
    Server(ServerDeed),
    /// Something happens to a session's signalling link.
    Net {
        /// Whose.
        who: String,
        /// What.
        net: Net,
    },
    /// A session's platform has news.
    Host {
        /// Whose.
        who: String,
        /// Which.
        name: String,
        /// More of it.
        args: Map<String, Value>,
    },
    /// A session's media plane has news.
    Media {
        /// Whose.
        who: String,
        /// Which.
        name: String,
        /// More of it.
        args: Map<String, Value>,
    },
    /// The story ends.
    End,
}

/// A stream object: one's own by the name it was given, or somebody else's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// One's own.
    Local(String),
    /// Somebody else's.
    Remote {
        /// Whose.
        user: String,
        /// Which of the two.
        kind: StreamKind,
    },
}

/// What happens to a signalling link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Net {
    /// Silence both ways.
    Cut,
    /// The silence ends.
    Heal,
    /// The socket reports an orderly close by the server.
    Close,
}

/// What the application asks of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerDeed {
    /// Which of its calls.
    pub call: ServerOperation,
    /// The app.
    pub app: String,
    /// The room.
    pub room: String,
    /// The user, where the call is about one.
    pub user: Option<String>,
    /// Why a user is lost, where the call says so.
    pub reason: Option<u8>,
}

/// The server's calls. The last two are ours: faults of a server, for which no vendor prints a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ServerOperation {
    /// Everyone is sent away.
    DissolveRoom,
    /// One user is sent away.
    RemoveUser,
    /// Nothing may be published.
    PauseRoom,
    /// Publishing is allowed again.
    ResumeRoom,
    /// A user is lost by a fault of the server (R-068).
    LoseUser,
    /// A user's key is found not to be valid (R-044).
    InvalidateKey,
}

impl ServerOperation {
    const NAMES: [(&'static str, Self); 6] = [
        ("dissolveRoom", Self::DissolveRoom),
        ("removeUser", Self::RemoveUser),
        ("pauseRoom", Self::PauseRoom),
        ("resumeRoom", Self::ResumeRoom),
        ("loseUser", Self::LoseUser),
        ("invalidateKey", Self::InvalidateKey),
    ];

    fn needs_user(self) -> bool {
        match self {
            Self::RemoveUser | Self::LoseUser | Self::InvalidateKey => true,
            Self::DissolveRoom | Self::PauseRoom | Self::ResumeRoom => false,
        }
    }
}

impl Story {
    /// Reads a story. Blank lines are skipped.
    pub fn parse(text: &str) -> Result<Self, StoryError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text); // some editors begin a file so
        let mut lines = text.lines().enumerate().map(|(at, line)| (at + 1, line)).filter(|(_, line)| !line.trim().is_empty());
        let Some((first, setting)) = lines.next() else {
            return Err(StoryError::new(1, "the story is empty; its first line is the setting, for example {\"dialect\":\"sparkrtc\"}"));
        };
        let setting = setting_of(setting).map_err(|problem| StoryError::new(first, problem))?;
        let mut steps: Vec<Step> = Vec::new();
        for (line, text) in lines {
            let step = step_of(line, text).map_err(|problem| StoryError::new(line, problem))?;
            if let Some(before) = steps.last() {
                let wrong = match before.deed {
                    Deed::End => Some("the story has ended before this line".to_owned()),
                    _ if step.at < before.at => {
                        let (before, line) = (before.at.as_millis(), before.line);
                        Some(format!("\"at_ms\" falls: it was {before} at line {line}, and steps stand in order of time"))
                    }
                    _ => None,
                };
                if let Some(problem) = wrong {
                    return Err(StoryError::new(step.line, problem));
                }
            }
            steps.push(step);
        }
        Ok(Self { setting, steps })
    }
}

fn setting_of(text: &str) -> Result<Setting, String> {
    if !text.trim_start().starts_with('{') {
        return Err("not a setting: the first line is an object, for example {\"dialect\":\"sparkrtc\"}".to_owned());
    }
    let setting: Setting = serde_json::from_str(text).map_err(|error| {
        let said = without_place(&error)
            .replace("usize", "u64")
            .replace("u64", "a whole number, not below 0")
            .replace("unknown variant", "unknown word");
        format!("not a setting: {said}")
    })?;
    if setting.latency_ms == 0 {
        return Err("\"latency_ms\" is 0; a link takes at least 1 ms, or cause and effect would be one".to_owned());
    }
    for (user, role) in &setting.roles {
        if role != "joiner" && role != "player" {
            return Err(format!("\"roles\": {user} is to be {role:?}; a role is \"joiner\" or \"player\""));
        }
    }
    Ok(setting)
}

fn step_of(line: usize, text: &str) -> Result<Step, String> {
    let value: Value = serde_json::from_str(text).map_err(|error| format!("not JSON: {}", without_place(&error)))?;
    let Value::Object(object) = value else {
        return Err(format!("a step is an object, and this is {}", kind_of(&value)));
    };
    let mut fields = Fields { object };
    let at = fields.number("at_ms")?;
    if at > AT_MS_MAX {
        return Err(format!("\"at_ms\" is {at}; a story lasts {AT_MS_MAX} ms, which is a year, at most"));
    }
    let deed = match fields.first_of(&["call", "server", "net", "host", "media", "end"])? {
        "call" => call_of(&mut fields)?,
        "server" => Deed::Server(server_of(&mut fields)?),
        "net" => net_of(&mut fields)?,
        "host" => Deed::Host { who: fields.text("who")?, name: fields.text("host")?, args: fields.object("args")? },
        "media" => Deed::Media { who: fields.text("who")?, name: fields.text("media")?, args: fields.object("args")? },
        _ => match fields.object.remove("end") {
            Some(Value::Bool(true)) => Deed::End,
            _ => return Err("\"end\" is true, or absent".to_owned()),
        },
    };
    fields.nothing_left(match &deed {
        Deed::Call { .. } => &["at_ms", "who", "call", "on", "args", "as"],
        Deed::Server(_) => &["at_ms", "server", "args"],
        Deed::Net { .. } => &["at_ms", "who", "net"],
        Deed::Host { .. } => &["at_ms", "who", "host", "args"],
        Deed::Media { .. } => &["at_ms", "who", "media", "args"],
        Deed::End => &["at_ms", "end"],
    })?;
    Ok(Step { line, at: Duration::from_millis(at), deed })
}

fn call_of(fields: &mut Fields) -> Result<Deed, String> {
    let on = fields.object.remove("on").map(|on| target_of(&on)).transpose()?;
    let bind = fields.object.contains_key("as").then(|| fields.text("as")).transpose()?;
    Ok(Deed::Call { who: fields.text("who")?, on, call: fields.text("call")?, args: fields.object("args")?, bind })
}

/// Reads `{"local":"cam"}` or `{"user":"bob","type":"main"}`.
fn target_of(value: &Value) -> Result<Target, String> {
    const SHAPES: &str = "a stream is {\"local\":\"cam\"} or {\"user\":\"bob\",\"type\":\"main\"|\"auxiliary\"}";
    let text = |key: &str| value.get(key).and_then(Value::as_str).map(ToOwned::to_owned);
    if let Some(local) = text("local") {
        return Ok(Target::Local(local));
    }
    let kind = match text("type").as_deref() {
        None | Some("main") => StreamKind::Main,
        Some("auxiliary") => StreamKind::Aux,
        Some(other) => return Err(format!("\"type\" is {other:?}; {SHAPES}")),
    };
    let user = text("user").ok_or_else(|| format!("\"on\" names no stream; {SHAPES}"))?;
    Ok(Target::Remote { user, kind })
}

fn server_of(fields: &mut Fields) -> Result<ServerDeed, String> {
    let name = fields.text("server")?;
    let Some(&(_, call)) = ServerOperation::NAMES.iter().find(|(known, _)| *known == name) else {
        let names = ServerOperation::NAMES.map(|(name, _)| name);
        return Err(format!("the server has no call {name:?}; {}", nearest(&name, &names)));
    };
    let mut args = Fields { object: fields.object("args")? };
    let deed = ServerDeed {
        call,
        app: args.text("appId")?,
        room: args.text("roomId")?,
        user: call.needs_user().then(|| args.text("userId")).transpose()?,
        reason: match call {
            ServerOperation::LoseUser => match args.number("reason")? {
                reason @ 1..=4 => u8::try_from(reason).ok(),
                other => return Err(format!("\"reason\" is {other}; a server loses users for the reasons 1 to 4")),
            },
            _ => None,
        },
    };
    args.object.remove("userId");
    args.nothing_left(&["appId", "roomId", "userId", "reason"])?;
    Ok(deed)
}

fn net_of(fields: &mut Fields) -> Result<Deed, String> {
    let net = match fields.text("net")?.as_str() {
        "cut" => Net::Cut,
        "heal" => Net::Heal,
        "close" => Net::Close,
        other => return Err(format!("\"net\" is {other:?}; a link is \"cut\", \"heal\"ed or \"close\"d")),
    };
    Ok(Deed::Net { who: fields.text("who")?, net })
}

/// The fields of a line that have not been read yet.
struct Fields {
    object: Map<String, Value>,
}

impl Fields {
    fn text(&mut self, key: &str) -> Result<String, String> {
        match self.object.remove(key) {
            Some(Value::String(text)) if text.is_empty() && key == "who" => Err("\"who\" is empty; it names a session object".to_owned()),
            Some(Value::String(text)) => Ok(text),
            Some(other) => Err(format!("\"{key}\" is {}; it is a text", kind_of(&other))),
            None => Err(format!("\"{key}\" is missing; it is a text")),
        }
    }

    fn number(&mut self, key: &str) -> Result<u64, String> {
        match self.object.remove(key) {
            Some(value) => value.as_u64().ok_or_else(|| format!("\"{key}\" is {value}; it is a whole number, not below 0")),
            None => Err(format!("\"{key}\" is missing; it is a whole number")),
        }
    }

    /// An object; nothing in it when absent.
    fn object(&mut self, key: &str) -> Result<Map<String, Value>, String> {
        match self.object.remove(key) {
            Some(Value::Object(object)) => Ok(object),
            Some(other) => Err(format!("\"{key}\" is {}; it is an object", kind_of(&other))),
            None => Ok(Map::new()),
        }
    }

    /// The one of these keys that is there.
    fn first_of(&self, keys: &[&'static str]) -> Result<&'static str, String> {
        let there: Vec<_> = keys.iter().filter(|key| self.object.contains_key(**key)).collect();
        match there[..] {
            [one] => Ok(one),
            [] => Err(format!("nothing happens; a step has one of \"{}\"", keys.join("\", \""))),
            [one, other, ..] => Err(format!("both \"{one}\" and \"{other}\"; a step does one thing")),
        }
    }

    fn nothing_left(&self, known: &[&str]) -> Result<(), String> {
        match self.object.keys().next() {
            None => Ok(()),
            Some(key) => {
                let may_stand_here: Vec<&str> = known.iter().copied().filter(|name| name != key).collect();
                Err(format!("\"{key}\" has no place here; {}", nearest(key, &may_stand_here)))
            }
        }
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// A JSON error without its line, which would be 1 for every line of a story.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let column = error.column();
    text.split(" at line ").next().map_or_else(|| text.clone(), |what| format!("{what} (column {column})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTING: &str = r#"{"dialect":"sparkrtc"}"#;

    fn problem(line: &str) -> String {
        let error = Story::parse(&format!("{SETTING}\n\n{line}\n")).expect_err("it is wrong");
        assert_eq!(error.line, 3, "{error}");
        error.problem
    }

    #[test]
    fn a_story_is_read_whole_before_it_is_played() {
        let story = Story::parse(&format!(
            "{SETTING}\n{}\n{}\n",
            r#"{"at_ms":3,"who":"alice","on":{"local":"cam"},"call":"initialize","args":{}}"#,
            r#"{"at_ms":900,"server":"removeUser","args":{"appId":"app1","roomId":"r1","userId":"bob"}}"#
        ))
        .expect("it is a story");
        assert_eq!(story.setting.latency_ms, 10);
        assert_eq!((story.steps[0].line, story.steps[0].at), (2, Duration::from_millis(3)));
        assert!(matches!(&story.steps[0].deed, Deed::Call { on: Some(Target::Local(cam)), .. } if cam == "cam"));
        assert!(matches!(&story.steps[1].deed, Deed::Server(ServerDeed { call: ServerOperation::RemoveUser, .. })));
    }

    #[test]
    fn a_line_that_is_not_understood_says_where_and_what_would_do() {
        assert!(problem("{").starts_with("not JSON"), "{}", problem("{"));
        assert_eq!(problem(r#"{"at_ms":1}"#), r#"nothing happens; a step has one of "call", "server", "net", "host", "media", "end""#);
        assert_eq!(problem(r#"{"at_ms":-1,"end":true}"#), r#""at_ms" is -1; it is a whole number, not below 0"#);
        assert_eq!(problem(r#"{"at_ms":1,"who":7,"call":"join"}"#), r#""who" is a number; it is a text"#);
        assert_eq!(
            problem(r#"{"at_ms":1,"server":"disolveRoom","args":{}}"#),
            r#"the server has no call "disolveRoom"; did you mean "dissolveRoom"?"#
        );
        assert_eq!(problem(r#"{"at_ms":1,"whom":"a","end":true}"#), r#""whom" has no place here; known are at_ms, end"#);
    }

    #[test]
    fn time_never_falls_and_nothing_comes_after_the_end() {
        let falling = format!("{SETTING}\n{}\n{}", r#"{"at_ms":5,"who":"a","net":"cut"}"#, r#"{"at_ms":4,"who":"a","net":"heal"}"#);
        assert!(Story::parse(&falling).expect_err("time falls").problem.starts_with("\"at_ms\" falls"));
        let after = format!("{SETTING}\n{}\n{}", r#"{"at_ms":5,"end":true}"#, r#"{"at_ms":6,"who":"a","net":"heal"}"#);
        assert_eq!(Story::parse(&after).expect_err("it is over").line, 3);
    }

    #[test]
    fn a_setting_with_a_field_that_is_not_known_names_those_that_are() {
        let error = Story::parse(r#"{"dialect":"sparkrtc","latency":10}"#).expect_err("no such field");
        assert!(error.problem.contains("latency_ms"), "{error}");
    }

    // R-257
    #[test]
    fn an_app_keeps_its_secret_to_itself() {
        let app = App { app_id: "app1".into(), app_key: Some("s3cret".into()), app_certificate: Some("s3cret".into()) };
        assert!(!format!("{app:?}").contains("s3cret"));
    }
}
